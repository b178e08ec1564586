//! Where the program keeps its data, and who may use it at a time. It knows folders, not what the
//! files in them say.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation, access, flock};
use thiserror::Error;

/// The longest path of a Unix socket, without the byte that ends it.
const SOCKET_BYTES: usize = 107;

/// The folders of one user's data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Home {
    data: PathBuf,
    logs: PathBuf,
    run: PathBuf,
}

/// Why the data folders cannot be used.
#[derive(Debug, Error)]
pub enum HomeError {
    /// A folder cannot be made or written.
    #[error("{path}: {cause}; {hint}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
        /// What helps.
        hint: &'static str,
    },
    /// The socket's path is longer than the system takes.
    #[error(
        "the socket's path has {bytes} bytes, the system takes {SOCKET_BYTES}: {path}; \
         choose a shorter CW_HOME"
    )]
    TooLong {
        /// The socket.
        path: PathBuf,
        /// How long its path is.
        bytes: usize,
    },
    /// Another server uses it.
    #[error("a server runs already{}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Taken {
        /// Its process, if it has said so.
        pid: Option<u32>,
    },
}

/// Held by the one server of a home; a crash lets go of it.
#[derive(Debug)]
pub struct ServerLock(#[expect(dead_code, reason = "held for its lock")] File);

impl Home {
    /// The home that the environment names: everything below `CW_HOME`, or the XDG folders.
    /// A relative `CW_HOME` starts at the current folder; relative XDG folders do not count.
    #[must_use]
    pub fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let named = |name: &str| {
            get(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        if let Some(home) = named("CW_HOME") {
            return Self::below(&std::path::absolute(&home).unwrap_or(home));
        }
        let xdg = |name: &str| named(name).filter(|path| path.is_absolute());
        let user = named("HOME").unwrap_or_else(|| "/".into());
        let data = xdg("XDG_DATA_HOME")
            .unwrap_or_else(|| user.join(".local/share"))
            .join("cw");
        let state = xdg("XDG_STATE_HOME").unwrap_or_else(|| user.join(".local/state"));
        Self {
            logs: state.join("cw/logs"),
            run: xdg("XDG_RUNTIME_DIR").map_or_else(|| data.join("run"), |run| run.join("cw")),
            data,
        }
    }

    /// The home with everything below one folder, as `CW_HOME` makes it.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self {
            data: folder.to_owned(),
            logs: folder.join("logs"),
            run: folder.join("run"),
        }
    }

    /// The folder of all that is kept.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> PathBuf {
        self.data.join("cw.db")
    }

    /// One folder per turn.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.data.join("runs")
    }

    /// The agents' worktrees.
    #[must_use]
    pub fn worktrees(&self) -> PathBuf {
        self.data.join("worktrees")
    }

    /// Where gates run.
    #[must_use]
    pub fn gates(&self) -> PathBuf {
        self.data.join("gates")
    }

    /// What waits to be deleted.
    #[must_use]
    pub fn trash(&self) -> PathBuf {
        self.data.join("trash")
    }

    /// What agents find on their `PATH`.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.data.join("bin")
    }

    /// The server's log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.logs.clone()
    }

    /// What lives as long as a server does.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.run.clone()
    }

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run.join("cw.sock")
    }

    /// The file whose lock the one server holds. It lies beside the database, so that two servers
    /// with different runtime folders still meet.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.data.join("home.lock")
    }

    /// Makes every folder that is missing, for its owner only.
    ///
    /// # Errors
    /// When one cannot be made or written, or the socket's path would be too long.
    pub fn create(&self) -> Result<(), HomeError> {
        let socket = self.socket();
        let bytes = socket.as_os_str().as_bytes().len();
        if bytes > SOCKET_BYTES {
            return Err(HomeError::TooLong {
                path: socket,
                bytes,
            });
        }
        // A folder that the user named stays open to whom it was; what lies below is `cw`'s own.
        make(&self.data).map_err(|error| unusable(&self.data, &error))?;
        for folder in [
            self.logs(),
            self.run_dir(),
            self.runs(),
            self.worktrees(),
            self.gates(),
            self.trash(),
            self.bin(),
        ] {
            make(&folder)
                .and_then(|()| close(&folder))
                .map_err(|error| unusable(&folder, &error))?;
        }
        Ok(())
    }

    /// Takes the place of the one server of this home, for as long as the value lives.
    ///
    /// # Errors
    /// When another server has it.
    pub fn lock_server(&self) -> Result<ServerLock, HomeError> {
        let path = self.lock();
        let failed = |error: std::io::Error| unusable(&path, &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return Err(if error == rustix::io::Errno::WOULDBLOCK {
                let mut text = String::new();
                let read = (&file).take(32).read_to_string(&mut text);
                HomeError::Taken {
                    pid: read.ok().and_then(|_| text.trim().parse().ok()),
                }
            } else {
                failed(error.into())
            });
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(ServerLock(file))
    }
}

