//! The grammar of single lines: headings, attributes, code fences and the `\` before a line that
//! would read as one of them. Reader and writer share it, so that they cannot disagree. Refuses
//! to know what the words mean.

use super::section::Level;

/// The lines of a text without their ends (LF, or CRLF).
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.trim_end_matches('\r'))
}

/// Whether nothing can be seen in a line.
pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Brings a text into the one form in which plans hold it: lines end with LF, blank lines before
/// and after it are dropped. Everything else, trailing spaces included, stays.
#[must_use]
pub fn normal_text(text: &str) -> String {
    let lines: Vec<&str> = split(text).collect();
    trim_blank(&lines).join("\n")
}

/// Drops blank lines from both ends.
pub(super) fn trim_blank<T: AsRef<str>>(lines: &[T]) -> &[T] {
    let start = lines
        .iter()
        .position(|line| !is_blank(line.as_ref()))
        .unwrap_or(lines.len());
    let end = lines
        .iter()
        .rposition(|line| !is_blank(line.as_ref()))
        .map_or(start, |last| last + 1);
    &lines[start..end]
}

/// Reads a heading: one to four `#` at column 0, then a blank or the end of the line. As in
/// CommonMark, a run of `#` at the end, after a blank, is decoration.
pub(super) fn heading(line: &str) -> Option<(Level, &str)> {
    let marks = line.bytes().take_while(|b| *b == b'#').count();
    let level = Level::of_depth(marks)?;
    let rest = &line[marks..];
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    Some((level, without_decoration(rest.trim())))
}

fn without_decoration(title: &str) -> &str {
    let bare = title.trim_end_matches('#');
    if bare.is_empty() || bare.ends_with([' ', '\t']) {
        bare.trim_end()
    } else {
        title
    }
}

/// Writes a heading that [`heading`] reads back as `title` (which is trimmed and one line).
pub(super) fn write_heading(level: Level, title: &str) -> String {
    let marks = level.marks();
    if without_decoration(title) == title {
        format!("{marks} {title}")
    } else {
        format!("{marks} {title} #")
    }
}

/// Reads an attribute, `- key: value`. The key is one word. Without a blank after the colon only
/// a known key makes an attribute: `- https://…` is text, `- after:x` is a slip of the finger.
pub(super) fn attribute(line: &str) -> Option<(&str, &str)> {
    let item = line
        .strip_prefix('-')
        .filter(|rest| rest.starts_with([' ', '\t']))?;
    let item = item.trim_start_matches([' ', '\t']);
    let end = item
        .find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .unwrap_or(item.len());
    let (key, rest) = item.split_at(end);
    let value = rest.trim_start_matches([' ', '\t']).strip_prefix(':')?;
    let spaced = value.is_empty() || value.starts_with(char::is_whitespace);
    let starts_well = key.starts_with(char::is_alphanumeric);
    (starts_well && (spaced || Level::of_key(key).is_some())).then(|| (key, value.trim()))
}

/// The marks that open or close a code fence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fence {
    mark: u8,
    length: usize,
    /// It opens on the line of a list marker: the end of the list item ends it too.
    in_item: bool,
}

/// What a line means to the fence that is open before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Inside {
    /// It stands in the fence.
    Stays,
    /// It closes the fence.
    Closes,
    /// The fence was over before it.
    Over,
}

impl Fence {
    /// Reads the line that opens a fence: up to three spaces, three or more of one mark, an info
    /// string (which holds no backtick after backticks). List markers may stand before it.
    pub(super) fn opening(line: &str) -> Option<Self> {
        let bare = without_markers(line);
        let (fence, info) = Self::run(bare)?;
        let in_item = bare.len() < line.len();
        (fence.mark == b'~' || !info.contains('`')).then_some(Self { in_item, ..fence })
    }

    /// Whether nothing after it can be hidden by it: a heading ends it.
    pub(super) fn is_in_item(self) -> bool {
        self.in_item
    }

    /// What `line` means to this fence. The item around a fence is over at a line that would be
    /// a heading, or that is escaped: no code of an item stands at column 0.
    pub(super) fn meet(self, line: &str) -> Inside {
        if self.in_item && (heading(line).is_some() || unescape(line).is_some()) {
            Inside::Over
        } else if self.is_closed_by(line) {
            Inside::Closes
        } else {
            Inside::Stays
        }
    }

