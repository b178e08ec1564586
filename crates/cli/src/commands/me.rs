//! `cw ask|say|progress|done`: what an agent says, under its own token.

use super::done;
use crate::client::{is_gone, is_unsent};
use crate::failure::{Exit, Failure, Outcome};
use crate::input;
use crate::render::{escape, json};
use crate::session::Session;
use cw_wire::me::{
    Ask, AskInput, AskOutput, Done, DoneInput, MeSayInput, Progress, ProgressInput, Say, Took,
    TookInput, WAIT_LIMIT_S, WaitAnswer, WaitAnswerInput,
};
use std::time::{Duration, Instant, SystemTime};

/// How long between two tries to reach a server that is away.
pub(crate) const PAUSE: Duration = Duration::from_millis(300);
/// How long a server that is away is waited for: it may be starting anew.
pub(crate) const RESTART: Duration = Duration::from_secs(30);

/// Arguments of `cw ask`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints the answer. Exit code 75: there is none yet; end the turn, you are\n\
resumed with it.\n\n\
Examples:\n  cw ask \"Which hash?\" --option argon2 --option bcrypt\n  cw ask \"May I drop the table?\" --no-wait"
)]
pub(crate) struct AskArgs {
    /// The question (`-`: standard input)
    text: String,
    /// An answer on offer (repeatable)
    #[arg(long = "option", short = 'o', value_name = "TEXT")]
    options: Vec<String>,
    /// How long to wait for the answer
    #[arg(long, default_value = "5m", value_parser = input::seconds, conflicts_with = "no_wait")]
    wait: u64,
    /// Do not wait
    #[arg(long)]
    no_wait: bool,
}

/// Arguments of `cw say`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw say \"The old API stays\"\n  cw say --to soho \"The schema is in db/\""
)]
pub(crate) struct SayArgs {
    /// The text (`-`: standard input)
    text: String,
    /// Another agent's name (default: the user)
    #[arg(long)]
    to: Option<String>,
}

/// Arguments of `cw progress`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw progress \"running the tests\"")]
pub(crate) struct ProgressArgs {
    /// What you do just now, one line
    text: String,
}

/// Arguments of `cw done`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw done \"Login works; its tests are in tests/login.rs\"\n  cw done - < summary.md"
)]
pub(crate) struct DoneArgs {
    /// What was done, for those that build on it (`-`: standard input)
    summary: Option<String>,
}

impl AskArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session.agent_only("ask")?;
        let text = input::text_or_stdin(Some(&self.text), "question")?;
        let wait = Duration::from_secs(if self.no_wait { 0 } else { self.wait });
        let answer = ask(session, text, self.options, wait)?;
        if session.out.json {
            session.out.write(&json::line(&answer)?)?;
        } else if let Some(text) = &answer.answer {
            session.out.write(&format!("{}\n", shown(session, text)))?;
        } else {
            session
                .out
                .note("There is no answer yet: end the turn, you are resumed with it.");
        }
        if answer.answer.is_some() {
            took(session, answer.message);
            return Ok(Exit::DONE);
        }
        Ok(Exit::AGAIN)
    }
}

/// Asks and waits; a server that restarts meanwhile is waited for too, and asked once only.
pub(crate) fn ask(
    session: &Session<'_>,
    text: String,
    options: Vec<String>,
    wait: Duration,
) -> Outcome<AskOutput> {
    let start = Instant::now();
    let end = start + wait;
    let question = AskInput {
        text,
        options,
        wait_s: 0,
        key: Some(call_name(session, 0)),
        acks: true,
    };
    let mut told = patiently(end.max(start + RESTART), || session.call::<Ask>(&question))?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if told.answer.is_some() || told.parked || left.is_zero() {
            return Ok(told);
        }
        let wait_s = left.as_secs_f64().ceil().min(f64::from(WAIT_LIMIT_S)) as u32;
        let input = WaitAnswerInput {
            message: told.message.clone(),
            wait_s,
            acks: true,
        };
        match session.call::<WaitAnswer>(&input) {
            Ok(answer) => told = answer,
            Err(failure) if is_gone(&failure) => std::thread::sleep(PAUSE.min(left)),
            Err(failure) => return Err(failure),
        }
    }
}

/// A name that no other call of this agent has.
pub(crate) fn call_name(session: &Session<'_>, number: u64) -> String {
    let since = session.host.now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.map_or(0, |since| since.as_millis());
    format!("{}-{since}-{number}", std::process::id())
}

/// Makes a call that may be made twice, until the server answers.
fn patiently<T>(end: Instant, call: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    until(end, is_gone, call)
}

/// Makes a call that may not be made twice once a server that is away listens again.
pub(crate) fn once<T>(call: impl FnMut() -> Outcome<T>) -> Outcome<T> {
    until(Instant::now() + RESTART, is_unsent, call)
}

/// Makes a call again while it fails in a way that passes.
fn until<T>(
    end: Instant,
    passes: fn(&Failure) -> bool,
    mut call: impl FnMut() -> Outcome<T>,
) -> Outcome<T> {
    loop {
        match call() {
            Err(failure) if passes(&failure) && Instant::now() < end => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
}

/// Says that an answer has reached its agent. Unsaid, it would come once more with the next turn.
fn took(session: &Session<'_>, message: String) {
    let input = TookInput {
        messages: vec![message],
    };
    let said = patiently(Instant::now() + RESTART, || session.call::<Took>(&input));
    if let Err(failure) = said {
        session.out.detail(&format!("{failure:?}"));
    }
}

fn shown(session: &Session<'_>, text: &str) -> String {
    if session.out.terminal {
        escape::block(text)
    } else {
        text.to_owned()
    }
}

impl SayArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session.agent_only("say")?;
        let text = input::text_or_stdin(Some(&self.text), "message")?;
        let input = MeSayInput {
            text,
            to: self.to,
            key: Some(call_name(session, 0)),
        };
        let end = Instant::now() + RESTART;
        let answer = patiently(end, || session.call::<Say>(&input))?;
        quiet(session, &answer)
    }
}

impl ProgressArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session.agent_only("progress")?;
        let (input, end) = (ProgressInput { text: self.text }, Instant::now() + RESTART);
        let answer = patiently(end, || session.call::<Progress>(&input))?;
        quiet(session, &answer)
    }
}

impl DoneArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session.agent_only("done")?;
        let summary = self.summary.as_deref().map(input::text).transpose()?;
        let (input, end) = (DoneInput { summary }, Instant::now() + RESTART);
        let answer = patiently(end, || session.call::<Done>(&input))?;
        quiet(session, &answer)
    }
}

/// Shows an answer to scripts only: an agent needs no echo.
fn quiet(session: &Session<'_>, answer: &impl serde::Serialize) -> Outcome {
    done(if session.out.json {
        session.out.write(&json::line(answer)?)
    } else {
        Ok(())
    })
}
