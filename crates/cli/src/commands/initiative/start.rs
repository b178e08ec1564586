//! `cw initiative start`: starts an initiative.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::initiative::{InitiativeStart, StartInput};

/// Arguments of `cw initiative start`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Cuts the integration branch from the base. Follow with `cw events --follow`.\n\n\
Examples:\n  cw plan apply accounts.md && cw initiative start accounts"
)]
pub(crate) struct StartArgs {
    /// The initiative
    initiative: String,
}

impl StartArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let env = session.wanted_env()?;
        let input = StartInput {
            dir: session.dir()?,
            id: self.initiative,
            env,
        };
        let answer = session.call::<InitiativeStart>(&input)?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
        done(session.show(&answer, |a, page| {
            human::initiative::list(&a.initiatives, page);
        }))
    }
}