/// Makes a folder for its owner only, unless it is there, and sees that it can be written.
fn make(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    Ok(access(folder, wanted)?)
}

/// Closes a folder to everybody but its owner.
fn close(folder: &Path) -> std::io::Result<()> {
    if std::fs::metadata(folder)?.mode() & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

fn unusable(path: &Path, error: &std::io::Error) -> HomeError {
    let (cause, hint) = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => (
            "a file is where a folder must be".to_owned(),
            "move it away, or choose another CW_HOME",
        ),
        ErrorKind::ReadOnlyFilesystem => (
            "it lies on a read-only file system".to_owned(),
            "choose a CW_HOME that can be written",
        ),
        ErrorKind::PermissionDenied => (
            "it may not be written".to_owned(),
            "make it yours, or choose another CW_HOME",
        ),
        ErrorKind::StorageFull => (
            "the disk is full".to_owned(),
            "make room, or choose a CW_HOME on another disk",
        ),
        _ => (error.to_string(), "choose another CW_HOME"),
    };
    HomeError::Unusable {
        path: path.to_owned(),
        cause,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Home {
        Home::from_env(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn everything_lies_below_cw_home() {
        let home = from(&[("CW_HOME", "/x"), ("XDG_DATA_HOME", "/d"), ("HOME", "/h")]);
        assert_eq!(home.db(), Path::new("/x/cw.db"));
        assert_eq!(home.socket(), Path::new("/x/run/cw.sock"));
        assert_eq!(home.logs(), Path::new("/x/logs"));
        assert_eq!(home.lock(), Path::new("/x/home.lock"));
        assert_eq!(home, Home::below(Path::new("/x")));
    }

    #[test]
    fn without_cw_home_the_xdg_folders_are_used() {
        let home = from(&[
            ("XDG_DATA_HOME", "/d"),
            ("XDG_STATE_HOME", "/s"),
            ("XDG_RUNTIME_DIR", "/r"),
        ]);
        assert_eq!(home.worktrees(), Path::new("/d/cw/worktrees"));
        assert_eq!(home.logs(), Path::new("/s/cw/logs"));
        assert_eq!(home.socket(), Path::new("/r/cw/cw.sock"));
        let home = from(&[("HOME", "/h"), ("CW_HOME", ""), ("XDG_DATA_HOME", "rel")]);
        assert_eq!(home.runs(), Path::new("/h/.local/share/cw/runs"));
        assert_eq!(home.logs(), Path::new("/h/.local/state/cw/logs"));
        assert_eq!(home.run_dir(), Path::new("/h/.local/share/cw/run"));
    }

    #[test]
    fn a_relative_home_becomes_absolute() {
        let home = from(&[("CW_HOME", "here")]);
        assert_eq!(home.data(), std::env::current_dir().unwrap().join("here"));
    }

    #[test]
    fn folders_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new/home");
        let home = Home::below(&folder);
        home.create().unwrap();
        std::fs::set_permissions(home.run_dir(), Permissions::from_mode(0o755)).unwrap();
        home.create().unwrap();
        for folder in [
            home.data(),
            home.runs(),
            home.worktrees(),
            home.gates(),
            home.trash(),
            home.bin(),
            home.logs(),
            home.run_dir(),
        ] {
            let mode = std::fs::metadata(&folder).unwrap().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn a_folder_that_the_user_named_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        Home::below(dir.path()).create().unwrap();
        let mode = std::fs::metadata(dir.path()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for folder in [file.clone(), file.join("deeper")] {
            let error = Home::below(&folder).create().unwrap_err().to_string();
            assert!(
                error.contains("a file is where a folder must be"),
                "{error}"
            );
            assert!(error.contains(file.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_socket_path_that_is_too_long_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x".repeat(100));
        let error = Home::below(&folder).create().unwrap_err().to_string();
        assert!(error.contains("choose a shorter CW_HOME"), "{error}");
        assert!(!folder.exists());
        let longest = "y".repeat(SOCKET_BYTES - "//run/cw.sock".len());
        assert_eq!(
            Home::below(&Path::new("/").join(longest))
                .socket()
                .as_os_str()
                .len(),
            SOCKET_BYTES
        );
    }

    #[test]
    fn one_server_at_a_time_and_the_second_hears_who() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::below(dir.path());
        home.create().unwrap();
        std::fs::write(home.lock(), "99999999999999 is what a dead one left").unwrap();
        let lock = home.lock_server().unwrap();
        let error = home.lock_server().unwrap_err();
        assert!(
            matches!(error, HomeError::Taken { pid: Some(pid) } if pid == std::process::id()),
            "{error}"
        );
        drop(lock);
        home.lock_server().unwrap();
    }
}
