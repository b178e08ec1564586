//! `cw task diff`: what merging a task would bring.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::task::TaskDiff;

/// Arguments of `cw task diff`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "On a terminal it is shown through $GIT_PAGER or $PAGER (`cat`: none).\n\n\
Examples:\n  cw task diff users-table\n  cw task diff users-table | git apply --stat"
)]
pub(crate) struct DiffArgs {
    /// The task
    task: String,
}

impl DiffArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<TaskDiff>(&session.target(&self.task)?)?;
        done(human::diff::show(session, &answer))
    }
}
