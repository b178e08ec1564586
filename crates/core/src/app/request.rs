//! Requests of agent programs to the user: each becomes a message, and its answer goes back to
//! the program while the turn lives, or resumes the session once it was parked.

use std::time::Duration;

use crate::domain::effect::{Effect, EffectKind};
use crate::domain::ids::{AgentId, MessageId};
use crate::domain::time::Timestamp;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{
    Agent, Message, MessageKind, MessageStatus, Party, Request, StopReason, Turn, TurnState,
};

use super::message::{self, Draft};
use super::signal::{Asked, Outcome, Want};
use super::{dispatch, tasks};

/// The answer to a permission that lets this one use of the tool go ahead.
pub const ALLOW: &str = "allow";
/// The answer to a permission that lets this agent use the tool from now on.
pub const ALLOW_ALWAYS: &str = "allow always (this agent)";
/// The answer to a permission that refuses it; any other text refuses it with that reason.
pub const DENY: &str = "deny";
/// How long a program waits for an answer before its agent is parked.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The most options that one question shows.
const OPTIONS: usize = 20;

/// Takes in what a program asked and took back.
pub(super) fn seen(tx: &mut Txn, turn: &Turn, asked: Vec<Asked>, withdrawn: &[String]) {
    for one in asked {
        let known = |message: &Message| {
            message
                .request
                .as_ref()
                .is_some_and(|known| known.turn == turn.id && known.reply == one.reply)
        };
        // The output was read before by a server that ended.
        if !tx.state().all::<Message>().any(known) {
            put(tx, turn, one);
        }
    }
    // A program that is being ended takes back what it asked; the user may answer all the same.
    if turn.stop.is_none() {
        for id in open(tx, turn) {
            let request = tx.get::<Message>(id).request.as_ref();
            if request.is_some_and(|request| withdrawn.contains(&request.name)) {
                message::close(tx, turn.task, id);
            }
        }
    }
}

fn put(tx: &mut Txn, turn: &Turn, asked: Asked) {
    let parts = match &asked.want {
        Want::Answers(parts) => u32::try_from(parts.len()).unwrap_or(u32::MAX),
        Want::Tool { .. } => 1,
    };
    let (kind, tool, body, options) = match asked.want {
        Want::Answers(parts) => {
            let (body, options) = worded(parts);
            (MessageKind::Question, String::new(), body, options)
        }
        Want::Tool { tool, detail } => {
            let options = [ALLOW, ALLOW_ALWAYS, DENY].map(str::to_owned).to_vec();
            let body = format!("May I use {tool}? {detail}");
            (MessageKind::Permission, tool, body, options)
        }
    };
    let body = tasks::bounded(&body);
    let standing = kind == MessageKind::Permission && stands(tx, turn, &tool, &body);
    let project = tx.get::<Agent>(turn.agent).project;
    let id = message::put(
        tx,
        Draft {
            project,
            task: Some(turn.task),
            initiative: None,
            kind,
            from: Party::Agent(turn.agent),
            to: Party::User,
            body: body.clone(),
            options: options.clone(),
            about: None,
            holds: None,
            request: Some(Request {
                turn: turn.id,
                reply: asked.reply,
                name: asked.name,
                tool,
                parts,
            }),
        },
    );
    tx.tell(
        "message.asked",
        About::Task(turn.task),
        [
            ("message", id.0.into()),
            ("body", body.into()),
            ("options", options.into()),
        ],
    );
    if standing {
        let now = tx.now;
        tx.change::<Message>(id, |message| {
            message.status = MessageStatus::Answered;
            message.answer = Some(ALLOW.to_owned());
            message.answered_at = Some(now);
        });
        tx.tell(
            "message.answered",
            About::Task(turn.task),
            [("message", id.0.into()), ("answer", ALLOW.into())],
        );
        pass_on(tx, id);
    }
}

/// One question is shown with its options; several as a list, to be answered line by line.
fn worded(parts: Vec<(String, Vec<String>)>) -> (String, Vec<String>) {
    if let [(text, options)] = &parts[..] {
        return (
            text.clone(),
            options.iter().take(OPTIONS).cloned().collect(),
        );
    }
    let mut body = "Several questions; answer with one line for each:".to_owned();
    for (n, (text, options)) in (1..).zip(parts) {
        body.push_str(&format!("\n{n}. {text}"));
        if !options.is_empty() {
            body.push_str(&format!(" ({})", options.join(" / ")));
        }
    }
    (body, Vec::new())
}

