//! Who is at the other end of the socket: a process that runs inside an agent of this server must
//! show the agent's token, and a command that the server started itself (a gate, a setup command)
//! has nothing to say here.
//!
//! It looks at the process and those above it, as the system shows them, as soon as it connects:
//! the mark of a run in their environment, or the shim that watches over the run. Whom it cannot
//! look at is refused. Only Linux shows processes; elsewhere nobody is taken for an agent. An
//! agent that means ill can leave its tree: only a sandbox makes this tight.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use cw_wire::handshake::SOCKET_VARIABLE;
use cw_wire::{ErrorCode, ErrorView};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::app::{App, Fault};

/// The variable that marks every process of a run with its run folder.
const RUN_VARIABLE: &str = "CW_RUN";
/// The variable that marks every process of a gate or setup command with its folder.
const COMMAND_VARIABLE: &str = "CW_COMMAND_IN";
/// How many processes above the peer are looked at.
const DEPTH: usize = 64;
/// How often the look begins anew because somebody on the way up ended meanwhile.
const LOOKS: usize = 8;

/// Where a process stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Neither in a run nor below the server: the user's.
    Outside,
    /// In a run of this server.
    Run,
    /// In a command that this server started.
    Command,
    /// Gone before it could be looked at, or not shown to this server.
    Unknown,
}

/// The socket; it has every peer looked at as soon as it is let in.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    house: Arc<House>,
}

impl Door {
    /// The door of the server that `app` belongs to.
    #[must_use]
    pub fn new(listener: UnixListener, app: &App) -> Self {
        let house = Arc::new(House::of(app));
        Self { listener, house }
    }
}

impl Listener for Door {
    type Io = UnixStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (UnixStream, Peer) {
        let (stream, _) = Listener::accept(&mut self.listener).await;
        let peer = Peer::look_at(&stream, self.house.clone());
        (stream, peer)
    }

    fn local_addr(&self) -> std::io::Result<Peer> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// The process at the other end of a connection; cheap to copy.
#[derive(Clone, Debug)]
pub struct Peer {
    pid: i32,
    /// What the look found, once it has.
    standing: watch::Receiver<Option<Standing>>,
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Peer {
    /// Begins to look. The look has a thread of its own: a process may have its environment read
    /// as slowly as it likes, and nobody else shall wait for that.
    fn look_at(stream: &UnixStream, house: Arc<House>) -> Self {
        let credentials = stream.peer_cred().ok();
        let pid = credentials.and_then(|seen| seen.pid()).unwrap_or(0);
        let (found, standing) = watch::channel(None);
        tokio::task::spawn_blocking(move || {
            found.send_replace(Some(house.standing(pid, &process)));
        });
        Self { pid, standing }
    }

    /// Refuses a peer that shows no token and is not the user's.
    ///
    /// # Errors
    /// `refused`, for such a one.
    pub async fn check(&self) -> Result<(), Fault> {
        let mut standing = self.standing.clone();
        let found = standing.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| *found);
        let pid = self.pid;
        let refused = |what: &str, why: String, hint: &str| {
            Err(ErrorView::new(ErrorCode::Refused, what)
                .cause(why)
                .hint(hint))
        };
        match found.unwrap_or(Standing::Unknown) {
            Standing::Outside => Ok(()),
            Standing::Run => refused(
                "a process inside an agent must show the agent's token",
                format!("process {pid} belongs to a run of this server"),
                "leave CW_TOKEN and CW_SOCKET as they were set, or call from outside the agent",
            ),
            Standing::Command => refused(
                "a gate or setup command cannot call the server that started it",
                format!("process {pid} belongs to a command that this server runs"),
                "call from a shell of your own; a command that needs a server starts one with a \
                 CW_HOME of its own",
            ),
            Standing::Unknown => refused(
                "the process that calls cannot be looked at",
                format!("process {pid} ended after it had connected, or is hidden from the server"),
                "call from a process that waits for its answer, on the server's own system",
            ),
        }
    }
}

/// A process as the system shows it.
#[derive(Clone, Default)]
struct Process {
    parent: i32,
    /// `NAME=VALUE`, each ended by a zero byte; what it was started with.
    environment: Vec<u8>,
    /// Its words, each ended by a zero byte.
    words: Vec<u8>,
}

/// What tells the runs and commands of this server from those of another.
#[derive(Debug)]
struct House {
    own: i32,
    runs: PathBuf,
    worktrees: PathBuf,
    socket: PathBuf,
}

impl House {
    fn of(app: &App) -> Self {
        Self {
            own: i32::try_from(std::process::id()).unwrap_or(0),
            runs: app.about.runs.clone(),
            worktrees: app.places.worktrees.clone(),
            socket: app.about.socket.clone(),
        }
    }

