//! The kind `claude`: Claude Code in its stream-json form, both ways. Starts it so that a
//! repository cannot take it over, and answers its permission requests and questions.

mod reader;
mod usage;

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
            env: vec![
                ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1".into()),
                ("DISABLE_AUTOUPDATER", "1".into()),
            ],
            // They would make it believe that it runs inside another one.
            unset: &["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"],
            stdin: first_lines(&order.prompt).into_bytes(),
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
        // A repository's settings, hooks and servers would run with the user's rights.
        "--setting-sources",
        "",
        "--strict-mcp-config",
        "--permission-mode",
        mode(order.permissions),
    ]
    .map(str::to_owned)
    .into();
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

fn first_lines(prompt: &str) -> String {
    let hello = json!({
        "type": "control_request",
        "request_id": "cw-initialize",
        "request": {"subtype": "initialize"},
    });
    let prompt = json!({
        "type": "user",
        "message": {"role": "user", "content": prompt},
        "parent_tool_use_id": null,
        "session_id": "",
    });
    format!("{hello}\n{prompt}\n")
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
