//! How a turn ends, and what follows for its task: on to the merge, another turn, a retry, or
//! the end.

use std::time::Duration;

use crate::domain::effect::EffectKind;
use crate::domain::event::Value;
use crate::domain::hierarchy::{Task, TaskState};
use crate::domain::ids::{AgentId, EffectId, TaskId, TurnId};
use crate::domain::oid::Oid;
use crate::domain::time::Timestamp;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, StopReason, Turn, TurnKind, TurnState, Verdict};

use super::{budget, dispatch, held, lane, quiet, request, tasks, turn};

/// A usage limit of unknown length is looked at again after this time.
const LIMIT_RETRY: Duration = Duration::from_secs(300);
/// No usage limit is looked at again sooner.
const LIMIT_LEAST: Duration = Duration::from_secs(30);

/// Ends a turn with nothing to merge.
pub(super) fn end(tx: &mut Txn, id: TurnId, verdict: Verdict) {
    end_with(tx, id, verdict, Vec::new());
}

/// Ends a turn, and lets its task go on from how it came out.
pub(super) fn end_with(tx: &mut Txn, id: TurnId, verdict: Verdict, unresolved: Vec<String>) {
    let unheard = verdict == Verdict::SessionUnknown;
    let verdict = close(tx, id, verdict);
    let turn = tx.get::<Turn>(id).clone();
    request::over(tx, &turn);
    if unheard && turn.resumes {
        // Whatever ended it: no program has read what it was to bring.
        turn::undeliver(tx, id);
    }
    let task = tx.get::<Task>(turn.task);
    if !matches!(task.state, TaskState::Working) || task.agent != Some(turn.agent) {
        return dropped(tx, &turn);
    }
    if quiet::nudged(tx, &turn, &verdict) {
        return;
    }
    match verdict {
        Verdict::Done if !unresolved.is_empty() => unfinished(tx, &turn, unresolved),
        Verdict::Done => done(tx, &turn),
        Verdict::Asked => asked(tx, &turn),
        Verdict::Stopped if turn.stop == Some(StopReason::Budget) => budget::cut_short(tx, &turn),
        Verdict::Stopped => {
            tx.change::<Agent>(turn.agent, |agent| agent.stopped = true);
            park(tx, turn.task, None, "its agent was stopped");
        }
        Verdict::Limit { until } => {
            // A time that has passed is no time to come back at once, again and again.
            let at = until
                .unwrap_or_else(|| tx.now.after(LIMIT_RETRY))
                .max(tx.now.after(LIMIT_LEAST));
            park(tx, turn.task, Some(at), "usage limit");
        }
        Verdict::Auth { .. } if tx.state().index().asks(turn.task) => asked(tx, &turn),
        Verdict::Auth { why } => held::kept_out(tx, &turn, &why),
        Verdict::SessionUnknown if turn.resumes => begin_anew(tx, &turn),
        Verdict::SessionUnknown => {
            let why = "the program did not know its own new session";
            failed(tx, &turn, why, false);
        }
        // The question is open still: its answer lets the agent go on.
        Verdict::Crashed | Verdict::Failed { fatal: false, .. }
            if tx.state().index().asks(turn.task) =>
        {
            asked(tx, &turn);
        }
        Verdict::Crashed => {
            let why = "the agent crashed: its process ended without a word";
            failed(tx, &turn, why, false);
        }
        Verdict::Failed { why, fatal } => failed(tx, &turn, &why, fatal),
    }
}

/// Marks a turn as over and tells so; gives what its end means.
pub(super) fn close(tx: &mut Txn, id: TurnId, verdict: Verdict) -> Verdict {
    let now = tx.now;
    tx.change::<Turn>(id, |turn| {
        turn.state = TurnState::Ended {
            verdict: verdict.clone(),
        };
        turn.ended_at = Some(now);
        turn.pid = None;
    });
    let turn = tx.get::<Turn>(id).clone();
    let verdict = judge(turn.stop, verdict);
    tx.tell(
        "agent.turn-ended",
        About::Agent(turn.agent),
        [
            ("turn", Value::from(id.0)),
            ("kind", Value::from(turn.kind.word())),
            ("verdict", Value::from(word(&verdict))),
            ("cost_usd", Value::from(turn.cost.dollars())),
        ],
    );
    verdict
}

/// Sets a task aside with its agent.
fn park(tx: &mut Txn, task: TaskId, resume_at: Option<Timestamp>, why: &str) {
    tasks::set_state(tx, task, TaskState::Parked { resume_at });
    tx.tell("task.parked", About::Task(task), [("why", why.into())]);
}

/// Gives an agent a new session: its program does not know the old one any more.
fn begin_anew(tx: &mut Txn, turn: &Turn) {
    let agent = turn.agent;
    let session = tx.ids().session();
    tx.change::<Agent>(agent, |agent| {
        agent.session = Some(session);
        agent.begun = false;
    });
    tx.tell("agent.session-lost", About::Agent(agent), []);
    match turn::bounce_owed(tx, agent) {
        Some(merge) => turn::queue(tx, agent, TurnKind::Bounce, Some(merge)),
        None => turn::queue(tx, agent, TurnKind::Retry, None),
    };
}

