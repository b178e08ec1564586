//! The shim: one small process per turn that stands between the server and an agent program, so
//! that the server may die while agents work. It owns the run folder while it lives: takes the
//! lock, writes `started.json`, keeps the output, listens on the socket, ends the whole tree and
//! writes `exit.json`. It needs nothing from the server once it has its order, and knows nothing
//! of kinds of agents.

mod cgroup;
mod control;
mod keeper;
mod os;
mod socket;
mod stdin;
mod tree;
mod watch_over;

pub use os::drop_inherited_files;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};

use super::order::{ORDER_CAP, ShimOrder, VERSION};
use super::run_folder::{
    EXIT, ExitRecord, LOCK, ORDER, SHIM_LOG, SOCKET, STARTED, StartedRecord, TMP,
};
use super::spawn;
use cgroup::Cgroup;
pub(super) use cgroup::{end_left_behind, probe as probe_group};
use control::Control;

/// Exit code: somebody else holds the run folder.
pub const TAKEN: i32 = 73;
/// Exit code: the run was begun before.
pub const BEGUN: i32 = 74;
/// Exit code: the run folder or the order is of no use.
pub const UNUSABLE: i32 = 70;
/// Exit code: another run is under way in the same worktree.
pub const OCCUPIED: i32 = 75;

/// Stack of each thread, in bytes: untouched pages cost nothing, but none of them needs more.
const STACK: usize = 128 << 10;

/// `exit.json` gets its room on the disk before it is needed, in bytes.
const EXIT_ROOM: usize = 4096;

/// How long the lock's holder is given to show itself by `started.json`. A short look at the lock
/// by others is not a holder.
const HOLDER_TRIES: u32 = 400;

/// Runs the shim for the run folder `run_dir`; the order comes on standard input. Returns the exit
/// code of the process. Called twice over: the first process starts the second one, which stays,
/// and returns as soon as that has started the agent's program or has failed.
#[must_use]
pub fn shim_main(run_dir: &Path) -> i32 {
    if std::env::var_os(spawn::STAGE).is_none() {
        return hand_over(run_dir).unwrap_or(UNUSABLE);
    }
    os::settle(c"cw-shim");
    match stay(run_dir) {
        Ok(code) => code,
        Err(err) => {
            report(UNUSABLE);
            Journal::open(run_dir).note(&format!("ended early: {err}"));
            UNUSABLE
        }
    }
}

/// Starts the process that stays and passes its report on as an exit code. The child is left to
/// init, so that it is nobody's zombie.
fn hand_over(run_dir: &Path) -> io::Result<i32> {
    let own = Path::new("/proc/self/exe");
    let own = if own.exists() {
        own.to_path_buf()
    } else {
        std::env::current_exe()?
    };
    let mut child = spawn::shim(&own, run_dir, true)?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        out.take(64).read_to_string(&mut said)?;
    }
    Ok(said.trim().parse().unwrap_or(UNUSABLE))
}

/// Tells the first process how it went; it may be gone.
fn report(code: i32) {
    let _ = writeln!(io::stdout(), "{code}");
    let _ = io::stdout().flush();
    let _ = os::detach();
}

/// The shim's own log, for people.
struct Journal(Option<File>);

impl Journal {
    fn open(dir: &Path) -> Self {
        Self(
            File::options()
                .create(true)
                .append(true)
                .open(dir.join(SHIM_LOG))
                .ok(),
        )
    }

    fn note(&self, what: &str) {
        if let Some(mut file) = self.0.as_ref() {
            let _ = writeln!(file, "{} {what}", os::now_ms());
        }
    }
}

