//! `cw pause`, `cw resume`, `cw stop --all`: holding everything.

use super::done;
use crate::failure::{Outcome, usage};
use crate::render::human;
use crate::session::Session;
use cw_wire::Scope;
use cw_wire::agent::StopAll;
use cw_wire::project::{ProjectPause, ProjectResume};

/// Arguments of `cw pause` and `cw resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Agents at work go on; no new ones are started while dispatch is held.")]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    scope: super::ScopeArgs,
}

/// Arguments of `cw stop`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Returns when the process trees of all agents, of every project, are gone. Their tasks stay\n\
parked until `cw agent resume`. `cw server stop` ends the server and lets agents go on."
)]
pub(crate) struct StopArgs {
    /// Every agent
    #[arg(long)]
    all: bool,
}

impl HoldArgs {
    pub(crate) fn pause(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<ProjectPause>(&self.scope.scope(session)?)?;
        done(session.show(&answer, human::project::list))
    }

    pub(crate) fn resume(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<ProjectResume>(&self.scope.scope(session)?)?;
        done(session.show(&answer, human::project::list))
    }
}

impl StopArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        if !self.all {
            return Err(usage("what to stop was not said")
                .hint("`cw stop --all` stops every agent, `cw agent stop NAME` one, `cw server stop` the server")
                .into());
        }
        let answer = session.call::<StopAll>(&Scope {
            dir: session.dir()?,
            all: true,
        })?;
        done(session.show(&answer, |answer, page| {
            human::agent::list(&answer.agents, page);
        }))
    }
}
