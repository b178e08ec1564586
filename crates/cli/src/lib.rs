//! The command line: arguments in, calls to the server, results out.
//!
//! It owns how commands are spelled and how answers are shown. It knows the wire and never the
//! core; what only the binary can do (serving, starting processes, the clock) it asks its
//! [`Host`] for.

mod args;
#[cfg(test)]
mod canned;
mod client;
mod commands;
mod failure;
mod follow;
mod host;
mod input;
mod render;
mod session;
mod sse;
mod wrong_usage;

pub use host::Host;

use args::Cli;
use failure::{Exit, Failure};
use render::output::Output;
use session::Session;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one command line (with the program's name first) to its end.
pub fn run(args: impl IntoIterator<Item = OsString>, host: &dyn Host) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|word| word == "shim") {
        return ExitCode::from(host.shim(&args[2..]));
    }
    ExitCode::from(exit_code(&args, host))
}

fn exit_code(args: &[OsString], host: &dyn Host) -> u8 {
    let cli = match args::parse(args, host.version()) {
        Ok(cli) => cli,
        Err(error) => return args::report(&error, args),
    };
    let out = Output::new(cli.globals.json, cli.globals.quiet, cli.globals.verbose);
    match perform(cli, host) {
        Ok(Exit(code)) => code,
        Err(Failure::Closed) => 0,
        Err(Failure::Error(error)) => {
            out.error(&error);
            error.code.exit_code()
        }
    }
}

fn perform(cli: Cli, host: &dyn Host) -> Result<Exit, Failure> {
    let session = Session::new(host, &cli.globals)?;
    commands::perform(cli, &session)
}
