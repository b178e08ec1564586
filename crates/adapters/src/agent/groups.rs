//! Whether agents can be put into control groups (version 2) of their own, and below which one: the
//! group that this process is in, where its user may make others. That is so for root, for a group
//! that a service manager has delegated, and for whatever runs below a user's own systemd. Where it
//! is not so, that systemd can be asked for a scope to start the server in. The decisions are pure,
//! over the texts that the system shows.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Why there is no group to make others in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoGroup {
    /// No hierarchy of version 2 is mounted.
    NoMount,
    /// No mount shows the group that this process is in.
    Hidden,
    /// The group was removed from under this process.
    Gone,
    /// This user may not make groups in it.
    NotOurs(PathBuf),
    /// The system did not let us, or cannot end a group as a whole.
    Refused(PathBuf),
}

impl fmt::Display for NoGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMount => f.write_str("no hierarchy of version 2 is mounted"),
            Self::Hidden => f.write_str("no mount shows the server's own group"),
            Self::Gone => f.write_str("the server's own group was removed"),
            Self::NotOurs(at) => write!(f, "{} is not this user's", at.display()),
            Self::Refused(at) => write!(f, "none can be made and killed in {}", at.display()),
        }
    }
}

/// The group below which this process may make others.
pub(super) fn here() -> Result<PathBuf, NoGroup> {
    let read = |name: &str| std::fs::read_to_string(name).map_err(|_| NoGroup::NoMount);
    let (mounts, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
    choose(&mounts, &own, &may_write)
}

/// Making a group takes a writable folder, moving a process the list of members where both groups
/// meet.
fn may_write(group: &Path) -> bool {
    let ours = |path: &Path| access(path, Access::WRITE_OK).is_ok();
    ours(group) && ours(&group.join("cgroup.procs"))
}

/// Chooses from the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn choose(mounts: &str, own: &str, writable: &dyn Fn(&Path) -> bool) -> Result<PathBuf, NoGroup> {
    let group = own.lines().find_map(|line| line.strip_prefix("0::"));
    let group = group.ok_or(NoGroup::NoMount)?;
    if group.ends_with(" (deleted)") {
        return Err(NoGroup::Gone);
    }
    let mut found = Err(NoGroup::NoMount);
    for (root, point) in mounts.lines().filter_map(unified) {
        match Path::new(group).strip_prefix(&root) {
            // A path that leads out of this process's namespace stands for nothing here.
            Ok(below) if !group.split('/').any(|part| part == "..") => {
                let at = point.join(below);
                if writable(&at) {
                    return Ok(at);
                }
                found = Err(NoGroup::NotOurs(at));
            }
            _ if found == Err(NoGroup::NoMount) => found = Err(NoGroup::Hidden),
            _ => {}
        }
    }
    found
}

/// The root and the place of a mount of version 2.
fn unified(line: &str) -> Option<(PathBuf, PathBuf)> {
    let (left, right) = line.split_once(" - ")?;
    if right.split(' ').next()? != "cgroup2" {
        return None;
    }
    let mut fields = left.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    Some((unescape(root).into(), unescape(point).into()))
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

/// What is known of this user's own systemd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct UserManager {
    answers: bool,
    lingers: bool,
}

impl UserManager {
    fn look() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let names = ["USER", "LOGNAME"].map(std::env::var_os);
        let name = names.into_iter().flatten().next();
        let lingers = |name: &OsStr| Path::new("/var/lib/systemd/linger").join(name).exists();
        Self {
            answers: runtime.is_some_and(|dir| dir.join("systemd/private").exists()),
            lingers: name.is_some_and(|name| !name.is_empty() && lingers(&name)),
        }
    }
}

/// Words to start a server behind, so that it is in a group of its own, delegated by the user's
/// systemd; none where it needs or gets no such thing.
#[must_use]
pub fn scope() -> Option<&'static [&'static str]> {
    scope_for(&here(), UserManager::look())
}

/// A systemd that ends when its user logs out would take the agents with it, which are to go on.
fn scope_for(
    here: &Result<PathBuf, NoGroup>,
    manager: UserManager,
) -> Option<&'static [&'static str]> {
    let helps = matches!(here, Err(NoGroup::NotOurs(_))) && manager.answers && manager.lingers;
    helps.then_some(&[
        "systemd-run",
        "--user",
        "--scope",
        "--quiet",
        "--collect",
        "--property=Delegate=yes",
        "--",
    ])
}

/// How the trees of agents are held together here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Containment {
    /// The group below which each agent gets one of its own, or why there is none.
    pub group: Result<PathBuf, NoGroup>,
    /// What would give it one.
    pub hint: Option<String>,
}

