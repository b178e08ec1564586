//! Every recording of a real program, read by its driver.

use std::path::PathBuf;

use cw_core::domain::time::Timestamp;
use cw_core::ports::agents::{
    AgentEvent, Exit, Grace, LineForm, LogLine, Permissions, RunId, Stream, TurnOrder, Verdict,
};
use serde_json::Value;

use super::{Driver, LINGERED, Launch, Reader, Site, driver};

/// A recording, how its turn came out, and what it took.
struct Case {
    kind: &'static str,
    file: &'static str,
    session: &'static str,
    summary: &'static str,
    tools: usize,
    tokens: u64,
}

const CASES: &[Case] = &[
    Case {
        kind: "codex",
        file: "exec",
        session: "01a209bf-1d82-7513-9f9d-4c043a9be3da",
        summary: "Codex done.",
        tools: 0,
        tokens: 240,
    },
    Case {
        kind: "codex",
        file: "exec-full-access",
        session: "01a209bf-7ccb-7d91-9b88-76c527b0432c",
        summary: "Codex done.",
        tools: 1,
        tokens: 240,
    },
    Case {
        kind: "gemini",
        file: "stream",
        session: "e5382e97-fbca-4a0d-b925-c9d6ecb00314",
        summary: "Gemini done.",
        tools: 2,
        tokens: 360,
    },
    Case {
        kind: "opencode",
        file: "run",
        session: "ses_df63c76a5ffeSEzak4jbBe06m2",
        summary: "OpenCode done.",
        tools: 2,
        tokens: 360,
    },
];

pub(super) fn recorded(kind: &str, file: &str) -> Vec<LogLine> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/agent/testdata")
        .join(kind)
        .join(format!("{file}.jsonl"));
    let content = std::fs::read_to_string(path).unwrap();
    let printed = content.lines().filter_map(printed);
    (0..)
        .zip(printed)
        .map(|(n, text)| line(n * 10, &text))
        .collect()
}

/// What a line of a recording says that the program printed; none where it was told that.
fn printed(line: &str) -> Option<String> {
    if let Some(line) = line.strip_prefix("< ") {
        return Some(line.to_owned());
    }
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    match value["dir"].as_str() {
        Some("<") => Some(value["line"].to_string()),
        Some(_) => None,
        None => (!line.starts_with("> ")).then(|| line.to_owned()),
    }
}

pub(super) fn line(offset: u64, text: &str) -> LogLine {
    LogLine {
        at: Timestamp(1),
        offset,
        bytes: text.into(),
        form: LineForm::Whole,
    }
}

pub(super) fn order(kind: &str) -> TurnOrder {
    TurnOrder {
        run: RunId::new("7").unwrap(),
        kind: kind.into(),
        program: Vec::new(),
        cwd: "/tree".into(),
        env: Vec::new(),
        prompt: "--do \"it\"\nnow".into(),
        session: Some("5e55".into()),
        resume: false,
        billed: Default::default(),
        model: None,
        permissions: Permissions::AcceptEdits,
        allow: Vec::new(),
        tools: false,
        repo_settings: false,
        task: "t".into(),
        agent: "soho".into(),
        turn: "start".into(),
        token: "s3cret".into(),
        socket: "/s".into(),
        grace: Grace::default(),
    }
}

pub(super) fn launch(order: &TurnOrder) -> Launch {
    let site = Site {
        cw: "/bin/cw".as_ref(),
        git_folders: &["/repo/.git/worktrees/a \"b\"".into(), "/repo/.git".into()],
    };
    of(&order.kind).launch(order, &site)
}

pub(super) fn args(launch: &Launch) -> Vec<String> {
    let words = launch.args.iter();
    words
        .map(|word| word.to_str().unwrap().to_owned())
        .collect()
}

pub(super) fn exit(code: i32) -> Exit {
    Exit {
        code: Some(code),
        ..Exit::default()
    }
}

pub(super) fn of(kind: &str) -> &'static dyn Driver {
    driver(kind).unwrap()
}

