//! `cw message send`: sends a note to an agent.

use crate::commands::done;
use crate::failure::Outcome;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::message::{MessageSend, MessageSendInput};

/// Arguments of `cw message send`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The agent reads it in its next turn; `cw agent say` makes one of it at once.\n\n\
Examples:\n  cw message send gastown \"The schema is in db/\"\n  cw message send gastown - < notes.md"
)]
pub(crate) struct SendArgs {
    /// The agent
    to: String,
    /// The text (`-` or none: standard input)
    text: Option<String>,
}

impl SendArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let text = input::text_or_stdin(self.text.as_deref(), "message")?;
        let input = MessageSendInput {
            dir: session.dir()?,
            to: self.to,
            text,
        };
        let answer = session.call::<MessageSend>(&input)?;
        done(session.show(&answer, |answer, page| {
            human::message::list(&answer.messages, page);
        }))
    }
}
