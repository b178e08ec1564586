//! The main job: read a plan, start it, follow it to its end.

use crate::agent::AgentView;
use crate::initiative::InitiativeView;
use crate::message::MessageView;
use crate::plan_call::{PlanApplied, PlanText};
use crate::procedure::{procedures, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

procedures! {
    /// Applies a plan and starts its initiative, in one step.
    Command Run = "run": RunInput => RunStarted;
    /// Tells how far an initiative has come.
    Query RunProgress = "run.progress": RunProgressInput => RunProgressView;
}

/// The input of `run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The plan.
    pub plan: PlanText,
    /// The agent for every task that names none.
    #[serde(default)]
    pub agent: Option<String>,
    /// How many agents at once.
    #[serde(default)]
    pub max_agents: Option<u32>,
    /// The values of the names under `pass_env`; kept in memory only.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// The output of `run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// The initiative's id.
    pub initiative: String,
    /// The number of the last event before it started: follow from here.
    pub seq: u64,
    /// What reading the plan changed.
    pub applied: PlanApplied,
}

/// The input of `run.progress`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RunProgressInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The initiative's id.
    pub initiative: String,
}

words! {
    /// How a run stands.
    RunOutcome {
        /// Something runs, is ready, or will go on by itself.
        Working = "working",
        /// Every task is merged or skipped.
        Finished = "finished",
        /// Nothing is left that could go on, and something failed or was cancelled.
        Failed = "failed",
        /// Everything left waits for the user.
        WaitsForUser = "waits-for-user",
    }
}

/// How far an initiative has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunProgressView {
    /// The initiative.
    pub initiative: InitiativeView,
    /// How it stands.
    pub outcome: RunOutcome,
    /// How many tasks stand in each status; a status without tasks may be left out.
    pub counts: BTreeMap<String, u32>,
    /// The agents at work on it now.
    pub agents: Vec<AgentView>,
    /// Its open questions and permission requests.
    pub questions: Vec<MessageView>,
    /// The tasks that failed or were cancelled, with the reason.
    pub failed: Vec<FailedTask>,
    /// The ids of tasks that wait for a person's approval.
    pub reviews: Vec<String>,
    /// Dispatch is held: nothing new starts until the user lets it go.
    #[serde(default)]
    pub held: bool,
    /// The number of the last event that this answer knows of.
    pub seq: u64,
    /// How long it has been going on, seconds.
    pub elapsed_s: f64,
}

/// A task that came to a bad end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedTask {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `failed` or `cancelled`.
    pub status: String,
    /// Why.
    pub error: Option<String>,
}
