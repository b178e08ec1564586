//! The event log as it is read from outside.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// Its number: grows by one, without gaps.
    pub seq: u64,
    /// When it was saved, RFC 3339 UTC.
    pub at: String,
    /// `noun.verb-in-the-past`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The project's name.
    pub project: Option<String>,
    /// The initiative's id.
    pub initiative: Option<String>,
    /// The task's id, as the plan writes it.
    pub task: Option<String>,
    /// The agent's name.
    pub agent: Option<String>,
    /// What else belongs to it; always an object.
    pub data: serde_json::Value,
}

/// The query of `GET /events`, answered as SSE with one `data:` line per event.
///
/// Filters may leave gaps in `seq`. Without `follow` the stream ends at the log's end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct EventQuery {
    /// Only events with a greater number.
    pub after: u64,
    /// 1: stay and send what comes.
    pub follow: u8,
    /// Only the project around this folder (none: every project).
    pub dir: Option<String>,
    /// Only this initiative, by its exact id (with `dir`).
    pub initiative: Option<String>,
}

/// The SSE event name that carries an [`ErrorBody`](crate::ErrorBody) when a stream breaks off.
pub const ERROR_EVENT: &str = "error";
