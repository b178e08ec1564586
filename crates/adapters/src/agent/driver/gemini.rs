//! The kind `gemini`: the Gemini CLI without a terminal, printing stream-json. It cannot ask: what its approval mode does
//! not allow is refused.

use std::ffi::OsString;

use cw_core::ports::agents::{
    AgentEvent, Exit, LogLine, Permissions, Stream, Tokens, TurnOrder, Verdict,
};
use serde_json::Value;

use super::course::{Course, Phrases};
use super::json::{Heard, count, detail, hear, one_line, owned, text};
use super::{Driver, Launch, Reader, Reading, Site, program};

const PHRASES: Phrases = Phrases {
    unknown_session: &[
        "error resuming session",
        "invalid session identifier",
        "no previous sessions found",
    ],
    login_hint: "log in with `gemini` once, or name GEMINI_API_KEY in `pass_env`",
};

/// Exit code where the session to resume is not there.
const BAD_SESSION: i32 = 42;

pub(super) struct Gemini;

impl Driver for Gemini {
    fn launch(&self, order: &TurnOrder, _site: &Site<'_>) -> Launch {
        let (program, mut args) = program(order, "gemini");
        args.extend(words(order).into_iter().map(OsString::from));
        Launch {
            program,
            args,
            // It would start itself again as a child and pass no signals on.
            env: vec![("GEMINI_CLI_NO_RELAUNCH", "true".into())],
            unset: &[],
            stdin: order.prompt.clone().into_bytes(),
            keep_stdin_open: false,
            memo: Vec::new(),
        }
    }

    fn interface(&self, session: &str) -> Option<Vec<String>> {
        Some(["--resume", session].map(str::to_owned).into())
    }

    fn reader(&self, resume: bool, _permissions: Permissions, _memo: &[u8]) -> Box<dyn Reader> {
        Box::new(Output {
            resume,
            speaking: false,
            course: Course::default(),
        })
    }
}

fn words(order: &TurnOrder) -> Vec<String> {
    let mode = match order.permissions {
        Permissions::Ask => "default",
        Permissions::AcceptEdits => "auto_edit",
        Permissions::Bypass => "yolo",
    };
    // The prompt comes on standard input, where no text becomes a flag.
    let mut words: Vec<String> = [
        "--output-format=stream-json",
        &format!("--approval-mode={mode}"),
        "--skip-trust",
    ]
    .map(str::to_owned)
    .into();
    words.extend(order.model.iter().map(|model| format!("--model={model}")));
    if !order.allow.is_empty() {
        words.push(format!("--allowed-tools={}", order.allow.join(",")));
    }
    let session = order.session.as_ref().filter(|_| order.resume);
    words.extend(session.map(|id| format!("--resume={id}")));
    words
}

struct Output {
    resume: bool,
    /// The last line was a part of an answer.
    speaking: bool,
    course: Course,
}

impl Output {
    fn object(&mut self, object: &Value) -> Vec<AgentEvent> {
        let spoke = std::mem::replace(&mut self.speaking, false);
        match text(object, "type") {
            "init" => self
                .course
                .session(owned(object, "session_id"))
                .into_iter()
                .collect(),
            "message" if text(object, "role") == "assistant" => {
                let said = text(object, "content");
                self.speaking = object["delta"] == true;
                vec![self.course.said_on(said, !(spoke && self.speaking))]
            }
            "tool_use" => vec![AgentEvent::ToolUse {
                name: one_line(object, "tool_name"),
                detail: detail(&object["parameters"]),
            }],
            "tool_result" => self.tool_result(object).into_iter().collect(),
            "error" => vec![AgentEvent::Notice {
                text: one_line(object, "message"),
            }],
            "result" => self.result(object),
            _ => Vec::new(),
        }
    }

    /// What no mode allowed is told as an error of the tool.
    fn tool_result(&mut self, object: &Value) -> Option<AgentEvent> {
        let error = &object["error"];
        let refused = [text(error, "type"), text(error, "message")]
            .iter()
            .any(|words| words.contains("denied") || words.contains("not_allowed"));
        (text(object, "status") == "error" && refused).then(|| {
            let id = one_line(object, "tool_id");
            let name = id.split("__").next().unwrap_or_default().to_owned();
            self.course.deny(name)
        })
    }

    fn result(&mut self, object: &Value) -> Vec<AgentEvent> {
        let mut events: Vec<AgentEvent> = used(&object["stats"]).into_iter().collect();
        if text(object, "status") == "success" {
            events.push(self.course.finish());
        } else {
            events.extend(self.course.fail(text(&object["error"], "message")));
        }
        events
    }
}

/// Its input counts what was read from the cache once more.
fn used(stats: &Value) -> Option<AgentEvent> {
    let cached = count(stats, "cached");
    let tokens = Tokens {
        input: count(stats, "input_tokens").saturating_sub(cached),
        output: count(stats, "output_tokens"),
        cache_read: cached,
        cache_write: 0,
    };
    (tokens.total() > 0).then_some(AgentEvent::Usage {
        micro_usd: 0,
        tokens,
    })
}

impl Reader for Output {
    fn line(&mut self, stream: Stream, line: &LogLine) -> Reading {
        match hear(stream, line, &mut self.course.words) {
            Heard::Object(object) => self.object(&object).into(),
            Heard::Aside(reading) => reading,
        }
    }

    fn should_go(&self) -> bool {
        self.course.finished()
    }

    fn verdict(&self, exit: &Exit) -> Verdict {
        if self.resume && exit.code == Some(BAD_SESSION) && exit.stopped.is_none() {
            return Verdict::SessionUnknown;
        }
        self.course.verdict(exit, self.resume, &PHRASES)
    }
}

#[cfg(test)]
mod tests;
