//! Work that no branch holds becomes a commit under refs of kept work: states of a worktree,
//! files that git cannot name, repositories nested in it.

use std::fs;
use std::path::Path;

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::CommitMessage;

use super::capture::Capture;
use super::error::GitError;
use super::repo::{Repo, oid_of, path_of, shown};
use super::worktree::Tree;

/// A nested repository may hold another one; so deep they are followed.
const DEPTH: usize = 8;

impl Tree<'_> {
    /// Keeps what the captured tree does not hold: nested repositories, and files whose names git
    /// does not take, under numbers.
    pub(super) fn keep_apart(
        &self,
        capture: &Capture,
        prefix: &str,
        at: Timestamp,
    ) -> Result<Vec<String>, GitError> {
        let mut kept =
            self.repo
                .keep_nested(&self.admin, &self.path, &capture.nested, prefix, at)?;
        kept.extend(self.keep_files(
            &capture.left_out,
            "Keep files that git cannot name",
            prefix,
            at,
        )?);
        Ok(kept)
    }

    /// Keeps files under numbers: what stands at their paths in a commit may be something else.
    pub(super) fn keep_files(
        &self,
        paths: &[Vec<u8>],
        subject: &str,
        prefix: &str,
        at: Timestamp,
    ) -> Result<Option<String>, GitError> {
        let repo = self.repo;
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for name in paths {
            let path = self.path.join(path_of(name));
            if !fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
                continue;
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            let hash = ["hash-object", "-w", "--stdin"];
            let blob = oid_of(&repo.git().args(hash).input(bytes).succeed()?)?;
            names.extend(shown([&name[..]]));
            entries.extend(format!("100644 blob {blob}\tfile-{}\0", names.len()).bytes());
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let tree = oid_of(&repo.git().args(["mktree", "-z"]).input(entries).succeed()?)?;
        let subject = format!("{subject}: {}", names.join(", "));
        repo.keep_tree(&tree, &[], &subject, prefix, at).map(Some)
    }
}

impl Repo<'_> {
    /// Keeps the files of repositories nested in `base` under refs of their own, since no commit
    /// of this repository can hold them at their place.
    pub(super) fn keep_nested(
        &self,
        scratch: &Path,
        base: &Path,
        nested: &[Vec<u8>],
        prefix: &str,
        at: Timestamp,
    ) -> Result<Vec<String>, GitError> {
        let mut kept = Vec::new();
        let mut folders: Vec<(Vec<u8>, usize)> =
            nested.iter().map(|path| (path.clone(), 0)).collect();
        while let Some((folder, depth)) = folders.pop() {
            let (tree, inner) = self.folder_tree(scratch, &base.join(path_of(&folder)))?;
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
