//! Plans that nobody would write: phases, lines and tasks with any `after` that has an order.

use cw_core::domain::plan::{
    Initiative, Phase, Plan, PlanDocument, Priority, Review, Task, TaskKind, outline, resolve,
};

use cw_core::domain::money::Usd;

use super::chance::Chance;

/// A plan with this many tasks.
#[must_use]
pub(super) fn draw(chance: &mut Chance, id: &str, tasks: usize) -> PlanDocument {
    let mut plan = PlanDocument {
        initiative: Initiative {
            id: id.to_owned(),
            title: format!("Work on {id}"),
            agents: chance
                .hits(300)
                .then(|| u32::try_from(chance.between(1, 5)).unwrap_or(1)),
            ..Initiative::default()
        },
        phases: Vec::new(),
    };
    let (mut made, mut lines) = (0, 0);
    while made < tasks {
        let phase = plan.phases.len();
        plan.phases.push(Phase {
            id: format!("phase-{phase}"),
            title: format!("Phase {phase}"),
            ..Phase::default()
        });
        for _ in 0..chance.between(1, 4) {
            let size = chance.between(0, 6).min(tasks - made);
            let mut line = Plan {
                id: format!("line-{lines}"),
                title: format!("Line {lines}"),
                ..Plan::default()
            };
            lines += 1;
            for _ in 0..size {
                line.tasks.push(task(chance, made));
                made += 1;
            }
            plan.phases[phase].plans.push(line);
        }
    }
    tie(chance, &mut plan);
    plan
}

/// An amount of up to so many cents.
#[must_use]
pub(super) fn cents(chance: &mut Chance, most: usize) -> Usd {
    Usd(chance.between(1, most) as u64 * 10_000)
}

/// Gives a plan and some of its tasks budgets that they may use up.
pub(super) fn limit(chance: &mut Chance, plan: &mut PlanDocument) {
    if chance.hits(600) {
        plan.initiative.budget = Some(cents(chance, 600));
    }
    let lines = plan.phases.iter_mut().flat_map(|phase| &mut phase.plans);
    for task in lines.flat_map(|line| &mut line.tasks) {
        if chance.hits(150) {
            task.budget = Some(cents(chance, 80));
        }
        if chance.hits(200) {
            task.agent = Some("codex".into());
        }
    }
}

/// One task.
#[must_use]
pub(super) fn task(chance: &mut Chance, number: usize) -> Task {
    Task {
        id: format!("task-{number}"),
        title: format!("Task {number}"),
        text: String::new(),
        kind: if chance.hits(70) {
            TaskKind::Approval
        } else {
            TaskKind::Work
        },
        priority: match chance.below(6) {
            0 => Priority::High,
            1 => Priority::Low,
            _ => Priority::Normal,
        },
        review: if chance.hits(100) {
            Review::Human
        } else {
            Review::None
        },
        verify: if chance.hits(200) {
            vec!["verify".into()]
        } else {
            Vec::new()
        },
        attempts: chance.hits(200).then_some(2),
        ..Task::default()
    }
}

/// Gives some things an `after` of their own; those that leave no order are taken back.
fn tie(chance: &mut Chance, plan: &mut PlanDocument) {
    let rate = chance.below(400);
    for phase in 0..plan.phases.len() {
        if phase > 0 && chance.hits(rate / 3) {
            let after = names(chance, plan);
            attempt(plan, |plan| &mut plan.phases[phase].after, after);
        }
        for line in 0..plan.phases[phase].plans.len() {
            if chance.hits(rate / 2) {
                let after = names(chance, plan);
                attempt(
                    plan,
                    |plan| &mut plan.phases[phase].plans[line].after,
                    after,
                );
            }
            for task in 0..plan.phases[phase].plans[line].tasks.len() {
                if chance.hits(rate) {
                    let after = names(chance, plan);
                    attempt(
                        plan,
                        |plan| &mut plan.phases[phase].plans[line].tasks[task].after,
                        after,
                    );
                }
            }
        }
    }
}

fn attempt(
    plan: &mut PlanDocument,
    field: impl Fn(&mut PlanDocument) -> &mut Option<Vec<String>>,
    after: Vec<String>,
) {
    *field(plan) = Some(after);
    if resolve(&outline(plan)).is_err() {
        *field(plan) = None;
    }
}

/// Names of things of a plan: none, or a few of any level.
#[must_use]
pub(super) fn names(chance: &mut Chance, plan: &PlanDocument) -> Vec<String> {
    if chance.hits(200) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for _ in 0..chance.between(1, 3) {
        let phase = &plan.phases[chance.below(plan.phases.len())];
        let line = &phase.plans[chance.below(phase.plans.len())];
        let name = match chance.below(6) {
            0 => phase.id.clone(),
            1 | 2 => line.id.clone(),
            _ if line.tasks.is_empty() => line.id.clone(),
            _ => line.tasks[chance.below(line.tasks.len())].id.clone(),
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// The plan with a change, as its author might make it: a task more, a task moved, changed, taken
/// out, tied to something else.
#[must_use]
pub(super) fn change(chance: &mut Chance, plan: &PlanDocument, fresh: usize) -> PlanDocument {
    let mut plan = plan.clone();
    let phase = chance.below(plan.phases.len());
    let line = chance.below(plan.phases[phase].plans.len());
    let kind = chance.below(5);
    let after = names(chance, &plan);
    let tasks = &mut plan.phases[phase].plans[line].tasks;
    if kind == 0 || tasks.is_empty() {
        let added = task(chance, fresh);
        let at = chance.below(tasks.len() + 1);
        tasks.insert(at, added);
        return plan;
    }
    let at = chance.below(tasks.len());
    match kind {
        1 => tasks[at].text.push_str("More words.\n"),
        2 => {
            tasks[at].after = Some(after);
        }
        3 => {
            tasks.remove(at);
        }
        _ => {
            let moved = tasks.remove(at);
            let phase = chance.below(plan.phases.len());
            let line = chance.below(plan.phases[phase].plans.len());
            plan.phases[phase].plans[line].tasks.push(moved);
        }
    }
    plan
}
