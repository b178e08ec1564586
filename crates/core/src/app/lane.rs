//! The merge lane: one at a time per integration branch, in order, and never past a conflict, a
//! failed gate or a branch that somebody else moved.

use std::time::Duration;

use crate::domain::effect::{Effect, EffectKind};
use crate::domain::event::Value;
use crate::domain::hierarchy::{Initiative, InitiativeStatus, Task, TaskState};
use crate::domain::ids::{InitiativeId, MergeId, TaskId};
use crate::domain::index::ready_key;
use crate::domain::oid::Oid;
use crate::domain::plan::Review;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{GateReport, Merge, MergeState, TurnKind};

use super::signal::Outcome;
use super::{dispatch, ending, message, tasks, turn};

/// How often a lane that holds looks whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// So often a step of the lane may fail before the lane is said to hold.
const PASSING: u32 = 2;

/// Brings work that is reported done towards the lane: through review, if its author wants that.
pub(super) fn offer(tx: &mut Txn, id: TaskId, head: Oid) {
    let task = tx.get::<Task>(id);
    if task.spec.review == Review::Human && !task.approved {
        tasks::set_state(tx, id, TaskState::Review);
        tx.tell("task.review-requested", About::Task(id), []);
        return;
    }
    let (initiative, agent) = (task.initiative, task.agent);
    let Some(agent) = agent else { return };
    let attempt = u32::try_from(tx.state().index().merges_of(id).count() + 1).unwrap_or(u32::MAX);
    let merge = tx.next_id::<Merge>();
    tx.put(Merge {
        id: merge,
        initiative,
        task: id,
        agent,
        attempt,
        state: MergeState::Queued,
        head,
        base: None,
        result: None,
        conflicts: Vec::new(),
        gate: None,
        queued_at: tx.now,
        ended_at: None,
    });
    tasks::set_state(tx, id, TaskState::Merging);
    tx.tell("merge.queued", About::Task(id), [("merge", merge.0.into())]);
}

/// Takes the next candidate into every lane that is free.
pub(super) fn run(tx: &mut Txn) {
    let lanes: Vec<InitiativeId> = tx.state().index().lanes().collect();
    for lane in lanes {
        if let Some(merge) = next(tx, lane) {
            tx.change::<Merge>(merge, |merge| merge.state = MergeState::Trying);
            tx.want(EffectKind::Trial(merge));
        }
    }
}

/// The candidate that comes next, if the lane is free. All candidates have their predecessors on
/// the branch (their tasks could not have started otherwise), so priority and time decide.
fn next(tx: &Txn, lane: InitiativeId) -> Option<MergeId> {
    let initiative = tx.get::<Initiative>(lane);
    let runs = matches!(
        initiative.status,
        InitiativeStatus::Active | InitiativeStatus::Paused
    );
    if !runs || !initiative.cut {
        return None;
    }
    let state = tx.state();
    let mut candidates = Vec::new();
    for merge in state
        .index()
        .lane(lane)
        .filter_map(|id| state.get::<Merge>(id))
    {
        if merge.state.in_lane() {
            return None;
        }
        let task = tx.get::<Task>(merge.task);
        candidates.push((ready_key(task).0, merge.queued_at, merge.id));
    }
    candidates.into_iter().min().map(|(_, _, id)| id)
}

