//! A repository, a `CW_HOME` of its own, and the `cw` binary. Everything ends with the stage.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Runs its standard input as a shell program on the turns that bring a task's text, and what
/// `tools/on-TURN.sh` says on the others.
const AGENT: &str = r#"#!/bin/sh
cat > "$TMPDIR/said"
case "$CW_TURN" in
start|retry) exec sh "$TMPDIR/said" ;;
*) exec sh "$CW_TEST_TOOLS/on-$CW_TURN.sh" "$TMPDIR/said" ;;
esac
"#;

/// Takes both sides of every conflict, without the markers.
const ON_BOUNCE: &str = r#"
for file in $(git diff --name-only --diff-filter=U); do
  sed -i -e '/^<<<<<<< /d' -e '/^=======$/d' -e '/^>>>>>>> /d' "$file"
done
"#;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The standard output of a command that must have ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> String {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.out, self.err
        );
        self.out
    }
}

/// The program under test: the one that was built with the tests, or another that
/// `CW_TEST_PROGRAM` names (a release build, say).
pub(crate) fn program() -> PathBuf {
    std::env::var_os("CW_TEST_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_cw").into(), PathBuf::from)
}

/// How many rounds a test goes that does the same over and over: as many as `CW_TEST_ROUNDS` says.
pub(crate) fn rounds() -> usize {
    let said = std::env::var("CW_TEST_ROUNDS").ok();
    said.map_or(20, |text| text.parse().unwrap())
}

/// The events of a kind, oldest first.
pub(crate) fn events(stage: &Stage, kind: &str) -> Vec<Value> {
    let out = stage.cw(&["events", "--json"]).expect(0);
    out.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["type"] == kind)
        .collect()
}

/// Numbers that look random and are the same in every run with the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// The next number, below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

pub(crate) struct Stage {
    dir: TempDir,
    pub(crate) home: PathBuf,
    pub(crate) repo: PathBuf,
    pub(crate) tools: PathBuf,
}

impl Stage {
    /// A registered repository with one commit on `main` and the shell agent as its default.
    pub(crate) fn new() -> Self {
        let stage = Self::bare();
        stage.configure("");
        stage.cw(&["init"]).expect(0);
        stage.cw(&["trust", "--yes"]).expect(0);
        stage
    }

    /// A repository with one commit on `main` that `cw` has not seen.
    pub(crate) fn bare() -> Self {
        let dir = TempDir::new().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let stage = Self {
            home: root.join("home"),
            repo: root.join("repo"),
            tools: root.join("tools"),
            dir,
        };
        std::fs::create_dir(&stage.tools).unwrap();
        std::fs::create_dir(&stage.repo).unwrap();
        stage.tool("agent.sh", AGENT);
        stage.tool("on-bounce.sh", ON_BOUNCE);
        stage.git(&["init", "-q", "-b", "main"]);
        stage.git(&["config", "user.name", "Dev"]);
        stage.git(&["config", "user.email", "dev@example.org"]);
        stage.write("README.md", "# A project\n");
        stage.git(&["add", "-A"]);
        stage.git(&["commit", "-q", "-m", "Begin"]);
        stage
    }

    /// A clone of a real repository with its history, on `main`, that `cw` has not seen.
    pub(crate) fn of(repository: &Path) -> Self {
        let dir = TempDir::new().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let stage = Self {
            home: root.join("home"),
            repo: root.join("repo"),
            tools: root.join("tools"),
            dir,
        };
        std::fs::create_dir(&stage.tools).unwrap();
        std::fs::create_dir(&stage.repo).unwrap();
        stage.git(&[
            "clone",
            "-q",
            "--no-hardlinks",
            repository.to_str().unwrap(),
            ".",
        ]);
        stage.git(&["checkout", "-q", "-B", "main"]);
        stage.git(&["config", "user.name", "Dev"]);
        stage.git(&["config", "user.email", "dev@example.org"]);
        stage
    }

