//! What a worktree holds, as a tree: tracked and untracked files, not the ignored ones. Git's own
//! index is never touched while looking; the result can be put in its place afterwards.
//!
//! Files are named one by one, because `git add -A` fails on a nested repository without commits
//! and stores no more than a link to one that has some.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::CommitMessage;

use super::door::Git;
use super::error::GitError;
use super::repo::{Repo, nul_terminated, oid_of, path_of, remove_file, shown};
use super::worktree::Tree;

/// A nested repository may hold another one; so deep they are followed.
const DEPTH: usize = 8;
/// Paths as git names them: bytes.
type Paths = Vec<Vec<u8>>;

const LINK: &str = "160000";

/// A worktree's content.
pub(super) struct Capture {
    /// The tree.
    pub(super) tree: Oid,
    /// Nested repositories that are not in it.
    pub(super) nested: Paths,
    /// Files that could not be read or named by git.
    pub(super) left_out: Paths,
    index: PathBuf,
}

/// Where files are and which index takes them.
struct Scene<'s, F: Fn() -> Git<'s>> {
    folder: PathBuf,
    git: F,
}

impl<'s, F: Fn() -> Git<'s>> Scene<'s, F> {
    /// The untracked files, and the nested repositories among them.
    fn untracked(&self) -> Result<(Paths, Paths), GitError> {
        let output = (self.git)()
            .args(["ls-files", "-z", "--others", "--exclude-standard"])
            .succeed()?;
        let (mut nested, mut files) = (Vec::new(), Vec::new());
        for part in output.parts() {
            match part.strip_suffix(b"/") {
                Some(folder) => nested.push(folder.to_vec()),
                None => files.push(part.to_vec()),
            }
        }
        Ok((files, nested))
    }

    /// Adds the files to the index, all but those that git cannot take.
    fn add(&self, files: &[Vec<u8>]) -> Result<(), GitError> {
        if files.is_empty() {
            return Ok(());
        }
        for file in files {
            self.make_readable(&path_of(file));
        }
        let input = nul_terminated(files.iter().map(Vec::as_slice));
        let args = [
            "update-index",
            "-z",
            "--add",
            "--remove",
            "--replace",
            "--stdin",
        ];
        let output = (self.git)().args(args).input(input).run()?;
        match (output.code, files) {
            (0, _) => Ok(()),
            _ if output.failure().lock_in_the_way().is_some()
                || output.stderr.contains("No space left") =>
            {
                Err(output.failure())
            }
            (_, [_]) => Ok(()),
            (_, files) => {
                let (left, right) = files.split_at(files.len() / 2);
                self.add(left)?;
                self.add(right)
            }
        }
    }

    fn make_readable(&self, file: &Path) {
        let path = self.folder.join(file);
        let Ok(found) = fs::symlink_metadata(&path) else {
            return;
        };
        let mode = found.permissions().mode();
        if found.is_file() && mode & 0o400 == 0 {
            let _still_unreadable =
                fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o400));
        }
    }

    fn drop_from_index(&self, paths: &[Vec<u8>]) -> Result<(), GitError> {
        if paths.is_empty() {
            return Ok(());
        }
        let input = nul_terminated(paths.iter().map(Vec::as_slice));
        (self.git)()
            .args(["update-index", "-z", "--force-remove", "--stdin"])
            .input(input)
            .succeed()
            .map(drop)
    }
}

