//! A repository as the steps see it: its folders and the questions that every step asks.
//!
//! It owns how refs, commits and worktrees are read; it changes nothing.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use cw_core::domain::oid::Oid;

use super::commits::Memory;
use super::door::{Door, Git, Output};
use super::error::GitError;
use super::locks::Locks;
use super::stored;

/// How many paths an answer names at most, and how long each may be.
const MANY_PATHS: usize = 200;
const LONG_PATH: usize = 300;

/// One repository.
pub(super) struct Repo<'a> {
    pub(super) door: &'a Door,
    pub(super) locks: &'a Locks,
    pub(super) memory: &'a Memory,
    /// The main checkout.
    pub(super) root: PathBuf,
    /// The git folder that all worktrees share.
    pub(super) common: PathBuf,
}

impl<'a> Repo<'a> {
    pub(super) fn open(
        door: &'a Door,
        locks: &'a Locks,
        memory: &'a Memory,
        root: &Path,
    ) -> Result<Self, GitError> {
        let own = root.join(".git");
        let common = if own.join("HEAD").is_file() && own.join("objects").is_dir() {
            own
        } else {
            common_dir(door, root)?
        };
        Ok(Self {
            door,
            locks,
            memory,
            root: root.to_owned(),
            common,
        })
    }

    /// A command on the repository itself, with no worktree in play.
    pub(super) fn git(&self) -> Git<'a> {
        self.door.at(&self.common).inside(&self.common, None)
    }

    /// The commit that `revision` names.
    pub(super) fn commit(&self, revision: &str) -> Result<Option<Oid>, GitError> {
        resolve(self.git(), revision)
    }

    /// The commit that `revision` names, which must exist.
    pub(super) fn existing(&self, oid: &Oid) -> Result<(), GitError> {
        let missing = || GitError::refused(format!("the repository has no commit {oid}"), "");
        self.commit(oid.as_str())?.map(drop).ok_or_else(missing)
    }

    /// What the ref holds; a ref that is not there holds nothing.
    pub(super) fn ref_value(&self, name: &str) -> Result<Option<Oid>, GitError> {
        if let Some(value) = stored::read(&self.common, name) {
            return Ok(value);
        }
        let output = self
            .git()
            .args(["show-ref", "--verify", "--hash", "--", name])
            .run()?;
        match output.code {
            0 => oid_of(&output).map(Some),
            1 | 128 if output.stderr.is_empty() || output.stderr.contains("not a valid ref") => {
                Ok(None)
            }
            _ => Err(output.failure()),
        }
    }

    /// Where the branch stands.
    pub(super) fn tip(&self, branch: &str) -> Result<Option<Oid>, GitError> {
        self.ref_value(&branch_ref(branch))
    }

    /// What several refs hold, in their order.
    pub(super) fn ref_values<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Option<Oid>; N], GitError> {
        let mut values = [const { None }; N];
        for (value, name) in values.iter_mut().zip(names) {
            *value = self.ref_value(name)?;
        }
        Ok(values)
    }

    /// `old` is `new` or an ancestor of it. Fails when one of two does not exist.
    pub(super) fn is_ancestor(&self, old: &Oid, new: &Oid) -> Result<bool, GitError> {
        if old == new {
            return Ok(true);
        }
        let output = self
            .git()
            .args(["merge-base", "--is-ancestor", old.as_str(), new.as_str()])
            .one_of(&[0, 1])?;
        Ok(output.code == 0)
    }

    /// How many commits `head` has that `base` has not.
    pub(super) fn commits_between(&self, base: &Oid, head: &Oid) -> Result<u64, GitError> {
        let range = format!("{base}..{head}");
        let output = self
            .git()
            .args(["rev-list", "--count", "--end-of-options", &range])
            .succeed()?;
        output.line().parse().map_err(|_| output.unreadable())
    }

    /// The tree of a commit.
    pub(super) fn tree_of(&self, commit: &Oid) -> Result<Oid, GitError> {
        let name = format!("{commit}^{{tree}}");
        oid_of(
            &self
                .git()
                .args([
                    "rev-parse",
                    "--verify",
                    "--quiet",
                    "--end-of-options",
                    &name,
                ])
                .succeed()?,
        )
    }

    /// The content of a blob.
    pub(super) fn blob(&self, oid: &str) -> Result<Vec<u8>, GitError> {
        Ok(self.git().args(["cat-file", "blob", oid]).succeed()?.stdout)
    }

    /// The paths that differ between two commits or trees; `filter` is git's `--diff-filter`.
    pub(super) fn changed(
        &self,
        old: &Oid,
        new: &Oid,
        filter: &str,
    ) -> Result<Vec<Vec<u8>>, GitError> {
        let filter = format!("--diff-filter={filter}");
        let output = self
            .git()
            .args([
                "diff-tree",
                "-r",
                "-z",
                "--name-only",
                "--no-renames",
                &filter,
                old.as_str(),
                new.as_str(),
            ])
            .succeed()?;
        Ok(output.parts().map(<[u8]>::to_vec).collect())
    }

    /// The worktree that has the branch checked out. One whose folder is gone does not count: git
    /// itself has given it up.
    pub(super) fn checked_out_at(&self, branch: &str) -> Result<Option<PathBuf>, GitError> {
        if self.root_is_main() && self.branch_at(&self.common)?.as_deref() == Some(branch) {
            return Ok(Some(self.root.clone()));
        }
        for tree in self.registered()? {
            if tree.is_present() && self.branch_at(&tree.admin)?.as_deref() == Some(branch) {
                return Ok(Some(tree.path));
            }
        }
        Ok(None)
    }

    /// The main checkout is at the root. (A bare repository with linked worktrees has none.)
    fn root_is_main(&self) -> bool {
        let link = self.root.join(".git");
        if link == self.common {
            return true;
        }
        let Ok(bytes) = fs::read(&link) else {
            return false;
        };
        let target = bytes
            .trim_ascii_end()
            .strip_prefix(b"gitdir: ")
            .map(|t| self.root.join(path_of(t)));
        let resolved = |path: &Path| fs::canonicalize(path).ok();
        target.is_some_and(|t| resolved(&t).is_some() && resolved(&t) == resolved(&self.common))
    }

    /// The branch that HEAD of this git folder is on. Read from the file, which costs no process
    /// for each of many worktrees; where refs are not stored in files, git is asked.
    pub(super) fn branch_at(&self, git_dir: &Path) -> Result<Option<String>, GitError> {
        let text = fs::read_to_string(git_dir.join("HEAD")).unwrap_or_default();
        match text.trim().strip_prefix("ref: ").map(str::trim_start) {
            Some("refs/heads/.invalid") => {
                let output = self
                    .door
                    .at(git_dir)
                    .inside(git_dir, None)
                    .args(["symbolic-ref", "-q", "HEAD"])
                    .run()?;
                Ok(output.line().strip_prefix("refs/heads/").map(str::to_owned))
            }
            Some(name) => Ok(name.strip_prefix("refs/heads/").map(str::to_owned)),
            None => Ok(None),
        }
    }

    /// How many bytes an object name has.
    pub(super) fn oid_bytes(&self) -> usize {
        let config = fs::read(self.common.join("config")).unwrap_or_default();
        let config = String::from_utf8_lossy(&config).to_ascii_lowercase();
        let long = config.lines().any(|line| {
            // extensions.objectFormat; no other section has a key of that name.
            line.split_once('=').is_some_and(|(key, value)| {
                key.trim() == "objectformat" && value.trim() == "sha256"
            })
        });
        if long { 32 } else { 20 }
    }

    /// The lock on what stands below `worktrees/` in the git folder.
    pub(super) fn worktrees_lock(&self) -> PathBuf {
        self.common.join("cw-worktrees.lock")
    }

    /// The lock on the moves of integration and base branches.
    pub(super) fn branches_lock(&self) -> PathBuf {
        self.common.join("cw-branches.lock")
    }
}

