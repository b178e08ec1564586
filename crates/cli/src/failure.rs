//! How a command ends: an exit code, or an error that carries one.

use cw_wire::{ErrorCode, ErrorView};
use std::io;

/// The exit code of a command that did not end with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// Done.
    pub(crate) const DONE: Self = Self(0);
    /// The work itself failed.
    pub(crate) const FAILED: Self = Self(1);
    /// Wrong usage.
    pub(crate) const USAGE: Self = Self(2);
    /// Everything left waits for the user.
    pub(crate) const WAITS: Self = Self(6);
    /// There is no answer yet: end the turn.
    pub(crate) const AGAIN: Self = Self(75);
    /// Interrupted by the user.
    pub(crate) const INTERRUPTED: Self = Self(130);
}

/// Why a command could not do its work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// Something to tell the user.
    Error(Box<ErrorView>),
    /// Whoever read our output has gone: end silently.
    Closed,
}

/// What every command returns.
pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

impl From<Box<ErrorView>> for Failure {
    fn from(error: Box<ErrorView>) -> Self {
        Self::Error(error)
    }
}

impl From<ErrorView> for Failure {
    fn from(error: ErrorView) -> Self {
        Self::Error(Box::new(error))
    }
}

impl Failure {
    /// Whether it is an error of this kind.
    pub(crate) fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Error(error) if error.code == code)
    }
}

/// Builds a usage error.
pub(crate) fn usage(message: impl Into<String>) -> ErrorView {
    ErrorView::new(ErrorCode::Usage, message)
}

/// Builds a refusal.
pub(crate) fn refused(message: impl Into<String>) -> ErrorView {
    ErrorView::new(ErrorCode::Refused, message)
}

/// Translates an error of writing to standard output.
pub(crate) fn writing(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::Closed;
    }
    ErrorView::new(ErrorCode::Internal, "cannot write to standard output")
        .cause(error.to_string())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_silent_and_a_full_disk_is_not() {
        assert_eq!(writing(&io::ErrorKind::BrokenPipe.into()), Failure::Closed);
        let full = writing(&io::ErrorKind::StorageFull.into());
        assert!(full.is(ErrorCode::Internal));
    }
}
