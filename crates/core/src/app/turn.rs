//! A turn's life up to its end: queued, prepared, started, running, collected.

use crate::domain::effect::{Effect, EffectKind};
use crate::domain::event::Value;
use crate::domain::hierarchy::{Task, TaskState};
use crate::domain::ids::{AgentId, MergeId, MessageId, TaskId, TurnId};
use crate::domain::money::{Usd, add_tokens};
use crate::domain::prompt;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{
    Agent, Merge, MergeState, Message, MessageStatus, StopReason, Turn, TurnKind, TurnState,
    Verdict,
};

use super::signal::{Outcome, Output, Sight};
use super::{
    budget, dispatch, ending, held, initiative, lane, note, quiet, request, session, tasks,
};

/// Adds a turn that waits for a place.
pub(super) fn queue(
    tx: &mut Txn,
    agent: AgentId,
    kind: TurnKind,
    merge: Option<MergeId>,
) -> TurnId {
    let id = tx.next_id::<Turn>();
    let (task, number) = {
        let agent = tx.get::<Agent>(agent);
        (agent.task, agent.turns + 1)
    };
    tx.put(Turn {
        id,
        agent,
        task,
        kind,
        number,
        state: TurnState::Queued,
        prompt: String::new(),
        merge,
        resumes: false,
        listens: false,
        worked: false,
        stop: None,
        pid: None,
        read_out: 0,
        read_err: 0,
        cost: Default::default(),
        tokens: 0,
        queued_at: tx.now,
        started_at: None,
        ended_at: None,
    });
    tx.change::<Agent>(agent, |agent| {
        agent.turns = number;
        // Whoever wants a turn of a stopped agent wants it to go on.
        agent.stopped = false;
    });
    tx.tell(
        "agent.turn-queued",
        About::Agent(agent),
        [
            ("turn", Value::from(id.0)),
            ("kind", Value::from(kind.word())),
        ],
    );
    id
}

/// Gives a queued turn its place.
pub(super) fn place(tx: &mut Txn, id: TurnId) {
    tx.change::<Turn>(id, |turn| turn.state = TurnState::Preparing);
    let (kind, task) = {
        let turn = tx.get::<Turn>(id);
        (turn.kind, turn.task)
    };
    // Work that only came back is still what was said of it; any other turn says anew.
    if kind != TurnKind::Bounce && tx.get::<Task>(task).summary.is_some() {
        tx.change::<Task>(task, |task| task.summary = None);
    }
    tx.want(EffectKind::Prepare(id));
}

/// Lets a task that was set aside go on with its agent.
pub(super) fn go_on(tx: &mut Txn, task: TaskId) {
    let Some(agent) = tx.get::<Task>(task).agent else {
        return tasks::set_state(tx, task, TaskState::Todo { not_before: None });
    };
    tx.change::<Agent>(agent, |agent| agent.stopped = false);
    if tx.get::<Task>(task).blockers > 0 {
        // What it waits for was changed meanwhile: it goes on in its turn.
        return tasks::set_state(tx, task, TaskState::Todo { not_before: None });
    }
    tasks::set_state(tx, task, TaskState::Working);
    if tx.state().index().asks(task) || tx.state().index().open_turn(agent).is_some() {
        return;
    }
    if let Some(merge) = bounce_owed(tx, agent) {
        queue(tx, agent, TurnKind::Bounce, Some(merge));
    } else {
        let kind = next_mail(tx, agent).unwrap_or(TurnKind::Retry);
        queue(tx, agent, kind, None);
    }
}

/// The merge that came back in a turn which never reached its program.
pub(super) fn bounce_owed(tx: &Txn, agent: AgentId) -> Option<MergeId> {
    let last = tx
        .state()
        .get::<Turn>(tx.state().index().last_turn(agent)?)?;
    let unheard = last.started_at.is_none()
        || matches!(
            last.state,
            TurnState::Ended {
                verdict: Verdict::SessionUnknown | Verdict::Auth { .. }
            }
        );
    last.merge
        .filter(|_| last.kind == TurnKind::Bounce && unheard)
}

/// The kind of turn that the agent's unread mail wants, if there is any.
pub(super) fn next_mail(tx: &Txn, agent: AgentId) -> Option<TurnKind> {
    let mut mail = tx.state().index().mail(agent).peekable();
    mail.peek()?;
    let answered = mail.any(|id| tx.get::<Message>(id).status == MessageStatus::Answered);
    Some(if answered {
        TurnKind::Answer
    } else {
        TurnKind::Message
    })
}

