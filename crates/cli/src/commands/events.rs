//! `cw events`: the event log, one event to a line.

use crate::client::{Client, is_gone};
use crate::failure::{Exit, Outcome};
use crate::render::amount::Clock;
use crate::render::{human, json};
use crate::session::Session;
use cw_wire::EventView;
use cw_wire::event::EventQuery;
use std::time::Duration;

/// How often, and how long between, a stream that broke off is opened again.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);
/// What is told meanwhile.
const GONE: &str = "the server has gone. Waiting for it (Ctrl-C leaves) …";

/// Arguments of `cw events`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Events of all projects, unless --project or --initiative is given.\n\n\
Examples:\n  cw events\n  cw events --follow --after 120\n  cw events --json | jq -r .type"
)]
pub(crate) struct EventsArgs {
    /// Stay and print what comes
    #[arg(long, short = 'f')]
    follow: bool,
    /// Only events with a greater number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// Only the project of -C
    #[arg(long)]
    project: bool,
    /// Only this initiative of the project of -C
    #[arg(long, short = 'i')]
    initiative: Option<String>,
}

impl EventsArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let filtered = self.project || self.initiative.is_some();
        let query = EventQuery {
            after: self.after,
            follow: u8::from(self.follow),
            dir: if filtered { session.dir()? } else { None },
            initiative: self.initiative,
        };
        session.block_on(async {
            tokio::select! {
                printed = print(session, query) => printed,
                _ = tokio::signal::ctrl_c() => Ok(Exit::INTERRUPTED),
            }
        })
    }
}

async fn print(session: &Session<'_>, mut query: EventQuery) -> Outcome {
    let mut stream = session.client.events(&query).await?;
    loop {
        match stream.next().await {
            Ok(Some(event)) => {
                query.after = query.after.max(event.seq);
                show(session, &event)?;
            }
            Ok(None) if query.follow == 0 => return Ok(Exit::DONE),
            Err(failure) if !is_gone(&failure) => return Err(failure),
            Ok(None) | Err(_) => {
                let gone = || session.out.note(GONE);
                stream = reopen(&session.client, &query, gone).await?;
            }
        }
    }
}

/// Opens a stream again where it broke off; a server that was stopped is not started for it.
/// Where the server is not there at the first look, `gone` tells so while it is waited for.
pub(crate) async fn reopen(
    client: &Client<'_>,
    query: &EventQuery,
    gone: impl FnOnce(),
) -> Outcome<crate::client::EventStream> {
    client.leave_stopped();
    let mut gone = Some(gone);
    let mut tries = 0;
    loop {
        tries += 1;
        tokio::time::sleep(PAUSE).await;
        match client.events(query).await {
            Err(failure) if is_gone(&failure) && tries < TRIES => {
                if let Some(tell) = gone.take() {
                    tell();
                }
            }
            other => return other,
        }
    }
}

fn show(session: &Session<'_>, event: &EventView) -> Outcome<()> {
    if session.out.json {
        return session.out.write(&json::line(event)?);
    }
    let clock = Clock::local(session.host.now());
    session.out.write(
        &(human::event::line(event, session.out.style(), session.out.width(), &clock) + "\n"),
    )
}
