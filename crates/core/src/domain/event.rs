//! The event log's entries: what happened, told in names that a reader knows.
//!
//! Events are never read back to decide anything; the rows do that.

use std::borrow::Cow;

use super::time::Timestamp;

/// One entry of the event log.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// 1 for the store's first; grows by one, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// `noun.verb-in-the-past`.
    pub kind: Cow<'static, str>,
    /// The project's name.
    pub project: Option<String>,
    /// The initiative's id, as the plan writes it.
    pub initiative: Option<String>,
    /// The task's id, as the plan writes it.
    pub task: Option<String>,
    /// The agent's name.
    pub agent: Option<String>,
    /// What else there is to tell.
    pub data: Vec<(Cow<'static, str>, Value)>,
}

/// A value told by an event.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An amount.
    Float(f64),
    /// A text, bounded by whoever tells it.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
