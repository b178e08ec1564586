//! The event log: appended by the writer, read over a connection of its own.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use cw_core::domain::event::{Event, Value};
use cw_core::ports::store::{EventLog, StoreError};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OpenFlags};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::cell::{Binder, Fields, Stored, text};
use super::error::Fault;

/// The most events that one reading gives, whatever was asked for.
const MOST: usize = 10_000;

const COLUMNS: &[&str] = &[
    "seq",
    "at",
    "type",
    "project",
    "initiative",
    "task",
    "agent",
    "data",
];
const INSERT: &str = "INSERT INTO events (seq, at, type, project, initiative, task, agent, data) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const AFTER: &str = "SELECT seq, at, type, project, initiative, task, agent, data FROM events \
                     WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const LAST: &str = "SELECT coalesce(max(seq), 0) FROM events";

/// The number of the last event; 0 when there is none.
pub(super) fn last(connection: &Connection) -> Result<u64, Fault> {
    let seq: i64 = connection
        .prepare_cached(LAST)?
        .query_row([], |row| row.get(0))?;
    Ok(u64::try_from(seq).unwrap_or(0))
}

/// Appends one event; `last` is the number of the one before it.
pub(super) fn append(connection: &Connection, last: &mut u64, event: &Event) -> Result<(), Fault> {
    if event.seq != *last + 1 {
        return Err(Fault::Other(format!(
            "event {} does not follow event {last}",
            event.seq
        )));
    }
    let data =
        serde_json::to_string(&Data(&event.data)).map_err(|e| Fault::Other(e.to_string()))?;
    let mut statement = connection.prepare_cached(INSERT)?;
    let mut to = Binder::new(&mut statement);
    event.seq.write(&mut to)?;
    event.at.write(&mut to)?;
    to.bind(text(&event.kind))?;
    event.project.write(&mut to)?;
    event.initiative.write(&mut to)?;
    event.task.write(&mut to)?;
    event.agent.write(&mut to)?;
    to.bind(ToSqlOutput::from(data))?;
    statement.raw_execute()?;
    *last = event.seq;
    Ok(())
}

/// Reads the log and nothing else.
pub(super) struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags)
            .and_then(|connection| {
                connection.busy_timeout(super::BUSY)?;
                Ok(Self {
                    connection,
                    path: path.to_owned(),
                })
            })
            .map_err(|error| Fault::from(error).at(path))
    }

    fn read(&self, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        let mut statement = self.connection.prepare_cached(AFTER)?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit.min(MOST)).unwrap_or(i64::MAX);
        let mut rows = statement.query([after, limit])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(read_event(&mut Fields::new(row, "events", COLUMNS))?);
        }
        Ok(events)
    }
}

impl EventLog for Reader {
    fn after(&mut self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(after, limit)
            .map_err(|fault| fault.at(&self.path))
    }
}

fn read_event(from: &mut Fields<'_>) -> Result<Event, Fault> {
    Ok(Event {
        seq: from.one()?,
        at: from.one()?,
        kind: Cow::Owned(from.one()?),
        project: from.one()?,
        initiative: from.one()?,
        task: from.one()?,
        agent: from.one()?,
        data: {
            let json: String = from.one()?;
            let Entries(data) = serde_json::from_str(&json)
                .map_err(|error| from.corrupt(format!("no event's data: {error}")))?;
            data
        },
    })
}

/// The data of an event as a JSON object whose keys keep their order.
struct Data<'d>(&'d [(Cow<'static, str>, Value)]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, &One(value))?;
        }
        map.end()
    }
}

struct One<'v>(&'v Value);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Text(value) => serializer.serialize_str(value),
            Value::List(values) => values.serialize(serializer),
        }
    }
}

struct Entries(Vec<(Cow<'static, str>, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, Told(value))) = map.next_entry::<String, _>()? {
                    entries.push((Cow::Owned(key), value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

struct Told(Value);

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, a list of texts, true, false or null")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Value::List(texts))
    }
}
