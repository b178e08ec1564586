//! Questions, answers and notes: each question is answered exactly once, each answer and note
//! reaches its agent exactly once, in the order in which it was said.

use crate::domain::budget::Purse;
use crate::domain::event::Value;
use crate::domain::hierarchy::{Initiative, Task, TaskState};
use crate::domain::ids::{AgentId, InitiativeId, MergeId, MessageId, ProjectId, TaskId};
use crate::domain::txn::{About, Txn};
use crate::domain::work::{
    Agent, Message, MessageKind, MessageStatus, Party, Quandary, Request, TurnKind,
};

use super::signal::{Refusal, Reply};
use super::{budget, held, note, request, task, tasks, turn};

/// The longest message, in bytes.
pub(super) const MOST: usize = 64 * 1024;

/// The answer to "it bounced too often" that gives it another round.
pub const ANSWER_AGAIN: &str = "another round";
/// The answer to "it bounced too often" that skips the task.
pub const ANSWER_SKIP: &str = "skip";
/// The answer to "it bounced too often" that gives the task up.
pub const ANSWER_GIVE_UP: &str = "give up";

pub(super) struct Draft {
    pub(super) project: ProjectId,
    pub(super) task: Option<TaskId>,
    pub(super) initiative: Option<InitiativeId>,
    pub(super) kind: MessageKind,
    pub(super) from: Party,
    pub(super) to: Party,
    pub(super) body: String,
    pub(super) options: Vec<String>,
    pub(super) about: Option<Quandary>,
    pub(super) holds: Option<String>,
    pub(super) request: Option<Request>,
    pub(super) key: Option<String>,
}

pub(super) fn put(tx: &mut Txn, draft: Draft) -> MessageId {
    let id = tx.next_id::<Message>();
    tx.put(Message {
        id,
        project: draft.project,
        task: draft.task,
        initiative: draft.initiative,
        kind: draft.kind,
        from: draft.from,
        to: draft.to,
        body: draft.body,
        options: draft.options,
        status: MessageStatus::Open,
        answer: None,
        delivered: None,
        passed: None,
        key: draft.key,
        revoked: false,
        about: draft.about,
        holds: draft.holds,
        request: draft.request,
        created_at: tx.now,
        answered_at: None,
    });
    id
}

fn sized(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::usage("the text is empty"));
    }
    if text.len() > MOST {
        return Err(Refusal::usage(format!(
            "the text has {} bytes; {MOST} are the most",
            text.len()
        )));
    }
    Ok(text.to_owned())
}

/// The longest name of a call, in bytes.
const KEY: usize = 100;

/// What an agent asked or said by a call of this name before.
fn said_before(tx: &Txn, agent: AgentId, key: Option<&str>) -> Result<Option<MessageId>, Refusal> {
    let Some(key) = key else {
        return Ok(None);
    };
    if key.is_empty() || key.len() > KEY {
        return Err(Refusal::usage(format!(
            "the key of a call has 1 to {KEY} bytes"
        )));
    }
    Ok(tx.state().index().said(agent, key))
}

/// An agent asks the user.
pub(super) fn ask(
    tx: &mut Txn,
    asker: AgentId,
    text: &str,
    options: Vec<String>,
    key: Option<String>,
) -> Result<Reply, Refusal> {
    if let Some(known) = said_before(tx, asker, key.as_deref())? {
        return Ok(Reply::Message(known));
    }
    let body = sized(text)?;
    if options.len() > 20 || options.iter().any(|option| option.len() > 1_000) {
        return Err(Refusal::usage(
            "a question has at most 20 options of at most 1000 bytes",
        ));
    }
    let agent = tx.get::<Agent>(asker);
    let (project, task) = (agent.project, agent.task);
    let works = tx.get::<Task>(task).state == TaskState::Working;
    if !works || tx.state().index().open_turn(asker).is_none() {
        return Err(Refusal::state("only an agent at work can ask")
            .because("this task is not being worked on"));
    }
    let id = put(
        tx,
        Draft {
            project,
            task: Some(task),
            initiative: None,
            kind: MessageKind::Question,
            from: Party::Agent(asker),
            to: Party::User,
            body: body.clone(),
            options: options.clone(),
            about: None,
            holds: None,
            request: None,
            key,
        },
    );
    tx.tell(
        "message.asked",
        About::Task(task),
        [
            ("message", id.0.into()),
            ("body", body.into()),
            ("options", options.into()),
        ],
    );
    Ok(Reply::Message(id))
}

