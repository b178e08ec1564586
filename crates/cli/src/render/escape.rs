//! Makes text from outside harmless on a terminal.
//!
//! Control characters, escape sequences and marks that turn the direction of writing are shown
//! as visible signs; nothing is dropped, so that what is shown can be told from what was there.

use std::borrow::Cow;

/// Escapes a text that must stay on one line.
pub(crate) fn line(text: &str) -> String {
    escape(text, false)
}

/// Escapes a text that must stay on one line, without a copy where nothing is to be done.
pub(crate) fn line_cow(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_plain(&text) {
        text
    } else {
        Cow::Owned(line(&text))
    }
}

/// Escapes a text that may have lines and tabs.
pub(crate) fn block(text: &str) -> String {
    escape(text, true)
}

/// Takes the first line of a text, escaped; a sign says where there are more.
pub(crate) fn first_line(text: &str) -> String {
    match text.trim().split_once('\n') {
        Some((first, _)) => line(first.trim_end()) + " …",
        None => line(text.trim()),
    }
}

/// Writes a text as one word of a shell's command line, for commands that are copied.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", line(text).replace('\'', r"'\''"))
}

fn escape(text: &str, lines: bool) -> String {
    if is_plain(text) || !text.contains(is_active) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' if lines => out.push('\n'),
            '\t' if lines => out.push('\t'),
            '\r' if lines && chars.peek() == Some(&'\n') => {}
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            c if (c as u32) < 0x20 => {
                out.push('^');
                out.push(char::from(c as u8 + 0x40));
            }
            '\u{7f}' => out.push_str("^?"),
            c if is_active(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// Whether a text is printable ASCII: a quick look that most texts pass.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Whether a terminal may act on a character instead of showing it.
fn is_active(c: char) -> bool {
    c.is_control() || is_direction_mark(c)
}

/// Whether a character turns the direction of writing (or hides in it).
fn is_direction_mark(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes the active characters that JSON leaves as they are in JSON's own escapes; the meaning
/// of the document does not change.
pub(crate) fn json(text: &str) -> String {
    let left = |c: char| c != '\n' && is_active(c);
    if is_plain(text) || !text.contains(left) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if left(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_become_visible() {
        assert_eq!(line("a\x1b[31mred\x07"), "a^[[31mred^G");
        assert_eq!(block("a\x1b]0;title\x07\nb\tc"), "a^[]0;title^G\nb\tc");
        assert_eq!(line("\u{9b}2J"), "<U+009B>2J");
        assert_eq!(line("\u{7f}"), "^?");
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(line("a\nb\r\tc"), "a⏎b^M c");
        assert_eq!(first_line("\n one \ntwo"), "one …");
        assert_eq!(first_line(" one\n"), "one");
    }

    #[test]
    fn a_word_of_a_shell_is_quoted_where_it_must_be() {
        assert_eq!(word("plans/a.md"), "plans/a.md");
        assert_eq!(word("it's a plan.md"), r"'it'\''s a plan.md'");
        assert_eq!(word(""), "''");
    }

    #[test]
    fn line_ends_of_other_systems_are_line_ends_in_a_block() {
        assert_eq!(block("a\r\nb\rc"), "a\nb^Mc");
    }

    #[test]
    fn direction_overrides_become_visible_and_scripts_stay() {
        assert_eq!(line("user\u{202e}nimda"), "user<U+202E>nimda");
        assert_eq!(line("مرحبا 漢字 é"), "مرحبا 漢字 é");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"a": "x\u{9b}y\u{202e}\u{e0041}\u{7f}\n"});
        let text = serde_json::to_string(&value).unwrap();
        let safe = json(&text);
        assert!(!safe.contains(is_active));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&safe).unwrap(),
            value
        );
    }
}
