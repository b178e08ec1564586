//! `cw run`: the main job. Reads a plan, starts it, follows it to its end.

use super::plan::EXAMPLE;
use crate::failure::Outcome;
use crate::follow::{self, Followed, Onward};
use crate::input;
use crate::render::{amount, escape};
use crate::session::Session;
use cw_wire::run::{Run, RunInput, RunStarted};

/// Arguments of `cw run`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLE}\n\n\
Exit codes: 0 all merged · 1 something failed · 6 everything left waits for you\n\
(with --exit-when-waiting) · 130 interrupted, agents go on.\n\n\
Examples:\n  cw run accounts.md\n  cw run accounts.md --agent codex --max-agents 8\n  \
cw run accounts.md --json | jq -c 'select(.summary)'"))]
pub(crate) struct RunArgs {
    /// A plan file, or `-`
    plan: String,
    /// The agent for every task that names none
    #[arg(long, value_name = "KIND")]
    agent: Option<String>,
    /// How many agents at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_agents: Option<u32>,
    /// End with 6 when everything left waits for you
    #[arg(long)]
    exit_when_waiting: bool,
}

impl RunArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let plan = input::plan(session, &self.plan)?;
        let again = match self.plan.as_str() {
            "-" => "cw run PLAN".to_owned(),
            name => format!("cw run {}", escape::word(name)),
        };
        let env = session.wanted_env()?;
        let input = RunInput {
            dir: session.dir()?,
            plan,
            agent: self.agent,
            max_agents: self.max_agents,
            env,
        };
        let started = session.call::<Run>(&input)?;
        announce(session, &started);
        let followed = Followed {
            initiative: started.initiative,
            task: None,
            after: started.seq,
            exit_when_waiting: self.exit_when_waiting,
            answerer: None,
            onward: Some(Onward {
                follow: again,
                stop: "cw agent stop --all   (this project)".to_owned(),
            }),
        };
        follow::run(session, followed)
    }
}

/// Tells what was started.
pub(crate) fn announce(session: &Session<'_>, started: &RunStarted) {
    for warning in &started.applied.warnings {
        session.out.warn(warning);
    }
    if session.out.json {
        return;
    }
    for one in &started.applied.initiatives {
        let tasks = amount::some(u64::from(one.tasks.total), "task");
        session.out.note(&format!(
            "{}: {tasks}, from {} on {}",
            escape::line(&one.title),
            escape::line(&one.base),
            escape::line(&one.branch)
        ));
    }
}
