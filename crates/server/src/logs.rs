//! The server's log: rotated files, and the terminal when it runs in the foreground.

use std::io::IsTerminal as _;
use std::path::Path;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

/// Log files that are kept.
const FILES: usize = 14;

/// What is logged unless it is asked for otherwise. The library behind the tools of agents tells of
/// each call, with the caller's own words.
const FILTER: &str = "info,rmcp=warn";

/// Writes the log for as long as it lives.
pub struct Logging {
    _writer: WorkerGuard,
}

/// Starts the log in `dir`; `filter` is a `tracing` filter such as `debug` or `cw_server=trace`.
///
/// # Errors
/// When no file can be written there.
pub fn start(dir: &Path, foreground: bool, filter: Option<&str>) -> Result<Logging, InitError> {
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("server")
        .filename_suffix("log")
        .max_log_files(FILES)
        .build(dir)?;
    // A full buffer waits: a line that is dropped is the one that is looked for later.
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
    let filter =
        || EnvFilter::try_new(filter.unwrap_or(FILTER)).unwrap_or_else(|_| EnvFilter::new(FILTER));
    let to_file = fmt::layer()
        .with_ansi(false)
        .with_writer(writer)
        .with_filter(filter());
    let to_terminal = foreground.then(|| {
        fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_writer(std::io::stderr)
            .with_filter(filter())
    });
    // Only the first of a process counts; a second server in one process shares it.
    let _ = tracing_subscriber::registry()
        .with(to_file)
        .with(to_terminal)
        .try_init();
    Ok(Logging { _writer: guard })
}
