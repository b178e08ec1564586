//! `cw message …`: messages.

mod answer;
mod list;
mod revoke;
mod send;
mod show;

use crate::failure::Outcome;
use crate::session::Session;

/// Commands about messages.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum MessageCommand {
    /// List messages
    #[command(alias = "ls")]
    List(list::ListArgs),
    /// Show one
    Show(show::ShowArgs),
    /// Answer a question or a permission request
    Answer(answer::AnswerArgs),
    /// Take back a permission that was given for good
    Revoke(revoke::RevokeArgs),
    /// Send a note to an agent
    Send(send::SendArgs),
}

impl MessageCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        match self {
            Self::List(args) => args.perform(session),
            Self::Show(args) => args.perform(session),
            Self::Answer(args) => args.perform(session),
            Self::Revoke(args) => args.perform(session),
            Self::Send(args) => args.perform(session),
        }
    }
}
