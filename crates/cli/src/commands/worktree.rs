//! `cw worktree list|prune|restore`: worktrees and the disk they use.

use super::{ScopeArgs, done};
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::worktree::{PruneInput, WorktreeListing, WorktreePrune, WorktreeRestore};

/// Commands about worktrees.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  cw worktree list\n  cw worktree prune --dry-run\n  cw worktree restore gastown"
)]
pub(crate) enum WorktreeCommand {
    /// List worktrees and the disk they use
    #[command(
        alias = "ls",
        after_help = "Examples:\n  cw worktree list\n  cw worktree list --all"
    )]
    List(ScopeArgs),
    /// Remove those that nobody needs; their work is kept
    Prune(PruneArgs),
    /// Bring kept work back
    Restore(RestoreArgs),
}

/// Arguments of `cw worktree prune`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What uncommitted work they hold is kept under refs/cw/kept/.\n\n\
Examples:\n  cw worktree prune --dry-run\n  cw worktree prune --all"
)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Tell what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `cw worktree restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw worktree restore gastown")]
pub(crate) struct RestoreArgs {
    /// The agent whose work it is, or a ref under refs/cw/kept/
    kept: String,
}

impl PruneArgs {
    fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = session.call::<WorktreePrune>(&PruneInput {
            dir: session.dir()?,
            all: self.scope.all,
            dry_run: self.dry_run,
        })?;
        done(session.show(&answer, |answer, page| {
            human::worktree::pruned(&answer.worktrees, self.dry_run, page);
        }))
    }
}

impl WorktreeCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let answer = match self {
            Self::List(args) => session.call::<WorktreeListing>(&args.scope(session)?)?,
            Self::Prune(args) => return args.perform(session),
            Self::Restore(args) => session.call::<WorktreeRestore>(&session.target(&args.kept)?)?,
        };
        done(session.show(&answer, |answer, page| {
            human::worktree::list(&answer.worktrees, page);
        }))
    }
}
