//! What the lines of Claude Code mean. Reads leniently: unknown lines, fields and types are
//! normal, and no line is trusted. Decides strictly: only a result that says so is success.

use std::time::Duration;

use cw_core::domain::time::Timestamp;
use cw_core::ports::agents::{
    AgentEvent, Answer, Exit, LogLine, Permissions, Question, ReplyTo, Stream, Verdict,
};
use serde_json::Value;

use super::super::json::{Heard, detail, digest, hear, list, one_line, owned, text};
use super::super::{
    Driver, KEPT_OUT, LastWords, Reaction, Reader, Reading, TEXT_CAP, clip, ended_badly,
    ended_before_stop, settled_by_exit,
};
use super::usage::Meter;
use super::{ASK_TOOL, Claude, message_number, refuse_control};

const LOGIN_HINT: &str = "log in with `claude` once, or name ANTHROPIC_API_KEY in `pass_env`";

/// Reads the output of one run.
pub(super) struct Output {
    resume: bool,
    permissions: Permissions,
    session: Option<String>,
    last: Option<Last>,
    /// Something came after the last result that another one must follow.
    open: bool,
    meter: Meter,
    words: LastWords,
    denied: Vec<String>,
    limit_until: Option<Timestamp>,
    /// It was not let in, and would try again for minutes.
    kept_out: Option<String>,
    /// It has told what becomes of a message.
    listens: bool,
}

/// The last result.
struct Last {
    ok: bool,
    text: String,
    status: Option<u64>,
    kind: String,
    /// The program has nothing in line.
    idle: bool,
}

impl Output {
    pub(super) fn new(resume: bool, permissions: Permissions) -> Self {
        Self {
            resume,
            permissions,
            session: None,
            last: None,
            open: true,
            meter: Meter::default(),
            words: LastWords::default(),
            denied: Vec::new(),
            limit_until: None,
            kept_out: None,
            listens: false,
        }
    }

    fn object(&mut self, object: &Value, line: &LogLine) -> Reading {
        let events = match text(object, "type") {
            "system" if is_kept_out(object) => return self.keep_out(object),
            "system" => self.system(object),
            "assistant" => self.assistant(object),
            "command_lifecycle" => self.lifecycle(object),
            "rate_limit_event" => self.limit(&object["rate_limit_info"]),
            "control_request" => return self.request(object, line),
            "control_cancel_request" => {
                vec![AgentEvent::RequestWithdrawn {
                    request: owned(object, "request_id"),
                }]
            }
            "result" => return self.result(object),
            _ => Vec::new(),
        };
        Reading {
            events,
            reaction: None,
        }
    }

    /// Trying again does not help who is not let in: the first refusal is the last.
    fn keep_out(&mut self, object: &Value) -> Reading {
        let why = format!("the API answers {}", retried(object));
        self.kept_out = Some(why);
        Reading {
            events: self.system(object),
            reaction: Some(Reaction::Stop(KEPT_OUT)),
        }
    }

    fn system(&mut self, object: &Value) -> Vec<AgentEvent> {
        match text(object, "subtype") {
            "init" => self.init(object),
            "api_retry" => {
                let delay = Duration::from_millis(object["retry_delay_ms"].as_u64().unwrap_or(0));
                let why = retried(object);
                vec![AgentEvent::Retrying { delay, why }]
            }
            "permission_denied" => vec![self.deny(one_line(object, "tool_name"))],
            "model_fallback" | "informational" => {
                vec![AgentEvent::Notice {
                    text: one_line(object, "content"),
                }]
            }
            _ => Vec::new(),
        }
    }

    fn init(&mut self, object: &Value) -> Vec<AgentEvent> {
        self.open = true;
        let mut events = Vec::new();
        let id = one_line(object, "session_id");
        if !id.is_empty() && self.session.as_ref() != Some(&id) {
            self.session = Some(id.clone());
            events.push(AgentEvent::SessionStarted { id });
        }
        for server in list(&object["mcp_servers"]) {
            if text(server, "status") == "failed" {
                let text = format!("the tool server {} did not start", one_line(server, "name"));
                events.push(AgentEvent::Notice { text });
            }
        }
        events
    }

