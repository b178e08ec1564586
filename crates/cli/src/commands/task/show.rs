//! `cw task show`: one task with its prompt and messages.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::task::TaskShow;

/// Arguments of `cw task show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw task show login\n  cw task show accounts/login --json")]
pub(crate) struct ShowArgs {
    /// The task
    task: String,
}

impl ShowArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<TaskShow>(&session.target(&self.task)?)?;
        done(session.show(&answer, |answer, page| {
            human::task::detail(&answer.task, page);
        }))
    }
}