    /// Reads a line that closes fences of the same mark that are not longer.
    fn closing(line: &str) -> Option<Self> {
        let (fence, rest) = Self::run(line)?;
        rest.bytes()
            .all(|b| b == b' ' || b == b'\t')
            .then_some(fence)
    }

    /// Whether `line` closes this fence; in a list item it is indented as deep as the item.
    fn is_closed_by(self, line: &str) -> bool {
        let bare = if self.in_item {
            line.trim_start_matches([' ', '\t'])
        } else {
            line
        };
        Self::closing(bare).is_some_and(|end| end.mark == self.mark && end.length >= self.length)
    }

    fn run(line: &str) -> Option<(Self, &str)> {
        let bare = line.trim_start_matches(' ');
        let mark = *bare
            .as_bytes()
            .first()
            .filter(|b| matches!(b, b'`' | b'~'))?;
        let length = bare.bytes().take_while(|b| *b == mark).count();
        let fence = Self {
            mark,
            length,
            in_item: false,
        };
        (line.len() - bare.len() <= 3 && length >= 3).then(|| (fence, &bare[length..]))
    }
}

/// What stands behind the list markers of a line, which may be several and indented; the line
/// itself when it has none.
fn without_markers(line: &str) -> &str {
    let mut rest = line;
    while let Some(item) = without_marker(rest.trim_start_matches([' ', '\t'])) {
        rest = item;
    }
    rest
}

/// Takes `- `, `* `, `+ `, `1. ` or `1) ` off. One blank belongs to the marker.
fn without_marker(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let signs: &[char] = match digits {
        0 => &['-', '*', '+'],
        1..=9 => &['.', ')'],
        _ => return None,
    };
    let rest = line[digits..].strip_prefix(signs)?;
    rest.strip_prefix([' ', '\t'])
}

/// Whether a line would read as a heading, an attribute or the opening of a fence.
fn is_special(line: &str) -> bool {
    heading(line).is_some() || attribute(line).is_some() || Fence::opening(line).is_some()
}

/// Takes the `\` from a line that has one because it would read as something else; `None` when
/// it has none. Several count down one by one.
pub(super) fn unescape(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('\\')?;
    is_special(line.trim_start_matches('\\')).then_some(rest)
}

/// Writes a text, in normal form, so that reading it below attributes and a blank line gives it
/// back. A fence that is never closed is written as text: it would swallow the headings below.
pub(super) fn escape(text: &str, out: &mut String) {
    let lines: Vec<&str> = text.split('\n').collect();
    let closable = longest_closings(&lines);
    let mut fence: Option<Fence> = None;
    for (index, line) in lines.iter().enumerate() {
        let met = fence.map_or(Inside::Over, |open| open.meet(line));
        if met == Inside::Closes {
            fence = None;
        } else if met == Inside::Over {
            let opening = Fence::opening(line);
            fence = opening
                .filter(|open| open.in_item || open.length <= closable[index + 1].of(open.mark));
            let stays = opening.is_some() && fence.is_some();
            let begins = index == 0 && attribute(line).is_some();
            if !stays
                && (opening.is_some()
                    || begins
                    || heading(line).is_some()
                    || unescape(line).is_some())
            {
                out.push('\\');
            }
        }
        out.push_str(line);
        out.push('\n');
    }
}

/// The longest closing lines at or after some line.
#[derive(Clone, Copy, Default)]
struct Closings {
    backticks: usize,
    tildes: usize,
}

impl Closings {
    fn of(self, mark: u8) -> usize {
        if mark == b'`' {
            self.backticks
        } else {
            self.tildes
        }
    }
}

