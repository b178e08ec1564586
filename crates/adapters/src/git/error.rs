//! What can go wrong at the door and behind it, and how that reads to a person.

use std::io;
use std::path::PathBuf;

use cw_core::ports::workspaces::WorkspaceError;
use thiserror::Error;

/// A failure of git, of the file system beside it, or a refusal of ours.
#[derive(Debug, Error)]
pub(super) enum GitError {
    /// The program could not be started.
    #[error("{program} cannot be started: {source}")]
    Start { program: String, source: io::Error },
    /// It exited with a code that is no answer.
    #[error("`{command}` failed ({code}): {stderr}")]
    Failed {
        command: String,
        code: i32,
        stderr: String,
    },
    /// A signal ended it: whatever it was doing may be half done.
    #[error("`{command}` was killed by signal {signal}")]
    Interrupted { command: String, signal: i32 },
    /// It ran too long and was ended.
    #[error("`{command}` took too long and was ended")]
    OutOfTime { command: String },
    /// It wrote more than is sensible.
    #[error("`{command}` wrote more than can be taken")]
    TooMuch { command: String },
    /// Its answer has another form than expected.
    #[error("the answer of `{command}` cannot be read")]
    Unreadable { command: String },
    /// The file system failed.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// Another process holds something.
    #[error("{path} is held by another process")]
    Held { path: String },
    /// We will not do that.
    #[error("{cause}")]
    Refused { cause: String, hint: String },
}

impl GitError {
    pub(super) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    pub(super) fn refused(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused {
            cause: cause.into(),
            hint: hint.into(),
        }
    }

    pub(super) fn held(path: &std::path::Path) -> Self {
        Self::Held {
            path: path.display().to_string(),
        }
    }

    /// What git said, when it said something.
    pub(super) fn stderr(&self) -> &str {
        match self {
            Self::Failed { stderr, .. } => stderr,
            _ => "",
        }
    }

    /// The lock file that git found taken, if that is the failure.
    pub(super) fn lock_in_the_way(&self) -> Option<PathBuf> {
        let text = self.stderr();
        if !text.contains("File exists") {
            return None;
        }
        let end = text.find(".lock'")? + ".lock".len();
        let start = text[..end].rfind('\'')? + 1;
        Some(PathBuf::from(&text[start..end]))
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Interrupted { .. } | Self::OutOfTime { .. } | Self::Held { .. } => true,
            Self::Start { source, .. } | Self::Io { source, .. } => {
                matches!(
                    source.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::OutOfMemory
                        | io::ErrorKind::StorageFull
                        | io::ErrorKind::ExecutableFileBusy
                )
            }
            Self::Failed { stderr, .. } => {
                stderr.contains("No space left on device")
                    || (stderr.contains(".lock'") && stderr.contains("File exists"))
                    || stderr.contains("Cannot allocate memory")
                    || stderr.contains("Resource temporarily unavailable")
            }
            _ => false,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Start { .. } => {
                "install git 2.41 or newer, and see that it is on the PATH".into()
            }
            Self::Refused { hint, .. } => hint.clone(),
            Self::Failed { stderr, .. } if stderr.contains("dubious ownership") => {
                "git config --global --add safe.directory <folder>".into()
            }
            Self::Failed { stderr, .. } if stderr.contains("No space left on device") => {
                "free some disk space".into()
            }
            _ => String::new(),
        }
    }

    /// Tells it to a person: `what` could not be done.
    pub(super) fn explain(self, what: &str) -> WorkspaceError {
        WorkspaceError {
            what: what.to_owned(),
            cause: self.to_string().chars().take(2_000).collect(),
            hint: self.hint(),
            transient: self.is_transient(),
        }
    }
}
