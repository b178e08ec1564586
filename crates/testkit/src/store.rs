//! A store in memory that keeps the port's promises, and breaks down on request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cw_core::domain::event::Event;
use cw_core::domain::state::{Key, Row};
use cw_core::domain::txn::Commit;
use cw_core::domain::work::Party;
use cw_core::ports::store::{EventLog, Fence, Loaded, Store, StoreError};

/// What a store keeps over restarts; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    rows: BTreeMap<Key, Row>,
    events: Vec<Event>,
    token: u64,
    owner: Option<String>,
    saves: u64,
    failures: Vec<Failure>,
}

/// How a save fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nothing is written.
    Before(StoreError),
    /// All is written, and still the caller hears an error: as if the process died between the two.
    After(StoreError),
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the store that lies on this disk. What earlier ones saved is there, whatever became
    /// of them.
    #[must_use]
    pub fn open(&self) -> MemoryStore {
        MemoryStore { disk: self.clone() }
    }

    /// Has the next save that is not spoken for fail.
    pub fn fail_next(&self, failure: Failure) {
        self.kept().failures.push(failure);
    }

    /// How many saves were written.
    #[must_use]
    pub fn saves(&self) -> u64 {
        self.kept().saves
    }

    /// Who took the lease last.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        self.kept().owner.clone()
    }

    /// Every row, by key.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.kept().rows.values().cloned().collect()
    }

    /// Every event.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.kept().events.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store on a [`MemoryDisk`].
#[derive(Clone, Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
}

impl MemoryStore {
    /// The disk it lies on.
    #[must_use]
    pub fn disk(&self) -> &MemoryDisk {
        &self.disk
    }
}

impl Store for MemoryStore {
    fn take_lease(&mut self, owner: &str) -> Result<Fence, StoreError> {
        let mut kept = self.disk.kept();
        kept.token += 1;
        kept.owner = Some(owner.to_owned());
        Ok(Fence(kept.token))
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        let kept = self.disk.kept();
        Ok(Loaded {
            rows: kept.rows.values().cloned().collect(),
            last_seq: kept.last_seq(),
        })
    }

