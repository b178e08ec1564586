//! The one door to the git program: an explicit folder, a clean environment, no prompts, no
//! hooks, no optional locks, bytes out with a cap, a time limit on the whole process group.
//!
//! It owns how git is run and refuses to know what is asked of it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::error::GitError;

/// What stderr keeps at most: its end, where git says what went wrong.
const STDERR_TAIL: usize = 4 * 1024;
/// How long a closed child may take to go, and how often one that keeps its pipes is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Output of a command that nobody bounded.
const DEFAULT_LIMIT: usize = 256 * 1024 * 1024;

/// Settings that hold for every command, whatever the user configured.
const CONFIG: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsync=committed",
    "core.quotePath=false",
    "core.safecrlf=false",
    "core.fsmonitor=false",
    "core.filesRefLockTimeout=1000",
    "commit.gpgSign=false",
    "gc.auto=0",
    "i18n.commitEncoding=UTF-8",
    "maintenance.auto=false",
    "merge.conflictStyle=merge",
    "rerere.enabled=false",
    "submodule.recurse=false",
];

/// How to run git. Cheap to share between threads.
#[derive(Clone, Debug)]
pub struct Door {
    program: OsString,
    environment: Vec<(OsString, OsString)>,
    time_limit: Duration,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            program: "git".into(),
            environment: Vec::new(),
            time_limit: Duration::from_secs(600),
        }
    }
}

impl Door {
    /// Runs `program` instead of `git`.
    #[must_use]
    pub fn program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    /// Sets a variable for every command, on top of the server's environment without `GIT_*`.
    #[must_use]
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Ends a command, with all that it started, after this time (default: 10 minutes).
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Starts to describe a command that runs in `folder`.
    pub(super) fn at<'d>(&'d self, folder: &Path) -> Git<'d> {
        Git {
            door: self,
            folder: folder.to_owned(),
            location: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: Input::Nothing,
            limit: DEFAULT_LIMIT,
            cut: false,
        }
    }
}

enum Input {
    Nothing,
    Bytes(Vec<u8>),
    Held(File),
}

/// One command, being described.
pub(super) struct Git<'d> {
    door: &'d Door,
    folder: PathBuf,
    location: Vec<OsString>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: Input,
    limit: usize,
    cut: bool,
}

/// What a command left.
#[derive(Debug)]
pub(super) struct Output {
    /// Its exit code.
    pub(super) code: i32,
    /// What it wrote.
    pub(super) stdout: Vec<u8>,
    /// The end of what it complained about.
    pub(super) stderr: String,
    /// It had more to write than was asked for, and was ended.
    pub(super) truncated: bool,
    command: String,
}

impl Output {
    /// stdout as text without the line's end.
    pub(super) fn line(&self) -> String {
        String::from_utf8_lossy(&self.stdout)
            .trim_end_matches('\n')
            .to_owned()
    }

    /// The NUL-terminated parts of stdout.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let end = self
            .stdout
            .len()
            .saturating_sub(usize::from(self.stdout.ends_with(&[0])));
        self.stdout[..end]
            .split(|b| *b == 0)
            .filter(|part| !part.is_empty())
    }

    /// The failure that this output stands for.
    pub(super) fn failure(&self) -> GitError {
        GitError::Failed {
            command: self.command.clone(),
            code: self.code,
            stderr: self.stderr.clone(),
        }
    }

    /// The complaint that this output cannot be read.
    pub(super) fn unreadable(&self) -> GitError {
        GitError::Unreadable {
            command: self.command.clone(),
        }
    }
}

