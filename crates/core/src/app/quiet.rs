//! What an agent program does that nobody asked for: it falls silent, it waits for its API, it
//! prints more than is kept. All of it is told; a silent one is nudged once.

use crate::domain::event::Value;
use crate::domain::hierarchy::Task;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, MessageKind, Party, StopReason, Turn, TurnKind, Verdict};

use super::message::{self, Draft};
use super::signal::Retrying;
use super::{tasks, turn};

/// Takes note of how a turn ended. One that was ended for its silence is followed once by a turn
/// of the same session that says so, and its task has not failed: then this is true.
pub(super) fn nudged(tx: &mut Txn, ended: &Turn, verdict: &Verdict) -> bool {
    let silence = match verdict {
        Verdict::Failed { why, .. } if ended.stop == Some(StopReason::Stalled) => Some(why),
        _ => None,
    };
    let agent = tx.get::<Agent>(ended.agent);
    let stalls = silence.map_or(0, |_| agent.stalls + 1);
    tx.change::<Agent>(ended.agent, |agent| agent.stalls = stalls);
    let Some(why) = silence.filter(|_| stalls == 1) else {
        return false;
    };
    if tx.state().index().asks(ended.task) {
        return false;
    }
    let why = tasks::bounded(why);
    tx.change::<Task>(ended.task, |task| task.error = Some(why.clone()));
    tx.tell(
        "agent.nudged",
        About::Agent(ended.agent),
        [("error", Value::Text(why))],
    );
    turn::queue(tx, ended.agent, TurnKind::Retry, None);
    true
}

/// A program waits and tries again by itself.
pub(super) fn retrying(tx: &mut Txn, turn: &Turn, retrying: &Retrying) {
    tx.tell(
        "agent.retrying",
        About::Agent(turn.agent),
        [
            ("turn", Value::from(turn.id.0)),
            ("error", Value::Text(tasks::bounded(&retrying.why))),
            ("in_s", Value::from(retrying.after.as_secs())),
        ],
    );
}

/// A program has printed more than is kept.
pub(super) fn cut(tx: &mut Txn, turn: &Turn) {
    let agent = tx.get::<Agent>(turn.agent).clone();
    let body = format!(
        "Agent '{}' has printed more than is kept of one turn: the rest is dropped, and what it \
         does is not seen until the turn ends. `cw agent stop {}` ends it now.",
        agent.name, agent.name
    );
    let note = message::put(
        tx,
        Draft {
            project: agent.project,
            key: None,
            initiative: None,
            task: Some(turn.task),
            kind: MessageKind::Note,
            from: Party::Cw,
            to: Party::User,
            body,
            options: Vec::new(),
            about: None,
            holds: None,
            request: None,
        },
    );
    tx.tell(
        "agent.output-cut",
        About::Agent(agent.id),
        [
            ("turn", Value::from(turn.id.0)),
            ("message", Value::from(note.0)),
        ],
    );
}

#[cfg(test)]
mod tests;
