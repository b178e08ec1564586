//! `cw task add`: adds a task to a plan; inside an agent, to its own plan.

use super::spec::SpecArgs;
use crate::commands::done;
use crate::commands::me::once;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::TaskKind;
use cw_wire::me::{AddTask, AddTaskInput};
use cw_wire::task::{TaskAdd, TaskAddInput, TaskSpec};

/// Arguments of `cw task add`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Inside an agent it adds to the plan of the agent's own task.\n\n\
Examples:\n  cw task add \"Password reset\" -i accounts --after login --prompt \"Add …\"\n  \
cw task add \"Fix the flaky test\" -p - < prompt.md"
)]
pub(crate) struct AddArgs {
    /// Its title
    title: String,
    /// The initiative (default: the only one that is not over)
    #[arg(long, short = 'i')]
    initiative: Option<String>,
    /// The phase (default: that of the plan, else the last)
    #[arg(long)]
    phase: Option<String>,
    /// The plan (default: the last of the phase)
    #[arg(long)]
    plan: Option<String>,
    /// Its id (default: made from the title)
    #[arg(long)]
    id: Option<String>,
    /// work or approval
    #[arg(long)]
    kind: Option<TaskKind>,
    #[command(flatten)]
    spec: SpecArgs,
}

impl AddArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let mut spec = self.spec.spec(Some(self.title))?;
        spec.kind = self.kind;
        let answer = if session.client.is_agent() {
            let input = for_agent(spec);
            once(|| session.call::<AddTask>(&input))?
        } else {
            session.call::<TaskAdd>(&TaskAddInput {
                dir: session.dir()?,
                initiative: self.initiative,
                phase: self.phase,
                plan: self.plan,
                id: self.id,
                spec,
            })?
        };
        done(session.show(&answer, |answer, page| {
            human::task::list(&answer.tasks, page);
        }))
    }
}

fn for_agent(spec: TaskSpec) -> AddTaskInput {
    let title = spec.title.unwrap_or_default();
    let prompt = spec.prompt.unwrap_or_else(|| title.clone());
    AddTaskInput {
        title,
        prompt,
        after: spec.after,
    }
}
