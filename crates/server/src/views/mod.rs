//! From rows to what travels. One direction only, and no rules: what a status is, the core says.

pub mod agent;
pub mod cost;
pub mod graph;
pub mod initiative;
pub mod log;
pub mod merge;
pub mod message;
pub mod plan;
pub mod project;
pub mod task;
pub mod worktree;

use cw_core::domain::event::{Event, Value};
use cw_core::domain::time::Timestamp;
use cw_wire::EventView;

/// A point in time as RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// An event.
#[must_use]
pub fn event(event: &Event) -> EventView {
    let data = event
        .data
        .iter()
        .map(|(key, value)| (key.to_string(), json(value)))
        .collect();
    EventView {
        seq: event.seq,
        at: time(event.at),
        kind: event.kind.to_string(),
        project: event.project.clone(),
        initiative: event.initiative.clone(),
        task: event.task.clone(),
        agent: event.agent.clone(),
        data: serde_json::Value::Object(data),
    }
}

/// Warns of variables that agents want and whose caller does not have them.
#[must_use]
pub fn unset(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| {
        format!(
            "not set in this shell, so agents start without: {} (pass_env in cw.toml)",
            names.join(", ")
        )
    })
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
        Value::List(values) => values.as_slice().into(),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod work_tests;
