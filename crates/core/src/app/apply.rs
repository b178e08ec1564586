//! Reading a plan in: a new initiative, or changes to one that is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::config::Config;
use crate::domain::event::Value;
use crate::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Project, Task, TaskSpec, TaskState,
};
use crate::domain::ids::{InitiativeId, PhaseId, PlanId, ProjectId, TaskId};
use crate::domain::plan::{PlanDocument, Task as TaskDocument};
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
            refresh(tx, id, plan, options)?;
            id
        }
        None => create(tx, project, plan, options)?,
    };
    applied.initiative = Some(id);
    write(tx, id, plan, &mut applied)?;
    rewire(tx, id)?;
    if applied.created {
        tx.tell(
            "initiative.created",
            About::Initiative(id),
            [("tasks", Value::from(applied.added.len() as u64))],
        );
    } else if !applied.added.is_empty() || !applied.updated.is_empty() {
        tx.tell(
            "initiative.updated",
            About::Initiative(id),
            [
                ("added", applied.added.clone().into()),
                ("updated", applied.updated.clone().into()),
            ],
        );
    }
    if let Some(facts) = &options.start {
        initiative::start(tx, id, facts)?;
    }
    Ok(Reply::Applied(applied))
}

/// An agent that nobody knows is said at once, not when its task is up.
fn check_agents(
    tx: &Txn,
    project: ProjectId,
    plan: &PlanDocument,
    over: Option<&str>,
) -> Result<(), Refusal> {
    let fallback = Arc::new(Config::default());
    let config = tx.state().config(project).unwrap_or(&fallback);
    let named =
        tasks_of(plan).filter_map(|task| task.agent.as_deref().map(|agent| (agent, Some(task))));
    for (agent, task) in over.map(|agent| (agent, None)).into_iter().chain(named) {
        if config.agent(agent).is_none() {
            let whose =
                task.map(|task| format!("task '{}' (line {}) wants it", task.id, task.line.0));
            let known: Vec<&str> = config.agents.keys().map(String::as_str).collect();
            return Err(Refusal::usage(format!("there is no agent '{agent}'"))
                .because(whose.unwrap_or_else(|| "--agent names it".into()))
                .hint(format!(
                    "name a kind (claude, codex, gemini, opencode, acp, script) or a table of cw.toml: {}",
                    if known.is_empty() { "it has none".to_owned() } else { known.join(", ") }
                )));
        }
    }
    Ok(())
}

fn tasks_of(plan: &PlanDocument) -> impl Iterator<Item = &TaskDocument> {
    plan.phases
        .iter()
        .flat_map(|phase| &phase.plans)
        .flat_map(|plan| &plan.tasks)
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
        max_agents: options.max_agents.or(head.agents),
        agent: options.agent.clone(),
        budget: head.budget,
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
) -> Result<(), Refusal> {
    let known = tx.get::<Initiative>(id);
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
        initiative.budget = head.budget;
        if let Some(base) = &head.base {
            initiative.base.clone_from(base);
        }
        initiative.max_agents = options.max_agents.or(head.agents);
        if options.agent.is_some() {
            initiative.agent.clone_from(&options.agent);
        }
    });
    Ok(())
}

/// Writes phases, plans and tasks; what is under way must not differ from what the file says.
fn write(
    tx: &mut Txn,
    id: InitiativeId,
    plan: &PlanDocument,
    applied: &mut Applied,
) -> Result<(), Refusal> {
    let phases: BTreeMap<String, PhaseId> = tx
        .state()
        .all::<Phase>()
        .filter(|phase| phase.initiative == id)
        .map(|phase| (phase.slug.clone(), phase.id))
        .collect();
    let plans: BTreeMap<String, PlanId> = tx
        .state()
        .all::<Plan>()
        .filter(|plan| plan.initiative == id)
        .map(|plan| (plan.slug.clone(), plan.id))
        .collect();
    let mut kept = BTreeSet::new();
    let mut locked = Vec::new();
    let (mut at, mut plan_at) = (0, 0);
    for (phase_at, phase) in (0..).zip(&plan.phases) {
        let phase_id = phases.get(&phase.id).copied();
        let phase_id = put_phase(tx, id, phase_id, phase, phase_at);
        for line in &phase.plans {
            let plan_id = plans.get(&line.id).copied();
            let plan_id = put_plan(tx, id, phase_id, plan_id, line, plan_at);
            plan_at += 1;
            for task in &line.tasks {
                let place = Place {
                    initiative: id,
                    phase: phase_id,
                    plan: plan_id,
                    position: at,
                };
                kept.insert(put_task(tx, &place, task, applied, &mut locked));
                at += 1;
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
    let gone: Vec<(TaskId, String)> = tx
        .state()
        .tasks_of(id)
        .filter(|task| !kept.contains(&task.id))
        .map(|task| (task.id, task.spec.slug.clone()))
        .collect();
    for (task, slug) in gone {
        tx.change::<Task>(task, |task| task.position = at);
        at += 1;
        applied.gone.push(slug);
    }
    Ok(())
}

fn put_phase(
    tx: &mut Txn,
    initiative: InitiativeId,
    known: Option<PhaseId>,
    phase: &crate::domain::plan::Phase,
    position: u32,
) -> PhaseId {
    let id = known.unwrap_or_else(|| tx.next_id::<Phase>());
    let open = known.map_or(0, |id| tx.get::<Phase>(id).open);
    let row = Phase {
        id,
        initiative,
        slug: phase.id.clone(),
        title: phase.title.clone(),
        text: phase.text.clone(),
        after: phase.after.clone(),
        position,
        open,
    };
    if tx.state().get(id) != Some(&row) {
        tx.put(row);
    }
    id
}

fn put_plan(
    tx: &mut Txn,
    initiative: InitiativeId,
    phase: PhaseId,
    known: Option<PlanId>,
    plan: &crate::domain::plan::Plan,
    position: u32,
) -> PlanId {
    let id = known.unwrap_or_else(|| tx.next_id::<Plan>());
    let open = known.map_or(0, |id| tx.get::<Plan>(id).open);
    let row = Plan {
        id,
        initiative,
        phase,
        slug: plan.id.clone(),
        title: plan.title.clone(),
        text: plan.text.clone(),
        after: plan.after.clone(),
        position,
        open,
    };
    if tx.state().get(id) != Some(&row) {
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
    let may_change = matches!(
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
        approved: false,
        summary: None,
        error: None,
        unchanged: false,
        started_at: None,
        ended_at: None,
    });
    id
}
