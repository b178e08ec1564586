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
        ("~", Tone::Attention, &applied.changed, ""),
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
    let many = |n: usize, word: &str| format!("{n} {word}");
    let verdict = if applied.dry_run { "would be " } else { "" };
    page.line(format!(
        "{verdict}{}, {}, {}",
        many(applied.created.len(), "new"),
        many(applied.updated.len() + applied.changed.len(), "changed"),
        many(applied.unchanged.len(), "unchanged"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::Style;
    use std::time::SystemTime;

    #[test]
    fn changes_beside_the_tasks_are_drawn_and_counted() {
        let answer = PlanApplied {
            updated: vec!["login".into()],
            changed: vec!["initiative accounts".into(), "phase p1".into()],
            dry_run: true,
            ..PlanApplied::default()
        };
        let mut page = Page::new(Style { colour: false }, None, SystemTime::UNIX_EPOCH);
        applied(&answer, &mut page);
        let told = page.finish();
        assert!(told.contains("  ~ initiative accounts\n  ~ phase p1\n  ~ login\n"));
        assert!(
            told.contains("would be 0 new, 3 changed, 0 unchanged"),
            "{told}"
        );
    }
}