    /// The folder that holds everything.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Writes `cw.toml`: the shell agent as default, and what `more` says.
    pub(crate) fn configure(&self, more: &str) {
        let (agent, tools) = (self.tools.join("agent.sh"), &self.tools);
        self.write(
            "cw.toml",
            &format!(
                "base = \"main\"\n[agents]\ndefault = \"shell\"\n[agents.shell]\nkind = \"script\"\n\
                 command = [{agent:?}]\nenv = {{ CW_TEST_TOOLS = {tools:?} }}\n{more}"
            ),
        );
    }

    /// Writes an executable of the tests.
    pub(crate) fn tool(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.tools.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a file of the repository.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.repo.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a plan beside the repository.
    pub(crate) fn plan(&self, text: &str) -> String {
        let path = self.tools.join("PLAN.md");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// `cw` with a clean environment, in the repository.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .current_dir(&self.repo)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root())
            .env("CW_HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Runs `cw`.
    pub(crate) fn cw(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// Runs `cw` with something on its standard input.
    pub(crate) fn cw_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses early does not read to the end.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ran::of(&child.wait_with_output().unwrap())
    }

    /// Starts `cw` and leaves it running.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The JSON that a command prints.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let out = self.cw(&all).expect(0);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// One task as the list shows it.
    #[track_caller]
    pub(crate) fn task(&self, id: &str) -> Value {
        self.find_task(id)
            .unwrap_or_else(|| panic!("there is no task {id}"))
    }

    fn find_task(&self, id: &str) -> Option<Value> {
        let list = self.json(&["task", "list"]);
        let tasks = list["tasks"].as_array().unwrap();
        tasks.iter().find(|task| task["id"] == id).cloned()
    }

    /// The status of every task.
    #[track_caller]
    pub(crate) fn statuses(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = self.json(&["task", "list"]);
        list["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (text(&task["id"]), text(&task["status"])))
            .collect()
    }

    /// Waits until a task has this status.
    #[track_caller]
    pub(crate) fn wait_for(&self, id: &str, status: &str) -> Value {
        self.wait(&format!("{id} to be {status}"), || {
            self.find_task(id).filter(|task| task["status"] == status)
        })
    }

    /// Waits until `look` finds something.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                Instant::now() < until,
                "waited in vain for {what}: {:?}\n{}",
                self.statuses(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the server logged.
    pub(crate) fn log(&self) -> String {
        let Ok(files) = std::fs::read_dir(self.home.join("logs")) else {
            return String::new();
        };
        files
            .flatten()
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .collect()
    }

    /// Runs git in the repository.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(&self.repo)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        let ran = Ran::of(&output);
        assert_eq!(ran.code, 0, "git {args:?}: {}", ran.err);
        ran.out.trim_end().to_owned()
    }

    /// A file on a branch.
    #[track_caller]
    pub(crate) fn file_at(&self, branch: &str, path: &str) -> String {
        self.git(&["show", &format!("{branch}:{path}")])
    }

    /// Kills the server with `kill -9`, and waits until nobody listens any more.
    pub(crate) fn kill_server(&self) {
        let socket = self.home.join("run/cw.sock");
        if let Some(pid) = self.server_pid().and_then(Pid::from_raw) {
            kill_process(pid, Signal::KILL).unwrap();
            self.wait_without("the server to be gone", || {
                UnixStream::connect(&socket).err()
            });
        }
    }

    /// Waits until `look` finds something, asking no server.
    #[track_caller]
    fn wait_without<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                Instant::now() < until,
                "waited in vain for {what}: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The process id of the running server.
    pub(crate) fn server_pid(&self) -> Option<i32> {
        let status = self.json(&["server", "status"]);
        status["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.home.join("run").exists() {
            // A test may have ended its server before its agents.
            let _ = self.command(&["stop", "--all"]).output();
            let _ = self.command(&["server", "stop"]).output();
        }
    }
}
