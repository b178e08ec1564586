//! Merges.

use crate::render::amount;
use crate::render::page::Page;
use crate::render::table::{Cell, Table};
use cw_wire::MergeView;

/// Draws a list.
pub(crate) fn list(merges: &[MergeView], page: &mut Page) {
    if merges.is_empty() {
        return page.faint("no merges");
    }
    let mut table = Table::new(&[
        "TASK", "AGENT", "STATUS", "GATE", "HEAD", "RESULT", "AT", "NOTE",
    ]);
    for merge in merges {
        let commit = |id: &Option<String>| id.as_deref().map(amount::commit);
        table.row(vec![
            Cell::new(&merge.task),
            Cell::maybe(merge.agent.as_deref()),
            Cell::status(merge.status.as_str()),
            merge.gate.as_deref().map_or_else(Cell::none, Cell::status),
            Cell::maybe(commit(&merge.head)),
            Cell::maybe(commit(&merge.result)),
            Cell::new(amount::age(&merge.at, page.now)),
            Cell::new(note(merge)),
        ]);
    }
    page.table(&table);
}

fn note(merge: &MergeView) -> String {
    if !merge.conflicts.is_empty() {
        return format!("conflict in {}", merge.conflicts.join(", "));
    }
    let gate = merge
        .gate_command
        .as_ref()
        .filter(|_| merge.gate.as_deref() == Some("failed"));
    merge.note.as_ref().or(gate).cloned().unwrap_or_default()
}

/// Draws one whole.
pub(crate) fn detail(merge: &MergeView, page: &mut Page) {
    page.heading(&merge.task, merge.agent.as_deref().unwrap_or_default());
    page.field("status", merge.status.as_str());
    page.field("at", &amount::age(&merge.at, page.now));
    page.maybe("base", merge.base.as_deref());
    page.maybe("head", merge.head.as_deref());
    page.maybe("result", merge.result.as_deref());
    page.maybe("gate", merge.gate.as_deref());
    page.maybe("command", merge.gate_command.as_deref());
    page.maybe("note", merge.note.as_deref());
    if !merge.conflicts.is_empty() {
        page.field("conflicts", &merge.conflicts.join(", "));
    }
    super::task::section(
        "output",
        merge.gate_output.as_deref().unwrap_or_default(),
        page,
    );
}