/// The git folder shared by all worktrees of the repository that holds `folder`.
pub(super) fn common_dir(door: &Door, folder: &Path) -> Result<PathBuf, GitError> {
    let output = door
        .at(folder)
        .args(["rev-parse", "--path-format=absolute", "--git-common-dir"])
        .succeed()?;
    Ok(line_path(&output))
}

/// The commit that `revision` names, asked through `git`.
pub(super) fn resolve(git: Git<'_>, revision: &str) -> Result<Option<Oid>, GitError> {
    if revision.is_empty() || revision.contains('\0') {
        return Ok(None);
    }
    let name = format!("{revision}^{{commit}}");
    let output = git
        .args([
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ])
        .run()?;
    match output.code {
        0 => oid_of(&output).map(Some),
        // `--quiet` still complains about a missing object or a malformed name: no such commit.
        1 | 128 if !output.stderr.contains("not a git repository") => Ok(None),
        _ => Err(output.failure()),
    }
}

/// The full name of a branch's ref.
pub(super) fn branch_ref(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// The one object name that a command printed.
pub(super) fn oid_of(output: &Output) -> Result<Oid, GitError> {
    Oid::new(output.line()).map_err(|_| output.unreadable())
}

/// The one path that a command printed on a line.
pub(super) fn line_path(output: &Output) -> PathBuf {
    path_of(output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout))
}

/// Bytes of git as a path.
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// Paths for people: bounded, with foreign bytes replaced.
pub(super) fn shown<'p>(paths: impl IntoIterator<Item = &'p [u8]>) -> Vec<String> {
    let one = |p: &[u8]| String::from_utf8_lossy(p).chars().take(LONG_PATH).collect();
    let mut all: Vec<String> = paths.into_iter().map(one).collect();
    all.sort();
    all.dedup();
    all.truncate(MANY_PATHS);
    all
}

/// NUL-terminates each path, as `-z` wants them.
pub(super) fn nul_terminated<'p>(paths: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for path in paths {
        bytes.extend_from_slice(path);
        bytes.push(0);
    }
    bytes
}

/// Writes a small file of ours so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    let failed = |e| GitError::io(format!("writing {}", path.display()), e);
    let temporary = path.with_extension("new");
    fs::write(&temporary, bytes).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

/// Removes a file that need not be there.
pub(super) fn remove_file(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(GitError::io(format!("removing {}", path.display()), e))
        }
        _ => Ok(()),
    }
}
