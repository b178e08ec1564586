//! What happens next: everything that is due at some time, earliest first, and the virtual clock.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use cw_core::app::Signal;
use cw_core::domain::ids::TurnId;

use super::perform::Job;

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// The server performs an effect.
    Perform(Box<Job>),
    /// A signal reaches the server.
    Deliver(Box<Signal>),
    /// An agent does its next step.
    Agent(TurnId),
    /// The user looks in.
    User,
    /// Somebody else moves an integration branch, or moves it back.
    Hand,
    /// The server's clock ticks.
    Tick,
    /// The server is killed.
    Crash,
    /// The server is started.
    Restart,
}

impl Item {
    /// Goes away with the process that was to do it.
    fn is_of_the_server(&self) -> bool {
        matches!(self, Self::Perform(_) | Self::Deliver(_) | Self::Tick)
    }
}

struct Entry {
    at: i64,
    turn: u64,
    item: Item,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.turn) == (other.at, other.turn)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.turn).cmp(&(self.at, self.turn))
    }
}

/// All that is to happen.
#[derive(Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Entry>,
    turn: u64,
    /// The virtual time, in milliseconds.
    pub(super) now: i64,
}

impl Agenda {
    /// Has `item` happen after so many milliseconds.
    pub(super) fn after(&mut self, millis: i64, item: Item) {
        self.turn += 1;
        self.entries.push(Entry {
            at: self.now + millis,
            turn: self.turn,
            item,
        });
    }

    /// Goes on to what comes next.
    pub(super) fn next(&mut self) -> Option<Item> {
        let entry = self.entries.pop()?;
        self.now = self.now.max(entry.at);
        Some(entry.item)
    }

    /// Takes away what only the server would do; gives back what it was about to perform.
    pub(super) fn end_server(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut rest = Vec::new();
        for entry in std::mem::take(&mut self.entries).into_sorted_vec() {
            match entry.item {
                Item::Perform(job) => jobs.push(*job),
                ref item if item.is_of_the_server() => {}
                _ => rest.push(entry),
            }
        }
        self.entries = rest.into();
        jobs
    }

    /// Whether the server has nothing to perform or to take in, and no agent has a step to do.
    pub(super) fn is_quiet(&self) -> bool {
        !self.entries.iter().any(|entry| {
            matches!(
                entry.item,
                Item::Perform(_) | Item::Deliver(_) | Item::Agent(_)
            )
        })
    }
}
