//! Version control through the git program (2.41 or newer): the real side of
//! [`Workspaces`](cw_core::ports::workspaces::Workspaces).
//!
//! Every command passes [`door`]. Each step finds and mends what a killed git or a killed `cw`
//! left, so that doing it again succeeds. Beside git's own files, `cw` keeps in the shared git
//! folder `cw-worktrees.lock` and `cw-branches.lock` (between processes), `cw-trash/` and `cw-kept/`, and in
//! a worktree's git folder the files named `cw-…`.
//!
//! Submodules are left as they are: their links are committed like any file, and they are not
//! cloned into fresh worktrees. What was committed in them is kept before a worktree goes.

mod bounce;
mod capture;
mod collect;
mod commits;
mod copies;
mod door;
mod error;
mod foreign;
pub mod fresh;
mod holders;
mod index;
mod keep;
mod land;
mod lane;
mod locks;
mod markers;
mod origin;
mod prepare;
mod refs;
mod release;
mod repo;
mod root;
mod stored;
mod view;
mod worktree;

use std::path::{Path, PathBuf};

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{
    Advance, Advanced, Collect, Collected, Cut, CutBranch, Diff, GateCheckout, Inspection, Kept,
    Land, Landed, MergeInto, MergedInto, Origin, OriginOf, Prepare, Prepared, Preview, Release,
    Released, SyncBranch, Synced, Trial, Trialled, WorkspaceError, Workspaces, Worktree,
};

use commits::Memory;
pub use door::{Door, User};
use error::GitError;
use locks::Locks;
use repo::Repo;
use root::Root;

/// Repositories and worktrees, worked with the git program.
#[derive(Debug)]
pub struct GitWorkspaces {
    door: Door,
    root: Root,
    locks: Locks,
    memory: Memory,
}

impl GitWorkspaces {
    /// Works through `door`; all worktrees live below `root`, which is made if it does not exist.
    pub fn new(door: Door, root: &Path) -> Result<Self, WorkspaceError> {
        let root =
            Root::new(root).map_err(|e| e.explain("the folder of worktrees cannot be used"))?;
        Ok(Self {
            door,
            root,
            locks: Locks::default(),
            memory: Memory::default(),
        })
    }

    /// Does `work` on a repository; `what` could not be done if it fails.
    fn on<T>(
        &self,
        repo: &Path,
        what: &str,
        work: impl FnOnce(&Repo<'_>) -> Result<T, GitError>,
    ) -> Result<T, WorkspaceError> {
        Repo::open(&self.door, &self.locks, &self.memory, repo)
            .and_then(|repo| work(&repo))
            .map_err(|e| e.explain(what))
    }
}

impl Workspaces for GitWorkspaces {
    fn inspect(&self, dir: &Path) -> Result<Inspection, WorkspaceError> {
        view::inspect(&self.door, dir).map_err(|e| e.explain("the folder cannot be looked at"))
    }

    fn resolve(&self, repo: &Path, revision: &str) -> Result<Option<Oid>, WorkspaceError> {
        self.on(repo, "the revision cannot be looked up", |repo| {
            repo::resolve(self.door.at(&repo.root), revision)
        })
    }

    fn cut_branch(&self, ask: &CutBranch) -> Result<Cut, WorkspaceError> {
        self.on(&ask.repo, "the integration branch cannot be cut", |repo| {
            lane::cut(repo, ask)
        })
    }

    fn prepare(&self, ask: &Prepare) -> Result<Prepared, WorkspaceError> {
        self.on(&ask.repo, "the worktree cannot be made", |repo| {
            prepare::prepare(repo, &self.root, ask)
        })
    }

    fn merge_into(&self, ask: &MergeInto) -> Result<MergedInto, WorkspaceError> {
        self.on(
            &ask.repo,
            "the integration tip cannot be merged into the worktree",
            |repo| bounce::merge_into(repo, &self.root, ask),
        )
    }

