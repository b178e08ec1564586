//! A repository small enough to hold thousands of them: commits with a version per file, refs,
//! worktrees. It knows no core but its names, and merges as git does, file by file.

use std::collections::{BTreeMap, BTreeSet};

use cw_core::domain::ids::{AgentId, InitiativeId, TaskId};
use cw_core::domain::oid::Oid;

/// A commit, by its number; the first is 0.
pub(super) type CommitNo = u32;
/// A file, by its number.
pub(super) type File = u32;
/// What one writing of a file left there; 0: nothing was ever written.
pub(super) type Edit = u32;

/// The name of a commit as the core sees it.
#[must_use]
pub(super) fn oid(commit: CommitNo) -> Oid {
    Oid::new(format!("{:040x}", commit + 1)).expect("40 digits are a name")
}

/// The commit of this name.
#[must_use]
pub(super) fn commit_no(oid: &Oid) -> CommitNo {
    u32::from_str_radix(&oid.as_str()[24..], 16).map_or(CommitNo::MAX, |n| n.wrapping_sub(1))
}

struct Commit {
    tree: Vec<Edit>,
    /// One bit for each commit that it contains, itself too.
    contains: Vec<u64>,
}

/// A branch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Branch {
    /// The user's own.
    Base,
    /// Where the tasks of an initiative are merged.
    Integration(InitiativeId),
    /// An agent's.
    Agent(AgentId),
}

/// A merge under way in a worktree.
#[derive(Clone, Debug)]
pub(super) struct Merging {
    /// What is merged in.
    pub(super) tip: CommitNo,
    /// Files in conflict that nobody has solved yet.
    pub(super) unresolved: BTreeSet<File>,
}

/// An agent's worktree.
#[derive(Clone, Debug, Default)]
pub(super) struct Worktree {
    /// What was written and not committed.
    pub(super) dirty: BTreeMap<File, Edit>,
    /// A merge under way.
    pub(super) merging: Option<Merging>,
}

/// How moving the integration branch ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moved {
    /// Now or before.
    Done,
    /// Somebody else moved the branch.
    ByOthers(Option<CommitNo>),
}

/// A repository.
pub(super) struct Git {
    commits: Vec<Commit>,
    heads: BTreeMap<Branch, CommitNo>,
    merged: BTreeMap<(TaskId, u32), CommitNo>,
    kept: Vec<CommitNo>,
    trials: BTreeMap<(CommitNo, CommitNo), CommitNo>,
    /// The worktrees of agents.
    pub(super) worktrees: BTreeMap<AgentId, Worktree>,
    /// For each edit the commit that holds it, once one does; `None` while it is only on disk.
    edits: Vec<Option<CommitNo>>,
    overwritten: BTreeSet<Edit>,
    /// Moves the integration branch without looking where it is (a mutant).
    pub(super) blind: bool,
}

impl Default for Git {
    fn default() -> Self {
        let root = Commit {
            tree: Vec::new(),
            contains: vec![1],
        };
        Self {
            commits: vec![root],
            heads: [(Branch::Base, 0)].into(),
            merged: BTreeMap::new(),
            kept: Vec::new(),
            trials: BTreeMap::new(),
            worktrees: BTreeMap::new(),
            edits: vec![Some(0)],
            overwritten: BTreeSet::new(),
            blind: false,
        }
    }
}

impl Git {
    /// Where a branch is.
    #[must_use]
    pub(super) fn head(&self, branch: Branch) -> Option<CommitNo> {
        self.heads.get(&branch).copied()
    }

    /// Moves or makes a branch, as whoever may do so at any time.
    pub(super) fn set_head(&mut self, branch: Branch, to: CommitNo) {
        self.heads.insert(branch, to);
    }

    /// Whether `of` contains `commit`.
    #[must_use]
    pub(super) fn contains(&self, of: CommitNo, commit: CommitNo) -> bool {
        let bits = self.commits.get(of as usize).map(|row| &row.contains);
        bits.and_then(|bits| bits.get(commit as usize / 64))
            .is_some_and(|word| word & (1 << (commit % 64)) != 0)
    }

    /// Makes a commit; the first parent's tree with these edits.
    pub(super) fn commit(
        &mut self,
        parents: &[CommitNo],
        mut tree: Vec<Edit>,
        edits: &BTreeMap<File, Edit>,
    ) -> CommitNo {
        let number = CommitNo::try_from(self.commits.len()).unwrap_or(CommitNo::MAX);
        let mut contains = vec![0; number as usize / 64 + 1];
        contains[number as usize / 64] |= 1 << (number % 64);
        for parent in parents {
            for (word, more) in contains
                .iter_mut()
                .zip(&self.commits[*parent as usize].contains)
            {
                *word |= more;
            }
        }
        for (file, edit) in edits {
            put(&mut tree, *file, *edit);
            self.edits[*edit as usize].get_or_insert(number);
        }
        self.commits.push(Commit { tree, contains });
        number
    }

