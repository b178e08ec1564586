//! Kinds of agent programs. A driver knows how its program is started and resumed, what a line of
//! its output means, what to answer, and how its turn came out. Drivers are pure: text in, values
//! out; they start nothing, read nothing and know no clock. A new kind is one file here and one
//! line in [`driver`].

mod acp;
mod claude;
mod codex;
mod course;
mod gemini;
mod json;
mod opencode;
mod script;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cw_core::ports::agents::{
    AgentEvent, Answer, Exit, LogLine, Permissions, Stream, TurnOrder, Verdict,
};

/// What is to be started for a turn.
pub(super) struct Launch {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    /// Variables that the kind needs; what the configuration sets wins.
    pub(super) env: Vec<(&'static str, Cow<'static, str>)>,
    /// Variables that must not reach the program.
    pub(super) unset: &'static [&'static str],
    /// What it is given on standard input at once.
    pub(super) stdin: Vec<u8>,
    pub(super) keep_stdin_open: bool,
    /// What its reader must know of the order: kept in the run folder, so without secrets.
    pub(super) memo: Vec<u8>,
}

/// Where a program is started.
pub(super) struct Site<'a> {
    /// The path of this very program.
    pub(super) cw: &'a Path,
    /// The folders of git that belong to the worktree but lie outside it.
    pub(super) git_folders: &'a [PathBuf],
}

/// What a line came to.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) events: Vec<AgentEvent>,
    pub(super) reaction: Option<Reaction>,
}

impl From<AgentEvent> for Reading {
    fn from(event: AgentEvent) -> Self {
        vec![event].into()
    }
}

impl From<Vec<AgentEvent>> for Reading {
    fn from(events: Vec<AgentEvent>) -> Self {
        Self {
            events,
            reaction: None,
        }
    }
}

/// What a program must be sent for a line of its output, without asking anybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reaction {
    /// This line.
    Send(String),
    /// The end of its standard input.
    CloseStdin,
    /// Nothing more: it is ended, for the reason in this word.
    Stop(&'static str),
}

/// One kind of agent program.
pub(super) trait Driver: Send + Sync {
    /// What to start for `order`.
    fn launch(&self, order: &TurnOrder, site: &Site<'_>) -> Launch;

    /// Somebody who reads the output from its first line on; `memo` is what the launch left.
    fn reader(&self, resume: bool, permissions: Permissions, memo: &[u8]) -> Box<dyn Reader>;

    /// A line by which the program says who it is, where `--version` alone may not do.
    fn greeting(&self) -> Option<String> {
        None
    }

    /// The words behind the program that open a session in its own interface.
    fn interface(&self, session: &str) -> Option<Vec<String>> {
        let _ = session;
        None
    }

    /// Somebody who reads output from anywhere on, to show it; it is no judge.
    fn skimmer(&self) -> Box<dyn Reader> {
        self.reader(false, Permissions::default(), &[])
    }

    /// The line that tells a program at work something; none where its kind takes nothing.
    fn message(&self, number: u64, text: &str) -> Option<String> {
        let _ = (number, text);
        None
    }

    /// The line that answers the request made by the line `request`.
    fn answer(&self, request: &[u8], answer: &Answer) -> Option<String> {
        let _ = (request, answer);
        None
    }
}

/// Reads one run's output, line by line in order. What it gives depends on the lines alone, so
/// that reading them again gives the same.
pub(super) trait Reader {
    /// Takes the next line of `stream`.
    fn line(&mut self, stream: Stream, line: &LogLine) -> Reading;

    /// What was taken in and not told yet, because more of it may come.
    fn rest(&mut self) -> Vec<AgentEvent> {
        Vec::new()
    }

    /// The program said that it has come to an end and nothing followed: it should go.
    fn should_go(&self) -> bool {
        false
    }

    /// How the turn came out.
    fn verdict(&self, exit: &Exit) -> Verdict;
}

/// The word given to a stop of a program that does not go after its end.
pub(super) const LINGERED: &str = "lingered";
/// Why a program is stopped whose turn cost more than it may. The last costs come with the end of
/// a turn: one that was over by then is no less done.
const OVER_BUDGET: &str = "budget";

/// The word given to a stop of a program that is not let in and would try for minutes.
pub(super) const KEPT_OUT: &str = "kept-out";

/// The driver of a kind.
pub(super) fn driver(kind: &str) -> Option<&'static dyn Driver> {
    match kind {
        "acp" => Some(&acp::Acp),
        "claude" => Some(&claude::Claude),
        "codex" => Some(&codex::Codex),
        "gemini" => Some(&gemini::Gemini),
        "opencode" => Some(&opencode::OpenCode),
        "script" => Some(&script::Script),
        _ => None,
    }
}

