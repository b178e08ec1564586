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

pub use crate::domain::work::{ALLOW_ALWAYS, ALLOW_PROJECT};

use super::message::{self, Draft};
use super::signal::{Asked, Outcome, Refusal, Reply, Want};
use super::{dispatch, tasks};

/// The answer to a permission that lets this one use of the tool go ahead.
pub const ALLOW: &str = "allow";
/// The answer to a permission that refuses it; any other text refuses it with that reason.
pub const DENY: &str = "deny";
/// How long a program waits for an answer before its agent is parked.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The most options that one question shows.
const OPTIONS: usize = 20;

/// Takes in what a program asked and took back.
pub(super) fn seen(tx: &mut Txn, turn: &Turn, asked: Vec<Asked>, withdrawn: &[String]) {
    for one in asked {
        // The output was read before by a server that ended.
        let known = tx.state().index().requested(turn.id, one.reply);
        if known.is_none() {
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

/// How a request is shown, and what is remembered of it.
struct Shape {
    kind: MessageKind,
    tool: String,
    digest: String,
    body: String,
    options: Vec<String>,
    parts: u32,
}

fn shape(want: Want) -> Shape {
    match want {
        Want::Answers(parts) => {
            let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
            let (body, options) = worded(parts);
            Shape {
                kind: MessageKind::Question,
                tool: String::new(),
                digest: String::new(),
                body: tasks::bounded(&body),
                options,
                parts: count,
            }
        }
        Want::Tool {
            tool,
            detail,
            digest,
        } => Shape {
            kind: MessageKind::Permission,
            body: tasks::bounded(&format!("May I use {tool}? {detail}")),
            tool,
            digest,
            options: [ALLOW, ALLOW_ALWAYS, ALLOW_PROJECT, DENY]
                .map(str::to_owned)
                .to_vec(),
            parts: 1,
        },
    }
}

fn put(tx: &mut Txn, turn: &Turn, asked: Asked) {
    let shape = shape(asked.want);
    let (body, options) = (shape.body, shape.options);
    let standing =
        shape.kind == MessageKind::Permission && stands(tx, turn, &shape.tool, &shape.digest);
    let project = tx.get::<Agent>(turn.agent).project;
    let id = message::put(
        tx,
        Draft {
            project,
            task: Some(turn.task),
            initiative: None,
            kind: shape.kind,
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
                tool: shape.tool,
                digest: shape.digest,
                parts: shape.parts,
            }),
            key: None,
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
        grant(tx, turn, id);
    }
}

/// Answers a request that the user has said yes to before.
fn grant(tx: &mut Txn, turn: &Turn, id: MessageId) {
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
fn stands(tx: &Txn, turn: &Turn, tool: &str, digest: &str) -> bool {
    let asker = tx.get::<Agent>(turn.agent);
    let index = tx.state().index();
    let from = |message: &Message| match message.from {
        Party::Agent(id) => tx.state().get::<Agent>(id),
        _ => None,
    };
    // A program that does not say which tool it means is asked about each time.
    let mut lasting = index
        .lasting(asker.project, tool)
        .filter(|_| !matches!(tool, "" | "other"));
    let for_good = lasting.any(|id| {
        let message = tx.get::<Message>(id);
        from(message).is_some_and(|known| match message.answer.as_deref() {
            Some(ALLOW_PROJECT) => known.config == asker.config && known.kind == asker.kind,
            _ => known.id == asker.id,
        })
    });
    // What was allowed once while its agent was parked is allowed once.
    let (mut given, mut used) = (0, 0);
    for id in index.delivered_by(turn.id) {
        let message = tx.get::<Message>(id);
        let own = message.from == Party::Agent(asker.id);
        let Some(request) = message.request.as_ref().filter(|_| own) else {
            continue;
        };
        let same = request.tool == tool && request.digest == digest && !digest.is_empty();
        if same && message.answer.as_deref() == Some(ALLOW) {
            *(if request.turn == turn.id {
                &mut used
            } else {
                &mut given
            }) += 1;
        }
    }
    for_good || used < given
}

/// Whether a permission was given for good and was not taken back.
#[must_use]
pub fn lasts(message: &Message) -> bool {
    message.lasts()
}

/// The user takes a permission back that was given for good.
pub(super) fn revoke(tx: &mut Txn, id: MessageId) -> Result<Reply, Refusal> {
    let message = tx.get::<Message>(id);
    if !lasts(message) {
        let again = if message.revoked {
            "it was taken back before"
        } else {
            "it is no permission that was given for good"
        };
        return Err(
            Refusal::state(format!("message {id} allows nothing that lasts"))
                .because(again)
                .hint("`cw message list --allowed` shows what is allowed for good"),
        );
    }
    let about = About::Project(message.project);
    tx.change::<Message>(id, |message| message.revoked = true);
    tx.tell("message.revoked", about, [("message", id.0.into())]);
    Ok(Reply::Message(id))
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
