//! Work under way: agents, their turns, messages and merges.

use super::ids::{AgentId, InitiativeId, MergeId, MessageId, ProjectId, TaskId, TurnId};
use super::money::Usd;
use super::oid::Oid;
use super::time::Timestamp;

/// A named worker: one worktree, one branch, one session.
#[derive(Clone, PartialEq, Debug)]
pub struct Agent {
    /// Its row.
    pub id: AgentId,
    /// The project it works in.
    pub project: ProjectId,
    /// The initiative it works for.
    pub initiative: InitiativeId,
    /// The task it was made for.
    pub task: TaskId,
    /// The district it is named after.
    pub name: String,
    /// Its table in `cw.toml`.
    pub config: String,
    /// The kind of its program.
    pub kind: String,
    /// The session of its program; kept over turns.
    pub session: Option<String>,
    /// The session has been begun: the next turn resumes it.
    pub begun: bool,
    /// Its worktree, relative to the folder of all worktrees.
    pub worktree: String,
    /// The worktree is there as far as `cw` knows.
    pub housed: bool,
    /// The integration tip that its work started from.
    pub base: Option<Oid>,
    /// What its branch held when it was last looked at.
    pub head: Option<Oid>,
    /// The bearer token its program was given.
    pub token: String,
    /// Stopped by the user: goes on only when told.
    pub stopped: bool,
    /// How many of its latest turns in a row were ended for their silence.
    pub stalls: u32,
    /// What it is doing, in one line.
    pub activity: String,
    /// Turns it has had.
    pub turns: u32,
    /// Money used so far.
    pub cost: Usd,
    /// Tokens used so far.
    pub tokens: u64,
    /// When it was made.
    pub started_at: Timestamp,
    /// When its program last printed something.
    pub last_output_at: Option<Timestamp>,
}

impl Agent {
    /// Its branch, inside the initiative `slug`.
    #[must_use]
    pub fn branch(&self, slug: &str) -> String {
        format!("cw/{slug}/agent/{}", self.name)
    }
}

/// What a turn is for; `CW_TURN`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TurnKind {
    /// The task's first.
    Start,
    /// An answer has come.
    Answer,
    /// A message has come.
    Message,
    /// The work conflicts, failed a gate or was rejected.
    Bounce,
    /// The turn before it failed.
    Retry,
}

impl TurnKind {
    /// The word agents see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Answer => "answer",
            Self::Message => "message",
            Self::Bounce => "bounce",
            Self::Retry => "retry",
        }
    }
}

/// How a turn came out.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// The program says that the work is done.
    Done,
    /// It asked and stopped (exit 75).
    Asked,
    /// It failed.
    Failed {
        /// What happened, in one line.
        why: String,
        /// Trying again is pointless (a missing program, refused credentials).
        fatal: bool,
    },
    /// A usage limit was reached.
    Limit {
        /// When it ends, if the program said so.
        until: Option<Timestamp>,
    },
    /// The program was not let in.
    Auth {
        /// What it said and what may help, in one line.
        why: String,
    },
    /// The session is not known to the program any more.
    SessionUnknown,
    /// Stopped on request.
    Stopped,
    /// Its shim is gone without a word.
    Crashed,
}

/// How far a turn is.
#[derive(Clone, PartialEq, Debug)]
pub enum TurnState {
    /// Waits for a slot.
    Queued,
    /// Its worktree is being made ready.
    Preparing,
    /// Its program is being started.
    Starting,
    /// Its program runs.
    Running,
    /// Its program has ended; its work is being collected.
    Collecting {
        /// How it came out.
        verdict: Verdict,
    },
    /// Over.
    Ended {
        /// How it came out.
        verdict: Verdict,
    },
}

impl TurnState {
    /// Takes one of the places of agents at once.
    #[must_use]
    pub fn takes_slot(&self) -> bool {
        matches!(self, Self::Preparing | Self::Starting | Self::Running)
    }

    /// Not over yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self, Self::Ended { .. })
    }
}

/// One run of the agent program inside an agent's session.
#[derive(Clone, PartialEq, Debug)]
pub struct Turn {
    /// Its row; its run folder is named after it.
    pub id: TurnId,
    /// Whose it is.
    pub agent: AgentId,
    /// The task it works on.
    pub task: TaskId,
    /// What it is for.
    pub kind: TurnKind,
    /// 1 for the agent's first turn.
    pub number: u32,
    /// How far it is.
    pub state: TurnState,
    /// What its program is told.
    pub prompt: String,
    /// The merge that bounced, for a bounce; its work is merged with the tip first.
    pub merge: Option<MergeId>,
    /// It resumes the session (else it begins it).
    pub resumes: bool,
    /// Its program has shown that it takes messages while it works.
    pub listens: bool,
    /// Its program has used a tool: it has read what it was told.
    pub worked: bool,
    /// A stop was asked for, and why.
    pub stop: Option<StopReason>,
    /// The process id of its program, while it runs.
    pub pid: Option<u32>,
    /// How much of its standard output has been read, in bytes of the log file.
    pub read_out: u64,
    /// How much of its standard error has been read.
    pub read_err: u64,
    /// Money it used.
    pub cost: Usd,
    /// Tokens it used.
    pub tokens: u64,
    /// When it was asked for.
    pub queued_at: Timestamp,
    /// When its program started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Why a turn is stopped before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopReason {
    /// The user stopped the agent.
    User,
    /// Its task was cancelled or skipped.
    Dropped,
    /// It took longer than a turn may.
    Timeout,
    /// It was silent for longer than a turn may.
    Stalled,
    /// The user did not answer its program's question soon.
    Unanswered,
    /// It told costs beyond the budget.
    Budget,
}

