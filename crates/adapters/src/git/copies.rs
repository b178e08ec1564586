//! The untracked files that a fresh worktree gets from the main checkout, and the memory of which
//! they were, so that they are not taken for an agent's work.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path};

use super::error::GitError;
use super::repo::{path_of, write_whole};
use super::worktree::Tree;

const COPIED: &str = "cw-copied";

/// Copied files by path, with the fingerprint of what was copied.
pub(super) type Copies = BTreeMap<Vec<u8>, u64>;

impl Tree<'_> {
    /// The files that were copied into this worktree.
    pub(super) fn copies(&self) -> Copies {
        let bytes = fs::read(self.admin.join(COPIED)).unwrap_or_default();
        let entry = |line: &[u8]| {
            let (print, path) = line.split_at_checked(17)?;
            let print = std::str::from_utf8(&print[..16]).ok()?;
            Some((path.to_vec(), u64::from_str_radix(print, 16).ok()?))
        };
        bytes.split(|b| *b == 0).filter_map(entry).collect()
    }

    /// Copies the untracked files of the main checkout that the patterns name. Nothing is
    /// overwritten, no symlink is followed. What is about to be copied is remembered first.
    pub(super) fn copy_in(&self, patterns: &[String]) -> Result<Copies, GitError> {
        let mut copies = self.copies();
        if patterns.is_empty() {
            return Ok(copies);
        }
        // A copy that a dead process left half done is made again.
        let wanted = |p: &Vec<u8>| self.is_free(p, copies.contains_key(p));
        let missing: Vec<Vec<u8>> = self
            .candidates(patterns)?
            .into_iter()
            .filter(wanted)
            .collect();
        for path in &missing {
            if let Some(print) = fingerprint(&self.repo.root.join(path_of(path))) {
                copies.insert(path.clone(), print);
            }
        }
        let record = copies.iter().flat_map(|(path, print)| {
            [format!("{print:016x} ").into_bytes(), path.clone(), vec![0]].concat()
        });
        write_whole(&self.admin.join(COPIED), &record.collect::<Vec<u8>>())?;
        for path in &missing {
            self.copy(path)?;
        }
        Ok(copies)
    }

    fn candidates(&self, patterns: &[String]) -> Result<Vec<Vec<u8>>, GitError> {
        let mut git = self
            .repo
            .door
            .at(&self.repo.root)
            .args(["ls-files", "-z", "--others", "--"]);
        for pattern in patterns {
            let inside = Path::new(pattern)
                .components()
                .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
            if !inside || pattern.starts_with(':') || pattern.is_empty() {
                let cause = format!("`{pattern}` does not stay inside the repository");
                return Err(GitError::refused(cause, "see worktree.copy in cw.toml"));
            }
            git = git.arg(format!(":(top,glob){pattern}"));
        }
        // A nested repository is listed as a folder, and symlinks are not followed.
        let is_file = |p: &&[u8]| {
            fs::symlink_metadata(self.repo.root.join(path_of(p))).is_ok_and(|found| found.is_file())
        };
        Ok(git
            .succeed()?
            .parts()
            .filter(is_file)
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// Nothing (or an earlier copy) is at the path in the worktree and no symlink leads there.
    fn is_free(&self, path: &[u8], copied_before: bool) -> bool {
        let path = path_of(path);
        let real_folder = |folder: &Path| match fs::symlink_metadata(self.path.join(folder)) {
            Ok(found) => found.is_dir(),
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        };
        let free = match fs::symlink_metadata(self.path.join(&path)) {
            Ok(found) => copied_before && found.is_file(),
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        };
        free && path.ancestors().skip(1).all(real_folder)
    }

    fn copy(&self, path: &[u8]) -> Result<(), GitError> {
        let path = path_of(path);
        let (from, to) = (self.repo.root.join(&path), self.path.join(&path));
        let failed = |e| GitError::io(format!("copying {}", path.display()), e);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::copy(&from, &to).map(drop).map_err(failed)
    }

    /// The copied file is as it was copied.
    pub(super) fn is_unchanged_copy(&self, path: &[u8], print: u64) -> bool {
        fingerprint(&self.path.join(path_of(path))) == Some(print)
    }
}

/// Tells contents apart (FNV-1a); `None` for what is neither a file nor a symlink. Not made
/// against somebody who wants two contents to look alike.
pub(super) fn fingerprint(path: &Path) -> Option<u64> {
    let found = fs::symlink_metadata(path).ok()?;
    let bytes = if found.is_symlink() {
        fs::read_link(path)
            .ok()?
            .into_os_string()
            .into_encoded_bytes()
    } else if found.is_file() {
        fs::read(path).ok()?
    } else {
        return None;
    };
    Some(print_of(&bytes))
}

/// The fingerprint of bytes.
pub(super) fn print_of(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
