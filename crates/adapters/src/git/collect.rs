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
        let Some(tree) = repo.worktree_at(&path)?.filter(Tree::is_whole) else {
            return without_worktree(repo, ask, &path, None);
        };
        tree.claim(root)?;
        if !tree.is_present() {
            return without_worktree(repo, ask, &path, Some(&tree));
        }
        let own = tree.mend(root, Some(&ask.kept))?;
        let half = tree.undo_half_merge(&ask.kept, ask.at)?;
        tree.set_used()?;
        let mut collected = collect_tree(&tree, ask)?;
        for (kept, what) in [
            (
                own.into_iter().collect(),
                "a repository of the agent's own stood over the worktree",
            ),
            (
                half,
                "a merge was cut off here, and what stood in its place is not on the branch",
            ),
        ] {
            if !kept.is_empty() {
                collected
                    .notes
                    .push(format!("{what}: kept as {}", kept.join(", ")));
                collected.kept.extend(kept);
            }
        }
        Ok(collected)
    })
}

/// The checkout is gone, or its registration too. The work taken is where its HEAD stood, if git
/// still knows, else the branch.
fn without_worktree(
    repo: &Repo<'_>,
    ask: &Collect,
    path: &std::path::Path,
    tree: Option<&Tree<'_>>,
) -> Result<Collected, GitError> {
    let tip = repo.tip(&ask.branch)?;
    let mut kept = keep_leftovers(repo, None, path, &ask.branch, (&ask.kept, ask.at))?;
    let left = tree
        .map(Tree::head)
        .transpose()?
        .and_then(|head| head.commit);
    let head = left
        .or_else(|| tip.clone())
        .unwrap_or_else(|| ask.base.clone());
    move_branch(repo, ask, tip.as_ref(), &head, &mut kept)?;
    Ok(Collected {
        ahead: !repo.is_ancestor(&head, &ask.base)?,
        head,
        committed: false,
        unresolved: Vec::new(),
        merge_dropped: false,
        kept,
        notes: vec!["the worktree is gone; the work taken is its last commit".into()],
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
    let mut unresolved = tree.unresolved(bounce.as_ref(), &unmerged)?;
    let mut found = look(tree, ask)?;
    if let Some(bounce) = &bounce {
        let held = found.capture.tree.as_ref().unwrap_or(&found.parent);
        let carried = tree.carried_markers(bounce, held)?;
        let known = |path: &Vec<u8>| bounce.conflicts.contains_key(path);
        unresolved.extend(carried.into_iter().filter(|path| !known(path)));
    }
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
        // What was committed just now is in no history of before.
        ahead: committed || !tree.repo.is_ancestor(&head, &ask.base)?,
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
    found.kept = tree.keep_apart(&found.capture, None, (&ask.kept, ask.at))?;
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
    let held = tree.repo.captured(&found.capture, &found.parent)?;
    found.kept.push(
        tree.repo
            .keep_tree(&held, &parents, &subject, &ask.kept, ask.at)?,
    );
    Ok((
        found.tip.clone().unwrap_or_else(|| found.parent.clone()),
        false,
    ))
}

fn commit(tree: &Tree<'_>, ask: &Collect, found: &mut Found) -> Result<(Oid, bool), GitError> {
    let repo = tree.repo;
    let astray = found.head.branch.as_deref() != Some(&ask.branch);
    let changed = !found.merging.is_empty() || found.capture.tree.is_some();
    let parents = [vec![found.parent.clone()], found.merging.clone()].concat();
    let new = if changed {
        let held = repo.captured(&found.capture, &found.parent)?;
        match &found.tip {
            // Done before, by a process that died before it could say so.
            Some(tip) if astray && shape(repo, tip)? == (held.clone(), parents.clone()) => {
                tip.clone()
            }
            _ => repo.make_commit(&held, &parents, &ask.message, ask.at)?,
        }
    } else {
        found.parent.clone()
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
    if changed && found.tip.as_ref() == Some(&found.parent) {
        step_forward(repo, ask, &found.parent, &new)?;
    } else {
        move_branch(repo, ask, found.tip.as_ref(), &new, &mut found.kept)?;
    }
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

/// Moves the branch from a commit to a child of it.
fn step_forward(repo: &Repo<'_>, ask: &Collect, old: &Oid, new: &Oid) -> Result<(), GitError> {
    let name = &branch_ref(&ask.branch);
    repo.change_refs(&[Change::Move { name, old, new }], "collect")
}

/// Moves the branch; where it stood is kept unless `new` leads there.
fn move_branch(
    repo: &Repo<'_>,
    ask: &Collect,
    tip: Option<&Oid>,
    new: &Oid,
    kept: &mut Vec<String>,
) -> Result<(), GitError> {
    let name = &branch_ref(&ask.branch);
    match tip {
        Some(tip) if tip == new => Ok(()),
        Some(tip) => {
            if !repo.is_ancestor(tip, new)? {
                kept.push(repo.keep(&ask.kept, tip)?);
            }
            step_forward(repo, ask, tip, new)
        }
        None => repo.change_refs(&[Change::Create { name, new }], "collect"),
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
