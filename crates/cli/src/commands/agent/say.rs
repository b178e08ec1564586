//! `cw agent say`: sends a message, which becomes a turn.

use crate::commands::done;
use crate::failure::Outcome;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::{AgentSay, SayInput};

/// Arguments of `cw agent say`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw agent say gastown \"Leave the old API in place\"\n  cw agent say gastown - < notes.md"
)]
pub(crate) struct SayArgs {
    /// The agent
    agent: String,
    /// The message (`-` or none: standard input)
    text: Option<String>,
}

impl SayArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let text = input::text_or_stdin(self.text.as_deref(), "message")?;
        let input = SayInput {
            dir: session.dir()?,
            id: self.agent,
            text,
        };
        let answer = session.call::<AgentSay>(&input)?;
        done(session.show(&answer, |answer, page| {
            human::message::list(&answer.messages, page);
        }))
    }
}
