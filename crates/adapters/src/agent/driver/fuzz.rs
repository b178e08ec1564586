//! Every reader against what no program ever printed: recorded lines with a value exchanged or the
//! end cut off, JSON of any shape, any bytes, in any order and on either output. None may panic,
//! tell without bound, or take it for success. `CW_FUZZ_SECONDS` makes each go on for longer.

use std::time::{Duration, Instant};

use cw_core::ports::agents::{AgentEvent, Answer, Exit, LineForm, LogLine, Permissions, Stream};
use cw_core::ports::agents::{ReplyTo, Verdict};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use serde_json::Value;

use super::recordings::{launch, line, of, order, recorded};
use super::{LINGERED, TEXT_CAP};

/// Inputs that are tried before the clock is looked at.
const CASES: u32 = 64;

/// A line of a hostile program.
#[derive(Clone, Debug)]
enum Odd {
    /// A recorded one, with something else at some place, and perhaps cut there.
    Recorded(prop::sample::Index, usize, Value, Option<u8>),
    Json(Value),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Input {
    lines: Vec<(Odd, bool, u8)>,
    resume: bool,
    permissions: usize,
    code: Option<i32>,
    stopped: Option<bool>,
}

/// Somewhere in `value`, something else.
fn mutate(value: &mut Value, at: usize, other: Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let n = at % fields.len();
            if let Some((_, field)) = fields.iter_mut().nth(n) {
                mutate(field, at / 7, other);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let n = at % items.len();
            mutate(&mut items[n], at / 7, other);
        }
        place => *place = other,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(Value::from("x".repeat(TEXT_CAP + 99))),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let key = prop_oneof![
            prop::sample::select(WORDS).prop_map(str::to_owned),
            ".{0,8}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

/// Words that readers look for.
const WORDS: &[&str] = &[
    "type",
    "subtype",
    "system",
    "init",
    "result",
    "assistant",
    "message",
    "content",
    "text",
    "control_request",
    "request",
    "request_id",
    "can_use_tool",
    "tool_name",
    "input",
    "questions",
    "is_error",
    "terminal_reason",
    "completed",
    "usage",
    "session_id",
    "item",
    "item.completed",
    "turn.completed",
    "turn.failed",
    "error",
    "part",
    "step_finish",
    "reason",
    "stop",
    "tokens",
    "stats",
    "status",
    "success",
    "id",
    "method",
    "params",
    "update",
    "sessionUpdate",
    "stopReason",
    "end_turn",
    "session/update",
    "session/request_permission",
    "toolCall",
    "options",
    "kind",
];

fn input() -> impl Strategy<Value = Input> {
    let recorded = (
        any::<prop::sample::Index>(),
        any::<usize>(),
        value(),
        any::<Option<u8>>(),
    );
    let odd = prop_oneof![
        4 => recorded.prop_map(|(pick, at, other, noise)| Odd::Recorded(pick, at, other, noise)),
        1 => value().prop_map(Odd::Json),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Odd::Bytes),
    ];
    (
        prop::collection::vec((odd, prop::bool::weighted(0.9), any::<u8>()), 1..25),
        any::<bool>(),
        0..3_usize,
        prop::option::of(-1..256),
        prop::option::weighted(0.2, any::<bool>()),
    )
        .prop_map(|(lines, resume, permissions, code, stopped)| Input {
            lines,
            resume,
            permissions,
            code,
            stopped,
        })
}

/// What the program of a kind printed, and programs near it.
fn corpus(kind: &str) -> Vec<LogLine> {
    let folder = format!("{}/src/agent/testdata/{kind}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|file| {
        file.path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    });
    let lines: Vec<LogLine> = names.flat_map(|name| recorded(kind, &name)).collect();
    if lines.is_empty() {
        recorded("codex", "exec")
    } else {
        lines
    }
}

fn printed(odd: &Odd, form: u8, corpus: &[LogLine], offset: u64) -> LogLine {
    let bytes = match odd {
        Odd::Bytes(bytes) => bytes.clone(),
        Odd::Json(value) => value.to_string().into_bytes(),
        Odd::Recorded(pick, at, other, noise) => {
            let known = &pick.get(corpus).bytes;
            let mut value: Value = serde_json::from_slice(known).unwrap_or_default();
            mutate(&mut value, *at, other.clone());
            let mut bytes = value.to_string().into_bytes();
            if let Some(noise) = noise {
                bytes.truncate(at % bytes.len().max(1));
                bytes.push(*noise);
            }
            bytes
        }
    };
    let form = match form {
        0..=7 => LineForm::Note,
        8..=15 => LineForm::Cut,
        16..=23 => LineForm::Unended,
        _ => LineForm::Whole,
    };
    LogLine {
        bytes,
        form,
        ..line(offset, "")
    }
}

fn read(kind: &str, corpus: &[LogLine], input: &Input) -> TestCaseResult {
    let driver = of(kind);
    let all = [
        Permissions::Ask,
        Permissions::AcceptEdits,
        Permissions::Bypass,
    ];
    let memo = launch(&order(kind)).memo;
    let mut reader = driver.reader(input.resume, all[input.permissions], &memo);
    let mut skimmer = driver.skimmer();
    let (mut places, mut well) = (Vec::new(), false);
    for (n, (odd, out, form)) in (0..).zip(&input.lines) {
        let line = printed(odd, *form, corpus, n);
        let stream = if *out { Stream::Out } else { Stream::Err };
        let mut events = reader.line(stream, &line).events;
        well |= events
            .iter()
            .any(|event| matches!(event, AgentEvent::Result { ok: true, .. }));
        events.extend(skimmer.line(stream, &line).events);
        for event in &events {
            let long = format!("{event:?}").len();
            prop_assert!(long < 40 * TEXT_CAP, "{long} bytes");
            if let AgentEvent::PermissionRequest { reply, .. } = event {
                places.push(*reply);
            }
        }
        for answer in [
            Answer::Allow,
            Answer::Answers(vec!["yes".into(), "x".into()]),
        ] {
            let _ = driver.answer(&line.bytes, &answer);
        }
    }
    let lines = input.lines.len() as u64;
    prop_assert!(places.iter().all(|ReplyTo(offset)| *offset < lines));
    let _ = (skimmer.rest(), reader.should_go());
    let exit = Exit {
        code: input.code,
        stopped: input.stopped.map(|lingered| {
            let word = if lingered { LINGERED } else { "user" };
            word.to_owned()
        }),
        ..Exit::default()
    };
    let done = matches!(reader.verdict(&exit), Verdict::Done { .. });
    let unasked = kind != "script" && !well;
    prop_assert!(!(done && unasked), "nobody said that it is done");
    prop_assert!(!(done && input.stopped == Some(false)), "it was stopped");
    Ok(())
}

fn fuzz(kind: &str) {
    let seconds = std::env::var("CW_FUZZ_SECONDS").ok();
    let seconds = seconds
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    let until = Instant::now() + Duration::from_secs(seconds);
    let corpus = corpus(kind);
    loop {
        let mut runner = TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(CASES)
        });
        if let Err(found) = runner.run(&input(), |input| read(kind, &corpus, &input)) {
            panic!("{kind}: {found}");
        }
        if Instant::now() >= until {
            return;
        }
    }
}

#[test]
fn the_reader_of_acp_lives_with_anything() {
    fuzz("acp");
}

#[test]
fn the_reader_of_claude_lives_with_anything() {
    fuzz("claude");
}

#[test]
fn the_reader_of_codex_lives_with_anything() {
    fuzz("codex");
}

#[test]
fn the_reader_of_gemini_lives_with_anything() {
    fuzz("gemini");
}

#[test]
fn the_reader_of_opencode_lives_with_anything() {
    fuzz("opencode");
}

#[test]
fn the_reader_of_scripts_lives_with_anything() {
    fuzz("script");
}
