//! `cw message list`: messages, oldest first.

use crate::commands::ScopeArgs;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::message::{MessageListInput, MessageListing};

/// Arguments of `cw message list`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw message list --open\n  cw message list --agent gastown\n  \
cw message list --task login --json"
)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only those from or to this agent
    #[arg(long)]
    agent: Option<String>,
    /// Only those of this task
    #[arg(long)]
    task: Option<String>,
    /// Only open ones
    #[arg(long)]
    open: bool,
    /// Only permissions that were given for good and hold
    #[arg(long)]
    allowed: bool,
}

impl ListArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let input = MessageListInput {
            dir: session.dir()?,
            all: self.scope.all,
            agent: self.agent,
            task: self.task,
            open: self.open,
            allowed: self.allowed,
        };
        session.print::<MessageListing>(&input, |answer, page| {
            human::message::list(&answer.messages, page);
        })
    }
}
