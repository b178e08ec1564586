//! Who goes next: turns that wait for a place first, then ready tasks by priority and order, as
//! many as the limits allow.

use std::time::Duration;

use crate::domain::budget::wanted;
use crate::domain::config::Config;
use crate::domain::effect::{Effect, EffectKind};
use crate::domain::event::Value;
use crate::domain::held;
use crate::domain::hierarchy::{Initiative, InitiativeStatus, Project, Task, TaskState};
use crate::domain::ids::{AgentId, InitiativeId, TaskId, TurnId};
use crate::domain::index::{Due, ready_key};
use crate::domain::names;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, Message, StopReason, Turn, TurnKind, TurnState};

use super::budget::{self, Kept};
use super::{initiative, request, tasks, turn};

/// What a program printed is told within this time: it is not silent before.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// Gives free places to turns and tasks until there are none.
pub(super) fn run(tx: &mut Txn) {
    let mut kept = Kept::new();
    cut_branches(tx);
    place_turns(tx, &mut kept);
    while let Some(task) = next_ready(tx, &mut kept) {
        begin(tx, task);
    }
    budget::ask(tx, &kept);
}

/// Has the branch cut where something could go on and one is missing: a cut that failed for good
/// is tried again when the user has something else go on.
fn cut_branches(tx: &mut Txn) {
    let state = tx.state();
    let ready = state.index().ready_initiatives();
    let queued = state
        .index()
        .queued_turns()
        .filter_map(|turn| state.get::<Turn>(turn))
        .filter_map(|turn| Some(state.get::<Agent>(turn.agent)?.initiative));
    let uncut = |id: &InitiativeId| {
        let row = tx.get::<Initiative>(*id);
        row.status == InitiativeStatus::Active && !row.cut
    };
    let uncut: Vec<InitiativeId> = ready.chain(queued).filter(uncut).collect();
    for id in uncut {
        initiative::cut(tx, id);
    }
}

fn place_turns(tx: &mut Txn, kept: &mut Kept) {
    let queued: Vec<TurnId> = tx.state().index().queued_turns().collect();
    for id in queued {
        let turn = tx.get::<Turn>(id);
        let (agent, task) = (tx.get::<Agent>(turn.agent), turn.task);
        let free = !agent.stopped && !is_leaving(tx, agent.id) && is_free(tx.state(), tx.get(task));
        if free && has_place(tx, agent.initiative) && budget::lets(tx, task, kept) {
            turn::place(tx, id);
        }
    }
}

/// Its worktree is being taken away: nothing may be put into it before that is over.
fn is_leaving(tx: &Txn, agent: AgentId) -> bool {
    tx.pending(EffectKind::Release(agent)).is_some()
}

/// Whether one more turn of this initiative may go on now.
fn has_place(tx: &Txn, id: InitiativeId) -> bool {
    let state = tx.state();
    let initiative = tx.get::<Initiative>(id);
    let project = tx.get::<Project>(initiative.project);
    let Some(config) = state.config(project.id) else {
        return false;
    };
    initiative.status == InitiativeStatus::Active
        && initiative.cut
        && !project.held
        && state.index().project_slots(project.id) < most(config, initiative)
        && initiative
            .limit()
            .is_none_or(|most| state.index().slots_of(id) < most as usize)
}

/// The project's limit. `--max-agents` of a run may go over it: the user said so.
fn most(config: &Config, initiative: &Initiative) -> u32 {
    initiative
        .limit()
        .map_or(config.max_agents, |own| own.max(config.max_agents))
}

/// The ready task that comes first, of all initiatives that have a place and the money.
fn next_ready(tx: &Txn, kept: &mut Kept) -> Option<TaskId> {
    let state = tx.state();
    state
        .index()
        .ready_initiatives()
        .filter(|id| has_place(tx, *id))
        .filter_map(|id| {
            let mut ready = state.index().ready_heads(id);
            let free = |id: &TaskId| is_free(state, tx.get(*id));
            ready.find(|task| free(task) && budget::lets(tx, *task, kept))
        })
        .filter_map(|id| state.get::<Task>(id))
        .min_by_key(|task| (ready_key(task).0, task.initiative, task.position))
        .map(|task| task.id)
}

