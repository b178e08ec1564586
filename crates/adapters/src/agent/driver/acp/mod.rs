//! The kind `acp`: any program that speaks the Agent Client Protocol, as JSON-RPC by lines both ways. It says hello; what
//! follows is sent by the reader as answers come. What the protocol's messages mean is the reader's business.

mod reader;

use std::borrow::Cow;
use std::ffi::OsString;

use cw_core::ports::agents::{Answer, Permissions, TurnOrder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::{list, text};
use super::{Driver, Launch, Reader, Site, TOOL_WAIT, program};
use reader::Talk;

pub(super) struct Acp;

/// The version that is spoken here.
const PROTOCOL: u64 = 1;

/// The ids of the requests that are made of the program, each once.
const HELLO: u64 = 1;
const SESSION: u64 = 2;
const PROMPT: u64 = 3;

/// What the reader must know of the order.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Memo {
    cwd: String,
    prompt: String,
    /// The session to resume.
    session: Option<String>,
    /// The model that was asked for.
    model: Option<String>,
    /// What earlier turns in the session have told of its cost, in millionths.
    billed: u64,
    /// Kinds of tools that are allowed without asking.
    allow: Vec<String>,
    /// Folders outside the worktree that a commit writes into.
    folders: Vec<String>,
    /// The path of `cw`, where its tools are offered.
    tools: Option<String>,
    /// What the repository sets for the program is loaded.
    repo_settings: bool,
}

impl Memo {
    /// Extensions of a session: what programs do not know they leave alone.
    fn extensions(&self) -> Value {
        if self.repo_settings {
            return json!({});
        }
        // Claude Code behind it would load a repository's settings, hooks and servers.
        json!({"claudeCode": {"options": {"settingSources": [], "strictMcpConfig": true}}})
    }

    /// The tool servers of a session. Programs may start them without the environment of their
    /// own, and a memo holds no secrets: `cw mcp` finds its token by the processes above it.
    fn servers(&self) -> Value {
        let server = |cw: &String| {
            json!({
                "name": "cw",
                "command": cw,
                "args": ["mcp", "--wait", TOOL_WAIT],
                "env": [],
            })
        };
        self.tools.iter().map(server).collect()
    }
}

/// What Claude Code behind an adapter is told; other programs know none of it. An agent's own `env`
/// goes before it.
fn env(tools: bool) -> Vec<(&'static str, Cow<'static, str>)> {
    // The adapter passes no word on while it tries again: three minutes of silence for a login that
    // is refused. It is tried again from here, and told.
    let mut env = vec![("CLAUDE_CODE_MAX_RETRIES", "2".into())];
    if tools {
        // It would hide the tools of a server behind a search for tools.
        env.push(("ENABLE_TOOL_SEARCH", "false".into()));
    }
    env
}

impl Driver for Acp {
    fn launch(&self, order: &TurnOrder, site: &Site<'_>) -> Launch {
        let (program, args): (OsString, Vec<OsString>) = program(order, "acp");
        let folders = site.git_folders.iter();
        let memo = Memo {
            cwd: order.cwd.to_string_lossy().into_owned(),
            prompt: order.prompt.clone(),
            session: order.session.clone().filter(|_| order.resume),
            model: order.model.clone(),
            billed: order.billed.cost.0,
            allow: order.allow.clone(),
            folders: folders
                .map(|folder| folder.to_string_lossy().into_owned())
                .collect(),
            repo_settings: order.repo_settings,
            tools: order.tools.then(|| site.cw.to_string_lossy().into_owned()),
        };
        Launch {
            program,
            args,
            env: env(order.tools),
            unset: &[],
            stdin: format!("{}\n", hello()).into_bytes(),
            keep_stdin_open: true,
            memo: serde_json::to_vec(&memo).unwrap_or_default(),
        }
    }

    fn reader(&self, _resume: bool, permissions: Permissions, memo: &[u8]) -> Box<dyn Reader> {
        let memo = serde_json::from_slice(memo).unwrap_or_default();
        Box::new(Talk::new(memo, permissions))
    }

    fn greeting(&self) -> Option<String> {
        Some(hello())
    }

    fn skimmer(&self) -> Box<dyn Reader> {
        Box::new(Talk::overheard())
    }

    fn answer(&self, request: &[u8], answer: &Answer) -> Option<String> {
        let request: Value = serde_json::from_slice(request).ok()?;
        (text(&request, "method") == "session/request_permission").then(|| {
            let allowed = match answer {
                Answer::Allow => true,
                Answer::Deny { .. } => false,
                Answer::Answers(texts) => texts.first().is_some_and(|text| is_yes(text)),
            };
            decision(&request, allowed)
        })
    }
}

fn hello() -> String {
    let params = json!({
        "protocolVersion": PROTOCOL,
        "clientCapabilities": {
            "fs": {"readTextFile": false, "writeTextFile": false},
            "terminal": false,
        },
        "clientInfo": {"name": "cw", "title": "cw", "version": env!("CARGO_PKG_VERSION")},
    });
    request(HELLO, "initialize", &params)
}

fn request(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// The answer to a permission request. Options are chosen by their kind: their order and their names mean nothing.
fn decision(request: &Value, allowed: bool) -> String {
    let kinds = if allowed {
        ["allow_once", "allow_always"]
    } else {
        ["reject_once", "reject_always"]
    };
    let option = kinds.iter().find_map(|kind| {
        list(&request["params"]["options"]).find(|option| text(option, "kind") == *kind)
    });
    let outcome = match option {
        Some(option) => json!({"outcome": "selected", "optionId": option["optionId"]}),
        None => json!({"outcome": "cancelled"}),
    };
    json!({"jsonrpc": "2.0", "id": request["id"], "result": {"outcome": outcome}}).to_string()
}

/// The answer to a request that was not offered.
fn not_offered(id: &Value) -> String {
    let error = json!({"code": -32601, "message": "Method not found"});
    json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string()
}

fn is_yes(text: &str) -> bool {
    matches!(
        text.trim().to_lowercase().as_str(),
        "y" | "yes" | "allow" | "ok"
    )
}

#[cfg(test)]
mod tests;
