//! Tasks: what one agent does and one merge carries.

use crate::message::MessageView;
use crate::procedure::{procedures, words};
use crate::scope::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

procedures! {
    /// Lists tasks.
    Query TaskListing = "task.list": TaskListInput => TaskList;
    /// Shows one with its prompt and story.
    Query TaskShow = "task.show": Target => TaskShown;
    /// Adds one to a plan.
    Command TaskAdd = "task.add": TaskAddInput => TaskList;
    /// Changes one that is not started.
    Command TaskEdit = "task.edit": TaskEditInput => TaskList;
    /// Tells who waits for whom.
    Query TaskGraph = "task.graph": TaskListInput => TaskGraphView;
    /// Shows what merging one would bring.
    Query TaskDiff = "task.diff": Target => DiffView;
    /// Reads what its agent wrote.
    Query TaskLog = "task.log": LogInput => LogView;
    /// Lets a failed or cancelled one start again.
    Command TaskRetry = "task.retry": TaskRetryInput => TaskList;
    /// Gives one up; those that wait for it stay blocked.
    Command TaskCancel = "task.cancel": Target => TaskList;
    /// Counts one as merged for those that wait for it.
    Command TaskSkip = "task.skip": Target => TaskList;
    /// Approves one that is in review.
    Command TaskApprove = "task.approve": Target => TaskList;
    /// Sends one that is in review back with a reason.
    Command TaskReject = "task.reject": RejectInput => TaskList;
}

words! {
    /// The status of a task, as shown.
    TaskStatus {
        /// What it waits for is not merged.
        Blocked = "blocked",
        /// It may start.
        Ready = "ready",
        /// An agent works on it.
        Running = "running",
        /// The user owes an answer or a permission.
        Waiting = "waiting",
        /// It goes on at `resume_at`, or when told.
        Parked = "parked",
        /// A person must approve.
        Review = "review",
        /// It is in the merge lane.
        Merging = "merging",
        /// It is on the integration branch.
        Merged = "merged",
        /// It came to a bad end.
        Failed = "failed",
        /// It was given up.
        Cancelled = "cancelled",
        /// It counts as merged without having been done.
        Skipped = "skipped",
    }
}

words! {
    /// What a task is.
    TaskKind {
        /// An agent's work.
        Work = "work",
        /// A person's approval.
        Approval = "approval",
    }
}

words! {
    /// Which of the ready tasks goes first.
    Priority {
        /// Before the others.
        High = "high",
        /// The default.
        Normal = "normal",
        /// After the others.
        Low = "low",
    }
}

words! {
    /// Who looks at a task before it is merged.
    Review {
        /// Nobody.
        None = "none",
        /// A person.
        Human = "human",
    }
}

/// A list of tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskList {
    /// The tasks.
    pub tasks: Vec<TaskView>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskView {
    /// Its id, as the plan writes it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its initiative's id.
    pub initiative: String,
    /// Its phase's id.
    pub phase: String,
    /// Its plan's id.
    pub plan: String,
    /// What it is.
    pub kind: TaskKind,
    /// How it stands.
    pub status: TaskStatus,
    /// Its own `after`, as written; may name plans and phases.
    pub after: Vec<String>,
    /// The ids of the tasks it waits for that are not merged yet.
    pub waits_for: Vec<String>,
    /// The name of the agent that has it or had it last.
    pub agent: Option<String>,
    /// The kind of agent it goes to.
    pub agent_kind: Option<String>,
    /// How often it was started.
    pub attempts: u32,
    /// How often it came back from the merge lane.
    pub bounces: u32,
    /// Its priority.
    pub priority: Priority,
    /// The commit that brought it to the integration branch.
    pub commit: Option<String>,
    /// Its agent's branch.
    pub branch: Option<String>,
    /// What it has cost, US dollars.
    pub cost_usd: f64,
    /// The tokens it has used.
    pub tokens: u64,
    /// When it goes on by itself, RFC 3339.
    pub resume_at: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The project's name.
    #[serde(default)]
    pub project: Option<String>,
    /// Anything worth saying about its status: `changed nothing`, what the lane holds for.
    #[serde(default)]
    pub note: Option<String>,
}

/// The input of `task.list` and `task.graph`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskListInput {
    /// An absolute folder; the server finds the repository around it.
    pub dir: Option<String>,
    /// Every project.
    pub all: bool,
    /// Only this initiative.
    pub initiative: Option<String>,
    /// Only these statuses; none: all.
    pub status: Vec<TaskStatus>,
}

/// The output of `task.show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskShown {
    /// The task.
    pub task: TaskDetail,
}

