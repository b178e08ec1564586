//! Ends what a run may have left behind when no shim watches over it: found by the run's marker
//! in the environment, and by the control group that its shim wrote down.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::environ::MARKER;
use super::procs;
use super::run_folder::RunFolder;
use super::shim::end_left_behind;

/// How long processes that do not even obey a kill are waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Kills every process of the run until none is found. `Err`: so many are left.
pub(super) fn end(folder: &RunFolder) -> Result<(), usize> {
    let group = folder.started().and_then(|started| started.cgroup);
    let until = Instant::now() + PATIENCE;
    let mut known = BTreeSet::new();
    loop {
        if let Some(group) = &group {
            end_left_behind(group, folder.dir());
        }
        let found = procs::marked(MARKER, folder.marker());
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(found.len());
        }
        procs::strike(&found, &mut known);
        std::thread::sleep(Duration::from_millis(1));
    }
}
