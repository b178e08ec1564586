//! `cw plan export`: prints an initiative as `plan apply` would read it back.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::{escape, json};
use crate::session::Session;
use cw_wire::plan_call::PlanExport;

/// Arguments of `cw plan export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw plan export accounts > accounts.md\n  cw plan export accounts --json > accounts.json"
)]
pub(crate) struct ExportArgs {
    /// The initiative
    initiative: String,
}

impl ExportArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<PlanExport>(&session.target(&self.initiative)?)?;
        if session.out.json {
            return done(session.out.write(&json::line(&answer.plan)?));
        }
        let text = if session.out.terminal {
            escape::block(&answer.text)
        } else {
            answer.text
        };
        done(session.out.write(&text))
    }
}
