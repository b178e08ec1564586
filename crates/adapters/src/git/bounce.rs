//! A bounce: the integration tip merged into a task's own worktree, and the memory of what was in
//! conflict, by which one can tell later whether it still is.
//!
//! Two files in the worktree's git folder: `cw-merging` stands while the merge is being made (a
//! git killed then leaves half of it), `cw-bounce` from then on until all is resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{Collect, MergeInto, MergedInto};

use super::collect;
use super::commits::{compose, signed_as};
use super::copies::fingerprint;
use super::error::GitError;
use super::keep::behind_a_link;
use super::markers::holds_new_markers;
use super::repo::{Repo, path_of, remove_file, shown, write_whole};
use super::root::Root;
use super::worktree::Tree;

const BOUNCE: &str = "cw-bounce";
const MERGING: &str = "cw-merging";
/// A file larger than this is not searched for markers: git does not put any in it.
const LARGE: u64 = 512 * 1024 * 1024;

/// A path in conflict.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Conflict {
    /// The blobs of base, ours and theirs; not every conflict has all.
    stages: [Option<String>; 3],
    /// What the merge left in the worktree, `None` for nothing.
    left: Option<u64>,
}

/// What a bounce left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bounce {
    /// The tip that was merged in.
    pub(super) tip: Oid,
    /// By path.
    pub(super) conflicts: BTreeMap<Vec<u8>, Conflict>,
}

impl Bounce {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = format!("{}\0", self.tip).into_bytes();
        for (path, conflict) in &self.conflicts {
            let stage = |n: usize| conflict.stages[n].as_deref().unwrap_or("-");
            let left = conflict
                .left
                .map_or_else(|| "-".to_owned(), |print| format!("{print:x}"));
            bytes.extend(format!("{} {} {} {left} ", stage(0), stage(1), stage(2)).bytes());
            bytes.extend(path);
            bytes.push(0);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.split(|b| *b == 0).filter(|part| !part.is_empty());
        let tip = Oid::new(std::str::from_utf8(parts.next()?).ok()?).ok()?;
        let conflicts = parts.map(|part| {
            let mut words = part.splitn(5, |b| *b == b' ');
            let mut word = || {
                let text = std::str::from_utf8(words.next()?).ok()?;
                Some((text != "-").then(|| text.to_owned()))
            };
            let stages = [word()?, word()?, word()?];
            let left = word()?.and_then(|print| u64::from_str_radix(&print, 16).ok());
            Some((words.next()?.to_vec(), Conflict { stages, left }))
        });
        Some(Self {
            tip,
            conflicts: conflicts.collect::<Option<_>>()?,
        })
    }
}

