//! The kind `opencode`: `opencode run --format json`. It prints no last event: the end is a step that stopped, and the
//! exit. It cannot ask: what its permissions do not allow is refused.

use std::borrow::Cow;
use std::ffi::OsString;

use cw_core::ports::agents::{
    AgentEvent, Exit, LogLine, Permissions, Stream, Tokens, TurnOrder, Verdict,
};
use serde_json::{Value, json};

use super::course::{Course, Phrases};
use super::json::{Heard, count, detail, hear, micro, one_line, owned, text};
use super::{Driver, Launch, Reader, Reading, Site, program};

const PHRASES: Phrases = Phrases {
    unknown_session: &["session not found"],
    login_hint: "log in with `opencode auth login` once, or name the provider's key in `pass_env`",
};

/// The tools of `cw`, which is on the program's `PATH`.
const TOOLS: &str =
    r#"{"mcp":{"cw":{"type":"local","command":["cw","mcp","--wait","50s"],"enabled":true}}}"#;

pub(super) struct OpenCode;

impl Driver for OpenCode {
    fn launch(&self, order: &TurnOrder, _site: &Site<'_>) -> Launch {
        let (program, mut args) = program(order, "opencode");
        args.extend(words(order).into_iter().map(OsString::from));
        let mut env: Vec<(_, Cow<'static, str>)> =
            vec![("OPENCODE_DISABLE_AUTOUPDATE", "true".into())];
        if !order.repo_settings {
            // A repository's settings, plugins and servers would run with the user's rights.
            env.push(("OPENCODE_DISABLE_PROJECT_CONFIG", "true".into()));
        }
        if order.tools {
            env.push(("OPENCODE_CONFIG_CONTENT", TOOLS.into()));
        }
        env.extend(rules(order).map(|rules| ("OPENCODE_PERMISSION", rules.to_string().into())));
        Launch {
            program,
            args,
            env,
            unset: &[],
            stdin: order.prompt.clone().into_bytes(),
            keep_stdin_open: false,
            memo: Vec::new(),
        }
    }

    fn interface(&self, session: &str) -> Option<Vec<String>> {
        Some(["--session", session].map(str::to_owned).into())
    }

    fn reader(&self, resume: bool, _permissions: Permissions, _memo: &[u8]) -> Box<dyn Reader> {
        Box::new(Output {
            resume,
            course: Course::default(),
        })
    }
}

/// What it may do without asking, in its own words. It takes the last pattern that fits a command, and reads the commands
/// of a line one by one; keys are sorted, and `*` comes first.
fn rules(order: &TurnOrder) -> Option<Value> {
    let edit = match order.permissions {
        Permissions::Ask => "deny",
        Permissions::AcceptEdits => "allow",
        Permissions::Bypass => return None,
    };
    let mut rules = json!({"edit": edit, "bash": "deny"});
    for allowed in &order.allow {
        let rule = allowed.strip_suffix(')');
        match rule.and_then(|rule| rule.split_once('(')) {
            None => rules[allowed] = "allow".into(),
            Some((tool, pattern)) if rules[tool].is_object() => {
                rules[tool][pattern] = "allow".into();
            }
            Some((tool, _)) if rules[tool] == "allow" => {}
            Some((tool, pattern)) => rules[tool] = json!({"*": "deny", pattern: "allow"}),
        }
    }
    Some(rules)
}

fn words(order: &TurnOrder) -> Vec<String> {
    // The prompt comes on standard input, where no text becomes a flag.
    let mut words: Vec<String> = ["run", "--format=json"].map(str::to_owned).into();
    if order.permissions == Permissions::Bypass {
        words.push("--auto".to_owned());
    }
    words.extend(order.model.iter().map(|model| format!("--model={model}")));
    let session = order.session.as_ref().filter(|_| order.resume);
    words.extend(session.map(|id| format!("--session={id}")));
    words
}

struct Output {
    resume: bool,
    course: Course,
}

impl Output {
    fn object(&mut self, object: &Value) -> Vec<AgentEvent> {
        let begun = self.course.session(owned(object, "sessionID"));
        let part = &object["part"];
        let events = match text(object, "type") {
            "step_start" => {
                self.course.goes_on();
                Vec::new()
            }
            "text" => vec![self.course.said(text(part, "text"))],
            "tool_use" => self.tool(part),
            "step_finish" => self.step_finish(part),
            "error" => self.course.fail(reason(&object["error"])),
            _ => Vec::new(),
        };
        begun.into_iter().chain(events).collect()
    }

    fn tool(&mut self, part: &Value) -> Vec<AgentEvent> {
        let (name, state) = (one_line(part, "tool"), &part["state"]);
        let error = text(state, "error");
        let refused = text(state, "status") == "error"
            && (error.contains("rejected permission") || error.contains("prevents you from using"));
        let used = AgentEvent::ToolUse {
            name: name.clone(),
            detail: detail(&state["input"]),
        };
        let denied = refused.then(|| self.course.deny(name));
        std::iter::once(used).chain(denied).collect()
    }

    fn step_finish(&mut self, part: &Value) -> Vec<AgentEvent> {
        let mut events: Vec<AgentEvent> = used(part).into_iter().collect();
        match text(part, "reason") {
            "stop" => events.push(self.course.finish()),
            "tool-calls" => {}
            other => {
                let why = format!("the model stopped: {other}");
                events.extend(self.course.fail(&why));
            }
        }
        events
    }
}

/// The reason of an error, which may lie deep.
fn reason(error: &Value) -> &str {
    match (text(&error["data"], "message"), text(error, "message")) {
        ("", "") => text(error, "name"),
        ("", message) => message,
        (message, _) => message,
    }
}

fn used(part: &Value) -> Option<AgentEvent> {
    let all = &part["tokens"];
    let tokens = Tokens {
        input: count(all, "input"),
        output: count(all, "output").saturating_add(count(all, "reasoning")),
        cache_read: count(&all["cache"], "read"),
        cache_write: count(&all["cache"], "write"),
    };
    let micro_usd = micro(part["cost"].as_f64().unwrap_or(0.0));
    (micro_usd > 0 || tokens.total() > 0).then_some(AgentEvent::Usage { micro_usd, tokens })
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
        self.course.verdict(exit, self.resume, &PHRASES)
    }
}

#[cfg(test)]
mod tests;