    fn assistant(&mut self, object: &Value) -> Vec<AgentEvent> {
        let message = &object["message"];
        if text(message, "model") == "<synthetic>" {
            // The text of an error that the result repeats.
            return Vec::new();
        }
        self.open = true;
        let blocks = list(&message["content"]).filter_map(|block| match text(block, "type") {
            "text" => Some(AgentEvent::Text {
                text: clip(text(block, "text"), TEXT_CAP),
            }),
            "tool_use" => Some(AgentEvent::ToolUse {
                name: one_line(block, "name"),
                detail: detail(&block["input"]),
            }),
            _ => None,
        });
        blocks.collect()
    }

    /// What becomes of a line that was given a name. Older versions do not tell.
    fn lifecycle(&mut self, object: &Value) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        if !std::mem::replace(&mut self.listens, true) {
            events.push(AgentEvent::Listens);
        }
        let taken = matches!(text(object, "state"), "started" | "completed");
        if let Some(number) = message_number(text(object, "command_uuid")).filter(|_| taken) {
            events.push(AgentEvent::TookIn { number });
        }
        events
    }

    fn limit(&mut self, info: &Value) -> Vec<AgentEvent> {
        if text(info, "status") != "rejected" {
            return Vec::new();
        }
        self.limit_until = info["resetsAt"]
            .as_i64()
            .map(|s| Timestamp(s.saturating_mul(1000)));
        vec![AgentEvent::LimitReached {
            until: self.limit_until,
        }]
    }

    fn deny(&mut self, name: String) -> AgentEvent {
        if !self.denied.contains(&name) && self.denied.len() < 100 {
            self.denied.push(name.clone());
        }
        AgentEvent::ToolDenied { name }
    }

    fn request(&mut self, object: &Value, line: &LogLine) -> Reading {
        let (id, request) = (owned(object, "request_id"), &object["request"]);
        if text(request, "subtype") != "can_use_tool" {
            let refusal = refuse_control(&id, "not supported here");
            return Reading {
                events: Vec::new(),
                reaction: Some(Reaction::Send(refusal)),
            };
        }
        let tool = one_line(request, "tool_name");
        if tool != ASK_TOOL && self.permissions == Permissions::Bypass {
            let answer = Claude.answer(&line.bytes, &Answer::Allow);
            return Reading {
                events: Vec::new(),
                reaction: answer.map(Reaction::Send),
            };
        }
        let (reply, input) = (ReplyTo(line.offset), &request["input"]);
        let event = if tool == ASK_TOOL {
            let questions = list(&input["questions"]).take(16).map(question).collect();
            AgentEvent::Question {
                reply,
                request: id,
                questions,
            }
        } else {
            AgentEvent::PermissionRequest {
                reply,
                request: id,
                tool,
                detail: detail(input),
                digest: digest(input),
            }
        };
        Reading {
            events: vec![event],
            reaction: None,
        }
    }

    fn result(&mut self, object: &Value) -> Reading {
        let mut events: Vec<AgentEvent> = self.meter.since_last(object).into_iter().collect();
        for denial in list(&object["permission_denials"]) {
            self.deny(one_line(denial, "tool_name"));
        }
        let last = Last {
            ok: object["is_error"] == false
                && matches!(text(object, "terminal_reason"), "" | "completed"),
            text: words_of(object),
            status: object["api_error_status"].as_u64(),
            kind: owned(object, "api_error_type"),
            idle: object["queued_turn_count"].as_u64().unwrap_or(0) == 0,
        };
        if !last.ok && last.is_limit() {
            self.limit_until = self.limit_until.or_else(|| time_in(&last.text));
            events.push(AgentEvent::LimitReached {
                until: self.limit_until,
            });
        }
        events.push(AgentEvent::Result {
            ok: last.ok,
            summary: last.text.clone(),
        });
        self.open = false;
        let reaction = last.idle.then_some(Reaction::CloseStdin);
        self.last = Some(last);
        Reading { events, reaction }
    }

    fn of_result(&self, last: &Last) -> Verdict {
        let why = last.text.clone();
        if last.ok {
            return Verdict::Done {
                summary: why,
                denied: self.denied.clone(),
            };
        }
        if self.resume && is_unknown_session(&why) {
            return Verdict::SessionUnknown;
        }
        if last.is_limit() {
            return Verdict::Limit {
                until: self.limit_until,
                why,
            };
        }
        if matches!(last.status, Some(401 | 403)) || is_login(&why) {
            return Verdict::Auth {
                why,
                hint: LOGIN_HINT.to_owned(),
            };
        }
        let why = if why.is_empty() {
            "the program gave no reason".to_owned()
        } else {
            why
        };
        let fatal = matches!(last.status, Some(400 | 402 | 404));
        Verdict::Failed {
            why,
            hint: None,
            fatal,
        }
    }

    fn without_result(&self, exit: &Exit) -> Verdict {
        if self.words.any(is_unknown_session) {
            return Verdict::SessionUnknown;
        }
        if self.words.any(|line| line.contains("already in use")) {
            return Verdict::SessionTaken;
        }
        if self.words.any(is_login) {
            let why = self.words.last().unwrap_or_default().to_owned();
            return Verdict::Auth {
                why,
                hint: LOGIN_HINT.to_owned(),
            };
        }
        match ended_badly(exit, &self.words) {
            Verdict::Failed { hint, fatal, .. } if exit.code == Some(0) => Verdict::Failed {
                why: "it ended without a result".to_owned(),
                hint,
                fatal,
            },
            verdict => verdict,
        }
    }
}