pub(super) fn reader(kind: &str, resume: bool) -> Box<dyn Reader> {
    let memo = launch(&order(kind)).memo;
    of(kind).reader(resume, Permissions::AcceptEdits, &memo)
}

/// Reads lines of standard output, and gives the events.
pub(super) fn read(reader: &mut dyn Reader, lines: &[LogLine]) -> Vec<AgentEvent> {
    let readings = lines.iter().map(|line| reader.line(Stream::Out, line));
    readings.flat_map(|reading| reading.events).collect()
}

/// The verdict on these lines of a run that resumed, or did not.
pub(super) fn verdict(kind: &str, resume: bool, lines: &[&str], code: i32) -> Verdict {
    let mut reader = reader(kind, resume);
    for text in lines {
        reader.line(Stream::Out, &line(0, text));
    }
    reader.verdict(&exit(code))
}

#[test]
fn every_recording_comes_to_its_outcome() {
    for case in CASES {
        let name = format!("{} {}", case.kind, case.file);
        let mut reader = reader(case.kind, false);
        let events = read(&mut *reader, &recorded(case.kind, case.file));
        let begun = AgentEvent::SessionStarted {
            id: case.session.into(),
        };
        let begins = events.iter().filter(|event| **event == begun).count();
        assert_eq!(begins, 1, "{name} begins its session once");
        let tools = events
            .iter()
            .filter(|event| matches!(event, AgentEvent::ToolUse { .. }));
        assert_eq!(tools.count(), case.tools, "{name}: {events:?}");
        let tokens = events.iter().map(|event| match event {
            AgentEvent::Usage { tokens, .. } => tokens.total(),
            _ => 0,
        });
        assert_eq!(tokens.sum::<u64>(), case.tokens, "{name}");
        assert!(reader.should_go(), "{name}");
        let done = Verdict::Done {
            summary: case.summary.into(),
            denied: Vec::new(),
        };
        assert_eq!(reader.verdict(&exit(0)), done, "{name}");
    }
}

#[test]
fn without_its_last_line_no_recording_is_done() {
    for case in CASES {
        let lines = recorded(case.kind, case.file);
        let mut reader = reader(case.kind, false);
        read(&mut *reader, &lines[..lines.len() - 1]);
        let verdict = reader.verdict(&exit(0));
        assert!(
            !matches!(verdict, Verdict::Done { .. }),
            "{} {verdict:?}",
            case.kind
        );
        assert!(!reader.should_go(), "{}", case.kind);
    }
}

#[test]
fn a_stop_beats_the_result_unless_the_program_only_lingered() {
    for case in CASES {
        let mut reader = reader(case.kind, false);
        read(&mut *reader, &recorded(case.kind, case.file));
        let stopped = |why: &str| Exit {
            signal: Some(15),
            stopped: Some(why.into()),
            ..Exit::default()
        };
        assert!(matches!(
            reader.verdict(&stopped("user")),
            Verdict::Stopped { .. }
        ));
        assert!(matches!(
            reader.verdict(&stopped(LINGERED)),
            Verdict::Done { .. }
        ));
    }
}

#[test]
fn no_prompt_model_or_session_becomes_a_flag_and_no_secret_an_argument() {
    for kind in ["codex", "gemini", "opencode"] {
        let hostile = TurnOrder {
            resume: true,
            session: Some("--yolo".into()),
            model: Some("--bad".into()),
            ..order(kind)
        };
        let launch = launch(&hostile);
        let words = args(&launch);
        let guarded = words
            .iter()
            .position(|word| word == "--")
            .unwrap_or(words.len());
        assert!(
            !words[..guarded]
                .iter()
                .any(|word| word == "--yolo" || word == "--bad"),
            "{words:?}"
        );
        assert!(
            !words
                .iter()
                .any(|word| word.contains("s3cret") || word.contains("do \"it\""))
        );
        assert_eq!(launch.stdin, b"--do \"it\"\nnow");
        assert!(!launch.keep_stdin_open);
    }
}
