//! Tasks.

use super::{differ, message};
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use crate::render::{amount, escape};
use cw_wire::task::TaskDetail;
use cw_wire::{TaskKind, TaskStatus, TaskView};

/// Draws a list.
pub(crate) fn list(tasks: &[TaskView], page: &mut Page) {
    if tasks.is_empty() {
        return page.faint("no tasks");
    }
    let several = differ(tasks, |task| task.project.as_deref());
    let mut table = if several {
        Table::new(&["PROJECT", "TASK", "STATUS", "AGENT", "COST", "TITLE"])
    } else {
        Table::new(&["TASK", "STATUS", "AGENT", "COST", "TITLE"])
    };
    let initiatives = several || differ(tasks, |task| Some(&task.initiative));
    for task in tasks {
        let id = if initiatives {
            format!("{}/{}", task.initiative, task.id)
        } else {
            task.id.clone()
        };
        let mut cells = vec![
            Cell::new(id),
            Cell::status(task.status.as_str()),
            Cell::maybe(task.agent.as_deref()),
            cost(task.cost_usd),
            Cell::new(title(task, page)),
        ];
        if several {
            cells.insert(0, Cell::maybe(task.project.as_deref()));
        }
        table.row(cells);
    }
    page.table(&table);
}

/// The cost as a cell; nothing spent is nothing to look at.
pub(crate) fn cost(usd: f64) -> Cell<'static> {
    if usd > 0.0 {
        Cell::new(amount::money(usd))
    } else {
        Cell::none()
    }
}

/// A task's title with what is worth saying about its status.
fn title(task: &TaskView, page: &Page) -> String {
    let remark = remark(task, page);
    if remark.is_empty() {
        task.title.clone()
    } else {
        format!("{} ({remark})", task.title)
    }
}

/// What is worth saying about a task's status.
fn remark(task: &TaskView, page: &Page) -> String {
    let mut remarks = Vec::new();
    if !task.waits_for.is_empty() {
        let more = task.waits_for.len().saturating_sub(3);
        let mut names = task.waits_for[..task.waits_for.len() - more].join(", ");
        if more > 0 {
            names.push_str(&format!(" and {more} more"));
        }
        remarks.push(format!("after {names}"));
    }
    if let Some(at) = &task.resume_at {
        remarks.push(format!("resumes {}", amount::age(at, page.now)));
    }
    if task.bounces > 0 {
        remarks.push(amount::some(u64::from(task.bounces), "bounce"));
    }
    if let Some(note) = task.note.as_ref().or(task.error.as_ref()) {
        remarks.push(escape::first_line(note));
    }
    remarks.join("; ")
}

/// Draws one with its prompt and messages.
pub(crate) fn detail(task: &TaskDetail, page: &mut Page) {
    let view = &task.view;
    page.heading(&format!("{}/{}", view.initiative, view.id), &view.title);
    page.field("status", view.status.as_str());
    // The error has a place of its own below.
    let shown = TaskView {
        error: None,
        note: view
            .note
            .clone()
            .filter(|note| view.error.as_ref() != Some(note)),
        ..view.clone()
    };
    let remark = remark(&shown, page);
    if !remark.is_empty() {
        page.field("note", &remark);
    }
    page.field("phase", &view.phase);
    page.field("plan", &view.plan);
    if !view.after.is_empty() {
        page.field("after", &view.after.join(", "));
    }
    page.maybe("agent", view.agent.as_deref());
    page.maybe("kind", view.agent_kind.as_deref());
    page.maybe("model", task.model.as_deref());
    page.field("priority", view.priority.as_str());
    page.field("attempts", &attempts(task));
    page.field(
        "cost",
        &format!(
            "{} · {} tokens",
            amount::money(view.cost_usd),
            amount::count(view.tokens)
        ),
    );
    page.maybe("budget", task.budget_usd.map(amount::money).as_deref());
    page.maybe("timeout", task.timeout_s.map(amount::duration).as_deref());
    for (name, list) in [("touches", &task.touches), ("verify", &task.verify)] {
        if !list.is_empty() {
            page.field(name, &list.join(", "));
        }
    }
    if task.review == cw_wire::Review::Human {
        page.field("review", "human");
    }
    page.maybe("branch", view.branch.as_deref());
    page.maybe("commit", view.commit.as_deref());
    section("prompt", &task.prompt, page);
    section("error", view.error.as_deref().unwrap_or_default(), page);
    section("summary", task.summary.as_deref().unwrap_or_default(), page);
    super::agent::history(&task.turns, page);
    if !task.messages.is_empty() {
        page.blank();
        message::list(&task.messages, page);
    }
    next(view, page);
}

/// Draws the commands that come next, for what waits for the user.
fn next(task: &TaskView, page: &mut Page) {
    let id = format!("{}/{}", task.initiative, task.id);
    let commands = match task.status {
        TaskStatus::Failed | TaskStatus::Cancelled => {
            vec![format!("cw task retry {id}"), format!("cw task skip {id}")]
        }
        TaskStatus::Review => {
            let mut commands = vec![
                format!("cw task approve {id}"),
                format!("cw task reject {id} --text \"…\""),
            ];
            if task.kind == TaskKind::Work {
                commands.insert(0, format!("cw task diff {id}"));
            }
            commands
        }
        _ => return,
    };
    page.blank();
    for (at, command) in commands.iter().enumerate() {
        page.field(if at == 0 { "next" } else { "" }, command);
    }
}

fn attempts(task: &TaskDetail) -> String {
    match task.max_attempts {
        Some(most) => format!("{} of {most}", task.view.attempts),
        None => task.view.attempts.to_string(),
    }
}

/// Draws a text under a heading, if there is one.
pub(crate) fn section(name: &str, text: &str, page: &mut Page) {
    if !text.trim().is_empty() {
        page.blank();
        page.faint(format!("  {name}"));
        page.text(text);
    }
}
