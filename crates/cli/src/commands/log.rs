//! `cw agent log` and `cw task log`: what an agent wrote, to its end or as it comes.

use crate::client::is_gone;
use crate::failure::{Exit, Failure, Outcome};
use crate::render::amount::Clock;
use crate::render::style::Tone;
use crate::render::{escape, json};
use crate::session::Session;
use cw_wire::Procedure;
use cw_wire::agent::AgentLog;
use cw_wire::task::{LogInput, LogLine, LogView, TaskLog};

/// How long one call waits for something new, seconds.
const WAIT_S: u32 = 20;

/// Arguments of `cw agent log`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw agent log gastown\n  cw agent log -f gastown\n  cw agent log gastown --tail 50"
)]
pub(crate) struct AgentLogArgs {
    /// The agent
    agent: String,
    #[command(flatten)]
    how: LogArgs,
}

/// Arguments of `cw task log`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw task log login\n  cw task log -f login\n  cw task log login --tail 50"
)]
pub(crate) struct TaskLogArgs {
    /// The task
    task: String,
    #[command(flatten)]
    how: LogArgs,
}

/// How to print a log.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct LogArgs {
    /// Stay and print what comes
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
    /// Only the last N lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) tail: Option<u32>,
    /// The program's raw output
    #[arg(long)]
    pub(crate) raw: bool,
}

impl AgentLogArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        print::<AgentLog>(session, self.agent, self.how)
    }
}

impl TaskLogArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        print::<TaskLog>(session, self.task, self.how)
    }
}

fn print<P>(session: &Session<'_>, id: String, how: LogArgs) -> Outcome
where
    P: Procedure<Input = LogInput, Output = LogView>,
{
    let input = LogInput {
        dir: session.dir()?,
        id,
        after: None,
        tail: how.tail,
        wait_s: 0,
        raw: how.raw,
    };
    session.block_on(async {
        tokio::select! {
            printed = read::<P>(session, input, how.follow) => printed,
            _ = tokio::signal::ctrl_c() => Ok(Exit::INTERRUPTED),
        }
    })
}

async fn read<P>(session: &Session<'_>, mut input: LogInput, follow: bool) -> Outcome
where
    P: Procedure<Input = LogInput, Output = LogView>,
{
    loop {
        let part = match session.client.call::<P>(&input).await {
            Ok(part) => part,
            Err(failure) if input.after.is_some() && is_gone(&failure) => {
                return Err(with_hint(failure));
            }
            Err(failure) => return Err(failure),
        };
        show(session, &part.lines)?;
        let stuck = input.after.as_deref() == Some(&part.next) && part.lines.is_empty();
        if part.ended || (!follow && stuck) {
            return Ok(Exit::DONE);
        }
        input.wait_s = if follow { WAIT_S } else { 0 };
        input.after = Some(part.next);
        input.tail = None;
    }
}

fn with_hint(failure: Failure) -> Failure {
    match failure {
        Failure::Error(error) => (*error)
            .hint("the agent goes on; run the command again")
            .into(),
        closed => closed,
    }
}

fn show(session: &Session<'_>, lines: &[LogLine]) -> Outcome<()> {
    let mut text = String::new();
    let style = session.out.style();
    let clock = Clock::local(session.host.now());
    for line in lines {
        if session.out.json {
            text.push_str(&json::line(line)?);
            continue;
        }
        let words = escape::line(&line.text);
        let words = match line.stream.as_str() {
            "cw" => style.paint(Tone::Active, &words),
            "stderr" => style.paint(Tone::Attention, &words),
            _ => words,
        };
        let at = line
            .at
            .as_deref()
            .map(|at| style.paint(Tone::Faint, &clock.show(at)) + "  ");
        text.push_str(&format!("{}{words}\n", at.unwrap_or_default()));
    }
    session.out.write(&text)
}
