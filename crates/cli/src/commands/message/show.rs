//! `cw message show`: one message.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::message::MessageShow;

/// Arguments of `cw message show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The message
    id: String,
}

impl ShowArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<MessageShow>(&session.target(&self.id)?)?;
        done(session.show(&answer, |answer, page| {
            human::message::detail(&answer.message, page);
        }))
    }
}
