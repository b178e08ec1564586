//! The agent's standard input: what the order gives at once, then numbered lines, each passed on
//! once, then the end.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that may wait for an agent that does not read.
const QUEUE_CAP: usize = 64 << 20;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    passed: BTreeSet<u64>,
    closing: bool,
    closed: bool,
}

/// The way to the agent's standard input.
#[derive(Default)]
pub(super) struct Gate {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes in line without a number.
    pub(super) fn give(&self, bytes: Vec<u8>) {
        let mut queue = self.lock();
        queue.bytes += bytes.len();
        queue.waiting.push_back(bytes);
        self.changed.notify_all();
    }

    /// Puts a line in line, unless its number was used before.
    pub(super) fn pass(&self, number: u64, mut line: String) -> Result<(), &'static str> {
        let mut queue = self.lock();
        if queue.passed.contains(&number) {
            return Ok(());
        }
        if queue.closing || queue.closed {
            return Err("standard input is closed");
        }
        if queue.bytes + line.len() > QUEUE_CAP {
            return Err("the program does not read its standard input");
        }
        line.push('\n');
        queue.passed.insert(number);
        queue.bytes += line.len();
        queue.waiting.push_back(line.into_bytes());
        self.changed.notify_all();
        Ok(())
    }

    /// Ends the input behind all that is in line.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Writes what comes until the end, or until the agent does not take more.
    pub(super) fn serve(&self, mut to: impl Write) {
        while let Some(bytes) = self.next() {
            if to.write_all(&bytes).and_then(|()| to.flush()).is_err() {
                break;
            }
        }
        let mut queue = self.lock();
        queue.closed = true;
        queue.waiting.clear();
    }

    fn next(&self) -> Option<Vec<u8>> {
        let mut queue = self.lock();
        loop {
            if let Some(bytes) = queue.waiting.pop_front() {
                queue.bytes -= bytes.len();
                return Some(bytes);
            }
            if queue.closing {
                return None;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_passes_once_and_nothing_passes_after_the_end() {
        let gate = Gate::default();
        gate.give(b"prompt\n".to_vec());
        gate.pass(9, "a".into()).unwrap();
        gate.pass(9, "a again".into()).unwrap();
        gate.pass(3, "b".into()).unwrap();
        gate.close();
        assert!(gate.pass(10, "late".into()).is_err());
        assert!(gate.pass(9, "known".into()).is_ok());
        let mut got = Vec::new();
        gate.serve(&mut got);
        assert_eq!(got, b"prompt\na\nb\n");
    }
}