    /// The files of a commit.
    #[must_use]
    pub(super) fn tree(&self, commit: CommitNo) -> &[Edit] {
        &self.commits[commit as usize].tree
    }

    /// A new edit of a file in an agent's worktree; `false` when there is no such worktree.
    pub(super) fn write(&mut self, agent: AgentId, file: File, resolves: bool) -> bool {
        let edit = Edit::try_from(self.edits.len()).unwrap_or(Edit::MAX);
        let Some(tree) = self.worktrees.get_mut(&agent) else {
            return false;
        };
        self.edits.push(None);
        if let Some(old) = tree.dirty.insert(file, edit) {
            self.overwritten.insert(old);
        }
        if resolves && let Some(merging) = &mut tree.merging {
            merging.unresolved.remove(&file);
        }
        true
    }

    /// A commit of somebody else's on top of `on`.
    pub(super) fn stranger(&mut self, on: CommitNo, file: File) -> CommitNo {
        let edit = Edit::try_from(self.edits.len()).unwrap_or(Edit::MAX);
        self.edits.push(None);
        let tree = self.tree(on).to_vec();
        self.commit(&[on], tree, &[(file, edit)].into())
    }

    /// The newest commit that both contain.
    fn base_of(&self, ours: CommitNo, theirs: CommitNo) -> CommitNo {
        let (a, b) = (
            &self.commits[ours as usize].contains,
            &self.commits[theirs as usize].contains,
        );
        let shared = a.iter().zip(b).map(|(a, b)| a & b);
        shared
            .enumerate()
            .rfind(|(_, word)| *word != 0)
            .map_or(0, |(at, word)| {
                u32::try_from(at).unwrap_or(0) * 64 + 63 - word.leading_zeros()
            })
    }

    /// Merges two trees over their base: the tree, with ours where there is a conflict, and the
    /// files in conflict.
    fn merge_trees(&self, ours: CommitNo, theirs: CommitNo) -> (Vec<Edit>, BTreeSet<File>) {
        let base = self.tree(self.base_of(ours, theirs));
        let (a, b) = (self.tree(ours), self.tree(theirs));
        let at = |tree: &[Edit], file: usize| tree.get(file).copied().unwrap_or(0);
        let mut conflicts = BTreeSet::new();
        let tree = (0..a.len().max(b.len()))
            .map(|file| {
                let (base, ours, theirs) = (at(base, file), at(a, file), at(b, file));
                if ours == theirs || theirs == base {
                    return ours;
                }
                if ours != base {
                    conflicts.insert(File::try_from(file).unwrap_or(File::MAX));
                    return ours;
                }
                theirs
            })
            .collect();
        (tree, conflicts)
    }

    /// Tries a merge of `head` into `tip`: the merge commit, or the files in conflict.
    pub(super) fn trial(
        &mut self,
        tip: CommitNo,
        head: CommitNo,
    ) -> Result<CommitNo, BTreeSet<File>> {
        if let Some(known) = self.trials.get(&(tip, head)) {
            return Ok(*known);
        }
        let (tree, conflicts) = self.merge_trees(tip, head);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let commit = self.commit(&[tip, head], tree, &BTreeMap::new());
        self.trials.insert((tip, head), commit);
        Ok(commit)
    }

    /// Moves an integration branch from `old` to `new` and creates the ref that records it, in
    /// one step; replayed, it finds that done.
    pub(super) fn advance(
        &mut self,
        branch: Branch,
        old: CommitNo,
        new: CommitNo,
        record: (TaskId, u32),
    ) -> Moved {
        if self.blind {
            self.merged.insert(record, new);
            self.heads.insert(branch, new);
            return Moved::Done;
        }
        let tip = self.head(branch);
        if !self.merged.contains_key(&record) && tip == Some(old) {
            self.merged.insert(record, new);
            self.heads.insert(branch, new);
            return Moved::Done;
        }
        if tip.is_some_and(|tip| self.contains(tip, new)) {
            self.merged.entry(record).or_insert(new);
            return Moved::Done;
        }
        Moved::ByOthers(tip)
    }

