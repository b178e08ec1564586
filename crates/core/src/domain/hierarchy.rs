//! The hierarchy of work: project, initiative, phase, plan, task.

use std::sync::Arc;

use super::duration::Seconds;
use super::held::PassedEnv;
use super::ids::{AgentId, InitiativeId, PhaseId, PlanId, ProjectId, TaskId, Uid};
use super::money::Usd;
use super::oid::Oid;
use super::plan::{Priority, Review, TaskKind};
use super::time::Timestamp;

/// One registered repository.
#[derive(Clone, PartialEq, Debug)]
pub struct Project {
    /// Its row.
    pub id: ProjectId,
    /// Its name in refs: survives a new database.
    pub uid: Uid,
    /// What it is called in lists: the folder's name.
    pub name: String,
    /// The root of its main checkout, absolute.
    pub root: String,
    /// The branch that initiatives start from by default.
    pub base: String,
    /// The text of `cw.toml` that the user trusted last; decisions follow this one.
    pub trusted: Option<Arc<str>>,
    /// The user has confirmed that agents of this text may work without asking, outside a
    /// container too.
    pub bypass: bool,
    /// Dispatch is held (`cw pause`, `cw stop --all`).
    pub held: bool,
    /// The hold came with `cw stop --all`: whatever the user starts next lets it go.
    pub lifts: bool,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// How far an initiative is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InitiativeStatus {
    /// Stored, not started.
    Draft,
    /// Its ready tasks are given to agents.
    Active,
    /// No new turn starts.
    Paused,
    /// Every task is merged, skipped or cancelled.
    Finished,
    /// Its work is on the base branch.
    Landed,
    /// Given up.
    Cancelled,
}

/// One initiative.
#[derive(Clone, PartialEq, Debug)]
pub struct Initiative {
    /// Its row.
    pub id: InitiativeId,
    /// Its name in refs: an id that comes again never meets old refs.
    pub uid: Uid,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The id that users write.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What stands under its heading.
    pub text: String,
    /// The branch it starts from and lands on.
    pub base: String,
    /// How many of its agents may have a live turn at once, as its plan says.
    pub max_agents: Option<u32>,
    /// The same for this run alone (`cw run --max-agents`).
    pub run_agents: Option<u32>,
    /// The agent that its tasks get unless they name one (`cw run --agent`).
    pub agent: Option<String>,
    /// Money it may use.
    pub budget: Option<Usd>,
    /// What the user raised its budget to, when asked.
    pub budget_raised: Option<Usd>,
    /// The variables whose values its agents were given.
    pub passed: PassedEnv,
    /// How far it is.
    pub status: InitiativeStatus,
    /// The project's own initiative for `cw spawn`.
    pub adhoc: bool,
    /// The integration branch has been cut.
    pub cut: bool,
    /// Where `cw` last saw or set the integration branch.
    pub tip: Option<Oid>,
    /// Why the merge lane holds, when it does.
    pub lane_held: Option<String>,
    /// Tasks that are not merged, skipped or cancelled.
    pub open: u32,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was finished or cancelled.
    pub ended_at: Option<Timestamp>,
}

impl Initiative {
    /// The branch that finished tasks are merged into.
    #[must_use]
    pub fn branch(&self) -> String {
        format!("cw/{}/integration", self.slug)
    }

    /// Whether any of its tasks may still begin or go on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        use InitiativeStatus::{Cancelled, Finished, Landed};
        self.adhoc || !matches!(self.status, Finished | Landed | Cancelled)
    }

    /// How many of its agents may have a live turn at once: the run's word goes before the
    /// plan's; `None`: no limit of its own.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.run_agents.or(self.max_agents)
    }
}

/// One phase.
#[derive(Clone, PartialEq, Debug)]
pub struct Phase {
    /// Its row.
    pub id: PhaseId,
    /// The initiative it belongs to.
    pub initiative: InitiativeId,
    /// The id that users write.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What stands under its heading.
    pub text: String,
    /// What it waits for by its own words.
    pub after: Option<Vec<String>>,
    /// Its place in written order.
    pub position: u32,
    /// Tasks that are neither merged nor skipped.
    pub open: u32,
}

/// One plan: a line of work.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Its row.
    pub id: PlanId,
    /// The initiative it belongs to.
    pub initiative: InitiativeId,
    /// The phase it belongs to.
    pub phase: PhaseId,
    /// The id that users write.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What stands under its heading.
    pub text: String,
    /// What it waits for by its own words.
    pub after: Option<Vec<String>>,
    /// Its place in written order.
    pub position: u32,
    /// Tasks that are neither merged nor skipped.
    pub open: u32,
}

