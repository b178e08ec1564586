//! A run folder, read from outside: whether its run never began, lives, ended or crashed. Believes
//! a held lock before the files, since the agent can write those too, and never a process id.
//! Writes nothing but the memo.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cw_core::domain::time::Timestamp;
use cw_core::ports::agents::{Exit, LogLine, RunState, Stream};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::log;

/// Held for as long as the shim lives.
pub(super) const LOCK: &str = "lock";
/// Says that the run was begun.
pub(super) const STARTED: &str = "started.json";
/// Says how the run ended.
pub(super) const EXIT: &str = "exit.json";
/// Where the shim listens.
pub(super) const SOCKET: &str = "sock";
/// The order without its secrets.
pub(super) const ORDER: &str = "order.json";
/// What the shim has to say about itself.
pub(super) const SHIM_LOG: &str = "shim.log";
/// What the launch left for the reader.
const MEMO: &str = "memo";
/// The agent's own temporary files.
pub(super) const TMP: &str = "tmp";

/// The name of the log that keeps `stream`.
pub(super) fn log_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Out => "stdout.log",
        Stream::Err => "stderr.log",
    }
}

/// `started.json`.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct StartedRecord {
    pub(super) version: u32,
    pub(super) run: String,
    pub(super) shim_pid: u32,
    pub(super) pid: Option<u32>,
    pub(super) at_ms: i64,
    /// The agent's control group, as a path.
    pub(super) cgroup: Option<PathBuf>,
}

/// `exit.json`.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct ExitRecord {
    pub(super) version: u32,
    pub(super) run: String,
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) spawn_error: Option<String>,
    pub(super) errno: Option<i32>,
    pub(super) stopped: Option<String>,
    pub(super) started_ms: i64,
    pub(super) ended_ms: i64,
    pub(super) cpu_ms: u64,
    pub(super) peak_bytes: u64,
    pub(super) output_cut: bool,
    pub(super) leftovers: u32,
}

impl From<ExitRecord> for Exit {
    fn from(record: ExitRecord) -> Self {
        Self {
            code: record.code,
            signal: record.signal,
            spawn_error: record.spawn_error,
            stopped: record.stopped,
            started_at: Timestamp(record.started_ms),
            ended_at: Timestamp(record.ended_ms),
            cpu: Duration::from_millis(record.cpu_ms),
            peak_bytes: record.peak_bytes,
            output_cut: record.output_cut,
            leftovers: record.leftovers,
        }
    }
}

/// One run folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
}

impl RunFolder {
    /// The run folder at `dir`, which need not be there.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The value of `CW_RUN` in the environment of all that belongs to the run.
    pub(super) fn marker(&self) -> &Path {
        &self.dir
    }

    /// What it says about its run. A record that cannot be read counts as none.
    pub fn state(&self) -> io::Result<RunState> {
        if self.locked()? {
            return Ok(RunState::Alive {
                pid: self.started().and_then(|s| s.pid),
            });
        }
        if let Some(exit) = self.exit() {
            return Ok(RunState::Finished(exit));
        }
        let begun = self.dir.join(STARTED).try_exists()?;
        Ok(if begun {
            RunState::Crashed
        } else {
            RunState::NeverBegan
        })
    }

    /// Its `started.json`, if there is a readable one.
    pub(super) fn started(&self) -> Option<StartedRecord> {
        read_json(&self.dir.join(STARTED))
    }

    /// How long its program may take to end when it is stopped, from its `order.json`.
    pub(super) fn grace(&self) -> Duration {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Graces {
            interrupt_ms: u64,
            terminate_ms: u64,
        }
        let graces: Graces = read_json(&self.dir.join(ORDER)).unwrap_or_default();
        Duration::from_millis(graces.interrupt_ms.saturating_add(graces.terminate_ms))
    }

    /// What the launch left for the reader; empty if nothing.
    pub(super) fn memo(&self) -> Vec<u8> {
        std::fs::read(self.dir.join(MEMO)).unwrap_or_default()
    }

    /// Keeps what the launch leaves for the reader, before anything is started.
    pub(super) fn keep_memo(&self, memo: &[u8]) -> io::Result<()> {
        if memo.is_empty() {
            return Ok(());
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.dir.join(MEMO))?.write_all(memo)
    }

    fn exit(&self) -> Option<Exit> {
        read_json::<ExitRecord>(&self.dir.join(EXIT)).map(Exit::from)
    }

    /// A shared lock is enough to see whether the exclusive one is held; a shim that meets it just
    /// then tries again.
    fn locked(&self) -> io::Result<bool> {
        let file = match File::open(self.dir.join(LOCK)) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(err) => return Err(err),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(err) => Err(err.into()),
        }
    }

    /// Reads kept lines; see [`log::read_lines`]. A log that is not there is empty.
    pub fn read_lines(
        &self,
        stream: Stream,
        offset: u64,
        max_bytes: usize,
        over: bool,
    ) -> io::Result<(Vec<LogLine>, u64)> {
        match File::open(self.dir.join(log_name(stream))) {
            Ok(file) => log::read_lines(&file, offset, max_bytes, over),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok((Vec::new(), offset)),
            Err(err) => Err(err),
        }
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let bytes = std::fs::read(path).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(RunFolder);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("cw-run-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
            Self(RunFolder::new(dir))
        }

        fn put(&self, name: &str, content: &str) {
            std::fs::write(self.0.dir.join(name), content).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0.dir);
        }
    }

    #[test]
    fn an_absent_or_empty_folder_never_began() {
        let run = Scratch::new("empty");
        assert_eq!(run.0.state().unwrap(), RunState::NeverBegan);
        run.put(LOCK, "");
        run.put("stdout.log", "1 half");
        assert_eq!(run.0.state().unwrap(), RunState::NeverBegan);
        assert_eq!(
            RunFolder::new("/nowhere/at/all".into()).state().unwrap(),
            RunState::NeverBegan
        );
    }

    #[test]
    fn a_held_lock_is_alive_and_a_released_one_crashed() {
        let run = Scratch::new("lock");
        run.put(STARTED, r#"{"pid":1}"#);
        let lock = File::create(run.0.dir.join(LOCK)).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(run.0.state().unwrap(), RunState::Alive { pid: Some(1) });
        drop(lock);
        assert_eq!(run.0.state().unwrap(), RunState::Crashed);
    }

    #[test]
    fn an_exit_record_beside_a_held_lock_is_not_believed() {
        let run = Scratch::new("forged");
        run.put(STARTED, r#"{"pid":1}"#);
        run.put(EXIT, r#"{"code":0}"#);
        let lock = File::create(run.0.dir.join(LOCK)).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(run.0.state().unwrap(), RunState::Alive { pid: Some(1) });
        drop(lock);
        assert!(matches!(run.0.state().unwrap(), RunState::Finished(_)));
    }

    #[test]
    fn an_exit_record_ends_a_run_and_half_of_one_is_none() {
        let run = Scratch::new("exit");
        run.put(STARTED, "{");
        run.put(EXIT, r#"{"code":0"#);
        assert_eq!(run.0.state().unwrap(), RunState::Crashed);
        run.put(EXIT, "{\"code\":75}          ");
        let RunState::Finished(exit) = run.0.state().unwrap() else {
            panic!("not finished")
        };
        assert_eq!(exit.code, Some(75));
    }
}
