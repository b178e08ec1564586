//! `cw plan apply`: stores a plan as a draft, or updates what is not started.

use crate::commands::done;
use crate::failure::Outcome;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::plan_call::{PlanApply, PlanApplyInput};

/// Arguments of `cw plan apply`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw plan apply accounts.md\n  cw plan apply accounts.md --dry-run\n\nThen: cw initiative start accounts"
)]
pub(crate) struct ApplyArgs {
    /// A plan file, or `-`
    plan: String,
    /// Tell what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The agent for every task that names none
    #[arg(long, value_name = "KIND")]
    agent: Option<String>,
}

impl ApplyArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let plan = input::plan(session, &self.plan)?;
        let answer = session.call::<PlanApply>(&PlanApplyInput {
            dir: session.dir()?,
            plan,
            dry_run: self.dry_run,
            agent: self.agent,
        })?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
        done(session.show(&answer, human::plan::applied))
    }
}
