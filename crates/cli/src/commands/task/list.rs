//! `cw task list`: the tasks of a project.

use crate::commands::ScopeArgs;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use cw_wire::TaskStatus;
use cw_wire::task::{TaskListInput, TaskListing};

/// Arguments of `cw task list` and `cw task graph`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw task list\n  cw task list --initiative accounts --status running,waiting\n  cw task list --all --json"
)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only this initiative
    #[arg(long, short = 'i')]
    initiative: Option<String>,
    /// Only these statuses
    #[arg(long, short = 's', value_delimiter = ',', value_parser = statuses())]
    status: Vec<TaskStatus>,
}

/// Reads a status; help and completion name them all.
fn statuses() -> impl TypedValueParser<Value = TaskStatus> {
    let words = TaskStatus::ALL.iter().map(|status| status.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<TaskStatus>())
}

impl ListArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let input = TaskListInput {
            dir: session.dir()?,
            all: self.scope.all,
            initiative: self.initiative,
            status: self.status,
        };
        session.print::<TaskListing>(&input, |answer, page| {
            human::task::list(&answer.tasks, page);
        })
    }
}
