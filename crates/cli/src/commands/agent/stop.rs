//! `cw agent stop|resume|remove`: orders about agents.

use crate::commands::hold::tell_held;
use crate::commands::{done, each};
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::{AgentRemove, AgentResume, AgentResumeInput, AgentStop, StopAll};
use cw_wire::{AgentList, Scope};

/// Arguments of `cw agent stop`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The task stays parked until `cw agent resume`. --all also holds dispatch:\n\
nothing starts in the project until `cw resume` or a command that starts\n\
something.\n\n\
Examples:\n  cw agent stop gastown\n  cw agent stop --all"
)]
pub(crate) struct StopArgs {
    /// The agents
    #[arg(required_unless_present = "all")]
    agent: Vec<String>,
    /// Every agent of the project
    #[arg(long, conflicts_with = "agent")]
    all: bool,
}

impl StopArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        if self.all {
            let scope = Scope {
                dir: session.dir()?,
                all: false,
            };
            let shown = show(session, &session.call::<StopAll>(&scope)?)?;
            tell_held(session);
            return Ok(shown);
        }
        let input = |id: &str| session.target(id);
        let agents = each::<AgentStop, _>(session, &self.agent, input, |list| list.agents)?;
        show(session, &AgentList { agents })
    }
}

/// Arguments of `cw agent resume`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw agent resume gastown\n  cw agent resume gastown soho")]
pub(crate) struct ResumeArgs {
    /// The agents
    #[arg(required = true)]
    agent: Vec<String>,
}

impl ResumeArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let env = session.wanted_env()?;
        let input = |id: &str| {
            Ok(AgentResumeInput {
                dir: session.dir()?,
                id: id.to_owned(),
                env: env.clone(),
            })
        };
        let agents = each::<AgentResume, _>(session, &self.agent, input, |list| list.agents)?;
        show(session, &AgentList { agents })
    }
}

/// Arguments of `cw agent remove`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What the worktree holds is kept under refs/cw/kept/; `cw worktree restore`\n\
brings it back.\n\nExamples:\n  cw agent remove gastown"
)]
pub(crate) struct RemoveArgs {
    /// The agents
    #[arg(required = true)]
    agent: Vec<String>,
}

impl RemoveArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let input = |id: &str| session.target(id);
        let agents = each::<AgentRemove, _>(session, &self.agent, input, |list| list.agents)?;
        show(session, &AgentList { agents })
    }
}

fn show(session: &Session<'_>, list: &AgentList) -> Outcome {
    done(session.show(list, |list, page| human::agent::list(&list.agents, page)))
}
