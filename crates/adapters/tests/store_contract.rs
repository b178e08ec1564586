//! The SQLite store keeps the promises of the port.

use cw_adapters::sqlite::SqliteStore;
use cw_core::ports::store::Store;

#[test]
fn the_sqlite_store_keeps_the_promises_of_the_port() {
    cw_testkit::contract::store::run(|| {
        let folder = tempfile::tempdir().unwrap();
        move || {
            let store = SqliteStore::open(&folder.path().join("cw.db")).unwrap();
            Box::new(store) as Box<dyn Store>
        }
    });
}
