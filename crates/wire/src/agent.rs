//! Agents: named workers with one worktree, one branch and one session.

use crate::procedure::{procedures, words};
use crate::scope::{Scope, Target};
use crate::task::{DiffView, LogInput, LogView, TaskView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

procedures! {
    /// Gives a prompt to a fresh agent, as a task of the `adhoc` initiative.
    Command Spawn = "spawn": SpawnInput => Spawned;
    /// Lists agents.
    Query AgentListing = "agent.list": Scope => AgentList;
    /// Shows one.
    Query AgentShow = "agent.show": Target => AgentShown;
    /// Stops one; answers when its whole process tree is gone.
    Command AgentStop = "agent.stop": Target => AgentList;
    /// Lets a stopped or parked one go on.
    Command AgentResume = "agent.resume": AgentResumeInput => AgentList;
    /// Sends a message that becomes a turn.
    Command AgentSay = "agent.say": SayInput => crate::message::MessageList;
    /// Reads what one wrote.
    Query AgentLog = "agent.log": LogInput => LogView;
    /// Tells how one's session is opened in its program's own interface.
    Query AgentAttach = "agent.attach": Target => Attached;
    /// Shows what one has changed.
    Query AgentDiff = "agent.diff": Target => DiffView;
    /// Takes its worktree away and keeps its work.
    Command AgentRemove = "agent.remove": Target => AgentList;
    /// Stops every agent; answers when all process trees are gone.
    Command StopAll = "stop-all": Scope => AgentList;
}

words! {
    /// The status of an agent.
    AgentStatus {
        /// Its worktree or process is being made.
        Starting = "starting",
        /// It works.
        Running = "running",
        /// It lives and waits for an answer.
        Waiting = "waiting",
        /// Its process has ended, its session is kept.
        Parked = "parked",
        /// It is being stopped.
        Stopping = "stopping",
        /// The user has stopped it.
        Stopped = "stopped",
        /// Its task is over.
        Finished = "finished",
        /// Its process is gone without a word.
        Crashed = "crashed",
    }
}

/// A list of agents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentList {
    /// The agents.
    pub agents: Vec<AgentView>,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentView {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How it stands.
    pub status: AgentStatus,
    /// Its task's id.
    pub task: Option<String>,
    /// Its program's session.
    pub session: Option<String>,
    /// Its process, while it lives.
    pub pid: Option<u32>,
    /// Its worktree's path.
    pub worktree: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// How many turns it has had.
    pub turns: u32,
    /// When its current or last turn started, RFC 3339.
    pub started_at: Option<String>,
    /// When it last wrote something, RFC 3339.
    pub last_output_at: Option<String>,
    /// What it has cost, US dollars.
    pub cost_usd: f64,
    /// The tokens it has used.
    pub tokens: u64,
    /// The project's name.
    #[serde(default)]
    pub project: Option<String>,
    /// The initiative's id.
    #[serde(default)]
    pub initiative: Option<String>,
    /// Its task's title.
    #[serde(default)]
    pub title: Option<String>,
    /// What it does just now, one line.
    #[serde(default)]
    pub activity: Option<String>,
    /// What it has changed so far.
    #[serde(default)]
    pub diff: Option<DiffStat>,
}

/// The size of a diff.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffStat {
    /// How many files differ.
    pub files: u32,
    /// How many lines come.
    pub insertions: u64,
    /// How many lines go.
    pub deletions: u64,
}

/// The output of `agent.show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentShown {
    /// The agent.
    pub agent: AgentDetail,
}

/// An agent with its turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub view: AgentView,
    /// Processor time of its processes so far, seconds; none: it has none, or that is not known.
    #[serde(default)]
    pub cpu_s: Option<f64>,
    /// Their resident memory, bytes.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// How many they are.
    #[serde(default)]
    pub processes: Option<u32>,
    /// Its turns, oldest first.
    pub history: Vec<TurnView>,
}

/// The output of `agent.attach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attached {
    /// How it is opened.
    pub attach: AttachView,
}

/// How an agent's session is opened in its program's own interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachView {
    /// The agent's name.
    pub agent: String,
    /// Its kind.
    pub kind: String,
    /// Its program's session.
    pub session: String,
    /// The folder that the session belongs to.
    pub worktree: String,
    /// The line for a shell.
    pub command: String,
}

/// One run of the agent program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TurnView {
    /// Its number, from 1.
    pub number: u32,
    /// Why it started: `start` `answer` `message` `bounce` `retry`.
    pub kind: String,
    /// When it started, RFC 3339.
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    pub ended_at: Option<String>,
    /// How it ended: `done`, `asked`, `failed`, `stopped`, `crashed`, `limit` …
    pub outcome: Option<String>,
    /// The exit code of its process.
    pub exit_code: Option<i32>,
    /// What it cost, US dollars.
    pub cost_usd: f64,
    /// The tokens it has used.
    #[serde(default)]
    pub tokens: u64,
    /// The folder of its run.
    pub folder: Option<String>,
    /// It printed more than is kept; the rest was dropped.
    #[serde(default)]
    pub output_cut: bool,
}

/// The input of `spawn`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpawnInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// What to do.
    pub prompt: String,
    /// The agent it goes to; none: the project's default.
    pub agent: Option<String>,
    /// The name it is to have.
    pub name: Option<String>,
    /// The model it is to use.
    pub model: Option<String>,
    /// The values of the names under `pass_env`; kept in memory only.
    pub env: BTreeMap<String, String>,
}

/// The output of `spawn`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spawned {
    /// The agent, alone in its list.
    pub agents: Vec<AgentView>,
    /// Its task, alone in its list.
    pub tasks: Vec<TaskView>,
    /// The number of the last event before it was stored: follow from here.
    pub seq: u64,
    /// What the user should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The input of `agent.resume`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentResumeInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The agent's name.
    pub id: String,
    /// The values of the names under `pass_env`; kept in memory only.
    pub env: BTreeMap<String, String>,
}

/// The input of `agent.say`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SayInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The agent's name.
    pub id: String,
    /// What to say.
    pub text: String,
}
