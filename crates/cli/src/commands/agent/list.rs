//! `cw agent list`: the agents of a project.

use crate::commands::ScopeArgs;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::AgentListing;

/// Arguments of `cw agent list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl ListArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session.print::<AgentListing>(&self.scope.scope(session)?, |answer, page| {
            human::agent::list(&answer.agents, page);
        })
    }
}
