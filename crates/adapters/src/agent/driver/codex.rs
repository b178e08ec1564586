//! The kind `codex`: `codex exec --json`. It cannot ask, so what it may do is settled by its sandbox, which must be told
//! of the folders of git outside the worktree: it could not commit, and would say nothing.

use std::ffi::OsString;
use std::path::Path;

use cw_core::ports::agents::{
    AgentEvent, Exit, LogLine, Permissions, Stream, Tokens, TurnOrder, Verdict,
};
use serde_json::Value;

use super::course::{Course, Phrases};
use super::json::{Heard, count, detail, hear, list, one_line, owned, text};
use super::{Driver, LINE_TEXT_CAP, Launch, Reader, Reading, Site, clip_line, program};

const PHRASES: Phrases = Phrases {
    unknown_session: &["no rollout found", "session not found", "thread not found"],
    login_hint: "log in with `codex login` once, or name OPENAI_API_KEY in `pass_env`",
};

pub(super) struct Codex;

impl Driver for Codex {
    fn launch(&self, order: &TurnOrder, site: &Site<'_>) -> Launch {
        let before = if order.resume { order.billed.tokens } else { 0 };
        let (program, mut args) = program(order, "codex");
        args.extend(words(order, site).into_iter().map(OsString::from));
        Launch {
            program,
            args,
            env: Vec::new(),
            unset: &[],
            stdin: order.prompt.clone().into_bytes(),
            keep_stdin_open: false,
            memo: before.to_string().into_bytes(),
        }
    }

    fn interface(&self, session: &str) -> Option<Vec<String>> {
        Some(["resume", session].map(str::to_owned).into())
    }

    fn reader(&self, resume: bool, _permissions: Permissions, memo: &[u8]) -> Box<dyn Reader> {
        let before = std::str::from_utf8(memo).ok();
        Box::new(Output {
            resume,
            course: Course::default(),
            before: before.and_then(|memo| memo.parse().ok()).unwrap_or(0),
        })
    }
}

fn words(order: &TurnOrder, site: &Site<'_>) -> Vec<String> {
    let session = order.session.as_ref().filter(|_| order.resume);
    let mut words = vec!["exec".to_owned()];
    words.extend(session.map(|_| "resume".to_owned()));
    words.extend(["--json".to_owned(), "--skip-git-repo-check".to_owned()]);
    words.extend(order.model.iter().map(|model| format!("--model={model}")));
    match order.permissions {
        Permissions::Bypass => words.push("--dangerously-bypass-approvals-and-sandbox".to_owned()),
        Permissions::AcceptEdits => {
            set(&mut words, "sandbox_mode", "\"workspace-write\"");
            let roots: Vec<String> = site.git_folders.iter().map(|path| quoted(path)).collect();
            let roots = format!("[{}]", roots.join(","));
            set(&mut words, "sandbox_workspace_write.writable_roots", &roots);
        }
        Permissions::Ask => set(&mut words, "sandbox_mode", "\"read-only\""),
    }
    if order.tools {
        offer_tools(&mut words, site.cw);
    }
    // Behind `--`, no text becomes a flag; the prompt comes on standard input.
    words.push("--".to_owned());
    words.extend(session.cloned());
    words.push("-".to_owned());
    words
}

fn set(words: &mut Vec<String>, key: &str, value: &str) {
    words.extend(["-c".to_owned(), format!("{key}={value}")]);
}

