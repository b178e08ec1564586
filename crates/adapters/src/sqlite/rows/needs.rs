//! What tasks wait for: one row per list, one per entry.

use cw_core::domain::graph::{Needs, Node};
use cw_core::domain::ids::TaskId;
use cw_core::domain::state::Row;
use rusqlite::Connection;

use crate::sqlite::cell::{Binder, Fields, Stored, text, unknown};
use crate::sqlite::error::Fault;

const UPSERT: &str =
    "INSERT INTO needs (id) VALUES (?1) ON CONFLICT (id) DO UPDATE SET version = version + 1";
const DELETE: &str = "DELETE FROM needs WHERE id = ?1";
const CLEAR: &str = "DELETE FROM dependencies WHERE task_id = ?1";
const INSERT: &str = "INSERT INTO dependencies (task_id, position, node_kind, node_id) \
                      VALUES (?1, ?2, ?3, ?4)";
const LISTS: &str = "SELECT id FROM needs ORDER BY id";
const ENTRIES: &str = "SELECT task_id, position, node_kind, node_id FROM dependencies \
                       ORDER BY task_id, position";
const COLUMNS: &[&str] = &["task_id", "position", "node_kind", "node_id"];

/// Writes a list, new or not.
pub(super) fn put(connection: &Connection, needs: &Needs) -> Result<(), Fault> {
    run(connection, UPSERT, needs.id)?;
    run(connection, CLEAR, needs.id)?;
    let mut statement = connection.prepare_cached(INSERT)?;
    for (position, node) in (0_u64..).zip(&needs.nodes) {
        let mut to = Binder::new(&mut statement);
        needs.id.write(&mut to)?;
        position.write(&mut to)?;
        node.write(&mut to)?;
        statement.raw_execute()?;
    }
    Ok(())
}

/// Deletes a list with its entries.
pub(super) fn delete(connection: &Connection, id: TaskId) -> Result<(), Fault> {
    run(connection, CLEAR, id)?;
    run(connection, DELETE, id)
}

/// Reads every list, by its task.
pub(super) fn load(connection: &Connection, rows: &mut Vec<Row>) -> Result<(), Fault> {
    let mut entries = connection.prepare(ENTRIES)?;
    let mut entries = entries.raw_query();
    let mut next = take_entry(entries.next()?)?;
    let mut lists = connection.prepare(LISTS)?;
    let mut lists = lists.raw_query();
    while let Some(list) = lists.next()? {
        let id: TaskId = Fields::new(list, "needs", &["id"]).one()?;
        let mut nodes = Vec::new();
        while let Some((_, node)) = next.filter(|(task, _)| *task == id) {
            nodes.push(node);
            next = take_entry(entries.next()?)?;
        }
        rows.push(Row::Needs(Needs { id, nodes }));
    }
    Ok(())
}

fn take_entry(row: Option<&rusqlite::Row<'_>>) -> Result<Option<(TaskId, Node)>, Fault> {
    let Some(row) = row else {
        return Ok(None);
    };
    let mut from = Fields::new(row, "dependencies", COLUMNS);
    let task = from.one()?;
    from.one::<u64>()?;
    Ok(Some((task, Node::read(&mut from)?)))
}

fn run(connection: &Connection, sql: &str, id: TaskId) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    id.write(&mut Binder::new(&mut statement))?;
    statement.raw_execute()?;
    Ok(())
}

impl Stored for Node {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        let (word, id) = match self {
            Self::Task(id) => ("task", id.0),
            Self::Plan(id) => ("plan", id.0),
            Self::Phase(id) => ("phase", id.0),
        };
        to.bind(text(word))?;
        id.write(to)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let word: String = from.one()?;
        let misread = from.corrupt(unknown(&word));
        let id: u64 = from.one()?;
        match &*word {
            "task" => Ok(Self::Task(id.into())),
            "plan" => Ok(Self::Plan(id.into())),
            "phase" => Ok(Self::Phase(id.into())),
            _ => Err(misread),
        }
    }
}
