//! The end of a turn: what the agent left becomes a commit on its branch, whatever state it left
//! it in. What cannot be on the branch is kept under refs beside it.

use std::collections::BTreeSet;

use cw_core::domain::oid::Oid;
use cw_core::ports::workspaces::{Collect, Collected};

use super::capture::Capture;
use super::error::GitError;
use super::prepare::keep_leftovers;
use super::refs::Change;
use super::repo::{Repo, branch_ref, shown};
use super::root::Root;
use super::worktree::{Head, Tree};

pub(super) fn collect(repo: &Repo<'_>, root: &Root, ask: &Collect) -> Result<Collected, GitError> {
    let path = root.own(&ask.path)?;
    repo.locks.alone(&path, || {
        match repo
            .worktree_at(&path)?
            .filter(|t| t.is_present() && t.is_whole())
        {
            Some(tree) => {
                tree.claim(root)?;
                tree.mend(root)?;
                tree.undo_half_merge()?;
                tree.set_used()?;
                collect_tree(&tree, ask)
            }
            None => without_worktree(repo, ask, &path),
        }
    })
}

/// The checkout or its registration is gone: the branch is what there is.
fn without_worktree(
    repo: &Repo<'_>,
    ask: &Collect,
    path: &std::path::Path,
) -> Result<Collected, GitError> {
    let head = repo.tip(&ask.branch)?;
    let kept = keep_leftovers(repo, path, &ask.branch, &ask.kept, ask.at)?;
    let head = head.unwrap_or_else(|| ask.base.clone());
    Ok(Collected {
        ahead: !repo.is_ancestor(&head, &ask.base)?,
        head,
        committed: false,
        unresolved: Vec::new(),
        merge_dropped: false,
        kept,
        notes: vec!["the worktree is gone; the work taken is the branch".into()],
    })
}

/// What was found in the worktree.
struct Found {
    head: Head,
    /// The commit that the work stands on.
    parent: Oid,
    tip: Option<Oid>,
    capture: Capture,
    merging: Vec<Oid>,
    kept: Vec<String>,
    notes: Vec<String>,
}

/// Commits what the (mended) worktree holds.
pub(super) fn collect_tree(tree: &Tree<'_>, ask: &Collect) -> Result<Collected, GitError> {
    let bounce = tree.bounce();
    let unmerged = tree.unmerged()?;
    let unresolved = tree.unresolved(bounce.as_ref(), &unmerged)?;
    let mut found = look(tree, ask)?;
    let half = !unresolved.is_empty() && (!unmerged.is_empty() || !found.merging.is_empty());
    let (head, committed) = if half {
        hold(tree, ask, &mut found)?
    } else {
        commit(tree, ask, &mut found)?
    };
    let merge_dropped = match &bounce {
        Some(bounce) if !half => !tree.repo.is_ancestor(&bounce.tip, &head)?,
        _ => false,
    };
    if unresolved.is_empty() && !merge_dropped {
        tree.forget_bounce()?;
    }
    Ok(Collected {
        ahead: !tree.repo.is_ancestor(&head, &ask.base)?,
        head,
        committed,
        unresolved: shown(unresolved.iter().map(Vec::as_slice)),
        merge_dropped,
        kept: found.kept,
        notes: found.notes,
    })
}

fn look(tree: &Tree<'_>, ask: &Collect) -> Result<Found, GitError> {
    let repo = tree.repo;
    let head = tree.head()?;
    let tip = repo.tip(&ask.branch)?;
    let parent = match head.commit.clone().or_else(|| tip.clone()) {
        Some(commit) => commit,
        None => last_head(tree)?.unwrap_or_else(|| ask.base.clone()),
    };
    let leave_out: BTreeSet<Vec<u8>> = tree.copies().into_keys().collect();
    let capture = tree.capture(&parent, &leave_out)?;
    let mut found = Found {
        parent,
        tip,
        merging: tree.merge_heads(),
        kept: Vec::new(),
        notes: Vec::new(),
        head,
        capture,
    };
    found.kept = tree.keep_apart(&found.capture, &ask.kept, ask.at)?;
    for name in shown(found.capture.nested.iter().map(Vec::as_slice)) {
        found.notes.push(format!(
            "{name} is a repository of its own: not committed, its files are kept aside"
        ));
    }
    for name in shown(found.capture.left_out.iter().map(Vec::as_slice)) {
        found
            .notes
            .push(format!("not committed, git cannot take it: {name}"));
    }
    Ok(found)
}