    /// Where the process stands, by itself and those above it.
    fn standing(&self, pid: i32, look: &dyn Fn(i32) -> Option<Process>) -> Standing {
        // The server itself, or a system that does not even show it.
        if pid == self.own || look(self.own).is_none() {
            return Standing::Outside;
        }
        for _ in 0..LOOKS {
            let Some(process) = look(pid) else { break };
            if let Some(standing) = self.climb(pid, process, look) {
                return standing;
            }
        }
        Standing::Unknown
    }

    /// Goes up from a process; nothing when the ground moved: somebody ended, and those below it
    /// have another parent now (the shim, in a run).
    fn climb(
        &self,
        mut pid: i32,
        mut process: Process,
        look: &dyn Fn(i32) -> Option<Process>,
    ) -> Option<Standing> {
        for _ in 0..DEPTH {
            if self.is_marked(&process) || self.is_shim(&process) {
                return Some(Standing::Run);
            }
            if self.is_command(&process) {
                return Some(Standing::Command);
            }
            let parent = process.parent;
            // Before the server's own id: as process 1 it has adopted whoever lost a parent.
            if parent <= 1 || parent == pid {
                return Some(Standing::Outside);
            }
            if parent == self.own {
                return Some(Standing::Command);
            }
            let Some(above) = look(parent) else {
                // A parent that stays the same is there, and another user's that is not shown.
                let same = look(pid).is_some_and(|now| now.parent == parent);
                return same.then_some(Standing::Outside);
            };
            (pid, process) = (parent, above);
        }
        Some(Standing::Outside)
    }

    fn is_marked(&self, process: &Process) -> bool {
        let run = process.variable(RUN_VARIABLE);
        run.is_some_and(|run| self.is_run(run))
            && process.variable(SOCKET_VARIABLE).map(path) == Some(&self.socket)
    }

    fn is_command(&self, process: &Process) -> bool {
        let folder = process.variable(COMMAND_VARIABLE).map(path);
        folder.is_some_and(|folder| folder.starts_with(&self.worktrees))
    }

    fn is_shim(&self, process: &Process) -> bool {
        let mut words = parts(&process.words).skip(1);
        words.next() == Some(b"shim") && words.next().is_some_and(|run| self.is_run(run))
    }

    fn is_run(&self, run: &[u8]) -> bool {
        path(run).parent() == Some(&self.runs)
    }
}

impl Process {
    fn variable(&self, name: &str) -> Option<&[u8]> {
        parts(&self.environment)
            .find_map(|part| part.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0)
}

fn path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Looks a process up. What cannot be read (another user's) is empty.
#[cfg(target_os = "linux")]
fn process(pid: i32) -> Option<Process> {
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}"));
    let stat = String::from_utf8_lossy(&read("stat").ok()?).into_owned();
    // The name, in parentheses, may hold anything; state and parent follow the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(Process {
        parent: rest.split_whitespace().nth(1)?.parse().ok()?,
        environment: read("environ").unwrap_or_default(),
        words: read("cmdline").unwrap_or_default(),
    })
}

