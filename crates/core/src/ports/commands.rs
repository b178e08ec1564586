//! Commands of the project itself: gates and the setup of worktrees.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// A command line to be run by the shell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandOrder {
    /// Where.
    pub cwd: PathBuf,
    /// What: a line for `sh -c`.
    pub line: String,
    /// Environment variables on top of the server's (without `GIT_*` and `CW_*`).
    pub env: Vec<(String, String)>,
    /// The longest it may take; then its whole tree is ended.
    pub timeout: Duration,
    /// Where all it prints is kept, if it is.
    pub log: Option<PathBuf>,
}

/// How a command ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandReport {
    /// Its exit code; `None`: ended by a signal.
    pub code: Option<i32>,
    /// It took too long.
    pub timed_out: bool,
    /// The end of what it printed, bounded.
    pub output: String,
}

/// The command could not be run at all.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}: {why}")]
pub struct CommandError {
    /// What was tried.
    pub what: String,
    /// What the system said.
    pub why: String,
}

/// Runs commands of the project. Blocking; nothing of a command is left when it returns.
pub trait Commands: Send + Sync {
    /// Runs one command to its end.
    ///
    /// # Errors
    /// When it could not be started.
    fn run(&self, order: &CommandOrder) -> Result<CommandReport, CommandError>;
}
