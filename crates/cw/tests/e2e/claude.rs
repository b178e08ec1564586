//! The real Claude Code under `cw`, driven by a scripted model: a whole plan on a clone of this
//! project's own repository, a question in the middle of a turn, a server killed in the middle.

mod notes;
mod question;
mod settings;
mod tour;
pub(crate) mod untouched;

use std::path::{Path, PathBuf};
use std::process::Output;

use cw_testkit::model::{Model, Request};
use cw_testkit::programs;
use serde_json::Value;

use crate::stage::Stage;

/// What nobody may find anywhere: the key that `pass_env` hands on. It does not stand in this
/// source as it is, which is cloned too.
const KEY: &str = concat!("test-6f1d", "-not-to-be-found-", "4e05");

/// What the scripted model says that every one of its answers used, in tokens.
const TOKENS_OF_AN_ANSWER: u64 = 120;

/// The pinned program; `None`, with a message, where it is not there and need not be.
pub(crate) fn claude() -> Option<PathBuf> {
    programs::claude_or_skip()
}

/// Writes `cw.toml`: Claude Code as default, talking to the model under a scenario's name.
pub(crate) fn configure(
    stage: &Stage,
    program: &Path,
    model: &Model,
    scenario: &str,
    more: &str,
) -> PathBuf {
    let config = stage.root().join("claude");
    std::fs::create_dir_all(&config).unwrap();
    let url = model.base_url(scenario);
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n\
             [agents]\nmax = 4\ndefault = \"claude\"\n\
             [agents.claude]\nkind = \"claude\"\ncommand = {program:?}\n\
             permissions = \"accept-edits\"\nallow = [\"Bash\"]\npass_env = [\"ANTHROPIC_API_KEY\"]\n\
             [agents.claude.env]\nANTHROPIC_BASE_URL = {url:?}\nCLAUDE_CONFIG_DIR = {config:?}\n\
             CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = \"1\"\nCLAUDE_CODE_MAX_RETRIES = \"0\"\n\
             DISABLE_AUTOUPDATER = \"1\"\n{more}"
        ),
    )
}

/// A shell command that commits all that lies in the agent's worktree.
fn commit(subject: &str) -> String {
    format!("git add -A && git commit -q -m '{subject}'")
}

/// Runs `cw` with the key in its environment.
pub(crate) fn with_key(stage: &Stage, args: &[&str]) -> Output {
    stage
        .command(args)
        .env("ANTHROPIC_API_KEY", KEY)
        .output()
        .unwrap()
}

/// How often the model was asked at each step of the turn with these words in its prompt.
fn steps(requests: &[Request], words: &str) -> Vec<usize> {
    requests
        .iter()
        .filter(|request| request.prompt().contains(words))
        .map(Request::step)
        .collect()
}

/// The one agent of a task, with its turns.
fn agent_of(stage: &Stage, task: &str) -> Value {
    let name = stage.task(task)["agent"].as_str().unwrap().to_owned();
    stage.json(&["agent", "show", &name])["agent"].clone()
}

/// The kinds of an agent's turns, oldest first.
fn turns(agent: &Value) -> Vec<&str> {
    agent["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| turn["kind"].as_str().unwrap())
        .collect()
}
