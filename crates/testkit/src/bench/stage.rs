//! A repository, a `CW_HOME` of its own and a server that ends with it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

use super::repository::{self, Size};
use super::{Bench, Tried};

/// How long anything may take before a figure is given up.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Where one figure is measured.
pub struct Stage {
    _dir: TempDir,
    /// The folder that holds everything.
    pub root: PathBuf,
    /// The data of `cw`.
    pub home: PathBuf,
    /// The repository.
    pub repo: PathBuf,
    cw: PathBuf,
}

impl Stage {
    /// A registered repository of this size, with `script` as its agent, which finds the stage's folder in `$STAGE`.
    ///
    /// # Errors
    /// When `cw` or git say no.
    pub fn new(bench: &Bench, size: Size, script: &str, agents: usize) -> Tried<Self> {
        let stage = Self::bare(bench, size)?;
        let program = stage.program("agent.sh", script)?;
        stage.register(&[&program.to_string_lossy()], agents)?;
        Ok(stage)
    }

    /// A repository of this size that `cw` has not seen.
    ///
    /// # Errors
    /// When git says no.
    pub fn bare(bench: &Bench, size: Size) -> Tried<Self> {
        let told = |error: std::io::Error| error.to_string();
        let dir = tempfile::Builder::new()
            .prefix("cw-bench-")
            .tempdir_in(&bench.options.dir)
            .map_err(told)?;
        let root = dir.path().canonicalize().map_err(told)?;
        let cw = bench
            .options
            .cw
            .canonicalize()
            .map_err(|error| format!("{}: {error}", bench.options.cw.display()))?;
        let (home, repo) = (root.join("home"), root.join("repo"));
        repository::create(&repo, size)?;
        Ok(Self {
            _dir: dir,
            root,
            home,
            repo,
            cw,
        })
    }

    /// Writes `cw.toml` with this program as the agent and registers the repository.
    ///
    /// # Errors
    /// When `cw` says no.
    pub fn register(&self, program: &[&str], agents: usize) -> Tried<()> {
        let text = format!(
            "base = \"main\"\n[agents]\nmax = {agents}\ndefault = \"bench\"\n[agents.bench]\nkind = \"script\"\n\
             command = {program:?}\nenv = {{ STAGE = {:?} }}\n",
            self.root
        );
        std::fs::write(self.repo.join("cw.toml"), text).map_err(|error| error.to_string())?;
        repository::git(&self.repo, &["add", "cw.toml"])?;
        repository::git(&self.repo, &["commit", "-q", "-m", "Configure"])?;
        self.cw(&["init"])?;
        self.cw(&["trust", "--yes"]).map(drop)
    }

