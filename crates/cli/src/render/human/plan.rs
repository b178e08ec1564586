//! Plans.

use crate::render::page::Page;
use crate::render::style::Tone;
use crate::render::{amount, escape};
use cw_wire::plan_call::{PlanApplied, PlanChecked};

/// Draws what a readable plan contains.
pub(crate) fn checked(plan: &PlanChecked, page: &mut Page) {
    page.heading(&plan.initiative, &plan.title);
    page.line(format!(
        "{}, {}, {}: the plan is sound",
        amount::some(u64::from(plan.phases), "phase"),
        amount::some(u64::from(plan.plans), "plan"),
        amount::some(plan.tasks.len() as u64, "task"),
    ));
}

/// Draws what reading a plan changed.
pub(crate) fn applied(applied: &PlanApplied, page: &mut Page) {
    for one in &applied.initiatives {
        page.heading(&one.id, &one.title);
    }
    let signs = [
        ("+", Tone::Good, &applied.created, ""),
        ("~", Tone::Attention, &applied.updated, ""),
        (
            "-",
            Tone::Faint,
            &applied.gone,
            "  no longer in the file; it stays",
        ),
    ];
    for (sign, tone, ids, remark) in signs {
        for id in ids {
            let sign = page.style.paint(tone, sign);
            page.line(format!("  {sign} {}{remark}", escape::line(id)));
        }
    }
    let many = |ids: &Vec<String>, word: &str| format!("{} {word}", ids.len());
    let verdict = if applied.dry_run { "would be " } else { "" };
    page.line(format!(
        "{verdict}{}, {}, {}",
        many(&applied.created, "new"),
        many(&applied.updated, "changed"),
        many(&applied.unchanged, "unchanged"),
    ));
    let draft = applied
        .initiatives
        .iter()
        .find(|one| one.status.as_str() == "draft");
    if let (Some(one), false) = (draft, applied.dry_run) {
        page.faint(format!(
            "next: cw initiative start {}",
            escape::line(&one.id)
        ));
    }
}