    fn collect(&self, ask: &Collect) -> Result<Collected, WorkspaceError> {
        self.on(&ask.repo, "the agent's work cannot be committed", |repo| {
            collect::collect(repo, &self.root, ask)
        })
    }

    fn trial(&self, ask: &Trial) -> Result<Trialled, WorkspaceError> {
        self.on(&ask.repo, "the merge cannot be tried", |repo| {
            lane::trial(repo, ask)
        })
    }

    fn advance(&self, ask: &Advance) -> Result<Advanced, WorkspaceError> {
        self.on(
            &ask.repo,
            "the integration branch cannot be moved",
            |repo| lane::advance(repo, ask),
        )
    }

    fn gate_checkout(&self, ask: &GateCheckout) -> Result<(), WorkspaceError> {
        self.on(&ask.repo, "the gate's worktree cannot be made", |repo| {
            prepare::gate_checkout(repo, &self.root, ask)
        })
    }

    fn release(&self, ask: &Release) -> Result<Released, WorkspaceError> {
        self.on(&ask.repo, "the worktree cannot be taken away", |repo| {
            release::release(repo, &self.root, ask)
        })
    }

    fn land(&self, ask: &Land) -> Result<Landed, WorkspaceError> {
        self.on(&ask.repo, "the base branch cannot be moved", |repo| {
            land::land(repo, ask)
        })
    }

    fn sync_branch(&self, ask: &SyncBranch) -> Result<Synced, WorkspaceError> {
        self.on(
            &ask.repo,
            "the branch cannot be brought up to its base",
            |repo| land::sync_branch(repo, ask),
        )
    }

    fn preview(&self, ask: &Preview) -> Result<Diff, WorkspaceError> {
        self.on(&ask.repo, "the preview cannot be made", |repo| {
            view::preview(repo, ask)
        })
    }

    fn worktrees(&self, repo: &Path) -> Result<Vec<Worktree>, WorkspaceError> {
        self.on(repo, "the worktrees cannot be listed", |repo| {
            view::worktrees(repo, &self.root)
        })
    }

    fn kept(&self, repo: &Path, prefix: &str) -> Result<Vec<Kept>, WorkspaceError> {
        let kept = |(name, commit)| Kept { name, commit };
        self.on(repo, "the kept work cannot be listed", |repo| {
            Ok(repo.kept(prefix)?.into_iter().map(kept).collect())
        })
    }

    fn branch_tip(&self, repo: &Path, branch: &str) -> Result<Option<Oid>, WorkspaceError> {
        self.on(repo, "the branch cannot be looked up", |repo| {
            repo.tip(branch)
        })
    }

    fn checked_out_at(&self, repo: &Path, branch: &str) -> Result<Option<PathBuf>, WorkspaceError> {
        self.on(repo, "the worktrees cannot be listed", |repo| {
            repo.checked_out_at(branch)
        })
    }

    fn is_ancestor(&self, repo: &Path, old: &Oid, new: &Oid) -> Result<bool, WorkspaceError> {
        self.on(repo, "the commits cannot be compared", |repo| {
            repo.is_ancestor(old, new)
        })
    }

    fn commits_between(&self, repo: &Path, base: &Oid, head: &Oid) -> Result<u64, WorkspaceError> {
        self.on(repo, "the commits cannot be counted", |repo| {
            repo.commits_between(base, head)
        })
    }

    fn origin(&self, dir: &Path, ask: &OriginOf) -> Result<Option<Origin>, WorkspaceError> {
        origin::origin(&self.door, dir, ask).map_err(|e| e.explain("the origin cannot be found"))
    }

    fn empty_trash(&self, repo: &Path, before: Timestamp) -> Result<(), WorkspaceError> {
        self.on(repo, "the trash cannot be emptied", |repo| {
            self.root.empty(before)?;
            root::empty_trash(&repo.common.join("cw-trash"), before)
        })
    }
}
