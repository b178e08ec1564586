//! Agent programs behind their shims: what one run does, step by step, whether the server lives
//! or not. What it calls the server for may be refused or go unheard.

use std::collections::VecDeque;

use cw_core::domain::ids::{AgentId, InitiativeId, MessageId, TaskId, TurnId};
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Turn, TurnKind, Verdict};

use super::chance::Chance;
use super::git::File;

/// Something that a program does.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Act {
    /// Writes a file.
    Write(File),
    /// Solves what is in conflict.
    Resolve,
    /// Prints a line.
    Print,
    /// Asks the user, and does not wait.
    Ask,
    /// Asks the user and waits so many steps for the answer; then it ends with 75.
    AskAndWait(u32),
    /// Waits for the answer to its question.
    Wait(MessageId, u32),
    /// Says something to the user or to whoever works beside it.
    Say,
    /// Tells how far it is, or that it is done.
    Tell,
    /// Adds a task.
    AddTask,
    /// Does nothing until it is stopped.
    Hang,
    /// Ends.
    End(Verdict),
}

/// How far a run is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum RunState {
    /// Its process lives.
    Alive,
    /// It is over.
    Over(Verdict),
}

/// One run of a program: the run folder and the process.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Whose run it is.
    pub(super) turn: TurnId,
    /// The agent, and its worktree.
    pub(super) agent: AgentId,
    /// Its task.
    pub(super) task: TaskId,
    /// The initiative it works for.
    pub(super) initiative: InitiativeId,
    /// What it is for.
    pub(super) kind: TurnKind,
    /// It resumes a session.
    pub(super) resumes: bool,
    /// What it was told.
    pub(super) prompt: String,
    /// How far it is.
    pub(super) state: RunState,
    /// What it will do.
    pub(super) acts: VecDeque<Act>,
    /// The server listens to it.
    pub(super) followed: bool,
    /// How much it has printed.
    pub(super) printed: u64,
}

impl Run {
    /// A run that has not begun.
    #[must_use]
    pub(super) fn new(turn: &Turn, initiative: InitiativeId) -> Self {
        Self {
            turn: turn.id,
            agent: turn.agent,
            task: turn.task,
            initiative,
            kind: turn.kind,
            resumes: turn.resumes,
            prompt: turn.prompt.clone(),
            state: RunState::Alive,
            acts: VecDeque::new(),
            followed: false,
            printed: 0,
        }
    }

    /// Its program is not let in: it hears nothing of what it is told.
    #[must_use]
    pub(super) fn is_kept_out(&self) -> bool {
        matches!(self.acts.back(), Some(Act::End(Verdict::Auth { .. })))
    }
}

/// How wild a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Temper {
    /// Nothing goes wrong any more.
    pub(super) calm: bool,
    /// How many files are touched by everybody.
    pub(super) shared: u32,
}

/// What a run is going to do.
#[must_use]
pub(super) fn script(chance: &mut Chance, temper: Temper, task: TaskId) -> VecDeque<Act> {
    let mut acts = VecDeque::new();
    let own = temper.shared + u32::try_from(task.0).unwrap_or(0);
    if temper.calm {
        acts.extend([Act::Resolve, Act::Write(own), Act::End(Verdict::Done)]);
        return acts;
    }
    if chance.hits(850) {
        acts.push_back(Act::Resolve);
    }
    for _ in 0..chance.below(5) {
        acts.push_back(act(chance, temper, own));
    }
    if chance.hits(900) {
        acts.push_back(Act::Write(own));
    }
    let last = match chance.below(1000) {
        0..=39 => Act::Hang,
        40..=119 => Act::End(Verdict::Failed {
            why: "it did not work".into(),
            fatal: chance.hits(150),
        }),
        120..=159 => Act::End(Verdict::Crashed),
        160..=179 => Act::End(Verdict::Limit { until: None }),
        180..=194 => Act::End(Verdict::SessionUnknown),
        195..=214 => Act::End(Verdict::Asked),
        215..=219 => Act::End(Verdict::Stopped),
        220..=234 => Act::End(Verdict::Auth {
            why: "not logged in".into(),
        }),
        235..=244 => {
            let until = Timestamp(i64::try_from(chance.below(600_000)).unwrap_or(0));
            Act::End(Verdict::Limit { until: Some(until) })
        }
        _ => Act::End(Verdict::Done),
    };
    if matches!(last, Act::End(Verdict::Auth { .. })) {
        acts.clear();
    }
    acts.push_back(last);
    acts
}

fn act(chance: &mut Chance, temper: Temper, own: File) -> Act {
    match chance.below(100) {
        0..=34 => Act::Write(u32::try_from(chance.below(temper.shared as usize)).unwrap_or(0)),
        35..=59 => Act::Write(own),
        60..=74 => Act::Print,
        75..=79 => Act::Ask,
        80..=86 => Act::AskAndWait(u32::try_from(chance.below(4)).unwrap_or(0)),
        87..=91 => Act::Say,
        92..=97 => Act::Tell,
        _ => Act::AddTask,
    }
}
