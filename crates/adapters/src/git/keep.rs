//! Work that no branch holds becomes a commit under refs of kept work: states of a worktree,
//! files that git cannot name, repositories nested in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::CommitMessage;

use super::capture::Capture;
use super::error::GitError;
use super::repo::{Repo, oid_of, path_of, shown};
use super::root::Root;
use super::worktree::Tree;

/// A nested repository may hold another one; so deep they are followed.
const DEPTH: usize = 8;

impl Tree<'_> {
    /// Keeps what the captured tree does not hold: nested repositories, and files whose names git
    /// does not take, under numbers. `going`: as for [`Repo::keep_nested`].
    pub(super) fn keep_apart(
        &self,
        capture: &Capture,
        going: Option<&Root>,
        (prefix, at): (&str, Timestamp),
    ) -> Result<Vec<String>, GitError> {
        let (admin, path) = (&self.admin, &self.path);
        let mut kept = self
            .repo
            .keep_nested(admin, path, &capture.nested, going, (prefix, at))?;
        let subject = "Keep files that git cannot name";
        let files = self.keep_files(&capture.left_out, subject, prefix, at)?;
        kept.extend(files.name);
        Ok(kept)
    }

    /// Keeps files and symbolic links under numbers: what stands at their paths in a commit may be
    /// something else.
    pub(super) fn keep_files(
        &self,
        paths: &[Vec<u8>],
        subject: &str,
        prefix: &str,
        at: Timestamp,
    ) -> Result<KeptFiles, GitError> {
        let mut kept = KeptFiles::default();
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for name in paths {
            let Some((mode, blob)) = self.blob_of(name)? else {
                kept.missed.push(name.clone());
                continue;
            };
            names.extend(shown([&name[..]]));
            entries.extend(format!("{mode} blob {blob}\tfile-{}\0", names.len()).bytes());
        }
        if entries.is_empty() {
            return Ok(kept);
        }
        let repo = self.repo;
        let tree = oid_of(&repo.git().args(["mktree", "-z"]).input(entries).succeed()?)?;
        let subject = format!("{subject}: {}", names.join(", "));
        kept.name = Some(repo.keep_tree(&tree, &[], &subject, prefix, at)?);
        Ok(kept)
    }

    /// What stands at a path as a blob, with its mode; none where it cannot be read, or is not in
    /// this worktree (a link leads elsewhere).
    fn blob_of(&self, name: &[u8]) -> Result<Option<(&'static str, Oid)>, GitError> {
        let path = self.path.join(path_of(name));
        let Ok(found) = fs::symlink_metadata(&path) else {
            return Ok(None);
        };
        if behind_a_link(&self.path, &path) {
            return Ok(None);
        }
        let hash = self.repo.git().args(["hash-object", "-w"]);
        let output = if found.is_symlink() {
            let Ok(target) = fs::read_link(&path) else {
                return Ok(None);
            };
            let target = target.into_os_string().into_encoded_bytes();
            hash.arg("--stdin").input(target).succeed()?
        } else if found.is_file() {
            make_readable(&path);
            // Read by git itself: it may be large.
            let output = hash.args(["--no-filters", "--"]).arg(&path).run()?;
            if output.code != 0 {
                return Ok(None);
            }
            output
        } else {
            return Ok(None);
        };
        let mode = if found.is_symlink() {
            "120000"
        } else {
            "100644"
        };
        Ok(Some((mode, oid_of(&output)?)))
    }
}

/// What became of files that were to be kept.
#[derive(Default)]
pub(super) struct KeptFiles {
    /// The ref that keeps them.
    pub(super) name: Option<String>,
    /// Those that could not be read.
    pub(super) missed: Vec<Vec<u8>>,
}

/// Whether a folder between `base` and `path` is a symbolic link.
pub(super) fn behind_a_link(base: &Path, path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .take_while(|folder| *folder != base)
        .any(Path::is_symlink)
}

/// Lets its owner read a file.
pub(super) fn make_readable(path: &Path) {
    let Ok(found) = fs::symlink_metadata(path) else {
        return;
    };
    let mode = found.permissions().mode();
    if found.is_file() && mode & 0o400 == 0 {
        let _still_unreadable = fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o400));
    }
}

impl Repo<'_> {
    /// Keeps the files of repositories nested in `base` under refs of their own, since no commit
    /// of this repository can hold them at their place. Where they are about to go, their commits
    /// are kept too: `going` says where one stands aside that does not give them.
    pub(super) fn keep_nested(
        &self,
        scratch: &Path,
        base: &Path,
        nested: &[Vec<u8>],
        going: Option<&Root>,
        (prefix, at): (&str, Timestamp),
    ) -> Result<Vec<String>, GitError> {
        let mut kept = Vec::new();
        let mut folders: Vec<(Vec<u8>, usize)> =
            nested.iter().map(|path| (path.clone(), 0)).collect();
        while let Some((folder, depth)) = folders.pop() {
            let path = base.join(path_of(&folder));
            let (tree, inner) = self.folder_tree(scratch, &path)?;
            if depth < DEPTH {
                folders.extend(
                    inner
                        .into_iter()
                        .map(|path| ([&folder[..], b"/", &path].concat(), depth + 1)),
                );
            }
            let name = shown([&folder[..]]).join("");
            let subject = format!("Keep the files of the nested repository {name}");
            kept.push(self.keep_tree(&tree, &[], &subject, prefix, at)?);
            if let Some(root) = going {
                kept.extend(self.keep_repository(root, &path.join(".git"), prefix)?);
            }
        }
        Ok(kept)
    }

    /// Keeps a tree under `prefix`, unless it is kept there with the same parents already.
    pub(super) fn keep_tree(
        &self,
        tree: &Oid,
        parents: &[Oid],
        subject: &str,
        prefix: &str,
        at: Timestamp,
    ) -> Result<String, GitError> {
        let wanted: Vec<&str> = std::iter::once(tree)
            .chain(parents)
            .map(Oid::as_str)
            .collect();
        let pattern = format!("{prefix}/");
        let kept = self
            .git()
            .args([
                "for-each-ref",
                "--format=%(refname) %(tree) %(parent)",
                &pattern,
            ])
            .succeed()?;
        for line in String::from_utf8_lossy(&kept.stdout).lines() {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default();
            if words.eq(wanted.iter().copied()) {
                return Ok(name.to_owned());
            }
        }
        let message = CommitMessage {
            subject: subject.to_owned(),
            ..CommitMessage::default()
        };
        let commit = self.make_commit(tree, parents, &message, at)?;
        self.keep(prefix, &commit)
    }
}
