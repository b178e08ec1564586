//! The doctor's report.

use crate::render::page::Page;
use crate::render::style::{Tone, of_status};
use crate::render::{amount, escape};
use cw_wire::doctor::{CheckStatus, DoctorReport};

/// Draws the report.
pub(crate) fn report(report: &DoctorReport, page: &mut Page) {
    for check in &report.checks {
        let word = format!("{:<8}", check.status.as_str());
        let word = of_status(check.status.as_str())
            .map_or_else(|| word.clone(), |t| page.style.paint(t, &word));
        page.prose(format!(
            "{word} {}: {}",
            escape::line(&check.name),
            escape::line(&check.detail)
        ));
        if let Some(hint) = check
            .hint
            .as_ref()
            .filter(|_| check.status != CheckStatus::Ok)
        {
            page.faint(format!("         {}", escape::line(hint)));
        }
    }
    let count = |status: CheckStatus| {
        let such = report.checks.iter().filter(|check| check.status == status);
        such.count() as u64
    };
    let mut verdict = if report.ok {
        page.style.paint(Tone::Good, "no problems")
    } else {
        let problems = amount::some(count(CheckStatus::Problem), "problem");
        page.style.paint(Tone::Bad, &problems)
    };
    let warnings = count(CheckStatus::Warning);
    if warnings > 0 {
        let warnings = amount::some(warnings, "warning");
        verdict = format!(
            "{verdict}, {}",
            page.style.paint(Tone::Attention, &warnings)
        );
    }
    page.line(verdict);
}
