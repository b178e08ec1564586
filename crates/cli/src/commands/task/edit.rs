//! `cw task edit`: changes a task that is not started.

use super::spec::SpecArgs;
use crate::commands::done;
use crate::failure::{Outcome, usage};
use crate::render::human;
use crate::session::Session;
use cw_wire::task::{TaskEdit, TaskEditInput, TaskSpec};

/// Arguments of `cw task edit`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw task edit login --priority high\n  cw task edit login --prompt - < prompt.md\n  cw task edit login --after none"
)]
pub(crate) struct EditArgs {
    /// The task
    task: String,
    /// Its title
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    spec: SpecArgs,
}

impl EditArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let spec = self.spec.spec(self.title)?;
        if spec == TaskSpec::default() {
            return Err(usage("nothing to change was given")
                .hint("`cw task edit --help` lists what can be changed")
                .into());
        }
        let input = TaskEditInput {
            dir: session.dir()?,
            id: self.task,
            spec,
        };
        let answer = session.call::<TaskEdit>(&input)?;
        done(session.show(&answer, |answer, page| {
            human::task::list(&answer.tasks, page);
        }))
    }
}
