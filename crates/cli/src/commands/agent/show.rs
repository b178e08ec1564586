//! `cw agent show`: one agent with its turns.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::AgentShow;

/// Arguments of `cw agent show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The agent
    agent: String,
}

impl ShowArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<AgentShow>(&session.target(&self.agent)?)?;
        done(session.show(&answer, |answer, page| {
            human::agent::detail(&answer.agent, page);
        }))
    }
}
