//! What the messages of an ACP program mean, and what it is sent next: hello, a session, the prompt. Extension methods and
//! unknown updates are normal. Decides strictly: only the answer to the prompt ends the turn, and only `end_turn` well.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use cw_core::ports::agents::{
    AgentEvent, Exit, LogLine, Permissions, ReplyTo, Stream, Tokens, Verdict,
};
use serde_json::{Value, json};

use super::super::course::{Course, Phrases};
use super::super::json::{Heard, count, detail, digest, hear, list, micro, one_line, owned, text};
use super::super::{LINE_TEXT_CAP, LINGERED, Reaction, Reader, Reading, clip_line};
use super::{HELLO, Memo, PROMPT, PROTOCOL, SESSION, decision, not_offered, request};

const PHRASES: Phrases = Phrases {
    unknown_session: &[],
    login_hint: "log in with the program itself once, or name its key in `pass_env`",
};

/// The error of a program that wants somebody to log in.
const AUTH_REQUIRED: i64 = -32000;

/// What a program says is told in pieces of about this many bytes, however small its own are.
const PIECE: usize = 2 << 10;

/// The tools of `cw`.
const OWN_TOOLS: [&str; 7] = [
    "ask",
    "say",
    "read_messages",
    "progress",
    "done",
    "add_task",
    "task",
];

/// Uses of tools that are remembered as told.
const TOLD_CAP: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Hello,
    Session,
    Prompt,
    Over,
}

/// One conversation with a program.
pub(super) struct Talk {
    memo: Memo,
    permissions: Permissions,
    phase: Phase,
    course: Course,
    session_unknown: bool,
    /// Said, but not told yet.
    piece: String,
    /// The message that is being said.
    message: Option<String>,
    told: BTreeSet<String>,
    /// The session's cost so far, in millionths: at first what the turns before have told.
    cost: u64,
    /// The program has told a cost in this run.
    charged: bool,
    /// The conversation is another's: it is only listened to, from anywhere on.
    overheard: bool,
}

impl Talk {
    pub(super) fn new(memo: Memo, permissions: Permissions) -> Self {
        let cost = memo.session.as_ref().map_or(0, |_| memo.billed);
        Self {
            memo,
            permissions,
            phase: Phase::Hello,
            course: Course::default(),
            session_unknown: false,
            piece: String::new(),
            message: None,
            told: BTreeSet::new(),
            cost,
            charged: false,
            overheard: false,
        }
    }

    /// A conversation that is listened to from somewhere in its middle.
    pub(super) fn overheard() -> Self {
        Self {
            phase: Phase::Prompt,
            overheard: true,
            ..Self::new(Memo::default(), Permissions::Ask)
        }
    }

    fn object(&mut self, object: &Value, line: &LogLine) -> Reading {
        match (text(object, "method"), object.get("id")) {
            ("session/update", _) => self.update(&object["params"]["update"]).into(),
            ("session/request_permission", Some(_)) => self.permission(object, line),
            ("", Some(id)) => self.answered(id.as_u64(), object),
            (_, Some(id)) => send(Vec::new(), not_offered(id)),
            (_, None) => Reading::default(),
        }
    }

    /// An answer that is not due is none.
    fn answered(&mut self, id: Option<u64>, object: &Value) -> Reading {
        let outcome = match object.get("error") {
            Some(error) if !error.is_null() => Err(error),
            _ => Ok(&object["result"]),
        };
        match (self.phase, id) {
            // What comes between these two is the session's past.
            (_, Some(HELLO)) if self.overheard => self.now(Phase::Session),
            (_, Some(SESSION)) if self.overheard => self.now(Phase::Prompt),
            (Phase::Hello, Some(HELLO)) => self.greeted(outcome),
            (Phase::Session, Some(SESSION)) => self.opened(outcome),
            (Phase::Prompt, Some(PROMPT)) => self.ended(outcome),
            _ => Reading::default(),
        }
    }

