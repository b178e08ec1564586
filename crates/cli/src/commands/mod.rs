//! One file per command: its arguments, its help, what it does.

pub(crate) mod agent;
pub(crate) mod completions;
pub(crate) mod cost;
pub(crate) mod demo;
pub(crate) mod demo_agent;
pub(crate) mod demo_text;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod hold;
pub(crate) mod inbox;
pub(crate) mod init;
pub(crate) mod initiative;
pub(crate) mod log;
pub(crate) mod mcp;
pub(crate) mod me;
pub(crate) mod merge;
pub(crate) mod message;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod spawn;
pub(crate) mod task;
pub(crate) mod trust;
pub(crate) mod why;
pub(crate) mod worktree;

use crate::args::{Cli, Command};
use crate::failure::{Exit, Outcome, usage};
use crate::session::Session;
use cw_wire::{ErrorCode, Procedure};

/// Carries out a parsed command line.
pub(crate) fn perform(cli: Cli, session: &Session<'_>) -> Outcome {
    let Some(command) = cli.command else {
        if cli.server {
            return server::ServeArgs::default().perform(session);
        }
        return Err(usage("a command is missing")
            .hint("`cw --help` lists the commands; `cw demo` shows it at work")
            .into());
    };
    match command {
        Command::Init(args) => args.perform(session),
        Command::Trust(args) => args.perform(session),
        Command::Run(args) => args.perform(session),
        Command::Demo(args) => args.perform(session),
        Command::Plan(command) => command.perform(session),
        Command::Initiative(command) => command.perform(session),
        Command::Task(command) => command.perform(session),
        Command::Spawn(args) => args.perform(session),
        Command::Agent(command) => command.perform(session),
        Command::Inbox(args) => args.perform(session),
        Command::Message(command) => command.perform(session),
        Command::Merge(command) => command.perform(session),
        Command::Integrate(args) => args.perform(session),
        Command::Worktree(command) => command.perform(session),
        Command::Cost(args) => args.perform(session),
        Command::Events(args) => args.perform(session),
        Command::Pause(args) => args.pause(session),
        Command::Resume(args) => args.resume(session),
        Command::Stop(args) => args.perform(session),
        Command::Why(args) => args.perform(session),
        Command::Serve(args) => args.perform(session),
        Command::Server(command) => command.perform(session),
        Command::Files(command) => command.perform(session),
        Command::Doctor(args) => args.perform(session),
        Command::Completions(args) => args.perform(session),
        Command::Mcp(args) => args.perform(session),
        Command::Ask(args) => args.perform(session),
        Command::Say(args) => args.perform(session),
        Command::Progress(args) => args.perform(session),
        Command::Done(args) => args.perform(session),
        Command::DemoAgent => demo_agent::perform(session),
        Command::DemoGate => demo_agent::gate(session),
    }
}

/// Calls a procedure about several things, one after the other, and joins the answers.
pub(crate) fn each<P, T>(
    session: &Session<'_>,
    ids: &[String],
    input: impl Fn(&str) -> Outcome<P::Input>,
    parts: impl Fn(P::Output) -> Vec<T>,
) -> Outcome<Vec<T>>
where
    P: Procedure,
{
    let mut all = Vec::new();
    for id in ids {
        let input = input(id)?;
        match session.call::<P>(&input) {
            Ok(output) => all.extend(parts(output)),
            Err(failure) if all.is_empty() || failure.is(ErrorCode::Unreachable) => {
                return Err(failure);
            }
            Err(crate::failure::Failure::Error(mut error)) => {
                error
                    .cause
                    .get_or_insert_with(|| format!("at `{id}`; those before it are done"));
                return Err(error.into());
            }
            Err(closed) => return Err(closed),
        }
    }
    Ok(all)
}

/// Which project a list is about.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct ScopeArgs {
    /// Every project
    #[arg(long, short = 'a')]
    pub(crate) all: bool,
}

impl ScopeArgs {
    /// As it travels.
    pub(crate) fn scope(self, session: &Session<'_>) -> Outcome<cw_wire::Scope> {
        Ok(cw_wire::Scope {
            dir: session.dir()?,
            all: self.all,
        })
    }
}

/// Ends a command that has done what it should.
pub(crate) fn done(shown: Outcome<()>) -> Outcome {
    shown.map(|()| Exit::DONE)
}
