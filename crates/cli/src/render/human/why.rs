//! Where a commit or line came from.

use super::{message, task};
use crate::render::amount;
use crate::render::page::Page;
use cw_wire::why::WhyView;

/// Draws it.
pub(crate) fn detail(why: &WhyView, page: &mut Page) {
    page.heading(&amount::commit(&why.commit), &why.subject);
    if let (Some(path), Some(line)) = (&why.path, why.line) {
        page.field("line", &format!("{path}:{line}"));
    }
    page.maybe("text", why.text.as_deref());
    page.maybe(
        "at",
        why.at
            .as_deref()
            .map(|at| amount::age(at, page.now))
            .as_deref(),
    );
    let Some(id) = &why.task else {
        return page.faint("  no task of cw made it");
    };
    page.maybe("initiative", why.initiative.as_deref());
    page.maybe("phase", why.phase.as_deref());
    page.maybe("plan", why.plan.as_deref());
    page.field(
        "task",
        &format!("{id}  {}", why.title.as_deref().unwrap_or_default()),
    );
    page.maybe("agent", why.agent.as_deref());
    let turn = why
        .turn
        .map(|n| format!("{n} ({})", why.turn_kind.as_deref().unwrap_or("start")));
    page.maybe("turn", turn.as_deref());
    page.maybe(
        "merged as",
        why.merged_as.as_deref().map(amount::commit).as_deref(),
    );
    task::section("prompt", why.prompt.as_deref().unwrap_or_default(), page);
    if !why.messages.is_empty() {
        page.blank();
        message::list(&why.messages, page);
    }
}
