use std::os::unix::fs::PermissionsExt;

use cw_core::domain::state::{Key, Row};
use cw_core::ports::store::{Store, StoreError};
use tempfile::TempDir;

use super::*;

fn store() -> (TempDir, PathBuf, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cw.db");
    let store = SqliteStore::open(&path).unwrap();
    (folder, path, store)
}

#[test]
fn the_file_is_for_its_owner_only() {
    let (_folder, path, mut store) = store();
    store.take_lease("one").unwrap();
    for name in ["cw.db", "cw.db-wal", "cw.db-shm"] {
        let mode = std::fs::metadata(path.with_file_name(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn commits_outlive_a_loss_of_power() {
    let (_folder, _path, store) = store();
    let ask = |pragma: &str| {
        store
            .connection
            .query_row(&format!("PRAGMA {pragma}"), [], |row| {
                row.get::<_, rusqlite::types::Value>(0)
            })
            .unwrap()
    };
    assert_eq!(ask("journal_mode"), "wal".to_owned().into());
    assert_eq!(ask("synchronous"), 2.into());
    assert_eq!(ask("foreign_keys"), 1.into());
}

/// Table, row, column, the SQL value put there, and what is said of it.
const DAMAGES: &[(&str, i64, &str, &str, &str)] = &[
    (
        "tasks",
        1,
        "state",
        "'odd'",
        "table tasks, row 1, column state: unknown word `odd`",
    ),
    (
        "tasks",
        1,
        "priority",
        "'odd'",
        "column priority: unknown word `odd`",
    ),
    (
        "tasks",
        1,
        "position",
        "-1",
        "column position: -1 is out of range",
    ),
    (
        "tasks",
        1,
        "touches",
        "'[1]'",
        "column touches: no list of texts",
    ),
    (
        "tasks",
        8,
        "merged_commit",
        "NULL",
        "row 8, column merged_commit: merged without a commit",
    ),
    (
        "initiatives",
        1,
        "tip",
        "'beef'",
        "column tip: `beef`: not an object name",
    ),
    (
        "turns",
        5,
        "verdict",
        "'odd'",
        "column verdict: unknown word `odd`",
    ),
    (
        "turns",
        5,
        "verdict",
        "NULL",
        "collecting without a verdict",
    ),
    (
        "messages",
        1,
        "from_kind",
        "'odd'",
        "column from_kind: unknown word `odd`",
    ),
    ("merges", 1, "gate_output", "NULL", "half a gate's report"),
    (
        "effects",
        1,
        "kind",
        "'odd'",
        "column kind: unknown word `odd`",
    ),
];

#[test]
fn a_damaged_row_is_told_with_table_row_and_column() {
    let (_folder, path, mut store) = store();
    let fence = store.take_lease("one").unwrap();
    let commit = Commit {
        put: cw_testkit::contract::store::samples(),
        ..Commit::default()
    };
    store.save(fence, &[commit]).unwrap();
    for (table, id, column, value, said) in DAMAGES {
        let place = format!("{table} SET {column}");
        let select = format!("SELECT {column} FROM {table} WHERE id = {id}");
        let sound: rusqlite::types::Value = store
            .connection
            .query_row(&select, [], |row| row.get(0))
            .unwrap();
        store
            .connection
            .execute(&format!("UPDATE {place} = {value} WHERE id = {id}"), [])
            .unwrap();
        let error = store.load().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        store
            .connection
            .execute(&format!("UPDATE {place} = ?1 WHERE id = {id}"), [sound])
            .unwrap();
    }
    store.load().unwrap();
}

#[test]
fn the_version_of_a_row_grows_with_each_write() {
    let (_folder, _path, mut store) = store();
    let fence = store.take_lease("one").unwrap();
    let commit = Commit {
        put: cw_testkit::contract::store::samples(),
        ..Commit::default()
    };
    store
        .save(fence, &[commit.clone(), commit.clone()])
        .unwrap();
    store.save(fence, &[commit]).unwrap();
    for table in [
        "projects",
        "initiatives",
        "phases",
        "plans",
        "tasks",
        "needs",
        "agents",
        "turns",
        "messages",
        "merges",
        "effects",
    ] {
        let versions: (i64, i64) = store
            .connection
            .query_row(
                &format!("SELECT min(version), max(version) FROM {table}"),
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!(versions, (3, 3), "{table}");
    }
}

#[test]
fn a_full_disk_says_so_and_leaves_the_store_usable() {
    let (_folder, path, mut store) = store();
    let fence = store.take_lease("one").unwrap();
    let samples = cw_testkit::contract::store::samples();
    store
        .save(
            fence,
            &[Commit {
                put: samples.clone(),
                ..Commit::default()
            }],
        )
        .unwrap();
    let before = store.load().unwrap();
    // The smallest number of pages that SQLite accepts is what is there already.
    store
        .connection
        .execute_batch("PRAGMA max_page_count = 1")
        .unwrap();
    let Some(Row::Project(mut big)) = samples.into_iter().next() else {
        panic!("the samples begin with a project");
    };
    big.trusted = Some("x".repeat(1 << 20).into());
    let commit = Commit {
        put: vec![Row::Project(big)],
        removed: vec![Key::Effect(1.into())],
        ..Commit::default()
    };
    let refused = store
        .save(fence, std::slice::from_ref(&commit))
        .unwrap_err();
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    assert_eq!(store.load().unwrap(), before);
    store
        .connection
        .execute_batch("PRAGMA max_page_count = 1000000")
        .unwrap();
    store.save(fence, &[commit]).unwrap();
    assert_ne!(SqliteStore::open(&path).unwrap().load().unwrap(), before);
}

#[test]
fn a_store_that_may_not_be_written_says_so() {
    let (_folder, _path, mut store) = store();
    let fence = store.take_lease("one").unwrap();
    store
        .connection
        .execute_batch("PRAGMA query_only = ON")
        .unwrap();
    let commit = Commit {
        put: cw_testkit::contract::store::samples(),
        ..Commit::default()
    };
    let refused = store
        .save(fence, std::slice::from_ref(&commit))
        .unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused}");
    store
        .connection
        .execute_batch("PRAGMA query_only = OFF")
        .unwrap();
    store.save(fence, &[commit]).unwrap();
}

#[test]
fn a_number_that_does_not_fit_is_refused() {
    let (_folder, _path, mut store) = store();
    let fence = store.take_lease("one").unwrap();
    let mut samples = cw_testkit::contract::store::samples();
    for row in &mut samples {
        if let Row::Turn(turn) = row {
            turn.read_out = u64::MAX;
        }
    }
    let refused = store
        .save(
            fence,
            &[Commit {
                put: samples,
                ..Commit::default()
            }],
        )
        .unwrap_err();
    assert!(
        refused.to_string().contains("more than the store can hold"),
        "{refused}"
    );
    assert_eq!(store.load().unwrap(), Loaded::default());
}

#[test]
fn what_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cw.db");
    std::fs::write(
        &path,
        "a letter to my mother, long enough to be looked at by SQLite ".repeat(20),
    )
    .unwrap();
    let error = SqliteStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("no database of this program"), "{error}");
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("a letter")
    );
}

#[test]
fn a_missing_folder_is_named() {
    let error = SqliteStore::open(Path::new("/nowhere/at/all/cw.db")).unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/at/all/cw.db"),
        "{error}"
    );
}

#[test]
fn a_reader_is_not_held_up_by_a_write_under_way() {
    let (_folder, _path, mut store) = store();
    store.take_lease("one").unwrap();
    let mut log = store.events().unwrap();
    let transaction = store
        .connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    transaction
        .execute(
            "INSERT INTO events (seq, at, type, data) VALUES (1, 0, 'task.added', '{}')",
            [],
        )
        .unwrap();
    assert_eq!(log.after(0, 10).unwrap(), []);
    transaction.commit().unwrap();
    assert_eq!(log.after(0, 10).unwrap().len(), 1);
}
