//! A page of text under construction.

use super::escape;
use super::style::{Style, Tone, of_status};
use super::table::Table;
use super::wrap::{columns, fit, wrap};
use std::time::SystemTime;

/// Collects what a command has to show to a person.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    /// How to colour.
    pub(crate) style: Style,
    /// The width of the terminal; none: not a terminal, nothing is cut or broken.
    pub(crate) width: Option<usize>,
    /// The present time, for ages.
    pub(crate) now: SystemTime,
}

impl Page {
    /// Builds an empty page.
    pub(crate) fn new(style: Style, width: Option<usize>, now: SystemTime) -> Self {
        Self {
            text: String::new(),
            style,
            width,
            now,
        }
    }

    /// Adds a line that is harmless already.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref().trim_end());
        self.text.push('\n');
    }

    /// Adds lines that are harmless already, broken at words where the terminal ends.
    pub(crate) fn prose(&mut self, text: impl AsRef<str>) {
        let fitted = fit(text.as_ref().trim_end(), self.width);
        self.line(fitted);
    }

    /// Adds a text from outside behind a lead, its further lines below its first.
    pub(crate) fn item(&mut self, lead: &str, text: &str) {
        let text = escape::block(text.trim_end());
        let set = wrap(lead, &text, columns(lead), self.width);
        self.line(set);
    }

    /// Adds an empty line.
    pub(crate) fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a line of little interest.
    pub(crate) fn faint(&mut self, text: impl AsRef<str>) {
        let fitted = fit(text.as_ref(), self.width);
        let painted = self.style.paint(Tone::Faint, &fitted);
        self.line(painted);
    }

    /// Adds a table, or a remark in its place when it has no rows.
    pub(crate) fn table(&mut self, table: &Table<'_>) {
        table.draw(self.style, self.width, &mut self.text);
    }

    /// Adds a heading: a name and what it is called.
    pub(crate) fn heading(&mut self, name: &str, title: &str) {
        let name = self.style.paint(Tone::Strong, &escape::line(name));
        self.prose(format!("{name}  {}", escape::line(title)));
    }

    /// Adds a named value from outside.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        let tone = if name == "status" {
            of_status(value)
        } else {
            None
        };
        let value = escape::line(value);
        let value = tone.map_or_else(|| value.clone(), |tone| self.style.paint(tone, &value));
        let name = self.style.paint(Tone::Faint, &format!("{name:<12}"));
        let lead = format!("  {name} ");
        self.line(wrap(&lead, &value, columns(&lead), self.width));
    }

    /// Adds a named value from outside, if there is one.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// Adds a text from outside, set in by four spaces.
    pub(crate) fn text(&mut self, text: &str) {
        for line in escape::block(text.trim_end()).lines() {
            let indent = line.len() - line.trim_start_matches(' ').len();
            self.line(wrap("    ", line, indent + 4, self.width));
        }
    }

    /// Gives out what was collected.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}
