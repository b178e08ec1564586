//! Where things are shown: results on standard output, everything else on standard error.

use super::escape;
use super::json;
use super::page::Page;
use super::style::{Style, Tone};
use super::wrap::{columns, fit, wrap};
use crate::failure::{Outcome, writing};
use cw_wire::ErrorView;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::time::SystemTime;

/// Narrower terminals are written to as if they had no edge.
const LEAST_WIDTH: usize = 20;

/// The standard streams and how the user wants them used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One JSON document per answer.
    pub(crate) json: bool,
    /// Results and errors only.
    pub(crate) quiet: bool,
    /// More about what is done.
    verbose: bool,
    /// Standard output is a terminal.
    pub(crate) terminal: bool,
    /// Standard error is a terminal.
    pub(crate) error_terminal: bool,
    colour: bool,
}

impl Output {
    /// Looks at the streams and the environment.
    pub(crate) fn new(json: bool, quiet: bool, verbose: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            json,
            quiet,
            verbose,
            terminal: std::io::stdout().is_terminal(),
            error_terminal: std::io::stderr().is_terminal(),
            colour: !set("NO_COLOR") && !dumb,
        }
    }

    /// How to colour standard output.
    pub(crate) fn style(&self) -> Style {
        Style {
            colour: self.colour && self.terminal,
        }
    }

    /// How to colour standard error.
    pub(crate) fn error_style(&self) -> Style {
        Style {
            colour: self.colour && self.error_terminal,
        }
    }

    /// How wide the terminal is that standard output is; none where lines are to stay whole.
    pub(crate) fn width(&self) -> Option<usize> {
        if !self.terminal {
            return None;
        }
        rustix::termios::tcgetwinsize(std::io::stdout())
            .ok()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width >= LEAST_WIDTH)
    }

    /// How wide the terminal is that standard error is; none where lines are to stay whole.
    pub(crate) fn error_width(&self) -> Option<usize> {
        if !self.error_terminal {
            return None;
        }
        self.error_size()
            .map(|(columns, _)| columns)
            .filter(|width| *width >= LEAST_WIDTH)
    }

    /// The columns and rows of the terminal that standard error is.
    pub(crate) fn error_size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
        let size = (usize::from(size.ws_col), usize::from(size.ws_row));
        (size.0 > 0 && size.1 > 0).then_some(size)
    }

    /// Shows an answer: as JSON, or as the page that is drawn of it.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        now: SystemTime,
        draw: impl FnOnce(&T, &mut Page),
    ) -> Outcome<()> {
        if self.json {
            return self.write(&json::line(value)?);
        }
        let mut page = Page::new(self.style(), self.width(), now);
        draw(value, &mut page);
        self.write(&page.finish())
    }

    /// Writes to standard output as it is.
    pub(crate) fn write(&self, text: &str) -> Outcome<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| writing(&error))
    }

    /// Tells something beside the result; it is harmless already.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Shows a text beside the result whose lines are not ours to break; it is harmless already.
    pub(crate) fn text(&self, text: &str) {
        if !self.quiet {
            Self::print(text);
        }
    }

    /// Tells something that waits for the user: those who want results only need it too.
    pub(crate) fn urge(&self, text: &str) {
        self.complain(text);
    }

    /// Tells something only to those who want to know more.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.complain(text);
        }
    }

    /// Warns.
    pub(crate) fn warn(&self, text: &str) {
        let head = self.error_style().paint(Tone::Attention, "warning:");
        self.note(&format!("{head} {}", escape::line(text)));
    }

    /// Shows an error: on standard error for people, on standard output as JSON.
    pub(crate) fn error(&self, error: &ErrorView) {
        if self.json {
            // Nobody is left to tell when standard output is gone.
            let _ = self.write(&json::error(error));
            return;
        }
        let (style, width) = (self.error_style(), self.error_width());
        Self::print(&draw_error(error, style, width));
    }

    /// Draws on the terminal that standard error is.
    pub(crate) fn draw(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        // Nobody is left to see it when standard error is gone.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    fn complain(&self, text: &str) {
        Self::print(&fit(text.trim_end(), self.error_width()));
    }

    fn print(text: &str) {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
    }
}

/// Draws an error for people.
fn draw_error(error: &ErrorView, style: Style, width: Option<usize>) -> String {
    let part = |tone, name: &str, text: &str| {
        let lead = format!("{} ", style.paint(tone, name));
        wrap(
            &lead,
            &escape::block(text.trim_end()),
            columns(&lead),
            width,
        ) + "\n"
    };
    let mut out = part(Tone::Bad, "error:", &error.message);
    // A single finding is what the message says already.
    let several = error.details.len() > 1;
    for detail in error.details.iter().filter(|_| several) {
        let place = match (&detail.file, detail.line) {
            (Some(file), Some(line)) => format!("{}:{line}: ", escape::line(file)),
            (Some(file), None) => format!("{}: ", escape::line(file)),
            (None, Some(line)) => format!("line {line}: "),
            (None, None) => String::new(),
        };
        let hint = detail
            .hint
            .as_ref()
            .map(|hint| format!(" ({})", escape::line(hint)));
        let hint = hint.unwrap_or_default();
        let text = format!("{place}{}{hint}", escape::line(&detail.message));
        out.push_str(&wrap("  ", &text, 4, width));
        out.push('\n');
    }
    if let Some(cause) = &error.cause {
        out.push_str(&part(Tone::Strong, "cause:", cause));
    }
    if let Some(hint) = &error.hint {
        out.push_str(&part(Tone::Strong, "hint:", hint));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use cw_wire::{ErrorCode, ErrorDetail};

    #[test]
    fn an_error_says_what_why_and_what_helps() {
        let mut error = ErrorView::new(ErrorCode::Usage, "the plan cannot be read")
            .cause("two faults\nin one file")
            .hint("see \x1b[1mthe docs");
        error.details.push(ErrorDetail {
            file: Some("plan.md".into()),
            line: Some(7),
            message: "unknown key `afer`".into(),
            hint: Some("after".into()),
        });
        error.details.push(ErrorDetail {
            file: Some("plan.md".into()),
            line: Some(9),
            message: "an empty title".into(),
            hint: None,
        });
        insta::assert_snapshot!(draw_error(&error, Style { colour: false }, None), @r"
        error: the plan cannot be read
          plan.md:7: unknown key `afer` (after)
          plan.md:9: an empty title
        cause: two faults
               in one file
        hint: see ^[[1mthe docs
        ");
    }
    #[test]
    fn an_error_ends_where_the_terminal_ends() {
        let error = ErrorView::new(ErrorCode::Refused, "the base has moved on since")
            .cause("its tip is another commit")
            .hint("`cw initiative land accounts --merge` makes a merge commit");
        insta::assert_snapshot!(draw_error(&error, Style { colour: false }, Some(32)), @r"
        error: the base has moved on
               since
        cause: its tip is another commit
        hint: `cw initiative land
              accounts --merge` makes a
              merge commit
        ");
    }
}
