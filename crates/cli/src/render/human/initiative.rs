//! Initiatives.

use super::{differ, task};
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use crate::render::{amount, escape};
use cw_wire::initiative::{InitiativeDetail, InitiativeTasks};
use cw_wire::{InitiativeView, TaskStatus, TaskView};

/// Draws a list.
pub(crate) fn list(initiatives: &[InitiativeView], page: &mut Page) {
    if initiatives.is_empty() {
        return page.faint("no initiatives");
    }
    let several = differ(initiatives, |one| one.project.as_deref());
    let mut table = if several {
        Table::new(&[
            "PROJECT",
            "INITIATIVE",
            "STATUS",
            "TASKS",
            "COST",
            "BASE",
            "BRANCH",
            "TITLE",
        ])
    } else {
        Table::new(&[
            "INITIATIVE",
            "STATUS",
            "TASKS",
            "COST",
            "BASE",
            "BRANCH",
            "TITLE",
        ])
    };
    for one in initiatives {
        let mut cells = vec![
            Cell::new(&one.id),
            Cell::status(one.status.as_str()),
            Cell::new(tasks(one.tasks)),
            one.budget_usd.map_or_else(
                || task::cost(one.cost_usd),
                |budget| Cell::new(spent(one.cost_usd, Some(budget))),
            ),
            Cell::new(&one.base),
            Cell::new(&one.branch),
            Cell::new(&one.title),
        ];
        if several {
            cells.insert(0, Cell::maybe(one.project.as_deref()));
        }
        table.row(cells);
    }
    page.table(&table);
}

/// Draws what was landed: where its base is now, and what that brought.
pub(crate) fn landed(initiatives: &[InitiativeView], merge: bool, page: &mut Page) {
    // A merge commit, where one was made, is not in the answer.
    let stands = if merge { "has" } else { "is at" };
    for one in initiatives {
        let tasks = amount::some(u64::from(one.tasks.merged), "task");
        let tip = one.tip.as_deref().map(amount::commit);
        page.line(format!(
            "landed {}: {} {stands} {}, with {tasks} of {}",
            escape::line(&one.id),
            escape::line(&one.base),
            tip.as_deref().unwrap_or("its tip"),
            escape::line(&one.branch)
        ));
    }
}

/// What was spent, and of which budget: `$1.25 of $20.00`.
pub(crate) fn spent(cost_usd: f64, budget_usd: Option<f64>) -> String {
    let cost = amount::money(cost_usd);
    match budget_usd {
        Some(budget) => format!("{cost} of {}", amount::money(budget)),
        None => cost,
    }
}

/// How far its tasks are: `3/6 merged, 2 running, 1 waiting`.
pub(crate) fn tasks(tasks: InitiativeTasks) -> String {
    let mut out = format!("{}/{} merged", tasks.merged, tasks.total);
    for (n, word) in [
        (tasks.running, "running"),
        (tasks.waiting, "waiting"),
        (tasks.failed, "failed"),
    ] {
        if n > 0 {
            out.push_str(&format!(", {n} {word}"));
        }
    }
    out
}

/// Draws one with its tasks.
pub(crate) fn detail(initiative: &InitiativeDetail, page: &mut Page) {
    let view = &initiative.view;
    page.heading(&view.id, &view.title);
    page.field("status", view.status.as_str());
    page.field("tasks", &tasks(view.tasks));
    page.field("cost", &spent(view.cost_usd, view.budget_usd));
    page.maybe(
        "agents",
        initiative.max_agents.map(|n| n.to_string()).as_deref(),
    );
    page.field("base", &view.base);
    page.field("branch", &view.branch);
    page.maybe("tip", view.tip.as_deref());
    outline(&initiative.items, page);
    task::section("text", &initiative.text, page);
    page.blank();
    task::list(&initiative.items, page);
}

/// How far a plan is.
struct Plan<'a> {
    phase: &'a str,
    id: &'a str,
    merged: usize,
    total: usize,
}

/// Draws the phases and plans that the tasks are in, with how far each plan is.
fn outline(tasks: &[TaskView], page: &mut Page) {
    let mut plans: Vec<Plan<'_>> = Vec::new();
    for task in tasks {
        let known = plans
            .iter()
            .position(|plan| plan.phase == task.phase && plan.id == task.plan);
        let at = known.unwrap_or_else(|| {
            plans.push(Plan {
                phase: &task.phase,
                id: &task.plan,
                merged: 0,
                total: 0,
            });
            plans.len() - 1
        });
        let counts = matches!(task.status, TaskStatus::Merged | TaskStatus::Skipped);
        plans[at].merged += usize::from(counts);
        plans[at].total += 1;
    }
    // A task that was added later may stand behind those of other phases.
    let mut phases: Vec<&str> = Vec::new();
    for plan in &plans {
        if !phases.contains(&plan.phase) {
            phases.push(plan.phase);
        }
    }
    for phase in phases {
        page.field("phase", phase);
        for plan in plans.iter().filter(|plan| plan.phase == phase) {
            let (id, merged, total) = (plan.id, plan.merged, plan.total);
            page.field("  plan", &format!("{id} · merged {merged} of {total}"));
        }
    }
}