impl Tree<'_> {
    /// What the worktree holds on top of `parent`. Files of `leave_out` are not in it unless
    /// `parent` has them.
    pub(super) fn capture(
        &self,
        parent: &Oid,
        leave_out: &BTreeSet<Vec<u8>>,
    ) -> Result<Capture, GitError> {
        let index = self.fresh_index()?;
        let scene = Scene {
            folder: self.path.clone(),
            git: || self.git().env("GIT_INDEX_FILE", &index),
        };
        // An index that a power failure or an agent broke is made again from the commit.
        if (scene.git)()
            .args(["ls-files", "-z", "--unmerged"])
            .run()?
            .code
            != 0
            || !index.exists()
        {
            remove_file(&index)?;
            (scene.git)()
                .args(["read-tree", parent.as_str()])
                .succeed()?;
        }
        let added = (scene.git)()
            .args(["add", "-u", "--ignore-errors"])
            .one_of(&[0, 1])?;
        let mut left_out: Paths = Vec::new();
        if added.code == 1 {
            left_out.push(
                added
                    .stderr
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .as_bytes()
                    .to_vec(),
            );
        }
        let (mut files, mut nested) = scene.untracked()?;
        files.retain(|file| !leave_out.contains(file));
        if !files.is_empty() {
            scene.add(&files)?;
            // Git passes over a name that it does not take, and says so only to people.
            let (remaining, _) = scene.untracked()?;
            left_out.extend(
                remaining
                    .into_iter()
                    .filter(|file| !leave_out.contains(file)),
            );
        }
        let (links, copies) = self.foreign_entries(&scene, parent, leave_out)?;
        scene.drop_from_index(&links)?;
        scene.drop_from_index(&copies)?;
        nested.extend(links);
        let tree = oid_of(&(scene.git)().arg("write-tree").succeed()?)?;
        Ok(Capture {
            tree,
            nested,
            left_out,
            index,
        })
    }

    /// A copy of the worktree's index beside it (so that it finds its shared part): what it knows
    /// of the files' times saves reading them all.
    fn fresh_index(&self) -> Result<PathBuf, GitError> {
        let index = self.admin.join("cw-index");
        remove_file(&self.admin.join("cw-index.lock"))?;
        remove_file(&index)?;
        match fs::copy(self.admin.join("index"), &index) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(GitError::io("copying the index", e))
            }
            _ => Ok(index),
        }
    }

    /// Entries of the index that `parent` has not and that do not belong in a commit: links to
    /// nested repositories that are no submodules, and files to leave out.
    fn foreign_entries<'s, F: Fn() -> Git<'s>>(
        &self,
        scene: &Scene<'s, F>,
        parent: &Oid,
        leave_out: &BTreeSet<Vec<u8>>,
    ) -> Result<(Paths, Paths), GitError> {
        let args = [
            "diff-index",
            "--cached",
            "-z",
            "--raw",
            "--no-renames",
            "--no-abbrev",
            "--ignore-submodules=none",
        ];
        let output = (scene.git)().args(args).arg(parent.as_str()).succeed()?;
        let mut parts = output.parts();
        let (mut links, mut copies) = (Vec::new(), Vec::new());
        while let (Some(entry), Some(path)) = (parts.next(), parts.next()) {
            let entry = String::from_utf8_lossy(entry);
            let mut modes = entry.trim_start_matches(':').split(' ');
            let (old, new) = (
                modes.next().unwrap_or_default(),
                modes.next().unwrap_or_default(),
            );
            if new == LINK && old != LINK {
                links.push(path.to_vec());
            } else if old == "000000" && leave_out.contains(path) {
                copies.push(path.to_vec());
            }
        }
        if !links.is_empty() {
            let submodules = self.submodules()?;
            links.retain(|link| !submodules.contains(link));
        }
        Ok((links, copies))
    }

    fn submodules(&self) -> Result<BTreeSet<Vec<u8>>, GitError> {
        let file = self.path.join(".gitmodules");
        if !fs::symlink_metadata(&file).is_ok_and(|m| m.is_file()) {
            return Ok(BTreeSet::new());
        }
        let args = [
            "config",
            "-z",
            "--get-regexp",
            r"^submodule\..*\.path$",
            "--file",
        ];
        let output = self.git().args(args).arg(&file).run()?;
        let path = |part: &[u8]| {
            part.iter()
                .position(|b| *b == b'\n')
                .map(|at| part[at + 1..].to_vec())
        };
        Ok(output.parts().filter_map(path).collect())
    }

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
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for name in &capture.left_out {
            let path = self.path.join(path_of(name));
            if !fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
                continue;
            }
            let Ok(bytes) = fs::read(&path) else { continue };
            let blob = oid_of(
                &self
                    .repo
                    .git()
                    .args(["hash-object", "-w", "--stdin"])
                    .input(bytes)
                    .succeed()?,
            )?;
            names.extend(shown([&name[..]]));
            entries.extend(format!("100644 blob {blob}\tfile-{}\0", names.len()).bytes());
        }
        if !entries.is_empty() {
            let tree = oid_of(
                &self
                    .repo
                    .git()
                    .args(["mktree", "-z"])
                    .input(entries)
                    .succeed()?,
            )?;
            let subject = format!("Keep files that git cannot name: {}", names.join(", "));
            kept.push(self.repo.keep_tree(&tree, &[], &subject, prefix, at)?);
        }
        Ok(kept)
    }

    /// Puts the captured index in the place of the worktree's own.
    pub(super) fn take_index(&self, capture: &Capture) -> Result<(), GitError> {
        fs::rename(&capture.index, self.admin.join("index"))
            .map_err(|e| GitError::io("replacing the index", e))
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

    /// The files of a folder that is no worktree (any more), as a tree; and the repositories
    /// nested in it. `scratch` is a git folder to work in.
    pub(super) fn folder_tree(
        &self,
        scratch: &Path,
        folder: &Path,
    ) -> Result<(Oid, Paths), GitError> {
        let index = scratch.join("cw-nested-index");
        remove_file(&scratch.join("cw-nested-index.lock"))?;
        remove_file(&index)?;
        let git = || {
            self.door
                .at(folder)
                .inside(&self.common, Some(folder))
                .env("GIT_INDEX_FILE", &index)
        };
        let scene = Scene {
            folder: folder.to_owned(),
            git,
        };
        let (files, nested) = scene.untracked()?;
        scene.add(&files)?;
        let tree = oid_of(&(scene.git)().arg("write-tree").succeed()?)?;
        remove_file(&index)?;
        Ok((tree, nested))
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
