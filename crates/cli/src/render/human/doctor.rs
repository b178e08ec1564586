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
        page.line(format!(
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
    let bad = report
        .checks
        .iter()
        .filter(|check| check.status == CheckStatus::Problem)
        .count();
    let verdict = if report.ok {
        page.style.paint(Tone::Good, "no problems")
    } else {
        page.style
            .paint(Tone::Bad, &amount::some(bad as u64, "problem"))
    };
    page.line(verdict);
}
