//! `cw initiative land`: brings the integration branch to its base.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::initiative::{InitiativeLand, LandInput};

/// Arguments of `cw initiative land`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "By fast-forward; refused when the base has moved on (then --merge) or when its\n\
checkout holds uncommitted work.\n\nExamples:\n  cw initiative land accounts\n  cw initiative land accounts --merge"
)]
pub(crate) struct LandArgs {
    /// The initiative
    initiative: String,
    /// By a merge commit
    #[arg(long)]
    merge: bool,
}

impl LandArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let merge = self.merge;
        let input = LandInput {
            dir: session.dir()?,
            id: self.initiative,
            merge,
        };
        let answer = session.call::<InitiativeLand>(&input)?;
        done(session.show(&answer, |a, page| {
            human::initiative::landed(&a.initiatives, merge, page);
        }))
    }
}
