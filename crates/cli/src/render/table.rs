//! Plain tables: aligned columns, two spaces between them, no frames.

use super::escape;
use super::style::{Style, Tone, of_status};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// One cell; its text is harmless already.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    text: Cow<'a, str>,
    width: usize,
    tone: Option<Tone>,
}

impl<'a> Cell<'a> {
    /// Builds a cell from a text from outside.
    pub(crate) fn new(text: impl Into<Cow<'a, str>>) -> Self {
        let text = escape::line_cow(text.into());
        Self {
            width: width(&text),
            text,
            tone: None,
        }
    }

    /// Builds a cell that says that there is nothing.
    pub(crate) fn none() -> Self {
        Self::new("-").tone(Tone::Faint)
    }

    /// Builds a cell from a text that may be missing.
    pub(crate) fn maybe(text: Option<impl Into<Cow<'a, str>>>) -> Self {
        text.map_or_else(Self::none, Self::new)
    }

    /// Builds a cell from a status word, in its colour.
    pub(crate) fn status(word: &'a str) -> Self {
        Self {
            tone: of_status(word),
            ..Self::new(word)
        }
    }

    /// Gives it a colour.
    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }
}

/// A table under construction.
#[derive(Debug, Clone)]
pub(crate) struct Table<'a> {
    heads: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<Cell<'a>>>,
}

impl<'a> Table<'a> {
    /// Builds an empty table; a heading that starts with `>` is aligned to the right.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads
                .iter()
                .map(|head| head.trim_start_matches('>'))
                .collect(),
            right: heads.iter().map(|head| head.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell<'a>>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells);
    }

    /// Draws it; the last column is cut where the terminal ends.
    pub(crate) fn draw(&self, style: Style, limit: Option<usize>, out: &mut String) {
        let heads: Vec<Cell<'_>> = self
            .heads
            .iter()
            .map(|head| Cell::new(*head).tone(Tone::Faint))
            .collect();
        let mut widths: Vec<usize> = heads.iter().map(|head| head.width).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = cell.width.max(*widest);
            }
        }
        for row in std::iter::once(&heads).chain(&self.rows) {
            self.draw_row(row, &widths, style, limit, out);
        }
    }

    fn draw_row(
        &self,
        row: &[Cell<'_>],
        widths: &[usize],
        style: Style,
        limit: Option<usize>,
        out: &mut String,
    ) {
        let last = row.len() - 1;
        let mut used = 0;
        for (at, cell) in row.iter().enumerate() {
            let pad = widths[at].saturating_sub(cell.width);
            if self.right[at] {
                out.extend(std::iter::repeat_n(' ', pad));
            }
            match limit {
                Some(limit) if at == last => {
                    let text = cut(&cell.text, limit.saturating_sub(used).max(8));
                    style.paint_into(cell.tone, &text, out);
                }
                _ => style.paint_into(cell.tone, &cell.text, out),
            }
            if at != last {
                let pad = if self.right[at] { 2 } else { pad + 2 };
                out.extend(std::iter::repeat_n(' ', pad));
            }
            used += widths[at] + 2;
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// The width of a text on a terminal, in columns.
fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.width()
}

/// Cuts a text to a width, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if self::width(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false };

    fn drawn(table: &Table<'_>, style: Style, limit: Option<usize>) -> String {
        let mut out = String::new();
        table.draw(style, limit, &mut out);
        out
    }

    fn sample() -> Table<'static> {
        let mut table = Table::new(&["NAME", ">N", "TITLE"]);
        table.row(vec![
            Cell::new("漢字"),
            Cell::new("7"),
            Cell::new("wide characters"),
        ]);
        table.row(vec![Cell::new("x"), Cell::new("1000"), Cell::none()]);
        table
    }

    #[test]
    fn columns_line_up_by_the_width_that_is_seen() {
        insta::assert_snapshot!(drawn(&sample(), PLAIN, None), @r"
        NAME     N  TITLE
        漢字     7  wide characters
        x     1000  -
        ");
    }

    #[test]
    fn the_last_column_ends_where_the_terminal_ends() {
        let drawn = drawn(&sample(), PLAIN, Some(22));
        assert!(drawn.lines().all(|line| line.width() <= 22), "{drawn}");
        assert!(drawn.contains("wide char…"), "{drawn}");
    }

    #[test]
    fn a_cell_cannot_carry_an_escape_sequence_or_a_line_break() {
        let mut table = Table::new(&["A"]);
        table.row(vec![Cell::new("x\x1b[2J\ny")]);
        assert_eq!(drawn(&table, PLAIN, None), "A\nx^[[2J⏎y\n");
    }

    #[test]
    fn colour_surrounds_the_text_and_not_the_padding() {
        let mut table = Table::new(&["STATUS", "B"]);
        table.row(vec![Cell::status("ok"), Cell::new("b")]);
        let drawn = drawn(&table, Style { colour: true }, None);
        assert!(drawn.ends_with("\x1b[32mok\x1b[0m      b\n"), "{drawn:?}");
    }
}