    fn now(&mut self, phase: Phase) -> Reading {
        self.phase = phase;
        Reading::default()
    }

    fn greeted(&mut self, outcome: Result<&Value, &Value>) -> Reading {
        let hello = match outcome {
            Ok(hello) => hello,
            Err(error) => return self.fail(&refusal(error)),
        };
        if let Some(version) = hello["protocolVersion"].as_u64()
            && version != PROTOCOL
        {
            return self.fail(&format!("it speaks version {version} of the protocol"));
        }
        self.phase = Phase::Session;
        let can = &hello["agentCapabilities"];
        let method = match &self.memo.session {
            None => "session/new",
            Some(_) if can["sessionCapabilities"]["resume"].is_object() => "session/resume",
            Some(_) if can["loadSession"] == true => "session/load",
            Some(_) => {
                self.session_unknown = true;
                return self.fail("it cannot take up a session");
            }
        };
        let mut params = json!({
            "cwd": self.memo.cwd,
            "mcpServers": self.memo.servers(),
            "_meta": self.memo.extensions(),
        });
        if let Some(session) = &self.memo.session {
            params["sessionId"] = session.as_str().into();
        }
        if can["sessionCapabilities"]["additionalDirectories"].is_object() {
            // A program with a sandbox could not commit, and would say nothing.
            params["additionalDirectories"] = self.memo.folders.clone().into();
        }
        send(Vec::new(), request(SESSION, method, &params))
    }

    fn opened(&mut self, outcome: Result<&Value, &Value>) -> Reading {
        let opened = match outcome {
            Ok(opened) => opened,
            Err(error) => {
                self.session_unknown = self.memo.session.is_some() && !wants_login(error);
                return self.fail(&refusal(error));
            }
        };
        let session = match &self.memo.session {
            Some(session) => session.clone(),
            None => owned(opened, "sessionId"),
        };
        if session.is_empty() {
            return self.fail("it began a session without a name");
        }
        self.phase = Phase::Prompt;
        let prompt = json!({
            "sessionId": session,
            "prompt": [{"type": "text", "text": self.memo.prompt}],
        });
        let mut events: Vec<AgentEvent> = self.course.session(session).into_iter().collect();
        events.extend(self.memo.model.as_ref().map(|model| AgentEvent::Notice {
            text: format!(
                "the model {model} is not passed on: set it in the program's own settings"
            ),
        }));
        send(events, request(PROMPT, "session/prompt", &prompt))
    }

    fn ended(&mut self, outcome: Result<&Value, &Value>) -> Reading {
        let mut events: Vec<AgentEvent> = self.flush().into_iter().collect();
        let result = match outcome {
            Ok(result) => result,
            Err(error) => {
                let mut reading = self.fail(&refusal(error));
                events.append(&mut reading.events);
                return Reading { events, ..reading };
            }
        };
        events.extend(used(result));
        match text(result, "stopReason") {
            "end_turn" => events.push(self.course.finish()),
            other => events.extend(self.course.fail(&format!("the model stopped: {other}"))),
        }
        self.phase = Phase::Over;
        Reading {
            events,
            reaction: Some(Reaction::CloseStdin),
        }
    }

    fn fail(&mut self, why: &str) -> Reading {
        self.phase = Phase::Over;
        Reading {
            events: self.course.fail(why),
            reaction: Some(Reaction::CloseStdin),
        }
    }

