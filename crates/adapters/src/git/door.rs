//! The one door to the git program: an explicit folder, a clean environment, no prompts, no
//! hooks, no optional locks, bytes out with a cap, a time limit on the whole process group.
//!
//! It owns how git is run and refuses to know what is asked of it.

mod running;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::running::{End, Ran, Running};
use super::error::GitError;

/// What stderr keeps at most: its end, where git says what went wrong.
const STDERR_TAIL: usize = 4 * 1024;
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
    pub(super) user: User,
    time_limit: Duration,
}

/// Who the user says to be, beside what git's configuration says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct User {
    /// The name.
    pub name: Option<String>,
    /// The mail address.
    pub email: Option<String>,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            program: "git".into(),
            environment: Vec::new(),
            user: User::default(),
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

    /// Commits in this user's name, as far as it is said; it goes before what is configured.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.user = user;
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

    /// Any exit code but 0 is a failure.
    pub(super) fn success(&self) -> Result<(), GitError> {
        if self.code == 0 {
            Ok(())
        } else {
            Err(self.failure())
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

#[cfg(test)]
mod tests;