impl Tree<'_> {
    /// What the last bounce left.
    pub(super) fn bounce(&self) -> Option<Bounce> {
        Bounce::decode(&fs::read(self.admin.join(BOUNCE)).ok()?)
    }

    /// Forgets the last bounce: all of it is resolved.
    pub(super) fn forget_bounce(&self) -> Result<(), GitError> {
        remove_file(&self.admin.join(BOUNCE))
    }

    /// The paths that git's index calls unmerged.
    pub(super) fn unmerged(&self) -> Result<BTreeMap<Vec<u8>, Conflict>, GitError> {
        if self
            .index()
            .is_some_and(|index| !index.unmerged && !index.split)
        {
            return Ok(BTreeMap::new());
        }
        let output = self.git().args(["ls-files", "-z", "--unmerged"]).run()?;
        let mut found: BTreeMap<Vec<u8>, Conflict> = BTreeMap::new();
        if output.code != 0 {
            // The index cannot be read: what it knew of a merge is lost, the files are not.
            return Ok(found);
        }
        for part in output.parts() {
            let tab = part
                .iter()
                .position(|b| *b == b'\t')
                .ok_or_else(|| output.unreadable())?;
            let words = String::from_utf8_lossy(&part[..tab]).into_owned();
            let mut words = words.split(' ').skip(1);
            let (Some(oid), Some(stage @ ("1" | "2" | "3"))) = (words.next(), words.next()) else {
                return Err(output.unreadable());
            };
            let path = part[tab + 1..].to_vec();
            let left = fingerprint(&self.path.join(path_of(&path)));
            let conflict = found.entry(path).or_default();
            conflict.left = left;
            let slot = stage.bytes().next().map_or(0, |b| usize::from(b - b'1'));
            conflict.stages[slot] = Some(oid.to_owned());
        }
        Ok(found)
    }

    /// The paths still in conflict: with a marker that no side had, or still unmerged and as the
    /// merge left them (a change against a removal, binary files and links have no markers).
    pub(super) fn unresolved(
        &self,
        bounce: Option<&Bounce>,
        unmerged: &BTreeMap<Vec<u8>, Conflict>,
    ) -> Result<Vec<Vec<u8>>, GitError> {
        let known = bounce.map(|b| &b.conflicts);
        let paths: BTreeSet<&Vec<u8>> = unmerged
            .keys()
            .chain(known.into_iter().flat_map(|c| c.keys()))
            .collect();
        let mut unresolved = Vec::new();
        for path in paths {
            let then = known.and_then(|c| c.get(path));
            let now = unmerged.get(path);
            let untouched = then.is_some() && then == now;
            let Some(conflict) = then.or(now) else {
                continue;
            };
            if untouched || self.holds_markers(path, conflict)? {
                unresolved.push(path.clone());
            }
        }
        Ok(unresolved)
    }

    fn holds_markers(&self, path: &[u8], conflict: &Conflict) -> Result<bool, GitError> {
        let file = self.path.join(path_of(path));
        if !fs::symlink_metadata(&file).is_ok_and(|m| m.is_file() && m.len() < LARGE) {
            return Ok(false);
        }
        let text =
            fs::read(&file).map_err(|e| GitError::io(format!("reading {}", file.display()), e))?;
        if !holds_new_markers(&text, &[], None) {
            return Ok(false);
        }
        // A stage may be a submodule's commit, which is no text.
        let blob = |stage: &Option<String>| stage.as_ref().and_then(|oid| self.repo.blob(oid).ok());
        let [base, ours, theirs] = &conflict.stages;
        let sides: Vec<Vec<u8>> = [ours, theirs].into_iter().filter_map(blob).collect();
        Ok(holds_new_markers(&text, &sides, blob(base).as_deref()))
    }

    /// Undoes a merge that a killed git left half made. What stands in the worktree then is the
    /// merge's, or of somebody who worked there since: it is kept first.
    pub(super) fn undo_half_merge(
        &self,
        prefix: &str,
        at: Timestamp,
    ) -> Result<Vec<String>, GitError> {
        let Ok(text) = fs::read_to_string(self.admin.join(MERGING)) else {
            return Ok(Vec::new());
        };
        let oids: Vec<Oid> = text
            .split_whitespace()
            .filter_map(|oid| Oid::new(oid).ok())
            .collect();
        let head = self.head()?.commit;
        let mut kept = Vec::new();
        if let [before, tip] = &oids[..]
            && head.as_ref() == Some(before)
            && self.merge_heads().is_empty()
        {
            let capture = self.capture(before, &BTreeSet::new())?;
            if let Some(tree) = &capture.tree {
                let subject = "Keep what stood in the place of a merge that was cut off";
                let parents = [before.clone()];
                kept.push(self.repo.keep_tree(tree, &parents, subject, prefix, at)?);
            }
            kept.extend(self.keep_apart(&capture, None, (prefix, at))?);
            self.reset()?;
            for path in self.repo.changed(before, tip, "A")? {
                self.remove_merged(&path)?;
            }
        }
        remove_file(&self.admin.join(MERGING))?;
        Ok(kept)
    }

    /// Removes a file that a merge has put there. Where a folder stands, or a file or a link in the
    /// place of its folder, that is what was there before.
    fn remove_merged(&self, path: &[u8]) -> Result<(), GitError> {
        let path = self.path.join(path_of(path));
        let gone = fs::symlink_metadata(&path).map_or(true, |found| found.is_dir());
        if gone || behind_a_link(&self.path, &path) {
            return Ok(());
        }
        remove_file(&path)
    }

    /// The paths of a tree to which the marker of the bounce's merge has come that its tip has
    /// not: also where the file that was in conflict got another name.
    pub(super) fn carried_markers(
        &self,
        bounce: &Bounce,
        tree: &Oid,
    ) -> Result<Vec<Vec<u8>>, GitError> {
        // The end of git's last marker line names the merged commit.
        let marker = format!("-S> {}", bounce.tip);
        let output = self
            .repo
            .git()
            .args(["diff-tree", "-r", "-z", "--name-only", "--no-renames"])
            .args(["--diff-filter=AMT", "--text", &marker])
            .args([bounce.tip.as_str(), tree.as_str()])
            .succeed()?;
        Ok(output.parts().map(<[u8]>::to_vec).collect())
    }
}