/// What an end means in the light of a stop that was asked for.
fn judge(stop: Option<StopReason>, verdict: Verdict) -> Verdict {
    match (stop, verdict) {
        (None, Verdict::Stopped) => Verdict::Failed {
            why: "the agent was ended from outside".into(),
            fatal: false,
        },
        (Some(StopReason::Timeout), verdict) if verdict != Verdict::Done => Verdict::Failed {
            why: "the turn took longer than its timeout (limits.turn_timeout, or the task's own)"
                .into(),
            fatal: false,
        },
        (Some(StopReason::Stalled), verdict) if verdict != Verdict::Done => Verdict::Failed {
            why: "the agent printed nothing for longer than limits.stall".into(),
            fatal: false,
        },
        (Some(StopReason::Unanswered), verdict) if verdict != Verdict::Done => Verdict::Asked,
        (Some(StopReason::User | StopReason::Dropped), _) => Verdict::Stopped,
        // What it could not finish goes on when there is money again.
        (Some(StopReason::Budget), Verdict::Failed { .. } | Verdict::Crashed) => Verdict::Stopped,
        (_, verdict) => verdict,
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Asked => "asked",
        Verdict::Failed { .. } => "failed",
        Verdict::Limit { .. } => "limit",
        Verdict::Auth { .. } => "auth",
        Verdict::SessionUnknown => "session-unknown",
        Verdict::Stopped => "stopped",
        Verdict::Crashed => "crashed",
    }
}

/// The task went on without this turn (cancelled, skipped, merged by hand): its agent is done.
fn dropped(tx: &mut Txn, turn: &Turn) {
    let task = tx.get::<Task>(turn.task);
    if task.state.is_closed() && task.agent == Some(turn.agent) {
        release(tx, turn.agent);
    }
}

/// Takes an agent's worktree away once nothing needs it; what it holds is kept.
pub(super) fn release(tx: &mut Txn, agent: AgentId) -> Option<EffectId> {
    let housed = tx.get::<Agent>(agent).housed;
    let idle = tx.state().index().open_turn(agent).is_none();
    let kind = EffectKind::Release(agent);
    match tx.pending(kind) {
        Some(pending) => Some(pending),
        None => (housed && idle).then(|| tx.want(kind)),
    }
}

fn done(tx: &mut Txn, turn: &Turn) {
    if tx.state().index().asks(turn.task) {
        return;
    }
    if let Some(kind) = turn::next_mail(tx, turn.agent) {
        turn::queue(tx, turn.agent, kind, None);
        return;
    }
    let head: Option<Oid> = tx.get::<Agent>(turn.agent).head.clone();
    match head {
        Some(head) => lane::offer(tx, turn.task, head),
        None => failed(tx, turn, "the agent's branch is not there", true),
    }
}

fn asked(tx: &mut Txn, turn: &Turn) {
    if tx.state().index().asks(turn.task) {
        tx.tell("agent.parked", About::Agent(turn.agent), []);
        return;
    }
    match turn::next_mail(tx, turn.agent) {
        Some(kind) => {
            turn::queue(tx, turn.agent, kind, None);
        }
        // Its program took the question back while it was being ended.
        None if turn.stop == Some(StopReason::Unanswered) => {
            turn::queue(tx, turn.agent, TurnKind::Retry, None);
        }
        None => failed(
            tx,
            turn,
            "it ended with 75 (\"I asked a question\") but no question is open",
            false,
        ),
    }
}

/// A bounce that came back with conflicts in it goes round again.
fn unfinished(tx: &mut Txn, turn: &Turn, unresolved: Vec<String>) {
    let merge = turn
        .merge
        .or_else(|| tx.state().index().merges_of(turn.task).next_back());
    match merge {
        Some(merge) => lane::bounce(tx, merge, unresolved),
        None => failed(tx, turn, "it left conflict markers behind", false),
    }
}

fn failed(tx: &mut Txn, turn: &Turn, why: &str, fatal: bool) {
    let task = tx.get::<Task>(turn.task);
    let agent = tx.get::<Agent>(turn.agent);
    let most = task
        .spec
        .attempts
        .or_else(|| {
            tx.state()
                .config(agent.project)
                .map(|config| config.attempts)
        })
        .unwrap_or(1);
    let failures = task.failures + 1;
    tx.change::<Task>(turn.task, |task| {
        task.failures = failures;
        task.error = Some(tasks::bounded(why));
    });
    if fatal || failures >= most {
        return tasks::fail(tx, turn.task, why);
    }
    let at = tx.now.after(dispatch::backoff(failures));
    tasks::set_state(
        tx,
        turn.task,
        TaskState::Todo {
            not_before: Some(at),
        },
    );
    tx.tell(
        "task.retry-scheduled",
        About::Task(turn.task),
        [
            ("error", Value::Text(tasks::bounded(why))),
            ("failures", failures.into()),
            ("in_s", Value::from(dispatch::backoff(failures).as_secs())),
        ],
    );
}
