//! Projects.

use crate::render::escape;
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use cw_wire::project::ProjectList;

/// Draws a list.
pub(crate) fn list(answer: &ProjectList, page: &mut Page) {
    if answer.projects.is_empty() {
        return page.faint("no projects");
    }
    let mut table = Table::new(&["PROJECT", "STATUS", "BASE", "ROOT"]);
    for project in &answer.projects {
        table.row(vec![
            Cell::new(&project.name),
            Cell::status(if project.paused { "paused" } else { "active" }),
            Cell::new(&project.base),
            Cell::new(&project.root),
        ]);
    }
    page.table(&table);
}

/// Draws what `init` did.
pub(crate) fn initialised(answer: &ProjectList, quiet: bool, page: &mut Page) {
    for project in &answer.projects {
        let word = if project.created {
            "registered"
        } else {
            "registered already:"
        };
        page.line(format!(
            "{word} {} ({})",
            escape::line(&project.name),
            escape::line(&project.root)
        ));
        if project.wrote_config {
            page.line("wrote cw.toml: look at its comments, above all at [agents] and [gates]");
        }
        if project.trusted && quiet {
            continue;
        }
        if project.trusted {
            page.faint("next: cw run PLAN.md, or cw demo to see it at work");
        } else {
            page.line("cw.toml is not trusted yet: cw trust");
        }
    }
}

/// Draws what `trust` did.
pub(crate) fn trusted(answer: &ProjectList, page: &mut Page) {
    for project in &answer.projects {
        page.line(format!(
            "cw.toml of {} is trusted",
            escape::line(&project.name)
        ));
    }
}
