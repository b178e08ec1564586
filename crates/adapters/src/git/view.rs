//! What people look at: what a folder is, previews of merges, the list of our worktrees.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cw_core::ports::workspaces::{Diff, DiffForm, Inspection, Preview, Repository, Worktree};

use super::door::Door;
use super::error::GitError;
use super::lane::Merge;
use super::repo::{Repo, line_path, resolve};
use super::root::Root;
use super::worktree::Tree;

/// The oldest git that has `--attr-source`.
const NEEDED: (u32, u32) = (2, 41);

/// Looks at a folder.
pub(super) fn inspect(door: &Door, folder: &Path) -> Result<Inspection, GitError> {
    let version = door.at(folder).arg("version").succeed()?.line();
    if parse_version(&version).is_none_or(|found| found < NEEDED) {
        let needed = format!("{}.{}", NEEDED.0, NEEDED.1);
        return Ok(Inspection::GitTooOld {
            found: version.trim_start_matches("git version ").to_owned(),
            needed,
        });
    }
    let asked = [
        "rev-parse",
        "--path-format=absolute",
        "--git-dir",
        "--git-common-dir",
    ];
    let output = door.at(folder).args(asked).run()?;
    if output.code != 0 {
        let none = output.stderr.contains("not a git repository");
        return if none {
            Ok(Inspection::NotARepository)
        } else {
            Err(output.failure())
        };
    }
    let (git_dir, common) = match two_paths(&output.stdout) {
        Ok(paths) => paths,
        Err(why) => return Ok(Inspection::OddPath { why: why.into() }),
    };
    let (linked, common) = (git_dir != common, PathBuf::from(common));
    let Some(root) = main_checkout(door, folder, &common, linked)? else {
        return Ok(Inspection::Bare);
    };
    let at_root = || door.at(&root);
    let head = at_root()
        .args(["symbolic-ref", "--quiet", "--short", "HEAD"])
        .one_of(&[0, 1])?;
    let in_the_way = door.at(&common).inside(&common, None).args([
        "show-ref",
        "--verify",
        "--quiet",
        "refs/heads/cw",
    ]);
    Ok(Inspection::Repository(Repository {
        branch: (head.code == 0).then(|| head.line()),
        head: resolve(at_root(), "HEAD")?,
        linked,
        cw_branch_in_the_way: in_the_way.run()?.code == 0,
        git_dir: common,
        root,
    }))
}

/// The two paths that git printed, each on a line. Git quotes nothing here: a path with a line
/// break would read as two.
fn two_paths(printed: &[u8]) -> Result<(&str, &str), &'static str> {
    let text = std::str::from_utf8(printed).map_err(|_| "the repository's path is not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let paths = text.split_once('\n');
    paths
        .filter(|(_, second)| !second.contains('\n'))
        .ok_or("the repository's path has a line break in it")
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .strip_prefix("git version ")?
        .split(['.', ' ', '-'])
        .map(|n| n.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The main checkout. A bare repository with linked worktrees has none: the one asked from
/// stands in for it.
fn main_checkout(
    door: &Door,
    folder: &Path,
    common: &Path,
    linked: bool,
) -> Result<Option<PathBuf>, GitError> {
    let top = |folder: &Path| -> Result<Option<PathBuf>, GitError> {
        let output = door
            .at(folder)
            .args(["rev-parse", "--show-toplevel"])
            .run()?;
        Ok((output.code == 0).then(|| line_path(&output)))
    };
    let bare = door
        .at(common)
        .inside(common, None)
        .args(["config", "--type=bool", "core.bare"])
        .run()?;
    if bare.line() == "true" {
        return if linked { top(folder) } else { Ok(None) };
    }
    if !linked && let Some(root) = top(folder)? {
        return Ok(Some(root));
    }
    match common.parent() {
        Some(parent) if common.file_name().is_some_and(|name| name == ".git") => top(parent),
        _ => top(folder),
    }
}

/// Shows what merging `head` into `tip` would bring.
pub(super) fn preview(repo: &Repo<'_>, ask: &Preview) -> Result<Diff, GitError> {
    repo.is_ancestor(&ask.head, &ask.tip)?;
    let (from, to, conflicting) = match repo.merge_trees(&ask.tip, &ask.head)? {
        Merge::Clean { tree } => (ask.tip.to_string(), tree.to_string(), false),
        Merge::Conflict { .. } => {
            let base = repo
                .git()
                .args(["merge-base", ask.tip.as_str(), ask.head.as_str()])
                .one_of(&[0, 1])?;
            let base = if base.code == 0 {
                base.line()
            } else {
                ask.tip.to_string()
            };
            (base, ask.head.to_string(), true)
        }
    };
    let form = match ask.form {
        DiffForm::Patch => "--patch",
        DiffForm::Stat => "--stat=100",
        DiffForm::Names => "--name-status",
    };
    let colour = if ask.colour {
        "--color=always"
    } else {
        "--color=never"
    };
    let git = repo.git().option(format!("--attr-source={}", ask.tip));
    let git = git.args([
        "diff",
        "--no-ext-diff",
        "--no-textconv",
        "--submodule=short",
        form,
        colour,
    ]);
    let git = git
        .args([from.as_str(), to.as_str(), "--"])
        .args(&ask.paths);
    let output = git
        .env("GIT_LITERAL_PATHSPECS", "1")
        .cut_at(ask.limit)
        .succeed()?;
    Ok(Diff {
        text: output.stdout,
        truncated: output.truncated,
        conflicting,
    })
}

/// Our worktrees of the repository.
pub(super) fn worktrees(repo: &Repo<'_>, root: &Root) -> Result<Vec<Worktree>, GitError> {
    let mut all = Vec::new();
    for tree in repo.registered()? {
        if !root.holds(&tree.path) || !tree.is_whole() || tree.claim(root).is_err() {
            continue;
        }
        let head = tree.head()?;
        let missing = !tree.is_present();
        all.push(Worktree {
            branch: head.branch,
            head: head.commit,
            dirty: !missing && is_dirty(&tree)?,
            bytes: if missing { 0 } else { size(&tree.path) },
            missing,
            path: tree.path,
        });
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

fn is_dirty(tree: &Tree<'_>) -> Result<bool, GitError> {
    let status = [
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=normal",
        "--no-renames",
    ];
    let output = tree.git().args(status).run()?;
    let copies = tree.copies();
    let counts = |part: &[u8]| part.get(3..).is_some_and(|path| !copies.contains_key(path));
    Ok(output.code != 0 || output.parts().any(counts))
}

/// Bytes on disk of all that lies below a folder; symlinks are not followed.
fn size(folder: &Path) -> u64 {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            total += found.blocks() * 512;
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_git_prints_are_told_apart_or_refused() {
        assert_eq!(
            two_paths(b"/a b/.git\n/a b/.git\n"),
            Ok(("/a b/.git", "/a b/.git"))
        );
        assert!(
            two_paths(b"/a\nb/.git\n/a\nb/.git\n")
                .unwrap_err()
                .contains("line break")
        );
        assert!(
            two_paths(b"/a\n\n/a\n\n")
                .unwrap_err()
                .contains("line break")
        );
        assert!(
            two_paths(b"/\xff/.git\n/\xff/.git\n")
                .unwrap_err()
                .contains("UTF-8")
        );
    }

    #[test]
    fn versions_of_all_vendors_are_read() {
        assert_eq!(parse_version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(
            parse_version("git version 2.39.5 (Apple Git-154)"),
            Some((2, 39))
        );
        assert_eq!(parse_version("git version 2.50.0-rc1"), Some((2, 50)));
        assert_eq!(parse_version("something else"), None);
    }
}
