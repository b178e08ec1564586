//! Every way in which a turn of Claude Code is known to end: what it printed, how it went, what
//! that comes to, and the words that a user is to see. Where there is a recording, it is that.

use cw_core::ports::agents::{AgentEvent, Exit, LogLine, Permissions, Stream, Verdict};

use super::super::Driver as _;
use super::super::recordings::{exit, line, recorded};
use super::Claude;

/// What is expected of a row.
enum Then {
    /// Done, with these last words and these refused tools.
    Done(&'static str, &'static [&'static str]),
    /// Failed with these words; pointless to try again or not.
    Failed(&'static str, bool),
    /// A limit, until this time.
    Limit(Option<i64>),
    /// Not let in: these words, and a hint how to log in.
    Auth(&'static str),
    /// Another verdict.
    Is(Verdict),
}

use Then::{Auth, Done, Failed, Is, Limit};

struct Row {
    /// The recording, or the case that was never recorded with its lines.
    what: &'static str,
    lines: &'static [&'static str],
    exit: Exit,
    then: Then,
    /// What is told meanwhile; empty: nothing that matters.
    told: &'static str,
}

fn row(what: &'static str, code: i32, then: Then) -> Row {
    Row {
        what,
        lines: &[],
        exit: exit(code),
        then,
        told: "",
    }
}

fn made(what: &'static str, lines: &'static [&'static str], code: i32, then: Then) -> Row {
    Row {
        lines,
        ..row(what, code, then)
    }
}

fn by_signal(what: &'static str, signal: i32, then: Then) -> Row {
    let exit = Exit {
        signal: Some(signal),
        ..Exit::default()
    };
    Row {
        exit,
        ..row(what, 0, then)
    }
}

impl Row {
    fn telling(self, told: &'static str) -> Self {
        Self { told, ..self }
    }

    fn printed(&self) -> Vec<LogLine> {
        if self.lines.is_empty() {
            return recorded("claude", self.what);
        }
        let lines = (0..).zip(self.lines);
        lines.map(|(n, text)| line(n * 10, text)).collect()
    }
}

const UP: &str = r#"{"type":"system","subtype":"init","session_id":"s"}"#;
const RETRY_401: &str = r#"{"type":"system","subtype":"api_retry","error":"authentication_failed","error_status":401,"retry_delay_ms":600}"#;

/// The table: the case, its exit, and what it comes to.
fn table() -> Vec<Row> {
    let mut rows = well();
    rows.extend(api());
    rows.extend(ended());
    rows
}

/// What is done in spite of what was on the way.
fn well() -> Vec<Row> {
    vec![
        row(
            "ok-write-and-commit",
            0,
            Done("Done: hello.txt committed.", &[]),
        ),
        row(
            "old-ok-write-and-commit",
            0,
            Done("Done: hello.txt committed.", &[]),
        ),
        row("resume", 0, Done("answer after resume", &[])),
        row("old-resume", 0, Done("answer after resume", &[])),
        row("resume-after-sigterm", 0, Done("resumed ok", &[])),
        row("tool-denied", 0, Done("could not write", &["Write"])).telling("refused Write"),
        row("hooks", 0, Done("second stop", &["Bash"])),
        row("json-schema", 0, Done("{\"name\":\"bob\"}", &[])),
        row(
            "json-schema-never-met",
            0,
            Done("I refuse to use the tool", &[]),
        ),
        row("mcp-tool", 0, Done("got it", &[])),
        row("mcp-server-broken", 0, Done("got it", &[])).telling("did not start"),
        row("max-tokens", 0, Done("cont", &[])),
        row("refusal", 0, Done("SCRIPT EXHAUSTED", &[])),
        row("partial-messages", 0, Done("end", &[])),
        row("stream-dropped", 0, Done("whole message", &[])).telling("tries again"),
        row("subagent", 0, Done("main 3", &[])),
        row(
            "background-task-two-results",
            0,
            Done("woken by the background task", &[]),
        ),
        row("both-ways-1", 0, Done("tail", &["Write"])),
        row("both-ways-2", 0, Done("extra turn", &[])),
        row("api-429-retry-after", 0, Done("recovered", &[])).telling("tries again"),
        row("api-529-fallback", 0, Done("answered by fallback", &[])),
    ]
}

/// What the API said no to: the subtype is `success` in each.
fn api() -> Vec<Row> {
    vec![
        row("api-429", 1, Limit(None)).telling("limit"),
        row("api-429-retry-after-300", 1, Limit(None)).telling("limit"),
        row("api-500", 1, Failed("500", false)).telling("tries again"),
        row("api-529", 1, Failed("at capacity", false)).telling("tries again"),
        row("connection-reset", 1, Failed("Connection dropped", false)).telling("tries again"),
        // The recording was cut off in its retries, before the result.
        made(
            "401",
            &[
                UP,
                RETRY_401,
                r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","api_error_status":401,"result":"Failed to authenticate. API Error: 401"}"#,
            ],
            1,
            Auth("401"),
        )
        .telling("(401)"),
        made(
            "403",
            &[
                UP,
                r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","api_error_status":403,"result":"API Error: 403 forbidden"}"#,
            ],
            1,
            Auth("403"),
        ),
        made(
            "400",
            &[
                UP,
                r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","api_error_status":400,"result":"API Error: 400 bad"}"#,
            ],
            1,
            Failed("400 bad", true),
        ),
        made(
            "404",
            &[
                UP,
                r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","api_error_status":404,"result":"There's an issue with the selected model"}"#,
            ],
            1,
            Failed("selected model", true),
        ),
        made(
            "prompt too long",
            &[
                UP,
                r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"prompt_too_long","api_error_status":400,"result":"Prompt is too long"}"#,
            ],
            1,
            Failed("Prompt is too long", true),
        ),
        made(
            "usage limit with a time",
            &[
                UP,
                r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795459704}}"#,
                r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"You've hit your session limit"}"#,
            ],
            1,
            Limit(Some(1_795_459_704_000)),
        )
        .telling("limit"),
    ]
}

