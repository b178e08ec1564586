//! `cw initiative show`: one initiative with its tasks.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::initiative::InitiativeShow;

/// Arguments of `cw initiative show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw initiative show accounts")]
pub(crate) struct ShowArgs {
    /// The initiative
    initiative: String,
}

impl ShowArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<InitiativeShow>(&session.target(&self.initiative)?)?;
        done(session.show(&answer, |answer, page| {
            human::initiative::detail(&answer.initiative, page);
        }))
    }
}
