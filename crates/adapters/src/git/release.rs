//! Taking a worktree away: what it holds is kept under refs, its folder goes to the trash (a
//! rename, whatever its size), its registration goes with it, its branch stays.

use std::collections::BTreeSet;
use std::io::Write;

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{Release, Released};

use super::collect::last_head;
use super::error::GitError;
use super::prepare::keep_leftovers;
use super::repo::Repo;
use super::root::Root;
use super::worktree::{Head, Tree};

pub(super) fn release(repo: &Repo<'_>, root: &Root, ask: &Release) -> Result<Released, GitError> {
    let path = root.own(&ask.path)?;
    repo.locks.alone(&path, || {
        let mut kept = Vec::new();
        let keep = (ask.kept.as_str(), ask.at);
        match repo.worktree_at(&path)? {
            Some(tree) if tree.is_present() && tree.is_whole() => {
                tree.claim(root)?;
                kept.extend(tree.mend(root, Some(&ask.kept))?);
                kept.extend(tree.undo_half_merge(&ask.kept, ask.at)?);
                kept.extend(keep_work(&tree, root, ask)?);
                kept.extend(tree.keep_submodules(root, &ask.kept, ask.at)?);
            }
            Some(tree) => {
                tree.claim(root)?;
                kept.extend(tree.keep_lost_commits(&ask.kept, ask.at)?);
                kept.extend(tree.keep_submodules(root, &ask.kept, ask.at)?);
                kept.extend(keep_leftovers(repo, Some(root), &path, &ask.branch, keep)?);
            }
            None => kept.extend(keep_leftovers(repo, Some(root), &path, &ask.branch, keep)?),
        }
        if path.symlink_metadata().is_ok() {
            root.discard(&path)?;
        }
        // Looked for again under the lock: another process may have done the rest.
        repo.locks.exclusive(&repo.worktrees_lock(), |_| {
            repo.worktree_at(&path)?
                .map_or(Ok(()), |tree| tree.unregister())
        })?;
        Ok(Released { kept })
    })
}

/// A commit that keeps others has so many parents at most.
const MANY_PARENTS: usize = 200;

/// Keeps uncommitted files, and commits that only this worktree's HEAD or its log still knows.
fn keep_work(tree: &Tree<'_>, root: &Root, ask: &Release) -> Result<Vec<String>, GitError> {
    let repo = tree.repo;
    let tip = repo.tip(&ask.branch)?;
    let head = tree.head()?.commit.or_else(|| tip.clone());
    let head = match head {
        Some(head) => Some(head),
        None => last_head(tree)?,
    };
    let Some(head) = head else {
        return Ok(Vec::new());
    };
    // The copied files are in the main checkout; one that the agent changed is its work.
    let copies = tree.copies();
    let unchanged = copies
        .iter()
        .filter(|(path, print)| tree.is_unchanged_copy(path, **print));
    let leave_out: BTreeSet<Vec<u8>> = unchanged.map(|(path, _)| path.clone()).collect();
    let capture = tree.capture(&head, &leave_out)?;
    let mut kept = Vec::new();
    if ask.unmerged && is_on_no_other_branch(repo, &head, &ask.branch)? {
        kept.push(repo.keep(&ask.kept, &head)?);
    }
    kept.extend(tree.keep_apart(&capture, Some(root), (&ask.kept, ask.at))?);
    let merging = tree.merge_heads();
    if capture.tree.is_some() || !merging.is_empty() {
        let parents = [vec![head.clone()], merging].concat();
        let subject = format!("Keep what {} left", ask.branch);
        let held = repo.captured(&capture, &head)?;
        kept.push(repo.keep_tree(&held, &parents, &subject, &ask.kept, ask.at)?);
    }
    kept.extend(tree.keep_lost_commits(&ask.kept, ask.at)?);
    Ok(kept)
}

impl Tree<'_> {
    /// Keeps the commits that only this worktree's HEAD or its log still knows.
    pub(super) fn keep_lost_commits(
        &self,
        prefix: &str,
        at: Timestamp,
    ) -> Result<Vec<String>, GitError> {
        let repo = self.repo;
        let head = if self.is_whole() {
            self.head()?
        } else {
            Head::default()
        };
        let mut candidates: BTreeSet<Oid> = self.past_heads().into_iter().collect();
        candidates.extend(self.put_aside());
        let branch = head.branch.as_ref().and(head.commit.as_ref());
        match &head.commit {
            // Where HEAD is a branch, that branch leads to it.
            Some(tip) if branch.is_some() => drop(candidates.remove(tip)),
            other => candidates.extend(other.clone()),
        }
        // Most often all of it is on the branch, which costs less to see than all refs.
        let lost = on_no_ref(repo, &candidates, branch)?;
        match &lost[..] {
            [] => Ok(Vec::new()),
            [lost] => Ok(vec![repo.keep(prefix, lost)?]),
            // One ref for all that was amended or rebased away, whatever its number.
            many => many
                .chunks(MANY_PARENTS)
                .map(|some| {
                    let tree = repo.tree_of(&some[0])?;
                    repo.keep_tree(&tree, some, "Keep commits on no branch", prefix, at)
                })
                .collect(),
        }
    }
}

/// Whether a branch has commits that no other branch leads to.
fn is_on_no_other_branch(repo: &Repo<'_>, head: &Oid, branch: &str) -> Result<bool, GitError> {
    let but = format!("--exclude={branch}");
    let list = [
        "rev-list",
        "-n1",
        head.as_str(),
        "--not",
        &but,
        "--branches",
    ];
    Ok(!repo.git().args(list).succeed()?.stdout.is_empty())
}

/// Those of the commits that no ref leads to, without those that another of them leads to.
/// `branch` is a commit that is on a ref.
fn on_no_ref(
    repo: &Repo<'_>,
    commits: &BTreeSet<Oid>,
    branch: Option<&Oid>,
) -> Result<Vec<Oid>, GitError> {
    if let Some(branch) = branch
        && led_from(repo, commits, &[branch.as_str()])?.is_empty()
    {
        return Ok(Vec::new());
    }
    led_from(repo, commits, &["--all"])
}

/// Those of the commits that none of `others` leads to, without those that another of them leads to.
fn led_from(
    repo: &Repo<'_>,
    commits: &BTreeSet<Oid>,
    others: &[&str],
) -> Result<Vec<Oid>, GitError> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let mut input = Vec::new();
    for oid in commits {
        let _written = writeln!(input, "{oid}");
    }
    let list = [
        "rev-list",
        "--ignore-missing",
        "--stdin",
        "--topo-order",
        "--parents",
        "--not",
    ];
    let output = repo.git().args(list).args(others).input(input).succeed()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut led_to: BTreeSet<&str> = BTreeSet::new();
    let mut heads = Vec::new();
    // Children come before their parents.
    for line in text.lines() {
        let mut words = line.split(' ');
        let Some(commit) = words.next() else { continue };
        if !led_to.contains(commit) {
            heads.push(Oid::new(commit).map_err(|_| output.unreadable())?);
        }
        led_to.extend(words);
    }
    Ok(heads)
}
