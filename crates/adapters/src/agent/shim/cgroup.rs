//! A control group (version 2) of the agent's own, where the system lets us make one: it is killed
//! as a whole, however its members fork. Found through `/proc/self/mountinfo`; every failure means
//! only that there is none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The agent's control group. The shim itself is never a member.
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes an empty group named after the run folder below the one this process is in.
    pub(super) fn make(run_dir: &Path) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let home = locate(&mounts, &own)?;
        let path = home.join(name_for(run_dir));
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

/// The folder of this process's version 2 group, from the texts of mountinfo and cgroup.
fn locate(mounts: &str, own: &str) -> Option<PathBuf> {
    let group = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        if right.split(' ').next()? != "cgroup2" {
            return None;
        }
        let mut fields = left.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let below = Path::new(group).strip_prefix(root).ok()?;
        Some(Path::new(&unescape(point)).join(below))
    })
}

/// Blanks and backslashes stand in mountinfo as octal numbers.
fn unescape(field: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(field.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_wherever_it_is_mounted() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw\n\
            41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        let own = "4:memory:/x\n0::/user.slice/a\n";
        assert_eq!(
            locate(mounts, own).unwrap(),
            Path::new("/sys/fs/cgroup/uni fied/user.slice/a")
        );
    }

    #[test]
    fn a_mount_of_a_part_is_taken_into_account() {
        let mounts = "41 31 0:38 /box /cg rw - cgroup2 cgroup2 rw\n";
        assert_eq!(locate(mounts, "0::/box/in").unwrap(), Path::new("/cg/in"));
        assert_eq!(locate(mounts, "0::/other"), None);
        assert_eq!(locate(mounts, "4:memory:/x\n"), None);
    }
}
