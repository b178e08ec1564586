//! JSON as programs print it, read leniently: what is missing or of another type reads as empty. It knows no program.

use cw_core::domain::money::{Usd, add_tokens};
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

/// Dollars as millionths; at most what one bill can come to.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float turns into the nearest number that there is"
)]
pub(super) fn micro(usd: f64) -> u64 {
    ((usd * 1e6).round() as u64).min(Usd::MOST.0)
}

/// The count in a field, or 0; at most what can be kept.
pub(super) fn count(object: &Value, key: &str) -> u64 {
    add_tokens(0, object[key].as_u64().unwrap_or(0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_a_program_is_more_than_can_be_kept() {
        for (usd, millionths) in [
            (0.25, 250_000),
            (-1.0, 0),
            (f64::NAN, 0),
            (1e300, Usd::MOST.0),
            (f64::INFINITY, Usd::MOST.0),
        ] {
            assert_eq!(micro(usd), millionths, "{usd}");
        }
        let told = serde_json::json!({"some": 7, "absurd": u64::MAX, "less": -1, "word": "7"});
        let counts = ["some", "absurd", "less", "word", "none"].map(|key| count(&told, key));
        assert_eq!(counts, [7, i64::MAX.unsigned_abs(), 0, 0, 0]);
    }
}