/// Asks for a turn to be ended; its work is collected all the same. Asked for again, it sees to a
/// stop that could not be carried out.
pub(super) fn stop(tx: &mut Txn, id: TurnId, why: StopReason) {
    let state = tx.get::<Turn>(id).state.clone();
    if !state.is_open() {
        return;
    }
    tx.change::<Turn>(id, |turn| turn.stop = Some(graver(turn.stop, why)));
    match state {
        TurnState::Queued => ending::end(tx, id, Verdict::Stopped),
        TurnState::Running => end_program(tx, id),
        TurnState::Starting => {
            let start = tx.pending(EffectKind::StartTurn(id));
            let waits = |effect| tx.get::<Effect>(effect).not_before.is_some();
            if let Some(start) = start.filter(|effect| waits(*effect)) {
                tx.done(start);
                unheard(tx, id);
                ending::end(tx, id, Verdict::Stopped);
            }
            // A program being started is waited for: stopped now, it might begin afterwards.
        }
        // A worktree being made is waited for; the turn then ends instead of starting.
        TurnState::Preparing | TurnState::Collecting { .. } | TurnState::Ended { .. } => {}
    }
}

/// Of two reasons the one that counts: what the user wants goes before what time brings.
fn graver(known: Option<StopReason>, why: StopReason) -> StopReason {
    match (known, why) {
        (Some(StopReason::Dropped), _) => StopReason::Dropped,
        (_, StopReason::User | StopReason::Dropped) => why,
        (known, why) => known.unwrap_or(why),
    }
}

fn end_program(tx: &mut Txn, id: TurnId) {
    let kind = EffectKind::StopTurn(id);
    match tx.pending(kind) {
        None => drop(tx.want(kind)),
        // It could not be carried out and waits: whoever asks again wants it now.
        Some(effect) if tx.get::<Effect>(effect).not_before.is_some() => {
            tx.want_again(effect, None);
        }
        Some(_) => {}
    }
}

/// Takes in what came of an effect. One that is not on the list any more is out of date.
pub(super) fn performed(tx: &mut Txn, effect: &Effect, outcome: Outcome) {
    if tx
        .state()
        .get::<Effect>(effect.id)
        .is_none_or(|known| known.kind != effect.kind)
    {
        return;
    }
    match effect.kind {
        EffectKind::Prepare(turn) => prepared(tx, effect, turn, outcome),
        EffectKind::StartTurn(turn) => started(tx, effect, turn, outcome),
        EffectKind::StopTurn(_) => match outcome {
            // Asked for again until it is gone: it is not shown as ended before.
            Outcome::Failed { why, .. } => dispatch::try_on(tx, effect, &why),
            _ => tx.done(effect.id),
        },
        EffectKind::Reply(message) => request::passed_on(tx, effect, message, outcome),
        EffectKind::Pass(message) => note::passed(tx, effect, message, outcome),
        EffectKind::Collect(turn) => collected(tx, effect, turn, outcome),
        EffectKind::Trial(_) | EffectKind::Gate(_) | EffectKind::Advance(_) => {
            lane::performed(tx, effect, outcome);
        }
        EffectKind::CutBranch(_) | EffectKind::SyncAdhoc(_) | EffectKind::Land(..) => {
            initiative::performed(tx, effect, outcome);
        }
        EffectKind::Release(agent) => match outcome {
            Outcome::Failed { why, .. } if dispatch::try_later(tx, effect, &why) => {}
            Outcome::Failed { why, .. } => {
                tx.done(effect.id);
                tx.tell(
                    "worktree.kept",
                    About::Agent(agent),
                    [("error", Value::Text(why))],
                );
            }
            _ => {
                tx.done(effect.id);
                tx.change::<Agent>(agent, |agent| agent.housed = false);
                tx.tell("worktree.released", About::Agent(agent), []);
            }
        },
    }
}

fn prepared(tx: &mut Txn, effect: &Effect, id: TurnId, outcome: Outcome) {
    let (head, base, conflicts, fresh) = match outcome {
        Outcome::Prepared {
            head,
            base,
            conflicts,
            fresh,
        } => (head, base, conflicts, fresh),
        Outcome::Failed { why, passing, .. } => {
            if passing && dispatch::try_later(tx, effect, &why) {
                return;
            }
            tx.done(effect.id);
            let why = format!("its worktree could not be made ready: {why}");
            return ending::end(
                tx,
                id,
                Verdict::Failed {
                    why,
                    fatal: !passing,
                },
            );
        }
        _ => return tx.done(effect.id),
    };
    tx.done(effect.id);
    let turn = tx.get::<Turn>(id).clone();
    tx.change::<Agent>(turn.agent, |agent| {
        agent.housed = true;
        agent.base.get_or_insert(base);
        agent.head = Some(head.clone());
    });
    if turn.stop.is_some() {
        return ending::end(tx, id, Verdict::Stopped);
    }
    let resolved = |merge: &Merge| merge.state == MergeState::Conflict && conflicts.is_empty();
    if turn
        .merge
        .is_some_and(|merge| resolved(tx.get::<Merge>(merge)))
        && next_mail(tx, turn.agent).is_none()
    {
        // What was in the way is gone: no turn is needed to solve nothing.
        ending::close(tx, id, Verdict::Done);
        return lane::offer(tx, turn.task, head);
    }
    let agent = tx.get::<Agent>(turn.agent);
    let resumes = agent.begun && agent.session.is_some();
    let text = compose(tx, &turn, &conflicts, fresh && resumes);
    let now = tx.now;
    let mail: Vec<MessageId> = tx.state().index().mail(turn.agent).collect();
    for message in mail {
        tx.change::<Message>(message, |message| {
            message.delivered = Some(id);
            if message.status == MessageStatus::Open {
                message.status = MessageStatus::Read;
            }
        });
    }
    tx.change::<Turn>(id, |turn| {
        turn.state = TurnState::Starting;
        turn.prompt = text;
        turn.resumes = resumes;
        turn.started_at = Some(now);
    });
    tx.want(EffectKind::StartTurn(id));
}