/// What a task is to be, as its author wrote it.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskSpec {
    /// The id that users write.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its prompt.
    pub text: String,
    /// What it waits for by its own words.
    pub after: Option<Vec<String>>,
    /// Work for an agent, or a person's approval.
    pub kind: TaskKind,
    /// The agent it asks for.
    pub agent: Option<String>,
    /// The model it asks for.
    pub model: Option<String>,
    /// How urgent it is among the ready.
    pub priority: Priority,
    /// Files it expects to change (globs).
    pub touches: Vec<String>,
    /// Gates of this task alone.
    pub verify: Vec<String>,
    /// Whether a person must approve before the merge.
    pub review: Review,
    /// Money it may use.
    pub budget: Option<Usd>,
    /// The longest that one of its turns may take.
    pub timeout: Option<Seconds>,
    /// Turns it may fail before it is given up.
    pub attempts: Option<u32>,
}

impl From<&super::plan::Task> for TaskSpec {
    fn from(task: &super::plan::Task) -> Self {
        Self {
            slug: task.id.clone(),
            title: task.title.clone(),
            text: task.text.clone(),
            after: task.after.clone(),
            kind: task.kind,
            // A person's approval has no agent, whatever its heading says.
            agent: match task.kind {
                TaskKind::Work => task.agent.clone(),
                TaskKind::Approval => None,
            },
            model: task.model.clone(),
            priority: task.priority,
            touches: task.touches.clone(),
            verify: task.verify.clone(),
            review: task.review,
            budget: task.budget,
            timeout: task.timeout,
            attempts: task.attempts,
        }
    }
}

impl From<&TaskSpec> for super::plan::Task {
    fn from(spec: &TaskSpec) -> Self {
        Self {
            id: spec.slug.clone(),
            title: spec.title.clone(),
            text: spec.text.clone(),
            after: spec.after.clone(),
            kind: spec.kind,
            agent: spec.agent.clone(),
            model: spec.model.clone(),
            priority: spec.priority,
            touches: spec.touches.clone(),
            verify: spec.verify.clone(),
            review: spec.review,
            budget: spec.budget,
            timeout: spec.timeout,
            attempts: spec.attempts,
            ..Self::default()
        }
    }
}

/// What has become of a task. `blocked`, `ready` and `waiting` are derived, see
/// [`super::status`].
#[derive(Clone, PartialEq, Debug)]
pub enum TaskState {
    /// Not begun, or to be tried again.
    Todo {
        /// Backoff: not dispatched before this time.
        not_before: Option<Timestamp>,
    },
    /// An agent has it.
    Working,
    /// Set aside with its agent.
    Parked {
        /// When it goes on by itself; `None`: only when told.
        resume_at: Option<Timestamp>,
    },
    /// A person must approve its work.
    Review,
    /// Offered to the merge lane.
    Merging,
    /// Its work is on the integration branch, at this commit.
    Merged {
        /// The merge commit, or the tip when nothing was changed.
        commit: Oid,
    },
    /// Given up; see the task's error.
    Failed,
    /// Called off by the user.
    Cancelled,
    /// Counts as merged for those that wait.
    Skipped,
}

impl TaskState {
    /// What waits for this task may go on.
    #[must_use]
    pub fn satisfies(&self) -> bool {
        matches!(self, Self::Merged { .. } | Self::Skipped)
    }

    /// Nothing more happens to this task by itself and nothing is owed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.satisfies() || matches!(self, Self::Cancelled)
    }
}

/// One task: what one agent does and one merge carries.
#[derive(Clone, PartialEq, Debug)]
pub struct Task {
    /// Its row.
    pub id: TaskId,
    /// The initiative it belongs to.
    pub initiative: InitiativeId,
    /// The phase it belongs to.
    pub phase: PhaseId,
    /// The plan it belongs to.
    pub plan: PlanId,
    /// Its place in the written order of the whole initiative.
    pub position: u32,
    /// What its author wrote.
    pub spec: Arc<TaskSpec>,
    /// What has become of it.
    pub state: TaskState,
    /// How many of its needs are not satisfied yet.
    pub blockers: u32,
    /// Turns that failed since it was last given a fresh start.
    pub failures: u32,
    /// Times it was begun, by dispatch or retry; never goes back.
    pub attempts: u32,
    /// Times it was bounced since it was last given a fresh start.
    pub bounces: u32,
    /// The agent that has or had it.
    pub agent: Option<AgentId>,
    /// The variables whose values were handed over for this task alone.
    pub passed: PassedEnv,
    /// A person has approved its work.
    pub approved: bool,
    /// The agent said that it is done, in its words.
    pub summary: Option<String>,
    /// Why it failed, waits or was held.
    pub error: Option<String>,
    /// Its work changed nothing.
    pub unchanged: bool,
    /// What the user raised its budget to, when asked.
    pub budget_raised: Option<Usd>,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it was merged, failed, cancelled or skipped.
    pub ended_at: Option<Timestamp>,
}
