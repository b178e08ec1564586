//! Who may touch what: one lock per repository and purpose, between threads and processes, and
//! the mending of lock files that a killed git left.
//!
//! It knows locks and who holds them; what is done under them is for others.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::error::GitError;
use super::holders;

/// How long a lock of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// A ref's lock is held for milliseconds; one that did not change for this long is looked at.
const REF_LOCK_IS_OLD: Duration = Duration::from_millis(600);
const LOOK: Duration = Duration::from_millis(3);

/// The locks of this process, by what they guard.
#[derive(Debug, Default)]
pub(super) struct Locks {
    held: Mutex<HashMap<PathBuf, Arc<Mutex<()>>>>,
}

impl Locks {
    fn of(&self, key: &Path) -> Arc<Mutex<()>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() > 1_000 {
            held.retain(|_, lock| Arc::strong_count(lock) > 1);
        }
        Arc::clone(held.entry(key.to_owned()).or_default())
    }

    /// One thread of this process at a time for `key`.
    pub(super) fn alone<T>(
        &self,
        key: &Path,
        work: impl FnOnce() -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let lock = self.of(key);
        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// One thread of one process at a time for the lock file, which `work` may hand to the git
    /// commands that it starts.
    pub(super) fn exclusive<T>(
        &self,
        file: &Path,
        work: impl FnOnce(&File) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        self.alone(file, || work(&lock_file(file)?))
    }
}

fn lock_file(path: &Path) -> Result<File, GitError> {
    let failed = |e: io::Error| GitError::io(format!("locking {}", path.display()), e);
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(LOOK),
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(GitError::held(path)),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(failed(e.into())),
        }
    }
}

#[derive(PartialEq, Eq)]
struct Identity(u64, i64, i64, u64);

fn identity(path: &Path) -> Option<Identity> {
    let of = |m: Metadata| Identity(m.ino(), m.mtime(), m.mtime_nsec(), m.len());
    fs::symlink_metadata(path).ok().map(of)
}

/// Takes away a ref's lock file that a killed git left.
///
/// A living git holds such a lock for milliseconds. It is taken away only when it stays the very
/// same file for far longer than that and no process has it open; else somebody is at work and
/// the caller is told to come again. Git writes a ref by renaming the lock over it, so a stale
/// lock never means a half-written value.
pub(super) fn mend_ref_lock(path: &Path) -> Result<(), GitError> {
    let deadline = Instant::now() + 5 * REF_LOCK_IS_OLD;
    let (mut seen, mut since) = (identity(path), Instant::now());
    while seen.is_some() {
        thread::sleep(LOOK);
        let now = identity(path);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= REF_LOCK_IS_OLD {
            if holders::has_open(path) {
                return Err(GitError::held(path));
            }
            return remove(path);
        }
        if Instant::now() > deadline {
            return Err(GitError::held(path));
        }
    }
    Ok(())
}

/// Takes away the lock files that a killed git left in a worktree's own git folder, unless a git
/// is still at work in that worktree.
pub(super) fn mend_worktree_locks(admin: &Path, work_tree: &Path) -> Result<(), GitError> {
    let stale = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|e| e == "lock");
    let entries =
        fs::read_dir(admin).map_err(|e| GitError::io(format!("reading {}", admin.display()), e))?;
    let locks: Vec<PathBuf> = entries.flatten().filter(stale).map(|e| e.path()).collect();
    let deadline = Instant::now() + 5 * REF_LOCK_IS_OLD;
    for lock in locks {
        while lock.exists() && (holders::has_open(&lock) || holders::git_at_work_in(work_tree)) {
            if Instant::now() > deadline {
                if holders::has_open(&lock) {
                    return Err(GitError::held(&lock));
                }
                // A daemon of git's that works there for ever holds no lock.
                break;
            }
            thread::sleep(LOOK);
        }
        remove(&lock)?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(GitError::io(format!("removing {}", path.display()), e))
        }
        _ => {
            tracing::info!(path = %path.display(), "took away a lock that a killed git left");
            Ok(())
        }
    }
}
