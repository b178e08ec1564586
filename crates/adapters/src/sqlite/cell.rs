//! How single values stand in columns. It knows no table.

use std::sync::Arc;

use cw_core::domain::duration::Seconds;
use cw_core::domain::ids::{
    AgentId, EffectId, InitiativeId, MergeId, MessageId, PhaseId, PlanId, ProjectId, TaskId,
    TurnId, Uid,
};
use cw_core::domain::money::Usd;
use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Row};

use super::error::Fault;

/// A statement whose parameters are bound one after the other.
pub(super) struct Binder<'s, 'c> {
    statement: &'s mut CachedStatement<'c>,
    bound: usize,
}

impl<'s, 'c> Binder<'s, 'c> {
    pub(super) fn new(statement: &'s mut CachedStatement<'c>) -> Self {
        Self {
            statement,
            bound: 0,
        }
    }

    pub(super) fn bind(&mut self, value: ToSqlOutput<'_>) -> Result<(), Fault> {
        self.bound += 1;
        Ok(self.statement.raw_bind_parameter(self.bound, value)?)
    }

    pub(super) fn null(&mut self) -> Result<(), Fault> {
        self.bind(ToSqlOutput::Owned(Value::Null))
    }

    pub(super) fn optional(&mut self, value: Option<&str>) -> Result<(), Fault> {
        match value {
            Some(value) => self.bind(text(value)),
            None => self.null(),
        }
    }
}

/// A row that is read column by column.
pub(super) struct Fields<'r> {
    row: &'r Row<'r>,
    table: &'static str,
    columns: &'static [&'static str],
    taken: usize,
}

impl<'r> Fields<'r> {
    pub(super) fn new(
        row: &'r Row<'r>,
        table: &'static str,
        columns: &'static [&'static str],
    ) -> Self {
        Self {
            row,
            table,
            columns,
            taken: 0,
        }
    }

    fn take(&mut self) -> Result<ValueRef<'r>, Fault> {
        let value = self.row.get_ref(self.taken)?;
        self.taken += 1;
        Ok(value)
    }

    /// The next column as one value.
    pub(super) fn one<T: Cell>(&mut self) -> Result<T, Fault> {
        let value = self.take()?;
        T::from_sql(value).map_err(|what| self.corrupt(what))
    }

    /// What is wrong with the column that was taken last.
    pub(super) fn corrupt(&self, what: impl Into<String>) -> Fault {
        Fault::Corrupt {
            table: self.table,
            id: self.row.get(0).unwrap_or_default(),
            column: self
                .taken
                .checked_sub(1)
                .and_then(|at| self.columns.get(at))
                .unwrap_or(&"?"),
            what: what.into(),
        }
    }
}

/// A value that stands in one or more columns.
pub(super) trait Stored: Sized {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault>;
    fn read(from: &mut Fields<'_>) -> Result<Self, Fault>;
}

/// A value that stands in one column.
pub(super) trait Cell: Sized {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String>;
    fn from_sql(value: ValueRef<'_>) -> Result<Self, String>;
}

impl<T: Cell> Stored for T {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        to.bind(self.to_sql().map_err(Fault::Other)?)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        from.one()
    }
}

impl<T: Cell> Cell for Option<T> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        match self {
            Some(value) => value.to_sql(),
            None => Ok(ToSqlOutput::Owned(Value::Null)),
        }
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        match value {
            ValueRef::Null => Ok(None),
            some => T::from_sql(some).map(Some),
        }
    }
}

/// A text that the statement borrows.
pub(super) fn text(value: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes()))
}

pub(super) fn as_text(value: ValueRef<'_>) -> Result<&str, String> {
    match value {
        ValueRef::Text(bytes) => {
            std::str::from_utf8(bytes).map_err(|_| "the text is not UTF-8".into())
        }
        other => Err(format!("a text is wanted, not {}", other.data_type())),
    }
}

impl Cell for i64 {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        Ok(ToSqlOutput::Owned(Value::Integer(*self)))
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        match value {
            ValueRef::Integer(number) => Ok(number),
            other => Err(format!("a number is wanted, not {}", other.data_type())),
        }
    }
}

impl Cell for bool {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        Ok(ToSqlOutput::Owned(Value::Integer(i64::from(*self))))
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        match i64::from_sql(value)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("{other} is neither 0 nor 1")),
        }
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Cell for $number {
            fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
                let number = i64::try_from(*self)
                    .map_err(|_| format!("{self} is more than the store can hold"))?;
                Ok(ToSqlOutput::Owned(Value::Integer(number)))
            }

            fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
                let number = i64::from_sql(value)?;
                Self::try_from(number).map_err(|_| format!("{number} is out of range"))
            }
        }
    )+};
}

numbers!(i32, u32, u64);

macro_rules! wrapped {
    ($($name:ident($inner:ty)),+ $(,)?) => {$(
        impl Cell for $name {
            fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
                <$inner as Cell>::to_sql(&self.0)
            }

            fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
                <$inner as Cell>::from_sql(value).map(Self)
            }
        }
    )+};
}

wrapped!(
    ProjectId(u64),
    InitiativeId(u64),
    PhaseId(u64),
    PlanId(u64),
    TaskId(u64),
    AgentId(u64),
    TurnId(u64),
    MessageId(u64),
    MergeId(u64),
    EffectId(u64),
    Uid(String),
    Usd(u64),
    Seconds(u64),
    Timestamp(i64),
);

impl Cell for String {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        Ok(text(self))
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        as_text(value).map(str::to_owned)
    }
}

impl Cell for Arc<str> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        Ok(text(self))
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        as_text(value).map(Self::from)
    }
}

impl Cell for Oid {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        Ok(text(self.as_str()))
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        let name = as_text(value)?;
        Self::new(name).map_err(|error| format!("`{}`: {error}", shortened(name)))
    }
}

impl Cell for Vec<String> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, String> {
        if self.is_empty() {
            return Ok(text("[]"));
        }
        let json = serde_json::to_string(self).map_err(|error| error.to_string())?;
        Ok(ToSqlOutput::Owned(Value::Text(json)))
    }

    fn from_sql(value: ValueRef<'_>) -> Result<Self, String> {
        let json = as_text(value)?;
        if json == "[]" {
            return Ok(Self::new());
        }
        serde_json::from_str(json).map_err(|error| format!("no list of texts: {error}"))
    }
}

/// What to say of a word that no variant has.
pub(super) fn unknown(word: &str) -> String {
    format!("unknown word `{}`", shortened(word))
}

fn shortened(word: &str) -> String {
    word.chars().take(60).collect()
}

/// Variants without facts, each with its word.
macro_rules! words {
    ($($name:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        impl $crate::sqlite::cell::Cell for $name {
            fn to_sql(&self) -> Result<rusqlite::types::ToSqlOutput<'_>, String> {
                Ok($crate::sqlite::cell::text(match self {
                    $(Self::$variant => $word,)+
                }))
            }

            fn from_sql(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
                match $crate::sqlite::cell::as_text(value)? {
                    $($word => Ok(Self::$variant),)+
                    other => Err($crate::sqlite::cell::unknown(other)),
                }
            }
        }
    )+};
}
pub(super) use words;
