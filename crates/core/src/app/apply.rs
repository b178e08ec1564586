//! Reading a plan in: a new initiative, or changes to one that is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::config::Config;
use crate::domain::event::Value;
use crate::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Project, Task, TaskSpec, TaskState,
};
use crate::domain::ids::{InitiativeId, PhaseId, PlanId, ProjectId, TaskId};
use crate::domain::plan::{PlanDocument, Task as TaskDocument, agent_errors};
use crate::domain::status::{TaskStatus, task_status};
use crate::domain::txn::{About, Txn};

use super::initiative;
use super::signal::{Applied, Refusal, Reply, StartFacts};
use super::wiring::rewire;

/// What goes with a plan beside the document.
pub(super) struct Options {
    pub(super) agent: Option<String>,
    pub(super) max_agents: Option<u32>,
    pub(super) start: Option<StartFacts>,
}

/// Reads a plan in, and starts it when asked to.
pub(super) fn apply(
    tx: &mut Txn,
    project: ProjectId,
    plan: &PlanDocument,
    options: &Options,
) -> Result<Reply, Refusal> {
    check_agents(tx, project, plan, options.agent.as_deref())?;
    let known = tx.state().index().initiative(project, &plan.initiative.id);
    let mut applied = Applied {
        created: known.is_none(),
        ..Applied::default()
    };
    let id = match known {
        Some(id) => {
            refresh(tx, id, plan, options, &mut applied)?;
            id
        }
        None => create(tx, project, plan, options)?,
    };
    applied.initiative = Some(id);
    write(tx, id, plan, &mut applied)?;
    rewire(tx, id)?;
    tell(tx, id, &applied);
    if let Some(facts) = &options.start {
        initiative::start(tx, id, facts)?;
    }
    Ok(Reply::Applied(applied))
}

/// Tells what reading the plan did; nothing when it did nothing.
fn tell(tx: &mut Txn, id: InitiativeId, applied: &Applied) {
    if applied.created {
        tx.tell(
            "initiative.created",
            About::Initiative(id),
            [("tasks", Value::from(applied.added.len() as u64))],
        );
        return;
    }
    let lists = [&applied.added, &applied.updated, &applied.changed];
    if lists.iter().any(|list| !list.is_empty()) {
        tx.tell(
            "initiative.updated",
            About::Initiative(id),
            [
                ("added", applied.added.clone().into()),
                ("updated", applied.updated.clone().into()),
                ("changed", applied.changed.clone().into()),
            ],
        );
    }
}

/// An agent that cannot work is said at once, not when its task is up.
fn check_agents(
    tx: &Txn,
    project: ProjectId,
    plan: &PlanDocument,
    over: Option<&str>,
) -> Result<(), Refusal> {
    let fallback = Arc::new(Config::default());
    let config = tx.state().config(project).unwrap_or(&fallback);
    if let Some(fault) = over.and_then(|agent| config.agent_fault(agent)) {
        return Err(Refusal::usage(fault.what)
            .because("--agent names it")
            .hint(fault.hint));
    }
    let errors = agent_errors(plan, config, "the plan");
    let Some(first) = errors.first() else {
        return Ok(());
    };
    let mut causes: Vec<String> = first.cause.iter().cloned().collect();
    causes.extend(errors.iter().skip(1).map(ToString::to_string));
    let refusal = Refusal::usage(first.what.clone()).because(causes.join("; "));
    Err(match &first.hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    })
}

