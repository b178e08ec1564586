//! Ends what a run may have left behind when no shim watches over it: found by the run's marker
//! in the environment, and by the control group that its shim wrote down. Also ends a shim that
//! does not do its duty any more.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::environ::MARKER;
use super::procs;
use super::run_folder::RunFolder;
use super::shim::end_left_behind;

/// How long processes that do not even obey a kill are waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks that must find nobody after somebody was found.
const LOOKS: u32 = 3;

/// Kills every process of the run until none is found. `Err`: so many are left.
pub(super) fn end(folder: &RunFolder) -> Result<(), usize> {
    let group = folder.started().and_then(|started| started.cgroup);
    let until = Instant::now() + PATIENCE;
    let (mut known, mut nobody) = (BTreeSet::new(), 0);
    loop {
        let group_gone = group
            .as_ref()
            .is_none_or(|at| end_left_behind(at, folder.dir()));
        let found = procs::with_descendants(procs::marked(MARKER, folder.marker()));
        nobody = if found.is_empty() { nobody + 1 } else { 0 };
        // Where there was somebody, one who forks while we look may be missed by a single look.
        let sure = nobody >= if known.is_empty() { 1 } else { LOOKS };
        if sure && (group_gone || Instant::now() > until) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(found.len());
        }
        procs::strike(&found, &mut known);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets the run's shim go on, in case its agent has stopped it.
pub(super) fn wake_shim(folder: &RunFolder) {
    for shim in procs::shims(folder.dir()) {
        procs::signal(&shim, Signal::CONT);
    }
}

/// Kills the run's shim. What is below it goes first, while it still adopts whoever loses a
/// parent: those who dropped the marker would not be found without it.
pub(super) fn end_shim(folder: &RunFolder) {
    let until = Instant::now() + PATIENCE;
    let mut known = BTreeSet::new();
    loop {
        let shims = procs::shims(folder.dir());
        let all = procs::with_descendants(shims.clone());
        let below: Vec<_> = all
            .into_iter()
            .filter(|seen| !shims.contains(seen))
            .collect();
        if below.is_empty() || Instant::now() > until {
            procs::strike(&shims, &mut known);
            return;
        }
        procs::strike(&below, &mut known);
        std::thread::sleep(Duration::from_millis(1));
    }
}
