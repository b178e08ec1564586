//! `cw files status`: how the file folder stands.

use super::{ScopeArgs, done};
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::files::FilesStatus;

/// Commands about the file folder.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum FilesCommand {
    /// Show how the file folder stands
    Status(ScopeArgs),
}

impl FilesCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let Self::Status(args) = self;
        let answer = session.call::<FilesStatus>(&args.scope(session)?)?;
        done(session.show(&answer, human::files::list))
    }
}