/// A task with its prompt and story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub view: TaskView,
    /// Its text: what its agent is asked to do.
    pub prompt: String,
    /// The model its agent is to use.
    pub model: Option<String>,
    /// The globs it is expected to touch.
    pub touches: Vec<String>,
    /// Its own gates.
    pub verify: Vec<String>,
    /// Who looks at it before it is merged.
    pub review: Review,
    /// Its budget, US dollars.
    pub budget_usd: Option<f64>,
    /// How long one turn may take, seconds.
    pub timeout_s: Option<f64>,
    /// How many attempts it has.
    pub max_attempts: Option<u32>,
    /// What its agent says it did.
    pub summary: Option<String>,
    /// The turns of its agent, oldest first.
    #[serde(default)]
    pub turns: Vec<crate::agent::TurnView>,
    /// Its messages, oldest first.
    pub messages: Vec<MessageView>,
}

/// What may be said about a task; what is left out stays or is the default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskSpec {
    /// Its title.
    pub title: Option<String>,
    /// What its agent is asked to do.
    pub prompt: Option<String>,
    /// What it waits for; an empty list waits for nothing.
    pub after: Option<Vec<String>>,
    /// What it is; only when it is added.
    pub kind: Option<TaskKind>,
    /// The agent it goes to.
    pub agent: Option<String>,
    /// The model its agent is to use.
    pub model: Option<String>,
    /// Its priority.
    pub priority: Option<Priority>,
    /// The globs it is expected to touch.
    pub touches: Option<Vec<String>>,
    /// Its own gates.
    pub verify: Option<Vec<String>>,
    /// Who looks at it before it is merged.
    pub review: Option<Review>,
    /// Its budget, US dollars.
    pub budget_usd: Option<f64>,
    /// How long one turn may take, seconds.
    pub timeout_s: Option<f64>,
    /// How many attempts it has.
    pub attempts: Option<u32>,
}

/// The input of `task.add`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskAddInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The initiative; none: the only one that is not over.
    pub initiative: Option<String>,
    /// The phase; none: that of the plan, else the last.
    pub phase: Option<String>,
    /// The plan; none: the phase's last.
    pub plan: Option<String>,
    /// Its id; none: a slug of its title.
    pub id: Option<String>,
    /// The task.
    pub spec: TaskSpec,
}

/// The input of `task.edit`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskEditInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The task.
    pub id: String,
    /// What is to change.
    pub spec: TaskSpec,
}

/// The input of `task.retry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskRetryInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The task.
    pub id: String,
    /// What to tell the agent besides.
    pub text: Option<String>,
    /// The values of the names under `pass_env`; kept in memory only.
    pub env: BTreeMap<String, String>,
}

/// The input of `task.reject`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RejectInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The task.
    pub id: String,
    /// The reason, told to the agent.
    pub text: Option<String>,
}

/// The output of `task.graph`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskGraphView {
    /// The tasks, each after those that it waits for.
    pub tasks: Vec<TaskView>,
    /// Who waits for whom, the order of phases and plans worked in.
    pub edges: Vec<EdgeView>,
}

/// `to` waits for `from`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeView {
    /// The initiative both belong to.
    pub initiative: String,
    /// The task that is waited for.
    pub from: String,
    /// The task that waits.
    pub to: String,
}

/// A diff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffView {
    /// The commit it starts from.
    pub base: Option<String>,
    /// The commit it leads to; null when uncommitted work is in it.
    pub head: Option<String>,
    /// How many files differ.
    pub files: u32,
    /// How many lines come.
    pub insertions: u64,
    /// How many lines go.
    pub deletions: u64,
    /// The unified diff.
    pub text: String,
    /// Whether the text was cut at the size limit.
    pub truncated: bool,
}

/// The input of `task.log` and `agent.log`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The task, or the agent's name.
    pub id: String,
    /// `next` of the answer before; none: from the beginning.
    pub after: Option<String>,
    /// Only the last so many lines (when `after` is not given).
    pub tail: Option<u32>,
    /// How long to wait for something new, seconds (at most 30).
    pub wait_s: u32,
    /// The agent's raw output instead of what was read from it.
    pub raw: bool,
}

/// A piece of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogView {
    /// The lines.
    pub lines: Vec<LogLine>,
    /// Where to go on reading.
    pub next: String,
    /// Whether there is nothing more to come unless a new turn starts.
    pub ended: bool,
}

/// A line of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When, RFC 3339; null where it is not known.
    pub at: Option<String>,
    /// Where it comes from: `stdout`, `stderr`, `cw`.
    pub stream: String,
    /// The text, without its line break.
    pub text: String,
}
