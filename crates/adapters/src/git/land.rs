//! Bringing the integration branch to its base, and the ad-hoc integration branch up to it. The
//! one place that moves a branch of the user's, and only forward.

use std::fs;
use std::path::{Path, PathBuf};

use cw_core::domain::effect::LandMode;
use cw_core::domain::oid::Oid;
use cw_core::ports::workspaces::{Land, Landed, SyncBranch, Synced, Trialled};

use super::error::GitError;
use super::refs::Change;
use super::repo::{Repo, branch_ref, path_of, shown};
use super::worktree::operation_in;

pub(super) fn land(repo: &Repo<'_>, ask: &Land) -> Result<Landed, GitError> {
    repo.locks.exclusive(&repo.branches_lock(), |_| {
        repo.existing(&ask.tip)?;
        let Some(base) = repo.tip(&ask.base)? else {
            return Ok(Landed::NoBase);
        };
        if repo.is_ancestor(&ask.tip, &base)? {
            return Ok(Landed::Already { commit: base });
        }
        let new = match ask.mode {
            LandMode::FastForward if repo.is_ancestor(&base, &ask.tip)? => ask.tip.clone(),
            LandMode::FastForward => return Ok(Landed::NotFastForward),
            LandMode::MergeCommit => {
                match repo.merge_commits(&base, &ask.tip, &ask.message, ask.at)? {
                    Trialled::Clean { commit, .. } => commit,
                    Trialled::Conflict { paths, .. } => return Ok(Landed::Conflict { paths }),
                    Trialled::AlreadyIn => return Ok(Landed::Already { commit: base }),
                }
            }
        };
        let name = branch_ref(&ask.base);
        match repo.checked_out_at(&ask.base)? {
            Some(path) => land_in_checkout(repo, &path, &name, &base, &new),
            None => {
                repo.change_refs(
                    &[Change::Move {
                        name: &name,
                        old: &base,
                        new: &new,
                    }],
                    "land",
                )?;
                Ok(Landed::Landed { commit: new })
            }
        }
    })
}

/// Moves a branch together with the checkout that is on it.
fn land_in_checkout(
    repo: &Repo<'_>,
    path: &Path,
    name: &str,
    base: &Oid,
    new: &Oid,
) -> Result<Landed, GitError> {
    let at = || repo.door.at(path);
    let git_dir = at().args(["rev-parse", "--absolute-git-dir"]).succeed()?;
    let git_dir = super::repo::line_path(&git_dir);
    if let Some(operation) = operation_in(&git_dir) {
        return Ok(Landed::Busy {
            path: path.to_owned(),
            operation: operation.to_owned(),
        });
    }
    let files = in_the_way(repo, path, base, new)?;
    if !files.is_empty() {
        return Ok(Landed::Dirty {
            path: path.to_owned(),
            files,
        });
    }
    let merge = [
        "merge",
        "--ff-only",
        "--no-overwrite-ignore",
        "--no-autostash",
        "--no-verify-signatures",
        // A branch's own merge options may say otherwise.
        "--no-squash",
        "--commit",
    ];
    let output = at()
        .args(merge)
        .args(["--no-stat", "--quiet", new.as_str()])
        .run()?;
    if output.code == 0 && repo.ref_value(name)?.as_ref() == Some(new) {
        return Ok(Landed::Landed {
            commit: new.clone(),
        });
    }
    if repo.ref_value(name)?.as_ref() == Some(base)
        && output.stderr.contains("would be overwritten")
    {
        let files = output
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix('\t'));
        return Ok(Landed::Dirty {
            path: path.to_owned(),
            files: shown(files.map(str::as_bytes)),
        });
    }
    Err(output.failure())
}

/// Tracked files with changes, and files that are not tracked where new ones would go (ignored
/// ones too: they are the user's, and git alone would overwrite them).
fn in_the_way(
    repo: &Repo<'_>,
    path: &Path,
    base: &Oid,
    new: &Oid,
) -> Result<Vec<String>, GitError> {
    let status = [
        "status",
        "--porcelain=v1",
        "-z",
        "--untracked-files=no",
        "--no-renames",
        "--ignore-submodules=dirty",
    ];
    let output = repo.door.at(path).args(status).succeed()?;
    let mut files: Vec<Vec<u8>> = output
        .parts()
        .filter_map(|part| part.get(3..))
        .map(<[u8]>::to_vec)
        .collect();
    if files.is_empty() {
        let taken = |file: &Vec<u8>| stands_there(path, &path_of(file));
        files = repo
            .changed(base, new, "A")?
            .into_iter()
            .filter(taken)
            .collect();
        // A folder that gives way to a file is no file in the way.
        files.retain(|file| {
            path.join(path_of(file))
                .symlink_metadata()
                .is_ok_and(|m| !m.is_dir())
        });
    }
    Ok(shown(files.iter().map(Vec::as_slice)))
}

fn stands_there(checkout: &Path, file: &Path) -> bool {
    let above: Vec<PathBuf> = file.ancestors().skip(1).map(|a| checkout.join(a)).collect();
    above
        .iter()
        .all(|folder| fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir()))
        && fs::symlink_metadata(checkout.join(file)).is_ok()
}

pub(super) fn sync_branch(repo: &Repo<'_>, ask: &SyncBranch) -> Result<Synced, GitError> {
    if !ask.branch.starts_with("cw/") {
        return Err(GitError::refused(
            format!("{} is no branch of cw", ask.branch),
            "",
        ));
    }
    repo.locks.exclusive(&repo.branches_lock(), |_| {
        let name = branch_ref(&ask.branch);
        let Some(tip) = repo.tip(&ask.branch)? else {
            repo.change_refs(
                &[Change::Create {
                    name: &name,
                    new: &ask.to,
                }],
                "cut",
            )?;
            return Ok(Synced::Moved {
                tip: ask.to.clone(),
            });
        };
        if repo.is_ancestor(&ask.to, &tip)? {
            return Ok(Synced::UpToDate { tip });
        }
        if let Some(path) = repo.checked_out_at(&ask.branch)? {
            return Ok(Synced::CheckedOut { path });
        }
        let new = if repo.is_ancestor(&tip, &ask.to)? {
            ask.to.clone()
        } else {
            match repo.merge_commits(&tip, &ask.to, &ask.message, ask.at)? {
                Trialled::Clean { commit, .. } => commit,
                Trialled::Conflict { paths, .. } => return Ok(Synced::Conflict { paths }),
                Trialled::AlreadyIn => return Ok(Synced::UpToDate { tip }),
            }
        };
        repo.change_refs(
            &[Change::Move {
                name: &name,
                old: &tip,
                new: &new,
            }],
            "sync",
        )?;
        Ok(Synced::Moved { tip: new })
    })
}
