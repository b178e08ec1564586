//! Where a commit or a line came from.

use crate::message::MessageView;
use crate::procedure::procedures;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Tells which task, agent, turn, plan and messages a commit or line came from.
    Query Why = "why": WhyInput => WhyShown;
}

/// The input of `why`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhyInput {
    /// An absolute folder in the repository; paths are relative to it.
    pub dir: Option<String>,
    /// A commit, or `PATH:LINE`.
    pub what: String,
}

/// The output of `why`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhyShown {
    /// The origin.
    pub why: WhyView,
}

/// The origin of a commit or line; null where `cw` had no part in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhyView {
    /// The commit.
    pub commit: String,
    /// Its subject.
    pub subject: String,
    /// When it was made, RFC 3339.
    pub at: Option<String>,
    /// The path that was asked for.
    pub path: Option<String>,
    /// The line that was asked for.
    pub line: Option<u32>,
    /// The line's text.
    pub text: Option<String>,
    /// The initiative's id.
    pub initiative: Option<String>,
    /// The phase's id.
    pub phase: Option<String>,
    /// The plan's id.
    pub plan: Option<String>,
    /// The task's id.
    pub task: Option<String>,
    /// The task's title.
    pub title: Option<String>,
    /// What the agent was asked to do.
    pub prompt: Option<String>,
    /// The agent's name.
    pub agent: Option<String>,
    /// The turn's number.
    pub turn: Option<u32>,
    /// Why that turn started.
    pub turn_kind: Option<String>,
    /// The merge commit that brought it to the integration branch.
    pub merged_as: Option<String>,
    /// The task's messages.
    pub messages: Vec<MessageView>,
}