fn create(
    tx: &mut Txn,
    project: ProjectId,
    plan: &PlanDocument,
    options: &Options,
) -> Result<InitiativeId, Refusal> {
    let head = &plan.initiative;
    if head.id == super::spawn::ADHOC {
        return Err(
            Refusal::state(format!("the id '{}' belongs to cw", head.id))
                .because("it names the initiative of `cw spawn`")
                .hint("give the plan another `- id:`"),
        );
    }
    let default_base = tx.get::<Project>(project).base.clone();
    let configured = tx
        .state()
        .config(project)
        .and_then(|config| config.base.clone());
    let id = tx.next_id::<Initiative>();
    let uid = tx.ids().uid();
    tx.put(Initiative {
        id,
        uid,
        project,
        slug: head.id.clone(),
        title: head.title.clone(),
        text: head.text.clone(),
        base: head.base.clone().or(configured).unwrap_or(default_base),
        max_agents: head.agents,
        run_agents: options.max_agents,
        agent: options.agent.clone(),
        budget: head.budget,
        budget_raised: None,
        passed: Default::default(),
        status: InitiativeStatus::Draft,
        adhoc: false,
        cut: false,
        tip: None,
        lane_held: None,
        open: 0,
        created_at: tx.now,
        started_at: None,
        ended_at: None,
    });
    Ok(id)
}

fn refresh(
    tx: &mut Txn,
    id: InitiativeId,
    plan: &PlanDocument,
    options: &Options,
    applied: &mut Applied,
) -> Result<(), Refusal> {
    let known = tx.get::<Initiative>(id).clone();
    let head = &plan.initiative;
    if known.adhoc
        || matches!(
            known.status,
            InitiativeStatus::Finished | InitiativeStatus::Landed | InitiativeStatus::Cancelled
        )
    {
        return Err(initiative::over(&known.slug, known.status));
    }
    if let Some(base) = &head.base
        && known.cut
        && *base != known.base
    {
        return Err(Refusal::state(format!(
            "initiative '{}' has been started from '{}'",
            known.slug, known.base
        ))
        .because(format!("the plan now says `- base: {base}`"))
        .hint("give the new work another `- id:`"));
    }
    tx.change::<Initiative>(id, |initiative| {
        initiative.title.clone_from(&head.title);
        initiative.text.clone_from(&head.text);
        if initiative.budget != head.budget {
            // What is written anew goes before what was said when the old one was used up.
            (initiative.budget, initiative.budget_raised) = (head.budget, None);
        }
        if let Some(base) = &head.base {
            initiative.base.clone_from(base);
        }
        initiative.max_agents = head.agents;
        if options.agent.is_some() {
            initiative.agent.clone_from(&options.agent);
        }
    });
    if *tx.get::<Initiative>(id) != known {
        applied.changed.push(format!("initiative {}", known.slug));
    }
    // A limit holds for the run that named it, until the next.
    if options.max_agents.is_some() || options.start.is_some() {
        tx.change::<Initiative>(id, |initiative| initiative.run_agents = options.max_agents);
    }
    Ok(())
}

/// Writes phases, plans and tasks; what is under way must not differ from what the file says.
fn write(
    tx: &mut Txn,
    id: InitiativeId,
    plan: &PlanDocument,
    applied: &mut Applied,
) -> Result<(), Refusal> {
    let known = Known::of(tx, id);
    let before: Vec<TaskId> = tx.state().tasks_of(id).map(|task| task.id).collect();
    let mut kept = Kept::default();
    let mut locked = Vec::new();
    for (phase_at, phase) in (0..).zip(&plan.phases) {
        let phase_id = known.phases.get(&phase.id).copied();
        let phase_id = put_phase(tx, id, phase_id, phase, phase_at, applied);
        kept.phases.insert(phase_id);
        for line in &phase.plans {
            let plan_id = known.plans.get(&line.id).copied();
            let plan_at = position(kept.plans.len());
            let plan_id = put_plan(tx, (id, phase_id), plan_id, line, plan_at, applied);
            kept.plans.insert(plan_id);
            for task in &line.tasks {
                let place = Place {
                    initiative: id,
                    phase: phase_id,
                    plan: plan_id,
                    position: position(kept.tasks.len()),
                };
                let task = put_task(tx, &place, task, applied, &mut locked);
                kept.tasks.insert(task);
            }
        }
    }
    if !locked.is_empty() {
        locked.truncate(10);
        return Err(
            Refusal::state("the plan changes tasks that are under way or merged")
                .because(format!("changed: {}", locked.join(", ")))
                .hint("leave these as they were, or add new tasks for what is to be different"),
        );
    }
    put_behind(tx, id, &kept, applied);
    // Who waits for whom follows from the order, also of what is left as it was otherwise.
    let known: BTreeSet<TaskId> = before.iter().copied().collect();
    let order = tx.state().tasks_of(id).map(|task| task.id);
    let order = order.filter(|task| known.contains(task) && kept.tasks.contains(task));
    let same = before
        .iter()
        .copied()
        .filter(|task| kept.tasks.contains(task))
        .eq(order);
    if !same {
        applied.changed.push("order of tasks".into());
    }
    Ok(())
}

