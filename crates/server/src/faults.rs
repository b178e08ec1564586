//! Failures in the words of the wire.

use cw_core::app::{Refusal, RefusalKind};
use cw_core::ports::agents::AgentsError;
use cw_core::ports::settings::SettingsError;
use cw_core::ports::workspaces::WorkspaceError;
use cw_wire::{ErrorCode, ErrorView};

use crate::engine::EngineError;

/// A fault of the program.
pub fn internal(what: impl Into<String>) -> ErrorView {
    ErrorView::new(ErrorCode::Internal, what)
}

/// A decision that says no.
#[must_use]
pub fn refusal(refusal: Refusal) -> ErrorView {
    let code = match refusal.kind {
        RefusalKind::Usage => ErrorCode::Usage,
        RefusalKind::NotFound => ErrorCode::NotFound,
        RefusalKind::State => ErrorCode::Refused,
    };
    ErrorView {
        cause: refusal.cause,
        hint: refusal.hint,
        ..ErrorView::new(code, refusal.what)
    }
}

/// Whatever kept a signal from being taken in.
#[must_use]
pub fn to_view(error: EngineError) -> ErrorView {
    match error {
        EngineError::Refused(no) => refusal(no),
        EngineError::Ending => ErrorView::new(ErrorCode::Unreachable, "the server is ending")
            .hint("try again; it starts anew when needed"),
        EngineError::Store(error) => internal("it could not be saved; nothing was changed")
            .cause(error.to_string())
            .hint("make room or make the folder of CW_HOME writable, then try again"),
    }
}

/// A fault of git or around it.
#[must_use]
pub fn workspace(error: WorkspaceError) -> ErrorView {
    let view = internal(error.what);
    ErrorView {
        cause: (!error.cause.is_empty()).then_some(error.cause),
        hint: (!error.hint.is_empty()).then_some(error.hint),
        ..view
    }
}

/// A fault of agent programs.
#[must_use]
pub fn agents(error: &AgentsError) -> ErrorView {
    internal(error.to_string())
}

/// A settings file that cannot be read.
#[must_use]
pub fn settings(error: SettingsError) -> ErrorView {
    ErrorView {
        cause: error.cause,
        hint: error.hint,
        ..ErrorView::new(ErrorCode::Usage, error.what)
    }
}
