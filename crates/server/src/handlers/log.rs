//! What an agent's program printed, over all its turns: both outputs in the order of time. Where
//! a reader stands is in its cursor alone, `TURN` or `TURN:OUT:ERR`, so that any number of them
//! may read and none is remembered.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use cw_core::domain::ids::{AgentId, TurnId};
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Agent, Turn};
use cw_core::ports::agents::{Agents, LineForm, LogLine as Line, RunId, Stream};
use cw_wire::task::{LogInput, LogLine, LogView};
use cw_wire::{ErrorCode, ErrorView};

use crate::app::{App, Fault};
use crate::views::{self, time};

/// The most text of one answer, in bytes.
const ANSWER: usize = 512 * 1024;
/// How much of one output is read in one go, in bytes.
const WINDOW: usize = 128 * 1024;
/// The longest line that is shown unless raw output is wanted, in characters.
const LINE: usize = 2_000;
/// The longest wait for something new.
const PATIENCE: u32 = 30;
/// The most lines of a tail.
const TAIL: u32 = 100_000;

/// Where a reader stands: in which turn, and how far in its two outputs. Without the latter the
/// turn's heading has not been given yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    turn: u64,
    read: Option<(u64, u64)>,
}

impl FromStr for Cursor {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let numbers: Option<Vec<u64>> = text.split(':').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some([turn]) => Ok(Self {
                turn: *turn,
                read: None,
            }),
            Some([turn, out, err]) => Ok(Self {
                turn: *turn,
                read: Some((*out, *err)),
            }),
            _ => Err(ErrorView::new(
                ErrorCode::Usage,
                "that is not a place in a log",
            )),
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.read {
            Some((out, err)) => write!(f, "{}:{out}:{err}", self.turn),
            None => write!(f, "{}", self.turn),
        }
    }
}

/// One turn of the agent, as far as reading needs it.
#[derive(Clone, PartialEq, Debug)]
struct Chapter {
    id: TurnId,
    /// The kind of its program, whose reader makes its lines short.
    kind: String,
    heading: String,
    at: Timestamp,
    /// How far its outputs reach, as far as the rows know.
    known: (u64, u64),
    over: bool,
}

fn chapters(state: &State, agent: AgentId) -> Vec<Chapter> {
    let kind = state
        .get::<Agent>(agent)
        .map(|agent| agent.kind.clone())
        .unwrap_or_default();
    state
        .all::<Turn>()
        .filter(|turn| turn.agent == agent)
        .map(|turn| Chapter {
            id: turn.id,
            kind: kind.clone(),
            heading: format!("turn {} ({})", turn.number, turn.kind.word()),
            at: turn.started_at.unwrap_or(turn.queued_at),
            known: (turn.read_out, turn.read_err),
            over: !turn.state.is_open(),
        })
        .collect()
}

/// Reads a piece of an agent's log, waiting for something new when that is wanted.
///
/// # Errors
/// When the cursor is none, or the server is ending.
pub async fn read(app: Arc<App>, agent: AgentId, input: &LogInput) -> Result<LogView, Fault> {
    let after = input.after.as_deref().filter(|after| !after.is_empty());
    let from: Option<Cursor> = after.map(str::parse).transpose()?;
    let (raw, tail) = (input.raw, input.tail.filter(|_| from.is_none()));
    let wait = Duration::from_secs(u64::from(input.wait_s.min(PATIENCE)));
    let seen = app.read(move |state| Ok(chapters(state, agent))).await?;
    let first = piece(&app, seen.clone(), from, tail, raw).await?;
    if !first.lines.is_empty() || first.ended || wait.is_zero() {
        return Ok(first);
    }
    let changed = app
        .until(wait, move |state| {
            let now = chapters(state, agent);
            (now != seen).then_some(now)
        })
        .await?;
    match changed {
        Some(chapters) => piece(&app, chapters, from, tail, raw).await,
        None => Ok(first),
    }
}

async fn piece(
    app: &Arc<App>,
    chapters: Vec<Chapter>,
    from: Option<Cursor>,
    tail: Option<u32>,
    raw: bool,
) -> Result<LogView, Fault> {
    app.blocking(move |app| {
        let agents = &*app.ports.agents;
        let kind = chapters.first().map_or("", |chapter| &chapter.kind);
        let pages = match tail {
            Some(lines) => last_lines(agents, &chapters, lines.min(TAIL) as usize),
            None => forward(agents, &chapters, from),
        };
        Ok(LogView {
            ended: pages.ended && chapters.last().is_none_or(|chapter| chapter.over),
            next: pages.next.map(|at| at.to_string()).unwrap_or_default(),
            lines: shown(agents, kind, pages.lines, raw),
        })
    })
    .await
}