fn is_free(state: &State, task: &Task) -> bool {
    held::hold(state, task).is_none()
}

/// Gives a ready task to its agent: the one it had, or a new one.
fn begin(tx: &mut Txn, id: TaskId) {
    let agent = tx.get::<Task>(id).agent;
    let (agent, kind, merge) = match agent {
        Some(agent) => match turn::bounce_owed(tx, agent) {
            Some(merge) => (agent, TurnKind::Bounce, Some(merge)),
            None => (agent, TurnKind::Retry, None),
        },
        None => match hire(tx, id, None) {
            Ok(agent) => (agent, TurnKind::Start, None),
            Err(why) => return tasks::fail(tx, id, &why),
        },
    };
    tasks::set_state(tx, id, TaskState::Working);
    let now = tx.now;
    tx.change::<Task>(id, |task| {
        task.attempts += 1;
        task.started_at = task.started_at.or(Some(now));
    });
    tx.tell("task.started", About::Task(id), []);
    let turn = turn::queue(tx, agent, kind, merge);
    if !is_leaving(tx, agent) {
        turn::place(tx, turn);
    }
}

/// Makes an agent for a task. The error is for the task to carry.
pub(super) fn hire(tx: &mut Txn, task: TaskId, name: Option<String>) -> Result<AgentId, String> {
    let task = tx.get::<Task>(task).clone();
    let initiative = tx.get::<Initiative>(task.initiative).clone();
    let project = tx.get::<Project>(initiative.project).clone();
    let config = tx.state().config(project.id).cloned().unwrap_or_default();
    let wanted = wanted(&task, &initiative, &config).to_owned();
    let kind = config
        .agent(&wanted)
        .ok_or_else(|| {
            format!("there is no agent named '{wanted}' in cw.toml, and no kind of that name")
        })?
        .kind;
    let name = match name {
        Some(name) => names::numbered(&name, |name| tx.state().index().name_used(name)),
        None => draw(tx),
    };
    // A script has nothing to resume.
    let session = (kind != "script").then(|| tx.ids().session());
    let token = tx.ids().secret();
    let id = tx.next_id::<Agent>();
    tx.put(Agent {
        id,
        project: project.id,
        initiative: initiative.id,
        task: task.id,
        worktree: format!(
            "{}-{}/{name}",
            project.name,
            &project.uid.0[..8.min(project.uid.0.len())]
        ),
        name,
        config: wanted,
        kind,
        session,
        begun: false,
        housed: false,
        base: None,
        head: None,
        token,
        stopped: false,
        stalls: 0,
        activity: String::new(),
        turns: 0,
        cost: Default::default(),
        tokens: 0,
        started_at: tx.now,
        last_output_at: None,
    });
    tx.change::<Task>(task.id, |task| task.agent = Some(id));
    tx.tell("agent.created", About::Agent(id), []);
    Ok(id)
}

fn draw(tx: &mut Txn) -> String {
    let chance = tx.ids().below(names::DISTRICTS.len());
    names::draw(chance, |name| tx.state().index().name_used(name))
}

/// After a start of the server: all that was to be done and is not recorded as done is done
/// again; every effect finds its work done if it was.
pub(super) fn pick_up(tx: &mut Txn) {
    let effects: Vec<Effect> = tx.state().all::<Effect>().cloned().collect();
    for effect in effects {
        if effect.not_before.is_none() {
            tx.want_again(effect.id, None);
        }
    }
}

/// What time brings: ends of backoffs and limits, turns that take too long or are silent.
pub(super) fn tick(tx: &mut Txn) {
    let due: Vec<Due> = tx.state().index().due(tx.now).collect();
    for due in due {
        match due {
            Due::Effect(id) => tx.want_again(id, None),
            Due::Task(id) => wake(tx, id),
        }
    }
    let overdue: Vec<(TurnId, StopReason)> = tx
        .state()
        .index()
        .open_turns()
        .filter_map(|id| overdue(tx, id).map(|why| (id, why)))
        .collect();
    for (id, why) in overdue {
        turn::stop(tx, id, why);
    }
}