/// For each line, and for the end, which fences could still be closed from there on: found from
/// the end in one pass, so that a text of nothing but openings is not searched again and again.
fn longest_closings(lines: &[&str]) -> Vec<Closings> {
    let mut found = vec![Closings::default(); lines.len() + 1];
    for (index, line) in lines.iter().enumerate().rev() {
        let mut here = found[index + 1];
        match Fence::closing(line) {
            Some(Fence {
                mark: b'`', length, ..
            }) => here.backticks = here.backticks.max(length),
            Some(Fence { length, .. }) => here.tildes = here.tildes.max(length),
            None => {}
        }
        found[index] = here;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_stand_at_column_zero_with_one_to_four_marks() {
        for (line, expected) in [
            ("# A", Some((Level::Initiative, "A"))),
            ("##\tA b ", Some((Level::Phase, "A b"))),
            ("### A ###", Some((Level::Plan, "A"))),
            ("#### C#", Some((Level::Task, "C#"))),
            ("####", Some((Level::Task, ""))),
            ("# # #", Some((Level::Initiative, "#"))),
            ("##### A", None),
            (" # A", None),
            ("#A", None),
            ("\\# A", None),
            ("#\u{a0}A", None),
        ] {
            assert_eq!(heading(line), expected, "{line:?}");
        }
    }

    #[test]
    fn titles_survive_their_heading() {
        for title in [
            "A", "a #", "#", "###", "# a", "C#", "a \\#", "a\u{a0}#", "a # #",
        ] {
            assert_eq!(
                heading(&write_heading(Level::Task, title)),
                Some((Level::Task, title)),
                "{title:?}"
            );
        }
    }

    #[test]
    fn attributes_are_one_word_and_a_value() {
        for (line, expected) in [
            ("- after: a, b ", Some(("after", "a, b"))),
            ("-  after :a", Some(("after", "a"))),
            ("- nonsense: x", Some(("nonsense", "x"))),
            ("- id:", Some(("id", ""))),
            ("- https://example.org", None),
            ("- two words: x", None),
            (" - id: x", None),
            ("-id: x", None),
            ("* id: x", None),
            ("- : x", None),
            ("- just text", None),
        ] {
            assert_eq!(attribute(line), expected, "{line:?}");
        }
    }

    #[test]
    fn fences_follow_commonmark() {
        let open = |line| Fence::opening(line).is_some();
        assert!(open("```") && open("   ~~~~ rust") && open("~~~ `a`") && open("```rust"));
        assert!(!open("    ```") && !open("``") && !open("``` a`b") && !open("\t```"));
        let fence = Fence::opening("````").unwrap();
        assert!(fence.is_closed_by("````") && fence.is_closed_by("   ````` \t"));
        assert!(
            !fence.is_closed_by("```")
                && !fence.is_closed_by("~~~~")
                && !fence.is_closed_by("```` x")
        );
    }

    #[test]
    fn a_fence_may_open_behind_list_markers() {
        let in_item = |line| Fence::opening(line).map(|fence| fence.in_item);
        for line in [
            "- ```",
            "* ~~~",
            "1. ```sh",
            "12)   ```",
            "   - ```",
            "- - ```",
            "      + 1. ```",
        ] {
            assert_eq!(in_item(line), Some(true), "{line:?}");
        }
        assert_eq!(in_item("```"), Some(false));
        for line in [
            "-```",
            "1.```",
            "-     ```",
            "a. ```",
            "- x ```",
            "1234567890. ```",
        ] {
            assert_eq!(in_item(line), None, "{line:?}");
        }
        let fence = Fence::opening("  - ```").unwrap();
        assert_eq!(fence.meet("      ``` "), Inside::Closes);
        assert_eq!(fence.meet("```"), Inside::Closes);
        assert_eq!(fence.meet("    # x"), Inside::Stays);
        assert_eq!(fence.meet("# x"), Inside::Over);
        assert_eq!(fence.meet("\\# x"), Inside::Over);
    }

    #[test]
    fn a_backslash_guards_only_what_would_read_as_something_else() {
        assert_eq!(unescape("\\# a"), Some("# a"));
        assert_eq!(unescape("\\\\# a"), Some("\\# a"));
        assert_eq!(unescape("\\- id: a"), Some("- id: a"));
        assert_eq!(unescape("\\```"), Some("```"));
        assert_eq!(unescape("\\n"), None);
        assert_eq!(unescape("\\- a"), None);
        assert_eq!(unescape("# a"), None);
    }

    #[test]
    fn only_what_needs_it_is_escaped() {
        let written = |text: &str| {
            let mut out = String::new();
            escape(text, &mut out);
            out
        };
        assert_eq!(written("- a: b\n- a: b\n# c"), "\\- a: b\n- a: b\n\\# c\n");
        assert_eq!(written("```\n# c\n```\n```"), "```\n# c\n```\n\\```\n");
        assert_eq!(written("````\n```\n# c"), "\\````\n\\```\n\\# c\n");
        assert_eq!(written("\\# a\n\\n"), "\\\\# a\n\\n\n");
    }
}
