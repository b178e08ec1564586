//! Initiatives.

use super::{differ, task};
use crate::render::amount;
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use cw_wire::InitiativeView;
use cw_wire::initiative::{InitiativeDetail, InitiativeTasks};

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
            task::cost(one.cost_usd),
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
    page.field("cost", &amount::money(view.cost_usd));
    page.maybe(
        "budget",
        initiative.budget_usd.map(amount::money).as_deref(),
    );
    page.maybe(
        "agents",
        initiative.max_agents.map(|n| n.to_string()).as_deref(),
    );
    page.field("base", &view.base);
    page.field("branch", &view.branch);
    page.maybe("tip", view.tip.as_deref());
    task::section("text", &initiative.text, page);
    page.blank();
    task::list(&initiative.items, page);
}
