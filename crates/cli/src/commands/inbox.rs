//! `cw inbox`: what waits for the user.

use super::{ScopeArgs, done};
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::message::Inbox;

/// Arguments of `cw inbox`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Questions come first. Answer with `cw message answer ID TEXT`.\n\n\
Examples:\n  cw inbox\n  cw inbox --all"
)]
pub(crate) struct InboxArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl InboxArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<Inbox>(&self.scope.scope(session)?)?;
        done(session.show(&answer, |answer, page| {
            human::message::inbox(answer, page);
        }))
    }
}
