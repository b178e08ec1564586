//! The store over SQLite: one file, one writer, readers beside it.
//!
//! It owns the schema and the way between rows and domain values. It decides nothing: a commit is
//! saved whole or not at all.

mod cell;
mod error;
mod events;
mod rows;
mod schema;
mod table;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cw_core::domain::txn::Commit;
use cw_core::ports::store::{EventLog, Fence, Loaded, Store, StoreError};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use self::error::Fault;
use self::schema::{MIGRATIONS, Migration};

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(5);

/// Every statement that saving uses, with room to spare.
const STATEMENTS: usize = 64;

const LEASE: &str = "writer";

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the store at `path`, making or upgrading it as needed. Its folder must be there.
    ///
    /// # Errors
    /// When it cannot be opened or written, was made by a newer version, or is something else.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, MIGRATIONS)
    }

    fn open_with(path: &Path, steps: &[Migration]) -> Result<Self, StoreError> {
        connect(path, steps)
            .map(|connection| Self {
                connection,
                path: path.to_owned(),
            })
            .map_err(|fault| fault.at(path))
    }

    fn try_take_lease(&mut self, owner: &str) -> Result<Fence, Fault> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let token: i64 = transaction.query_row(
            "INSERT INTO leases (name, owner, token) VALUES (?1, ?2, 1) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = token + 1 \
             RETURNING token",
            [LEASE, owner],
            |row| row.get(0),
        )?;
        transaction.commit()?;
        Ok(Fence(token.unsigned_abs()))
    }

    fn try_load(&mut self) -> Result<Loaded, Fault> {
        // One transaction, so that rows and the last number belong together.
        let transaction = self.connection.transaction()?;
        Ok(Loaded {
            rows: rows::load(&transaction)?,
            last_seq: events::last(&transaction)?,
        })
    }

    fn try_save(&mut self, fence: Fence, commits: &[Commit]) -> Result<(), Fault> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        check_fence(&transaction, fence)?;
        let mut last = None;
        for commit in commits {
            for row in &commit.put {
                rows::put(&transaction, row)?;
            }
            for key in &commit.removed {
                rows::remove(&transaction, *key)?;
            }
            for event in &commit.events {
                let last = match &mut last {
                    Some(last) => last,
                    None => last.insert(events::last(&transaction)?),
                };
                events::append(&transaction, last, event)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl Store for SqliteStore {
    fn take_lease(&mut self, owner: &str) -> Result<Fence, StoreError> {
        self.try_take_lease(owner)
            .map_err(|fault| fault.at(&self.path))
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.try_load().map_err(|fault| fault.at(&self.path))
    }

    fn save(&mut self, fence: Fence, commits: &[Commit]) -> Result<(), StoreError> {
        self.try_save(fence, commits)
            .map_err(|fault| fault.at(&self.path))
    }

    fn events(&self) -> Result<Box<dyn EventLog>, StoreError> {
        Ok(Box::new(events::Reader::open(&self.path)?))
    }
}

fn connect(path: &Path, steps: &[Migration]) -> Result<Connection, Fault> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Before anything is written: what is too new or not ours stays as it is.
    schema::inspect(&connection, steps)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Other(format!(
            "this file system does not carry a write-ahead log (it is in mode {mode})"
        )));
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    schema::migrate(&mut connection, steps)?;
    Ok(connection)
}

/// The file holds agents' tokens: only its owner reads it. SQLite gives the files beside it the
/// same mode.
fn make_private(path: &Path) -> Result<(), Fault> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            std::io::ErrorKind::AlreadyExists => Ok(()),
            std::io::ErrorKind::StorageFull => Err(StoreError::Full(told(path, &error)).into()),
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                Err(StoreError::ReadOnly(told(path, &error)).into())
            }
            _ => Err(StoreError::Failed(told(path, &error)).into()),
        },
    }
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn check_fence(connection: &Connection, fence: Fence) -> Result<(), Fault> {
    let token: Option<i64> = connection
        .prepare_cached("SELECT token FROM leases WHERE name = ?1")?
        .query_row([LEASE], |row| row.get(0))
        .optional()?;
    if token.map(i64::unsigned_abs) == Some(fence.0) {
        Ok(())
    } else {
        Err(StoreError::Fenced.into())
    }
}

#[cfg(test)]
mod tests;
