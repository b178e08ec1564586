//! Agent programs as use cases see them: a turn is started, followed, spoken to, stopped and found
//! again. It owns the words for that and refuses to know processes, files and wire formats.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::ids::TurnId;
use crate::domain::money::Usd;
use crate::domain::time::Timestamp;

/// Names one run of an agent program, and its run folder. Safe as a file name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RunId(String);

impl RunId {
    /// Takes `raw` if it is a plain file name of at most 80 letters, digits, `-` and `_`.
    #[must_use]
    pub fn new(raw: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ((1..=80).contains(&raw.len()) && raw.chars().all(plain)).then(|| Self(raw.to_owned()))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The turn it stands for, if it was made from one.
    #[must_use]
    pub fn turn(&self) -> Option<TurnId> {
        self.0.parse().ok().map(TurnId)
    }
}

impl From<TurnId> for RunId {
    fn from(turn: TurnId) -> Self {
        Self(turn.0.to_string())
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an agent may do without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Permissions {
    /// Asks before it writes.
    Ask,
    /// Writes files; asks for the rest.
    #[default]
    AcceptEdits,
    /// Asks nothing.
    Bypass,
}

impl Permissions {
    /// The permissions that `cw.toml` calls `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "ask" => Some(Self::Ask),
            "accept-edits" => Some(Self::AcceptEdits),
            "bypass" => Some(Self::Bypass),
            _ => None,
        }
    }
}

/// How long a program may take to end after each request to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grace {
    /// After an interrupt.
    pub interrupt: Duration,
    /// After a request to terminate; then its whole tree is killed.
    pub terminate: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Self {
            interrupt: Duration::from_secs(5),
            terminate: Duration::from_secs(3),
        }
    }
}

/// Everything that is needed to start one turn. Holds secrets: it is never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnOrder {
    /// Names the run.
    pub run: RunId,
    /// The kind of agent program.
    pub kind: String,
    /// Program and leading arguments; empty means the kind's own program. A relative path with a
    /// slash has been resolved by the caller.
    pub program: Vec<OsString>,
    /// The worktree.
    pub cwd: PathBuf,
    /// `env` and `pass_env` of its configuration.
    pub env: Vec<(OsString, OsString)>,
    /// What the program is told.
    pub prompt: String,
    /// The session to begin or to resume; kinds that choose their own take it only to resume.
    pub session: Option<String>,
    /// The session has been begun.
    pub resume: bool,
    /// What earlier turns in this session have told of what they used.
    pub billed: Billed,
    /// The model to ask for.
    pub model: Option<String>,
    /// What the agent may do without asking.
    pub permissions: Permissions,
    /// Tools that are allowed without asking.
    pub allow: Vec<String>,
    /// Offers the tools of `cw` to the program, where its kind can take them.
    pub tools: bool,
    /// Loads the agent settings that the repository brings along, where its kind has a switch.
    pub repo_settings: bool,
    /// `CW_TASK`.
    pub task: String,
    /// `CW_AGENT`.
    pub agent: String,
    /// `CW_TURN`.
    pub turn: String,
    /// `CW_TOKEN`.
    pub token: String,
    /// `CW_SOCKET`.
    pub socket: PathBuf,
    /// How long the program may take to end when it is stopped.
    pub grace: Grace,
}

/// What a session has used so far, as its turns have told: some programs tell totals of their whole
/// session, of which only the rest is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Billed {
    /// Money.
    pub cost: Usd,
    /// Tokens of any sort.
    pub tokens: u64,
}

/// What starting came to. Starting twice starts one program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Started {
    /// The program runs, or could not be run, which its verdict will tell.
    Now,
    /// The run had been begun before.
    Before(RunState),
}

/// What a run folder says about its run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RunState {
    /// Nothing was started: starting is safe.
    NeverBegan,
    /// It is under way.
    Alive {
        /// The program's process id, as soon as it is known. To show, never to signal.
        pid: Option<u32>,
    },
    /// It came to its end and left a record.
    Finished(Exit),
    /// It was begun, nobody watches over it and there is no record.
    Crashed,
}

/// How a program ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exit {
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It could not be started, and why.
    pub spawn_error: Option<String>,
    /// It was stopped on request, and with which word.
    pub stopped: Option<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When the last process of its tree was gone.
    pub ended_at: Timestamp,
    /// Processor time of the tree.
    pub cpu: Duration,
    /// Resident memory of its largest process, in bytes.
    pub peak_bytes: u64,
    /// Output beyond the limit was dropped.
    pub output_cut: bool,
    /// Processes that were still there when the program ended, and were killed.
    pub leftovers: u32,
}

/// How much of the two output logs has been read, in bytes of the log files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offsets {
    /// Of standard output.
    pub out: u64,
    /// Of standard error.
    pub err: u64,
}

