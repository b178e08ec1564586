//! `cw doctor`: checks of the installation and of every invariant.

use crate::failure::{Exit, Outcome};
use crate::render::human;
use crate::session::Session;
use cw_wire::doctor::{Doctor, DoctorInput};

/// Arguments of `cw doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exits with 1 when a problem is left.\n\nExamples:\n  cw doctor\n  cw doctor --fix"
)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended
    #[arg(long)]
    fix: bool,
}

impl DoctorArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let input = DoctorInput {
            dir: session.dir()?,
            fix: self.fix,
        };
        let answer = session.call::<Doctor>(&input)?;
        session.show(&answer, human::doctor::report)?;
        Ok(if answer.ok { Exit::DONE } else { Exit::FAILED })
    }
}
