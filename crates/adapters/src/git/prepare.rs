//! Making a worktree, for an agent or for gates, and finding it again: also after a git that was
//! killed while making it.
//!
//! What touches `worktrees/` in the git folder happens under the repository's lock and is short;
//! the checkout, which is long, does not.

use std::fs;
use std::path::Path;

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{GateCheckout, Prepare, Prepared};

use super::error::GitError;
use super::refs::Change;
use super::repo::{Repo, branch_ref, remove_file};
use super::root::Root;
use super::worktree::Tree;

/// What a gate's worktree is made for.
const GATE: &str = "gate";

/// Where work that was found goes, and when that was; `None` for what is nobody's work.
type Keep<'k> = Option<(&'k str, Timestamp)>;

pub(super) fn prepare(repo: &Repo<'_>, root: &Root, ask: &Prepare) -> Result<Prepared, GitError> {
    let path = root.own(&ask.path)?;
    repo.locks.alone(&path, || {
        if !ask.branch.starts_with("cw/") {
            return Err(GitError::refused(
                format!("{} is no branch of cw", ask.branch),
                "",
            ));
        }
        if let Some(tree) = usable(repo, &path, &ask.branch)? {
            tree.claim(root)?;
            return found_again(repo, root, &tree, ask);
        }
        make(repo, root, ask, &path)
    })
}

/// The worktree, if its checkout was once completed for `owner`.
fn usable<'r>(repo: &'r Repo<'r>, path: &Path, owner: &str) -> Result<Option<Tree<'r>>, GitError> {
    let tree = repo.worktree_at(path)?;
    Ok(tree.filter(|t| t.is_present() && t.is_whole() && t.is_ready(owner)))
}

fn found_again(
    repo: &Repo<'_>,
    root: &Root,
    tree: &Tree<'_>,
    ask: &Prepare,
) -> Result<Prepared, GitError> {
    let mut kept: Vec<String> = tree.mend(root, Some(&ask.kept))?.into_iter().collect();
    // What a merge that was cut off left must not be taken for the work of the next turn.
    kept.extend(tree.undo_half_merge(&ask.kept, ask.at)?);
    let head = match repo.tip(&ask.branch)? {
        Some(tip) => tip,
        None => {
            let head = tree
                .past_heads()
                .into_iter()
                .find(|oid| matches!(repo.commit(oid.as_str()), Ok(Some(_))));
            let head = head.unwrap_or_else(|| ask.start.clone());
            let name = branch_ref(&ask.branch);
            repo.change_refs(
                &[Change::Create {
                    name: &name,
                    new: &head,
                }],
                "branch found missing",
            )?;
            head
        }
    };
    let copied = tree.copies();
    Ok(Prepared {
        head,
        fresh: tree.is_fresh(),
        copied: names(copied.keys()),
        kept,
    })
}

fn names<'p>(paths: impl Iterator<Item = &'p Vec<u8>>) -> Vec<String> {
    super::repo::shown(paths.map(Vec::as_slice))
}

fn make(repo: &Repo<'_>, root: &Root, ask: &Prepare, path: &Path) -> Result<Prepared, GitError> {
    let (head, kept) = repo.locks.exclusive(&repo.worktrees_lock(), |lock| {
        let kept = clear(repo, root, path, &ask.branch, Some((&ask.kept, ask.at)))?;
        let head = begin_branch(repo, &ask.branch, &ask.start)?;
        if repo.worktree_at(path)?.is_none() {
            free_branch(repo, root, ask)?;
            repo.add_worktree(path, &ask.branch, lock, &[&ask.branch])?;
        }
        registered(repo, path)?.set_owner(&ask.branch)?;
        Ok((head, kept))
    })?;
    let tree = registered(repo, path)?;
    tree.mend(root, Some(&ask.kept))?;
    tree.show_everything()?;
    tree.reset()?;
    let copied = tree.copy_in(&ask.copy)?;
    tree.set_ready(&ask.branch)?;
    Ok(Prepared {
        head,
        fresh: true,
        copied: names(copied.keys()),
        kept,
    })
}

fn registered<'r>(repo: &'r Repo<'r>, path: &Path) -> Result<Tree<'r>, GitError> {
    let lost = || GitError::refused(format!("git made no worktree at {}", path.display()), "");
    repo.worktree_at(path)?.ok_or_else(lost)
}

/// Takes away what a dead git or an earlier life left at `path`. A registration that is whole and
/// ours stays: only its checkout is owed. What files are there and may be somebody's work are kept.
fn clear(
    repo: &Repo<'_>,
    root: &Root,
    path: &Path,
    owner: &str,
    keep: Keep<'_>,
) -> Result<Vec<String>, GitError> {
    let mut kept = Vec::new();
    if let Some(tree) = repo.worktree_at(path)? {
        tree.claim(root)?;
        let head = repo.branch_at(&tree.admin)?;
        let begun =
            tree.is_present() && tree.is_whole() && tree.owner().is_none_or(|found| found == owner);
        if begun && !was_ready(&tree) && (head.as_deref() == Some(owner) || owner == GATE) {
            return Ok(kept);
        }
        if tree.is_present() && was_ready(&tree) && tree.owner().is_some_and(|found| found != owner)
        {
            let cause = format!(
                "the worktree at {} belongs to {}",
                path.display(),
                tree.owner().unwrap_or_default()
            );
            return Err(GitError::refused(cause, "remove that agent first"));
        }
        if let Some((prefix, at)) = keep {
            kept.extend(tree.keep_lost_commits(prefix, at)?);
        }
        tree.unregister()?;
        if !was_ready(&tree) {
            // Only a checkout that was never completed: nobody has worked in it.
            root.discard(path)?;
        }
    }
    if fs::symlink_metadata(path).is_ok() {
        if let Some(keep) = keep {
            kept.extend(keep_leftovers(repo, Some(root), path, owner, keep)?);
        }
        root.discard(path)?;
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .map_err(|e| GitError::io(format!("making {}", parent.display()), e))?;
    }
    Ok(kept)
}

