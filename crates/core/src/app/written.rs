//! Stored work as the plan that would make it: what `apply` reads back without a change. It knows
//! what was written, not what has become of it.

use std::collections::BTreeMap;

use crate::domain::hierarchy::{Initiative, Phase, Plan};
use crate::domain::ids::{InitiativeId, PhaseId, PlanId};
use crate::domain::plan::{
    Initiative as InitiativeDocument, Phase as PhaseDocument, Plan as PlanPart, PlanDocument, Task,
};
use crate::domain::state::State;

/// The plan that an initiative was made of, with every id; `None` when there is no such initiative.
#[must_use]
pub fn written(state: &State, id: InitiativeId) -> Option<PlanDocument> {
    let row = state.get::<Initiative>(id)?;
    let mut tasks: BTreeMap<PlanId, Vec<Task>> = BTreeMap::new();
    for task in state.tasks_of(id) {
        let document = Task::from(&*task.spec);
        tasks.entry(task.plan).or_default().push(document);
    }
    let mut lines: Vec<&Plan> = state
        .all::<Plan>()
        .filter(|plan| plan.initiative == id)
        .collect();
    lines.sort_by_key(|plan| (plan.position, plan.id));
    let mut plans: BTreeMap<PhaseId, Vec<PlanPart>> = BTreeMap::new();
    for line in lines {
        plans.entry(line.phase).or_default().push(PlanPart {
            id: line.slug.clone(),
            title: line.title.clone(),
            text: line.text.clone(),
            after: line.after.clone(),
            tasks: tasks.remove(&line.id).unwrap_or_default(),
            ..PlanPart::default()
        });
    }
    let mut phases: Vec<&Phase> = state
        .all::<Phase>()
        .filter(|phase| phase.initiative == id)
        .collect();
    phases.sort_by_key(|phase| (phase.position, phase.id));
    let phases = phases.into_iter().map(|phase| PhaseDocument {
        id: phase.slug.clone(),
        title: phase.title.clone(),
        text: phase.text.clone(),
        after: phase.after.clone(),
        plans: plans.remove(&phase.id).unwrap_or_default(),
        ..PhaseDocument::default()
    });
    Some(PlanDocument {
        phases: phases.collect(),
        initiative: InitiativeDocument {
            id: row.slug.clone(),
            title: row.title.clone(),
            text: row.text.clone(),
            base: Some(row.base.clone()),
            agents: row.max_agents,
            budget: row.budget,
            ..InitiativeDocument::default()
        },
    })
}