/// Merges the tip into the task's worktree.
pub(super) fn merge_into(
    repo: &Repo<'_>,
    root: &Root,
    ask: &MergeInto,
) -> Result<MergedInto, GitError> {
    let path = root.own(&ask.path)?;
    repo.locks.alone(&path, || {
        repo.existing(&ask.tip)?;
        let missing =
            || GitError::refused(format!("there is no worktree at {}", path.display()), "");
        let tree = repo
            .worktree_at(&path)?
            .filter(|t| t.is_present() && t.is_whole())
            .ok_or_else(missing)?;
        tree.claim(root)?;
        tree.mend(root, Some(&ask.kept))?;
        if let Some(known) = under_way(&tree, &ask.tip)? {
            return Ok(known);
        }
        tree.undo_half_merge(&ask.kept, ask.at)?;
        let old = settle(&tree, ask)?;
        merge(&tree, ask, old)
    })
}

/// The same merge, if it is under way already.
fn under_way(tree: &Tree<'_>, tip: &Oid) -> Result<Option<MergedInto>, GitError> {
    if tree.merge_heads() != [tip.clone()] {
        return Ok(None);
    }
    if tree.bounce().is_none_or(|b| b.tip != *tip) {
        if tree.unmerged()?.is_empty() {
            // All was resolved and not committed: that is for `collect`.
            return Ok(None);
        }
        remember(tree, tip, BTreeMap::new())?;
    }
    remove_file(&tree.admin.join(MERGING))?;
    Ok(tree.bounce().map(|b| MergedInto::Conflicted {
        paths: shown(b.conflicts.keys().map(Vec::as_slice)),
    }))
}

/// Commits what stands in the worktree; what cannot be committed (an older merge, unresolved) is
/// kept and cleared away. Gives the conflicts that were committed with their markers.
fn settle(tree: &Tree<'_>, ask: &MergeInto) -> Result<BTreeMap<Vec<u8>, Conflict>, GitError> {
    let collected = collect::collect_tree(
        tree,
        &Collect {
            repo: ask.repo.clone(),
            path: tree.path.clone(),
            branch: ask.branch.clone(),
            base: ask.tip.clone(),
            message: ask.message.clone(),
            at: ask.at,
            kept: ask.kept.clone(),
        },
    )?;
    if collected.unresolved.is_empty() {
        return Ok(BTreeMap::new());
    }
    if tree.operation().is_none() && tree.unmerged()?.is_empty() {
        return Ok(tree.bounce().map(|b| b.conflicts).unwrap_or_default());
    }
    tree.reset()?;
    tree.end_operation()?;
    tree.forget_bounce()?;
    if tree.head()?.branch.as_deref() != Some(&ask.branch) {
        // A rebase under way leaves HEAD detached: the branch is where it was before.
        let branch = super::repo::branch_ref(&ask.branch);
        tree.git_without_checkout()
            .args(["symbolic-ref", "HEAD", &branch])
            .succeed()?;
        tree.reset()?;
    }
    Ok(BTreeMap::new())
}

