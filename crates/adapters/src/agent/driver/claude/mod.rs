//! The kind `claude`: Claude Code in its stream-json form, both ways. Starts it so that a
//! repository cannot take it over, and answers its permission requests and questions.

mod reader;
mod usage;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;

use cw_core::ports::agents::{Answer, Permissions, TurnOrder};
use serde_json::{Value, json};

use super::{Driver, Launch, Reader, Site, program};
use reader::Output;

pub(super) struct Claude;

/// The tool by which the program asks the user.
const ASK_TOOL: &str = "AskUserQuestion";

impl Driver for Claude {
    fn launch(&self, order: &TurnOrder, site: &Site<'_>) -> Launch {
        let (program, mut args) = program(order, "claude");
        args.extend(flags(order, site.cw).into_iter().map(OsString::from));
        Launch {
            program,
            args,
            env: env(order.permissions),
            // They would make it believe that it runs inside another one.
            unset: &["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"],
            stdin: first_lines(order).into_bytes(),
            keep_stdin_open: true,
            memo: Vec::new(),
        }
    }

    fn interface(&self, session: &str) -> Option<Vec<String>> {
        Some(["--resume", session].map(str::to_owned).into())
    }

    fn reader(&self, resume: bool, permissions: Permissions, _memo: &[u8]) -> Box<dyn Reader> {
        Box::new(Output::new(resume, permissions))
    }

    fn message(&self, number: u64, text: &str) -> Option<String> {
        Some(user(text, &named(MESSAGE, number)))
    }

    fn answer(&self, request: &[u8], answer: &Answer) -> Option<String> {
        let line: Value = serde_json::from_slice(request).ok()?;
        let id = line["request_id"].as_str()?;
        let request = &line["request"];
        (request["subtype"] == "can_use_tool")
            .then(|| control_response(id, &decision(request, answer)))
    }
}

fn flags(order: &TurnOrder, cw: &Path) -> Vec<String> {
    let mut flags: Vec<String> = [
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--permission-prompt-tool",
        "stdio",
        "--permission-mode",
        mode(order.permissions),
    ]
    .map(str::to_owned)
    .into();
    if !order.repo_settings {
        // A repository's settings, hooks and servers would run with the user's rights.
        flags.extend(["--setting-sources", "", "--strict-mcp-config"].map(str::to_owned));
    }
    if let Some(session) = &order.session {
        let flag = if order.resume {
            "--resume"
        } else {
            "--session-id"
        };
        flags.extend([flag.to_owned(), session.clone()]);
    }
    if let Some(model) = &order.model {
        flags.push(format!("--model={model}"));
    }
    let mut allow = order.allow.clone();
    if order.tools {
        allow.push("mcp__cw".to_owned());
        flags.push(format!("--mcp-config={}", tool_server(cw)));
    }
    if !allow.is_empty() {
        // With a blank instead of `=`, the flag would swallow whatever follows.
        flags.push(format!("--allowedTools={}", allow.join(",")));
    }
    flags
}

fn env(permissions: Permissions) -> Vec<(&'static str, Cow<'static, str>)> {
    let mut env = vec![
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1".into()),
        ("DISABLE_AUTOUPDATER", "1".into()),
    ];
    if permissions == Permissions::Bypass {
        // As root it would refuse; whether this is safe here was decided before.
        env.push(("IS_SANDBOX", "1".into()));
    }
    env
}

fn mode(permissions: Permissions) -> &'static str {
    match permissions {
        Permissions::Ask => "default",
        Permissions::AcceptEdits => "acceptEdits",
        Permissions::Bypass => "bypassPermissions",
    }
}

/// The tools of `cw` as a server of the Model Context Protocol. Values of the environment are
/// named, not spelled out: arguments can be read by every user of the machine.
fn tool_server(cw: &Path) -> Value {
    let names = [
        "CW_TASK",
        "CW_AGENT",
        "CW_TURN",
        "CW_TOKEN",
        "CW_SOCKET",
        "CW_RUN",
    ];
    let env: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!(format!("${{{name}}}"))))
        .collect();
    json!({"mcpServers": {"cw": {
        "type": "stdio",
        "command": cw.to_string_lossy(),
        "args": ["mcp"],
        "env": env,
        "alwaysLoad": true,
    }}})
}

fn first_lines(order: &TurnOrder) -> String {
    let hello = json!({
        "type": "control_request",
        "request_id": "cw-initialize",
        "request": {"subtype": "initialize"},
    });
    // A run that stands for no turn has a prompt of its own all the same.
    let number = order.run.turn().map_or(0, |turn| turn.0);
    let prompt = user(&order.prompt, &named(PROMPT, number));
    format!("{hello}\n{prompt}\n")
}

/// What a prompt's name begins with: the program tells what becomes of lines that have a name.
const PROMPT: &str = "c0de0000-0000-4000-8000-";

/// What a message's name begins with.
const MESSAGE: &str = "c0de0001-0000-4000-8000-";

/// The name of a line: a UUID that ends in its number. Numbers are row ids, far below 2^48.
fn named(begin: &str, number: u64) -> String {
    format!("{begin}{:012x}", number & 0xffff_ffff_ffff)
}

/// The number of the message of this name.
fn message_number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix(MESSAGE)?, 16).ok()
}

fn user(text: &str, name: &str) -> String {
    json!({
        "type": "user",
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": null,
        "session_id": "",
        "uuid": name,
    })
    .to_string()
}

fn control_response(id: &str, response: &Value) -> String {
    json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": id, "response": response},
    })
    .to_string()
}

fn refuse_control(id: &str, why: &str) -> String {
    json!({
        "type": "control_response",
        "response": {"subtype": "error", "request_id": id, "error": why},
    })
    .to_string()
}

fn decision(request: &Value, answer: &Answer) -> Value {
    let allow = |input: Value| json!({"behavior": "allow", "updatedInput": input});
    let deny = |why: &str| json!({"behavior": "deny", "message": why});
    match answer {
        Answer::Allow => allow(request["input"].clone()),
        Answer::Deny { why } => deny(why),
        Answer::Answers(texts) if request["tool_name"] == ASK_TOOL => {
            allow(answered(&request["input"], texts))
        }
        Answer::Answers(texts) => match texts.first().map(|t| t.trim().to_lowercase()) {
            Some(yes) if matches!(yes.as_str(), "y" | "yes" | "allow" | "ok") => {
                allow(request["input"].clone())
            }
            _ => deny(&texts.join("\n")),
        },
    }
}

/// The questions as they were asked, with what was chosen.
fn answered(input: &Value, texts: &[String]) -> Value {
    let mut input = input.clone();
    let questions = input["questions"].as_array().cloned().unwrap_or_default();
    let answers: serde_json::Map<String, Value> = questions
        .iter()
        .zip(texts)
        .filter_map(|(q, text)| Some((q["question"].as_str()?.to_owned(), json!(text))))
        .collect();
    if let Some(fields) = input.as_object_mut() {
        fields.insert("answers".to_owned(), Value::Object(answers));
    }
    input
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