/// The program of an order and its leading arguments; `own` where the order names none.
fn program(order: &TurnOrder, own: &str) -> (OsString, Vec<OsString>) {
    let mut words = order.program.iter().cloned();
    let program = words.next().unwrap_or_else(|| OsString::from(own));
    (program, words.collect())
}

/// Text of a program as it may be shown and stored: valid, bounded, marked where it was cut.
fn clip(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let end = (0..=max_bytes)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    format!("{}…", &text[..end])
}

/// The same in one line.
pub(super) fn clip_line(text: &str, max_bytes: usize) -> String {
    let near = clip(text, max_bytes * 4);
    let words: Vec<&str> = near.split_whitespace().collect();
    clip(&words.join(" "), max_bytes)
}

/// How long a question asked by a tool of `cw` may block where a program's own patience with
/// tools may be a minute: it is parked in time.
const TOOL_WAIT: &str = "50s";

/// A longest text in an event, in bytes.
const TEXT_CAP: usize = 32 << 10;

/// A longest one-liner in an event, in bytes.
const LINE_TEXT_CAP: usize = 300;

/// The first and the last words on standard error, for the reason of a failure: it may stand before a long trace.
#[derive(Default)]
struct LastWords {
    first: Vec<String>,
    last: std::collections::VecDeque<String>,
}

impl LastWords {
    const KEPT: usize = 5;

    fn hear(&mut self, line: &LogLine) {
        let text = clip_line(&String::from_utf8_lossy(&line.bytes), LINE_TEXT_CAP);
        if text.is_empty() {
            return;
        }
        if self.first.len() < Self::KEPT {
            self.first.push(text.clone());
        }
        if self.last.len() == Self::KEPT {
            self.last.pop_front();
        }
        self.last.push_back(text);
    }

    fn last(&self) -> Option<&str> {
        self.last.back().map(String::as_str)
    }

    fn any(&self, found: impl Fn(&str) -> bool) -> bool {
        self.first.iter().chain(&self.last).any(|line| found(line))
    }
}

/// How the exit alone reads, for a program that failed.
fn ended_badly(exit: &Exit, words: &LastWords) -> Verdict {
    let how = match (exit.code, exit.signal) {
        // A shell, and many a program, says so of a signal.
        (Some(code @ 129..=192), _) => format!("exit code {code} (signal {})", code - 128),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    };
    let why = words
        .last()
        .map_or(how.clone(), |last| format!("{how}: {last}"));
    let hint = exit
        .output_cut
        .then(|| "its output was longer than is kept".to_owned());
    Verdict::Failed {
        why,
        hint,
        fatal: false,
    }
}

/// Whether a program was stopped so late that what it had said of its end holds; `over`: it had
/// said that its turn is over, and nothing came after that.
fn ended_before_stop(exit: &Exit, over: bool) -> bool {
    match exit.stopped.as_deref() {
        Some(LINGERED) => true,
        Some(OVER_BUDGET) => over,
        _ => false,
    }
}

/// The verdict that needs no reading: the program never ran, or was stopped.
fn settled_by_exit(exit: &Exit) -> Option<Verdict> {
    if let Some(why) = &exit.spawn_error {
        return Some(Verdict::Failed {
            why: format!("the program could not be started: {why}"),
            hint: Some("set `command` of this agent in cw.toml, or install the program".to_owned()),
            fatal: true,
        });
    }
    exit.stopped.clone().map(|why| Verdict::Stopped { why })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod recordings;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_never_splits_a_letter() {
        assert_eq!(clip("aüb", 2), "a…");
        assert_eq!(clip("aüb", 4), "aüb");
        assert_eq!(clip_line(" a\n\n b\tc ", 100), "a b c");
    }

    #[test]
    fn a_reason_is_found_before_a_long_trace() {
        let mut words = LastWords::default();
        for text in ["no rollout found", "1", "2", "3", "4", "5", "6", "7"] {
            words.hear(&recordings::line(0, text));
        }
        assert!(words.any(|line| line.contains("rollout")));
        assert_eq!(words.last(), Some("7"));
    }

    #[test]
    fn unknown_kinds_have_no_driver() {
        for kind in ["acp", "claude", "codex", "gemini", "opencode", "script"] {
            assert!(driver(kind).is_some(), "{kind}");
        }
        assert!(driver("x").is_none());
    }
}
