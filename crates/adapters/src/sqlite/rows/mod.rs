//! Rows of any kind to their tables and back.

mod hierarchy;
mod needs;
mod ring;
mod work;

use cw_core::domain::effect::Effect;
use cw_core::domain::hierarchy::{Initiative, Phase, Plan, Project, Task};
use cw_core::domain::state::{Entity, Key, Row};
use cw_core::domain::work::{Agent, Merge, Message, Turn};
use rusqlite::Connection;

use super::error::Fault;
use super::table::{self, Table};

/// Writes a row, new or not.
pub(super) fn put(connection: &Connection, row: &Row) -> Result<(), Fault> {
    match row {
        Row::Project(row) => table::put(connection, row),
        Row::Initiative(row) => table::put(connection, row),
        Row::Phase(row) => table::put(connection, row),
        Row::Plan(row) => table::put(connection, row),
        Row::Task(row) => table::put(connection, row),
        Row::Needs(row) => needs::put(connection, row),
        Row::Agent(row) => table::put(connection, row),
        Row::Turn(row) => table::put(connection, row),
        Row::Message(row) => table::put(connection, row),
        Row::Merge(row) => table::put(connection, row),
        Row::Effect(row) => table::put(connection, row),
    }
}

/// Deletes the row that `key` names, if it is there.
pub(super) fn remove(connection: &Connection, key: Key) -> Result<(), Fault> {
    match key {
        Key::Project(id) => table::delete::<Project>(connection, id),
        Key::Initiative(id) => table::delete::<Initiative>(connection, id),
        Key::Phase(id) => table::delete::<Phase>(connection, id),
        Key::Plan(id) => table::delete::<Plan>(connection, id),
        Key::Task(id) => table::delete::<Task>(connection, id),
        Key::Needs(id) => needs::delete(connection, id),
        Key::Agent(id) => table::delete::<Agent>(connection, id),
        Key::Turn(id) => table::delete::<Turn>(connection, id),
        Key::Message(id) => table::delete::<Message>(connection, id),
        Key::Merge(id) => table::delete::<Merge>(connection, id),
        Key::Effect(id) => table::delete::<Effect>(connection, id),
    }
}

/// Reads every row, in the order of their keys.
pub(super) fn load(connection: &Connection) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    take::<Project>(connection, &mut rows)?;
    take::<Initiative>(connection, &mut rows)?;
    take::<Phase>(connection, &mut rows)?;
    take::<Plan>(connection, &mut rows)?;
    take::<Task>(connection, &mut rows)?;
    needs::load(connection, &mut rows)?;
    take::<Agent>(connection, &mut rows)?;
    take::<Turn>(connection, &mut rows)?;
    take::<Message>(connection, &mut rows)?;
    take::<Merge>(connection, &mut rows)?;
    take::<Effect>(connection, &mut rows)?;
    Ok(rows)
}

fn take<T: Table + Entity>(connection: &Connection, rows: &mut Vec<Row>) -> Result<(), Fault> {
    table::load::<T>(connection, |row| rows.push(row.into_row()))
}