    /// Writes a program beside the repository.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn program(&self, name: &str, text: &str) -> Tried<PathBuf> {
        let path = self.root.join(name);
        let written = std::fs::write(&path, text);
        let made = written
            .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)));
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Writes a plan beside the repository.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn plan(&self, text: &str) -> Tried<String> {
        let path = self.root.join("PLAN.md");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// `cw` in the repository, with an environment of its own.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.cw);
        command.args(words).current_dir(&self.repo).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", &self.repo)
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
            .env("CW_HOME", &self.home)
            .env("STAGE", &self.root)
            .stdin(Stdio::null());
        command.envs(std::env::var_os("CW_LOG").map(|value| ("CW_LOG", value)));
        command
    }

    /// Runs `cw`; what it printed.
    ///
    /// # Errors
    /// When it says no.
    pub fn cw(&self, words: &[&str]) -> Tried<String> {
        let output = self
            .command(words)
            .output()
            .map_err(|error| format!("cw: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(format!("cw {}: {} {said}", words.join(" "), output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The JSON that `cw` prints.
    ///
    /// # Errors
    /// When it says no, or prints something else.
    pub fn json(&self, words: &[&str]) -> Tried<Value> {
        let mut all = words.to_vec();
        all.push("--json");
        let text = self.cw(&all)?;
        serde_json::from_str(&text).map_err(|error| format!("cw {}: {error}", all.join(" ")))
    }

    /// How many tasks have each status.
    ///
    /// # Errors
    /// When `cw` says no.
    pub fn count(&self, status: &str) -> Tried<usize> {
        let list = self.json(&["task", "list"])?;
        let tasks = list["tasks"].as_array().ok_or("no tasks in the list")?;
        if let Some(failed) = tasks.iter().find(|task| task["status"] == "failed") {
            return Err(format!("task {} failed: {}", failed["id"], failed["error"]));
        }
        Ok(tasks.iter().filter(|task| task["status"] == status).count())
    }

    /// Waits until as many tasks have this status.
    ///
    /// # Errors
    /// When a task fails, or nothing comes of it.
    pub fn wait_for(&self, status: &str, count: usize) -> Tried<()> {
        wait(
            &format!("{count} tasks to be {status}"),
            Duration::from_millis(50),
            || Ok((self.count(status)? >= count).then_some(())),
        )
    }

    /// Waits until no worktree of an agent is left, and deletes those in the trash, so that what comes next is not slowed
    /// by what went before.
    ///
    /// # Errors
    /// When they do not go away.
    pub fn wait_for_quiet(&self) -> Tried<()> {
        wait(
            "the worktrees to go away",
            Duration::from_millis(10),
            || {
                // One that goes away while git lists them makes it end in an error.
                let listed = repository::git(&self.repo, &["worktree", "list", "--porcelain"]);
                let Ok(list) = listed else { return Ok(None) };
                let left = list.lines().filter(|line| {
                    line.starts_with("worktree ") && line.contains("/home/worktrees/")
                });
                Ok((left.count() == 0).then_some(()))
            },
        )?;
        let trash = self.home.join("worktrees/.trash");
        if there(&trash) {
            std::fs::remove_dir_all(&trash)
                .map_err(|error| format!("{}: {error}", trash.display()))?;
        }
        Ok(())
    }

    /// The server's process.
    ///
    /// # Errors
    /// When there is none.
    pub fn server(&self) -> Tried<u32> {
        let status = self.json(&["server", "status"])?;
        let pid = status["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok());
        pid.ok_or_else(|| "no server runs".to_owned())
    }

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.home.join("run/cw.sock")
    }

    /// Where the stage's agents write.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.home.exists() {
            // Best effort: what cannot be stopped is told by whoever finds it.
            let _ = self.command(&["stop", "--all", "--no-autostart"]).output();
            let _ = self.command(&["server", "stop"]).output();
        }
    }
}

/// Looks again and again until there is something to see.
///
/// # Errors
/// When there never is.
pub fn wait<T>(
    what: &str,
    pause: Duration,
    mut look: impl FnMut() -> Tried<Option<T>>,
) -> Tried<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > until {
            return Err(format!("waited in vain for {what}"));
        }
        std::thread::sleep(pause);
    }
}

/// When a script wrote `$STAGE/stamp`; its note is taken away.
///
/// # Errors
/// When it writes none.
pub fn stamp(stage: &Stage) -> Tried<Duration> {
    let path = stage.file("stamp");
    let text = wait("the first byte", Duration::from_millis(5), || {
        Ok(std::fs::read_to_string(&path).ok())
    })?;
    std::fs::remove_file(&path).map_err(|error| error.to_string())?;
    text.trim()
        .parse()
        .map(Duration::from_nanos)
        .map_err(|error| format!("{text}: {error}"))
}

/// The time since 1970, as `date +%s%N` tells it.
///
/// # Errors
/// When the clock stands before that.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with what another program's clock said"
)]
pub fn now() -> Tried<Duration> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())
}

/// Has all that was written before reach the disk, so that neither side pays for the other's.
pub fn settle() {
    rustix::fs::sync();
}

/// Runs a command to its end with its output thrown away.
///
/// # Errors
/// When it says no.
pub fn quietly(command: &mut Command) -> Tried<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let output = command
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    Err(format!("{command:?}: {}: {last}", output.status))
}

/// A plan with as many tasks that wait for nothing.
#[must_use]
pub fn independent(title: &str, attributes: &str, tasks: usize) -> String {
    let mut text = format!("# {title}\n\n## Work\n### Tasks\n- after: none\n");
    for task in 0..tasks {
        text.push_str(&format!(
            "#### Task {task}\n- id: {}-{task}\n- after: none\n{attributes}\n{task}\n\n",
            title.to_lowercase()
        ));
    }
    text
}

/// Whether a path is there.
#[must_use]
pub fn there(path: &Path) -> bool {
    path.try_exists().unwrap_or(false)
}