/// A line on its way out.
enum Entry {
    Heading(Timestamp, String),
    Output(Stream, Line),
}

/// What was read, and where to go on.
struct Pages {
    lines: Vec<Entry>,
    next: Option<Cursor>,
    /// Everything that is there was read.
    ended: bool,
}

fn forward(agents: &dyn Agents, chapters: &[Chapter], from: Option<Cursor>) -> Pages {
    let start = from.map_or(0, |cursor| cursor.turn);
    let mut pages = Pages {
        lines: Vec::new(),
        next: from,
        ended: true,
    };
    let mut size = 0;
    for chapter in chapters.iter().filter(|chapter| chapter.id.0 >= start) {
        let here = from.filter(|cursor| cursor.turn == chapter.id.0);
        let mut at = match here.and_then(|cursor| cursor.read) {
            Some(read) => read,
            None => {
                pages
                    .lines
                    .push(Entry::Heading(chapter.at, chapter.heading.clone()));
                (0, 0)
            }
        };
        loop {
            if size >= ANSWER {
                pages.ended = false;
                pages.next = Some(cursor(chapter, at));
                return pages;
            }
            let (lines, next) = both(agents, chapter.id, at);
            if next == at {
                break;
            }
            size += lines
                .iter()
                .map(|(_, line)| line.bytes.len() + 48)
                .sum::<usize>();
            let entries = lines.into_iter().map(|(s, line)| Entry::Output(s, line));
            pages.lines.extend(entries);
            at = next;
        }
        pages.next = Some(cursor(chapter, at));
    }
    pages
}

fn cursor(chapter: &Chapter, read: (u64, u64)) -> Cursor {
    Cursor {
        turn: chapter.id.0,
        read: Some(read),
    }
}

/// Reads on in both outputs of a run and puts their lines in the order of time.
fn both(agents: &dyn Agents, turn: TurnId, at: (u64, u64)) -> (Vec<(Stream, Line)>, (u64, u64)) {
    // A run whose folder is gone has nothing to tell any more.
    let read = |stream, offset| {
        agents
            .read_log(&RunId::from(turn), stream, offset, WINDOW)
            .unwrap_or((Vec::new(), offset))
    };
    let (mut out, mut out_next) = read(Stream::Out, at.0);
    let (mut err, mut err_next) = read(Stream::Err, at.1);
    // What one output has after the end of the other's window comes with the next one.
    let full = |from: u64, next: u64| next - from >= WINDOW as u64 / 2;
    if full(at.0, out_next) && !full(at.1, err_next) {
        hold_back(&mut err, &mut err_next, out.last());
    } else if full(at.1, err_next) && !full(at.0, out_next) {
        hold_back(&mut out, &mut out_next, err.last());
    }
    let mut lines: Vec<(Stream, Line)> = Vec::with_capacity(out.len() + err.len());
    lines.extend(out.into_iter().map(|line| (Stream::Out, line)));
    lines.extend(err.into_iter().map(|line| (Stream::Err, line)));
    lines.sort_by_key(|(_, line)| line.at);
    (lines, (out_next, err_next))
}

fn hold_back(lines: &mut Vec<Line>, next: &mut u64, until: Option<&Line>) {
    let Some(until) = until else { return };
    if let Some(first) = lines.iter().position(|line| line.at > until.at) {
        *next = lines[first].offset;
        lines.truncate(first);
    }
}

/// The last lines, from the end of the last turn backwards.
fn last_lines(agents: &dyn Agents, chapters: &[Chapter], wanted: usize) -> Pages {
    let mut kept: Vec<Entry> = Vec::new();
    let mut next = None;
    let mut size = 0;
    for chapter in chapters.iter().rev() {
        if kept.len() >= wanted || size >= ANSWER {
            break;
        }
        let (mut lines, end) = tail_of(agents, chapter);
        next = next.or(Some(cursor(chapter, end)));
        let room = wanted - kept.len();
        let cut = lines.len() > room;
        lines.drain(..lines.len().saturating_sub(room));
        size += lines
            .iter()
            .map(|(_, line)| line.bytes.len())
            .sum::<usize>();
        let mut page: Vec<Entry> = Vec::new();
        if !cut && lines.len() < room {
            page.push(Entry::Heading(chapter.at, chapter.heading.clone()));
        }
        page.extend(lines.into_iter().map(|(s, line)| Entry::Output(s, line)));
        page.append(&mut kept);
        kept = page;
    }
    Pages {
        lines: kept,
        next,
        ended: true,
    }
}

