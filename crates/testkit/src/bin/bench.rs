//! Measures `cw` and writes BENCHMARKS.md: `bench [--quick] [--only NAME]…`. It hands the real store to the benchmarks, which
//! know only its port.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers"
)]

use std::path::Path;
use std::process::ExitCode;

use cw_adapters::agent::{Setup, ShimAgents};
use cw_adapters::sqlite::SqliteStore;
use cw_core::ports::agents::Agents;
use cw_core::ports::store::Store;
use cw_testkit::bench::options::Options;
use cw_testkit::bench::{Bench, Commits, Disk, Tried, serving};

fn store(path: &Path) -> Tried<Box<dyn Store>> {
    let store = SqliteStore::open(path).map_err(|error| error.to_string())?;
    Ok(Box::new(store))
}

fn agents(cw: &Path, dir: &Path) -> Tried<Box<dyn Agents>> {
    let cw = cw.canonicalize().map_err(|error| error.to_string())?;
    let setup = Setup {
        cw,
        runs: dir.join("runs"),
        bin: dir.join("bin"),
        cgroups: true,
    };
    let agents = ShimAgents::new(setup).map_err(|error| error.to_string())?;
    Ok(Box::new(agents))
}

/// The least that can be made durable: one small row in a transaction of its own.
fn commit(path: &Path) -> Tried<Commits> {
    let connection = rusqlite::Connection::open(path).map_err(|error| error.to_string())?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB) STRICT;",
        )
        .map_err(|error| error.to_string())?;
    Ok(Box::new(move || {
        let insert = connection.prepare_cached("INSERT INTO rows (body) VALUES (zeroblob(100))");
        insert
            .and_then(|mut insert| insert.execute([]))
            .map(drop)
            .map_err(|error| error.to_string())
    }))
}

fn run() -> Tried<()> {
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == serving::ACT).is_some() {
        return serving::act();
    }
    let options = Options::read(words)?;
    let version = rusqlite::version().to_owned();
    let bench = Bench {
        options,
        disk: Disk {
            agents,
            store,
            commit,
            version,
        },
    };
    let report = bench.run()?;
    println!("{}", report.markdown());
    if let Some(path) = &bench.options.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    match &bench.options.write {
        Some(path) => report.write(path),
        None => Ok(()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}
