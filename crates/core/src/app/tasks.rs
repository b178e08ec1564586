//! The one place where a task's state changes, so that counters, times and ends always follow.

use std::collections::BTreeMap;

use crate::domain::event::Value;
use crate::domain::graph::{Needs, Node, is_satisfied};
use crate::domain::hierarchy::{Initiative, InitiativeStatus, Phase, Plan, Task, TaskState};
use crate::domain::ids::{InitiativeId, TaskId};
use crate::domain::plan::TaskKind;
use crate::domain::txn::{About, Txn};

/// Moves a task to `next`; what waits for it, its plan, its phase and its initiative follow.
pub(super) fn set_state(tx: &mut Txn, id: TaskId, next: TaskState) {
    let task = tx.get::<Task>(id).clone();
    let (was, is) = (&task.state, &next);
    let (satisfied, closed) = (is.satisfies(), is.is_closed());
    let (was_satisfied, was_closed) = (was.satisfies(), was.is_closed());
    let ends = closed || matches!(is, TaskState::Failed);
    let now = tx.now;
    tx.change::<Task>(id, |task| {
        task.state = next;
        task.ended_at = ends.then_some(now);
    });
    if satisfied != was_satisfied {
        satisfy(tx, &task, satisfied);
    }
    if closed != was_closed {
        tx.change::<Initiative>(task.initiative, |initiative| {
            initiative.open = if closed {
                initiative.open.saturating_sub(1)
            } else {
                initiative.open + 1
            };
        });
        end_or_reopen(tx, task.initiative);
    }
}

/// Counts down (or up again) for everything that waits for this task or for what it is part of.
fn satisfy(tx: &mut Txn, task: &Task, satisfied: bool) {
    step(tx, Node::Task(task.id), satisfied);
    let (mut plan_turned, mut phase_turned) = (false, false);
    let count = |open: &mut u32, turned: &mut bool| {
        *open = if satisfied {
            open.saturating_sub(1)
        } else {
            *open + 1
        };
        *turned = *open == u32::from(!satisfied);
    };
    tx.change::<Plan>(task.plan, |plan| count(&mut plan.open, &mut plan_turned));
    tx.change::<Phase>(task.phase, |phase| {
        count(&mut phase.open, &mut phase_turned);
    });
    if plan_turned {
        step(tx, Node::Plan(task.plan), satisfied);
    }
    if phase_turned {
        step(tx, Node::Phase(task.phase), satisfied);
    }
}

fn step(tx: &mut Txn, node: Node, down: bool) {
    let waiting: Vec<TaskId> = tx.state().index().dependents(node).collect();
    for id in waiting {
        tx.change::<Task>(id, |task| {
            task.blockers = if down {
                task.blockers.saturating_sub(1)
            } else {
                task.blockers + 1
            };
        });
        if down {
            tell_if_due(tx, id);
        }
    }
}

/// Tells of an approval that waits for the user from now on.
fn tell_if_due(tx: &mut Txn, id: TaskId) {
    let task = tx.get::<Task>(id);
    let due = task.spec.kind == TaskKind::Approval
        && task.blockers == 0
        && matches!(task.state, TaskState::Todo { .. })
        && tx.get::<Initiative>(task.initiative).status == InitiativeStatus::Active;
    if due {
        tx.tell("task.review-requested", About::Task(id), []);
    }
}

/// Tells of the approvals of an initiative that wait for the user.
pub(super) fn tell_due(tx: &mut Txn, initiative: InitiativeId) {
    let tasks: Vec<TaskId> = tx
        .state()
        .tasks_of(initiative)
        .filter(|task| task.spec.kind == TaskKind::Approval)
        .map(|task| task.id)
        .collect();
    for id in tasks {
        tell_if_due(tx, id);
    }
}

/// An initiative without open tasks is finished; one that gets open tasks again is active again.
pub(super) fn end_or_reopen(tx: &mut Txn, id: InitiativeId) {
    let initiative = tx.get::<Initiative>(id);
    if initiative.adhoc {
        return;
    }
    let now = tx.now;
    match (initiative.open, initiative.status) {
        (0, InitiativeStatus::Active | InitiativeStatus::Paused)
            if tx.state().index().total(id) > 0 =>
        {
            tx.change::<Initiative>(id, |initiative| {
                initiative.status = InitiativeStatus::Finished;
                initiative.ended_at = Some(now);
            });
            tx.tell("initiative.finished", About::Initiative(id), []);
        }
        (1.., InitiativeStatus::Finished) => {
            tx.change::<Initiative>(id, |initiative| {
                initiative.status = InitiativeStatus::Active;
                initiative.ended_at = None;
            });
            tx.tell("initiative.reopened", About::Initiative(id), []);
        }
        _ => {}
    }
}

/// Counts anew what is open and what blocks, after tasks or their needs were changed by hand.
pub(super) fn recount(tx: &mut Txn, initiative: InitiativeId) {
    let tasks: Vec<Task> = tx.state().tasks_of(initiative).cloned().collect();
    let mut open = 0;
    // Those that lost their last task count too.
    let state = tx.state();
    let own_phases = state
        .all()
        .filter(|row: &&Phase| row.initiative == initiative);
    let mut phases: BTreeMap<_, u32> = own_phases.map(|row| (row.id, 0)).collect();
    let own_plans = state
        .all()
        .filter(|row: &&Plan| row.initiative == initiative);
    let mut plans: BTreeMap<_, u32> = own_plans.map(|row| (row.id, 0)).collect();
    for task in &tasks {
        open += u32::from(!task.state.is_closed());
        *phases.entry(task.phase).or_insert(0) += u32::from(!task.state.satisfies());
        *plans.entry(task.plan).or_insert(0) += u32::from(!task.state.satisfies());
    }
    for (id, open) in phases {
        tx.change::<Phase>(id, |phase| phase.open = open);
    }
    for (id, open) in plans {
        tx.change::<Plan>(id, |plan| plan.open = open);
    }
    for task in &tasks {
        let nodes = tx
            .state()
            .get::<Needs>(task.id)
            .map(|needs| needs.nodes.clone())
            .unwrap_or_default();
        let blockers = nodes
            .iter()
            .filter(|node| !is_satisfied(tx.state(), **node))
            .count();
        tx.change::<Task>(task.id, |task| {
            task.blockers = u32::try_from(blockers).unwrap_or(u32::MAX);
        });
        if task.blockers > 0 {
            tell_if_due(tx, task.id);
        }
    }
    tx.change::<Initiative>(initiative, |initiative| initiative.open = open);
    end_or_reopen(tx, initiative);
}

/// Gives a task up: it blocks what waits for it until it is tried again or skipped.
pub(super) fn fail(tx: &mut Txn, id: TaskId, why: &str) {
    let why = bounded(why);
    tx.change::<Task>(id, |task| task.error = Some(why.clone()));
    set_state(tx, id, TaskState::Failed);
    tx.tell(
        "task.failed",
        About::Task(id),
        [("error", Value::Text(why))],
    );
}

/// The start of a text from outside, short enough for a row.
pub(super) fn bounded(text: &str) -> String {
    const MOST: usize = 2_000;
    let text = text.trim();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
