//! What a worktree holds, as a tree: tracked and untracked files, not the ignored ones. Git's own
//! index is never touched while looking; the result can be put in its place afterwards.
//!
//! One look by `git status` tells what differs; a clean worktree costs no more. Files are then
//! named one by one, because `git add -A` fails on a nested repository without commits and stores
//! no more than a link to one that has some, and `git add -u` passes over what a sparse checkout
//! leaves out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cw_core::domain::oid::Oid;

use super::copies::print_of;
use super::door::Git;
use super::error::GitError;
use super::index::Index;
use super::keep::make_readable;
use super::repo::{Repo, nul_terminated, oid_of, path_of, remove_file};
use super::worktree::Tree;

/// Paths as git names them: bytes.
type Paths = Vec<Vec<u8>>;

const LINK: &str = "160000";

/// A worktree's content.
pub(super) struct Capture {
    /// The tree; none where it is that of the commit looked at.
    pub(super) tree: Option<Oid>,
    /// Nested repositories that are not in it.
    pub(super) nested: Paths,
    /// Files that could not be read or named by git.
    pub(super) left_out: Paths,
    index: PathBuf,
}

/// What differs in a worktree.
#[derive(Default)]
struct Differing {
    /// Tracked files that are not as the index has them.
    tracked: Paths,
    /// Tracked files that are not there any more.
    gone: Paths,
    /// Files that are not tracked.
    untracked: Paths,
    /// Nested repositories that are not tracked.
    nested: Paths,
    /// The index is not as the commit has it.
    staged: bool,
}

/// What stands in an index and not in a commit.
#[derive(Default)]
struct Entries {
    /// How many differ in whatever way.
    count: usize,
    /// Links that are no submodules.
    links: Paths,
    /// Files to leave out.
    copies: Paths,
    /// The paths of all.
    paths: BTreeSet<Vec<u8>>,
}

/// Where files are and which index takes them.
struct Scene<'s, F: Fn() -> Git<'s>> {
    folder: PathBuf,
    git: F,
}

