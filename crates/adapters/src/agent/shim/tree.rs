//! Ends what is left of an agent: everything that descends from the shim, however it hid. The
//! shim is their subreaper, so whoever loses a parent becomes its child; when it has no child at
//! all, nobody is left, and no look at `/proc` has to be trusted for that.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};

use super::super::procs;
use super::cgroup::Cgroup;

/// How long processes that do not even obey a kill are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every how many quick rounds the whole tree is looked at.
const DEEP_LOOK: u32 = 8;

/// Sends `signal` to everything below this process.
pub(super) fn signal_all(signal: Signal) {
    for seen in procs::descendants(std::process::id()) {
        procs::signal(&seen, signal);
    }
}

/// Kills what descends from this process, once.
pub(super) fn strike(group: Option<&Cgroup>, known: &mut BTreeSet<(u32, u64)>) -> u32 {
    let found = procs::descendants(std::process::id());
    if let Some(group) = group {
        group.kill();
    }
    procs::strike(&found, known)
}

/// Kills and reaps until this process has no child left. Gives how many were killed; `Err` holds
/// the same number when some would not die.
pub(super) fn end_all(group: Option<&Cgroup>, leader: u32) -> Result<u32, u32> {
    let until = Instant::now() + PATIENCE;
    let mut known = BTreeSet::new();
    let (mut killed, mut round) = (0_u32, 0_u32);
    loop {
        if reap() {
            return Ok(killed);
        }
        if Instant::now() > until {
            return Err(killed);
        }
        killed += if round.is_multiple_of(DEEP_LOOK) {
            strike(group, &mut known)
        } else {
            procs::strike(&procs::own_children(), &mut known)
        };
        if round == 0 {
            // The leader is gone but not yet forgotten while its group has members.
            if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
        round += 1;
        if round > DEEP_LOOK {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Takes note of every child that has ended; gives whether none is left at all.
fn reap() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
