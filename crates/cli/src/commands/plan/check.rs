//! `cw plan check`: reads a plan and stores nothing.

use crate::commands::done;
use crate::failure::Outcome;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::plan_call::{PlanCheck, PlanCheckInput};

/// Arguments of `cw plan check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw plan check accounts.md\n  generate-plan | cw plan check -")]
pub(crate) struct CheckArgs {
    /// A plan file, or `-`
    plan: String,
}

impl CheckArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let plan = input::plan(session, &self.plan)?;
        let answer = session.call::<PlanCheck>(&PlanCheckInput {
            dir: session.dir()?,
            plan,
        })?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
        done(session.show(&answer, human::plan::checked))
    }
}