fn stay(run_dir: &Path) -> io::Result<i32> {
    let run_dir = run_dir.canonicalize()?;
    // Relative names from here on: a socket's path may be too long otherwise.
    std::env::set_current_dir(&run_dir)?;
    let here = Path::new(".");
    let Some(_lock) = take_lock(here)? else {
        report(TAKEN);
        return Ok(TAKEN);
    };
    if Path::new(STARTED).exists() || Path::new(EXIT).exists() {
        report(BEGUN);
        return Ok(BEGUN);
    }
    let order = read_order(io::stdin().lock())?;
    let Ok(_place) = take_place(Path::new(order.cwd.as_os())) else {
        report(OCCUPIED);
        return Ok(OCCUPIED);
    };
    let journal = Journal::open(here);
    put(ORDER, &serde_json::to_vec_pretty(&order.public())?)?;
    File::create(EXIT_DRAFT)?.write_all(&[b' '; EXIT_ROOM])?;
    let group = order.cgroup.then(|| Cgroup::make(&run_dir)).flatten();
    let mut started = StartedRecord {
        version: VERSION,
        run: order.run.clone(),
        shim_pid: std::process::id(),
        pid: None,
        at_ms: os::now_ms(),
        cgroup: group.as_ref().map(|g| g.path().to_path_buf()),
    };
    put(STARTED, &serde_json::to_vec(&started)?)?;
    watch_over::run(order, group, &mut started, &journal)?;
    Ok(0)
}

/// The lock, or nothing when a shim holds it.
fn take_lock(dir: &Path) -> io::Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join(LOCK))?;
    for _ in 0..HOLDER_TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) if dir.join(STARTED).exists() => return Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(5)),
            Err(err) => return Err(err.into()),
        }
    }
    Ok(None)
}

/// Somebody else works there.
struct Occupied;

/// The worktree, held for as long as this process lives: an agent has one worktree and one session,
/// so two turns at once on one session are impossible, whatever a server may believe. One that is
/// just ending is waited for. A folder that is not there is found missing by the program's start.
fn take_place(worktree: &Path) -> Result<Option<File>, Occupied> {
    let Ok(folder) = File::open(worktree) else {
        return Ok(None);
    };
    for _ in 0..HOLDER_TRIES {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(folder)),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(5)),
            // A file system without locks has none to offer.
            Err(_) => return Ok(None),
        }
    }
    Err(Occupied)
}

fn read_order(from: impl Read) -> io::Result<ShimOrder> {
    let mut bytes = Vec::new();
    from.take(ORDER_CAP).read_to_end(&mut bytes)?;
    let order: ShimOrder = serde_json::from_slice(&bytes)?;
    if order.version == VERSION {
        return Ok(order);
    }
    Err(io::Error::other(format!(
        "order version {} is not {VERSION}",
        order.version
    )))
}

const EXIT_DRAFT: &str = "exit.json.draft";

/// Writes a whole file by rename. It may be gone after a power cut, but then so is the agent.
fn put(name: &str, content: &[u8]) -> io::Result<()> {
    let draft = format!("{name}.draft");
    std::fs::write(&draft, content)?;
    std::fs::rename(&draft, name)
}

/// Writes `exit.json` into the room that was kept for it, so that a full disk does not matter.
fn write_exit(record: &ExitRecord) -> io::Result<()> {
    let mut text = serde_json::to_vec(record)?;
    text.resize(text.len().max(EXIT_ROOM), b' ');
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(EXIT_DRAFT)?;
    file.write_all(&text)?;
    file.sync_all()?;
    // Should a power cut undo the rename alone, the run counts as crashed and is tried again.
    std::fs::rename(EXIT_DRAFT, EXIT)
}

/// Interrupts the program and its group, unless it has ended.
fn interrupt(control: &Control, pid: u32) {
    control.unless_ended(|| {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::INT);
        }
    });
}

/// Opens the socket; without one the run goes on, unheard.
fn open_socket(journal: &Journal) -> Option<UnixListener> {
    let _ = std::fs::remove_file(SOCKET);
    UnixListener::bind(SOCKET)
        .map_err(|err| journal.note(&format!("no socket: {err}")))
        .ok()
}

/// Makes the agent's folder for temporary files.
fn make_tmp() {
    let _ = std::fs::create_dir(TMP);
}