/// What ended it otherwise.
fn ended() -> Vec<Row> {
    vec![
        row("max-turns", 1, Failed("maximum number of turns (2)", false)),
        row("max-budget", 1, Failed("maximum budget ($1)", false)),
        row("sigint-in-tool", 0, Failed("it was interrupted", false)),
        row("sigint-in-tool", 1, Failed("it was interrupted", false)),
        row(
            "sigint-while-streaming",
            0,
            Failed("it was interrupted", false),
        ),
        row("sigterm-in-tool", 143, Failed("signal 15", false)),
        by_signal("sigterm-in-tool", 9, Failed("signal 9", false)),
        row("resume-unknown-session", 1, Is(Verdict::SessionUnknown)),
        // Cut off while it was trying again.
        by_signal("api-401", 9, Failed("signal 9", false)).telling("(401)"),
        // A stream that stalls: silence, which is not its reader's to judge, until it is stopped.
        Row {
            exit: Exit {
                stopped: Some("stalled".into()),
                ..exit(143)
            },
            ..made(
                "stalls",
                &[UP],
                143,
                Is(Verdict::Stopped {
                    why: "stalled".into(),
                }),
            )
        },
        made(
            "ends without a word",
            &[UP],
            0,
            Failed("without a result", false),
        ),
        made(
            "not JSON",
            &["Segmentation fault"],
            139,
            Failed("signal 11", false),
        ),
    ]
}

fn words(event: &AgentEvent) -> String {
    match event {
        AgentEvent::Retrying { why, .. } => format!("tries again: {why}"),
        AgentEvent::ToolDenied { name } => format!("refused {name}"),
        AgentEvent::LimitReached { .. } => "limit".to_owned(),
        AgentEvent::Notice { text } => text.clone(),
        _ => String::new(),
    }
}

#[test]
fn every_way_to_end_comes_to_its_verdict_in_words_for_a_user() {
    let mut wrong = Vec::new();
    for row in table() {
        let what = format!("{} {:?}", row.what, row.exit.code);
        let mut reader = Claude.reader(true, Permissions::AcceptEdits, &[]);
        let mut told = String::new();
        for line in row.printed() {
            let reading = reader.line(Stream::Out, &line);
            told.extend(reading.events.iter().map(words));
        }
        if !told.contains(row.told) {
            wrong.push(format!("{what} told: {told}"));
        }
        let verdict = reader.verdict(&row.exit);
        let fits = match (&row.then, &verdict) {
            (Done(words, refused), Verdict::Done { summary, denied }) => {
                summary == words && denied == refused
            }
            (Failed(words, pointless), Verdict::Failed { why, fatal, .. }) => {
                why.contains(words) && fatal == pointless && !why.contains("ede_diagnostic")
            }
            (Limit(time), Verdict::Limit { until, .. }) => until.map(|at| at.0) == *time,
            (Auth(words), Verdict::Auth { why, hint }) => {
                why.contains(words) && hint.contains("log in")
            }
            (Is(other), verdict) => other == verdict,
            _ => false,
        };
        if !fits {
            wrong.push(format!("{what}: {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recording_stands_in_the_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/agent/testdata/claude");
    let rows = table();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(rows.iter().any(|row| row.what == name), "{name}");
    }
}

/// What the program says to a tool server is nothing that it prints; read all the same, it tells
/// nothing and is no success.
#[test]
fn lines_of_another_protocol_tell_nothing() {
    let mut reader = Claude.reader(false, Permissions::AcceptEdits, &[]);
    for line in recorded("mcp", "wire") {
        assert!(reader.line(Stream::Out, &line).events.is_empty());
    }
    let verdict = reader.verdict(&exit(0));
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
}
