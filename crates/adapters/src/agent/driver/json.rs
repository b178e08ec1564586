//! JSON as programs print it, read leniently: what is missing or of another type reads as empty. It knows no program.

use cw_core::ports::agents::{AgentEvent, LineForm, LogLine, Stream};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{LINE_TEXT_CAP, LastWords, Reading, TEXT_CAP, clip, clip_line};

/// A line of a program that prints one JSON object per line.
pub(super) enum Heard {
    /// An object.
    Object(Value),
    /// Anything else, which is told as it is.
    Aside(Reading),
}

/// Parses a line; what is no object is remembered for the reason of a failure.
pub(super) fn hear(stream: Stream, line: &LogLine, words: &mut LastWords) -> Heard {
    // Of a line that is megabytes long, only what may be shown is copied.
    let shown = |bytes: &[u8]| {
        let near = &bytes[..bytes.len().min(TEXT_CAP + 4)];
        clip(&String::from_utf8_lossy(near), TEXT_CAP)
    };
    if line.form == LineForm::Note {
        let text = shown(&line.bytes);
        return Heard::Aside(AgentEvent::Notice { text }.into());
    }
    // What was cut is no object any more.
    if stream == Stream::Out
        && line.form != LineForm::Cut
        && let Ok(object @ Value::Object(_)) = serde_json::from_slice(&line.bytes)
    {
        return Heard::Object(object);
    }
    words.hear(line);
    let text = shown(&line.bytes);
    Heard::Aside(if text.trim().is_empty() {
        Reading::default()
    } else {
        AgentEvent::Log { stream, text }.into()
    })
}

/// Dollars as millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float turns into the nearest number that there is"
)]
pub(super) fn micro(usd: f64) -> u64 {
    (usd * 1e6).round() as u64
}

/// The count in a field, or 0.
pub(super) fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or(0)
}

/// What a tool is used with, in one line: the field that says most.
pub(super) fn detail(input: &Value) -> String {
    let telling = [
        "command",
        "file_path",
        "filePath",
        "notebook_path",
        "path",
        "pattern",
        "url",
        "query",
        "description",
    ];
    let found = telling.iter().find_map(|key| input[*key].as_str());
    let all = || {
        if input.is_object() {
            input.to_string()
        } else {
            String::new()
        }
    };
    clip_line(&found.map_or_else(all, str::to_owned), LINE_TEXT_CAP)
}

/// Tells this input of a tool from any other.
pub(super) fn digest(input: &Value) -> String {
    let hash = Sha256::digest(input.to_string());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a field, or none.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

/// The text of a field, bounded.
pub(super) fn owned(object: &Value, key: &str) -> String {
    clip(text(object, key), LINE_TEXT_CAP)
}

/// The text of a field in one line, bounded.
pub(super) fn one_line(object: &Value, key: &str) -> String {
    clip_line(text(object, key), LINE_TEXT_CAP)
}

/// The items of a list, if it is one.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
