//! Where data lives: everything below `CW_HOME`, or in the XDG folders.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The longest path of a socket: what the system's address holds, without its end mark.
const SOCKET_BYTES: usize = 107;

/// The folders of one installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Home {
    data: PathBuf,
    logs: PathBuf,
    run: PathBuf,
}

/// A folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}", path = path.display())]
pub struct HomeError {
    /// Which.
    pub path: PathBuf,
    /// Why not.
    pub why: String,
}

impl HomeError {
    fn new(path: &Path, why: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

/// Held for as long as a server lives; a crash releases it.
#[derive(Debug)]
pub struct ServerLock {
    _file: File,
}

impl Home {
    /// The folders that these variables name. A relative `CW_HOME` counts from the present folder.
    #[must_use]
    pub fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| {
            get(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        if let Some(home) = folder("CW_HOME") {
            let home = std::path::absolute(&home).unwrap_or(home);
            return Self {
                logs: home.join("logs"),
                run: home.join("run"),
                data: home,
            };
        }
        // The specification says that a relative path in these is to be ignored.
        let absolute = |name: &str| folder(name).filter(|path| path.is_absolute());
        let user = folder("HOME").unwrap_or_else(|| PathBuf::from("/"));
        let data = absolute("XDG_DATA_HOME")
            .unwrap_or_else(|| user.join(".local/share"))
            .join("cw");
        let state = absolute("XDG_STATE_HOME")
            .unwrap_or_else(|| user.join(".local/state"))
            .join("cw");
        let run =
            absolute("XDG_RUNTIME_DIR").map_or_else(|| data.join("run"), |dir| dir.join("cw"));
        Self {
            logs: state.join("logs"),
            run,
            data,
        }
    }

    /// The folder of all data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> PathBuf {
        self.data.join("cw.db")
    }

    /// One folder for each turn.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.data.join("runs")
    }

    /// All worktrees.
    #[must_use]
    pub fn worktrees(&self) -> PathBuf {
        self.data.join("worktrees")
    }

    /// Holds a link named `cw` for the `PATH` of agents.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.data.join("bin")
    }

    /// The server's log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.logs.clone()
    }

    /// The folder of the socket.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.run.clone()
    }

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.run.join("cw.sock")
    }

    /// The server's lock.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// Makes the folders that are missing, for this user alone.
    ///
    /// # Errors
    /// When one cannot be made or written, or the socket's path would be too long.
    pub fn create(&self) -> Result<(), HomeError> {
        let socket = self.socket();
        let length = socket.as_os_str().as_bytes().len();
        if length > SOCKET_BYTES {
            let why = format!(
                "a socket's path has at most {SOCKET_BYTES} bytes, this one {length}; choose a shorter CW_HOME"
            );
            return Err(HomeError::new(&socket, why));
        }
        for dir in [
            &self.data,
            &self.logs,
            &self.run,
            &self.runs(),
            &self.worktrees(),
            &self.bin(),
        ] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|error| HomeError::new(dir, error))?;
        }
        // A folder that was there may be on a read-only disk: better said now than half way.
        let probe = self.data.join(format!(".probe-{}", std::process::id()));
        let written = File::create(&probe).and_then(|mut file| file.write_all(b"probe"));
        let _ = std::fs::remove_file(&probe);
        written.map_err(|error| HomeError::new(&self.data, error))
    }

    /// Takes the lock that only one server has.
    ///
    /// # Errors
    /// When another holds it; says which.
    pub fn lock_server(&self) -> Result<ServerLock, HomeError> {
        let path = self.lock();
        let wrong = |error: io::Error| HomeError::new(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.take(32).read_to_string(&mut pid);
                return Err(HomeError::new(
                    &path,
                    format!("held by process {}", pid.trim()),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .map_err(wrong)?;
        file.write_all(std::process::id().to_string().as_bytes())
            .map_err(wrong)?;
        Ok(ServerLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(pairs: &[(&str, &str)]) -> Home {
        Home::from_env(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn cw_home_holds_everything() {
        let home = home(&[("CW_HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("HOME", "/u")]);
        assert_eq!(home.db(), Path::new("/h/cw.db"));
        assert_eq!(home.logs(), Path::new("/h/logs"));
        assert_eq!(home.socket(), Path::new("/h/run/cw.sock"));
    }

    #[test]
    fn without_it_the_xdg_folders_do() {
        let home = home(&[
            ("HOME", "/u"),
            ("XDG_RUNTIME_DIR", "/run/u"),
            ("XDG_DATA_HOME", "relative"),
            ("CW_HOME", ""),
        ]);
        assert_eq!(home.db(), Path::new("/u/.local/share/cw/cw.db"));
        assert_eq!(home.logs(), Path::new("/u/.local/state/cw/logs"));
        assert_eq!(home.socket(), Path::new("/run/u/cw/cw.sock"));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_the_way_out() {
        let long = format!("/tmp/{}", "x".repeat(120));
        let error = home(&[("CW_HOME", &long)]).create().unwrap_err();
        assert!(error.to_string().contains("shorter CW_HOME"), "{error}");
    }

    #[test]
    fn only_one_server_has_the_lock_and_the_other_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(&[("CW_HOME", dir.path().join("deep/home").to_str().unwrap())]);
        home.create().unwrap();
        let held = home.lock_server().unwrap();
        let error = home.lock_server().unwrap_err();
        assert!(
            error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
        drop(held);
        home.lock_server().unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let home = home(&[("CW_HOME", dir.path().join("file").to_str().unwrap())]);
        assert!(home.create().unwrap_err().to_string().contains("file"));
    }
}