/// One of a program's two outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of output as it was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// When its first byte came.
    pub at: Timestamp,
    /// Where its record begins in the log file; names the line for ever.
    pub offset: u64,
    /// The line without its line break; any bytes.
    pub bytes: Vec<u8>,
    /// What the bytes are.
    pub form: LineForm,
}

/// What became of a line on its way to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineForm {
    /// As printed.
    Whole,
    /// Too long: the rest was dropped.
    Cut,
    /// The output ended without a line break.
    Unended,
    /// Not the program's: a note of the one who keeps the log.
    Note,
}

/// Names a request of a program that waits for an answer. Stable when output is read again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReplyTo(pub u64);

/// What a person says to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Go ahead.
    Allow,
    /// No, and why.
    Deny {
        /// Told to the program.
        why: String,
    },
    /// Answers to the questions, in their order.
    Answers(Vec<String>),
}

/// One question of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The question.
    pub text: String,
    /// Choices it offers.
    pub options: Vec<String>,
    /// Several choices may be taken.
    pub several: bool,
}

/// Tokens used, by what they cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tokens {
    /// Read afresh.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Put into a cache.
    pub cache_write: u64,
}

impl Tokens {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.input, self.output, self.cache_read, self.cache_write]
            .iter()
            .fold(0, |sum, part| sum.saturating_add(*part))
    }
}

/// What a program did, as far as its output tells. Texts are bounded and must not be trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AgentEvent {
    /// A session was begun or taken up.
    SessionStarted {
        /// Its id.
        id: String,
    },
    /// The agent said something.
    Text {
        /// What.
        text: String,
    },
    /// A line of a program that has no protocol, or that is outside it.
    Log {
        /// Where it was printed.
        stream: Stream,
        /// The line.
        text: String,
    },
    /// A tool is used.
    ToolUse {
        /// Its name.
        name: String,
        /// With what, in one line.
        detail: String,
    },
    /// A tool was refused.
    ToolDenied {
        /// Its name.
        name: String,
    },
    /// Money and tokens used since the event of this kind before.
    Usage {
        /// Millionths of a US dollar.
        micro_usd: u64,
        /// Tokens.
        tokens: Tokens,
    },
    /// The program asks the user and waits.
    Question {
        /// Whom to answer.
        reply: ReplyTo,
        /// The program's own name for the request.
        request: String,
        /// What it asks.
        questions: Vec<Question>,
    },
    /// The program wants to use a tool and waits.
    PermissionRequest {
        /// Whom to answer.
        reply: ReplyTo,
        /// The program's own name for the request.
        request: String,
        /// The tool.
        tool: String,
        /// With what, in one line.
        detail: String,
        /// Tells its whole input from any other.
        digest: String,
    },
    /// A question or permission request is of no use any more.
    RequestWithdrawn {
        /// The program's own name for the request.
        request: String,
    },
    /// The program has shown that it takes messages while it works.
    Listens,
    /// A message that it was told while at work has reached its model.
    TookIn {
        /// The message's number.
        number: u64,
    },
    /// A usage limit was reached.
    LimitReached {
        /// When it ends, if known.
        until: Option<Timestamp>,
    },
    /// The program waits and tries again by itself.
    Retrying {
        /// How long it waits.
        delay: Duration,
        /// Why.
        why: String,
    },
    /// More was printed than is kept: what follows is not seen.
    OutputCut,
    /// Something worth telling that changes nothing.
    Notice {
        /// What.
        text: String,
    },
    /// The program says that it has come to an end; more may follow.
    Result {
        /// It says that it succeeded.
        ok: bool,
        /// Its last words, or the error.
        summary: String,
    },
}

/// How a turn came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The program says that the work is done.
    Done {
        /// Its last words.
        summary: String,
        /// Tools that were refused to it.
        denied: Vec<String>,
    },
    /// It asked and stopped (exit 75).
    Asked,
    /// It failed.
    Failed {
        /// What happened, in one line.
        why: String,
        /// What may help.
        hint: Option<String>,
        /// Trying again is pointless.
        fatal: bool,
    },
    /// A usage limit was reached.
    Limit {
        /// When it ends, if known.
        until: Option<Timestamp>,
        /// What the program said.
        why: String,
    },
    /// The program was not let in.
    Auth {
        /// What the program said.
        why: String,
        /// What may help.
        hint: String,
    },
    /// The session to resume is not known: begin a new one.
    SessionUnknown,
    /// The session to begin exists already: resume it.
    SessionTaken,
    /// Stopped on request.
    Stopped {
        /// The word given with the request.
        why: String,
    },
    /// Whoever watched over it is gone without a record.
    Crashed,
}

/// An event with its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// When the line came that told it.
    pub at: Timestamp,
    /// What happened.
    pub event: AgentEvent,
}

