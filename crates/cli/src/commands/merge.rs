//! `cw merge list|show` and `cw integrate`: the merge lane.

use super::{ScopeArgs, done};
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::merge::{Integrate, MergeListing, MergeShow};

/// Commands about the merge lane.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:\n  cw merge list\n  cw merge show login")]
pub(crate) enum MergeCommand {
    /// List merges
    #[command(
        alias = "ls",
        after_help = "Examples:\n  cw merge list\n  cw merge list --all"
    )]
    List(ScopeArgs),
    /// Show the last merge of a task
    Show(ShowArgs),
}

/// Arguments of `cw merge show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw merge show login")]
pub(crate) struct ShowArgs {
    /// The task
    task: String,
}

/// Arguments of `cw integrate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Offers the agent's work to the merge lane as it is now; gates run as always.\n\n\
Examples:\n  cw integrate gastown"
)]
pub(crate) struct IntegrateArgs {
    /// The agent
    agent: String,
}

impl MergeCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        match self {
            Self::List(args) => {
                session.print::<MergeListing>(&args.scope(session)?, |answer, page| {
                    human::merge::list(&answer.merges, page);
                })
            }
            Self::Show(args) => {
                let answer = session.call::<MergeShow>(&session.target(&args.task)?)?;
                done(session.show(&answer, |a, page| human::merge::detail(&a.merge, page)))
            }
        }
    }
}

impl IntegrateArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<Integrate>(&session.target(&self.agent)?)?;
        done(session.show(&answer, |answer, page| {
            human::merge::list(&answer.merges, page);
        }))
    }
}