impl<'s, F: Fn() -> Git<'s>> Scene<'s, F> {
    /// What differs, files of `leave_out` that are not tracked apart.
    fn differing(&self, leave_out: &BTreeSet<Vec<u8>>) -> Result<Differing, GitError> {
        let status = [
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=all",
            "--ignored=no",
            "--no-renames",
            "--ignore-submodules=dirty",
        ];
        let output = (self.git)().args(status).succeed()?;
        let mut found = Differing::default();
        for part in output.parts() {
            let (Some(&[index, worktree, b' ']), Some(path)) = (part.get(..3), part.get(3..))
            else {
                return Err(output.unreadable());
            };
            match (index, path.strip_suffix(b"/")) {
                (b'?', Some(folder)) => found.nested.push(folder.to_vec()),
                (b'?', None) if !leave_out.contains(path) => found.untracked.push(path.to_vec()),
                (b'?', None) => {}
                _ => {
                    found.staged |= index != b' ';
                    if worktree == b'D' && index != b'U' {
                        found.gone.push(path.to_vec());
                    } else if worktree != b' ' || index == b'U' {
                        found.tracked.push(path.to_vec());
                    }
                }
            }
        }
        Ok(found)
    }

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

    /// Adds what is not tracked still to what a capture could not take.
    fn see_the_rest(
        &self,
        leave_out: &BTreeSet<Vec<u8>>,
        capture: &mut Capture,
    ) -> Result<(), GitError> {
        let (files, nested) = self.untracked()?;
        let mut known: BTreeSet<Vec<u8>> = capture.left_out.iter().cloned().collect();
        known.extend(capture.nested.iter().cloned());
        let new = |path: &Vec<u8>| !leave_out.contains(path) && !known.contains(path);
        capture.left_out.extend(files.into_iter().filter(new));
        capture.nested.extend(nested.into_iter().filter(new));
        Ok(())
    }

    /// Has the index hold the files as they are, all but those that git cannot take, which are
    /// given back. (Git passes over some names and says so only to people.)
    fn add(&self, files: &[Vec<u8>]) -> Result<Paths, GitError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        for file in files {
            make_readable(&self.folder.join(path_of(file)));
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
            (0, _) => Ok(Vec::new()),
            _ if output.failure().lock_in_the_way().is_some()
                || output.stderr.contains("No space left") =>
            {
                Err(output.failure())
            }
            (_, [file]) => Ok(vec![file.clone()]),
            (_, files) => {
                let (left, right) = files.split_at(files.len() / 2);
                Ok([self.add(left)?, self.add(right)?].concat())
            }
        }
    }

    /// Takes away the marks by which the index hides files that are there.
    fn uncover(&self) -> Result<(), GitError> {
        let output = (self.git)().args(["ls-files", "-z", "-v"]).succeed()?;
        // A mark in small letters: assume-unchanged; an S: skip-worktree.
        let hidden = |part: &&[u8]| {
            part.first()
                .is_some_and(|mark| mark.is_ascii_lowercase() || *mark == b'S')
        };
        let paths = output
            .parts()
            .filter(hidden)
            .filter_map(|part| part.get(2..));
        let there =
            paths.filter(|path| fs::symlink_metadata(self.folder.join(path_of(path))).is_ok());
        let input = nul_terminated(there);
        if input.is_empty() {
            return Ok(());
        }
        for mark in ["--no-assume-unchanged", "--no-skip-worktree"] {
            (self.git)()
                .args(["update-index", mark, "-z", "--stdin"])
                .input(input.clone())
                .succeed()?;
        }
        Ok(())
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
        let mut nested = match self.index() {
            Some(known) => {
                if known.hides || known.split {
                    scene.uncover()?;
                }
                self.bare_links(&self.links(known)?)
            }
            // An index that a power failure or an agent broke is made again from the commit.
            None => {
                remove_file(&index)?;
                (scene.git)()
                    .args(["read-tree", parent.as_str()])
                    .succeed()?;
                Vec::new()
            }
        };
        let differing = scene.differing(leave_out)?;
        nested.extend(differing.nested);
        let mut capture = Capture {
            tree: None,
            nested,
            left_out: Vec::new(),
            index: index.clone(),
        };
        let changed = [&differing.tracked, &differing.untracked, &differing.gone];
        let none = changed.iter().all(|paths| paths.is_empty());
        if none && !differing.staged && self.head()?.commit.as_ref() == Some(parent) {
            return Ok(capture);
        }
        scene.drop_from_index(&differing.gone)?;
        capture.left_out = scene.add(&[&differing.tracked[..], &differing.untracked].concat())?;
        let entries = self.foreign_entries(&scene, parent, leave_out)?;
        // What git passed over without a word is still not tracked; and what became a folder
        // where a file was tracked shows only now.
        let passed_over = |file: &Vec<u8>| !entries.paths.contains(file);
        if differing.untracked.iter().any(passed_over)
            || differing.gone.iter().any(|path| self.is_folder(path))
        {
            scene.see_the_rest(leave_out, &mut capture)?;
        }
        scene.drop_from_index(&entries.links)?;
        scene.drop_from_index(&entries.copies)?;
        if entries.count > entries.links.len() + entries.copies.len() {
            capture.tree = Some(oid_of(&(scene.git)().arg("write-tree").succeed()?)?);
        }
        capture.nested.extend(entries.links);
        Ok(capture)
    }

    fn is_folder(&self, path: &[u8]) -> bool {
        fs::symlink_metadata(self.path.join(path_of(path))).is_ok_and(|found| found.is_dir())
    }

    /// What the worktree's index says of itself; none when it is for git to judge.
    pub(super) fn index(&self) -> Option<Index> {
        Index::read(&self.admin.join("index"), self.repo.oid_bytes())
    }

    /// The paths that are links to commits of other repositories.
    pub(super) fn links(&self, index: Index) -> Result<Paths, GitError> {
        if !index.split {
            return Ok(index.links);
        }
        let output = self.git().args(["ls-files", "-z", "--stage"]).succeed()?;
        let link = |part: &[u8]| {
            let rest = part.strip_prefix(LINK.as_bytes())?;
            let tab = rest.iter().position(|b| *b == b'\t')?;
            Some(rest[tab + 1..].to_vec())
        };
        let mut links: Paths = output.parts().filter_map(link).collect();
        links.dedup();
        Ok(links)
    }

    /// Links whose folders are no repositories and hold files all the same: git does not look
    /// into them.
    fn bare_links(&self, links: &[Vec<u8>]) -> Paths {
        let holds_files = |link: &&Vec<u8>| {
            let folder = self.path.join(path_of(link));
            fs::symlink_metadata(folder.join(".git")).is_err()
                && fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir())
                && fs::read_dir(&folder).is_ok_and(|mut inside| inside.next().is_some())
        };
        links.iter().filter(holds_files).cloned().collect()
    }

    /// A copy of the worktree's index beside it (so that it finds its shared part): what it knows
    /// of the files' times saves reading them all.
    fn fresh_index(&self) -> Result<PathBuf, GitError> {
        let index = self.admin.join("cw-index");
        remove_file(&self.admin.join("cw-index.lock"))?;
        remove_file(&index)?;
        let own = self.admin.join("index");
        let copied = fs::copy(&own, &index).and_then(|_| {
            // A file that changed in the same moment as the index is looked at by that time.
            let at = fs::metadata(&own)?.modified()?;
            fs::File::options()
                .append(true)
                .open(&index)?
                .set_modified(at)
        });
        match copied {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(GitError::io("copying the index", e))
            }
            _ => Ok(index),
        }
    }

    /// Entries of the index that are not as in `parent`; among them those that do not belong in
    /// a commit: links to nested repositories that are no submodules, and files to leave out.
    fn foreign_entries<'s, F: Fn() -> Git<'s>>(
        &self,
        scene: &Scene<'s, F>,
        parent: &Oid,
        leave_out: &BTreeSet<Vec<u8>>,
    ) -> Result<Entries, GitError> {
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
        let mut found = Entries::default();
        while let (Some(entry), Some(path)) = (parts.next(), parts.next()) {
            let entry = String::from_utf8_lossy(entry);
            let mut modes = entry.trim_start_matches(':').split(' ');
            let (old, new) = (
                modes.next().unwrap_or_default(),
                modes.next().unwrap_or_default(),
            );
            if new == LINK && old != LINK {
                found.links.push(path.to_vec());
            } else if old == "000000" && leave_out.contains(path) {
                found.copies.push(path.to_vec());
            }
            found.count += 1;
            found.paths.insert(path.to_vec());
        }
        if !found.links.is_empty() {
            let submodules = self.submodules()?;
            found.links.retain(|link| !submodules.contains(link));
        }
        Ok(found)
    }

    fn submodules(&self) -> Result<BTreeSet<Vec<u8>>, GitError> {
        let file = self.path.join(".gitmodules");
        if !fs::symlink_metadata(&file).is_ok_and(|m| m.is_file()) {
            return Ok(BTreeSet::new());
        }
        let output = self
            .git()
            .args(["config", "-z", "--file"])
            .arg(&file)
            .args(["--get-regexp", r"^submodule\..*\.path$"])
            .run()?;
        let path = |part: &[u8]| {
            part.iter()
                .position(|b| *b == b'\n')
                .map(|at| part[at + 1..].to_vec())
        };
        Ok(output.parts().filter_map(path).collect())
    }

    /// Puts the captured index in the place of the worktree's own.
    pub(super) fn take_index(&self, capture: &Capture) -> Result<(), GitError> {
        fs::rename(&capture.index, self.admin.join("index"))
            .map_err(|e| GitError::io("replacing the index", e))
    }
}

impl Repo<'_> {
    /// The files of a folder that is no worktree (any more), as a tree; and the repositories
    /// nested in it. `scratch` is a git folder to work in.
    pub(super) fn folder_tree(
        &self,
        scratch: &Path,
        folder: &Path,
    ) -> Result<(Oid, Paths), GitError> {
        // Two folders may be looked at beside each other in one git folder.
        let name = format!(
            "cw-nested-{:016x}",
            print_of(folder.as_os_str().as_encoded_bytes())
        );
        let index = scratch.join(&name);
        remove_file(&scratch.join(format!("{name}.lock")))?;
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
        let _not_taken = scene.add(&files)?;
        let tree = oid_of(&(scene.git)().arg("write-tree").succeed()?)?;
        remove_file(&index)?;
        Ok((tree, nested))
    }

    /// The tree of what was captured on top of `parent`.
    pub(super) fn captured(&self, capture: &Capture, parent: &Oid) -> Result<Oid, GitError> {
        match &capture.tree {
            Some(tree) => Ok(tree.clone()),
            None => self.tree_of(parent),
        }
    }
}