fn wake(tx: &mut Txn, id: TaskId) {
    let task = tx.get::<Task>(id);
    match task.state {
        TaskState::Todo { .. } => tasks::set_state(tx, id, TaskState::Todo { not_before: None }),
        TaskState::Parked { .. } => turn::go_on(tx, id),
        _ => {}
    }
}

fn overdue(tx: &Txn, id: TurnId) -> Option<StopReason> {
    let turn = tx.get::<Turn>(id);
    let started = turn
        .started_at
        .filter(|_| turn.state == TurnState::Running && turn.stop.is_none())?;
    let agent = tx.get::<Agent>(turn.agent);
    let config = tx.state().config(agent.project)?;
    let own = tx.get::<Task>(turn.task).spec.timeout.map(Duration::from);
    let heard = agent.last_output_at.unwrap_or(started).max(started);
    let silent_since = heard.max(tx.state().watched_since());
    let late = if tx.now.since(started) > own.unwrap_or(config.turn_timeout) {
        Some(StopReason::Timeout)
    } else if tx.now.since(silent_since) > config.stall + TOLD_WITHIN {
        Some(StopReason::Stalled)
    } else {
        None
    };
    // Who waits for an answer may be silent, but not for ever: then it is resumed with the answer.
    match request::waits_since(tx, turn, started) {
        Some(since) => (tx.now.since(since) > request::PATIENCE && late.is_some()
            || request::waited_too_long(tx, turn))
        .then_some(StopReason::Unanswered),
        None => late,
    }
}

/// How long to wait before the next try after `failures` of them: 1 s, 2 s, 4 s … 5 minutes.
pub(super) fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(9)).min(Duration::from_secs(300))
}

/// Has an effect tried again later, however often it has failed.
pub(super) fn try_on(tx: &mut Txn, effect: &Effect, why: &str) {
    if tx.state().get::<Effect>(effect.id).is_none() {
        return;
    }
    let at = tx.now.after(backoff(effect.tries.min(6) + 1));
    delay(tx, effect, at, why);
}

/// Has an effect that failed for a passing reason tried again later; `false` when it has failed
/// too often.
pub(super) fn try_later(tx: &mut Txn, effect: &Effect, why: &str) -> bool {
    const TRIES: u32 = 5;
    if effect.tries + 1 >= TRIES || tx.state().get::<Effect>(effect.id).is_none() {
        return false;
    }
    let at = tx.now.after(backoff(effect.tries + 1));
    delay(tx, effect, at, why);
    true
}

fn delay(tx: &mut Txn, effect: &Effect, at: Timestamp, why: &str) {
    tx.want_again(effect.id, Some(at));
    if let Some(about) = about(tx, effect.kind) {
        tx.tell(
            "effect.delayed",
            about,
            [
                ("effect", Value::from(effect.kind.word())),
                ("error", Value::Text(tasks::bounded(why))),
            ],
        );
    }
}

fn about(tx: &Txn, kind: EffectKind) -> Option<About> {
    use crate::domain::work::Merge;
    Some(match kind {
        EffectKind::CutBranch(id) | EffectKind::SyncAdhoc(id) | EffectKind::Land(id, _) => {
            About::Initiative(id)
        }
        EffectKind::Prepare(id)
        | EffectKind::StartTurn(id)
        | EffectKind::StopTurn(id)
        | EffectKind::Collect(id) => About::Agent(tx.state().get::<Turn>(id)?.agent),
        EffectKind::Trial(id) | EffectKind::Gate(id) | EffectKind::Advance(id) => {
            About::Task(tx.state().get::<Merge>(id)?.task)
        }
        EffectKind::Release(id) => About::Agent(id),
        EffectKind::Pass(id) => {
            let turn = tx.state().get::<Message>(id)?.passed?;
            About::Agent(tx.state().get::<Turn>(turn)?.agent)
        }
        EffectKind::Reply(id) => {
            let request = tx.state().get::<Message>(id)?.request.as_ref()?;
            About::Agent(tx.state().get::<Turn>(request.turn)?.agent)
        }
    })
}