impl Git<'_> {
    /// Uses this git folder and work tree instead of looking for them.
    pub(super) fn inside(mut self, git_dir: &Path, work_tree: Option<&Path>) -> Self {
        self.location.push(prefixed("--git-dir=", git_dir));
        if let Some(work_tree) = work_tree {
            self.location.push(prefixed("--work-tree=", work_tree));
        }
        self
    }

    /// Adds an option that stands before the subcommand.
    pub(super) fn option(mut self, option: impl Into<OsString>) -> Self {
        self.location.push(option.into());
        self
    }

    /// Adds an argument.
    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(super) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Gives it something to read.
    pub(super) fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = Input::Bytes(bytes);
        self
    }

    /// Lets the command share a held lock: if this process dies, the lock stays held until the
    /// command has ended too. (The lock's empty file is its stdin.)
    pub(super) fn holding(mut self, lock: &File) -> Result<Self, GitError> {
        self.input = Input::Held(
            lock.try_clone()
                .map_err(|e| GitError::io("sharing a lock", e))?,
        );
        Ok(self)
    }

    /// Ends the command once it has written this much, and takes what there is.
    pub(super) fn cut_at(mut self, limit: usize) -> Self {
        self.limit = limit;
        self.cut = true;
        self
    }

    /// Runs it; any exit code is an answer.
    pub(super) fn run(mut self) -> Result<Output, GitError> {
        let command = self.words();
        let (stdin, bytes) = match std::mem::replace(&mut self.input, Input::Nothing) {
            Input::Nothing => (Stdio::null(), None),
            Input::Bytes(bytes) => (Stdio::piped(), Some(bytes)),
            Input::Held(file) => (Stdio::from(file), None),
        };
        let child = self
            .command()
            .stdin(stdin)
            .spawn()
            .map_err(|source| GitError::Start {
                program: self.door.program.to_string_lossy().into_owned(),
                source,
            })?;
        let ran = Running {
            child,
            deadline: Instant::now() + self.door.time_limit,
        }
        .finish(bytes, self.limit);
        let ran = ran.map_err(|e| GitError::io("talking to git", e))?;
        match ran.end {
            End::Overrun if self.cut => Ok(ran.output(0, command, true)),
            End::Overrun => Err(GitError::TooMuch { command }),
            End::OutOfTime => Err(GitError::OutOfTime { command }),
            End::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ok(ran.output(code, command, false)),
                (None, signal) => Err(GitError::Interrupted {
                    command,
                    signal: signal.unwrap_or(0),
                }),
            },
        }
    }

    /// Runs it; any exit code but 0 is a failure.
    pub(super) fn succeed(self) -> Result<Output, GitError> {
        self.one_of(&[0])
    }

    /// Runs it; any exit code but these is a failure.
    pub(super) fn one_of(self, codes: &[i32]) -> Result<Output, GitError> {
        let output = self.run()?;
        if codes.contains(&output.code) {
            Ok(output)
        } else {
            Err(output.failure())
        }
    }

    fn words(&self) -> String {
        let words: Vec<_> = self
            .arguments
            .iter()
            .take(8)
            .map(|a| a.to_string_lossy())
            .collect();
        format!("git {}", words.join(" "))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the git door")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.door.program);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(name);
            }
        }
        command
            .envs(self.door.environment.iter().map(|(k, v)| (k, v)))
            .env_remove("LANGUAGE")
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_EDITOR", "true")
            .env("GIT_PAGER", "cat")
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .current_dir(&self.folder)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for setting in CONFIG {
            command.args(["-c", setting]);
        }
        command
            .arg("--no-pager")
            .args(&self.location)
            .args(&self.arguments);
        command
    }
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut option = OsString::from(prefix);
    option.push(path);
    option
}

enum End {
    Exited(ExitStatus),
    OutOfTime,
    Overrun,
}

struct Ran {
    end: End,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Ran {
    fn output(self, code: i32, command: String, truncated: bool) -> Output {
        let tail = &self.stderr[self.stderr.len().saturating_sub(STDERR_TAIL)..];
        let stderr = String::from_utf8_lossy(tail).trim_end().to_owned();
        Output {
            code,
            stdout: self.stdout,
            stderr,
            truncated,
            command,
        }
    }
}

struct Running {
    child: Child,
    deadline: Instant,
}

impl Running {
    fn finish(mut self, input: Option<Vec<u8>>, limit: usize) -> io::Result<Ran> {
        let talked = self.talk(input, limit);
        if !matches!(
            talked,
            Ok(Ran {
                end: End::Exited(_),
                ..
            })
        ) {
            self.kill();
        }
        talked
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _reaped = self.child.wait();
    }

    fn talk(&mut self, input: Option<Vec<u8>>, limit: usize) -> io::Result<Ran> {
        let mut writer = self
            .child
            .stdin
            .take()
            .zip(input)
            .map(|(pipe, bytes)| Writer {
                pipe,
                bytes,
                done: 0,
            });
        let mut stdout = Reader::new(self.child.stdout.take());
        let mut stderr = Reader::new(self.child.stderr.take());
        for fd in [
            writer.as_ref().map(|w| w.pipe.as_fd()),
            stdout.fd(),
            stderr.fd(),
        ]
        .into_iter()
        .flatten()
        {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        let mut exited = None;
        while exited.is_none()
            && (stdout.pipe.is_some() || stderr.pipe.is_some() || writer.is_some())
        {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Ran {
                    end: End::OutOfTime,
                    stdout: stdout.bytes,
                    stderr: stderr.bytes,
                });
            }
            if !wait_ready(writer.as_ref(), &stdout, &stderr, left.min(LOOK))? {
                // A grandchild may keep the pipes open long after git is gone.
                exited = self.child.try_wait()?;
            }
            writer = writer.map(Writer::step).transpose()?.flatten();
            stdout.drain()?;
            stderr.drain()?;
            let excess = stderr.bytes.len().saturating_sub(4 * STDERR_TAIL);
            stderr.bytes.drain(..excess);
            if stdout.bytes.len() > limit {
                stdout.bytes.truncate(limit);
                return Ok(Ran {
                    end: End::Overrun,
                    stdout: stdout.bytes,
                    stderr: stderr.bytes,
                });
            }
        }
        drop(writer);
        let end = match exited {
            Some(status) => End::Exited(status),
            None => self.leave()?,
        };
        Ok(Ran {
            end,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
        })
    }

