//! `cw task graph`: draws who waits for whom.

use crate::commands::{ScopeArgs, done};
use crate::failure::Outcome;
use crate::render::graph;
use crate::session::Session;
use cw_wire::task::{TaskGraph, TaskListInput};

/// Arguments of `cw task graph`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each task stands below those it waits for; a line leads from one to the other.\n\n\
Examples:\n  cw task graph\n  cw task graph accounts"
)]
pub(crate) struct GraphArgs {
    /// Only this initiative
    initiative: Option<String>,
    #[command(flatten)]
    scope: ScopeArgs,
}

impl GraphArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<TaskGraph>(&TaskListInput {
            dir: session.dir()?,
            all: self.scope.all,
            initiative: self.initiative,
            status: Vec::new(),
        })?;
        done(session.show(&answer, graph::draw))
    }
}
