//! Processes by number, on Linux through `/proc`: who descends from whom, who carries a marker in
//! its environment, and how to signal exactly the process that was looked at. Elsewhere there is
//! nothing to look at, and callers fall back on process groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

/// A process that was seen. Its start time tells it from a later one with the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Seen {
    pub(super) pid: u32,
    parent: u32,
    started: u64,
    dead: bool,
    /// Its program stands in its memory: it is not just becoming one.
    whole: bool,
}

/// A process's environment or words are first read with room for so much, in bytes.
const READ_FIRST: usize = 32 << 10;
/// They are read up to here, in bytes: the kernel lets both together be as long as 6 MiB.
const READ_CAP: usize = 16 << 20;
/// How long a process that is just becoming another program is looked at again.
const EXEC_PATIENCE: Duration = Duration::from_millis(500);
/// So often in a row a whole program must show no environment to be one without.
const LOOKS: u32 = 4;
/// The process that all threads of the kernel descend from.
const KERNEL: u32 = 2;

/// Looks at one process.
fn look(pid: u32) -> Option<Seen> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let after = stat.iter().rposition(|b| *b == b')')? + 2;
    let text = str::from_utf8(stat.get(after..)?).ok()?;
    let mut fields = text.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    // Where its code begins is noted when the program, its words and its environment are there.
    let whole = fields.nth(3)? != "0";
    Some(Seen {
        pid,
        parent,
        started,
        dead: matches!(state, "Z" | "X" | "x"),
        whole,
    })
}

/// Processor time of a process and its ended children, and its resident memory in bytes; `None`
/// when it is gone, or another one has its number.
pub(super) fn usage(seen: &Seen) -> Option<(Duration, u64)> {
    let stat = std::fs::read(format!("/proc/{}/stat", seen.pid)).ok()?;
    let after = stat.iter().rposition(|b| *b == b')')? + 2;
    let fields: Vec<&str> = str::from_utf8(stat.get(after..)?)
        .ok()?
        .split(' ')
        .collect();
    let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
    if number(19)? != seen.started {
        return None;
    }
    let ticks: u64 = (11..15).filter_map(number).sum();
    let second = rustix::param::clock_ticks_per_second().max(1);
    let pages = u64::try_from(rustix::param::page_size()).ok()?;
    Some((
        Duration::from_millis(ticks.saturating_mul(1000) / second),
        number(21)?.saturating_mul(pages),
    ))
}

fn all_pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Everything that descends from `root`, without zombies.
pub(super) fn descendants(root: u32) -> Vec<Seen> {
    below(vec![root])
}

/// These processes and everything that descends from them, without zombies.
pub(super) fn with_descendants(mut found: Vec<Seen>) -> Vec<Seen> {
    let roots: Vec<u32> = found.iter().map(|seen| seen.pid).collect();
    if !roots.is_empty() {
        found.extend(below(roots));
        found.sort_unstable();
        found.dedup();
    }
    found
}

fn below(mut todo: Vec<u32>) -> Vec<Seen> {
    let mut children: BTreeMap<u32, Vec<Seen>> = BTreeMap::new();
    for seen in all_pids().filter_map(look) {
        children.entry(seen.parent).or_default().push(seen);
    }
    let mut found = Vec::new();
    while let Some(parent) = todo.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            todo.push(child.pid);
            if !child.dead {
                found.push(child);
            }
        }
    }
    found
}

/// The children of this very process, without zombies: much faster than [`descendants`], so that
/// a process that forks and ends all the time can be caught in between.
pub(super) fn own_children() -> Vec<Seen> {
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
    {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(
            listed
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .filter_map(look),
        );
    }
    found.retain(|seen| !seen.dead);
    found
}

