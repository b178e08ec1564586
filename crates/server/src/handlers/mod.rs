//! One file for each noun: what comes in is turned into a signal or a look at the state, what
//! comes back into what travels.

pub mod agent;
pub mod cost;
pub mod diff;
pub mod doctor;
pub mod files;
pub mod initiative;
pub mod log;
mod look;
pub mod me;
pub mod merge;
pub mod message;
pub mod plan;
pub mod project;
pub mod run;
pub mod server;
pub mod task;
pub mod why;
pub mod worktree;

use crate::rpc::Table;

/// Every procedure that the server answers.
#[must_use]
pub fn table() -> Table {
    let mut table = Table::default();
    agent::register(&mut table);
    me::register(&mut table);
    message::register(&mut table);
    merge::register(&mut table);
    cost::register(&mut table);
    server::register(&mut table);
    files::register(&mut table);
    worktree::register(&mut table);
    why::register(&mut table);
    doctor::register(&mut table);
    project::register(&mut table);
    plan::register(&mut table);
    run::register(&mut table);
    initiative::register(&mut table);
    task::register(&mut table);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_procedure_is_answered() {
        let table = table();
        for one in cw_wire::procedure::all() {
            assert!(table.answers(one.name), "{}", one.name);
        }
        assert!(!table.answers("no.such-thing"));
    }
}