fn merge(
    tree: &Tree<'_>,
    ask: &MergeInto,
    old: BTreeMap<Vec<u8>, Conflict>,
) -> Result<MergedInto, GitError> {
    let lost = || GitError::refused(format!("{} has no commit", ask.branch), "");
    let head = tree.head()?.commit.ok_or_else(lost)?;
    write_whole(
        &tree.admin.join(MERGING),
        format!("{head} {}", ask.tip).as_bytes(),
    )?;
    make_room(tree, ask, &head)?;
    let git = tree.git().args([
        "merge",
        "--ff",
        "--no-edit",
        "--no-stat",
        "--quiet",
        "--no-autostash",
    ]);
    let git = git.args([
        "--no-verify-signatures",
        "--no-gpg-sign",
        "--no-squash",
        "--commit",
        "-m",
    ]);
    let git = signed_as(
        git.arg(compose(&ask.message)).arg(ask.tip.as_str()),
        &tree.repo.identity()?,
        ask.at,
    );
    let output = git.run()?;
    let under_way = !tree.merge_heads().is_empty();
    if output.code != 0 && !under_way {
        if output.stderr.contains("would be overwritten") {
            // Git has touched nothing.
            remove_file(&tree.admin.join(MERGING))?;
        }
        return Err(output.failure());
    }
    if under_way || !old.is_empty() {
        remember(tree, &ask.tip, old)?;
    } else {
        tree.forget_bounce()?;
    }
    remove_file(&tree.admin.join(MERGING))?;
    let bounce = tree.bounce();
    let unresolved = tree.unresolved(bounce.as_ref(), &tree.unmerged()?)?;
    if under_way || !unresolved.is_empty() {
        return Ok(MergedInto::Conflicted {
            paths: shown(unresolved.iter().map(Vec::as_slice)),
        });
    }
    tree.forget_bounce()?;
    Ok(MergedInto::Clean {
        head: tree.head()?.commit.ok_or_else(lost)?,
    })
}

/// A file that was copied in stands in the way of one that the tip brings. The original is in the
/// main checkout; a copy that the agent changed is its work, and is kept.
fn make_room(tree: &Tree<'_>, ask: &MergeInto, head: &Oid) -> Result<(), GitError> {
    let copies = tree.copies();
    if copies.is_empty() {
        return Ok(());
    }
    let mut in_the_way = tree.repo.changed(head, &ask.tip, "A")?;
    // Behind a link stands what is not this worktree's: the original itself, maybe.
    let is_file = |path: &Vec<u8>| {
        let path = tree.path.join(path_of(path));
        fs::symlink_metadata(&path).is_ok_and(|found| !found.is_dir())
            && !behind_a_link(&tree.path, &path)
    };
    in_the_way.retain(|path| copies.contains_key(path) && is_file(path));
    let changed: Vec<Vec<u8>> = in_the_way
        .iter()
        .filter(|path| !tree.is_unchanged_copy(path, copies[*path]))
        .cloned()
        .collect();
    let subject = "Keep changed copies that make room for a merge";
    let kept = tree.keep_files(&changed, subject, &ask.kept, ask.at)?;
    if let Some(missed) = kept.missed.first() {
        let name = shown([&missed[..]]).join("");
        return Err(GitError::refused(
            format!("{name} is in the way of a merge and cannot be read"),
            "make it readable, or take it away",
        ));
    }
    for path in in_the_way {
        remove_file(&tree.path.join(path_of(&path)))?;
    }
    Ok(())
}

fn remember(tree: &Tree<'_>, tip: &Oid, old: BTreeMap<Vec<u8>, Conflict>) -> Result<(), GitError> {
    let mut conflicts = old;
    conflicts.extend(tree.unmerged()?);
    write_whole(
        &tree.admin.join(BOUNCE),
        &Bounce {
            tip: tip.clone(),
            conflicts,
        }
        .encode(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounce_is_read_back_as_it_was_written() {
        let oid = |c: &str| c.repeat(40);
        let conflict = Conflict {
            stages: [Some(oid("a")), None, Some(oid("b"))],
            left: Some(7),
        };
        let odd = Conflict {
            stages: [None, None, None],
            left: None,
        };
        let bounce = Bounce {
            tip: Oid::new(oid("c")).unwrap(),
            conflicts: [(b"a b\n\xff".to_vec(), conflict), (b"-".to_vec(), odd)].into(),
        };
        assert_eq!(Bounce::decode(&bounce.encode()), Some(bounce));
    }
}