/// Everything whose environment holds `NAME=value`, without zombies and without this process.
pub(super) fn marked(name: &str, value: &Path) -> Vec<Seen> {
    let mut wanted = Vec::from(name);
    wanted.push(b'=');
    wanted.extend_from_slice(value.as_os_str().as_bytes());
    let own = std::process::id();
    let until = Instant::now() + EXEC_PATIENCE;
    let mut open: Vec<(u32, u32)> = all_pids()
        .filter(|pid| *pid != own)
        .map(|pid| (pid, 0))
        .collect();
    let mut found = Vec::new();
    loop {
        open.retain_mut(|(pid, bare)| match environment(*pid) {
            Environment::Holds(entries) => {
                if entries.split(|b| *b == 0).any(|entry| entry == wanted) {
                    found.extend(look(*pid).filter(|seen| !seen.dead));
                }
                false
            }
            Environment::Hidden => false,
            // It may have become another program since, and yet another one: one look is none.
            Environment::Bare => {
                *bare += 1;
                *bare < LOOKS
            }
            Environment::Changing => {
                *bare = 0;
                true
            }
        });
        if open.is_empty() || Instant::now() > until {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The shims of a run folder, by their words: `… shim RUN-DIR`.
pub(super) fn shims(dir: &Path) -> Vec<Seen> {
    let is_shim = |seen: &Seen| {
        let words = read_capped(seen.pid, "cmdline").unwrap_or_default();
        let mut words = words.split(|b| *b == 0).skip(1);
        words.next() == Some(b"shim") && words.next() == Some(dir.as_os_str().as_bytes())
    };
    // The words come after the start time: a number that went to somebody else in between is not
    // signalled.
    all_pids()
        .filter_map(look)
        .filter(|seen| !seen.dead && is_shim(seen))
        .collect()
}

/// What a process shows of its environment.
enum Environment {
    /// Entries, each ended by a zero byte.
    Holds(Vec<u8>),
    /// None, and it is a whole program.
    Bare,
    /// None yet: it is just becoming another program.
    Changing,
    /// It is another user's, dead, or a thread of the kernel.
    Hidden,
}

fn environment(pid: u32) -> Environment {
    match read_capped(pid, "environ") {
        None => Environment::Hidden,
        Some(entries) if !entries.is_empty() => Environment::Holds(entries),
        Some(_) => match look(pid) {
            None => Environment::Hidden,
            Some(seen) if seen.dead => Environment::Hidden,
            Some(seen) if seen.pid == KERNEL || seen.parent == KERNEL => Environment::Hidden,
            Some(seen) if seen.whole => Environment::Bare,
            Some(_) => Environment::Changing,
        },
    }
}

/// Reads a file of a process; none when this user may not, or it is gone. One read gives all of
/// it: between two the process may become another program, and the second would find nothing.
fn read_capped(pid: u32, name: &str) -> Option<Vec<u8>> {
    let mut size = READ_FIRST;
    loop {
        let mut file = File::open(format!("/proc/{pid}/{name}")).ok()?;
        let mut bytes = vec![0; size];
        // A process that ends meanwhile shows nothing, and is not worth an error.
        let read = file.read(&mut bytes).unwrap_or(0);
        if read < size || size >= READ_CAP {
            bytes.truncate(read);
            return Some(bytes);
        }
        size *= 8;
    }
}

/// Signals exactly the process that was seen; one that is gone is fine.
pub(super) fn signal(seen: &Seen, signal: Signal) {
    let Some(pid) = i32::try_from(seen.pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => {
            if look(seen.pid).is_some_and(|now| now.started == seen.started) {
                let _ = pidfd_send_signal(handle, signal);
            }
        }
        Err(rustix::io::Errno::SRCH) => {}
        Err(_) => {
            let _ = kill_process(pid, signal);
        }
    }
}

/// One round against a set of processes: first all are held, so that they start no others, then
/// all are killed. Gives how many of them were new to `known`.
pub(super) fn strike(found: &[Seen], known: &mut BTreeSet<(u32, u64)>) -> u32 {
    for seen in found {
        signal(seen, Signal::STOP);
    }
    for seen in found {
        signal(seen, Signal::KILL);
    }
    let new = found
        .iter()
        .filter(|seen| known.insert((seen.pid, seen.started)))
        .count();
    u32::try_from(new).unwrap_or(u32::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_descends_from_its_parent() {
        let own = look(std::process::id()).unwrap();
        assert!(
            descendants(own.parent)
                .iter()
                .any(|seen| seen.pid == own.pid)
        );
        assert!(!descendants(own.pid).iter().any(|seen| seen.pid == own.pid));
    }

    #[test]
    fn a_marker_must_match_to_its_end() {
        let path = std::env::var_os("PATH").unwrap();
        let parent = look(std::process::id()).unwrap().parent;
        let has = |value: &Path| marked("PATH", value).iter().any(|seen| seen.pid == parent);
        assert!(!has(&Path::new(&path).join("x")));
    }

    /// A program that becomes itself, again and again, is seen whenever one looks.
    #[test]
    fn what_changes_all_the_time_is_found_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut env = vec![("MARKED_BY".into(), dir.path().into())];
        // A long environment takes the kernel more than one page to show.
        env.extend((0..40).map(|n| (format!("A{n}").into(), "x".repeat(200).into())));
        let (_reader, writer) = std::io::pipe().unwrap();
        std::fs::write(dir.path().join("again"), "exec sh ./again").unwrap();
        let mut child =
            super::super::spawn::shell("exec sh ./again", dir.path(), env, writer).unwrap();
        let missed = (0..1_000)
            .filter(|_| marked("MARKED_BY", dir.path()).is_empty())
            .count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(missed, 0);
    }
}
