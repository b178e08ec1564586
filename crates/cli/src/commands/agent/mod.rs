//! `cw agent …`: agents.

mod attach;
mod diff;
pub(crate) mod list;
mod say;
mod show;
mod stop;

use super::log::AgentLogArgs;
use crate::failure::Outcome;
use crate::session::Session;

/// Commands about agents.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "An agent goes by its name.")]
pub(crate) enum AgentCommand {
    /// List agents
    #[command(alias = "ls")]
    List(list::ListArgs),
    /// Show one with its turns
    Show(show::ShowArgs),
    /// Stop agents; returns when their whole process trees are gone
    Stop(stop::StopArgs),
    /// Let stopped or parked agents go on
    Resume(stop::ResumeArgs),
    /// Send a message, which becomes a turn
    Say(say::SayArgs),
    /// Print what one wrote
    Log(AgentLogArgs),
    /// Print the command that opens one's session in its program's own interface
    Attach(attach::AttachArgs),
    /// Show what one has changed
    Diff(diff::DiffArgs),
    /// Take worktrees away; the work is kept
    #[command(alias = "rm")]
    Remove(stop::RemoveArgs),
}

impl AgentCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        match self {
            Self::List(args) => args.perform(session),
            Self::Show(args) => args.perform(session),
            Self::Stop(args) => args.perform(session),
            Self::Resume(args) => args.perform(session),
            Self::Say(args) => args.perform(session),
            Self::Log(args) => args.perform(session),
            Self::Attach(args) => args.perform(session),
            Self::Diff(args) => args.perform(session),
            Self::Remove(args) => args.perform(session),
        }
    }
}
