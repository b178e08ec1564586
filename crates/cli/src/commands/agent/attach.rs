//! `cw agent attach`: the command that opens an agent's session in its program's own interface.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::AgentAttach;

/// Arguments of `cw agent attach`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The agent must not be at work: `cw agent stop` stops it. What is said there is\n\
part of its session; `cw agent resume` then goes on from it.\n\n\
Examples:\n  cw agent attach gastown\n  eval \"$(cw agent attach gastown)\""
)]
pub(crate) struct AttachArgs {
    /// The agent
    agent: String,
}

impl AttachArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<AgentAttach>(&session.target(&self.agent)?)?;
        done(session.show(&answer, |answer, page| {
            human::agent::attach(answer, page);
        }))
    }
}
