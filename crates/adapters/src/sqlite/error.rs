//! What goes wrong below the port, and which of the port's errors it becomes.

use std::path::Path;

use cw_core::ports::store::StoreError;
use rusqlite::ErrorCode;
use rustix::fs::{StatVfsMountFlags, statvfs};
use thiserror::Error;

/// A failure below the port.
#[derive(Debug, Error)]
pub(super) enum Fault {
    /// SQLite said no.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    /// A stored row is not one that this program writes.
    #[error("table {table}, row {id}, column {column}: {what}")]
    Corrupt {
        /// The table's name.
        table: &'static str,
        /// The row's id.
        id: i64,
        /// The column's name.
        column: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// An error of the port already.
    #[error(transparent)]
    Port(#[from] StoreError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl Fault {
    /// The port's error for a store that lies at `path`.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let text = format!("{}: {self}", path.display());
        match self {
            Self::Port(error) => error,
            Self::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::Full(text),
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    StoreError::ReadOnly(text)
                }
                Some(ErrorCode::SystemIoFailure) => input_output(path, text),
                Some(ErrorCode::NotADatabase) => StoreError::Failed(format!(
                    "{text}; the file is no database of this program: move it away"
                )),
                _ => StoreError::Failed(text),
            },
            Self::Corrupt { .. } | Self::Other(_) => StoreError::Failed(text),
        }
    }
}

/// SQLite reports a full disk or a read-only mount as an input/output error where it meets them
/// outside a plain write (a sync, its shared memory): the file system says which it is.
fn input_output(path: &Path, text: String) -> StoreError {
    let folder = path.parent().unwrap_or(path);
    match statvfs(folder) {
        Ok(fs) if fs.f_flag.contains(StatVfsMountFlags::RDONLY) => StoreError::ReadOnly(text),
        Ok(fs) if fs.f_bavail == 0 => StoreError::Full(text),
        _ => StoreError::Failed(text),
    }
}
