//! Errors as they travel: what, why, and the command that helps.

use crate::procedure::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// The kind of an error; it decides the exit code.
    ErrorCode {
        /// Wrong usage, not a repository, or a plan that cannot be read.
        Usage = "usage",
        /// No such thing.
        NotFound = "not-found",
        /// Refused in its present state.
        Refused = "refused",
        /// The server cannot be reached.
        Unreachable = "unreachable",
        /// The work itself failed.
        Failed = "failed",
        /// Client and server speak different protocols.
        Version = "version",
        /// A fault of the program.
        Internal = "internal",
    }
}

impl ErrorCode {
    /// The exit code of a command that ends with this error.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed | Self::Internal => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unreachable | Self::Version => 5,
        }
    }

    /// The HTTP status of a response that carries this error.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Usage => 400,
            Self::NotFound => 404,
            Self::Refused => 409,
            Self::Failed => 422,
            Self::Version => 426,
            Self::Internal => 500,
            Self::Unreachable => 503,
        }
    }
}

/// The body of every response that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorView,
}

/// An error: its kind, what went wrong, why, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorView {
    /// Its kind.
    pub code: ErrorCode,
    /// What went wrong, one line without a full stop.
    pub message: String,
    /// Why, where that is known.
    #[serde(default)]
    pub cause: Option<String>,
    /// The command or step that helps.
    #[serde(default)]
    pub hint: Option<String>,
    /// Each finding of its own, as when a plan has several faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorDetail>,
}

/// One finding of several, with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ErrorDetail {
    /// The file it stands in.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// What is wrong there.
    pub message: String,
    /// What helps.
    pub hint: Option<String>,
}

impl ErrorView {
    /// Builds an error of a kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
            hint: None,
            details: Vec::new(),
        }
    }

    /// Adds why it happened.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds what helps.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_follow_the_contract() {
        let codes: Vec<_> = ErrorCode::ALL
            .iter()
            .map(|code| (code.as_str(), code.exit_code()))
            .collect();
        assert_eq!(
            codes,
            [
                ("usage", 2),
                ("not-found", 3),
                ("refused", 4),
                ("unreachable", 5),
                ("failed", 1),
                ("version", 5),
                ("internal", 1)
            ]
        );
    }

    #[test]
    fn an_error_always_shows_cause_and_hint() {
        let body = ErrorBody {
            error: ErrorView::new(ErrorCode::NotFound, "no task `x`"),
        };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"error":{"code":"not-found","message":"no task `x`","cause":null,"hint":null}}"#
        );
    }
}
