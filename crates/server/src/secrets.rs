//! Values of environment variables that a client handed over for its agents. They live here and
//! nowhere else: not in the store, not in a log, not in an event.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cw_core::domain::ids::ProjectId;

/// Handed-over values by project and name; cheap to copy.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Arc<Mutex<BTreeMap<(ProjectId, String), String>>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Takes values in; those that were known by the same name are replaced.
    pub fn take(&self, project: ProjectId, values: BTreeMap<String, String>) {
        let mut known = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(
            values
                .into_iter()
                .map(|(name, value)| ((project, name), value)),
        );
    }

    /// The value of this name.
    #[must_use]
    pub fn get(&self, project: ProjectId, name: &str) -> Option<String> {
        let known = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(project, name.to_owned())).cloned()
    }
}
