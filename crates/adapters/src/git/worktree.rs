//! One worktree and the folder in which git (and `cw`, in files named `cw-…`) remembers it:
//! finding it, telling whether it is whole and ours, mending it, taking its registration away.

use std::fs;
use std::path::{Path, PathBuf};

use cw_core::domain::oid::Oid;

use super::door::{Git, Output};
use super::error::GitError;
use super::locks::mend_worktree_locks;
use super::repo::{Repo, path_of, remove_file, resolve, write_whole};
use super::root::{Root, discard_into};

/// Whose worktree it is: the branch, or `gate`.
const OWNER: &str = "cw-owner";
/// The checkout is complete: what differs from then on is the agent's.
const READY: &str = "cw-ready";
/// No turn was collected from it yet.
const FRESH: &str = "cw-fresh";

/// What git remembers of an operation under way, and what it is called.
const OPERATIONS: &[(&str, &str)] = &[
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "cherry-pick"),
    ("BISECT_LOG", "bisect"),
];
/// What else goes when an operation is over.
const REMAINS: &[&str] = &[
    "MERGE_MSG",
    "MERGE_MODE",
    "MERGE_RR",
    "AUTO_MERGE",
    "SQUASH_MSG",
    "REBASE_HEAD",
];

/// A registered worktree.
pub(super) struct Tree<'r> {
    pub(super) repo: &'r Repo<'r>,
    /// Its own git folder, `<git dir>/worktrees/<name>`.
    pub(super) admin: PathBuf,
    /// Its checkout.
    pub(super) path: PathBuf,
}

/// Where a worktree's HEAD stands.
#[derive(Default)]
pub(super) struct Head {
    /// The branch; `None` when detached.
    pub(super) branch: Option<String>,
    /// The commit; `None` when the branch has none.
    pub(super) commit: Option<Oid>,
}

impl<'r> Repo<'r> {
    fn adding(&self) -> PathBuf {
        self.common.join("cw-adding")
    }

    /// Runs `git worktree add` for `path` and makes the result `owner`'s. That it is being done is
    /// written down before, so that what a killed one leaves is known to be ours. Under the lock.
    pub(super) fn add_worktree(
        &self,
        path: &Path,
        owner: &str,
        lock: &fs::File,
        args: &[&str],
    ) -> Result<(), GitError> {
        write_whole(&self.adding(), path.as_os_str().as_encoded_bytes())?;
        let add = self
            .git()
            .args(["worktree", "add", "--quiet", "--no-checkout"])
            .args(&args[..args.len() - 1]);
        add.arg("--")
            .arg(path)
            .args(&args[args.len() - 1..])
            .holding(lock)?
            .succeed()?;
        let lost = || GitError::refused(format!("git made no worktree at {}", path.display()), "");
        self.worktree_at(path)?.ok_or_else(lost)?.set_owner(owner)?;
        remove_file(&self.adding())
    }

    fn is_adding(&self, path: &Path) -> bool {
        fs::read(self.adding()).is_ok_and(|bytes| path_of(&bytes) == path)
    }

    /// The worktree registered for `path`, whole or not.
    pub(super) fn worktree_at(&'r self, path: &Path) -> Result<Option<Tree<'r>>, GitError> {
        Ok(self
            .registered()?
            .into_iter()
            .find(|tree| tree.path == path))
    }

    /// All registered worktrees.
    pub(super) fn registered(&'r self) -> Result<Vec<Tree<'r>>, GitError> {
        let folder = self.common.join("worktrees");
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let admin = entry.path();
            let Ok(bytes) = fs::read(admin.join("gitdir")) else {
                continue;
            };
            let file = path_of(bytes.trim_ascii_end());
            let file = if file.is_absolute() {
                file
            } else {
                admin.join(file)
            };
            if let Some(path) = file.parent() {
                found.push(Tree {
                    repo: self,
                    admin,
                    path: path.to_owned(),
                });
            }
        }
        Ok(found)
    }
}

impl<'r> Tree<'r> {
    /// A command in the checkout; which repository it belongs to does not hang on the checkout's
    /// `.git` file, which an agent may have taken away or bent.
    pub(super) fn git(&self) -> Git<'r> {
        self.repo
            .door
            .at(&self.path)
            .inside(&self.admin, Some(&self.path))
    }

