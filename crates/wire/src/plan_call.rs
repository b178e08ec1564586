//! Calls about plan files: reading, storing, writing them out.
//!
//! The document itself, as JSON, is [`crate::plan`]'s.

use crate::initiative::InitiativeView;
use crate::procedure::{procedures, words};
use crate::scope::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The size beyond which a plan is refused, bytes.
pub const PLAN_LIMIT: u64 = 8 * 1024 * 1024;

procedures! {
    /// Reads a plan and stores nothing.
    Query PlanCheck = "plan.check": PlanCheckInput => PlanChecked;
    /// Reads a plan and stores it as a draft, or updates what is not started.
    Command PlanApply = "plan.apply": PlanApplyInput => PlanApplied;
    /// Writes out an initiative as `plan.apply` would read it back.
    Query PlanExport = "plan.export": Target => PlanExported;
}

words! {
    /// How a plan is written.
    PlanFormat {
        /// Markdown, read line by line.
        Markdown = "markdown",
        /// JSON.
        Json = "json",
    }
}

/// A plan as the user gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanText {
    /// What to call it in messages: a path as typed, or `-`.
    pub name: String,
    /// How it is written.
    pub format: PlanFormat,
    /// The whole of it.
    pub text: String,
}

/// The input of `plan.check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanCheckInput {
    /// An absolute folder, for defaults; reading works without a project too.
    pub dir: Option<String>,
    /// The plan.
    pub plan: PlanText,
}

/// What a readable plan contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanChecked {
    /// The initiative's id.
    pub initiative: String,
    /// The initiative's title.
    pub title: String,
    /// How many phases.
    pub phases: u32,
    /// How many plans.
    pub plans: u32,
    /// The tasks' ids, each after those that it waits for.
    pub tasks: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// The input of `plan.apply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanApplyInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The plan.
    pub plan: PlanText,
    /// Tell what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// The agent for every task that names none.
    #[serde(default)]
    pub agent: Option<String>,
}

/// What reading a plan changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanApplied {
    /// The initiative, alone in its list; as it would be with `dry_run`.
    pub initiatives: Vec<InitiativeView>,
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// The ids of new tasks.
    pub created: Vec<String>,
    /// The ids of changed tasks.
    pub updated: Vec<String>,
    /// The ids of tasks that are as they were.
    pub unchanged: Vec<String>,
    /// The ids of stored tasks that the file has no more; they stay.
    pub gone: Vec<String>,
    /// What else was changed, each with its level: `initiative x`, `phase y`, `plan z`.
    #[serde(default)]
    pub changed: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// An initiative written out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanExported {
    /// As Markdown.
    pub text: String,
    /// As the JSON form of the same document.
    pub plan: serde_json::Value,
}
