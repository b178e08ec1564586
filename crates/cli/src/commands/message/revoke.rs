//! `cw message revoke`: takes back a permission that was given for good.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::message::MessageRevoke;

/// Arguments of `cw message revoke`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "`cw message list --allowed` lists what is allowed for good. Taken back, a\n\
tool is asked about again.\n\nExample:\n  cw message revoke 12"
)]
pub(crate) struct RevokeArgs {
    /// The permission
    id: String,
}

impl RevokeArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<MessageRevoke>(&session.target(&self.id)?)?;
        done(session.show(&answer, |answer, page| {
            human::message::list(&answer.messages, page);
        }))
    }
}