impl Reader for Output {
    fn line(&mut self, stream: Stream, line: &LogLine) -> Reading {
        match hear(stream, line, &mut self.words) {
            Heard::Object(object) => self.object(&object, line),
            Heard::Aside(reading) => reading,
        }
    }

    fn should_go(&self) -> bool {
        !self.open && self.last.as_ref().is_some_and(|last| last.idle)
    }

    fn verdict(&self, exit: &Exit) -> Verdict {
        let lingered = ended_before_stop(exit, !self.open);
        let kept_out = exit.stopped.as_deref() == Some(KEPT_OUT);
        if let Some(why) = self.kept_out.clone().filter(|_| kept_out) {
            let hint = LOGIN_HINT.to_owned();
            return Verdict::Auth { why, hint };
        }
        match (&self.last, settled_by_exit(exit)) {
            (Some(last), Some(_)) if lingered => self.of_result(last),
            (_, Some(settled)) => settled,
            (Some(_), None) if self.open && exit.code != Some(0) => ended_badly(exit, &self.words),
            (Some(last), None) => self.of_result(last),
            (None, None) => self.without_result(exit),
        }
    }
}

impl Last {
    fn is_limit(&self) -> bool {
        self.status == Some(429)
            || self.kind == "rate_limit_error"
            || [
                "usage limit reached",
                "hit your limit",
                "hit your session limit",
            ]
            .iter()
            .any(|phrase| self.text.to_lowercase().contains(phrase))
    }
}

/// Whether the program says that the API refused its credentials.
fn is_kept_out(object: &Value) -> bool {
    text(object, "subtype") == "api_retry" && object["error_status"] == 401
}

/// What a request to the API came to.
fn retried(object: &Value) -> String {
    let status = object["error_status"].as_u64();
    let status = status.map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{}{status}", one_line(object, "error"))
}

fn is_unknown_session(text: &str) -> bool {
    text.contains("No conversation found")
}

fn is_login(text: &str) -> bool {
    [
        "Invalid API key",
        "/login",
        "Not logged in",
        "authentication_error",
        "OAuth token",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
}

/// Older versions put the end of a limit behind a bar, in seconds since 1970.
fn time_in(text: &str) -> Option<Timestamp> {
    let seconds: i64 = text.rsplit_once('|')?.1.trim().parse().ok()?;
    (1_000_000_000..100_000_000_000)
        .contains(&seconds)
        .then(|| Timestamp(seconds * 1000))
}

fn words_of(result: &Value) -> String {
    match result["result"].as_str() {
        Some(words) => clip(words, TEXT_CAP),
        // What it says itself is for its makers.
        None if text(result, "terminal_reason").starts_with("aborted") => {
            "it was interrupted".to_owned()
        }
        None => {
            let errors: Vec<&str> = list(&result["errors"]).filter_map(Value::as_str).collect();
            let known = if errors.is_empty() {
                text(result, "subtype")
            } else {
                &errors.join("; ")
            };
            clip(known, TEXT_CAP)
        }
    }
}

fn question(of: &Value) -> Question {
    Question {
        text: clip(text(of, "question"), TEXT_CAP),
        options: list(&of["options"])
            .take(16)
            .map(|option| one_line(option, "label"))
            .collect(),
        several: of["multiSelect"] == true,
    }
}
