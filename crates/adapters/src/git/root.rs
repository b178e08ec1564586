//! The folder below which all our worktrees live, and the trash beside them. What is not below it
//! is not ours.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use cw_core::domain::time::Timestamp;

use super::error::GitError;

const TRASH: &str = ".trash";
/// Where repositories stand that could not be kept in another way; it is never emptied.
const KEPT: &str = ".kept";

/// The folder of worktrees, symlinks resolved.
#[derive(Clone, Debug)]
pub(super) struct Root(PathBuf);

impl Root {
    pub(super) fn new(folder: &Path) -> Result<Self, GitError> {
        fs::create_dir_all(folder)
            .and_then(|()| fs::canonicalize(folder))
            .map(Self)
            .map_err(|e| GitError::io(format!("making {}", folder.display()), e))
    }

    /// The path with symlinks above it resolved, if it is a place for a worktree of ours.
    pub(super) fn own(&self, path: &Path) -> Result<PathBuf, GitError> {
        let refused = || {
            let cause = format!("{} is not below the folder of worktrees", path.display());
            GitError::refused(cause, "worktrees of others are never touched")
        };
        let plain =
            path.is_absolute() && !path.components().any(|c| matches!(c, Component::ParentDir));
        let (Some(parent), Some(name), true) = (path.parent(), path.file_name(), plain) else {
            return Err(refused());
        };
        let own = resolve_existing(parent)
            .map_err(|e| GitError::io(format!("resolving {}", path.display()), e))?;
        let own = own.join(name);
        if self.holds(&own) {
            Ok(own)
        } else {
            Err(refused())
        }
    }

    /// The (resolved) path is a place for a worktree of ours.
    pub(super) fn holds(&self, path: &Path) -> bool {
        path.strip_prefix(&self.0).is_ok_and(|rest| {
            rest.components()
                .next()
                .is_some_and(|c| c.as_os_str() != TRASH && c.as_os_str() != KEPT)
        })
    }

    /// Moves a folder (or whatever stands there) into the trash.
    pub(super) fn discard(&self, path: &Path) -> Result<(), GitError> {
        discard_into(&self.0.join(TRASH), path, &self.flat(path))
    }

    /// Moves a folder where nothing is ever deleted, and says where that is.
    pub(super) fn set_aside(&self, path: &Path) -> Result<String, GitError> {
        let kept = self.0.join(KEPT);
        discard_into(&kept, path, &self.flat(path))?;
        Ok(kept.display().to_string())
    }

    /// A path below this folder as one name.
    fn flat(&self, path: &Path) -> String {
        let name = path.strip_prefix(&self.0).unwrap_or(path);
        let name: Vec<_> = name
            .components()
            .map(|c| c.as_os_str().to_string_lossy())
            .collect();
        name.join("-")
    }

    /// Deletes what was thrown away before `before`.
    pub(super) fn empty(&self, before: Timestamp) -> Result<(), GitError> {
        empty_trash(&self.0.join(TRASH), before)
    }
}

/// Renames `path` to a name of its own in `trash`, which says when; nothing there is a success.
pub(super) fn discard_into(trash: &Path, path: &Path, name: &str) -> Result<(), GitError> {
    let failed = |e| GitError::io(format!("moving {} to the trash", path.display()), e);
    fs::create_dir_all(trash).map_err(failed)?;
    let now = now_of(trash).map_err(failed)?;
    for n in 0..1_000 {
        let target = trash.join(format!("{now}-{n}-{name}"));
        if target.symlink_metadata().is_ok() {
            continue;
        }
        return match fs::rename(path, &target) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => continue,
            done => done.map_err(failed),
        };
    }
    Err(failed(io::ErrorKind::AlreadyExists.into()))
}

/// Deletes what was moved into `trash` before `before`. What cannot be deleted holds up nothing
/// else, and is told at the end.
pub(super) fn empty_trash(trash: &Path, before: Timestamp) -> Result<(), GitError> {
    let mut failed = None;
    for entry in fs::read_dir(trash).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let thrown: Option<i64> = name.split('-').next().and_then(|at| at.parse().ok());
        if thrown.is_some_and(|at| at < before.0) {
            let path = entry.path();
            if let Err(e) = delete(&path) {
                failed = Some(GitError::io(format!("deleting {}", path.display()), e));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Deletes a file or folder, also one that its owner must not write in.
fn delete(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path);
            fs::remove_dir_all(path)
        }
        done => done,
    }
}

/// Lets the owner write in a folder and all folders below it.
fn open_up(folder: &Path) {
    let _as_it_is = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// The file system's own time in milliseconds: what is written there now bears it.
fn now_of(folder: &Path) -> io::Result<u128> {
    let probe = tempfile::tempfile_in(folder)?;
    let modified: SystemTime = probe.metadata()?.modified()?;
    Ok(modified
        .duration_since(UNIX_EPOCH)
        .map(|d| d.as_millis())
        .unwrap_or_default())
}

fn resolve_existing(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(resolve_existing(parent)?.join(name)),
            _ => Err(e),
        },
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_the_root_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(&folder.path().join("worktrees")).unwrap();
        let base = folder.path().join("worktrees");
        assert!(root.own(&base.join("p/soho")).is_ok());
        for path in [
            base.clone(),
            base.join("../x"),
            folder.path().join("x"),
            base.join(".trash/x"),
            "rel".into(),
        ] {
            assert!(root.own(&path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn a_symlink_does_not_lead_out_of_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("worktrees");
        let root = Root::new(&base).unwrap();
        std::os::unix::fs::symlink(folder.path(), base.join("p")).unwrap();
        assert!(root.own(&base.join("p/soho")).is_err());
    }

    #[test]
    fn the_trash_keeps_what_was_thrown_away_until_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        for _ in 0..2 {
            fs::create_dir_all(folder.path().join("p/soho")).unwrap();
            root.discard(&fs::canonicalize(folder.path()).unwrap().join("p/soho"))
                .unwrap();
        }
        let count = || fs::read_dir(folder.path().join(TRASH)).unwrap().count();
        root.empty(Timestamp(0)).unwrap();
        assert_eq!(count(), 2);
        root.empty(Timestamp(i64::MAX)).unwrap();
        assert_eq!(count(), 0);
    }
}