    /// Makes an agent's worktree on its branch, or finds it again; `true` when it is new.
    pub(super) fn house(&mut self, agent: AgentId, start: CommitNo) -> (CommitNo, bool) {
        let branch = Branch::Agent(agent);
        let fresh = !self.worktrees.contains_key(&agent);
        let head = match self.head(branch) {
            Some(head) if !fresh || !self.contains(start, head) => head,
            _ => start,
        };
        self.heads.insert(branch, head);
        self.worktrees.entry(agent).or_default();
        (head, fresh)
    }

    /// Merges `tip` into an agent's worktree: its head, and the files in conflict.
    pub(super) fn merge_into(
        &mut self,
        agent: AgentId,
        tip: CommitNo,
    ) -> (CommitNo, BTreeSet<File>) {
        let (head, unresolved) = self.collect(agent);
        if !unresolved.is_empty()
            && let Some(tree) = self.worktrees.get_mut(&agent)
        {
            // What stood there is kept; the merge is begun again.
            *tree = Worktree::default();
        }
        if self.contains(head, tip) {
            return (head, BTreeSet::new());
        }
        if self.contains(tip, head) {
            self.heads.insert(Branch::Agent(agent), tip);
            return (tip, BTreeSet::new());
        }
        let (tree, conflicts) = self.merge_trees(head, tip);
        if conflicts.is_empty() {
            let merged = self.commit(&[head, tip], tree, &BTreeMap::new());
            self.heads.insert(Branch::Agent(agent), merged);
            return (merged, conflicts);
        }
        if let Some(tree) = self.worktrees.get_mut(&agent) {
            tree.merging = Some(Merging {
                tip,
                unresolved: conflicts.clone(),
            });
        }
        (head, conflicts)
    }

    /// Commits what an agent left: its head, and the files that are still in conflict (then
    /// nothing is committed on its branch, and what is there is kept aside).
    pub(super) fn collect(&mut self, agent: AgentId) -> (CommitNo, BTreeSet<File>) {
        let head = self.head(Branch::Agent(agent)).unwrap_or(0);
        let Some(tree) = self.worktrees.get(&agent).cloned() else {
            return (head, BTreeSet::new());
        };
        if tree.dirty.is_empty() && tree.merging.is_none() {
            return (head, BTreeSet::new());
        }
        let made = self.snapshot(head, &tree);
        let unresolved = tree
            .merging
            .map(|merging| merging.unresolved)
            .unwrap_or_default();
        if !unresolved.is_empty() {
            self.kept.push(made);
            return (head, unresolved);
        }
        self.heads.insert(Branch::Agent(agent), made);
        self.worktrees.insert(agent, Worktree::default());
        (made, unresolved)
    }

    fn snapshot(&mut self, head: CommitNo, tree: &Worktree) -> CommitNo {
        match &tree.merging {
            Some(merging) => {
                let (merged, _) = self.merge_trees(head, merging.tip);
                self.commit(&[head, merging.tip], merged, &tree.dirty)
            }
            None => {
                let files = self.tree(head).to_vec();
                self.commit(&[head], files, &tree.dirty)
            }
        }
    }

    /// Takes an agent's worktree away; what it holds is kept.
    pub(super) fn release(&mut self, agent: AgentId) {
        let Some(tree) = self.worktrees.remove(&agent) else {
            return;
        };
        if !tree.dirty.is_empty() || tree.merging.is_some() {
            let head = self.head(Branch::Agent(agent)).unwrap_or(0);
            let made = self.snapshot(head, &tree);
            self.kept.push(made);
        }
    }

    /// An edit that no ref leads to and no worktree holds, if there is one.
    #[must_use]
    pub(super) fn lost_edit(&self) -> Option<Edit> {
        let mut reached = vec![0_u64; self.commits.len() / 64 + 1];
        let refs = self.heads.values().chain(self.merged.values());
        for commit in refs.chain(&self.kept) {
            for (word, more) in reached
                .iter_mut()
                .zip(&self.commits[*commit as usize].contains)
            {
                *word |= more;
            }
        }
        let on_disk: BTreeSet<Edit> = self
            .worktrees
            .values()
            .flat_map(|tree| tree.dirty.values().copied())
            .collect();
        (0..)
            .zip(&self.edits)
            .find(|(edit, commit)| match commit {
                Some(commit) => reached[*commit as usize / 64] & (1 << (commit % 64)) == 0,
                None => !on_disk.contains(edit) && !self.overwritten.contains(edit),
            })
            .map(|(edit, _)| edit)
    }
}

fn put(tree: &mut Vec<Edit>, file: File, edit: Edit) {
    let at = file as usize;
    if tree.len() <= at {
        tree.resize(at + 1, 0);
    }
    tree[at] = edit;
}
