//! Values of environment variables that a client handed over for its agents. They live here and
//! nowhere else: not in the store, not in a log, not in an event. Each belongs to what the call was
//! about, so that nobody else's agents get it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cw_core::app::Handed;
use cw_core::domain::held::Owner;
use cw_core::domain::ids::{InitiativeId, TaskId};

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
    /// Hands values over. Those that are handed over anew take the place of all that their owner
    /// had before, which were another caller's.
    pub fn give(self, handed: &[Handed]) {
        let mut known = self.secrets.shelf.lock();
        for one in handed {
            let named = |name: &String| Some((name.clone(), self.values.get(name)?.clone()));
            let values = one.names.iter().filter_map(named);
            let owned = known.values.entry(one.owner).or_default();
            if one.anew {
                owned.clear();
            }
            owned.extend(values);
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

    fn give(secrets: &Secrets, owner: Owner, anew: bool, pairs: &[(&str, &str)]) {
        let names = pairs.iter().map(|(name, _)| (*name).to_owned()).collect();
        let handed = Handed { owner, names, anew };
        secrets.coming(values(pairs)).give(&[handed]);
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
            true,
            &[("A", "1"), ("C", "3")],
        );
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1")]));
        assert_eq!(seen(&secrets, OTHER), Values::new());
        give(&secrets, Owner::Task(OTHER.0), true, &[("B", "2")]);
        assert_eq!(seen(&secrets, OTHER), values(&[("B", "2")]));
        assert_eq!(seen(&secrets, (TaskId(3), OTHER.1)), Values::new());
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1")]));
    }

    #[test]
    fn values_handed_over_anew_replace_all_and_others_are_added() {
        let secrets = Secrets::default();
        let owner = Owner::Initiative(ONE.1);
        give(&secrets, owner, true, &[("A", "1")]);
        give(&secrets, owner, false, &[("B", "2")]);
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1"), ("B", "2")]));
        give(&secrets, owner, true, &[("B", "3")]);
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
        coming.give(&[Handed {
            owner: Owner::Task(ONE.0),
            names: vec!["A".into()],
            anew: true,
        }]);
        assert_eq!(told.recv().unwrap(), values(&[("A", "1")]));
        // A call that fails hands nothing over and holds nobody up.
        drop(secrets.coming(values(&[("A", "2")])));
        assert_eq!(seen(&secrets, ONE), values(&[("A", "1")]));
    }
}
