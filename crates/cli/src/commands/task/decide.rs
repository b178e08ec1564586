//! `cw task retry|cancel|skip|approve|reject`: orders about tasks.

use crate::commands::{done, each};
use crate::failure::Outcome;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::task::{RejectInput, TaskReject, TaskRetry, TaskRetryInput};
use cw_wire::{Procedure, Target, TaskList};

/// Arguments of an order that takes nothing but tasks.
#[derive(Debug, clap::Args)]
pub(crate) struct TaskArgs {
    /// The tasks
    #[arg(required = true)]
    task: Vec<String>,
}

impl TaskArgs {
    pub(crate) fn perform<P>(self, session: &Session<'_>) -> Outcome
    where
        P: Procedure<Input = Target, Output = TaskList>,
    {
        let tasks = each::<P, _>(
            session,
            &self.task,
            |id| session.target(id),
            |list| list.tasks,
        )?;
        show(session, &TaskList { tasks })
    }
}

/// Arguments of `cw task retry`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw task retry login\n  cw task retry login --text \"The schema is in docs/schema.md\""
)]
pub(crate) struct RetryArgs {
    /// The tasks
    #[arg(required = true)]
    task: Vec<String>,
    /// What to tell the agent besides (`-`: standard input)
    #[arg(long, short = 't')]
    text: Option<String>,
}

impl RetryArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let text = self.text.as_deref().map(input::text).transpose()?;
        let env = session.wanted_env()?;
        let input = |id: &str| {
            Ok(TaskRetryInput {
                dir: session.dir()?,
                id: id.to_owned(),
                text: text.clone(),
                env: env.clone(),
            })
        };
        let tasks = each::<TaskRetry, _>(session, &self.task, input, |list| list.tasks)?;
        show(session, &TaskList { tasks })
    }
}

/// Arguments of `cw task reject`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw task reject login --text \"No tests for a wrong password\""
)]
pub(crate) struct RejectArgs {
    /// The task
    task: String,
    /// The reason, told to the agent (`-`: standard input)
    #[arg(long, short = 't')]
    text: Option<String>,
}

impl RejectArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let text = self.text.as_deref().map(input::text).transpose()?;
        let input = RejectInput {
            dir: session.dir()?,
            id: self.task,
            text,
        };
        let answer = session.call::<TaskReject>(&input)?;
        show(session, &answer)
    }
}

fn show(session: &Session<'_>, list: &TaskList) -> Outcome {
    done(session.show(list, |list, page| human::task::list(&list.tasks, page)))
}
