//! Which project a call is about, and which thing in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The input of a list: the project around a folder, or all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// An absolute folder; the server finds the repository around it.
    pub dir: Option<String>,
    /// Every project, whatever `dir` says.
    pub all: bool,
}

/// The input of a call about one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// An absolute folder; the server finds the repository around it.
    pub dir: Option<String>,
    /// An id, a unique prefix of one, or an agent's name.
    pub id: String,
}

/// The input of a call about a project as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// An absolute folder; the server finds the repository around it.
    pub dir: Option<String>,
}

/// The input or output of a call that has nothing to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}