/// The end of a run's outputs, and where they end.
fn tail_of(agents: &dyn Agents, chapter: &Chapter) -> (Vec<(Stream, Line)>, (u64, u64)) {
    let begin = |known: u64| known.saturating_sub(ANSWER as u64);
    let start = (begin(chapter.known.0), begin(chapter.known.1));
    let (mut all, mut at) = (Vec::new(), start);
    loop {
        let (lines, next) = both(agents, chapter.id, at);
        if next == at {
            break;
        }
        all.extend(lines);
        at = next;
    }
    // In the middle of a file the first record is the rest of one.
    let whole = |stream: &Stream, line: &Line| match stream {
        Stream::Out => start.0 == 0 || line.offset > start.0,
        Stream::Err => start.1 == 0 || line.offset > start.1,
    };
    all.retain(|(stream, line)| whole(stream, line));
    (all, at)
}

/// The lines as they are shown: raw, or what they tell a person, which may be nothing.
fn shown(agents: &dyn Agents, kind: &str, entries: Vec<Entry>, raw: bool) -> Vec<LogLine> {
    let mut shown = Vec::new();
    let mut turn: Vec<(Stream, Line)> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Output(stream, line) => turn.push((stream, line)),
            Entry::Heading(at, heading) => {
                shown.extend(told(agents, kind, std::mem::take(&mut turn), raw));
                shown.push(LogLine {
                    at: Some(time(at)),
                    stream: "cw".into(),
                    text: heading,
                });
            }
        }
    }
    shown.extend(told(agents, kind, turn, raw));
    shown
}

/// The same for lines of one turn, which follow one another.
fn told(agents: &dyn Agents, kind: &str, lines: Vec<(Stream, Line)>, raw: bool) -> Vec<LogLine> {
    let mut events = if raw {
        Vec::new()
    } else {
        agents.read_lines(kind, &lines)
    };
    events.resize(lines.len(), Vec::new());
    let told = lines.into_iter().zip(events);
    told.flat_map(|((stream, line), events)| {
        let from = match (line.form, stream) {
            (LineForm::Note, _) => "cw",
            (_, Stream::Out) => "stdout",
            (_, Stream::Err) => "stderr",
        };
        let texts = if raw || line.form == LineForm::Note {
            vec![text(&line, raw)]
        } else {
            let texts = events.iter().flat_map(views::log::lines);
            texts.map(|text| cut(&text)).collect()
        };
        let at = (line.at.0 > 0).then(|| time(line.at));
        texts.into_iter().map(move |text| LogLine {
            at: at.clone(),
            stream: from.into(),
            text,
        })
    })
    .collect()
}

fn text(line: &Line, raw: bool) -> String {
    let text = String::from_utf8_lossy(&line.bytes);
    match line.form {
        _ if !raw => cut(&text),
        LineForm::Cut => format!("{text}…"),
        _ => text.into_owned(),
    }
}

/// The beginning of a line, if it is too long to be shown.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_log_is_read_back_as_it_was_written() {
        for text in ["7", "7:0:0", "7:120:4096"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in ["", "x", "7:1", "7:-1:0", "7:1:2:3"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters_unless_raw_output_is_wanted() {
        let line = Line {
            at: Timestamp(1),
            offset: 0,
            bytes: "é".repeat(LINE + 1).into_bytes(),
            form: LineForm::Whole,
        };
        assert_eq!(text(&line, false).chars().count(), LINE + 1);
        assert_eq!(text(&line, true).chars().count(), LINE + 1);
        assert!(text(&line, false).ends_with('…'));
        assert!(text(&line, true).ends_with('é'));
    }

    #[test]
    fn what_comes_after_the_others_window_is_held_back() {
        let line = |at, offset| Line {
            at: Timestamp(at),
            offset,
            bytes: Vec::new(),
            form: LineForm::Whole,
        };
        let (mut lines, mut next) = (vec![line(1, 0), line(5, 10), line(9, 20)], 30);
        hold_back(&mut lines, &mut next, Some(&line(5, 0)));
        assert_eq!((lines.len(), next), (2, 20));
    }
}
