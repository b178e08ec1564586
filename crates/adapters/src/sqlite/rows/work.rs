//! Agents, turns, messages and merges in their columns.

use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{
    Agent, GateReport, Merge, MergeState, Message, MessageKind, MessageStatus, Party, Quandary,
    Request, StopReason, Turn, TurnKind, TurnState, Verdict,
};

use crate::sqlite::cell::{Binder, Fields, Stored, text, unknown, words};
use crate::sqlite::error::Fault;
use crate::sqlite::table::table;

table!(Agent in "agents" {
    project => [project_id],
    initiative => [initiative_id],
    task => [task_id],
    name => [name],
    config => [config],
    kind => [kind],
    session => [session],
    begun => [begun],
    worktree => [worktree],
    housed => [housed],
    base => [base],
    head => [head],
    token => [token],
    stopped => [stopped],
    stalls => [stalls],
    activity => [activity],
    turns => [turns],
    cost => [cost],
    tokens => [tokens],
    started_at => [started_at],
    last_output_at => [last_output_at],
});

table!(Turn in "turns" {
    agent => [agent_id],
    task => [task_id],
    kind => [kind],
    number => [number],
    state => [state, verdict, verdict_why, verdict_fatal, verdict_until],
    prompt => [prompt],
    merge => [merge_id],
    resumes => [resumes],
    listens => [listens],
    worked => [worked],
    stop => [stop],
    pid => [pid],
    read_out => [read_out],
    read_err => [read_err],
    cost => [cost],
    tokens => [tokens],
    queued_at => [queued_at],
    started_at => [started_at],
    ended_at => [ended_at],
});

table!(Message in "messages" {
    project => [project_id],
    task => [task_id],
    initiative => [initiative_id],
    kind => [kind],
    from => [from_kind, from_agent],
    to => [to_kind, to_agent],
    body => [body],
    options => [options],
    status => [status],
    answer => [answer],
    delivered => [delivered],
    passed => [passed],
    key => [key],
    revoked => [revoked],
    about => [about],
    holds => [holds],
    request => [request_turn, request_reply, request_name, request_tool, request_parts, request_digest],
    created_at => [created_at],
    answered_at => [answered_at],
});

table!(Merge in "merges" {
    initiative => [initiative_id],
    task => [task_id],
    agent => [agent_id],
    attempt => [attempt],
    state => [state],
    head => [head],
    base => [base],
    result => [result],
    conflicts => [conflicts],
    gate => [gate_command, gate_passed, gate_code, gate_output],
    queued_at => [queued_at],
    ended_at => [ended_at],
});

words! {
    TurnKind {
        Start = "start",
        Answer = "answer",
        Message = "message",
        Bounce = "bounce",
        Retry = "retry",
    }
    StopReason {
        User = "user",
        Dropped = "dropped",
        Timeout = "timeout",
        Stalled = "stalled",
        Unanswered = "unanswered",
        Budget = "budget",
    }
    MessageKind {
        Question = "question",
        Permission = "permission",
        Note = "note",
        Answer = "answer",
        Error = "error",
    }
    MessageStatus {
        Open = "open",
        Answered = "answered",
        Read = "read",
    }
    Quandary {
        Bounces = "bounces",
        Budget = "budget",
        Login = "login",
        Values = "values",
    }
    MergeState {
        Queued = "queued",
        Trying = "trying",
        Gating = "gating",
        Moving = "moving",
        Merged = "merged",
        Conflict = "conflict",
        GateFailed = "gate-failed",
        Rejected = "rejected",
        Dropped = "dropped",
    }
}

impl Stored for TurnState {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        let (word, verdict) = match self {
            Self::Queued => ("queued", None),
            Self::Preparing => ("preparing", None),
            Self::Starting => ("starting", None),
            Self::Running => ("running", None),
            Self::Collecting { verdict } => ("collecting", Some(verdict)),
            Self::Ended { verdict } => ("ended", Some(verdict)),
        };
        to.bind(text(word))?;
        write_verdict(verdict, to)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let word: String = from.one()?;
        let misread = from.corrupt(unknown(&word));
        let verdict = read_verdict(from)?;
        let verdict = || verdict.ok_or_else(|| from.corrupt(format!("{word} without a verdict")));
        Ok(match &*word {
            "queued" => Self::Queued,
            "preparing" => Self::Preparing,
            "starting" => Self::Starting,
            "running" => Self::Running,
            "collecting" => Self::Collecting {
                verdict: verdict()?,
            },
            "ended" => Self::Ended {
                verdict: verdict()?,
            },
            _ => return Err(misread),
        })
    }
}