    /// A command on the worktree's git folder, for when the checkout may be gone.
    pub(super) fn git_without_checkout(&self) -> Git<'r> {
        self.repo.door.at(&self.admin).inside(&self.admin, None)
    }

    /// The checkout is a folder.
    pub(super) fn is_present(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|m| m.is_dir())
    }

    /// Git finished registering it.
    pub(super) fn is_whole(&self) -> bool {
        let has = |name| self.admin.join(name).is_file();
        has("HEAD") && has("commondir") && !self.is_initializing()
    }

    fn is_initializing(&self) -> bool {
        fs::read_to_string(self.admin.join("locked")).is_ok_and(|why| why.trim() == "initializing")
    }

    /// Its checkout was completed for this owner.
    pub(super) fn is_ready(&self, owner: &str) -> bool {
        fs::read_to_string(self.admin.join(READY)).is_ok_and(|found| found == owner)
    }

    pub(super) fn set_ready(&self, owner: &str) -> Result<(), GitError> {
        write_whole(&self.admin.join(FRESH), b"")?;
        write_whole(&self.admin.join(READY), owner.as_bytes())
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.admin.join(FRESH).exists()
    }

    pub(super) fn set_used(&self) -> Result<(), GitError> {
        remove_file(&self.admin.join(FRESH))
    }

    pub(super) fn set_owner(&self, owner: &str) -> Result<(), GitError> {
        write_whole(&self.admin.join(OWNER), owner.as_bytes())
    }

    pub(super) fn owner(&self) -> Option<String> {
        fs::read_to_string(self.admin.join(OWNER)).ok()
    }

    /// Refuses a worktree that is not ours: ours lies below the root and was made by us, or is on
    /// a branch of ours or has no HEAD yet (a git killed while adding it leaves no more than
    /// that), and no one locked it.
    pub(super) fn claim(&self, root: &Root) -> Result<(), GitError> {
        let shown = self.path.display();
        let begun = match fs::read_to_string(self.admin.join("HEAD")) {
            Ok(head) => head.starts_with("ref: refs/heads/cw/") || self.is_initializing(),
            Err(_) => true,
        };
        let ours = self.owner().is_some() || begun || self.repo.is_adding(&self.path);
        if !root.holds(&self.path) || !ours {
            return Err(GitError::refused(
                format!("the worktree at {shown} was not made by cw"),
                "",
            ));
        }
        if self.admin.join("locked").exists() && !self.is_initializing() {
            let hint = format!("git worktree unlock {shown}");
            return Err(GitError::refused(
                format!("the worktree at {shown} is locked"),
                hint,
            ));
        }
        Ok(())
    }

    /// Makes the checkout usable again after a killed git or an agent that took its `.git` away.
    /// The commits of a repository that was made over it are kept under `keep`.
    /// Says where.
    pub(super) fn mend(&self, root: &Root, keep: Option<&str>) -> Result<Option<String>, GitError> {
        mend_worktree_locks(&self.admin, &self.path)?;
        let mut kept = None;
        let link = self.path.join(".git");
        let wanted = [
            b"gitdir: ",
            self.admin.as_os_str().as_encoded_bytes(),
            b"\n",
        ]
        .concat();
        if fs::symlink_metadata(&link).is_ok_and(|m| m.is_file())
            && fs::read(&link).is_ok_and(|is| is == wanted)
        {
            return Ok(None);
        }
        if fs::symlink_metadata(&link).is_ok_and(|m| m.is_file()) && self.links_here(&link) {
            return Ok(None);
        }
        if fs::symlink_metadata(&link).is_ok() {
            // A repository of the agent's own, made over ours.
            if let Some(prefix) = keep.filter(|_| link.is_dir()) {
                kept = self.repo.keep_repository(root, &link, prefix)?;
            }
            root.discard(&link)?;
        }
        fs::write(&link, wanted)
            .map_err(|e| GitError::io(format!("writing {}", link.display()), e))?;
        Ok(kept)
    }

    fn links_here(&self, link: &Path) -> bool {
        let Ok(bytes) = fs::read(link) else {
            return false;
        };
        let Some(target) = bytes.trim_ascii_end().strip_prefix(b"gitdir: ") else {
            return false;
        };
        let target = self.path.join(path_of(target));
        fs::canonicalize(target).is_ok_and(|t| fs::canonicalize(&self.admin).is_ok_and(|a| a == t))
    }

    pub(super) fn head(&self) -> Result<Head, GitError> {
        let branch = self.repo.branch_at(&self.admin)?;
        let commit = match &branch {
            Some(branch) => self.repo.tip(branch)?,
            None => resolve(self.git_without_checkout(), "HEAD")?,
        };
        Ok(Head { branch, commit })
    }

    /// Takes away what git copied of a sparse checkout: an agent and a gate see all files.
    pub(super) fn show_everything(&self) -> Result<(), GitError> {
        remove_file(&self.admin.join("info/sparse-checkout"))
    }

    /// Makes index and checkout what HEAD says.
    pub(super) fn reset(&self) -> Result<(), GitError> {
        self.try_reset()?.success()
    }

    /// As [`Tree::reset`]; whatever git says to it is an answer.
    pub(super) fn try_reset(&self) -> Result<Output, GitError> {
        let reset = [
            "reset",
            "--quiet",
            "--hard",
            "--no-recurse-submodules",
            "HEAD",
            "--",
        ];
        self.git().args(reset).run()
    }

    /// The commits being merged, when a merge is under way.
    pub(super) fn merge_heads(&self) -> Vec<Oid> {
        let text = fs::read_to_string(self.admin.join("MERGE_HEAD")).unwrap_or_default();
        text.lines()
            .filter_map(|line| Oid::new(line.trim()).ok())
            .collect()
    }

    /// The operation that is under way.
    pub(super) fn operation(&self) -> Option<&'static str> {
        operation_in(&self.admin)
    }

    /// Commits that git put aside for an operation: they are on no branch.
    pub(super) fn put_aside(&self) -> Vec<Oid> {
        [
            "rebase-merge/autostash",
            "rebase-apply/autostash",
            "MERGE_AUTOSTASH",
            "rebase-merge/orig-head",
        ]
        .iter()
        .filter_map(|name| fs::read_to_string(self.admin.join(name)).ok())
        .filter_map(|text| Oid::new(text.trim()).ok())
        .collect()
    }

    /// Forgets the operation under way; what it held is kept by then.
    pub(super) fn end_operation(&self) -> Result<(), GitError> {
        for name in OPERATIONS
            .iter()
            .map(|(file, _)| file)
            .chain(REMAINS)
            .chain(&["MERGE_AUTOSTASH"])
        {
            let path = self.admin.join(name);
            if path.is_dir() {
                fs::remove_dir_all(&path)
                    .map_err(|e| GitError::io(format!("removing {}", path.display()), e))?;
            } else {
                remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Every commit that HEAD ever stood on here.
    pub(super) fn past_heads(&self) -> Vec<Oid> {
        let log = fs::read(self.admin.join("logs/HEAD")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let mut oids: Vec<Oid> = text
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .filter_map(|oid| Oid::new(oid).ok())
            .filter(|oid| !oid.as_str().bytes().all(|b| b == b'0'))
            .collect();
        oids.reverse();
        oids
    }

    /// Takes the registration away, as `git worktree remove` does when the checkout is gone. (A
    /// `git worktree prune` would take away other people's dead worktrees too.) First it is
    /// renamed, so that it is never half there; a submodule's git folders inside it stay in the
    /// trash.
    pub(super) fn unregister(&self) -> Result<(), GitError> {
        let name = self
            .admin
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let trash = self.repo.common.join("cw-trash");
        discard_into(&trash, &self.admin, &name)
    }
}

/// The operation that is under way according to a worktree's git folder.
pub(super) fn operation_in(git_dir: &Path) -> Option<&'static str> {
    OPERATIONS
        .iter()
        .find(|(file, _)| git_dir.join(file).exists())
        .map(|(_, name)| *name)
}