impl Containment {
    /// Looks by making a group and removing it.
    #[must_use]
    pub fn look(runs: &Path) -> Self {
        let group = here().and_then(|at| {
            let probe = super::shim::probe_group(&runs.join("probe"));
            probe.then_some(at.clone()).ok_or(NoGroup::Refused(at))
        });
        let hint = hint(&group, UserManager::look()).map(str::to_owned);
        Self { group, hint }
    }
}

fn hint(group: &Result<PathBuf, NoGroup>, manager: UserManager) -> Option<&'static str> {
    match group {
        Err(NoGroup::NotOurs(_)) if manager.answers && !manager.lingers => Some(
            "`loginctl enable-linger`, then `cw server restart`: your systemd gives it a group",
        ),
        Err(NoGroup::NotOurs(_)) => {
            Some("start it as a service of your systemd, or delegate a group")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFIED: &str = "25 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n\
        31 23 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate\n\
        33 31 0:30 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd\n";
    const SESSION: &str = "0::/user.slice/user-1000.slice/session-3.scope\n";
    const TERMINAL: &str =
        "0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope\n";

    fn path(text: &str) -> PathBuf {
        PathBuf::from(text)
    }

    /// What a user may write whose own systemd runs.
    fn of_user(group: &Path) -> bool {
        group.to_string_lossy().contains("/user@1000.service")
    }

    #[test]
    fn below_the_users_own_systemd_a_group_is_the_users() {
        let at = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope";
        assert_eq!(choose(UNIFIED, TERMINAL, &of_user), Ok(path(at)));
    }

    #[test]
    fn a_login_session_is_not_the_users_but_roots() {
        let at = path("/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope");
        let refused = choose(UNIFIED, SESSION, &of_user);
        assert_eq!(refused, Err(NoGroup::NotOurs(at.clone())));
        assert_eq!(choose(UNIFIED, SESSION, &|_| true), Ok(at));
    }

    #[test]
    fn a_hybrid_system_has_version_2_beside_the_others() {
        let own = "12:pids:/user.slice/user-0.slice\n1:name=systemd:/init.scope\n0::/init.scope\n";
        let at = path("/sys/fs/cgroup/unified/init.scope");
        assert_eq!(choose(HYBRID, own, &|_| true), Ok(at));
    }

    #[test]
    fn a_system_of_version_1_has_none() {
        let mounts = "33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
        let own = "4:memory:/x\n1:name=systemd:/init.scope\n";
        assert_eq!(choose(mounts, own, &|_| true), Err(NoGroup::NoMount));
        assert_eq!(choose(mounts, "0::/x\n", &|_| true), Err(NoGroup::NoMount));
    }

    #[test]
    fn in_a_container_the_root_of_its_namespace_counts() {
        // Docker, read-only; with --privileged it can be written.
        assert_eq!(
            choose(UNIFIED, "0::/\n", &|_| false),
            Err(NoGroup::NotOurs(path("/sys/fs/cgroup/")))
        );
        assert_eq!(
            choose(UNIFIED, "0::/\n", &|_| true),
            Ok(path("/sys/fs/cgroup/"))
        );
        // The process was moved out of what the namespace shows.
        assert_eq!(
            choose(UNIFIED, "0::/../other\n", &|_| true),
            Err(NoGroup::Hidden)
        );
    }

    #[test]
    fn a_mount_of_a_part_is_taken_into_account() {
        let mounts = "40 31 0:38 /other /a rw - cgroup2 cgroup2 rw\n\
            41 31 0:38 /box /my\\040cg rw - cgroup2 cgroup2 rw\n\
            42 31 0:38 / /all ro - cgroup2 cgroup2 ro\n";
        let part = |group: &Path| group.starts_with("/my cg");
        assert_eq!(choose(mounts, "0::/box/in\n", &part), Ok(path("/my cg/in")));
        let hidden = choose(&mounts[..mounts.find("42").unwrap()], "0::/else\n", &part);
        assert_eq!(hidden, Err(NoGroup::Hidden));
    }

    #[test]
    fn a_group_that_was_removed_is_none() {
        let own = "0::/system.slice/cw.service (deleted)\n";
        assert_eq!(choose(UNIFIED, own, &|_| true), Err(NoGroup::Gone));
    }

    #[test]
    fn the_users_systemd_is_asked_only_where_it_helps_and_stays() {
        let manager = |answers, lingers| UserManager { answers, lingers };
        let theirs = choose(UNIFIED, SESSION, &of_user);
        assert!(scope_for(&theirs, manager(true, true)).is_some());
        assert_eq!(scope_for(&theirs, manager(true, false)), None);
        assert_eq!(scope_for(&theirs, manager(false, true)), None);
        let ours = choose(UNIFIED, TERMINAL, &of_user);
        assert_eq!(scope_for(&ours, manager(true, true)), None);
        let told = hint(&theirs, manager(true, false)).unwrap();
        assert!(told.contains("enable-linger"), "{told}");
    }
}
