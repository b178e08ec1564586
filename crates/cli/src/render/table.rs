//! Plain tables: aligned columns, two spaces between them, no frames.

use super::escape;
use super::style::{Style, Tone, of_status};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// What a column keeps of its width on the narrowest terminal.
const LEAST: usize = 6;

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

    /// Draws it; the widest columns give way where the terminal ends.
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
        if let Some(limit) = limit {
            fit(&mut widths, limit);
        }
        for row in std::iter::once(&heads).chain(&self.rows) {
            self.draw_row(row, &widths, style, out);
        }
    }

    fn draw_row(&self, row: &[Cell<'_>], widths: &[usize], style: Style, out: &mut String) {
        let last = row.len() - 1;
        for (at, cell) in row.iter().enumerate() {
            let short = (cell.width > widths[at]).then(|| cut(&cell.text, widths[at]));
            let text = short.as_deref().unwrap_or(&cell.text);
            let taken = short.as_deref().map_or(cell.width, width);
            let pad = widths[at].saturating_sub(taken);
            if self.right[at] {
                out.extend(std::iter::repeat_n(' ', pad));
            }
            style.paint_into(cell.tone, text, out);
            if at != last {
                let pad = if self.right[at] { 2 } else { pad + 2 };
                out.extend(std::iter::repeat_n(' ', pad));
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
}

/// Takes from the widest columns, the last of them first, until a row fits or no column has more
/// to give.
fn fit(widths: &mut [usize], limit: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
    while over > 0 {
        let Some(widest) = widths.iter_mut().max().filter(|wide| **wide > LEAST) else {
            return;
        };
        *widest -= 1;
        over -= 1;
    }
}

/// The width of a text on a terminal, in columns.
pub(crate) fn width(text: &str) -> usize {
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
    fn the_widest_columns_give_way_where_the_terminal_ends() {
        let drawn_at = |limit| drawn(&sample(), PLAIN, Some(limit));
        let narrow = drawn_at(22);
        assert!(narrow.lines().all(|line| line.width() <= 22), "{narrow}");
        assert!(narrow.contains("wide char…"), "{narrow}");
        let mut table = sample();
        table.row(vec![
            Cell::new("a-very-long-name-漢字漢字"),
            Cell::new("2"),
            Cell::new("short"),
        ]);
        insta::assert_snapshot!(drawn(&table, PLAIN, Some(30)), @r"
        NAME            N  TITLE
        漢字            7  wide chara…
        x            1000  -
        a-very-lon…     2  short
        ");
        // No column is cut to nothing, even where that does not fit.
        insta::assert_snapshot!(drawn(&table, PLAIN, Some(5)), @r"
        NAME       N  TITLE
        漢字       7  wide …
        x       1000  -
        a-ver…     2  short
        ");
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
