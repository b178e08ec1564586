//! One file for each noun: what comes in is turned into a signal or a look at the state, what
//! comes back into what travels.

use crate::rpc::Table;

/// Every procedure that the server answers.
#[must_use]
pub fn table() -> Table {
    let table = Table::default();
    table
}
