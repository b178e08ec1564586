//! `cw agent diff`: what an agent has changed so far.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::AgentDiff;

/// Arguments of `cw agent diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The agent
    agent: String,
}

impl DiffArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<AgentDiff>(&session.target(&self.agent)?)?;
        done(human::diff::show(session, &answer))
    }
}
