//! Where decisions are saved: rows, events and effects of one commit together, or nothing.

use thiserror::Error;

use crate::domain::event::Event;
use crate::domain::state::Row;
use crate::domain::txn::Commit;

/// Shown with every write: the store takes writes only from whoever took the lease last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fence(pub u64);

/// What a store holds at its opening.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Loaded {
    /// Every live row.
    pub rows: Vec<Row>,
    /// The number of the last event; 0 when there is none.
    pub last_seq: u64,
}

/// Why the store said no.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StoreError {
    /// Somebody else has taken the lease meanwhile. Nothing was saved.
    #[error("another server has taken over this store")]
    Fenced,
    /// There is no room. Nothing was saved.
    #[error("the disk is full: {0}")]
    Full(String),
    /// It cannot be written. Nothing was saved.
    #[error("the store cannot be written: {0}")]
    ReadOnly(String),
    /// It was written by a newer version.
    #[error("the store has schema {found}; this program knows {known} at the most")]
    TooNew {
        /// The schema that was found.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// Anything else. Nothing was saved.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// One store, opened for writing.
pub trait Store: Send {
    /// Takes the lease for `owner`: every write with an older fence is refused from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    fn take_lease(&mut self, owner: &str) -> Result<Fence, StoreError>;

    /// Reads every live row.
    ///
    /// # Errors
    /// When it cannot be read, or holds what this version does not know.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Saves several decisions, in order, in one transaction that outlives a loss of power.
    ///
    /// # Errors
    /// Nothing was saved then.
    fn save(&mut self, fence: Fence, commits: &[Commit]) -> Result<(), StoreError>;

    /// A reader of the event log that does not get in the way of writes.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn events(&self) -> Result<Box<dyn EventLog>, StoreError>;
}

/// The event log, for reading.
pub trait EventLog: Send {
    /// At most `limit` events after number `after`, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn after(&mut self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError>;
}
