//! The lines at the foot of a terminal that are drawn again and again.
//!
//! It owns where they stand: each on a row of its own with nothing written behind it, so that they
//! come away whole when the terminal was made narrower meanwhile. It knows nothing of what they
//! say, nor when they are drawn.

use super::output::Output;
use super::wrap::columns;
use indicatif::TermLike;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The foot of the terminal that standard error is.
pub(crate) struct Foot {
    out: Output,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The lines that stand there, or are being written.
    lines: Vec<String>,
    /// A line has ended; whether another follows is not known yet.
    ended: bool,
    /// What is to be written.
    text: String,
}

impl Foot {
    /// Builds an empty one.
    pub(crate) fn new(out: Output) -> Self {
        Self {
            out,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> (usize, usize) {
        self.out.error_size().unwrap_or((80, 24))
    }

    /// Whoever draws moves over the lines only to take them away, all of them.
    fn take_away(&self) -> io::Result<()> {
        self.state().take_away(self.size().0);
        Ok(())
    }
}

impl State {
    fn take_away(&mut self, width: usize) {
        if self.lines.is_empty() {
            return;
        }
        let rows = |line: &String| columns(line).div_ceil(width.max(1)).max(1);
        let up = self.lines.iter().map(rows).sum::<usize>() - 1;
        if up > 0 {
            self.text.push_str(&format!("\x1b[{up}A"));
        }
        self.text.push_str("\r\x1b[J");
        self.lines.clear();
        self.ended = false;
    }

    fn write(&mut self, part: &str) {
        // Lines are filled up with spaces to the edge: here they end where their text does.
        if part.trim_matches(' ').is_empty() {
            self.ended = true;
            return;
        }
        if self.ended {
            self.text.push_str("\r\n");
            self.ended = false;
        }
        self.text.push_str(part);
        self.lines.push(part.to_owned());
    }
}

impl std::fmt::Debug for Foot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foot").finish_non_exhaustive()
    }
}

impl TermLike for Foot {
    fn width(&self) -> u16 {
        u16::try_from(self.size().0).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.size().1).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
        self.take_away()
    }

    fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
        self.take_away()
    }

    fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.state().write(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.take_away()
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut self.state().text);
        self.out.draw(&text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_away_whole_on_a_terminal_that_became_narrower() {
        let mut state = State::default();
        for line in ["\x1b[36m*\x1b[0m soho works on it", "bar"] {
            state.write(line);
            state.write("     ");
        }
        let drawn = std::mem::take(&mut state.text);
        assert_eq!(drawn, "\x1b[36m*\x1b[0m soho works on it\r\nbar");
        // Eighteen columns are two rows of ten, and the bar is one.
        state.take_away(10);
        assert_eq!(std::mem::take(&mut state.text), "\x1b[2A\r\x1b[J");
        state.take_away(10);
        assert_eq!(state.text, "");
    }
}
