//! `cw pause`, `cw resume`, `cw stop --all`: holding everything.

use super::done;
use crate::failure::{Exit, Outcome, usage};
use crate::render::human;
use crate::session::Session;
use cw_wire::Scope;
use cw_wire::agent::StopAll;
use cw_wire::project::{ProjectPause, ProjectResume, ResumeInput};

/// Arguments of `cw pause` and `cw resume`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Agents at work go on; no new ones are started while dispatch is held.\n\
`cw resume` also lets agents try again that were not let in, and hands over\n\
what this shell has set of `pass_env`.\n\n\
Examples:\n  cw pause\n  cw resume\n  cw resume --all"
)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    scope: super::ScopeArgs,
}

/// Arguments of `cw stop`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Returns when the process trees of all agents, of every project, are gone. Their\n\
tasks stay parked until `cw agent resume`. Nothing starts after it until\n\
`cw resume`, or a command that starts something: cw run, cw spawn, cw initiative\n\
start or resume, cw agent resume or say, cw task retry.\n\n\
`cw server stop` ends the server and lets agents go on; `cw agent stop` stops\n\
those of one project.\n\n\
Examples:\n  cw stop --all"
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
        let Scope { dir, all } = self.scope.scope(session)?;
        let env = session.wanted_env()?;
        let answer = session.call::<ProjectResume>(&ResumeInput { dir, all, env })?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
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
        session.show(&answer, |answer, page| {
            human::agent::list(&answer.agents, page);
        })?;
        tell_held(session);
        Ok(Exit::DONE)
    }
}

/// Tells that stopping everything holds dispatch too, and what lets it go on.
pub(crate) fn tell_held(session: &Session<'_>) {
    if !session.out.json {
        session.out.note(
            "dispatch is held: cw resume, or any command that starts something, lets it go on",
        );
    }
}
