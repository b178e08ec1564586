//! What `cw` has no business to change in a user's repository, to be compared before and after.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::stage::Stage;

/// All that is the user's in a repository.
#[derive(Debug, PartialEq)]
pub(super) struct Untouched {
    head: String,
    refs: Vec<String>,
    status: String,
    index: String,
    stash: String,
    config: String,
    /// The files of the checkout, what git does not know too.
    files: BTreeMap<PathBuf, Vec<u8>>,
    hooks: Vec<(PathBuf, Vec<u8>)>,
    /// Whatever else lies in git's folder.
    entries: Vec<String>,
}

impl Untouched {
    pub(super) fn see(stage: &Stage) -> Self {
        let git = stage.repo.join(".git");
        let refs = stage.git(&[
            "for-each-ref",
            "--format=%(refname) %(objectname) %(symref)",
        ]);
        let theirs =
            |line: &&str| !line.starts_with("refs/heads/cw/") && !line.starts_with("refs/cw/");
        let files = stage.git(&["ls-files", "--cached", "--others"]);
        Self {
            head: std::fs::read_to_string(git.join("HEAD")).unwrap(),
            refs: refs.lines().filter(theirs).map(str::to_owned).collect(),
            status: stage.git(&[
                "--no-optional-locks",
                "status",
                "--porcelain=v2",
                "--untracked-files=all",
            ]),
            index: stage.git(&["ls-files", "--stage", "-v"]),
            stash: stage.git(&["stash", "list", "--format=%H %gs"]),
            config: stage.git(&["config", "--local", "--list"]),
            files: files
                .lines()
                .map(|name| contents(&stage.repo.join(name)))
                .collect(),
            hooks: everything_under(&git.join("hooks")),
            entries: entries(&git),
        }
    }
}

/// A file's bytes, with its mode as the last of them.
fn contents(path: &Path) -> (PathBuf, Vec<u8>) {
    let mut bytes = std::fs::read(path).unwrap_or_default();
    let mode = path
        .symlink_metadata()
        .map_or(0, |metadata| metadata.permissions().mode());
    bytes.extend(mode.to_le_bytes());
    (path.to_owned(), bytes)
}

/// The names at the top of git's folder, without those that come and go with refs and worktrees.
fn entries(git: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(git)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["worktrees", "packed-refs"].contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// Every file below a folder, with its bytes, in order of its path.
pub(super) fn everything_under(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(everything_under(&entry.path())),
            Ok(kind) if kind.is_file() => found.push((
                entry.path(),
                std::fs::read(entry.path()).unwrap_or_default(),
            )),
            _ => {}
        }
    }
    found.sort();
    found
}
