//! Worktrees and the disk they use.

use crate::procedure::{procedures, words};
use crate::scope::{Scope, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Lists worktrees.
    Query WorktreeListing = "worktree.list": Scope => WorktreeList;
    /// Removes those that nobody needs; their work is kept.
    Command WorktreePrune = "worktree.prune": PruneInput => WorktreeList;
    /// Brings kept work back.
    Command WorktreeRestore = "worktree.restore": Target => WorktreeList;
}

words! {
    /// What a worktree is for.
    WorktreeState {
        /// An agent has it.
        InUse = "in-use",
        /// It waits in the pool.
        Idle = "idle",
        /// The lane runs gates in it.
        Gate = "gate",
        /// Its agent is done or stopped; it can go.
        Kept = "kept",
        /// It was taken away; its work stands under `refs/cw/kept/`.
        Removed = "removed",
    }
}

/// A list of worktrees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorktreeList {
    /// The worktrees.
    pub worktrees: Vec<WorktreeView>,
}

/// A worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorktreeView {
    /// Its path.
    pub path: String,
    /// The branch that is checked out there; null: detached.
    pub branch: Option<String>,
    /// The agent that has it.
    pub agent: Option<String>,
    /// That agent's task.
    pub task: Option<String>,
    /// The commit that is checked out.
    pub head: Option<String>,
    /// Whether it holds uncommitted work.
    pub dirty: bool,
    /// Its size on disk, bytes.
    pub bytes: u64,
    /// What it is for.
    pub state: WorktreeState,
    /// The ref under which its work is kept.
    #[serde(default)]
    pub kept: Option<String>,
    /// The project's name.
    #[serde(default)]
    pub project: Option<String>,
}

/// The input of `worktree.prune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PruneInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// Every project.
    pub all: bool,
    /// Tell what would go, and remove nothing.
    pub dry_run: bool,
}
