//! `cw task …`: tasks.

mod add;
mod decide;
mod diff;
mod edit;
mod graph;
pub(crate) mod list;
mod show;
pub(crate) mod spec;

use super::log::TaskLogArgs;
use crate::failure::Outcome;
use crate::session::Session;
use cw_wire::task as wire;

/// Commands about tasks.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "A task goes by its id, a unique prefix of it, or INITIATIVE/TASK.")]
pub(crate) enum TaskCommand {
    /// List tasks
    #[command(alias = "ls")]
    List(list::ListArgs),
    /// Show one with its prompt and messages
    Show(show::ShowArgs),
    /// Add one to a plan
    Add(add::AddArgs),
    /// Change one that is not started
    Edit(edit::EditArgs),
    /// Draw who waits for whom
    Graph(graph::GraphArgs),
    /// Show what merging one would bring
    Diff(diff::DiffArgs),
    /// Print what its agent wrote
    Log(TaskLogArgs),
    /// Let a failed or cancelled one start again
    Retry(decide::RetryArgs),
    /// Give one up; those that wait for it stay blocked
    #[command(after_help = "Examples:\n  cw task cancel login")]
    Cancel(decide::TaskArgs),
    /// Count one as merged for those that wait for it
    #[command(after_help = "Examples:\n  cw task skip login")]
    Skip(decide::TaskArgs),
    /// Approve one that is in review
    #[command(after_help = "Examples:\n  cw task diff login\n  cw task approve login")]
    Approve(decide::TaskArgs),
    /// Send one that is in review back, with a reason
    Reject(decide::RejectArgs),
}

impl TaskCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        match self {
            Self::List(args) => args.perform(session),
            Self::Show(args) => args.perform(session),
            Self::Add(args) => args.perform(session),
            Self::Edit(args) => args.perform(session),
            Self::Graph(args) => args.perform(session),
            Self::Diff(args) => args.perform(session),
            Self::Log(args) => args.perform(session),
            Self::Retry(args) => args.perform(session),
            Self::Cancel(args) => args.perform::<wire::TaskCancel>(session),
            Self::Skip(args) => args.perform::<wire::TaskSkip>(session),
            Self::Approve(args) => args.perform::<wire::TaskApprove>(session),
            Self::Reject(args) => args.perform(session),
        }
    }
}
