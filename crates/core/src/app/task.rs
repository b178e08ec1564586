//! What users do to single tasks, and the tasks that come without a plan.

use std::sync::Arc;

use crate::domain::event::Value;
use crate::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Task, TaskSpec, TaskState,
};
use crate::domain::ids::{AgentId, InitiativeId, TaskId};
use crate::domain::plan::{TaskKind, id_fault, slug};
use crate::domain::status::{TaskStatus, task_status};
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, Party, StopReason, Turn, TurnKind, TurnState};

use super::apply::{Place, new_task};
use super::signal::{NewTask, Refusal, Reply, TaskEdit};
use super::wiring::rewire;
use super::{ending, initiative, lane, message, tasks, turn};

fn refuse(tx: &Txn, id: TaskId, cause: &str) -> Refusal {
    let task = tx.get::<Task>(id);
    let word = task_status(tx.state(), task).word();
    Refusal::state(format!("task '{}' is {word}", task.spec.slug)).because(cause)
}

/// Tries a failed, cancelled or skipped task again, or lets a parked one go on.
pub(super) fn retry(tx: &mut Txn, id: TaskId) -> Result<Reply, Refusal> {
    let task = tx.get::<Task>(id);
    let row = tx.get::<Initiative>(task.initiative);
    if matches!(
        row.status,
        InitiativeStatus::Landed | InitiativeStatus::Cancelled
    ) {
        return Err(initiative::over(&row.slug, row.status));
    }
    match task.state {
        TaskState::Failed | TaskState::Cancelled => {}
        TaskState::Parked { .. } => {
            turn::go_on(tx, id);
            tx.tell("task.retried", About::Task(id), []);
            return Ok(Reply::Task(id));
        }
        TaskState::Todo {
            not_before: Some(_),
        } => {}
        // It waited for the user, who says hereby that it may go on.
        TaskState::Working if waits_in_line(tx, task) => return Ok(Reply::Task(id)),
        _ => {
            return Err(refuse(
                tx,
                id,
                "only a failed, cancelled or parked task can be tried again",
            ));
        }
    }
    let agent = task.agent;
    let busy = agent.is_some_and(|agent| tx.state().index().open_turn(agent).is_some());
    if busy {
        return Err(
            refuse(tx, id, "its agent is still being stopped").hint("try again in a moment")
        );
    }
    if let Some(agent) = agent {
        tx.change::<Agent>(agent, |agent| agent.stalls = 0);
    }
    tx.change::<Task>(id, |task| {
        task.failures = 0;
        task.bounces = 0;
        task.approved = false;
        if task.spec.kind == TaskKind::Approval {
            task.error = None;
        }
    });
    if let Some(agent) = agent {
        tx.change::<Agent>(agent, |agent| agent.stopped = false);
    }
    tasks::set_state(tx, id, TaskState::Todo { not_before: None });
    if is_active(tx, id) {
        initiative::cut(tx, tx.get::<Task>(id).initiative);
    }
    tx.tell("task.retried", About::Task(id), []);
    Ok(Reply::Task(id))
}

fn waits_in_line(tx: &Txn, task: &Task) -> bool {
    let agent = task.agent;
    let open = agent.and_then(|agent| tx.state().index().open_turn(agent));
    open.is_some_and(|turn| tx.get::<Turn>(turn).state == TurnState::Queued)
}

fn is_active(tx: &Txn, id: TaskId) -> bool {
    let row = tx.get::<Initiative>(tx.get::<Task>(id).initiative);
    row.status == InitiativeStatus::Active
}

/// Takes a task out of everybody's hands; `false` when its branch is being moved right now.
fn drop_work(tx: &mut Txn, id: TaskId) -> bool {
    if !lane::withdraw(tx, id) {
        return false;
    }
    message::withdraw(tx, id);
    if let Some(agent) = tx.get::<Task>(id).agent {
        match tx.state().index().open_turn(agent) {
            Some(open) => turn::stop(tx, open, StopReason::Dropped),
            None => {
                ending::release(tx, agent);
            }
        }
    }
    true
}

pub(super) fn cancel(tx: &mut Txn, id: TaskId) -> Result<Reply, Refusal> {
    match tx.get::<Task>(id).state {
        TaskState::Cancelled => return Ok(Reply::Task(id)),
        TaskState::Merged { .. } | TaskState::Skipped => {
            return Err(refuse(tx, id, "what is over cannot be called off"));
        }
        _ => {}
    }
    leave(tx, id, TaskState::Cancelled)?;
    tx.tell("task.cancelled", About::Task(id), []);
    Ok(Reply::Task(id))
}

