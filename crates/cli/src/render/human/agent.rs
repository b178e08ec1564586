//! Agents.

use super::differ;
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use crate::render::{amount, escape};
use cw_wire::AgentView;
use cw_wire::agent::{AgentDetail, Attached, DiffStat, Spawned, TurnView};

/// Draws a list.
pub(crate) fn list(agents: &[AgentView], page: &mut Page) {
    if agents.is_empty() {
        return page.faint("no agents");
    }
    let several = differ(agents, |agent| agent.project.as_deref());
    let mut table = if several {
        Table::new(&[
            "PROJECT", "AGENT", "KIND", "STATUS", "TASK", ">COST", "DIFF", "LAST", "ACTIVITY",
        ])
    } else {
        Table::new(&[
            "AGENT", "KIND", "STATUS", "TASK", ">COST", "DIFF", "LAST", "ACTIVITY",
        ])
    };
    for agent in agents {
        let last = agent
            .last_output_at
            .as_deref()
            .map(|at| amount::age(at, page.now));
        let mut cells = vec![
            Cell::new(&agent.name),
            Cell::new(&agent.kind),
            Cell::status(agent.status.as_str()),
            Cell::maybe(agent.task.as_deref()),
            super::task::cost(agent.cost_usd),
            Cell::maybe(agent.diff.map(stat)),
            Cell::maybe(last),
            Cell::new(agent.activity.as_deref().unwrap_or_default()),
        ];
        if several {
            cells.insert(0, Cell::maybe(agent.project.as_deref()));
        }
        table.row(cells);
    }
    page.table(&table);
}

/// The size of a diff: `3 files +10 −2`.
pub(crate) fn stat(diff: DiffStat) -> String {
    let files = amount::some(u64::from(diff.files), "file");
    format!("{files} +{} −{}", diff.insertions, diff.deletions)
}

/// What its processes take: `3 processes · 41 s of processor time · 230 MB`.
fn takes(agent: &AgentDetail) -> Option<String> {
    let processes = match agent.processes? {
        1 => "1 process".to_owned(),
        n => format!("{n} processes"),
    };
    Some(format!(
        "{processes} · {} of processor time · {}",
        amount::duration(agent.cpu_s?),
        amount::bytes(agent.memory_bytes?)
    ))
}

/// Draws one with its turns.
pub(crate) fn detail(agent: &AgentDetail, page: &mut Page) {
    let view = &agent.view;
    page.heading(&view.name, view.title.as_deref().unwrap_or_default());
    page.field("status", view.status.as_str());
    page.field("kind", &view.kind);
    page.maybe("task", view.task.as_deref());
    page.maybe("activity", view.activity.as_deref());
    page.maybe("diff", view.diff.map(stat).as_deref());
    page.field(
        "cost",
        &format!(
            "{} · {} tokens",
            amount::money(view.cost_usd),
            amount::count(view.tokens)
        ),
    );
    page.maybe("session", view.session.as_deref());
    page.maybe("pid", view.pid.map(|pid| pid.to_string()).as_deref());
    page.maybe("takes", takes(agent).as_deref());
    let last = view.last_output_at.as_deref();
    page.maybe(
        "last output",
        last.map(|at| amount::age(at, page.now)).as_deref(),
    );
    page.maybe("worktree", view.worktree.as_deref());
    page.maybe("branch", view.branch.as_deref());
    history(&agent.history, page);
}

/// Draws turns, each with what it used.
pub(crate) fn history(turns: &[TurnView], page: &mut Page) {
    if turns.is_empty() {
        return;
    }
    page.blank();
    let mut table = Table::new(&[
        ">TURN", "WHY", "STARTED", "ENDED", "OUTCOME", ">EXIT", ">TOKENS", ">COST",
    ]);
    for turn in turns {
        let age = |at: &Option<String>| at.as_deref().map(|at| amount::age(at, page.now));
        table.row(vec![
            Cell::new(turn.number.to_string()),
            Cell::new(&turn.kind),
            Cell::maybe(age(&turn.started_at)),
            Cell::maybe(age(&turn.ended_at)),
            turn.outcome
                .as_deref()
                .map_or_else(Cell::none, Cell::status),
            Cell::maybe(turn.exit_code.map(|code| code.to_string())),
            Cell::new(amount::count(turn.tokens)),
            super::task::cost(turn.cost_usd),
        ]);
    }
    page.table(&table);
    for turn in turns.iter().filter(|turn| turn.output_cut) {
        page.faint(format!(
            "turn {} printed more than is kept; the rest was dropped",
            turn.number
        ));
    }
}

/// Draws how a session is opened: the line alone, for a shell.
pub(crate) fn attach(attached: &Attached, page: &mut Page) {
    page.line(escape::line(&attached.attach.command));
}

/// Draws what was spawned: the name alone, for scripts; the rest is one command away.
pub(crate) fn spawned(spawned: &Spawned, page: &mut Page) {
    for agent in &spawned.agents {
        page.line(escape::line(&agent.name));
    }
}