/// Takes in what came of a step of the lane.
pub(super) fn performed(tx: &mut Txn, effect: &Effect, outcome: Outcome) {
    let (EffectKind::Trial(id) | EffectKind::Gate(id) | EffectKind::Advance(id)) = effect.kind
    else {
        return;
    };
    if !tx.get::<Merge>(id).state.in_lane() {
        return tx.done(effect.id);
    }
    match outcome {
        Outcome::Held { why, found } => {
            if found.is_some() {
                tx.change::<Merge>(id, |merge| merge.base = found);
            }
            return hold(tx, effect, id, &why, LOOK_AGAIN);
        }
        // A fault is tried again, since most pass; it holds the lane, and is told, once it lasts.
        Outcome::Failed { why, .. } if effect.tries < PASSING => {
            return dispatch::try_on(tx, effect, &why);
        }
        Outcome::Failed { why, .. } => {
            return hold(
                tx,
                effect,
                id,
                &why,
                dispatch::backoff(effect.tries.min(6) + 1),
            );
        }
        _ => {}
    }
    tx.done(effect.id);
    release_hold(tx, id);
    match outcome {
        Outcome::Tried { base, result } => tried(tx, id, base, result),
        Outcome::AlreadyIn { base } => {
            tx.change::<Merge>(id, |merge| {
                merge.base = Some(base.clone());
                merge.result = Some(base.clone());
            });
            tx.change::<Task>(tx.get::<Merge>(id).task, |task| task.unchanged = true);
            merged(tx, id, base);
        }
        Outcome::Conflicted { base, conflicts } => {
            tx.change::<Merge>(id, |merge| {
                merge.base = Some(base);
                merge.state = MergeState::Conflict;
            });
            bounce(tx, id, conflicts);
        }
        Outcome::Gated(report) => gated(tx, id, report),
        Outcome::Advanced => {
            if let Some(result) = tx.get::<Merge>(id).result.clone() {
                merged(tx, id, result);
            }
        }
        // The branch has moved since the trial: the trial is done again.
        Outcome::Moved { .. } => tx.change::<Merge>(id, |merge| {
            merge.state = MergeState::Queued;
            merge.base = None;
            merge.result = None;
        }),
        _ => {}
    }
}

/// Keeps the step on the list, tells why once, and looks again after a while.
fn hold(tx: &mut Txn, effect: &Effect, id: MergeId, why: &str, pause: Duration) {
    let lane = tx.get::<Merge>(id).initiative;
    let why = tasks::bounded(why);
    let known = tx.get::<Initiative>(lane).lane_held.as_deref() == Some(why.as_str());
    if !known {
        tx.change::<Initiative>(lane, |initiative| initiative.lane_held = Some(why.clone()));
        tx.tell(
            "merge.held",
            About::Task(tx.get::<Merge>(id).task),
            [("why", Value::Text(why))],
        );
    }
    let at = tx.now.after(pause);
    tx.want_again(effect.id, Some(at));
}

fn release_hold(tx: &mut Txn, id: MergeId) {
    let lane = tx.get::<Merge>(id).initiative;
    tx.change::<Initiative>(lane, |initiative| initiative.lane_held = None);
}

fn tried(tx: &mut Txn, id: MergeId, base: Oid, result: Oid) {
    tx.change::<Merge>(id, |merge| {
        merge.base = Some(base);
        merge.result = Some(result);
    });
    let merge = tx.get::<Merge>(id);
    let project = tx.get::<Initiative>(merge.initiative).project;
    let gates = tx
        .state()
        .config(project)
        .is_some_and(|config| !config.gates.is_empty());
    if gates || !tx.get::<Task>(merge.task).spec.verify.is_empty() {
        tx.change::<Merge>(id, |merge| merge.state = MergeState::Gating);
        tx.want(EffectKind::Gate(id));
    } else {
        advance(tx, id);
    }
}

fn advance(tx: &mut Txn, id: MergeId) {
    tx.change::<Merge>(id, |merge| merge.state = MergeState::Moving);
    tx.want(EffectKind::Advance(id));
}

fn gated(tx: &mut Txn, id: MergeId, report: GateReport) {
    let passed = report.passed;
    let command = report.command.clone();
    tx.change::<Merge>(id, |merge| merge.gate = Some(report));
    let task = tx.get::<Merge>(id).task;
    if passed {
        tx.tell("merge.gated", About::Task(task), [("merge", id.0.into())]);
        return advance(tx, id);
    }
    tx.change::<Merge>(id, |merge| merge.state = MergeState::GateFailed);
    tx.tell(
        "merge.gate-failed",
        About::Task(task),
        [("merge", id.0.into()), ("gate", command.into())],
    );
    bounce(tx, id, Vec::new());
}