/// `cw` asks the user what to do with a task that bounced too often.
pub(super) fn ask_about_bounces(tx: &mut Txn, task: TaskId, merge: MergeId) {
    let row = tx.get::<Task>(task).clone();
    let project = tx.get::<Initiative>(row.initiative).project;
    let conflicts = tx
        .get::<crate::domain::work::Merge>(merge)
        .conflicts
        .join(", ");
    let why = if conflicts.is_empty() {
        "a gate keeps failing".to_owned()
    } else {
        format!("conflicts in {conflicts}")
    };
    let body = format!(
        "Task '{}' came back from the merge lane {} times ({why}). Give it another round (any other answer is \
         passed on as advice), skip it, or give it up?",
        row.spec.slug, row.bounces
    );
    let options = vec![
        ANSWER_AGAIN.to_owned(),
        ANSWER_SKIP.to_owned(),
        ANSWER_GIVE_UP.to_owned(),
    ];
    let id = put(
        tx,
        Draft {
            project,
            task: Some(task),
            initiative: None,
            kind: MessageKind::Question,
            from: Party::Cw,
            to: Party::User,
            body: body.clone(),
            options: options.clone(),
            about: Some(Quandary::Bounces),
            holds: None,
            request: None,
            key: None,
        },
    );
    tx.tell(
        "message.asked",
        About::Task(task),
        [
            ("message", id.0.into()),
            ("body", body.into()),
            ("options", options.into()),
        ],
    );
}

/// Somebody says something to somebody; an idle agent gets a turn for it.
pub(super) fn say(
    tx: &mut Txn,
    from: Party,
    to: Party,
    text: &str,
    key: Option<String>,
) -> Result<Reply, Refusal> {
    if let Party::Agent(sender) = from
        && let Some(known) = said_before(tx, sender, key.as_deref())?
    {
        return Ok(Reply::Message(known));
    }
    let body = sized(text)?;
    let known = |party: &Party| match party {
        Party::Agent(id) => Some(*id),
        _ => None,
    };
    let Some(anchor) = known(&to).or(known(&from)) else {
        return Err(Refusal::usage("a message is from or to an agent"));
    };
    let (project, task) = {
        let agent = tx.get::<Agent>(anchor);
        (agent.project, agent.task)
    };
    let reader = known(&to);
    let by_user = from == Party::User;
    if let Some(reader) = reader {
        if from == to {
            return Err(Refusal::usage("a note to oneself is of no use")
                .because("its only effect would be another turn")
                .hint("`cw progress TEXT` tells the user what you are at"));
        }
        would_read(tx, reader, &from)?;
    }
    let id = put(
        tx,
        Draft {
            project,
            task: Some(task),
            initiative: None,
            kind: MessageKind::Note,
            from,
            to,
            body: body.clone(),
            options: Vec::new(),
            about: None,
            holds: None,
            request: None,
            key,
        },
    );
    tx.tell(
        "message.sent",
        About::Agent(anchor),
        [("message", id.0.into()), ("body", body.into())],
    );
    let working = |reader| {
        let task = tx.get::<Agent>(reader).task;
        tx.get::<Task>(task).state == TaskState::Working
    };
    // What is failed is the user's to set going again, not another agent's.
    if let Some(reader) = reader.filter(|reader| by_user || working(*reader)) {
        wake(tx, reader);
    }
    if let Some(reader) = reader {
        note::pass_next(tx, reader);
    }
    Ok(Reply::Message(id))
}

