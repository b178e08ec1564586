//! Everything that can wake the server, and everything it may answer.

use std::time::Duration;

use crate::domain::duration::Seconds;
use crate::domain::effect::{Effect, LandMode};
use crate::domain::hierarchy::TaskSpec;
use crate::domain::ids::{AgentId, EffectId, InitiativeId, MessageId, ProjectId, TaskId, TurnId};
use crate::domain::money::Usd;
use crate::domain::oid::Oid;
use crate::domain::plan::{PlanDocument, Priority, Review};
use crate::domain::time::Timestamp;
use crate::domain::work::{GateReport, Party, Verdict};

use super::held::Handed;

/// Something that wakes the server.
#[derive(Clone, PartialEq, Debug)]
pub enum Signal {
    /// The server has started: what was under way is picked up.
    Started,
    /// The machine slept, and the server with it: nobody was watched meanwhile.
    Woke,
    /// Time has passed.
    Tick,
    /// The user, or a tool on the user's behalf, wants something.
    Command(Command),
    /// An agent wants something, under its own token.
    Call(AgentId, Call),
    /// An effect was performed.
    Performed(Effect, Outcome),
    /// A turn's output or exit was seen.
    Seen(TurnId, Sight),
}

/// What the user wants.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Register a repository, or find it registered.
    Register {
        /// The root of its main checkout.
        root: String,
        /// What to call it.
        name: String,
        /// The default base.
        base: String,
    },
    /// Trust a text of `cw.toml`.
    Trust {
        /// Whose text.
        project: ProjectId,
        /// The text.
        text: String,
        /// The user has confirmed that its agents may work without asking.
        bypass: bool,
    },
    /// Read a plan in.
    Apply {
        /// Whose plan.
        project: ProjectId,
        /// The plan, checked.
        plan: Box<PlanDocument>,
        /// The agent of tasks that name none.
        agent: Option<String>,
        /// How many agents at once, over what the plan says.
        max_agents: Option<u32>,
        /// Only say what would change.
        dry_run: bool,
        /// Start it at once, with these facts.
        start: Option<StartFacts>,
    },
    /// Start an initiative.
    Start(InitiativeId, StartFacts),
    /// Pause an initiative.
    Pause(InitiativeId),
    /// Let a paused initiative go on.
    Resume(InitiativeId),
    /// Call an initiative off.
    Cancel(InitiativeId),
    /// Bring an initiative to its base.
    Land(InitiativeId, LandMode),
    /// Add a task.
    AddTask(NewTask),
    /// Start an agent without a plan.
    Spawn {
        /// Whose agent.
        project: ProjectId,
        /// What it is to do.
        prompt: String,
        /// Its table or kind.
        agent: Option<String>,
        /// Its name.
        name: Option<String>,
        /// The model it is to use.
        model: Option<String>,
        /// Where the base is, for the ad-hoc initiative's first time.
        facts: StartFacts,
    },
    /// Change a task that has not begun.
    EditTask(TaskId, TaskEdit),
    /// Try a failed or cancelled task again, or let a parked one go on.
    RetryTask(TaskId),
    /// Call a task off.
    CancelTask(TaskId),
    /// Have a task count as merged.
    SkipTask(TaskId),
    /// Approve a task in review.
    Approve(TaskId),
    /// Send a task in review back, with a reason.
    Reject(TaskId, String),
    /// Stop an agent.
    StopAgent(AgentId),
    /// Stop every agent (of one project).
    StopAll(Option<ProjectId>),
    /// Let a stopped or finished agent go on.
    ResumeAgent(AgentId),
    /// Say something to an agent.
    Say(AgentId, String),
    /// Take an agent's worktree away.
    RemoveAgent(AgentId),
    /// Merge an agent's work by hand.
    Integrate(AgentId),
    /// Answer a question.
    Answer(MessageId, String),
    /// Mark a note as read.
    Read(MessageId),
    /// Take back a permission that was given for good.
    Revoke(MessageId),
    /// Hold dispatch in a project.
    Hold(ProjectId),
    /// Let dispatch go on, and lanes that hold.
    Unhold(ProjectId),
    /// A command whose caller brought the values of these environment variables.
    Passing(Vec<String>, Box<Command>),
}

