use std::path::{Path, PathBuf};

use cw_core::ports::store::{Store, StoreError};
use rusqlite::types::Value;
use tempfile::TempDir;

use super::*;
use crate::sqlite::SqliteStore;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cw.db");
    (folder, path)
}

fn tables(connection: &Connection) -> Vec<String> {
    connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'migrations' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Puts one row into every table, whatever its columns: all ids are 1, so that they agree.
fn populate(connection: &mut Connection) {
    let transaction = connection.transaction().unwrap();
    for table in tables(&transaction) {
        let columns: Vec<(String, String)> = transaction
            .prepare(&format!("PRAGMA table_info({table})"))
            .unwrap()
            .query_map([], |row| Ok((row.get(1)?, row.get(2)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let names: Vec<&str> = columns.iter().map(|(name, _)| &**name).collect();
        let values: Vec<Value> = columns
            .iter()
            .map(|(_, kind)| match &**kind {
                "INTEGER" => 1.into(),
                _ => "[]".to_owned().into(),
            })
            .collect();
        let places = vec!["?"; names.len()].join(", ");
        transaction
            .execute(
                &format!(
                    "INSERT INTO {table} ({}) VALUES ({places})",
                    names.join(", ")
                ),
                rusqlite::params_from_iter(values),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .unwrap()
}

fn faults(connection: &Connection) -> Vec<String> {
    let mut found = Vec::new();
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    if sound != "ok" {
        found.push(sound);
    }
    connection
        .prepare("PRAGMA foreign_key_check")
        .unwrap()
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .for_each(|table| found.push(format!("foreign key in {}", table.unwrap())));
    found
}

/// Opens a populated store of each older version with `steps` and looks that its rows are there.
fn upgrade_from_every_version(steps: &[Migration]) {
    for version in 1..=steps.len() {
        let (_folder, path) = place();
        let mut store = SqliteStore::open_with(&path, &steps[..version]).unwrap();
        populate(&mut store.connection);
        let before = tables(&store.connection);
        drop(store);
        let store = SqliteStore::open_with(&path, steps).unwrap();
        assert_eq!(
            inspect(&store.connection, steps).unwrap() as usize,
            steps.len()
        );
        for table in before {
            assert_eq!(
                count(&store.connection, &table),
                1,
                "{table} since {version}"
            );
        }
        assert_eq!(faults(&store.connection), [""; 0], "since {version}");
        drop(store);
        SqliteStore::open_with(&path, steps).unwrap();
    }
}

#[test]
fn rows_of_every_older_version_survive_the_upgrade() {
    upgrade_from_every_version(MIGRATIONS);
}

#[test]
fn a_further_step_is_applied_once_to_a_populated_store() {
    let mut steps = MIGRATIONS.to_vec();
    steps.push(Migration {
        name: "a_column",
        sql: "ALTER TABLE tasks ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';",
    });
    upgrade_from_every_version(&steps);
}

#[test]
fn rows_that_version_1_wrote_are_read() {
    let (_folder, path) = place();
    let mut store = SqliteStore::open_with(&path, &MIGRATIONS[..1]).unwrap();
    store
        .connection
        .execute_batch(include_str!("../testdata/rows_0001.sql"))
        .unwrap();
    drop(store);
    store = SqliteStore::open(&path).unwrap();
    let rows = store.load().unwrap().rows;
    let loaded: String = rows.iter().map(|row| format!("{row:?}\n")).collect();
    assert_eq!(loaded, include_str!("../testdata/rows_0001.txt"));
    assert_eq!(faults(&store.connection), [""; 0]);
}

#[test]
fn a_step_that_fails_leaves_the_version_before() {
    let (_folder, path) = place();
    let mut steps = MIGRATIONS.to_vec();
    steps.push(Migration {
        name: "broken",
        sql: "CREATE TABLE fresh (a INTEGER) STRICT; CREATE TABLE tasks (a INTEGER) STRICT;",
    });
    let error = SqliteStore::open_with(&path, &steps)
        .unwrap_err()
        .to_string();
    assert!(error.contains("migration broken"), "{error}");
    let store = SqliteStore::open(&path).unwrap();
    assert!(!tables(&store.connection).contains(&"fresh".to_owned()));
}

#[test]
fn a_changed_step_is_refused() {
    let (_folder, path) = place();
    SqliteStore::open(&path).unwrap();
    let mut other = MIGRATIONS.to_vec();
    other[0].sql = "CREATE TABLE something (a INTEGER) STRICT;";
    let error = SqliteStore::open_with(&path, &other)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("migration 1 (0001_initial) was applied with another text"),
        "{error}"
    );
}

/// Rows of these tables are written while others that name them wait for a row to come.
#[test]
fn what_names_a_task_an_agent_or_a_merge_is_found_without_reading_the_table() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    let mut keys = 0;
    for table in tables(&store.connection) {
        let children: Vec<String> = store
            .connection
            .prepare(&format!("PRAGMA foreign_key_list({table})"))
            .unwrap()
            .query_map([], |row| Ok((row.get::<_, String>(2)?, row.get(3)?)))
            .unwrap()
            .map(Result::unwrap)
            .filter(|(parent, _)| ["tasks", "agents", "merges"].contains(&&**parent))
            .map(|(_, column)| column)
            .collect();
        for column in children {
            keys += 1;
            let search = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = ?1");
            let how: String = store
                .connection
                .query_row(&search, [1], |row| row.get(3))
                .unwrap();
            assert!(how.starts_with("SEARCH"), "{table}.{column}: {how}");
        }
    }
    assert!(keys >= 10, "{keys}");
}

#[test]
fn a_newer_store_is_refused_and_stays_as_it_is() {
    let (_folder, path) = place();
    let store = SqliteStore::open(&path).unwrap();
    store
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(store);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert_eq!(
        error,
        StoreError::TooNew {
            found: 99,
            known: u32::try_from(MIGRATIONS.len()).unwrap()
        }
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let (_folder, path) = place();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE photos (a)")
        .unwrap();
    let error = SqliteStore::open(Path::new(&path)).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
}
