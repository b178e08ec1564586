//! `cw spawn`: gives a prompt to a fresh agent.

use super::done;
use crate::failure::Outcome;
use crate::follow;
use crate::input;
use crate::render::human;
use crate::session::Session;
use cw_wire::agent::{Spawn, SpawnInput};

/// Arguments of `cw spawn`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The work is a task of the project's own `adhoc` initiative. Returns at once with\n\
the agent's name.\n\nExamples:\n  cw spawn \"Fix the typo in README.md\"\n  cw spawn --agent codex --name soho - < prompt.md\n  \
cw spawn \"Add a changelog\" --follow"
)]
pub(crate) struct SpawnArgs {
    /// What to do (`-`: standard input)
    prompt: String,
    /// The agent it goes to (default: the project's)
    #[arg(long, value_name = "KIND")]
    agent: Option<String>,
    /// The name it is to have
    #[arg(long)]
    name: Option<String>,
    /// The model it is to use
    #[arg(long)]
    model: Option<String>,
    /// Stay until its work is merged, and show progress
    #[arg(long, short = 'f')]
    follow: bool,
}

impl SpawnArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let prompt = input::text_or_stdin(Some(&self.prompt), "prompt")?;
        let env = session.wanted_env()?;
        let answer = session.call::<Spawn>(&SpawnInput {
            dir: session.dir()?,
            prompt,
            agent: self.agent,
            name: self.name,
            model: self.model,
            env,
        })?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
        session.show(&answer, human::agent::spawned)?;
        match answer.tasks.first() {
            Some(task) if self.follow => follow::task(session, task, answer.seq),
            _ => done(Ok(())),
        }
    }
}
