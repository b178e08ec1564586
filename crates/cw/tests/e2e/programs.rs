//! The real agent programs under `cw`, each driven by a scripted model: a task that edits,
//! commits and is merged. What may go wrong is played by two of them.

mod ends;
mod mishaps;

use std::path::PathBuf;

use cw_testkit::model::{Answer, Model, Script, Table};
use cw_testkit::programs::{Ready, ready_or_skip};
use serde_json::Value;

use crate::stage::Stage;

/// A repository whose agent is a real program that talks to a scripted model.
pub(crate) struct Bench {
    pub(crate) stage: Stage,
    pub(crate) model: Model,
}

/// Under which scenario the model keeps what it was asked.
pub(crate) const SCENARIO: &str = "programs";

impl Bench {
    /// `None`, with a message, where the program is not installed and need not be. `keys` are more
    /// lines of the agent's table, `more` is the rest of `cw.toml`.
    pub(crate) fn new(name: &str, script: impl Script, keys: &str, more: &str) -> Option<Self> {
        let model = Model::start(script).unwrap();
        let stage = Stage::bare();
        let home = stage.root().join("program");
        std::fs::create_dir(&home).unwrap();
        let ready = ready_or_skip(name, &home, &model.base_url(SCENARIO)).unwrap()?;
        configure(&stage, &ready, keys, more);
        stage.cw(&["init", "--trust"]).expect(0);
        Some(Self { stage, model })
    }

    /// Plays a plan of one task whose id is `task`, without waiting for its end.
    #[track_caller]
    pub(crate) fn begin(&self, prompt: &str) {
        let plan = self.stage.plan(&format!("# Job\n#### Task\n\n{prompt}\n"));
        self.stage.cw(&["plan", "apply", &plan]).expect(0);
        self.stage.cw(&["initiative", "start", "job"]).expect(0);
    }

    /// The task as the list shows it.
    #[track_caller]
    pub(crate) fn task(&self) -> Value {
        self.stage.task("task")
    }

    /// The agent's name.
    #[track_caller]
    pub(crate) fn agent(&self) -> String {
        self.task()["agent"].as_str().unwrap().to_owned()
    }
}

fn configure(stage: &Stage, ready: &Ready, keys: &str, more: &str) -> PathBuf {
    let env: Vec<String> = ready
        .env
        .iter()
        .filter(|(name, _)| name != "PATH")
        .map(|(name, value)| format!("{name} = {value:?}"))
        .collect();
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n[agents]\ndefault = \"real\"\n\
             [agents.real]\nkind = {:?}\ncommand = {:?}\n{keys}\n\
             [agents.real.env]\n{}\n{more}\n",
            ready.kind,
            ready.program,
            env.join("\n"),
        ),
    )
}

/// Edits, commits and says so.
fn works(name: &str, keys: &str) {
    let script = Table::new().on(
        "Build the wall.",
        [
            Answer::write("wall.txt", "stones\n"),
            Answer::bash("git add -A && git commit -q -m 'build the wall'"),
            Answer::text("The wall stands."),
        ],
    );
    let Some(bench) = Bench::new(name, script, keys, "") else {
        return;
    };
    bench.begin("Build the wall.");
    let stage = &bench.stage;
    stage.wait("the task to be over", || {
        let status = stage.task("task")["status"].as_str().unwrap().to_owned();
        matches!(status.as_str(), "merged" | "failed" | "parked" | "waiting").then_some(())
    });
    let log = || stage.cw(&["task", "log", "task", "--raw"]);
    assert_eq!(stage.task("task")["status"], "merged", "{:?}", log());

    let branch = "cw/job/integration";
    assert_eq!(stage.file_at(branch, "wall.txt"), "stones");
    let subjects = stage.git(&["log", "--format=%s", branch]);
    assert!(
        subjects.contains("build the wall"),
        "{subjects} {:?}",
        log()
    );
    let name = stage.task("task")["agent"].as_str().unwrap().to_owned();
    let agent = stage.json(&["agent", "show", &name])["agent"].clone();
    assert!(agent["session"].is_string(), "{agent}");
    assert_eq!(agent["history"].as_array().unwrap().len(), 1, "{agent}");
    assert_eq!(agent["tokens"], 3 * 120, "{agent}");
    let said = stage.cw(&["agent", "log", &name]).expect(0);
    assert!(said.contains("The wall stands."), "{said}");
    let report = stage.json(&["doctor"]);
    let checks = report["checks"].as_array().unwrap();
    let check = checks
        .iter()
        .find(|one| one["name"] == "agent real of repo");
    let detail = check.unwrap()["detail"].as_str().unwrap();
    assert!(detail.ends_with(", tested"), "{report}");
    assert_eq!(
        stage.json(&["inbox"])["messages"].as_array().unwrap().len(),
        0
    );
}

#[test]
fn codex_edits_commits_and_is_merged() {
    works("codex", "");
}

#[test]
fn gemini_edits_commits_and_is_merged() {
    works("gemini", "allow = [\"run_shell_command(git)\"]");
}

#[test]
fn opencode_edits_commits_and_is_merged() {
    works("opencode", "allow = [\"bash(git *)\"]");
}

#[test]
fn claude_behind_its_acp_adapter_edits_commits_and_is_merged() {
    works("claude-acp", "allow = [\"execute\"]");
}

#[test]
fn codex_behind_its_acp_adapter_edits_commits_and_is_merged() {
    works("codex-acp", "allow = [\"execute\"]");
}