/// A path as a string of TOML, whose escapes are those of JSON.
/// The tools of `cw`. The program hands its servers only the variables that are named, and has
/// little patience with tools unless told.
fn offer_tools(words: &mut Vec<String>, cw: &Path) {
    set(words, "mcp_servers.cw.command", &quoted(cw));
    set(words, "mcp_servers.cw.args", r#"["mcp"]"#);
    let names = r#"["CW_TOKEN","CW_SOCKET","CW_RUN"]"#;
    set(words, "mcp_servers.cw.env_vars", names);
    set(words, "mcp_servers.cw.tool_timeout_sec", "3600");
    set(
        words,
        "mcp_servers.cw.default_tools_approval_mode",
        "\"approve\"",
    );
}

fn quoted(path: &Path) -> String {
    Value::from(path.to_string_lossy()).to_string()
}

struct Output {
    resume: bool,
    course: Course,
    /// Tokens of the session that were told before.
    before: u64,
}

impl Output {
    fn object(&mut self, object: &Value) -> Vec<AgentEvent> {
        match text(object, "type") {
            "thread.started" => self
                .course
                .session(owned(object, "thread_id"))
                .into_iter()
                .collect(),
            "turn.started" => {
                self.course.goes_on();
                Vec::new()
            }
            "item.started" => started(&object["item"]).into_iter().collect(),
            "item.completed" => self.completed(&object["item"]).into_iter().collect(),
            "turn.completed" => {
                let used = self.used(&object["usage"]);
                used.into_iter().chain([self.course.finish()]).collect()
            }
            "turn.failed" => self.course.fail(text(&object["error"], "message")),
            // It tries again, or a failed turn follows that says the same.
            "error" => vec![AgentEvent::Notice {
                text: one_line(object, "message"),
            }],
            _ => Vec::new(),
        }
    }

    /// The totals are the whole session's, over resumes too. Where they are less than what was told
    /// before, they are not.
    fn used(&mut self, usage: &Value) -> Option<AgentEvent> {
        let totals = totals(usage);
        let all = totals.total();
        if all < self.before {
            self.before = 0;
        }
        let tokens = rest(totals, self.before);
        self.before = self.before.saturating_add(tokens.total());
        (tokens.total() > 0).then_some(AgentEvent::Usage {
            micro_usd: 0,
            tokens,
        })
    }

    fn completed(&mut self, item: &Value) -> Option<AgentEvent> {
        let status = text(item, "status");
        match text(item, "type") {
            "agent_message" => Some(self.course.said(text(item, "text"))),
            "command_execution" | "file_change" if status == "declined" => {
                Some(self.course.deny(one_line(item, "type")))
            }
            "file_change" => {
                let paths: Vec<&str> = list(&item["changes"])
                    .map(|change| text(change, "path"))
                    .collect();
                Some(AgentEvent::ToolUse {
                    name: "file_change".to_owned(),
                    detail: clip_line(&paths.join(" "), LINE_TEXT_CAP),
                })
            }
            "error" => Some(AgentEvent::Notice {
                text: one_line(item, "message"),
            }),
            _ => None,
        }
    }
}

fn started(item: &Value) -> Option<AgentEvent> {
    match text(item, "type") {
        "command_execution" | "web_search" => Some(AgentEvent::ToolUse {
            name: one_line(item, "type"),
            detail: detail(item),
        }),
        "mcp_tool_call" => Some(AgentEvent::ToolUse {
            name: format!("{}.{}", one_line(item, "server"), one_line(item, "tool")),
            detail: detail(&item["arguments"]),
        }),
        _ => None,
    }
}

/// Its input counts what was read from the cache once more.
fn totals(usage: &Value) -> Tokens {
    let cached = count(usage, "cached_input_tokens");
    Tokens {
        input: count(usage, "input_tokens").saturating_sub(cached),
        output: count(usage, "output_tokens"),
        cache_read: cached,
        cache_write: count(usage, "cache_write_input_tokens"),
    }
}

/// What is left of `tokens` when so many are taken away; of which sort those were is not known,
/// and what is cheapest goes first.
fn rest(mut tokens: Tokens, mut less: u64) -> Tokens {
    let Tokens {
        input,
        output,
        cache_read,
        cache_write,
    } = &mut tokens;
    for part in [cache_read, input, cache_write, output] {
        let taken = less.min(*part);
        *part -= taken;
        less -= taken;
    }
    tokens
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