fn merged(tx: &mut Txn, id: MergeId, commit: Oid) {
    let now = tx.now;
    tx.change::<Merge>(id, |merge| {
        merge.state = MergeState::Merged;
        merge.ended_at = Some(now);
    });
    let (task, agent, lane) = {
        let merge = tx.get::<Merge>(id);
        (merge.task, merge.agent, merge.initiative)
    };
    tx.change::<Initiative>(lane, |initiative| initiative.tip = Some(commit.clone()));
    tx.change::<Task>(task, |task| task.error = None);
    let unchanged = tx.get::<Task>(task).unchanged;
    let text = commit.to_string();
    // Told before the state moves, so that "merged" stands before "finished" in the log.
    tx.tell(
        "task.merged",
        About::Task(task),
        [
            ("commit", text.into()),
            ("merge", id.0.into()),
            ("unchanged", unchanged.into()),
        ],
    );
    tasks::set_state(tx, task, TaskState::Merged { commit });
    ending::release(tx, agent);
}

/// Hands the work back to its agent, or asks the user once it came back too often.
pub(super) fn bounce(tx: &mut Txn, id: MergeId, conflicts: Vec<String>) {
    let now = tx.now;
    tx.change::<Merge>(id, |merge| {
        merge.conflicts.clone_from(&conflicts);
        merge.ended_at = Some(now);
    });
    let (task, agent, lane) = {
        let merge = tx.get::<Merge>(id);
        (merge.task, merge.agent, merge.initiative)
    };
    tx.change::<Task>(task, |task| {
        task.bounces += 1;
        task.approved = false;
    });
    tasks::set_state(tx, task, TaskState::Working);
    tx.tell(
        "merge.bounced",
        About::Task(task),
        [("merge", id.0.into()), ("conflicts", conflicts.into())],
    );
    let project = tx.get::<Initiative>(lane).project;
    let most = tx
        .state()
        .config(project)
        .map_or(3, |config| config.bounces);
    if tx.get::<Task>(task).bounces > most {
        message::ask_about_bounces(tx, task, id);
    } else {
        turn::queue(tx, agent, TurnKind::Bounce, Some(id));
    }
}

/// Takes a task's merge out of the lane; `false` when its branch is being moved right now.
pub(super) fn withdraw(tx: &mut Txn, task: TaskId) -> bool {
    let open: Vec<MergeId> = tx
        .state()
        .index()
        .merges_of(task)
        .filter(|id| tx.get::<Merge>(*id).state.is_open())
        .collect();
    if open
        .iter()
        .any(|id| tx.get::<Merge>(*id).state == MergeState::Moving)
    {
        return false;
    }
    let now = tx.now;
    for id in open {
        for kind in [EffectKind::Trial(id), EffectKind::Gate(id)] {
            if let Some(effect) = tx.pending(kind) {
                tx.done(effect);
            }
        }
        if tx.get::<Merge>(id).state.in_lane() {
            release_hold(tx, id);
        }
        tx.change::<Merge>(id, |merge| {
            merge.state = MergeState::Dropped;
            merge.ended_at = Some(now);
        });
    }
    true
}

/// The user has looked at a lane that holds: it goes on from where its branch was found.
pub(super) fn accept(tx: &mut Txn, lane: InitiativeId) {
    if tx.get::<Initiative>(lane).lane_held.is_none() {
        return;
    }
    let held: Vec<MergeId> = tx.state().index().lane(lane).collect();
    for id in held {
        let merge = tx.get::<Merge>(id);
        if merge.state != MergeState::Trying {
            continue;
        }
        if let Some(found) = merge.base.clone() {
            tx.change::<Initiative>(lane, |initiative| initiative.tip = Some(found));
        }
        if let Some(effect) = tx.pending(EffectKind::Trial(id)) {
            tx.want_again(effect, None);
        }
    }
}
