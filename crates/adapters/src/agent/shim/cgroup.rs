//! A control group (version 2) of the agent's own, where the system lets us make one: it is killed
//! as a whole, however its members fork. Every failure means only that there is none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::groups;

/// The agent's control group. The shim itself is never a member.
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes an empty group named after the run folder below the one this process is in.
    pub(super) fn make(run_dir: &Path) -> Option<Self> {
        let path = groups::here().ok()?.join(name_for(run_dir));
        match fs::create_dir(&path) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
        let made = Self { path };
        if made.path.join("cgroup.kill").exists() {
            return Some(made);
        }
        made.remove();
        None
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a process in; its later children are members by birth. Moving takes the kernel
    /// milliseconds, so the program is started first and whoever it has started by now is moved
    /// too. One who slips through is still a descendant of the shim.
    pub(super) fn take_in(&self, pid: u32) {
        let _ = fs::write(self.path.join("cgroup.procs"), pid.to_string());
    }

    /// Kills every member.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
    }

    /// Takes the empty group away.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir(&self.path);
    }
}

/// Whether a group can be made here, as a try shows.
pub(in super::super) fn probe(run_dir: &Path) -> bool {
    let made = Cgroup::make(run_dir);
    if let Some(group) = &made {
        group.remove();
    }
    made.is_some()
}

/// Kills and removes the group that a dead shim left at `path`, if it is one of ours. Gives
/// whether there is nothing of ours there any more.
pub(in super::super) fn end_left_behind(path: &Path, run_dir: &Path) -> bool {
    let ours = path
        .file_name()
        .is_some_and(|name| name == name_for(run_dir).as_str());
    if !ours || !path.join("cgroup.kill").exists() {
        return true;
    }
    let _ = fs::write(path.join("cgroup.kill"), "1");
    fs::remove_dir(path).is_ok()
}

fn name_for(run_dir: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let bytes = run_dir.as_os_str().as_bytes();
    // FNV-1a: run folders of different homes may have the same last name.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
        (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
    });
    format!("cw-{hash:016x}")
}
