//! `cw serve` and `cw server …`: the server in the foreground and in the background.

use super::done;
use crate::client::is_gone;
use crate::failure::{Exit, Failure, Outcome};
use crate::render::{escape, human, json};
use crate::session::Session;
use cw_wire::agent::StopAll;
use cw_wire::scope::{Nothing, Scope};
use cw_wire::server::{Status, Stop};
use cw_wire::{ErrorCode, ErrorView, ServerStatus};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long `stop` waits for the process to go.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How much of the log is shown without `--follow`, bytes.
const LOG_TAIL: u64 = 64 * 1024;

/// Arguments of `cw serve`.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Every command starts a server in the background when it needs one; this is for a\n\
terminal or a process supervisor. On TCP, clients need the bearer token in\n\
`token` beside its socket.\n\n\
Examples:\n  cw serve\n  cw serve --listen 127.0.0.1:7000"
)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    start: StartArgs,
    /// Stop every agent when the server ends (else they go on)
    #[arg(long)]
    stop_agents: bool,
}

/// How a server is to be started.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct StartArgs {
    /// Also listen on this TCP address
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

/// Arguments of `cw server stop`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  cw server stop\n  cw server stop --stop-agents")]
pub(crate) struct StopArgs {
    /// Stop every agent too (else they go on)
    #[arg(long)]
    stop_agents: bool,
}

/// Commands about the server.
#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "Examples:\n  cw server status\n  cw server restart\n  cw server logs --follow\n  \
cw server stop --stop-agents"
)]
pub(crate) enum ServerCommand {
    /// Start it in the background (one that runs stays)
    #[command(
        after_help = "Examples:\n  cw server start\n  cw server start --listen 127.0.0.1:7000"
    )]
    Start(StartArgs),
    /// Stop it; agents go on
    Stop(StopArgs),
    /// Stop it and start it again; agents go on
    #[command(
        after_help = "Examples:\n  cw server restart\n  cw server restart --listen 127.0.0.1:7000"
    )]
    Restart(StartArgs),
    /// Show how it stands; never starts one
    #[command(after_help = "Examples:\n  cw server status\n  cw server status --json")]
    Status,
    /// Print its log
    Logs(LogsArgs),
}

/// Arguments of `cw server logs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cw server logs\n  cw server logs --follow")]
pub(crate) struct LogsArgs {
    /// Stay and print what comes
    #[arg(long, short = 'f')]
    follow: bool,
}

impl ServeArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session
            .host
            .serve(self.start.listen.as_deref(), self.stop_agents)?;
        Ok(Exit::DONE)
    }
}

impl ServerCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        session.client.leave_stopped();
        match self {
            Self::Start(args) => start(session, &args),
            Self::Stop(args) => {
                if args.stop_agents {
                    stop_agents(session)?;
                }
                let ended = stop(session)?;
                done(
                    session.show(&stopped(session), |status, page| match &ended {
                        Some(ended) => human::server::ended(ended, page),
                        None => human::server::status(status, page),
                    }),
                )
            }
            Self::Restart(args) => {
                stop(session)?;
                start(session, &args)
            }
            Self::Status => show(session, &status_or_doubt(session)),
            Self::Logs(args) => logs(session, &args),
        }
    }
}

fn status(session: &Session<'_>) -> Outcome<ServerStatus> {
    match session.call::<Status>(&Nothing {}) {
        Err(failure) if is_gone(&failure) => Ok(stopped(session)),
        other => other,
    }
}

fn status_or_doubt(session: &Session<'_>) -> ServerStatus {
    status(session).unwrap_or_else(|failure| told(session, failure))
}

/// What is known of a server that answers with an error: that it runs, and why it cannot say more.
fn told(session: &Session<'_>, failure: Failure) -> ServerStatus {
    if let Failure::Error(error) = failure {
        session.out.warn(&error.message);
    }
    let pid = session.block_on(session.client.server_pid());
    ServerStatus {
        running: true,
        pid: pid.and_then(|pid| u32::try_from(pid).ok()),
        ..stopped(session)
    }
}

fn stopped(session: &Session<'_>) -> ServerStatus {
    let socket = session.host.socket().to_string_lossy().into_owned();
    ServerStatus {
        socket: Some(socket),
        ..ServerStatus::default()
    }
}

