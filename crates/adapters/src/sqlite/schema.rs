//! The schema's versions: numbered files, each applied once, in order, in a transaction of its own.

use cw_core::ports::store::StoreError;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::error::Fault;
use crate::checksum::checksum;

/// One step of the schema. Released steps never change: their checksums are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// The file's name, for messages.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) sql: &'static str,
}

/// Every step; the first makes version 1.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_initial",
        sql: include_str!("migrations/0001_initial.sql"),
    },
    Migration {
        name: "0002_child_keys",
        sql: include_str!("migrations/0002_child_keys.sql"),
    },
    Migration {
        name: "0003_requests",
        sql: include_str!("migrations/0003_requests.sql"),
    },
    Migration {
        name: "0004_lifts",
        sql: include_str!("migrations/0004_lifts.sql"),
    },
    Migration {
        name: "0005_run_limits",
        sql: include_str!("migrations/0005_run_limits.sql"),
    },
    Migration {
        name: "0006_budgets",
        sql: include_str!("migrations/0006_budgets.sql"),
    },
    Migration {
        name: "0007_holds",
        sql: include_str!("migrations/0007_holds.sql"),
    },
    Migration {
        name: "0008_messages",
        sql: include_str!("migrations/0008_messages.sql"),
    },
];

const LEDGER: &str = "CREATE TABLE migrations (
    number   INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT";

/// Checks what is there, touching nothing: its version is one that `steps` leads to.
pub(super) fn inspect(connection: &Connection, steps: &[Migration]) -> Result<u32, Fault> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::TooNew { found, known }.into());
    }
    if found == 0 {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(Fault::Other(
                "this is a database of another program: move it away".into(),
            ));
        }
    }
    for (number, step) in (1..=found).zip(steps) {
        check(connection, number, step)?;
    }
    Ok(found)
}

fn check(connection: &Connection, number: u32, step: &Migration) -> Result<(), Fault> {
    let stored: Option<String> = connection
        .query_row(
            "SELECT checksum FROM migrations WHERE number = ?1",
            [number],
            |row| row.get(0),
        )
        .optional()?;
    match stored {
        Some(stored) if stored == checksum(step.sql.as_bytes()) => Ok(()),
        Some(stored) => Err(Fault::Other(format!(
            "migration {number} ({}) was applied with another text (checksum {stored}, this \
             program has {}): the store was made by a different build; use that one, or move the \
             store away",
            step.name,
            checksum(step.sql.as_bytes()),
        ))),
        None => Err(Fault::Other(format!(
            "migration {number} ({}) is not in the store's list although its version says so",
            step.name
        ))),
    }
}

/// Brings the schema to its newest version.
pub(super) fn migrate(connection: &mut Connection, steps: &[Migration]) -> Result<(), Fault> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Looked at again under the lock: somebody else may have been faster.
        let found = inspect(&transaction, steps)?;
        let Some(step) = usize::try_from(found).ok().and_then(|at| steps.get(at)) else {
            return Ok(());
        };
        let number = found + 1;
        if number == 1 {
            transaction.execute_batch(LEDGER)?;
        }
        transaction
            .execute_batch(step.sql)
            .map_err(|error| Fault::Other(format!("migration {}: {error}", step.name)))?;
        transaction.execute(
            "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
            (number, step.name, checksum(step.sql.as_bytes())),
        )?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
}

#[cfg(test)]
mod tests;