/// What the program is told. Unread mail comes with every kind of turn.
fn compose(tx: &Txn, turn: &Turn, conflicts: &[String], moved: bool) -> String {
    let state = tx.state();
    let task = tx.get::<Task>(turn.task);
    let agent = tx.get::<Agent>(turn.agent);
    // A session that has not begun knows nothing of its task yet.
    let anew = agent.session.is_some() && !agent.begun;
    let letters: Vec<&Message> = state
        .index()
        .mail(turn.agent)
        .filter_map(|id| state.get::<Message>(id))
        .collect();
    let mut text = match (turn.kind, turn.merge) {
        (TurnKind::Start, _) => prompt::start(state, task),
        (TurnKind::Retry, _) if agent.stalls == 1 && agent.session.is_some() && !anew => {
            let stall = state.config(agent.project).map(|config| config.stall);
            prompt::nudge(task, stall.unwrap_or_default())
        }
        (TurnKind::Retry, _) => prompt::retry(state, task, task.error.as_deref()),
        (TurnKind::Bounce, Some(merge)) => {
            let text = prompt::bounce(state, tx.get::<Merge>(merge), conflicts);
            if anew {
                format!("{}\n\n{text}", prompt::start(state, task))
            } else {
                text
            }
        }
        _ if anew => prompt::start(state, task),
        _ => return prompt::word(&letters),
    };
    if anew && turn.number > 1 {
        text.push_str(prompt::NEW_SESSION);
    }
    if moved {
        text.push_str("\n\n# Your worktree was made anew from your branch.\n");
    }
    if !letters.is_empty() {
        text.push_str("\n\n");
        text.push_str(&prompt::mail(&letters));
    }
    text
}

fn started(tx: &mut Txn, effect: &Effect, id: TurnId, outcome: Outcome) {
    match outcome {
        Outcome::Failed { why, passing, .. } => {
            let stops = tx.get::<Turn>(id).stop.is_some();
            if passing && !stops && dispatch::try_later(tx, effect, &why) {
                return;
            }
            tx.done(effect.id);
            unheard(tx, id);
            let fatal = !passing;
            ending::end(tx, id, Verdict::Failed { why, fatal });
        }
        Outcome::Lacking(names) => {
            tx.done(effect.id);
            held::lacking(tx, id, &names);
        }
        _ => {
            tx.done(effect.id);
            runs(tx, id);
            if tx.get::<Turn>(id).stop.is_some() {
                end_program(tx, id);
            }
        }
    }
}

/// Marks a turn as running; its session can be resumed from now on.
fn runs(tx: &mut Txn, id: TurnId) {
    let turn = tx.get::<Turn>(id).clone();
    if turn.state != TurnState::Starting {
        return;
    }
    let now = tx.now;
    tx.change::<Turn>(id, |turn| {
        turn.state = TurnState::Running;
        turn.started_at = Some(now);
    });
    tx.change::<Agent>(turn.agent, |agent| agent.begun = true);
    tx.tell(
        "agent.turn-started",
        About::Agent(turn.agent),
        [
            ("turn", Value::from(id.0)),
            ("kind", Value::from(turn.kind.word())),
            ("resumes", turn.resumes.into()),
        ],
    );
}

/// A turn whose program could not be started told nobody anything.
pub(super) fn unheard(tx: &mut Txn, id: TurnId) {
    undeliver(tx, id);
    tx.change::<Turn>(id, |turn| turn.started_at = None);
}