/// The last commit that HEAD stood on: the agent deleted its branch.
pub(super) fn last_head(tree: &Tree<'_>) -> Result<Option<Oid>, GitError> {
    for oid in tree.past_heads() {
        if tree.repo.commit(oid.as_str())?.is_some() {
            return Ok(Some(oid));
        }
    }
    Ok(None)
}

/// A merge that is not resolved stays as it is in the worktree; a copy of it is kept.
fn hold(tree: &Tree<'_>, ask: &Collect, found: &mut Found) -> Result<(Oid, bool), GitError> {
    let parents = [vec![found.parent.clone()], found.merging.clone()].concat();
    let subject = format!("Keep an unresolved state of {}", ask.branch);
    found.kept.push(tree.repo.keep_tree(
        &found.capture.tree,
        &parents,
        &subject,
        &ask.kept,
        ask.at,
    )?);
    Ok((
        found.tip.clone().unwrap_or_else(|| found.parent.clone()),
        false,
    ))
}

fn commit(tree: &Tree<'_>, ask: &Collect, found: &mut Found) -> Result<(Oid, bool), GitError> {
    let repo = tree.repo;
    let astray = found.head.branch.as_deref() != Some(&ask.branch);
    let changed = !found.merging.is_empty() || repo.tree_of(&found.parent)? != found.capture.tree;
    let parents = [vec![found.parent.clone()], found.merging.clone()].concat();
    let new = match &found.tip {
        // Done before, by a process that died before it could say so.
        Some(tip)
            if changed
                && astray
                && shape(repo, tip)? == (found.capture.tree.clone(), parents.clone()) =>
        {
            tip.clone()
        }
        _ if changed => repo.make_commit(&found.capture.tree, &parents, &ask.message, ask.at)?,
        _ => found.parent.clone(),
    };
    for aside in tree.put_aside() {
        if repo.commit(aside.as_str())?.is_some() && !repo.is_ancestor(&aside, &new)? {
            found.kept.push(repo.keep(&ask.kept, &aside)?);
        }
    }
    if let Some(operation) = tree.operation().filter(|name| *name != "merge") {
        found.notes.push(format!(
            "a {operation} was under way; the work taken is what was there"
        ));
    }
    move_branch(repo, ask, found, &new)?;
    if astray {
        let from = found.head.branch.as_deref().unwrap_or("a detached HEAD");
        found.notes.push(format!(
            "the worktree was on {from}; the branch was moved there"
        ));
        let branch = branch_ref(&ask.branch);
        tree.git_without_checkout()
            .args(["symbolic-ref", "-m", "cw: collect", "HEAD", &branch])
            .succeed()?;
    }
    tree.take_index(&found.capture)?;
    tree.end_operation()?;
    Ok((new, changed))
}

fn move_branch(
    repo: &Repo<'_>,
    ask: &Collect,
    found: &mut Found,
    new: &Oid,
) -> Result<(), GitError> {
    let name = branch_ref(&ask.branch);
    match &found.tip {
        Some(tip) if tip == new => Ok(()),
        Some(tip) => {
            if !repo.is_ancestor(tip, new)? {
                found.kept.push(repo.keep(&ask.kept, tip)?);
            }
            repo.change_refs(
                &[Change::Move {
                    name: &name,
                    old: tip,
                    new,
                }],
                "collect",
            )
        }
        None => repo.change_refs(&[Change::Create { name: &name, new }], "collect"),
    }
}

fn shape(repo: &Repo<'_>, commit: &Oid) -> Result<(Oid, Vec<Oid>), GitError> {
    let output = repo
        .git()
        .args(["show", "-s", "--format=%T %P", commit.as_str(), "--"])
        .succeed()?;
    let line = output.line();
    let mut oids = line
        .split_whitespace()
        .map(|oid| Oid::new(oid).map_err(|_| output.unreadable()));
    let tree = oids.next().ok_or_else(|| output.unreadable())??;
    Ok((tree, oids.collect::<Result<_, _>>()?))
}
