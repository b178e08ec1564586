//! `cw worktree list|prune|restore`: worktrees and the disk they use.

use super::{ScopeArgs, done};
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::worktree::{PruneInput, WorktreeListing, WorktreePrune, WorktreeRestore};

/// Commands about worktrees.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum WorktreeCommand {
    /// List worktrees and the disk they use
    #[command(alias = "ls")]
    List(ScopeArgs),
    /// Remove those that nobody needs; their work is kept
    Prune(PruneArgs),
    /// Bring kept work back
    Restore(RestoreArgs),
}

/// Arguments of `cw worktree prune`.
#[derive(Debug, clap::Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Tell what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `cw worktree restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The agent whose work it is, or a ref under refs/cw/kept/
    kept: String,
}

impl WorktreeCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = match self {
            Self::List(args) => session.call::<WorktreeListing>(&args.scope(session)?)?,
            Self::Prune(args) => session.call::<WorktreePrune>(&PruneInput {
                dir: session.dir()?,
                all: args.scope.all,
                dry_run: args.dry_run,
            })?,
            Self::Restore(args) => session.call::<WorktreeRestore>(&session.target(&args.kept)?)?,
        };
        done(session.show(&answer, |answer, page| {
            human::worktree::list(&answer.worktrees, page);
        }))
    }
}