/// As [`undeliver`], but only what the turn's prompt brought: what was said while it ran was
/// taken in by its program, or by the agent itself.
pub(super) fn undeliver_first(tx: &mut Txn, turn: &Turn) {
    let begun = turn.started_at.unwrap_or(turn.queued_at);
    let later: Vec<MessageId> = tx
        .state()
        .all::<Message>()
        .filter(|message| message.delivered == Some(turn.id))
        .filter(|message| message.answered_at.unwrap_or(message.created_at) > begun)
        .map(|message| message.id)
        .collect();
    undeliver(tx, turn.id);
    for id in later {
        tx.change::<Message>(id, |message| {
            message.delivered = Some(turn.id);
            if message.status == MessageStatus::Open {
                message.status = MessageStatus::Read;
            }
        });
    }
}

/// Mail that a turn was to bring and could not is unread again.
pub(super) fn undeliver(tx: &mut Txn, id: TurnId) {
    let mail: Vec<MessageId> = tx.state().index().delivered_by(id).collect();
    for message in mail {
        tx.change::<Message>(message, |message| {
            message.delivered = None;
            if message.status == MessageStatus::Read {
                message.status = MessageStatus::Open;
            }
        });
    }
}

/// Takes in what was seen of a turn's output or end.
pub(super) fn seen(tx: &mut Txn, id: TurnId, sight: Sight) {
    let Some(turn) = tx.state().get::<Turn>(id).cloned() else {
        return;
    };
    if !matches!(turn.state, TurnState::Starting | TurnState::Running) {
        return;
    }
    match sight {
        Sight::Output(output) => printed(tx, &turn, output),
        Sight::Ended { verdict, summary } => {
            runs(tx, id);
            if let Verdict::Auth { why } = &verdict {
                held::shut(tx, &turn, why);
            }
            tx.change::<Turn>(id, |turn| turn.state = TurnState::Collecting { verdict });
            if let Some(summary) = summary {
                // What the agent reported with `done` goes before its last words.
                if tx.get::<Task>(turn.task).summary.is_none() {
                    tx.change::<Task>(turn.task, |task| {
                        task.summary = Some(tasks::bounded(&summary));
                    });
                }
            }
            for kind in [EffectKind::StopTurn(id), EffectKind::StartTurn(id)] {
                if let Some(effect) = tx.pending(kind) {
                    tx.done(effect);
                }
            }
            tx.want(EffectKind::Collect(id));
        }
    }
}

fn printed(tx: &mut Txn, turn: &Turn, output: Output) {
    // What is told again was counted before.
    let is_new = output.read.0 > turn.read_out || output.read.1 > turn.read_err;
    let (cost, tokens) = match is_new {
        // No number of a program is too large to be kept.
        true => (output.cost.min(Usd::MOST), output.tokens),
        false => Default::default(),
    };
    request::seen(tx, turn, output.asked, &output.withdrawn);
    if let Some(retrying) = &output.retrying {
        quiet::retrying(tx, turn, retrying);
    }
    if output.cut {
        quiet::cut(tx, turn);
    }
    note::heard(tx, turn, output.listens, &output.taken);
    tx.change::<Turn>(turn.id, |turn| {
        turn.read_out = output.read.0.max(turn.read_out);
        turn.read_err = output.read.1.max(turn.read_err);
        turn.pid = output.pid.or(turn.pid);
        turn.worked |= output.worked;
        turn.cost = (turn.cost + cost).min(Usd::MOST);
        turn.tokens = add_tokens(turn.tokens, tokens);
    });
    tx.change::<Agent>(turn.agent, |agent| {
        agent.last_output_at = output.at.or(agent.last_output_at);
        agent.cost = (agent.cost + cost).min(Usd::MOST);
        agent.tokens = add_tokens(agent.tokens, tokens);
        if let Some(activity) = output.activity {
            agent.activity = activity;
        }
    });
    if let Some(name) = output.session {
        session::named(tx, turn.agent, name);
    }
    budget::charged(tx, turn.id, cost);
}

fn collected(tx: &mut Txn, effect: &Effect, id: TurnId, outcome: Outcome) {
    let TurnState::Collecting { verdict } = tx.get::<Turn>(id).state.clone() else {
        return tx.done(effect.id);
    };
    match outcome {
        Outcome::Collected {
            head,
            changed: _,
            unresolved,
        } => {
            tx.done(effect.id);
            let agent = tx.get::<Turn>(id).agent;
            tx.change::<Agent>(agent, |agent| agent.head = Some(head));
            ending::end_with(tx, id, verdict, unresolved);
        }
        Outcome::Failed { why, .. } => {
            if dispatch::try_later(tx, effect, &why) {
                return;
            }
            tx.done(effect.id);
            let why = format!("its work could not be collected: {why}");
            ending::end(tx, id, Verdict::Failed { why, fatal: true });
        }
        _ => tx.done(effect.id),
    }
}

/// Ends a turn that waits for a place it will not get.
pub(super) fn give_up(tx: &mut Txn, id: TurnId, why: &str) {
    let (why, fatal) = (why.to_owned(), true);
    ending::end(tx, id, Verdict::Failed { why, fatal });
}
