//! Who is at the other end of the socket: a process that runs inside an agent of this server must
//! show the agent's token.
//!
//! It looks at the process and those above it, as the system shows them: the mark of a run in
//! their environment, or the shim that watches over the run. Only Linux shows them; elsewhere
//! nobody is taken for an agent. An agent that means ill can leave its tree: only a sandbox makes
//! this tight.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use cw_wire::handshake::SOCKET_VARIABLE;
use cw_wire::{ErrorCode, ErrorView};
use tokio::net::UnixListener;

use crate::app::{App, Fault};

/// The variable that marks every process of a run with its run folder.
const RUN_VARIABLE: &str = "CW_RUN";
/// How many processes above the peer are looked at.
const DEPTH: usize = 64;

/// The process at the other end of a connection; cheap to copy, looked at once.
#[derive(Clone, Debug)]
pub struct Peer {
    pid: Option<i32>,
    inside: Arc<OnceLock<bool>>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        Self {
            pid: credentials.and_then(|credentials| credentials.pid()),
            inside: Arc::default(),
        }
    }
}

impl Peer {
    /// Refuses a peer that runs inside an agent and shows no token.
    ///
    /// # Errors
    /// `refused`, for such a one.
    pub async fn check(&self, app: &App) -> Result<(), Fault> {
        let Some(pid) = self.pid else { return Ok(()) };
        let (peer, house) = (self.clone(), House::of(app));
        let look = move || *peer.inside.get_or_init(|| house.holds(pid, &process));
        if !tokio::task::spawn_blocking(look).await.unwrap_or(false) {
            return Ok(());
        }
        Err(ErrorView::new(
            ErrorCode::Refused,
            "a process inside an agent must show the agent's token",
        )
        .cause(format!("process {pid} belongs to a run of this server"))
        .hint("leave CW_TOKEN and CW_SOCKET as they were set, or call from outside the agent"))
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

/// What tells the runs of this server from those of another.
struct House {
    own: i32,
    runs: PathBuf,
    socket: PathBuf,
}

impl House {
    fn of(app: &App) -> Self {
        Self {
            own: i32::try_from(std::process::id()).unwrap_or(0),
            runs: app.about.runs.clone(),
            socket: app.about.socket.clone(),
        }
    }

    /// The process or one above it belongs to a run of this server.
    fn holds(&self, pid: i32, look: &dyn Fn(i32) -> Option<Process>) -> bool {
        let mut next = pid;
        for _ in 0..DEPTH {
            // What the server started for itself stands below it and is no run.
            if next <= 1 || next == self.own {
                return false;
            }
            let Some(process) = look(next) else {
                return false;
            };
            if self.is_marked(&process) || self.is_shim(&process) {
                return true;
            }
            next = process.parent;
        }
        false
    }

    fn is_marked(&self, process: &Process) -> bool {
        let value = |name: &str| {
            parts(&process.environment)
                .find_map(|part| part.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        };
        let run = value(RUN_VARIABLE).is_some_and(|run| self.is_run(run));
        run && value(SOCKET_VARIABLE).is_some_and(|socket| path(socket) == self.socket)
    }

    fn is_shim(&self, process: &Process) -> bool {
        let mut words = parts(&process.words).skip(1);
        words.next() == Some(b"shim") && words.next().is_some_and(|run| self.is_run(run))
    }

    fn is_run(&self, run: &[u8]) -> bool {
        path(run).parent() == Some(&self.runs)
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
    use std::collections::BTreeMap;

    use super::*;

    fn house() -> House {
        House {
            own: 50,
            runs: "/home/runs".into(),
            socket: "/home/run/cw.sock".into(),
        }
    }

    fn marked(parent: i32, run: &str, socket: &str) -> Process {
        Process {
            parent,
            environment: format!("PATH=/bin\0CW_RUN={run}\0CW_SOCKET={socket}\0").into_bytes(),
            words: b"sh\0-c\0x\0".to_vec(),
        }
    }

    fn plain(parent: i32) -> Process {
        Process {
            parent,
            environment: b"PATH=/bin\0".to_vec(),
            words: b"sh\0".to_vec(),
        }
    }

    fn holds(table: &[(i32, Process)], pid: i32) -> bool {
        let table: BTreeMap<i32, Process> = table.iter().cloned().collect();
        house().holds(pid, &|pid| table.get(&pid).cloned())
    }

    #[test]
    fn a_process_of_a_run_is_inside_even_with_its_environment_wiped() {
        let run = marked(60, "/home/runs/7", "/home/run/cw.sock");
        assert!(holds(&[(70, run.clone())], 70));
        assert!(holds(&[(70, run), (71, plain(70)), (72, plain(71))], 72));
        let shim = Process {
            words: b"/bin/cw\0shim\0/home/runs/7\0".to_vec(),
            ..plain(1)
        };
        assert!(holds(&[(60, shim), (70, plain(60))], 70));
    }

    #[test]
    fn runs_of_another_server_and_the_users_own_shells_are_outside() {
        assert!(!holds(&[(70, plain(1))], 70));
        assert!(!holds(
            &[(70, marked(1, "/other/runs/7", "/other/cw.sock"))],
            70
        ));
        assert!(!holds(
            &[(70, marked(1, "/home/runs/7", "/other/cw.sock"))],
            70
        ));
        assert!(!holds(
            &[(70, marked(1, "/other/runs/7", "/home/run/cw.sock"))],
            70
        ));
        assert!(!holds(&[], 70));
    }

    #[test]
    fn what_stands_above_the_server_does_not_count() {
        let above = marked(1, "/home/runs/7", "/home/run/cw.sock");
        assert!(!holds(
            &[(40, above.clone()), (50, above), (70, plain(50))],
            70
        ));
    }

    #[test]
    fn a_process_that_is_its_own_parent_ends_the_search() {
        assert!(!holds(&[(70, plain(70))], 70));
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