fn was_ready(tree: &Tree<'_>) -> bool {
    tree.admin.join("cw-ready").exists()
}

/// Keeps the files at `path`, whose registration is gone; where they are about to go, the commits
/// of repositories there too, as [`Repo::keep_nested`] does.
pub(super) fn keep_leftovers(
    repo: &Repo<'_>,
    going: Option<&Root>,
    path: &Path,
    branch: &str,
    (prefix, at): (&str, Timestamp),
) -> Result<Vec<String>, GitError> {
    let holds_files = fs::read_dir(path)
        .is_ok_and(|mut all| all.any(|e| e.is_ok_and(|e| e.file_name() != ".git")));
    let is_folder = fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
    let mut kept = Vec::new();
    if !is_folder {
        return Ok(kept);
    }
    if let Some(root) = going {
        kept.extend(repo.keep_repository(root, &path.join(".git"), prefix)?);
    }
    if !holds_files {
        return Ok(kept);
    }
    let (tree, nested) = repo.folder_tree(&repo.common, path)?;
    let nested = repo.keep_nested(&repo.common, path, &nested, going, (prefix, at))?;
    kept.extend(nested);
    let parents: Vec<Oid> = repo.tip(branch)?.into_iter().collect();
    if parents
        .first()
        .map(|tip| repo.tree_of(tip))
        .transpose()?
        .as_ref()
        != Some(&tree)
    {
        kept.push(repo.keep_tree(
            &tree,
            &parents,
            "Keep what was found in a worktree's place",
            prefix,
            at,
        )?);
    }
    Ok(kept)
}

/// Sees to it that the branch exists. One that has no work of its own begins at `start`.
fn begin_branch(repo: &Repo<'_>, branch: &str, start: &Oid) -> Result<Oid, GitError> {
    let name = branch_ref(branch);
    match repo.tip(branch)? {
        None => repo.change_refs(
            &[Change::Create {
                name: &name,
                new: start,
            }],
            "begin",
        )?,
        Some(tip) if tip != *start && repo.is_ancestor(&tip, start)? => {
            if repo.checked_out_at(branch)?.is_some() {
                return Ok(tip);
            }
            repo.change_refs(
                &[Change::Move {
                    name: &name,
                    old: &tip,
                    new: start,
                }],
                "begin again",
            )?;
        }
        Some(tip) => return Ok(tip),
    }
    Ok(start.clone())
}

/// Sees to it that no worktree has the branch: one of ours whose folder is gone is forgotten.
fn free_branch(repo: &Repo<'_>, root: &Root, ask: &Prepare) -> Result<(), GitError> {
    let branch = ask.branch.as_str();
    for tree in repo.registered()? {
        if !tree.is_whole() || repo.branch_at(&tree.admin)?.as_deref() != Some(branch) {
            continue;
        }
        if tree.is_present() {
            let hint = format!("git -C {} switch --detach", tree.path.display());
            let cause = format!("{branch} is checked out at {}", tree.path.display());
            return Err(GitError::refused(cause, hint));
        }
        tree.claim(root)?;
        tree.keep_lost_commits(&ask.kept, ask.at)?;
        tree.unregister()?;
    }
    Ok(())
}

/// Makes the gate's worktree hold exactly the commit. Ignored files stay, as caches.
pub(super) fn gate_checkout(
    repo: &Repo<'_>,
    root: &Root,
    ask: &GateCheckout,
) -> Result<(), GitError> {
    let path = root.own(&ask.path)?;
    repo.locks.alone(&path, || {
        repo.existing(&ask.commit)?;
        let known = usable(repo, &path, GATE)?;
        if let Some(tree) = &known {
            tree.claim(root)?;
        } else {
            repo.locks.exclusive(&repo.worktrees_lock(), |lock| {
                clear(repo, root, &path, GATE, None)?;
                if repo.worktree_at(&path)?.is_none() {
                    repo.add_worktree(&path, GATE, lock, &["--detach", ask.commit.as_str()])?;
                }
                registered(repo, &path)?.set_owner(GATE)
            })?;
        }
        let tree = registered(repo, &path)?;
        tree.mend(root, None)?;
        tree.end_operation()?;
        // HEAD first, and itself: a gate may have left it on a branch, which must not move.
        tree.git_without_checkout()
            .args(["update-ref", "--no-deref", "HEAD", ask.commit.as_str()])
            .succeed()?;
        tree.show_everything()?;
        if tree.try_reset()?.code != 0 {
            // An index that cannot be read is made again.
            remove_file(&tree.admin.join("index"))?;
            tree.reset()?;
        }
        tree.git()
            .args(["clean", "--quiet", "-f", "-f", "-d"])
            .succeed()?;
        tree.copy_in(&ask.copy)?;
        tree.set_ready(GATE)
    })
}
