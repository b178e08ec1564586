//! From what authors wrote in `after` to what each task waits for, over the stored rows.

use std::collections::BTreeMap;

use crate::domain::graph::{Needs, Node};
use crate::domain::hierarchy::{Phase, Plan, Task};
use crate::domain::ids::{InitiativeId, PhaseId, PlanId, TaskId};
use crate::domain::plan::{Need, Outline, OutlinePhase, OutlinePlan, OutlineTask, resolve};
use crate::domain::txn::Txn;

use super::signal::Refusal;
use super::tasks;

/// Works out the order of an initiative anew and counts what blocks whom.
///
/// # Errors
/// When there is no order: a cycle, an unknown name, two things of one id.
pub(super) fn rewire(tx: &mut Txn, initiative: InitiativeId) -> Result<(), Refusal> {
    let (wanted, faults) = order(tx, initiative);
    if let Some(first) = faults.first() {
        let hint = faults.get(1).map(|next| format!("there is more: {next}"));
        let refusal = Refusal::usage("the tasks have no order that works").because(first.clone());
        return Err(match hint {
            Some(hint) => refusal.hint(hint),
            None => refusal,
        });
    }
    for needs in wanted {
        if tx.state().get::<Needs>(needs.id) != Some(&needs) {
            tx.put(needs);
        }
    }
    tasks::recount(tx, initiative);
    Ok(())
}

fn order(tx: &Txn, initiative: InitiativeId) -> (Vec<Needs>, Vec<String>) {
    let state = tx.state();
    let mut phases: Vec<&Phase> = state
        .all::<Phase>()
        .filter(|phase| phase.initiative == initiative)
        .collect();
    phases.sort_by_key(|phase| (phase.position, phase.id));
    let mut plans: BTreeMap<PhaseId, Vec<&Plan>> = BTreeMap::new();
    for plan in state
        .all::<Plan>()
        .filter(|plan| plan.initiative == initiative)
    {
        plans.entry(plan.phase).or_default().push(plan);
    }
    let mut of_plan: BTreeMap<PlanId, Vec<&Task>> = BTreeMap::new();
    for task in state.tasks_of(initiative) {
        of_plan.entry(task.plan).or_default().push(task);
    }
    let (mut phase_ids, mut plan_ids, mut task_ids) =
        (Vec::new(), Vec::new(), Vec::<TaskId>::new());
    let mut outline = Outline::default();
    for phase in phases {
        phase_ids.push(phase.id);
        let mut own = plans.remove(&phase.id).unwrap_or_default();
        own.sort_by_key(|plan| (plan.position, plan.id));
        let mut lines = Vec::new();
        for plan in own {
            plan_ids.push(plan.id);
            let tasks = of_plan.remove(&plan.id).unwrap_or_default();
            task_ids.extend(tasks.iter().map(|task| task.id));
            let tasks = tasks
                .iter()
                .map(|task| OutlineTask {
                    id: &task.spec.slug,
                    after: task.spec.after.as_deref(),
                })
                .collect();
            lines.push(OutlinePlan {
                id: &plan.slug,
                after: plan.after.as_deref(),
                tasks,
            });
        }
        outline.phases.push(OutlinePhase {
            id: &phase.slug,
            after: phase.after.as_deref(),
            plans: lines,
        });
    }
    let resolved = match resolve(&outline) {
        Ok(resolved) => resolved,
        Err(faults) => return (Vec::new(), faults.iter().map(ToString::to_string).collect()),
    };
    let node = |need: &Need| match *need {
        Need::Task(n) => Node::Task(task_ids[n]),
        Need::Plan(n) => Node::Plan(plan_ids[n]),
        Need::Phase(n) => Node::Phase(phase_ids[n]),
    };
    let wanted = task_ids
        .iter()
        .enumerate()
        .map(|(n, id)| Needs {
            id: *id,
            nodes: resolved.needs(n).iter().map(node).collect(),
        })
        .collect();
    (wanted, Vec::new())
}
