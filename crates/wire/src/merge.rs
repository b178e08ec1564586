//! The merge lane as it is seen from outside.

use crate::procedure::{procedures, words};
use crate::scope::{Scope, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Lists merges, the lane's current ones first.
    Query MergeListing = "merge.list": Scope => MergeList;
    /// Shows the last merge of a task.
    Query MergeShow = "merge.show": Target => MergeShown;
    /// Offers one agent's work to the lane by hand.
    Command Integrate = "integrate": Target => MergeList;
}

words! {
    /// How a merge stands.
    MergeStatus {
        /// It waits for its turn.
        Queued = "queued",
        /// The trial merge is under way.
        Trying = "trying",
        /// Its gates run.
        Gating = "gating",
        /// The branch is being moved.
        Advancing = "advancing",
        /// The lane holds and says why.
        Held = "held",
        /// It is on the integration branch.
        Merged = "merged",
        /// It was handed back to its agent.
        Bounced = "bounced",
        /// It came to a bad end.
        Failed = "failed",
        /// Its task was given up meanwhile.
        Cancelled = "cancelled",
    }
}

/// A list of merges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeList {
    /// The merges.
    pub merges: Vec<MergeView>,
}

/// A merge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeView {
    /// Its task's id.
    pub task: String,
    /// The agent whose work it is.
    pub agent: Option<String>,
    /// How it stands.
    pub status: MergeStatus,
    /// The integration branch's tip it was tried on.
    pub base: Option<String>,
    /// The agent's commit.
    pub head: Option<String>,
    /// The commit it made.
    pub result: Option<String>,
    /// The files in conflict.
    pub conflicts: Vec<String>,
    /// How its gates went: `running`, `passed`, `failed`; null when none ran.
    pub gate: Option<String>,
    /// When it last moved, RFC 3339.
    pub at: String,
    /// The gate that failed or runs.
    #[serde(default)]
    pub gate_command: Option<String>,
    /// The end of that gate's output.
    #[serde(default)]
    pub gate_output: Option<String>,
    /// Why the lane holds, or why it failed.
    #[serde(default)]
    pub note: Option<String>,
    /// The project's name.
    #[serde(default)]
    pub project: Option<String>,
    /// The initiative's id.
    #[serde(default)]
    pub initiative: Option<String>,
}

/// The output of `merge.show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergeShown {
    /// The merge.
    pub merge: MergeView,
}
