//! Values of environment variables that a client handed over for its agents. They live here and
//! nowhere else: not in the store, not in a log, not in an event. Each belongs to what the call was
//! about, so that nobody else's agents get it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cw_core::domain::ids::{InitiativeId, TaskId};

/// What values were handed over for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// Everything of an initiative.
    Initiative(InitiativeId),
    /// A task alone, as one that was spawned.
    Task(TaskId),
}

/// Values by their names.
type Values = BTreeMap<String, String>;

#[derive(Default)]
struct Known {
    values: BTreeMap<Owner, Values>,
    /// Calls that have not said yet what their values are for.
    coming: usize,
}

#[derive(Default)]
struct Shelf {
    known: Mutex<Known>,
    came: Condvar,
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handed-over values; cheap to copy.
#[derive(Clone, Default)]
pub struct Secrets {
    shelf: Arc<Shelf>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Values whose owner is about to be made. While one is open, a look for values waits: what the
/// call starts may be performed before the caller knows its id.
pub struct Coming {
    secrets: Secrets,
    values: Values,
}

impl Coming {
    /// Hands the values over. All that the owner had before are gone: they were another caller's.
    /// A caller that has none changes nothing.
    pub fn give(mut self, owner: Owner) {
        let values = std::mem::take(&mut self.values);
        if !values.is_empty() {
            self.secrets.shelf.lock().values.insert(owner, values);
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.secrets.shelf.lock().coming -= 1;
        self.secrets.shelf.came.notify_all();
    }
}

impl Secrets {
    /// Values whose owner will be known when the call is decided.
    #[must_use]
    pub fn coming(&self, values: Values) -> Coming {
        self.shelf.lock().coming += 1;
        Coming {
            secrets: self.clone(),
            values,
        }
    }

    /// The values of these names for a task of an initiative: the task's own, else the
    /// initiative's, else none. Blocks while a call is being decided.
    #[must_use]
    pub fn of(&self, task: TaskId, initiative: InitiativeId, names: &[String]) -> Values {
        if names.is_empty() {
            return Values::new();
        }
        let known = self
            .shelf
            .came
            .wait_while(self.shelf.lock(), |known| known.coming > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let value = |name: &String| {
            let owners = [Owner::Task(task), Owner::Initiative(initiative)];
            owners
                .iter()
                .find_map(|owner| known.values.get(owner)?.get(name).cloned())
        };
        names
            .iter()
            .filter_map(|name| Some((name.clone(), value(name)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const ONE: (TaskId, InitiativeId) = (TaskId(1), InitiativeId(10));
    const OTHER: (TaskId, InitiativeId) = (TaskId(2), InitiativeId(20));

    fn give(secrets: &Secrets, owner: Owner, pairs: &[(&str, &str)]) {
        secrets.coming(values(pairs)).give(owner);
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        let text = |word: &str| word.to_owned();
        pairs.iter().map(|(n, v)| (text(n), text(v))).collect()
    }

    fn seen(secrets: &Secrets, (task, initiative): (TaskId, InitiativeId)) -> Values {
        secrets.of(task, initiative, &["A".to_owned(), "B".to_owned()])
    }

    #[test]
    fn values_reach_the_agents_of_their_own_call_alone() {
        let secrets = Secrets::default();
        give(
            &secrets,
            Owner::Initiative(ONE.1),
            &[("A", "1"), ("C", "3")],
        );
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1")]));
        assert_eq!(seen(&secrets, OTHER), Values::new());
        give(&secrets, Owner::Task(OTHER.0), &[("B", "2")]);
        assert_eq!(seen(&secrets, OTHER), values(&[("B", "2")]));
        assert_eq!(seen(&secrets, (TaskId(3), OTHER.1)), Values::new());
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1")]));
    }

    #[test]
    fn another_call_replaces_all_values_and_one_without_any_none() {
        let secrets = Secrets::default();
        let owner = Owner::Initiative(ONE.1);
        give(&secrets, owner, &[("A", "1"), ("B", "2")]);
        give(&secrets, owner, &[]);
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1"), ("B", "2")]));
        give(&secrets, owner, &[("B", "3")]);
        assert_eq!(seen(&secrets, ONE), values(&[("B", "3")]));
    }

    #[test]
    fn what_a_call_starts_waits_for_the_values_of_that_call() {
        let secrets = Secrets::default();
        let coming = secrets.coming(values(&[("A", "1")]));
        let (tell, told) = channel();
        let look = secrets.clone();
        let (begin, begun) = channel();
        std::thread::spawn(move || {
            begin.send(()).unwrap();
            tell.send(seen(&look, ONE))
        });
        begun.recv().unwrap();
        // It looks from here on. One that did not wait would tell now.
        let waits = told.recv_timeout(std::time::Duration::from_millis(50));
        assert!(waits.is_err());
        coming.give(Owner::Task(ONE.0));
        assert_eq!(told.recv().unwrap(), values(&[("A", "1")]));
        // A call that fails hands nothing over and holds nobody up.
        drop(secrets.coming(values(&[("A", "2")])));
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1")]));
    }
}
