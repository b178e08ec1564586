//! `cw mcp`: the Model Context Protocol over standard input and output, for agents.
//!
//! It passes each line on to the server, which has the tools, and each answer back. Every call has
//! a name: a server that is started anew meanwhile is called again and does nothing twice. What an
//! answer hands over counts as read once the line is written.

mod above;
mod relay;

use crate::failure::{Exit, Failure, Outcome, refused};
use crate::input;
use crate::session::Session;
use relay::Relay;
use std::io::BufRead as _;
use tokio::sync::mpsc;

/// Lines that may wait.
const QUEUE: usize = 64;

/// Arguments of `cw mcp`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Agent programs start it by themselves where their kind takes tool servers.\n\n\
Example:\n  cw mcp --wait 50s"
)]
pub(crate) struct McpArgs {
    /// How long a question may block before the agent is told to end its turn
    #[arg(long, default_value = "5m", value_parser = input::seconds)]
    wait: u64,
}

impl McpArgs {
    /// Speaks MCP until standard input ends.
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let identity = match above::identity() {
            Some(identity) => identity,
            None => {
                session.agent_only("mcp")?;
                return Err(failed("the server's socket is not known"));
            }
        };
        let name = super::me::call_name(session, 0);
        let relay = Relay::new(identity, name, self.wait, session.host.version());
        let (lines, incoming) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("stdin".into())
            .spawn(move || read(&lines))
            .map_err(failed)?;
        session.block_on(relay.run(incoming));
        Ok(Exit::DONE)
    }
}

fn failed(cause: impl std::fmt::Display) -> Failure {
    refused("the tools cannot be offered")
        .cause(cause.to_string())
        .into()
}

/// Reads lines until there are no more, or nobody wants them.
fn read(lines: &mpsc::Sender<String>) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if !line.trim().is_empty() && lines.blocking_send(line).is_err() {
            return;
        }
    }
}
