//! Text set between a margin and the edge of the terminal, broken at words.
//!
//! It measures what is seen: colours take no room. A word that is wider than a whole line stays
//! whole, so that it can be copied; scripts without spaces are broken between their wide letters.

use std::ops::Range;
use unicode_width::UnicodeWidthChar;

/// How wide a tabulator is at most.
const TAB: usize = 8;
/// What is left to a text whose margin takes nearly all of the terminal.
const LEAST: usize = 10;

/// Sets a harmless text behind `lead`, its other lines in by `hang` columns. Without a width no
/// line is broken.
pub(crate) fn wrap(lead: &str, text: &str, hang: usize, width: Option<usize>) -> String {
    let mut out = lead.to_owned();
    for (at, line) in text.split('\n').enumerate() {
        let margin = if at == 0 { columns(lead) } else { hang };
        if at > 0 {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
        }
        match width {
            Some(width) => break_line(line, margin, hang, width, &mut out),
            None => out.push_str(line),
        }
    }
    out
}

/// Breaks the lines of a text that is set already; what goes over is set in by two columns more
/// than its line.
pub(crate) fn fit(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let indent = line.len() - line.trim_start_matches(' ').len();
            wrap("", line, indent + 2, Some(width))
        })
        .collect();
    lines.join("\n")
}

/// The columns that a text takes on a terminal, colours not counted.
pub(crate) fn columns(text: &str) -> usize {
    let mut coloured = false;
    text.chars()
        .map(|c| match c {
            // Texts from outside are harmless here: an escape character is a colour of our own.
            '\x1b' => {
                coloured = true;
                0
            }
            _ if coloured => {
                coloured = c != 'm';
                0
            }
            '\t' => TAB,
            c => c.width().unwrap_or(0),
        })
        .sum()
}

/// Writes a line that starts at a margin; breaks it where a piece would go over the edge.
fn break_line(line: &str, margin: usize, hang: usize, width: usize, out: &mut String) {
    let width = width.max(hang + LEAST);
    let mut used = margin;
    let mut empty = true;
    for piece in pieces(line) {
        let piece = &line[piece];
        let bare = piece.trim_end_matches(' ');
        if !empty && used + columns(bare) > width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
            used = hang;
        }
        out.push_str(piece);
        used += columns(piece);
        // Spaces at the head of a line belong to what follows them.
        empty = empty && bare.is_empty();
    }
}

/// What a line may be broken between: words with the spaces behind them, and wide letters.
fn pieces(line: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in line.char_indices() {
        let wide = |c: char| c.width() == Some(2);
        let parts = last.is_some_and(|last| c != ' ' && (last == ' ' || wide(last) || wide(c)));
        if parts {
            pieces.push(start..at);
            start = at;
        }
        last = Some(c);
    }
    pieces.push(start..line.len());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_words_and_hang() {
        let text = "Which of the hashes is to be used?\nBoth are there, and both are fine.";
        insta::assert_snapshot!(wrap("error: ", text, 7, Some(26)), @r"
        error: Which of the hashes
               is to be used?
               Both are there, and
               both are fine.
        ");
        assert_eq!(wrap("a: ", "b c\nd", 3, None), "a: b c\n   d");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_word_is_lost() {
        let text = "one three  fifteen 漢字かな交じり文 über-all the-rest of it";
        for width in 20..60 {
            let set = wrap("    ", text, 6, Some(width));
            assert!(set.lines().all(|line| columns(line) <= width), "{set}");
            let plain = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(plain(&set), plain(text));
        }
    }

    #[test]
    fn a_word_wider_than_a_line_stays_whole() {
        let path = "/a/very/long/path/to/some/file.rs";
        let set = wrap("", &format!("see {path} there"), 2, Some(20));
        assert_eq!(set, format!("see\n  {path}\n  there"));
    }

    #[test]
    fn colours_take_no_room() {
        let text = "\x1b[1mfour five\x1b[0m six";
        assert_eq!(columns(text), 13);
        assert_eq!(wrap("", text, 0, Some(13)), text);
    }

    #[test]
    fn what_is_set_in_stays_set_in() {
        let set = fit("head\n    - an item that is long", Some(20));
        assert_eq!(set, "head\n    - an item that\n      is long");
        assert_eq!(fit("a line that is long", None), "a line that is long");
    }
}