/// What was found in the repository just before a start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartFacts {
    /// The commit that the base branch is at.
    pub base: Option<Oid>,
    /// The commit that a branch of the integration branch's name is at, if there is one.
    pub branch: Option<Oid>,
}

/// A task that is added by hand or by an agent.
#[derive(Clone, PartialEq, Debug)]
pub struct NewTask {
    /// Whose task.
    pub initiative: InitiativeId,
    /// The plan it goes to; the last one when there is none.
    pub plan: Option<String>,
    /// What it is to be. An empty id is made of the title.
    pub spec: TaskSpec,
    /// The agent that adds it.
    pub by: Option<AgentId>,
}

/// Changes to a task; `None` leaves a field as it is.
#[derive(Clone, PartialEq, Debug, Default)]
#[allow(missing_docs)]
pub struct TaskEdit {
    pub title: Option<String>,
    pub text: Option<String>,
    pub after: Option<Option<Vec<String>>>,
    pub agent: Option<Option<String>>,
    pub model: Option<Option<String>>,
    pub priority: Option<Priority>,
    pub touches: Option<Vec<String>>,
    pub verify: Option<Vec<String>>,
    pub review: Option<Review>,
    pub budget: Option<Option<Usd>>,
    pub timeout: Option<Option<Seconds>>,
    pub attempts: Option<Option<u32>>,
}

/// What an agent wants.
#[derive(Clone, PartialEq, Debug)]
pub enum Call {
    /// Ask the user.
    Ask {
        /// The question.
        text: String,
        /// Choices offered.
        options: Vec<String>,
        /// Names the call: made again, it asks nothing anew.
        key: Option<String>,
    },
    /// It has read the answer to this question.
    TookAnswer(MessageId),
    /// Say something to the user or another agent.
    Say {
        /// To whom.
        to: Party,
        /// What.
        text: String,
        /// Names the call: made again, it says nothing anew.
        key: Option<String>,
    },
    /// Tell what it is doing.
    Progress(String),
    /// Tell that it is done, and what was done.
    Done(String),
    /// It has read its messages.
    TookMessages(Vec<MessageId>),
    /// Add a task to its initiative.
    AddTask(Box<NewTask>),
}

/// How an effect came out.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It could not be done.
    Failed {
        /// Why, in one line.
        why: String,
        /// What helps.
        hint: Option<String>,
        /// Trying again may help.
        passing: bool,
    },
    /// Done; nothing more to tell.
    Done,
    /// The branch was cut or synced and is at this commit.
    Cut(Oid),
    /// Values that the program was given are not there any more; it was not started.
    Lacking(Vec<String>),
    /// The worktree is ready.
    Prepared {
        /// What its branch is at.
        head: Oid,
        /// The integration tip that it was made from, or that was merged in.
        base: Oid,
        /// Files in conflict with the tip that was merged in.
        conflicts: Vec<String>,
        /// It had to be made anew: a session that lived in another one may not know it.
        fresh: bool,
    },
    /// What the agent left was collected.
    Collected {
        /// What its branch is at.
        head: Oid,
        /// It holds something that the integration branch does not.
        changed: bool,
        /// Conflicts that are still there.
        unresolved: Vec<String>,
    },
    /// The merge is clean.
    Tried {
        /// The tip that it was tried on.
        base: Oid,
        /// The merge commit.
        result: Oid,
    },
    /// The integration branch has the work already.
    AlreadyIn {
        /// The tip.
        base: Oid,
    },
    /// The merge conflicts.
    Conflicted {
        /// The tip that it was tried on.
        base: Oid,
        /// Files in conflict.
        conflicts: Vec<String>,
    },
    /// The gates have run.
    Gated(GateReport),
    /// The branch was moved, now or before.
    Advanced,
    /// The branch is not where it was when the merge was tried.
    Moved {
        /// Where it is now.
        now: Option<Oid>,
        /// It was moved by somebody else (else only the trial is out of date).
        foreign: bool,
    },
    /// The lane must hold.
    Held {
        /// Why.
        why: String,
        /// Where the branch was found, when it is not where the records say.
        found: Option<Oid>,
    },
    /// The base has the work now.
    Landed {
        /// The commit of the base.
        commit: Oid,
    },
}

