//! Costs: what agents have used, added up by whatever one wants to know.

use crate::procedure::{procedures, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Adds up turns, tokens and money.
    Query CostListing = "cost.list": CostInput => CostList;
}

words! {
    /// What costs are added up by.
    CostBy {
        /// By initiative.
        Initiative = "initiative",
        /// By task.
        Task = "task",
        /// By kind of agent.
        Kind = "kind",
        /// By the day that a turn ended on.
        Day = "day",
    }
}

/// The input of `cost.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// Every project, whatever `dir` says.
    #[serde(default)]
    pub all: bool,
    /// One initiative only.
    #[serde(default)]
    pub initiative: Option<String>,
    /// What to add up by.
    pub by: CostBy,
    /// How far the clock is ahead of UTC where days begin and end, seconds.
    #[serde(default)]
    pub utc_offset_s: i32,
}

/// Costs and their total.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostList {
    /// Each sum: days in order, anything else with what cost most first.
    pub costs: Vec<CostView>,
    /// All of them together.
    pub total: CostTotal,
}

/// What was used of one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostView {
    /// The initiative's id, `INITIATIVE/TASK`, the kind, or the day (`2026-11-26`).
    pub key: String,
    /// The project's name, where the key is an id.
    #[serde(default)]
    pub project: Option<String>,
    /// How much.
    #[serde(flatten)]
    pub used: CostTotal,
    /// The budget, US dollars, where the key is an id and there is one.
    #[serde(default)]
    pub budget_usd: Option<f64>,
}

/// How much was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostTotal {
    /// Turns whose program was started.
    pub turns: u64,
    /// Tokens that the programs told.
    pub tokens: u64,
    /// Money that the programs told, US dollars.
    pub cost_usd: f64,
}
