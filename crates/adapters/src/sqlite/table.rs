//! One table per kind of row: its statements, and the way between a row's columns and its value.

use cw_core::domain::state::Entity;
use rusqlite::Connection;

use super::cell::{Binder, Fields};
use super::error::Fault;

/// A kind of row with a table of its own.
pub(super) trait Table: Entity {
    /// The table's name.
    const NAME: &'static str;
    /// Its columns in the order in which they are written and read, `id` first.
    const COLUMNS: &'static [&'static str];
    /// Writes a row, new or not.
    const UPSERT: &'static str;
    /// Deletes the row with one id.
    const DELETE: &'static str;
    /// Reads every row, by id.
    const SELECT: &'static str;

    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault>;
    fn read(from: &mut Fields<'_>) -> Result<Self, Fault>;
}

/// Says which columns each field stands in; a field that is not named does not compile.
macro_rules! table {
    ($row:ident in $name:literal { $($field:ident => [$($column:ident),+]),* $(,)? }) => {
        impl $crate::sqlite::table::Table for $row {
            const NAME: &'static str = $name;
            const COLUMNS: &'static [&'static str] = &["id" $($(, stringify!($column))+)*];
            const UPSERT: &'static str = concat!(
                "INSERT INTO ", $name, " (id" $($(, ", ", stringify!($column))+)*, ") VALUES (:id"
                $($(, ", :", stringify!($column))+)*,
                ") ON CONFLICT (id) DO UPDATE SET version = version + 1"
                $($(, ", ", stringify!($column), " = excluded.", stringify!($column))+)*
            );
            const DELETE: &'static str = concat!("DELETE FROM ", $name, " WHERE id = ?1");
            const SELECT: &'static str = concat!(
                "SELECT id" $($(, ", ", stringify!($column))+)*, " FROM ", $name, " ORDER BY id"
            );

            fn write(
                &self,
                to: &mut $crate::sqlite::cell::Binder<'_, '_>,
            ) -> Result<(), $crate::sqlite::error::Fault> {
                $crate::sqlite::cell::Stored::write(&self.id, to)?;
                $($crate::sqlite::cell::Stored::write(&self.$field, to)?;)*
                Ok(())
            }

            fn read(
                from: &mut $crate::sqlite::cell::Fields<'_>,
            ) -> Result<Self, $crate::sqlite::error::Fault> {
                Ok(Self {
                    id: $crate::sqlite::cell::Stored::read(from)?,
                    $($field: $crate::sqlite::cell::Stored::read(from)?,)*
                })
            }
        }
    };
}
pub(super) use table;

/// Writes one row.
pub(super) fn put<T: Table>(connection: &Connection, row: &T) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(T::UPSERT)?;
    row.write(&mut Binder::new(&mut statement))?;
    statement.raw_execute()?;
    Ok(())
}

/// Deletes one row.
pub(super) fn delete<T: Table>(connection: &Connection, id: T::Id) -> Result<(), Fault>
where
    T::Id: Into<u64>,
{
    let id: u64 = id.into();
    connection
        .prepare_cached(T::DELETE)?
        .execute([i64::try_from(id).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// Reads every row of one kind, by id.
pub(super) fn load<T: Table>(
    connection: &Connection,
    mut each: impl FnMut(T),
) -> Result<(), Fault> {
    let mut statement = connection.prepare(T::SELECT)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        each(T::read(&mut Fields::new(row, T::NAME, T::COLUMNS))?);
    }
    Ok(())
}