pub(super) fn skip(tx: &mut Txn, id: TaskId) -> Result<Reply, Refusal> {
    match tx.get::<Task>(id).state {
        TaskState::Skipped => return Ok(Reply::Task(id)),
        TaskState::Merged { .. } => return Err(refuse(tx, id, "what is merged cannot be skipped")),
        _ => {}
    }
    // Told first, so that "skipped" stands before "finished" in the log.
    tx.tell("task.skipped", About::Task(id), []);
    leave(tx, id, TaskState::Skipped)?;
    Ok(Reply::Task(id))
}

/// Ends a task without a merge. Its state goes first: whoever stops its agent sees that nothing
/// waits for the work any more.
fn leave(tx: &mut Txn, id: TaskId, state: TaskState) -> Result<(), Refusal> {
    let before = tx.get::<Task>(id).state.clone();
    tasks::set_state(tx, id, state);
    if drop_work(tx, id) {
        return Ok(());
    }
    tasks::set_state(tx, id, before);
    Err(refuse(tx, id, "it is being merged at this moment").hint("look again in a second"))
}

/// A task in review, or an approval whose turn it is.
fn in_review(tx: &Txn, id: TaskId) -> Result<(), Refusal> {
    let task = tx.get::<Task>(id);
    if task_status(tx.state(), task) == TaskStatus::Review {
        return Ok(());
    }
    Err(refuse(
        tx,
        id,
        "only a task in review can be approved or rejected",
    ))
}

pub(super) fn approve(tx: &mut Txn, id: TaskId) -> Result<Reply, Refusal> {
    in_review(tx, id)?;
    let task = tx.get::<Task>(id).clone();
    tx.change::<Task>(id, |task| task.approved = true);
    tx.tell("task.approved", About::Task(id), []);
    if task.spec.kind == TaskKind::Approval {
        let tip = tx.get::<Initiative>(task.initiative).tip.clone();
        let commit = tip.ok_or_else(|| refuse(tx, id, "its initiative has not been started"))?;
        tx.tell(
            "task.merged",
            About::Task(id),
            [("commit", commit.to_string().into())],
        );
        tasks::set_state(tx, id, TaskState::Merged { commit });
        return Ok(Reply::Task(id));
    }
    let head = task
        .agent
        .and_then(|agent| tx.get::<Agent>(agent).head.clone());
    let head = head.ok_or_else(|| refuse(tx, id, "its agent has no work to merge"))?;
    lane::offer(tx, id, head);
    Ok(Reply::Task(id))
}

pub(super) fn reject(tx: &mut Txn, id: TaskId, why: &str) -> Result<Reply, Refusal> {
    in_review(tx, id)?;
    let task = tx.get::<Task>(id).clone();
    let why = why.trim();
    tx.tell(
        "task.rejected",
        About::Task(id),
        [("text", Value::Text(tasks::bounded(why)))],
    );
    if task.spec.kind == TaskKind::Approval {
        let why = if why.is_empty() {
            "rejected".to_owned()
        } else {
            format!("rejected: {why}")
        };
        tasks::fail(tx, id, &why);
        return Ok(Reply::Task(id));
    }
    let agent = task
        .agent
        .ok_or_else(|| refuse(tx, id, "it has no agent"))?;
    tasks::set_state(tx, id, TaskState::Working);
    let text = if why.is_empty() {
        "Your work was looked at and sent back without a reason. Look at it again.".to_owned()
    } else {
        format!("Your work was looked at and sent back: {why}")
    };
    message::say(tx, Party::User, Party::Agent(agent), &text, None)?;
    requeue_as_bounce(tx, agent);
    Ok(Reply::Task(id))
}

/// What a rejection wakes its agent with is a bounce, not a message.
fn requeue_as_bounce(tx: &mut Txn, agent: AgentId) {
    if let Some(open) = tx.state().index().open_turn(agent) {
        tx.change::<Turn>(open, |turn| turn.kind = TurnKind::Bounce);
    }
}