#[cfg(not(target_os = "linux"))]
fn process(_: i32) -> Option<Process> {
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use super::*;

    fn house() -> House {
        House {
            own: 50,
            runs: "/home/runs".into(),
            worktrees: "/home/worktrees".into(),
            socket: "/home/run/cw.sock".into(),
        }
    }

    fn with(parent: i32, environment: &str) -> Process {
        Process {
            parent,
            environment: format!("PATH=/bin\0{environment}\0").into_bytes(),
            words: b"sh\0-c\0x\0".to_vec(),
        }
    }

    fn marked(parent: i32, run: &str, socket: &str) -> Process {
        with(parent, &format!("CW_RUN={run}\0CW_SOCKET={socket}"))
    }

    fn plain(parent: i32) -> Process {
        with(parent, "A=b")
    }

    fn shim() -> Process {
        Process {
            words: b"/bin/cw\0shim\0/home/runs/7\0".to_vec(),
            ..plain(1)
        }
    }

    fn standing(table: &[(i32, Process)], pid: i32) -> Standing {
        let mut table: BTreeMap<i32, Process> = table.iter().cloned().collect();
        table.entry(50).or_insert_with(|| plain(1));
        house().standing(pid, &|pid| table.get(&pid).cloned())
    }

    #[test]
    fn a_process_of_a_run_is_inside_even_with_its_environment_wiped() {
        let run = marked(60, "/home/runs/7", "/home/run/cw.sock");
        assert_eq!(standing(&[(70, run.clone())], 70), Standing::Run);
        let below = [(70, run), (71, plain(70)), (72, plain(71))];
        assert_eq!(standing(&below, 72), Standing::Run);
        assert_eq!(
            standing(&[(60, shim()), (70, plain(60))], 70),
            Standing::Run
        );
    }

    #[test]
    fn runs_of_another_server_and_the_users_own_shells_are_outside() {
        let others = [
            plain(1),
            marked(1, "/other/runs/7", "/other/cw.sock"),
            marked(1, "/home/runs/7", "/other/cw.sock"),
            marked(1, "/other/runs/7", "/home/run/cw.sock"),
            with(1, "CW_COMMAND_IN=/other/worktrees/app/soho"),
        ];
        for other in others {
            assert_eq!(standing(&[(70, other)], 70), Standing::Outside);
        }
    }

    #[test]
    fn what_the_server_started_itself_is_a_command_even_where_it_was_left_behind() {
        let shell = [(70, plain(50)), (71, plain(70))];
        assert_eq!(standing(&shell, 71), Standing::Command);
        let gate = with(1, "CW_COMMAND_IN=/home/worktrees/app/.gate-adhoc");
        assert_eq!(
            standing(&[(70, gate), (71, plain(70))], 71),
            Standing::Command
        );
    }

    #[test]
    fn what_stands_above_the_server_does_not_count() {
        let above = marked(1, "/home/runs/7", "/home/run/cw.sock");
        let own = Process {
            parent: 40,
            ..plain(1)
        };
        let table = [(40, above), (50, own), (70, plain(1))];
        assert_eq!(standing(&table, 50), Standing::Outside);
        assert_eq!(standing(&table, 70), Standing::Outside);
        // A command that starts a server: its callers stand beside that server, not below.
        let client = [
            (30, plain(1)),
            (50, plain(31)),
            (31, plain(30)),
            (32, plain(30)),
        ];
        assert_eq!(standing(&client, 32), Standing::Outside);
    }

    #[test]
    fn a_process_that_is_gone_is_unknown_unless_the_system_shows_none_at_all() {
        assert_eq!(standing(&[], 70), Standing::Unknown);
        assert_eq!(standing(&[], 0), Standing::Unknown);
        assert_eq!(house().standing(70, &|_| None), Standing::Outside);
    }

    #[test]
    fn a_parent_that_ends_meanwhile_leads_to_the_one_that_adopted() {
        let looks = Cell::new(0);
        let look = |pid| match pid {
            50 => Some(plain(1)),
            60 => Some(shim()),
            71 => {
                looks.set(looks.get() + 1);
                Some(plain(if looks.get() == 1 { 70 } else { 60 }))
            }
            _ => None,
        };
        assert_eq!(house().standing(71, &look), Standing::Run);
    }

    #[test]
    fn a_parent_that_the_system_hides_ends_the_search() {
        assert_eq!(standing(&[(70, plain(69))], 70), Standing::Outside);
    }

    #[test]
    fn a_process_that_is_its_own_parent_ends_the_search() {
        assert_eq!(standing(&[(70, plain(70))], 70), Standing::Outside);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen_with_its_parent() {
        let own = i32::try_from(std::process::id()).unwrap();
        let seen = process(own).unwrap();
        assert_eq!(
            seen.parent,
            i32::try_from(std::os::unix::process::parent_id()).unwrap()
        );
        assert!(!seen.words.is_empty());
    }
}
