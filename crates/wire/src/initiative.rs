//! Initiatives: listing, starting, holding, landing them.

use crate::procedure::{procedures, words};
use crate::scope::{Scope, Target};
use crate::task::TaskView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

procedures! {
    /// Lists initiatives.
    Query InitiativeListing = "initiative.list": Scope => InitiativeList;
    /// Shows one, with its tasks.
    Query InitiativeShow = "initiative.show": Target => InitiativeShown;
    /// Starts one; one that is active already stays so.
    Command InitiativeStart = "initiative.start": StartInput => InitiativeList;
    /// Holds its dispatch.
    Command InitiativePause = "initiative.pause": Target => InitiativeList;
    /// Goes on with its dispatch.
    Command InitiativeResume = "initiative.resume": Target => InitiativeList;
    /// Stops its agents and cancels what is not merged.
    Command InitiativeCancel = "initiative.cancel": Target => InitiativeList;
    /// Brings its integration branch to its base.
    Command InitiativeLand = "initiative.land": LandInput => InitiativeList;
}

words! {
    /// The status of an initiative.
    InitiativeStatus {
        /// Stored, not started.
        Draft = "draft",
        /// Started.
        Active = "active",
        /// Held.
        Paused = "paused",
        /// Nothing is left to do.
        Finished = "finished",
        /// On its base.
        Landed = "landed",
        /// Given up.
        Cancelled = "cancelled",
    }
}

/// A list of initiatives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitiativeList {
    /// The initiatives.
    pub initiatives: Vec<InitiativeView>,
    /// What the user should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// An initiative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitiativeView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its status.
    pub status: InitiativeStatus,
    /// The branch it starts from and lands on.
    pub base: String,
    /// Its integration branch.
    pub branch: String,
    /// How many of its tasks stand where.
    pub tasks: InitiativeTasks,
    /// What it has cost, US dollars.
    pub cost_usd: f64,
    /// Its budget, US dollars, as it is written or as the user raised it.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// The project's name.
    #[serde(default)]
    pub project: Option<String>,
    /// The integration branch's tip; null before it is cut.
    #[serde(default)]
    pub tip: Option<String>,
    /// When it was stored, RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
}

/// How many tasks of an initiative stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InitiativeTasks {
    /// All.
    pub total: u32,
    /// Merged or skipped.
    pub merged: u32,
    /// Failed or cancelled.
    pub failed: u32,
    /// An agent or the merge lane works on them.
    pub running: u32,
    /// They wait for the user, or are parked.
    pub waiting: u32,
}

/// The output of `initiative.show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitiativeShown {
    /// The initiative.
    pub initiative: InitiativeDetail,
}

/// An initiative with its text and tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InitiativeDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub view: InitiativeView,
    /// Its text.
    pub text: String,
    /// How many agents at once; null: the project's limit.
    pub max_agents: Option<u32>,
    /// Its tasks in the plan's order.
    pub items: Vec<TaskView>,
}

/// The input of `initiative.start`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StartInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The initiative.
    pub id: String,
    /// The values of the names under `pass_env`; kept in memory only.
    pub env: BTreeMap<String, String>,
}

/// The input of `initiative.land`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LandInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The initiative.
    pub id: String,
    /// By a merge commit where the base has moved on.
    pub merge: bool,
}