/// What was read in one go. May be empty: then time has passed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// What happened, in the order of each output.
    pub events: Vec<Observed>,
    /// All up to here has been told; store it together with what follows from the events.
    pub offsets: Offsets,
    /// When the last line came.
    pub last_output_at: Option<Timestamp>,
    /// The program's process id, as soon as it is known. To show, never to signal.
    pub pid: Option<u32>,
}

/// Which run to follow, and from where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Follow {
    /// The run.
    pub run: RunId,
    /// The kind of its program.
    pub kind: String,
    /// It resumed a session.
    pub resume: bool,
    /// What it may do without asking.
    pub permissions: Permissions,
    /// What has been told already.
    pub from: Offsets,
    /// How long the program may stay, silent, after it said that it has come to an end.
    pub linger: Duration,
}

/// How following ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// There was nothing to follow.
    NeverBegan,
    /// The listener had enough.
    LeftAlone,
    /// The run is over, and no process of it is left.
    Over {
        /// How it came out.
        verdict: Verdict,
        /// The record, unless it crashed.
        exit: Option<Exit>,
    },
}

/// Why an agent program could not be reached or started.
#[derive(Debug, thiserror::Error)]
pub enum AgentsError {
    /// No driver for that kind.
    #[error("there is no agent kind `{0}`")]
    UnknownKind(String),
    /// The run is not under way.
    #[error("run {0} is not under way")]
    NotAlive(RunId),
    /// The program does not take what was sent.
    #[error("run {run} does not take it: {why}")]
    Refused {
        /// The run.
        run: RunId,
        /// Why not.
        why: String,
    },
    /// Processes of the run are left in spite of all efforts.
    #[error("{left} processes of run {run} could not be stopped")]
    Unstoppable {
        /// The run.
        run: RunId,
        /// How many.
        left: usize,
    },
    /// The system said no.
    #[error("{doing}: {why}")]
    System {
        /// What was tried.
        doing: String,
        /// What the system said.
        why: String,
    },
}

/// Starts agent programs, speaks with them and finds them again. Every method blocks; every one
/// may be repeated.
pub trait Agents: super::inspect::Inspect {
    /// Starts the turn, unless its run folder says that it was begun. Returns when the program
    /// runs or could not be run.
    fn start(&self, order: &TurnOrder) -> Result<Started, AgentsError>;

    /// What the run folder says.
    fn state(&self, run: &RunId) -> Result<RunState, AgentsError>;

    /// Follows a run to its end, telling `on` what happens. Answers by itself what needs no
    /// person. Ends what a dead watcher left behind before it says so.
    fn follow(
        &self,
        follow: &Follow,
        on: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<Ending, AgentsError>;

    /// Passes a line to standard input. A number that was used before is passed on once only;
    /// numbers stay below 2^62.
    fn send_line(&self, run: &RunId, number: u64, line: &str) -> Result<(), AgentsError>;

    /// Tells a program at work something, once for each number; it says itself when it has taken
    /// it in.
    fn tell(&self, run: &RunId, kind: &str, number: u64, text: &str) -> Result<(), AgentsError>;

    /// Answers a request, once.
    fn answer(
        &self,
        run: &RunId,
        kind: &str,
        reply: ReplyTo,
        answer: &Answer,
    ) -> Result<(), AgentsError>;

    /// Ends standard input.
    fn close_stdin(&self, run: &RunId) -> Result<(), AgentsError>;

    /// Interrupts what the program does.
    fn interrupt(&self, run: &RunId) -> Result<(), AgentsError>;

    /// Stops the run; `why` is one word. Returns when its whole tree is gone, which is verified.
    fn stop(&self, run: &RunId, why: &str) -> Result<RunState, AgentsError>;

    /// Reads kept output from `offset` on, about `max_bytes` of it; the second value is where to
    /// go on. Unended lines are given only of a run that is over.
    fn read_log(
        &self,
        run: &RunId,
        stream: Stream,
        offset: u64,
        max_bytes: usize,
    ) -> Result<(Vec<LogLine>, u64), AgentsError>;

    /// What kept lines of a program of this kind tell, each at its place. They follow one another
    /// and may begin anywhere in its output.
    fn read_lines(&self, kind: &str, lines: &[(Stream, LogLine)]) -> Vec<Vec<AgentEvent>>;

    /// Every run folder there is, with its state.
    fn survivors(&self) -> Result<Vec<(RunId, RunState)>, AgentsError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_a_plain_file_name() {
        assert!(RunId::new("0199-ab_C").is_some());
        for bad in ["", ".", "..", "a/b", "a b", "ü", &"x".repeat(81)] {
            assert_eq!(RunId::new(bad), None, "{bad}");
        }
        assert_eq!(RunId::from(TurnId(7)).turn(), Some(TurnId(7)));
    }

    #[test]
    fn tokens_add_up_without_overflow() {
        let tokens = Tokens {
            input: u64::MAX,
            output: 1,
            cache_read: 1,
            cache_write: 1,
        };
        assert_eq!(tokens.total(), u64::MAX);
    }
}
