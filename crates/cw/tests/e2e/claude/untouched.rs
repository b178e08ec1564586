//! What `cw` has no business to change in a user's repository, to be compared before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::stage::Stage;

/// All that is the user's in a repository: what it is, and its value.
pub(super) struct Untouched(BTreeMap<String, Vec<u8>>);

impl Untouched {
    pub(super) fn see(stage: &Stage) -> Self {
        let git = stage.repo.join(".git");
        let asked = |args: &[&str]| {
            (
                format!("git {}", args.join(" ")),
                stage.git(args).into_bytes(),
            )
        };
        let mut seen: BTreeMap<String, Vec<u8>> = [
            asked(&[
                "--no-optional-locks",
                "status",
                "--porcelain=v2",
                "--untracked-files=all",
            ]),
            asked(&["ls-files", "--stage", "-v"]),
            asked(&["stash", "list", "--format=%H %gs"]),
            asked(&["config", "--local", "--list"]),
            (
                "entries of .git".to_owned(),
                entries(&git).join("\n").into_bytes(),
            ),
        ]
        .into();
        let refs = stage.git(&[
            "for-each-ref",
            "--format=%(refname) %(objectname) %(symref)",
        ]);
        let theirs =
            |line: &&str| !line.starts_with("refs/heads/cw/") && !line.starts_with("refs/cw/");
        let refs: Vec<_> = refs.lines().filter(theirs).collect();
        seen.insert("refs".to_owned(), refs.join("\n").into_bytes());
        let checkout = stage.git(&["ls-files", "--cached", "--others"]);
        let mut files: Vec<_> = checkout
            .lines()
            .map(|name| contents(&stage.repo.join(name)))
            .collect();
        files.extend(everything_under(&git.join("hooks")));
        for name in [
            "HEAD",
            "logs/HEAD",
            "logs/refs/heads/main",
            "logs/refs/heads/feature",
            "logs/refs/stash",
        ] {
            files.push(contents(&git.join(name)));
        }
        seen.extend(
            files
                .into_iter()
                .map(|(path, bytes)| (path.display().to_string(), bytes)),
        );
        Self(seen)
    }

    /// What is not as it was before, the old and the new.
    pub(super) fn differences(&self, before: &Self) -> Vec<String> {
        let shown = |all: &Self, what: &str| {
            all.0
                .get(what)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let all: BTreeSet<_> = self.0.keys().chain(before.0.keys()).collect();
        let changed = all
            .into_iter()
            .filter(|what| self.0.get(*what) != before.0.get(*what));
        changed
            .map(|what| format!("{what}\n{:?}\n{:?}", shown(before, what), shown(self, what)))
            .collect()
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

/// The names at the top of git's folder, without those that come and go with refs and worktrees,
/// and without what is by its name `cw`'s own.
fn entries(git: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(git)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !["worktrees", "packed-refs"].contains(&name.as_str()) && !name.starts_with("cw-")
        })
        .collect();
    names.sort();
    names
}

/// Every file below a folder, with its bytes, in order of its path.
pub(crate) fn everything_under(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
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