fn position(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The groups that are stored, by what users call them.
struct Known {
    phases: BTreeMap<String, PhaseId>,
    plans: BTreeMap<String, PlanId>,
}

impl Known {
    fn of(tx: &Txn, id: InitiativeId) -> Self {
        let phases = tx.state().all::<Phase>();
        let plans = tx.state().all::<Plan>();
        Self {
            phases: phases
                .filter(|phase| phase.initiative == id)
                .map(|phase| (phase.slug.clone(), phase.id))
                .collect(),
            plans: plans
                .filter(|plan| plan.initiative == id)
                .map(|plan| (plan.slug.clone(), plan.id))
                .collect(),
        }
    }
}

/// What the file has.
#[derive(Default)]
struct Kept {
    phases: BTreeSet<PhaseId>,
    plans: BTreeSet<PlanId>,
    tasks: BTreeSet<TaskId>,
}

/// Puts what the file has no more behind what it has, in its old order: it stays, and nothing of
/// the file waits for it by its place.
fn put_behind(tx: &mut Txn, id: InitiativeId, kept: &Kept, applied: &mut Applied) {
    let state = tx.state();
    let phases = state.all::<Phase>().filter(|row| row.initiative == id);
    let mut phases: Vec<(u32, PhaseId)> = phases
        .filter(|row| !kept.phases.contains(&row.id))
        .map(|row| (row.position, row.id))
        .collect();
    let plans = state.all::<Plan>().filter(|row| row.initiative == id);
    let mut plans: Vec<(u32, PlanId)> = plans
        .filter(|row| !kept.plans.contains(&row.id))
        .map(|row| (row.position, row.id))
        .collect();
    let tasks: Vec<(TaskId, PlanId, String)> = state
        .tasks_of(id)
        .filter(|task| !kept.tasks.contains(&task.id))
        .map(|task| (task.id, task.plan, task.spec.slug.clone()))
        .collect();
    phases.sort_unstable();
    for (at, (_, phase)) in (kept.phases.len()..).zip(phases) {
        tx.change::<Phase>(phase, |phase| phase.position = position(at));
    }
    plans.sort_unstable();
    for (at, (_, plan)) in (kept.plans.len()..).zip(plans) {
        tx.change::<Plan>(plan, |plan| plan.position = position(at));
    }
    for (at, (task, plan, slug)) in (kept.tasks.len()..).zip(tasks) {
        // Its plan may have moved to another phase.
        let phase = tx.get::<Plan>(plan).phase;
        tx.change::<Task>(task, |task| {
            task.position = position(at);
            task.phase = phase;
        });
        applied.gone.push(slug);
    }
}

fn put_phase(
    tx: &mut Txn,
    initiative: InitiativeId,
    known: Option<PhaseId>,
    phase: &crate::domain::plan::Phase,
    position: u32,
    applied: &mut Applied,
) -> PhaseId {
    let id = known.unwrap_or_else(|| tx.next_id::<Phase>());
    let before = tx.state().get(id).cloned();
    let row = Phase {
        id,
        initiative,
        slug: phase.id.clone(),
        title: phase.title.clone(),
        text: phase.text.clone(),
        after: phase.after.clone(),
        position,
        open: before.as_ref().map_or(0, |before: &Phase| before.open),
    };
    if let Some(before) = &before
        && (&before.title, &before.text, &before.after) != (&row.title, &row.text, &row.after)
    {
        applied.changed.push(format!("phase {}", row.slug));
    }
    if before.as_ref() != Some(&row) {
        tx.put(row);
    }
    id
}

fn put_plan(
    tx: &mut Txn,
    (initiative, phase): (InitiativeId, PhaseId),
    known: Option<PlanId>,
    plan: &crate::domain::plan::Plan,
    position: u32,
    applied: &mut Applied,
) -> PlanId {
    let id = known.unwrap_or_else(|| tx.next_id::<Plan>());
    let before = tx.state().get(id).cloned();
    let row = Plan {
        id,
        initiative,
        phase,
        slug: plan.id.clone(),
        title: plan.title.clone(),
        text: plan.text.clone(),
        after: plan.after.clone(),
        position,
        open: before.as_ref().map_or(0, |before: &Plan| before.open),
    };
    if let Some(before) = &before
        && (&before.title, &before.text, &before.after, before.phase)
            != (&row.title, &row.text, &row.after, row.phase)
    {
        applied.changed.push(format!("plan {}", row.slug));
    }
    if before.as_ref() != Some(&row) {
        tx.put(row);
    }
    id
}

/// Where a task stands.
pub(super) struct Place {
    pub(super) initiative: InitiativeId,
    pub(super) phase: PhaseId,
    pub(super) plan: PlanId,
    pub(super) position: u32,
}

fn put_task(
    tx: &mut Txn,
    place: &Place,
    document: &TaskDocument,
    applied: &mut Applied,
    locked: &mut Vec<String>,
) -> TaskId {
    let spec = TaskSpec::from(document);
    let Some(id) = tx.state().index().task(place.initiative, &document.id) else {
        applied.added.push(document.id.clone());
        return new_task(tx, place, spec);
    };
    let known = tx.get::<Task>(id);
    let same = *known.spec == spec && known.plan == place.plan;
    // An approval that is due is stored as not begun, and a person may be looking at it. Of a
    // draft nothing has begun.
    let draft = tx.get::<Initiative>(known.initiative).status == InitiativeStatus::Draft;
    let reviewed = !draft && task_status(tx.state(), known) == TaskStatus::Review;
    let may_change = !reviewed
        && matches!(
            known.state,
            TaskState::Todo { .. } | TaskState::Failed | TaskState::Cancelled | TaskState::Skipped
        );
    if same {
        applied.unchanged.push(document.id.clone());
    } else if may_change {
        applied.updated.push(document.id.clone());
    } else {
        locked.push(document.id.clone());
        return id;
    }
    tx.change::<Task>(id, |task| {
        task.phase = place.phase;
        task.plan = place.plan;
        task.position = place.position;
        if !same {
            if task.spec.budget != spec.budget {
                task.budget_raised = None;
            }
            task.spec = Arc::new(spec);
        }
    });
    id
}

/// Stores a task that is new.
pub(super) fn new_task(tx: &mut Txn, place: &Place, spec: TaskSpec) -> TaskId {
    let id = tx.next_id::<Task>();
    tx.put(Task {
        id,
        initiative: place.initiative,
        phase: place.phase,
        plan: place.plan,
        position: place.position,
        spec: Arc::new(spec),
        state: TaskState::Todo { not_before: None },
        // Until the order is worked out, nothing may take it for ready.
        blockers: 1,
        failures: 0,
        attempts: 0,
        bounces: 0,
        agent: None,
        passed: Default::default(),
        approved: false,
        summary: None,
        error: None,
        unchanged: false,
        budget_raised: None,
        started_at: None,
        ended_at: None,
    });
    id
}

#[cfg(test)]
mod tests;
