//! `cw initiative …`: initiatives.

mod land;
mod show;
mod start;
mod turn;

use super::ScopeArgs;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::initiative::{self as wire, InitiativeListing};

/// Commands about initiatives.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  cw initiative list\n  cw initiative show accounts\n  cw initiative land accounts"
)]
pub(crate) enum InitiativeCommand {
    /// List initiatives
    #[command(
        alias = "ls",
        after_help = "Examples:\n  cw initiative list\n  cw initiative list --all"
    )]
    List(ScopeArgs),
    /// Show one with its tasks
    Show(show::ShowArgs),
    /// Start one (a started one stays started)
    Start(start::StartArgs),
    /// Hold its dispatch; agents at work go on
    #[command(after_help = "Examples:\n  cw initiative pause accounts")]
    Pause(turn::InitiativeArgs),
    /// Go on with its dispatch
    #[command(after_help = "Examples:\n  cw initiative resume accounts")]
    Resume(turn::InitiativeArgs),
    /// Stop its agents and cancel what is not merged
    #[command(after_help = "Examples:\n  cw initiative cancel accounts")]
    Cancel(turn::InitiativeArgs),
    /// Bring its integration branch to its base
    Land(land::LandArgs),
}

impl InitiativeCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        match self {
            Self::List(args) => list(args, session),
            Self::Show(args) => args.perform(session),
            Self::Start(args) => args.perform(session),
            Self::Pause(args) => args.perform::<wire::InitiativePause>(session),
            Self::Resume(args) => args.perform::<wire::InitiativeResume>(session),
            Self::Cancel(args) => args.perform::<wire::InitiativeCancel>(session),
            Self::Land(args) => args.perform(session),
        }
    }
}

fn list(args: ScopeArgs, session: &Session<'_>) -> Outcome {
    session.print::<InitiativeListing>(&args.scope(session)?, |answer, page| {
        human::initiative::list(&answer.initiatives, page);
    })
}
