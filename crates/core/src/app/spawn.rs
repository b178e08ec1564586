//! Agents without a plan: tasks of the project's own ad-hoc initiative.

use crate::domain::effect::EffectKind;
use crate::domain::graph::Needs;
use crate::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Project, Task, TaskSpec, TaskState,
};
use crate::domain::ids::{InitiativeId, ProjectId};
use crate::domain::names;
use crate::domain::plan::{Priority, Review, TaskKind};
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Merge, TurnKind};

use super::apply::new_task;
use super::signal::{Refusal, Reply, StartFacts};
use super::task::place;
use super::{dispatch, initiative, tasks, turn};

/// The id of the initiative that holds what `cw spawn` starts.
pub(super) const ADHOC: &str = "adhoc";
/// Its title, and that of its phase and plan.
const TITLE: &str = "Ad hoc";

/// Starts an agent without a plan.
pub(super) fn spawn(
    tx: &mut Txn,
    project: ProjectId,
    prompt: &str,
    agent: Option<String>,
    name: Option<String>,
    model: Option<String>,
    facts: &StartFacts,
) -> Result<Reply, Refusal> {
    let prompt = prompt.trim();
    let Some(first) = prompt.lines().next() else {
        return Err(Refusal::usage("the prompt is empty").hint("cw spawn \"what is to be done\""));
    };
    if let Some(fault) = name.as_deref().and_then(names::flaw) {
        return Err(Refusal::usage(format!(
            "'{}' cannot be an agent's name",
            name.unwrap_or_default()
        ))
        .because(fault));
    }
    if let (Some(agent), Some(config)) = (&agent, tx.state().config(project))
        && let Some(fault) = config.agent_fault(agent)
    {
        return Err(Refusal::usage(fault.what).hint(fault.hint));
    }
    let initiative = adhoc(tx, project, facts)?;
    let title: String = first.chars().take(80).collect();
    let name = match name {
        Some(name) => names::numbered(&name, |name| tx.state().index().name_used(name)),
        None => {
            let chance = tx.ids().below(names::DISTRICTS.len());
            names::draw(chance, |name| tx.state().index().name_used(name))
        }
    };
    let spec = TaskSpec {
        slug: names::numbered(&name, |slug| {
            tx.state().index().task(initiative, slug).is_some()
        }),
        title,
        text: prompt.to_owned(),
        after: Some(Vec::new()),
        kind: TaskKind::Work,
        agent,
        model,
        priority: Priority::Normal,
        touches: Vec::new(),
        verify: Vec::new(),
        review: Review::None,
        budget: None,
        timeout: None,
        attempts: None,
    };
    let place = place(tx, initiative, None)?;
    let task = new_task(tx, &place, spec);
    tx.put(Needs {
        id: task,
        nodes: Vec::new(),
    });
    // One more open task, and nothing to wait for: what a recount would say.
    tx.change::<Task>(task, |task| task.blockers = 0);
    tx.change::<Initiative>(initiative, |initiative| initiative.open += 1);
    tx.change::<Plan>(place.plan, |plan| plan.open += 1);
    tx.change::<Phase>(place.phase, |phase| phase.open += 1);
    tx.tell("task.added", About::Task(task), []);
    let agent = dispatch::hire(tx, task, Some(name)).map_err(Refusal::usage)?;
    tasks::set_state(tx, task, TaskState::Working);
    let now = tx.now;
    tx.change::<Task>(task, |task| {
        task.attempts = 1;
        task.started_at = Some(now);
    });
    turn::queue(tx, agent, TurnKind::Start, None);
    Ok(Reply::Spawned(task, agent))
}

/// The project's ad-hoc initiative, made when it is first needed; its branch is brought to the
/// base unless a merge is moving it.
fn adhoc(tx: &mut Txn, project: ProjectId, facts: &StartFacts) -> Result<InitiativeId, Refusal> {
    let Some(id) = tx.state().index().initiative(project, ADHOC) else {
        return found(tx, project, facts);
    };
    match tx.get::<Initiative>(id).status {
        InitiativeStatus::Cancelled => {
            // What was called off is over; what is started now is new.
            initiative::activate(tx, id);
            tx.change::<Initiative>(id, |initiative| initiative.ended_at = None);
            tx.tell("initiative.reopened", About::Initiative(id), []);
        }
        InitiativeStatus::Paused => {
            // Whoever starts an agent wants it to begin; what is over its budget is asked about.
            initiative::activate(tx, id);
            tx.tell("initiative.resumed", About::Initiative(id), []);
        }
        _ => {}
    }
    let mut lane = tx.state().index().lane(id);
    let idle = !lane.any(|merge| tx.get::<Merge>(merge).state.in_lane());
    drop(lane);
    let (sync, cut) = (EffectKind::SyncAdhoc(id), EffectKind::CutBranch(id));
    if idle && tx.pending(sync).or(tx.pending(cut)).is_none() {
        let known = tx.get::<Initiative>(id).tip.is_some();
        tx.change::<Initiative>(id, |initiative| initiative.cut = false);
        tx.want(if known { sync } else { cut });
    }
    Ok(id)
}

/// Makes the ad-hoc initiative with its one phase and its one plan.
fn found(tx: &mut Txn, project: ProjectId, facts: &StartFacts) -> Result<InitiativeId, Refusal> {
    let base = tx.get::<Project>(project).base.clone();
    let configured = tx
        .state()
        .config(project)
        .and_then(|config| config.base.clone());
    let id = tx.next_id::<Initiative>();
    let uid = tx.ids().uid();
    let row = Initiative {
        id,
        uid,
        project,
        slug: ADHOC.into(),
        title: TITLE.into(),
        text: String::new(),
        base: configured.unwrap_or(base),
        max_agents: None,
        run_agents: None,
        agent: None,
        budget: None,
        budget_raised: None,
        passed: Default::default(),
        status: InitiativeStatus::Active,
        adhoc: true,
        cut: false,
        tip: None,
        lane_held: None,
        open: 0,
        created_at: tx.now,
        started_at: Some(tx.now),
        ended_at: None,
    };
    initiative::check_facts(&row, facts)?;
    tx.put(row);
    let phase = tx.next_id::<Phase>();
    tx.put(Phase {
        id: phase,
        initiative: id,
        slug: ADHOC.into(),
        title: TITLE.into(),
        text: String::new(),
        after: None,
        position: 0,
        open: 0,
    });
    let plan = tx.next_id::<Plan>();
    tx.put(Plan {
        id: plan,
        initiative: id,
        phase,
        slug: ADHOC.into(),
        title: TITLE.into(),
        text: String::new(),
        after: None,
        position: 0,
        open: 0,
    });
    tx.tell("initiative.created", About::Initiative(id), []);
    tx.want(EffectKind::CutBranch(id));
    Ok(id)
}
