//! `cw why`: where a commit or a line came from.

use super::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::why::{Why, WhyInput};

/// Arguments of `cw why`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw why HEAD\n  cw why src/db/users.rs:42")]
pub(crate) struct WhyArgs {
    /// A commit, or a path and a line
    #[arg(value_name = "COMMIT|PATH:LINE")]
    what: String,
}

impl WhyArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<Why>(&WhyInput {
            dir: session.dir()?,
            what: self.what,
        })?;
        done(session.show(&answer, |answer, page| {
            human::why::detail(&answer.why, page);
        }))
    }
}
