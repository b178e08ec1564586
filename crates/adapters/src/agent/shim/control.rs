//! What the threads of a shim share: how far the output has grown, whether the agent's program has
//! ended, and whether somebody asked for it to be stopped.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cw_core::ports::agents::Stream;

/// The shared facts.
#[derive(Clone, Default)]
pub(super) struct Facts {
    /// Length of the two logs.
    pub(super) out: u64,
    pub(super) err: u64,
    /// The keepers of the two logs that have seen the end.
    pub(super) keepers_done: u32,
    /// Output was dropped.
    pub(super) output_cut: bool,
    /// The program's own process has ended.
    pub(super) ended: bool,
    /// The run is over and written down.
    pub(super) over: bool,
    /// A stop was asked for, and why.
    pub(super) stop: Option<String>,
}

/// Facts that can be waited for.
#[derive(Default)]
pub(super) struct Control {
    facts: Mutex<Facts>,
    changed: Condvar,
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The facts as they are now.
    pub(super) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    /// Changes the facts and wakes whoever waits.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        let done = change(&mut self.lock());
        self.changed.notify_all();
        done
    }

    /// Does something that must not happen once the program has ended and its number is free.
    pub(super) fn unless_ended(&self, act: impl FnOnce()) {
        let facts = self.lock();
        if !facts.ended {
            act();
        }
    }

    /// Waits until `enough`, at most `patience`; gives whether it is so.
    pub(super) fn wait(&self, patience: Duration, enough: impl Fn(&Facts) -> bool) -> bool {
        let until = Instant::now() + patience;
        let mut facts = self.lock();
        loop {
            if enough(&facts) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            facts = self
                .changed
                .wait_timeout(facts, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits until somebody wants the program stopped or it has ended; gives whether to stop it. It
    /// is stopped too once `abandoned`, which is asked every `look`.
    pub(super) fn wait_for_stop(&self, look: Duration, abandoned: impl Fn() -> bool) -> bool {
        while !self.wait(look, |facts| facts.stop.is_some() || facts.ended) {
            if abandoned() {
                self.ask_stop("abandoned");
            }
        }
        !self.facts().ended
    }

    /// Asks for a stop; the first reason stays.
    pub(super) fn ask_stop(&self, why: &str) {
        self.change(|facts| facts.stop.get_or_insert_with(|| why.to_owned()).len());
    }

    /// Tells how long a log is.
    pub(super) fn grew(&self, stream: Stream, length: u64) {
        self.change(|facts| match stream {
            Stream::Out => facts.out = length,
            Stream::Err => facts.err = length,
        });
    }
}
