//! Plain tables: aligned columns, two spaces between them, no frames.

use super::escape;
use super::style::{Style, Tone, of_status};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// One cell; its text is harmless already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// Builds a cell from a text from outside.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self {
            text: escape::line(text.as_ref()),
            tone: None,
        }
    }

    /// Builds a cell from a text that may be missing.
    pub(crate) fn maybe(text: Option<&str>) -> Self {
        text.map_or_else(|| Self::new("-").tone(Tone::Faint), Self::new)
    }

    /// Builds a cell from a status word, in its colour.
    pub(crate) fn status(word: &str) -> Self {
        Self {
            text: escape::line(word),
            tone: of_status(word),
        }
    }

    /// Gives it a colour.
    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }

    fn width(&self) -> usize {
        width(&self.text)
    }
}

/// A table under construction.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
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
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells);
    }

    /// Draws it; the last column is cut where the terminal ends.
    pub(crate) fn draw(&self, style: Style, limit: Option<usize>) -> String {
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|at| {
                let cells = self.rows.iter().map(|row| row[at].width());
                cells.chain([self.heads[at].width()]).max().unwrap_or(0)
            })
            .collect();
        let heads = self
            .heads
            .iter()
            .map(|head| Cell::new(head).tone(Tone::Faint))
            .collect();
        let mut out = String::new();
        for row in std::iter::once(&heads).chain(&self.rows) {
            self.draw_row(row, &widths, style, limit, &mut out);
        }
        out
    }

    fn draw_row(
        &self,
        row: &[Cell],
        widths: &[usize],
        style: Style,
        limit: Option<usize>,
        out: &mut String,
    ) {
        let last = row.len() - 1;
        let mut used = 0;
        for (at, cell) in row.iter().enumerate() {
            let text = match limit {
                Some(limit) if at == last => {
                    Cow::Owned(cut(&cell.text, limit.saturating_sub(used).max(8)))
                }
                _ => Cow::Borrowed(cell.text.as_str()),
            };
            let pad = widths[at].saturating_sub(width(&text));
            if self.right[at] {
                out.extend(std::iter::repeat_n(' ', pad));
            }
            match cell.tone {
                Some(tone) => out.push_str(&style.paint(tone, &text)),
                None => out.push_str(&text),
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

    fn sample() -> Table {
        let mut table = Table::new(&["NAME", ">N", "TITLE"]);
        table.row(vec![
            Cell::new("漢字"),
            Cell::new("7"),
            Cell::new("wide characters"),
        ]);
        table.row(vec![Cell::new("x"), Cell::new("1000"), Cell::maybe(None)]);
        table
    }

    #[test]
    fn columns_line_up_by_the_width_that_is_seen() {
        insta::assert_snapshot!(sample().draw(PLAIN, None), @r"
        NAME     N  TITLE
        漢字     7  wide characters
        x     1000  -
        ");
    }

    #[test]
    fn the_last_column_ends_where_the_terminal_ends() {
        let drawn = sample().draw(PLAIN, Some(22));
        assert!(drawn.lines().all(|line| line.width() <= 22), "{drawn}");
        assert!(drawn.contains("wide char…"), "{drawn}");
    }

    #[test]
    fn a_cell_cannot_carry_an_escape_sequence_or_a_line_break() {
        let mut table = Table::new(&["A"]);
        table.row(vec![Cell::new("x\x1b[2J\ny")]);
        assert_eq!(table.draw(PLAIN, None), "A\nx^[[2J⏎y\n");
    }

    #[test]
    fn colour_surrounds_the_text_and_not_the_padding() {
        let mut table = Table::new(&["STATUS", "B"]);
        table.row(vec![Cell::status("ok"), Cell::new("b")]);
        let drawn = table.draw(Style { colour: true }, None);
        assert!(drawn.ends_with("\x1b[32mok\x1b[0m      b\n"), "{drawn:?}");
    }
}