    fn save(&mut self, fence: Fence, commits: &[Commit]) -> Result<(), StoreError> {
        let mut kept = self.disk.kept();
        let failure = (!kept.failures.is_empty()).then(|| kept.failures.remove(0));
        if let Some(Failure::Before(error)) = failure {
            return Err(error);
        }
        if kept.owner.is_none() || fence.0 != kept.token {
            return Err(StoreError::Fenced);
        }
        kept.check(commits)?;
        kept.write(commits);
        match failure {
            Some(Failure::After(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn events(&self) -> Result<Box<dyn EventLog>, StoreError> {
        Ok(Box::new(MemoryLog {
            disk: self.disk.clone(),
        }))
    }
}

impl Kept {
    fn last_seq(&self) -> u64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    /// All that can be wrong is found before anything is written.
    fn check(&self, commits: &[Commit]) -> Result<(), StoreError> {
        let first = self.last_seq() + 1;
        for (due, event) in (first..).zip(commits.iter().flat_map(|commit| &commit.events)) {
            if event.seq != due {
                return Err(StoreError::Failed(format!(
                    "event {} does not follow event {}",
                    event.seq,
                    due - 1
                )));
            }
        }
        self.check_names(commits)
    }

    /// Every row that another row names is there at the end.
    fn check_names(&self, commits: &[Commit]) -> Result<(), StoreError> {
        let mut changed: BTreeMap<Key, Option<&Row>> = BTreeMap::new();
        for commit in commits {
            changed.extend(commit.put.iter().map(|row| (row.key(), Some(row))));
            changed.extend(commit.removed.iter().map(|key| (*key, None)));
        }
        let is_there = |key: &Key| match changed.get(key) {
            Some(row) => row.is_some(),
            None => self.rows.contains_key(key),
        };
        let gone: BTreeSet<Key> = changed
            .iter()
            .filter(|(key, row)| row.is_none() && !matches!(key, Key::Effect(_) | Key::Needs(_)))
            .map(|(key, _)| *key)
            .collect();
        let left = self
            .rows
            .iter()
            .filter(|(key, _)| !gone.is_empty() && !changed.contains_key(key))
            .map(|(_, row)| row);
        for row in changed.values().flatten().copied().chain(left) {
            if let Some(missing) = names(row).iter().find(|key| !is_there(key)) {
                return Err(StoreError::Failed(format!(
                    "{:?} names {missing:?}, which is not there",
                    row.key()
                )));
            }
        }
        Ok(())
    }

    fn write(&mut self, commits: &[Commit]) {
        self.saves += 1;
        for commit in commits {
            for row in &commit.put {
                self.rows.insert(row.key(), row.clone());
            }
            for key in &commit.removed {
                self.rows.remove(key);
            }
            self.events.extend(commit.events.iter().cloned());
        }
    }
}

/// The rows that a row names and that must be there.
fn names(row: &Row) -> Vec<Key> {
    let party = |party: &Party| match party {
        Party::Agent(id) => Some(Key::Agent(*id)),
        Party::User | Party::Cw => None,
    };
    match row {
        Row::Project(_) | Row::Effect(_) => Vec::new(),
        Row::Initiative(row) => vec![Key::Project(row.project)],
        Row::Phase(row) => vec![Key::Initiative(row.initiative)],
        Row::Plan(row) => vec![Key::Initiative(row.initiative), Key::Phase(row.phase)],
        Row::Task(row) => {
            let mut keys = vec![
                Key::Initiative(row.initiative),
                Key::Phase(row.phase),
                Key::Plan(row.plan),
            ];
            keys.extend(row.agent.map(Key::Agent));
            keys
        }
        Row::Needs(row) => vec![Key::Task(row.id)],
        Row::Agent(row) => vec![
            Key::Project(row.project),
            Key::Initiative(row.initiative),
            Key::Task(row.task),
        ],
        Row::Turn(row) => {
            let mut keys = vec![Key::Agent(row.agent), Key::Task(row.task)];
            keys.extend(row.merge.map(Key::Merge));
            keys
        }
        Row::Message(row) => {
            let mut keys = vec![Key::Project(row.project)];
            keys.extend(row.task.map(Key::Task));
            keys.extend([&row.from, &row.to].into_iter().filter_map(party));
            keys
        }
        Row::Merge(row) => vec![
            Key::Initiative(row.initiative),
            Key::Task(row.task),
            Key::Agent(row.agent),
        ],
    }
}

struct MemoryLog {
    disk: MemoryDisk,
}

impl EventLog for MemoryLog {
    fn after(&mut self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let kept = self.disk.kept();
        let from = kept.events.partition_point(|event| event.seq <= after);
        Ok(kept.events[from..].iter().take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::store::{run, samples};

    #[test]
    fn it_keeps_the_promises_of_the_port() {
        run(|| {
            let disk = MemoryDisk::new();
            move || Box::new(disk.open()) as Box<dyn Store>
        });
    }

    #[test]
    fn failures_come_in_the_order_asked_for() {
        let disk = MemoryDisk::new();
        let mut store = disk.open();
        let fence = store.take_lease("one").unwrap();
        let full = || StoreError::Full("for the test".into());
        disk.fail_next(Failure::Before(full()));
        disk.fail_next(Failure::After(full()));
        let commit = Commit {
            put: samples(),
            ..Commit::default()
        };
        let commits = std::slice::from_ref(&commit);
        assert_eq!(store.save(fence, commits), Err(full()));
        assert_eq!((disk.rows(), disk.saves()), (Vec::new(), 0));
        assert_eq!(store.save(fence, commits), Err(full()));
        assert_eq!((disk.rows(), disk.saves()), (samples(), 1));
        assert_eq!(store.save(fence, commits), Ok(()));
        assert_eq!(disk.owner().as_deref(), Some("one"));
    }
}