/// Whether the user has said yes to this before: for good, or to this very use in a turn that
/// was parked meanwhile and now tries again.
fn stands(tx: &Txn, turn: &Turn, tool: &str, body: &str) -> bool {
    tx.state().all::<Message>().any(|message| {
        let own = message.from == Party::Agent(turn.agent);
        let Some(request) = message.request.as_ref().filter(|_| own) else {
            return false;
        };
        match message.answer.as_deref() {
            Some(ALLOW_ALWAYS) => request.tool == tool,
            Some(ALLOW) => {
                let resumed = request.turn != turn.id && message.delivered == Some(turn.id);
                resumed && request.tool == tool && message.body == body
            }
            _ => false,
        }
    })
}

/// The open requests of a turn's program.
fn open(tx: &Txn, turn: &Turn) -> Vec<MessageId> {
    let state = tx.state();
    state
        .index()
        .questions(turn.task)
        .filter(|id| {
            let request = state.get::<Message>(*id).and_then(|m| m.request.as_ref());
            request.is_some_and(|request| request.turn == turn.id)
        })
        .collect()
}

/// Passes an answer on to the program that waits for it; `false` when there is none.
pub(super) fn pass_on(tx: &mut Txn, id: MessageId) -> bool {
    let Some(request) = tx.get::<Message>(id).request.clone() else {
        return false;
    };
    let live = tx
        .state()
        .get::<Turn>(request.turn)
        .filter(|turn| turn.stop.is_none())
        .filter(|turn| matches!(turn.state, TurnState::Starting | TurnState::Running));
    let Some(agent) = live.map(|turn| turn.agent) else {
        return false;
    };
    let now = tx.now;
    tx.change::<Message>(id, |message| message.delivered = Some(request.turn));
    // It was silent because it waited.
    tx.change::<Agent>(agent, |agent| agent.last_output_at = Some(now));
    tx.want(EffectKind::Reply(id));
    true
}

/// Takes in what came of passing an answer on. One that did not arrive is mail for the next turn.
pub(super) fn passed_on(tx: &mut Txn, effect: &Effect, id: MessageId, outcome: Outcome) {
    let Outcome::Failed { why, passing, .. } = outcome else {
        return tx.done(effect.id);
    };
    if passing && dispatch::try_later(tx, effect, &why) {
        return;
    }
    tx.done(effect.id);
    tx.change::<Message>(id, |message| message.delivered = None);
    if let Some(asker) = asker(tx.get::<Message>(id)) {
        message::wake(tx, asker);
    }
}

fn asker(message: &Message) -> Option<AgentId> {
    match message.from {
        Party::Agent(agent) => Some(agent),
        _ => None,
    }
}

/// What a program asked is of use after its turn only if the turn was ended to wait.
pub(super) fn over(tx: &mut Txn, turn: &Turn) {
    if matches!(turn.stop, Some(StopReason::Unanswered | StopReason::User)) {
        return;
    }
    for id in open(tx, turn) {
        message::close(tx, turn.task, id);
    }
}

/// Since when a turn waits for an answer that it asked for itself; none when it does not.
pub(super) fn waits_since(tx: &Txn, turn: &Turn, started: Timestamp) -> Option<Timestamp> {
    let state = tx.state();
    state
        .index()
        .questions(turn.task)
        .filter_map(|id| state.get::<Message>(id))
        .filter(|message| message.from == Party::Agent(turn.agent))
        .map(|message| message.created_at)
        .filter(|at| *at >= started)
        .max()
}

/// Whether the user has left this turn's program waiting for longer than it is kept alive for.
pub(super) fn waited_too_long(tx: &Txn, turn: &Turn) -> bool {
    let waits = |id: &MessageId| tx.now.since(tx.get::<Message>(*id).created_at) > PATIENCE;
    open(tx, turn).iter().any(waits)
}

#[cfg(test)]
mod tests;
