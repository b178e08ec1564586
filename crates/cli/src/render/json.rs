//! JSON on standard output: one document to a line.

use super::escape;
use crate::failure::Outcome;
use cw_wire::{ErrorBody, ErrorCode, ErrorView};
use serde::Serialize;

/// Writes a value as one line.
pub(crate) fn line(value: &impl Serialize) -> Outcome<String> {
    let text = serde_json::to_string(value).map_err(|error| {
        ErrorView::new(ErrorCode::Internal, "cannot write the answer as JSON")
            .cause(error.to_string())
    })?;
    Ok(escape::json(&text) + "\n")
}

/// Writes a document that came as JSON as one line.
pub(crate) fn passed_on(document: &str) -> String {
    let mut line = escape::json(document.trim_end());
    line.push('\n');
    line
}

/// Writes an error as one line.
pub(crate) fn error(error: &ErrorView) -> String {
    line(&ErrorBody {
        error: error.clone(),
    })
    .unwrap_or_default()
}
