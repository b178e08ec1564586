//! Checks of the installation and of every invariant.

use crate::procedure::{procedures, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Checks, and mends where asked.
    Command Doctor = "doctor": DoctorInput => DoctorReport;
}

words! {
    /// How a check ended.
    CheckStatus {
        /// As it should be.
        Ok = "ok",
        /// Usable, with a remark.
        Warning = "warning",
        /// Not as it should be.
        Problem = "problem",
        /// It was not as it should be.
        Fixed = "fixed",
    }
}

/// The input of `doctor`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DoctorInput {
    /// An absolute folder; a repository around it is checked too.
    pub dir: Option<String>,
    /// Mend what can be mended.
    pub fix: bool,
}

/// What the checks found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorReport {
    /// Whether no problem is left.
    pub ok: bool,
    /// Each check.
    pub checks: Vec<CheckView>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// What was looked at.
    pub name: String,
    /// How it ended.
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
    /// What helps.
    pub hint: Option<String>,
}