/// Refuses a word to an agent that would never read it, or is none of the sender's.
fn would_read(tx: &Txn, reader: AgentId, from: &Party) -> Result<(), Refusal> {
    let row = tx.get::<Agent>(reader);
    if let Party::Agent(sender) = from
        && tx.get::<Agent>(*sender).project != row.project
    {
        return Err(Refusal::not_found("there is no such agent in this project"));
    }
    let theirs = tx.get::<Task>(row.task);
    if theirs.state.is_closed() || theirs.agent != Some(reader) {
        return Err(Refusal::state(format!("agent '{}' is finished", row.name))
            .because(format!("its task '{}' is over", theirs.spec.slug))
            .hint("add a new task with `cw task add`, or start an agent with `cw spawn`"));
    }
    // Work in the lane may be merged any moment, and who did it is gone then. What is in review is
    // the user's to set going again, not another agent's: approved, it is the same.
    let rests = match theirs.state {
        TaskState::Merging => "is being merged",
        TaskState::Review if *from != Party::User => "is in review",
        _ => return Ok(()),
    };
    Err(
        Refusal::state(format!("agent '{}' would not read it", row.name))
            .because(format!("the work on its task '{}' {rests}", theirs.spec.slug))
            .hint(
                "add a new task with `cw task add`, or wait: work that comes back is worked on again",
            ),
    )
}

/// Gives an idle agent a turn for its unread mail.
pub(super) fn wake(tx: &mut Txn, agent: AgentId) {
    let row = tx.get::<Agent>(agent);
    let task = tx.get::<Task>(row.task);
    let idle = tx.state().index().open_turn(agent).is_none() && !row.stopped;
    let waits = tx.state().index().asks(row.task);
    let id = task.id;
    match task.state {
        TaskState::Working if idle && !waits => {}
        TaskState::Review if idle => tasks::set_state(tx, id, TaskState::Working),
        // What it waits for may have been changed since it failed.
        TaskState::Failed if idle && task.blockers == 0 => {
            tasks::set_state(tx, id, TaskState::Working);
        }
        _ => return,
    }
    if let Some(kind) = turn::next_mail(tx, agent) {
        turn::queue(tx, agent, kind, None);
    }
}

/// The user answers a question.
pub(super) fn answer(tx: &mut Txn, id: MessageId, text: &str) -> Result<Reply, Refusal> {
    let message = tx.get::<Message>(id).clone();
    let text = sized(text)?;
    if !matches!(
        message.kind,
        MessageKind::Question | MessageKind::Permission
    ) {
        return Err(Refusal::state(format!("message {id} is not a question"))
            .hint("`cw agent say NAME TEXT` sends a message to an agent"));
    }
    if message.status != MessageStatus::Open {
        return Err(not_open(tx, &message));
    }
    let chosen = choose(&message.options, &text);
    let now = tx.now;
    tx.change::<Message>(id, |message| {
        message.status = MessageStatus::Answered;
        message.answer = Some(chosen.clone());
        message.answered_at = Some(now);
    });
    let about = match (message.task, message.initiative, &message.from) {
        (Some(task), _, _) => About::Task(task),
        (None, Some(initiative), _) => About::Initiative(initiative),
        (None, None, Party::Agent(agent)) => About::Agent(*agent),
        (None, None, _) => About::Project(message.project),
    };
    tx.tell(
        "message.answered",
        about,
        [("message", id.0.into()), ("answer", chosen.clone().into())],
    );
    if let Some(purse) = Purse::asked_of(&message) {
        budget::settle(tx, purse, &chosen)?;
        return Ok(Reply::Message(id));
    }
    match (message.about, message.task, message.from) {
        (Some(Quandary::Bounces), Some(task), _) => settle_bounces(tx, task, &chosen)?,
        (Some(about), _, _) => held::answered(tx, about, message.project, &chosen)?,
        (None, _, Party::Agent(asker)) if !request::pass_on(tx, id) => {
            if tx.state().index().open_turn(asker).is_some() {
                // It was silent because it waited.
                tx.change::<Agent>(asker, |agent| agent.last_output_at = Some(now));
            }
            wake(tx, asker);
        }
        _ => {}
    }
    Ok(Reply::Message(id))
}