fn write_verdict(verdict: Option<&Verdict>, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
    let (word, failed, until) = match verdict {
        None => (None, None, None),
        Some(Verdict::Done) => (Some("done"), None, None),
        Some(Verdict::Asked) => (Some("asked"), None, None),
        Some(Verdict::Failed { why, fatal }) => (Some("failed"), Some((&**why, *fatal)), None),
        Some(Verdict::Limit { until }) => (Some("limit"), None, *until),
        Some(Verdict::Auth { why }) => (Some("auth"), Some((&**why, false)), None),
        Some(Verdict::SessionUnknown) => (Some("session-unknown"), None, None),
        Some(Verdict::Stopped) => (Some("stopped"), None, None),
        Some(Verdict::Crashed) => (Some("crashed"), None, None),
    };
    to.optional(word)?;
    to.optional(failed.map(|(why, _)| why))?;
    failed.map(|(_, fatal)| fatal).write(to)?;
    until.write(to)
}

fn read_verdict(from: &mut Fields<'_>) -> Result<Option<Verdict>, Fault> {
    let word: Option<String> = from.one()?;
    let misread = from.corrupt(unknown(word.as_deref().unwrap_or_default()));
    let why: Option<String> = from.one()?;
    let fatal: Option<bool> = from.one()?;
    let until: Option<Timestamp> = from.one()?;
    Ok(match word.as_deref() {
        None => None,
        Some("done") => Some(Verdict::Done),
        Some("asked") => Some(Verdict::Asked),
        Some("failed") => Some(Verdict::Failed {
            why: why.unwrap_or_default(),
            fatal: fatal.unwrap_or_default(),
        }),
        Some("limit") => Some(Verdict::Limit { until }),
        Some("auth") => Some(Verdict::Auth {
            why: why.unwrap_or_default(),
        }),
        Some("session-unknown") => Some(Verdict::SessionUnknown),
        Some("stopped") => Some(Verdict::Stopped),
        Some("crashed") => Some(Verdict::Crashed),
        Some(_) => return Err(misread),
    })
}

impl Stored for Party {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        let (word, agent) = match self {
            Self::User => ("user", None),
            Self::Agent(id) => ("agent", Some(*id)),
            Self::Cw => ("cw", None),
        };
        to.bind(text(word))?;
        agent.write(to)
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let word: String = from.one()?;
        let misread = from.corrupt(unknown(&word));
        let agent = from.one()?;
        match &*word {
            "user" => Ok(Self::User),
            "agent" => Option::ok_or_else(agent, || from.corrupt("an agent without its id"))
                .map(Self::Agent),
            "cw" => Ok(Self::Cw),
            _ => Err(misread),
        }
    }
}

impl Stored for Option<Request> {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        match self {
            None => (0..6).try_for_each(|_| to.null()),
            Some(Request {
                turn,
                reply,
                name,
                tool,
                digest,
                parts,
            }) => {
                turn.write(to)?;
                reply.write(to)?;
                name.write(to)?;
                tool.write(to)?;
                parts.write(to)?;
                digest.write(to)
            }
        }
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let turn = from.one()?;
        let reply = from.one()?;
        let name: Option<String> = from.one()?;
        let tool: Option<String> = from.one()?;
        let parts = from.one()?;
        // Not kept by older versions: it then is like no other.
        let digest: Option<String> = from.one()?;
        match (turn, reply, name, tool, parts) {
            (None, None, None, None, None) => Ok(None),
            (Some(turn), Some(reply), Some(name), Some(tool), Some(parts)) => Ok(Some(Request {
                turn,
                reply,
                name,
                tool,
                digest: digest.unwrap_or_default(),
                parts,
            })),
            _ => Err(from.corrupt("half a program's request")),
        }
    }
}

impl Stored for Option<GateReport> {
    fn write(&self, to: &mut Binder<'_, '_>) -> Result<(), Fault> {
        match self {
            None => (0..4).try_for_each(|_| to.null()),
            Some(GateReport {
                command,
                passed,
                code,
                output,
            }) => {
                command.write(to)?;
                passed.write(to)?;
                code.write(to)?;
                output.write(to)
            }
        }
    }

    fn read(from: &mut Fields<'_>) -> Result<Self, Fault> {
        let command: Option<String> = from.one()?;
        let passed: Option<bool> = from.one()?;
        let code = from.one()?;
        let output: Option<String> = from.one()?;
        match (command, passed, output) {
            (None, None, None) => Ok(None),
            (Some(command), Some(passed), Some(output)) => Ok(Some(GateReport {
                command,
                passed,
                code,
                output,
            })),
            _ => Err(from.corrupt("half a gate's report")),
        }
    }
}