    fn leave(&mut self) -> io::Result<End> {
        let mut pause = Duration::from_micros(100);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(End::Exited(status));
            }
            if Instant::now() >= self.deadline {
                return Ok(End::OutOfTime);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        }
    }
}

struct Writer {
    pipe: std::process::ChildStdin,
    bytes: Vec<u8>,
    done: usize,
}

impl Writer {
    /// Writes what fits; `None` when all is written or nobody reads any more.
    fn step(mut self) -> io::Result<Option<Self>> {
        while self.done < self.bytes.len() {
            match self.pipe.write(&self.bytes[self.done..]) {
                Ok(n) => self.done += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Some(self)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }
}

struct Reader<R> {
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read + AsFd> Reader<R> {
    fn new(pipe: Option<R>) -> Self {
        Self {
            pipe,
            bytes: Vec::new(),
        }
    }

    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, at most a megabyte at a time, so that limits are looked at between.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 64 * 1024];
        for _ in 0..16 {
            let Some(pipe) = &mut self.pipe else {
                return Ok(());
            };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(n) => self.bytes.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn wait_ready<A: Read + AsFd, B: Read + AsFd>(
    writer: Option<&Writer>,
    stdout: &Reader<A>,
    stderr: &Reader<B>,
    limit: Duration,
) -> io::Result<bool> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
    fds.extend(writer.map(|w| PollFd::from_borrowed_fd(w.pipe.as_fd(), PollFlags::OUT)));
    fds.extend(
        stdout
            .fd()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
    );
    fds.extend(
        stderr
            .fd()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
    );
    let limit = Timespec::try_from(limit).unwrap_or_default();
    match poll(&mut fds, Some(&limit)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A door to a shell script, and the folder it is in.
    fn script(text: &str) -> (tempfile::TempDir, Door) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("git");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let door = Door::default()
            .program(path)
            .time_limit(Duration::from_secs(60));
        (folder, door)
    }

    #[test]
    fn much_goes_in_and_comes_out_at_once() {
        let (folder, door) = script("cat");
        let much: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        assert_eq!(
            door.at(folder.path())
                .input(much.clone())
                .succeed()
                .unwrap()
                .stdout,
            much
        );
    }

    #[test]
    fn a_signal_is_told_from_a_failure() {
        let (folder, door) = script("kill -9 $$");
        assert!(matches!(
            door.at(folder.path()).run(),
            Err(GitError::Interrupted { signal: 9, .. })
        ));
        let (folder, door) = script("echo why >&2; exit 3");
        let error = door.at(folder.path()).arg("x").succeed().unwrap_err();
        assert!(
            matches!(&error, GitError::Failed { command, code: 3, stderr } if command == "git x" && stderr == "why")
        );
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let (folder, door) = script("sleep 1000 & echo $! > child; wait");
        let door = door.time_limit(Duration::from_millis(300));
        assert!(matches!(
            door.at(folder.path()).run(),
            Err(GitError::OutOfTime { .. })
        ));
        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        let deadline = Instant::now() + Duration::from_secs(30);
        while state().is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "{:?}", state());
            thread::yield_now();
        }
    }

    #[test]
    fn output_is_bounded() {
        let (folder, door) = script("yes");
        let cut = door.at(folder.path()).cut_at(1_000).run().unwrap();
        assert!(cut.truncated && cut.stdout.len() == 1_000);
        let mut git = door.at(folder.path());
        git.limit = 1_000;
        assert!(matches!(git.run(), Err(GitError::TooMuch { .. })));
    }

    #[test]
    fn a_background_process_that_keeps_the_pipes_is_not_waited_for() {
        let (folder, door) = script("sleep 20 & echo done");
        let output = door
            .time_limit(Duration::from_secs(15))
            .at(folder.path())
            .run()
            .unwrap();
        assert_eq!(output.line(), "done");
    }

    #[test]
    fn the_environment_is_gits_own() {
        let (folder, door) = script("env; echo \"$@\"; pwd");
        let door = door.environment("HOME", "/elsewhere");
        let text = door
            .at(folder.path())
            .args(["status"])
            .env("GIT_INDEX_FILE", "i")
            .succeed()
            .unwrap()
            .line();
        for wanted in [
            "LC_ALL=C\n",
            "GIT_TERMINAL_PROMPT=0\n",
            "HOME=/elsewhere\n",
            "GIT_INDEX_FILE=i\n",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        assert!(text.contains("-c core.hooksPath=/dev/null") && text.contains("--no-pager status"));
        assert!(
            Path::new(text.lines().last().unwrap()).ends_with(folder.path().file_name().unwrap())
        );
    }

    #[test]
    fn a_lock_is_lent_to_the_command() {
        let (folder, door) = script("cat");
        let path = folder.path().join("lock");
        std::fs::write(&path, "this very file").unwrap();
        let lock = File::open(&path).unwrap();
        assert_eq!(
            door.at(folder.path())
                .holding(&lock)
                .unwrap()
                .succeed()
                .unwrap()
                .stdout,
            b"this very file"
        );
    }
}