/// Why a question takes no answer any more.
fn not_open(tx: &Txn, message: &Message) -> Refusal {
    let over = match message.task.map(|task| tx.get::<Task>(task)) {
        Some(task) if task.state == TaskState::Cancelled => "its task was cancelled",
        Some(task) if task.state == TaskState::Skipped => "its task was skipped",
        _ => "whoever asked wants no answer any more",
    };
    let cause = match &message.answer {
        Some(answer) => format!("its answer: {answer}"),
        None => over.to_owned(),
    };
    Refusal::state(format!("message {} is not open any more", message.id))
        .because(cause)
        .hint("`cw agent say NAME TEXT` sends a further message to an agent at work")
}

/// An answer that is the number of an option stands for that option.
fn choose(options: &[String], text: &str) -> String {
    let exact = options
        .iter()
        .find(|option| option.eq_ignore_ascii_case(text));
    let numbered = || {
        text.parse::<usize>()
            .ok()
            .and_then(|n| n.checked_sub(1))
            .and_then(|n| options.get(n))
    };
    exact
        .or_else(numbered)
        .cloned()
        .unwrap_or_else(|| text.to_owned())
}

fn settle_bounces(tx: &mut Txn, id: TaskId, answer: &str) -> Result<(), Refusal> {
    match answer {
        ANSWER_SKIP => {
            task::skip(tx, id)?;
        }
        ANSWER_GIVE_UP => {
            tasks::fail(tx, id, "it bounced too often and was given up");
        }
        advice => {
            tx.change::<Task>(id, |task| task.bounces = 0);
            let Some(agent) = tx.get::<Task>(id).agent else {
                return Ok(());
            };
            // Its agent may have been stopped meanwhile.
            tasks::set_state(tx, id, TaskState::Working);
            // The turn first: the advice then comes with what it is about.
            if tx.state().index().open_turn(agent).is_none() {
                let merge = tx.state().index().merges_of(id).next_back();
                turn::queue(tx, agent, TurnKind::Bounce, merge);
            }
            if advice != ANSWER_AGAIN {
                say(tx, Party::User, Party::Agent(agent), advice, None)?;
            }
        }
    }
    Ok(())
}

/// An agent has seen an answer or a note through a call of its own.
pub(super) fn took(tx: &mut Txn, reader: AgentId, id: MessageId) -> Result<Reply, Refusal> {
    let message = tx.state().get::<Message>(id);
    let own = message.is_some_and(|message| {
        message.from == Party::Agent(reader) || message.to == Party::Agent(reader)
    });
    if !own {
        return Err(Refusal::not_found(format!(
            "there is no message {id} of yours"
        )));
    }
    let turn = tx
        .state()
        .index()
        .open_turn(reader)
        .or(tx.state().index().last_turn(reader));
    tx.change::<Message>(id, |message| {
        if message.delivered.is_none()
            && crate::domain::index::undelivered_to(message) == Some(reader)
        {
            message.delivered = turn;
            if message.status == MessageStatus::Open {
                message.status = MessageStatus::Read;
            }
        }
    });
    note::drop_pass(tx, reader, id);
    Ok(Reply::Message(id))
}

/// The user has read a note.
pub(super) fn read(tx: &mut Txn, id: MessageId) -> Result<Reply, Refusal> {
    let message = tx.get::<Message>(id);
    let note =
        matches!(message.kind, MessageKind::Note | MessageKind::Error) && message.to == Party::User;
    if note {
        tx.change::<Message>(id, |message| message.status = MessageStatus::Read);
    }
    Ok(Reply::Message(id))
}

/// Questions about a task that is over want no answer any more.
pub(super) fn withdraw(tx: &mut Txn, task: TaskId) {
    let open: Vec<MessageId> = tx.state().index().questions(task).collect();
    for id in open {
        close(tx, task, id);
    }
}

/// A question wants no answer any more.
pub(super) fn close(tx: &mut Txn, task: TaskId, id: MessageId) {
    tx.change::<Message>(id, |message| message.status = MessageStatus::Read);
    tx.tell(
        "message.withdrawn",
        About::Task(task),
        [("message", Value::from(id.0))],
    );
}
