//! Worktrees.

use crate::render::amount;
use crate::render::page::Page;
use crate::render::style::Tone;
use crate::render::table::{Cell, Table};
use cw_wire::WorktreeView;

/// Draws a list with its total.
pub(crate) fn list(worktrees: &[WorktreeView], page: &mut Page) {
    if worktrees.is_empty() {
        return page.faint("no worktrees");
    }
    table(worktrees, "", page);
}

/// Draws what was pruned, or would be.
pub(crate) fn pruned(worktrees: &[WorktreeView], dry_run: bool, page: &mut Page) {
    match (worktrees.is_empty(), dry_run) {
        (true, true) => page.faint("would remove nothing"),
        (true, false) => page.faint("nothing to remove"),
        (false, true) => table(worktrees, "would remove ", page),
        (false, false) => table(worktrees, "removed ", page),
    }
}

fn table(worktrees: &[WorktreeView], verdict: &str, page: &mut Page) {
    let mut table = Table::new(&[">SIZE", "STATE", "AGENT", "TASK", "BRANCH", "PATH"]);
    for one in worktrees {
        let dirty = if one.dirty { " *" } else { "" };
        let kept = one.kept.as_deref().filter(|_| one.branch.is_none());
        table.row(vec![
            Cell::new(amount::bytes(one.bytes)),
            Cell::status(one.state.as_str()),
            Cell::maybe(one.agent.as_deref()),
            Cell::maybe(one.task.as_deref()),
            Cell::maybe(one.branch.as_deref().or(kept)),
            Cell::new(format!("{}{dirty}", one.path)),
        ]);
    }
    let total = worktrees.iter().map(|one| one.bytes).sum();
    page.table(&table);
    let count = amount::some(worktrees.len() as u64, "worktree");
    let dirty = if worktrees.iter().any(|one| one.dirty) {
        "; * holds uncommitted work"
    } else {
        ""
    };
    let total = format!("{verdict}{count}, {}{dirty}", amount::bytes(total));
    let total = page.style.paint(Tone::Faint, &total);
    page.line(total);
}
