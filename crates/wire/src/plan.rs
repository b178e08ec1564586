//! A plan as JSON: the same document as the Markdown form.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A whole plan: one initiative.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanJson {
    /// The initiative's title.
    pub title: String,
}
