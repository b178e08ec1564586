//! What survives a crash: rows and the number of the last event. It takes a batch whole or not at
//! all, and refuses events with a gap. Texts of events are not kept: nobody here reads them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cw_core::domain::state::{Key, Row};
use cw_core::domain::txn::Commit;
use cw_core::ports::store::{EventLog, Fence, Loaded, Store, StoreError};

/// A store of one run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<Key, Row>,
    last_seq: u64,
    fence: u64,
    /// Saves effects in a second step (a mutant), which a crash may lose.
    apart: bool,
    owed: Vec<Row>,
    /// How often each kind of event was told.
    pub(super) told: BTreeMap<Cow<'static, str>, u64>,
}

impl Ledger {
    /// An empty one; with `apart` effects are not saved with what wants them.
    #[must_use]
    pub(super) fn new(apart: bool) -> Self {
        Self {
            apart,
            ..Self::default()
        }
    }

    /// The stored row that `key` names.
    #[must_use]
    pub(super) fn row(&self, key: Key) -> Option<&Row> {
        self.rows.get(&key)
    }

    /// What a second step has still to save is saved now.
    fn settle(&mut self) {
        for row in std::mem::take(&mut self.owed) {
            self.rows.insert(row.key(), row);
        }
    }

    /// The process that writes is gone: what it had not saved is lost.
    pub(super) fn crash(&mut self) {
        self.owed.clear();
    }

    fn take(&mut self, commit: &Commit) {
        for row in &commit.put {
            if self.apart && matches!(row, Row::Effect(_)) {
                self.owed.push(row.clone());
            } else {
                self.rows.insert(row.key(), row.clone());
            }
        }
        for key in &commit.removed {
            self.rows.remove(key);
        }
        self.last_seq += commit.events.len() as u64;
        for event in &commit.events {
            *self.told.entry(event.kind.clone()).or_default() += 1;
        }
    }
}

impl Store for Ledger {
    fn take_lease(&mut self, _owner: &str) -> Result<Fence, StoreError> {
        self.fence += 1;
        Ok(Fence(self.fence))
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded {
            rows: self.rows.values().chain(&self.owed).cloned().collect(),
            last_seq: self.last_seq,
        })
    }

    fn save(&mut self, fence: Fence, commits: &[Commit]) -> Result<(), StoreError> {
        if fence != Fence(self.fence) {
            return Err(StoreError::Fenced);
        }
        let told = commits.iter().flat_map(|commit| &commit.events);
        for (event, wanted) in told.zip(self.last_seq + 1..) {
            if event.seq != wanted {
                let gap = format!("event {} where {wanted} comes next", event.seq);
                return Err(StoreError::Failed(gap));
            }
        }
        self.settle();
        for commit in commits {
            self.take(commit);
        }
        Ok(())
    }

    fn events(&self) -> Result<Box<dyn EventLog>, StoreError> {
        Err(StoreError::Failed("a simulation keeps no events".into()))
    }
}