/// What was seen of a turn.
#[derive(Clone, PartialEq, Debug)]
pub enum Sight {
    /// Its program printed something.
    Output(Output),
    /// It ended, and no process of it is left.
    Ended {
        /// How it came out.
        verdict: Verdict,
        /// Its last words.
        summary: Option<String>,
    },
}

/// What was read of a turn since the last time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Output {
    /// How far standard output and standard error have been read.
    pub read: (u64, u64),
    /// When the last line came.
    pub at: Option<Timestamp>,
    /// The process id of its program.
    pub pid: Option<u32>,
    /// The session that the program named.
    pub session: Option<String>,
    /// What it is doing, in one line.
    pub activity: Option<String>,
    /// Money it used meanwhile.
    pub cost: Usd,
    /// Tokens it used meanwhile.
    pub tokens: u64,
    /// What its program asks the user, and waits for.
    pub asked: Vec<Asked>,
    /// Requests, by the program's own names, that want no answer any more.
    pub withdrawn: Vec<String>,
    /// It waits for its API and tries again by itself.
    pub retrying: Option<Retrying>,
    /// It has printed more than is kept.
    pub cut: bool,
    /// It has shown that it takes messages while it works.
    pub listens: bool,
    /// It has used a tool.
    pub worked: bool,
    /// Notes that it has taken in while it works.
    pub taken: Vec<MessageId>,
}

/// A program that waits and tries again by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retrying {
    /// What went wrong.
    pub why: String,
    /// How long it waits.
    pub after: Duration,
}

/// A request of an agent program to the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Whom to answer; the same when the output is read again.
    pub reply: u64,
    /// The program's own name for the request.
    pub name: String,
    /// What it wants.
    pub want: Want,
}

/// What an agent program wants of the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Want {
    /// Answers to these questions, each with the choices it offers.
    Answers(Vec<(String, Vec<String>)>),
    /// To use a tool.
    Tool {
        /// Its name.
        tool: String,
        /// With what, in one line.
        detail: String,
        /// Tells its whole input from any other.
        digest: String,
    },
}

/// What a decision tells whoever asked for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// Nothing to tell.
    Done,
    /// The project it is about.
    Project(ProjectId),
    /// What reading a plan changed.
    Applied(Applied),
    /// The task it is about.
    Task(TaskId),
    /// The agent that was made for it.
    Spawned(TaskId, AgentId),
    /// The message it is about.
    Message(MessageId),
    /// Wait for this effect's outcome.
    Effect(EffectId),
    /// These turns are being stopped.
    Stopping(Vec<TurnId>),
    /// Who is to have the values that came with a command, and what came of it.
    Passed(Vec<Handed>, Box<Reply>),
}

impl Reply {
    /// The same without the ids of rows that were taken back.
    pub(super) fn without_new_rows(self) -> Self {
        match self {
            Self::Applied(applied) if applied.created => Self::Applied(Applied {
                initiative: None,
                ..applied
            }),
            other => other,
        }
    }
}

/// What reading a plan changed, by task id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// The initiative; `None` on a dry run of a new one.
    pub initiative: Option<InitiativeId>,
    /// The initiative is new.
    pub created: bool,
    /// Tasks that are new.
    pub added: Vec<String>,
    /// Tasks that were changed.
    pub updated: Vec<String>,
    /// Tasks that stay as they are.
    pub unchanged: Vec<String>,
    /// Tasks that the file no longer has; they stay.
    pub gone: Vec<String>,
    /// What else was changed, each with its level: `initiative x`, `phase y`, `plan z`.
    pub changed: Vec<String>,
}

/// A decision that says no. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// What kind of no it is.
    pub kind: RefusalKind,
    /// What is refused, in one line.
    pub what: String,
    /// Why.
    pub cause: Option<String>,
    /// What helps.
    pub hint: Option<String>,
}

/// Kinds of refusals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalKind {
    /// The words are wrong.
    Usage,
    /// There is no such thing.
    NotFound,
    /// Not in its present state.
    State,
}

impl Refusal {
    /// The words are wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Usage,
            what: what.into(),
            cause: None,
            hint: None,
        }
    }

    /// There is no such thing.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::NotFound,
            what: what.into(),
            cause: None,
            hint: None,
        }
    }

    /// Not in its present state.
    pub fn state(what: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::State,
            what: what.into(),
            cause: None,
            hint: None,
        }
    }

    /// With the reason.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