/// Adds a task to an initiative.
pub(super) fn add(tx: &mut Txn, new: NewTask) -> Result<Reply, Refusal> {
    let row = tx.get::<Initiative>(new.initiative).clone();
    if !matches!(
        row.status,
        InitiativeStatus::Draft | InitiativeStatus::Active | InitiativeStatus::Paused
    ) && row.status != InitiativeStatus::Finished
    {
        return Err(initiative::over(&row.slug, row.status));
    }
    let mut spec = new.spec;
    if spec.slug.is_empty() {
        spec.slug = slug(&spec.title).ok_or_else(|| {
            Refusal::usage(format!("no id can be made of the title '{}'", spec.title))
                .hint("give it an id with --id")
        })?;
    }
    if let Some(fault) = id_fault(&spec.slug) {
        return Err(Refusal::usage(format!("'{}' cannot be an id", spec.slug)).because(fault));
    }
    if tx
        .state()
        .index()
        .task(new.initiative, &spec.slug)
        .is_some()
    {
        return Err(Refusal::state(format!(
            "there is a task '{}' in '{}' already",
            spec.slug, row.slug
        ))
        .hint("give it another id with --id"));
    }
    check_agent(tx, new.initiative, &spec)?;
    let place = place(tx, new.initiative, new.plan.as_deref())?;
    let id = new_task(tx, &place, spec);
    rewire(tx, new.initiative)?;
    let by = new.by.map(|agent| tx.get::<Agent>(agent).name.clone());
    tx.tell("task.added", About::Task(id), [("by", by.into())]);
    Ok(Reply::Task(id))
}

/// The end of a plan; of the last one when none is named.
pub(super) fn place(
    tx: &Txn,
    initiative: InitiativeId,
    plan: Option<&str>,
) -> Result<Place, Refusal> {
    let plans = tx
        .state()
        .all::<Plan>()
        .filter(|row| row.initiative == initiative);
    let found = match plan {
        Some(word) => plans.into_iter().find(|row| row.slug == word),
        None => plans.max_by_key(|row| (tx.get::<Phase>(row.phase).position, row.position)),
    };
    let found = found.ok_or_else(|| {
        Refusal::not_found(format!("there is no plan '{}'", plan.unwrap_or(""))).hint(format!(
            "`cw initiative show {}` lists the plans",
            tx.get::<Initiative>(initiative).slug
        ))
    })?;
    let last = tx
        .state()
        .tasks_of(initiative)
        .next_back()
        .map_or(0, |task| task.position + 1);
    Ok(Place {
        initiative,
        phase: found.phase,
        plan: found.id,
        position: last,
    })
}

/// Changes a task that has not begun.
pub(super) fn edit(tx: &mut Txn, id: TaskId, edit: TaskEdit) -> Result<Reply, Refusal> {
    let task = tx.get::<Task>(id);
    if !matches!(
        task.state,
        TaskState::Todo { .. } | TaskState::Failed | TaskState::Cancelled
    ) {
        return Err(
            refuse(tx, id, "only a task that has not begun can be changed")
                .hint("`cw agent say NAME TEXT` tells its agent; `cw task add` adds another"),
        );
    }
    let initiative = task.initiative;
    let mut spec = (*task.spec).clone();
    let rewires = edit.after.is_some();
    merge_edit(&mut spec, edit);
    check_agent(tx, initiative, &spec)?;
    tx.change::<Task>(id, |task| {
        if task.spec.budget != spec.budget {
            task.budget_raised = None;
        }
        task.spec = Arc::new(spec);
    });
    if rewires {
        rewire(tx, initiative)?;
    }
    tx.tell("task.changed", About::Task(id), []);
    Ok(Reply::Task(id))
}

/// An agent that nobody knows is said at once, not when the task is up.
fn check_agent(tx: &Txn, initiative: InitiativeId, spec: &TaskSpec) -> Result<(), Refusal> {
    let config = tx.state().config(tx.get::<Initiative>(initiative).project);
    let fault = match (&spec.agent, config) {
        (Some(agent), Some(config)) => config.agent_fault(agent),
        _ => None,
    };
    match fault {
        Some(fault) => Err(Refusal::usage(fault.what).hint(fault.hint)),
        None => Ok(()),
    }
}

fn merge_edit(spec: &mut TaskSpec, edit: TaskEdit) {
    fn set<T>(field: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *field = value;
        }
    }
    set(&mut spec.title, edit.title);
    set(&mut spec.text, edit.text);
    set(&mut spec.after, edit.after);
    set(&mut spec.agent, edit.agent);
    set(&mut spec.model, edit.model);
    set(&mut spec.priority, edit.priority);
    set(&mut spec.touches, edit.touches);
    set(&mut spec.verify, edit.verify);
    set(&mut spec.review, edit.review);
    set(&mut spec.budget, edit.budget);
    set(&mut spec.timeout, edit.timeout);
    set(&mut spec.attempts, edit.attempts);
}