/// Who says something to whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Party {
    /// The developer.
    User,
    /// An agent.
    Agent(AgentId),
    /// `cw` itself.
    Cw,
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// Wants an answer.
    Question,
    /// Wants a permission.
    Permission,
    /// Tells something.
    Note,
    /// Answers a question.
    Answer,
    /// Tells that something went wrong.
    Error,
}

/// How far a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageStatus {
    /// Not answered, or not read.
    Open,
    /// Answered; once and for all.
    Answered,
    /// Seen by whom it was for, or no longer of use.
    Read,
}

/// One message.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// Its row, and the number that users type.
    pub id: MessageId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The task it is about.
    pub task: Option<TaskId>,
    /// The initiative it is about, where it is about one as a whole.
    pub initiative: Option<InitiativeId>,
    /// What it is.
    pub kind: MessageKind,
    /// Who says it.
    pub from: Party,
    /// Whom it is for.
    pub to: Party,
    /// What it says.
    pub body: String,
    /// Choices offered with a question.
    pub options: Vec<String>,
    /// How far it is.
    pub status: MessageStatus,
    /// The answer.
    pub answer: Option<String>,
    /// The answer or note has reached its agent: by this turn, or by a call of its own (0).
    pub delivered: Option<TurnId>,
    /// The turn whose program it was handed to while at work; it may not have taken it in yet.
    pub passed: Option<TurnId>,
    /// A name that its sender chose, so that it is said once however often the call comes.
    pub key: Option<String>,
    /// A permission given for good that the user took back.
    pub revoked: bool,
    /// A question of `cw` about what to do with a task or an initiative.
    pub about: Option<Quandary>,
    /// The table of `cw.toml` whose agents start no turn while this is open.
    pub holds: Option<String>,
    /// The request of an agent program that it stands for: the answer goes to the program.
    pub request: Option<Request>,
    /// When it was said.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

/// The answer to a permission that lets this agent use the tool from now on.
pub const ALLOW_ALWAYS: &str = "allow always (this agent)";
/// The answer to a permission that lets every agent of the project, of the same kind, use the
/// tool from now on.
pub const ALLOW_PROJECT: &str = "allow always (this project)";

impl Message {
    /// Whether it is a permission that was given for good and was not taken back.
    #[must_use]
    pub fn lasts(&self) -> bool {
        let for_good = matches!(self.answer.as_deref(), Some(ALLOW_ALWAYS | ALLOW_PROJECT));
        self.kind == MessageKind::Permission && for_good && !self.revoked
    }
}

/// A request of an agent program that waits for an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The turn whose program asks.
    pub turn: TurnId,
    /// Whom to answer, in the words of the port.
    pub reply: u64,
    /// The program's own name for it.
    pub name: String,
    /// The tool it wants a permission for; empty for questions.
    pub tool: String,
    /// Tells the whole input of the tool from any other; empty for questions, and where it was
    /// not kept.
    pub digest: String,
    /// How many questions it asks at once: an answer then has a line for each.
    pub parts: u32,
}

/// What `cw` itself asks the user about a task or an initiative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quandary {
    /// A task bounced as often as it may.
    Bounces,
    /// Its budget is used up.
    Budget,
    /// An agent program was not let in.
    Login,
    /// Values that agents were given went with the server's memory.
    Values,
}

/// How far a merge is.
#[derive(Clone, PartialEq, Debug)]
pub enum MergeState {
    /// Waits for its turn in the lane.
    Queued,
    /// The merge is tried.
    Trying,
    /// Gates run on the merged tree.
    Gating,
    /// The branch is being moved; from here on only the refs tell.
    Moving,
    /// On the integration branch.
    Merged,
    /// Conflicts with the integration branch.
    Conflict,
    /// A gate said no.
    GateFailed,
    /// A person sent it back.
    Rejected,
    /// Overtaken: its task was cancelled, skipped or offered again.
    Dropped,
}

impl MergeState {
    /// Occupies the lane.
    #[must_use]
    pub fn in_lane(&self) -> bool {
        matches!(self, Self::Trying | Self::Gating | Self::Moving)
    }

    /// Not over yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.in_lane() || matches!(self, Self::Queued)
    }
}

/// What a gate said.
#[derive(Clone, PartialEq, Debug)]
pub struct GateReport {
    /// The command that was run last.
    pub command: String,
    /// It exited 0, as did all before it.
    pub passed: bool,
    /// Its exit code; `None`: ended by a signal or its timeout.
    pub code: Option<i32>,
    /// The end of what it printed, bounded.
    pub output: String,
}

/// One try to bring a task's work into the integration branch.
#[derive(Clone, PartialEq, Debug)]
pub struct Merge {
    /// Its row.
    pub id: MergeId,
    /// Whose integration branch.
    pub initiative: InitiativeId,
    /// The task whose work it carries.
    pub task: TaskId,
    /// The agent that did the work.
    pub agent: AgentId,
    /// 1 for the task's first merge; part of the merged ref.
    pub attempt: u32,
    /// How far it is.
    pub state: MergeState,
    /// The work: the head of the agent's branch when it was offered.
    pub head: Oid,
    /// The integration tip that it was tried on.
    pub base: Option<Oid>,
    /// The merge commit that was made of both.
    pub result: Option<Oid>,
    /// Files in conflict.
    pub conflicts: Vec<String>,
    /// What the gates said.
    pub gate: Option<GateReport>,
    /// When it was offered.
    pub queued_at: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
}