fn show(session: &Session<'_>, status: &ServerStatus) -> Outcome {
    done(session.show(status, human::server::status))
}

fn start(session: &Session<'_>, args: &StartArgs) -> Outcome {
    let before = status_or_doubt(session);
    if !before.running {
        session.host.start_server(args.listen.as_deref())?;
    } else if args.listen.is_some() && args.listen != before.listen {
        session
            .out
            .warn("a server runs already; `cw server restart --listen …` changes its address");
    }
    show(session, &status_or_doubt(session))
}

/// Stops every agent of every project, if a server is there to do it.
fn stop_agents(session: &Session<'_>) -> Outcome<()> {
    let everywhere = Scope {
        dir: None,
        all: true,
    };
    match session.call::<StopAll>(&everywhere) {
        Err(failure) if is_gone(&failure) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Stops the server and waits until its process is gone. Returns what was known of it; none when
/// none ran.
pub(crate) fn stop(session: &Session<'_>) -> Outcome<Option<ServerStatus>> {
    let ended = match session.call::<Stop>(&Nothing {}) {
        Err(failure) if is_gone(&failure) => return Ok(None),
        // A server of another version may not even know the call.
        Err(failure) if failure.is(ErrorCode::Version) || failure.is(ErrorCode::NotFound) => {
            terminate(session, failure)?
        }
        other => other?,
    };
    let Some(pid) = ended.pid else {
        return Ok(Some(ended));
    };
    let end = Instant::now() + STOP_LIMIT;
    while is_alive(pid) {
        if Instant::now() > end {
            return Err(ErrorView::new(ErrorCode::Failed, "the server does not end")
                .cause(format!(
                    "process {pid} is still there after {} s",
                    STOP_LIMIT.as_secs()
                ))
                .hint("`cw server logs` shows what it is doing")
                .into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Some(ended))
}

/// Tells a server of another protocol to end, the way a process supervisor does.
fn terminate(session: &Session<'_>, failure: Failure) -> Outcome<ServerStatus> {
    let pid = session.block_on(session.client.server_pid());
    let known = pid.and_then(rustix::process::Pid::from_raw);
    let told = known.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
    match told {
        Some(Ok(())) => Ok(ServerStatus {
            pid: pid.and_then(|pid| u32::try_from(pid).ok()),
            ..ServerStatus::default()
        }),
        _ => Err(failure),
    }
}

/// Whether a process still does anything; one that only waits to be reaped does not.
fn is_alive(pid: u32) -> bool {
    let Ok(raw) = i32::try_from(pid) else {
        return false;
    };
    let Some(known) = rustix::process::Pid::from_raw(raw) else {
        return false;
    };
    if rustix::process::test_kill_process(known) == Err(rustix::io::Errno::SRCH) {
        return false;
    }
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => !std::path::Path::new("/proc/self/stat").exists(),
    }
}

fn logs(session: &Session<'_>, args: &LogsArgs) -> Outcome {
    let Some(path) = newest(session) else {
        let folder = session.host.logs();
        return Err(
            ErrorView::new(ErrorCode::NotFound, "there is no server log yet")
                .cause(format!("{} holds none", folder.display()))
                .into(),
        );
    };
    let cannot = |error: std::io::Error| {
        ErrorView::new(
            ErrorCode::Internal,
            format!("cannot read {}", path.display()),
        )
        .cause(error.to_string())
    };
    let mut file = File::open(&path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))
        .map_err(cannot)?;
    loop {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(cannot)?;
        let text = String::from_utf8_lossy(&bytes);
        if session.out.json {
            for line in text.lines() {
                let line = serde_json::json!({ "line": line });
                session.out.write(&json::line(&line)?)?;
            }
        } else {
            session.out.write(&escape::block(&text))?;
        }
        if !args.follow {
            return Ok(Exit::DONE);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn newest(session: &Session<'_>) -> Option<PathBuf> {
    let files = std::fs::read_dir(session.host.logs())
        .ok()?
        .filter_map(Result::ok);
    let dated = files.filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((metadata.modified().ok()?, entry.path()))
    });
    dated.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_here_is_alive_and_none_is_not() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(i32::MAX as u32));
    }
}