    /// What comes before the prompt is the session's past.
    fn update(&mut self, update: &Value) -> Vec<AgentEvent> {
        let kind = text(update, "sessionUpdate");
        if kind == "usage_update" {
            return self.spent(update).into_iter().collect();
        }
        if self.phase != Phase::Prompt {
            return Vec::new();
        }
        match kind {
            "agent_message_chunk" => self.said(update),
            "tool_call" | "tool_call_update" => {
                let piece = self.flush();
                self.message = None;
                piece.into_iter().chain(self.tool(update)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn said(&mut self, update: &Value) -> Vec<AgentEvent> {
        let message = Some(owned(update, "messageId"));
        let begun = self.message != message;
        let before = if begun { self.flush() } else { None };
        self.message = message;
        let said = text(&update["content"], "text");
        self.course.said_on(said, begun);
        self.piece.push_str(said);
        let full = (self.piece.len() >= PIECE).then(|| self.flush()).flatten();
        before.into_iter().chain(full).collect()
    }

    fn flush(&mut self) -> Option<AgentEvent> {
        let piece = std::mem::take(&mut self.piece);
        (!piece.is_empty()).then(|| AgentEvent::Text {
            text: super::super::clip(&piece, super::super::TEXT_CAP),
        })
    }

    /// A use of a tool is told once, as soon as it says with what.
    fn tool(&mut self, update: &Value) -> Option<AgentEvent> {
        let id = owned(update, "toolCallId");
        let known = !list_is_empty(&update["locations"])
            || update["rawInput"]
                .as_object()
                .is_some_and(|input| !input.is_empty())
            || matches!(text(update, "status"), "completed" | "failed");
        if !known || self.told.contains(&id) {
            return None;
        }
        if self.told.len() >= TOLD_CAP {
            self.told.clear();
        }
        self.told.insert(id);
        Some(AgentEvent::ToolUse {
            name: name(update),
            detail: with(update),
        })
    }

    /// The cost is the session's: what was there before the prompt has been told before. One that
    /// is less than was told before is this process's alone.
    fn spent(&mut self, update: &Value) -> Option<AgentEvent> {
        let cost = &update["cost"];
        let now = micro(cost["amount"].as_f64()?);
        if !matches!(text(cost, "currency"), "USD" | "") {
            return None;
        }
        if !self.charged && now < self.cost {
            self.cost = 0;
        }
        self.charged = true;
        let micro_usd = now.saturating_sub(self.cost);
        self.cost = now;
        (micro_usd > 0 && self.phase == Phase::Prompt).then_some(AgentEvent::Usage {
            micro_usd,
            tokens: Tokens::default(),
        })
    }

    fn permission(&mut self, object: &Value, line: &LogLine) -> Reading {
        let call = &object["params"]["toolCall"];
        let kind = text(call, "kind");
        let given = match self.permissions {
            // What `cw` itself offers acts under the agent's own token.
            _ if is_own_tool(call) => true,
            Permissions::Bypass => true,
            Permissions::AcceptEdits => match kind {
                "edit" => stays_in(&self.memo.cwd, call),
                kind => matches!(kind, "read" | "search"),
            },
            Permissions::Ask => false,
        } || self.memo.allow.iter().any(|allowed| allowed == kind);
        if given {
            return send(Vec::new(), decision(object, true));
        }
        let piece = self.flush();
        let asked = AgentEvent::PermissionRequest {
            reply: ReplyTo(line.offset),
            request: clip_line(&object["id"].to_string(), LINE_TEXT_CAP),
            tool: name(call),
            detail: with(call),
            digest: digest(&whole(call)),
        };
        piece.into_iter().chain([asked]).collect::<Vec<_>>().into()
    }
}

fn send(events: Vec<AgentEvent>, line: String) -> Reading {
    Reading {
        events,
        reaction: Some(Reaction::Send(line)),
    }
}

/// Whether an edit names files, and every one lies in this folder.
fn stays_in(folder: &str, call: &Value) -> bool {
    let input = &call["rawInput"];
    let named = list(&call["locations"]).map(|place| text(place, "path"));
    let named = named.chain(list(&call["content"]).map(|part| text(part, "path")));
    let named = named.chain([text(input, "file_path"), text(input, "path")]);
    let mut named = named.filter(|path| !path.is_empty()).peekable();
    named.peek().is_some()
        && named.all(|path| {
            let path = Path::new(path);
            let climbs = path.components().any(|part| part == Component::ParentDir);
            !climbs && (path.is_relative() || path.starts_with(folder))
        })
}

fn list_is_empty(value: &Value) -> bool {
    list(value).next().is_none()
}

/// Whether a program asks about one of the tools of `cw`. A title may be a command that the model
/// wrote, so nothing but the whole name counts.
fn is_own_tool(call: &Value) -> bool {
    let (title, input) = (text(call, "title"), &call["rawInput"]);
    let named = |server: &str| {
        title
            .strip_prefix(server)
            .is_some_and(|tool| OWN_TOOLS.contains(&tool))
    };
    let by_claude = named("mcp__cw__") && input["command"].is_null();
    let by_codex = named("mcp.cw.") && text(input, "server") == "cw";
    by_claude || by_codex
}

fn name(call: &Value) -> String {
    match one_line(call, "kind") {
        kind if kind.is_empty() => one_line(call, "title"),
        kind => kind,
    }
}

/// All that tells one use of a tool from another; its id is new with each try.
fn whole(call: &Value) -> Value {
    let telling = ["kind", "title", "rawInput", "locations", "content"];
    let fields = telling.map(|key| (key.to_owned(), call[key].clone()));
    fields.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// What a tool is used with: its input, else the file it works on, else its title.
fn with(call: &Value) -> String {
    let input = &call["rawInput"];
    if input.as_object().is_some_and(|input| !input.is_empty()) {
        return detail(input);
    }
    match list(&call["locations"]).next() {
        Some(place) => one_line(place, "path"),
        None => one_line(call, "title"),
    }
}

fn wants_login(error: &Value) -> bool {
    error["code"].as_i64() == Some(AUTH_REQUIRED)
}

/// The reason of an error, in words by which a missing login is known as one.
fn refusal(error: &Value) -> String {
    if wants_login(error) {
        return format!("HTTP status 401: {}", reason(error));
    }
    reason(error)
}

/// The reason of a JSON-RPC error; what it is about often stands in its data.
fn reason(error: &Value) -> String {
    let data = match &error["data"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        data => match text(data, "details") {
            "" => text(data, "message").to_owned(),
            details => details.to_owned(),
        },
    };
    let said = format!("{} {data}", text(error, "message"));
    clip_line(&said, super::super::TEXT_CAP / 4)
}

/// Tokens stand in the answer to the prompt, or in a program's extension of it.
fn used(result: &Value) -> Option<AgentEvent> {
    let usage = &result["usage"];
    let quota = &result["_meta"]["quota"]["token_count"];
    let tokens = if usage.is_object() {
        Tokens {
            input: count(usage, "inputTokens"),
            output: count(usage, "outputTokens"),
            cache_read: count(usage, "cachedReadTokens"),
            cache_write: count(usage, "cachedWriteTokens"),
        }
    } else {
        Tokens {
            input: count(quota, "input_tokens"),
            output: count(quota, "output_tokens"),
            ..Tokens::default()
        }
    };
    (tokens.total() > 0).then_some(AgentEvent::Usage {
        micro_usd: 0,
        tokens,
    })
}

impl Reader for Talk {
    fn line(&mut self, stream: Stream, line: &LogLine) -> Reading {
        match hear(stream, line, &mut self.course.words) {
            Heard::Object(object) => self.object(&object, line),
            Heard::Aside(reading) => reading,
        }
    }

    fn rest(&mut self) -> Vec<AgentEvent> {
        self.flush().into_iter().collect()
    }

    fn should_go(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The answer to the prompt is the end; how the program goes after it says nothing.
    fn verdict(&self, exit: &Exit) -> Verdict {
        // One that stays on after its input was closed was made to go.
        let by_itself = exit.stopped.as_deref().is_none_or(|why| why == LINGERED);
        if self.session_unknown && by_itself {
            return Verdict::SessionUnknown;
        }
        let gone = Exit {
            code: if self.phase == Phase::Over {
                Some(0)
            } else {
                exit.code
            },
            ..exit.clone()
        };
        self.course.verdict(&gone, false, &PHRASES)
    }
}
