use std::path::PathBuf;

use cw_core::domain::time::Timestamp;
use cw_core::ports::agents::{AgentEvent, Exit, Grace, LogLine, ReplyTo, RunId, Stream, Verdict};

use super::super::Reaction;
use super::super::recordings::{self, line};
use super::*;

fn recorded(name: &str) -> Vec<LogLine> {
    recordings::recorded("claude", name)
}

fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/agent/testdata/claude")
}

struct Told {
    events: Vec<AgentEvent>,
    reactions: Vec<Reaction>,
    reader: Box<dyn Reader>,
}

fn read(lines: &[LogLine], permissions: Permissions) -> Told {
    let mut reader = Claude.reader(true, permissions, &[]);
    let (mut events, mut reactions) = (Vec::new(), Vec::new());
    for line in lines {
        let reading = reader.line(Stream::Out, line);
        events.extend(reading.events);
        reactions.extend(reading.reaction);
    }
    Told {
        events,
        reactions,
        reader,
    }
}

fn play(name: &str) -> Told {
    read(&recorded(name), Permissions::AcceptEdits)
}

fn exit(code: i32) -> Exit {
    Exit {
        code: Some(code),
        ..Exit::default()
    }
}

fn verdict(name: &str, code: i32) -> Verdict {
    play(name).reader.verdict(&exit(code))
}

fn micro_usd(events: &[AgentEvent]) -> u64 {
    let costs = events.iter().map(|event| match event {
        AgentEvent::Usage { micro_usd, .. } => *micro_usd,
        _ => 0,
    });
    costs.sum()
}

fn tokens(events: &[AgentEvent]) -> u64 {
    let used = events.iter().map(|event| match event {
        AgentEvent::Usage { tokens, .. } => tokens.total(),
        _ => 0,
    });
    used.sum()
}

fn order() -> TurnOrder {
    TurnOrder {
        run: RunId::new("7").unwrap(),
        kind: "claude".into(),
        program: Vec::new(),
        cwd: "/tree".into(),
        env: Vec::new(),
        prompt: "do \"it\"\nnow".into(),
        session: Some("1b4e28ba-2fa1-11d2-883f-0016d3cca427".into()),
        resume: false,
        billed: Default::default(),
        model: Some("opus".into()),
        permissions: Permissions::AcceptEdits,
        allow: vec!["Bash(cargo *)".into()],
        tools: true,
        repo_settings: false,
        task: "t".into(),
        agent: "soho".into(),
        turn: "start".into(),
        token: "s3cret".into(),
        socket: "/s".into(),
        grace: Grace::default(),
    }
}

fn site() -> Site<'static> {
    Site {
        cw: Path::new("/bin/cw"),
        git_folders: &[],
    }
}

fn words(launch: &Launch) -> Vec<String> {
    launch
        .args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect()
}

fn has_pair(words: &[String], flag: &str, value: &str) -> bool {
    words
        .windows(2)
        .any(|pair| pair[0] == flag && pair[1] == value)
}

#[test]
fn it_is_started_so_that_no_repository_can_take_it_over() {
    let launch = Claude.launch(&order(), &site());
    let words = words(&launch);
    assert_eq!(launch.program, "claude");
    assert!(has_pair(&words, "--setting-sources", ""));
    assert!(words.contains(&"--strict-mcp-config".into()));
    assert!(has_pair(&words, "--permission-prompt-tool", "stdio"));
    assert!(has_pair(&words, "--permission-mode", "acceptEdits"));
    assert!(has_pair(
        &words,
        "--session-id",
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    ));
    assert!(words.contains(&"--allowedTools=Bash(cargo *),mcp__cw".into()));
    assert!(
        !words.iter().any(|word| word.contains("s3cret")),
        "no secret in the arguments"
    );
    assert!(
        launch
            .env
            .contains(&("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1".into()))
    );
    assert!(launch.keep_stdin_open);
}

#[test]
fn a_resume_names_the_session_and_the_prompt_is_the_second_line() {
    let resumed = TurnOrder {
        resume: true,
        tools: false,
        allow: Vec::new(),
        ..order()
    };
    let launch = Claude.launch(&resumed, &site());
    let words = words(&launch);
    assert!(has_pair(
        &words,
        "--resume",
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    ));
    assert!(
        !words
            .iter()
            .any(|word| word.starts_with("--session-id") || word.contains("mcp-config="))
    );
    let stdin = String::from_utf8(launch.stdin).unwrap();
    let lines: Vec<Value> = stdin
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["request"]["subtype"], "initialize");
    assert_eq!(lines[1]["message"]["content"], "do \"it\"\nnow");
}

#[test]
fn a_plain_success_is_done_and_paid_once() {
    let told = play("ok-write-and-commit");
    assert!(matches!(told.reader.verdict(&exit(0)),
        Verdict::Done { summary, denied } if summary == "Done: hello.txt committed." && denied.is_empty()));
    assert_eq!((micro_usd(&told.events), tokens(&told.events)), (2400, 360));
    let session = AgentEvent::SessionStarted {
        id: "412c2dbd-0d8e-499d-acfb-a64c4903edb5".into(),
    };
    assert_eq!(told.events[0], session);
    let tool = AgentEvent::ToolUse {
        name: "Write".into(),
        detail: "/repo/basic/hello.txt".into(),
    };
    assert!(told.events.contains(&tool));
    assert_eq!(told.reactions, [Reaction::CloseStdin]);
    assert!(told.reader.should_go());
}

#[test]
fn a_resumed_session_pays_for_this_turn_only() {
    assert_eq!(micro_usd(&play("resume").events), 800);
    assert_eq!(micro_usd(&play("old-resume").events), 1000);
    assert_eq!(micro_usd(&play("old-ok-write-and-commit").events), 3000);
    assert!(matches!(verdict("old-resume", 0), Verdict::Done { .. }));
}

#[test]
fn results_that_give_totals_are_counted_by_their_differences() {
    let total = |usage: &str| format!(r#"{{"type":"result","is_error":false{usage}}}"#);
    let old = |usd: f64, input: u64| {
        total(&format!(
            r#","modelUsage":{{"m":{{"costUSD":{usd},"inputTokens":{input}}}}}"#
        ))
    };
    let new = r#","modelUsage":{"m":{"costUSD":0.5,"inputTokens":9}},"model_usage_since_last_result":{"m":{"costUSD":0.125,"inputTokens":2}}"#;
    // A result without totals takes none back, and one of each sort is no reason to count twice.
    let told = [
        old(0.25, 5),
        total(""),
        total(r#","modelUsage":{}"#),
        old(0.375, 7),
        total(new),
        old(0.5, 9),
    ];
    let lines: Vec<LogLine> = (0..).zip(&told).map(|(at, text)| line(at, text)).collect();
    let told = read(&lines, Permissions::Ask);
    assert_eq!(
        (micro_usd(&told.events), tokens(&told.events)),
        (500_000, 9)
    );
}

#[test]
fn of_a_turn_that_is_killed_before_its_result_nothing_is_counted() {
    let lines = recorded("resume");
    let result = lines.len() - 1;
    let told = read(&lines[..result], Permissions::Ask);
    assert_eq!((micro_usd(&told.events), tokens(&told.events)), (0, 0));
    assert!(micro_usd(&read(&lines, Permissions::Ask).events) > 0);
}

#[test]
fn a_second_result_counts_once_more_and_the_last_one_decides() {
    let told = play("background-task-two-results");
    assert_eq!(micro_usd(&told.events), 2400);
    let verdict = told.reader.verdict(&exit(0));
    assert!(
        matches!(verdict, Verdict::Done { summary, .. } if summary == "woken by the background task")
    );
    assert_eq!(micro_usd(&play("subagent").events), 3200);
}

#[test]
fn between_two_results_it_should_not_go() {
    let lines = recorded("background-task-two-results");
    let first = lines
        .iter()
        .position(|l| l.bytes.windows(8).any(|w| w == b"\"result\""))
        .unwrap();
    assert!(read(&lines[..=first], Permissions::Ask).reader.should_go());
    let init = lines.len() - 2;
    assert!(!read(&lines[..init], Permissions::Ask).reader.should_go());
}

#[test]
fn a_success_that_says_error_is_none() {
    let Verdict::Limit { until: None, why } = verdict("api-429", 1) else {
        panic!()
    };
    assert!(why.contains("429"), "{why}");
    assert!(matches!(
        verdict("connection-reset", 1),
        Verdict::Failed { fatal: false, .. }
    ));
    assert!(
        matches!(verdict("max-turns", 1), Verdict::Failed { why, .. } if why.contains("maximum number of turns"))
    );
    assert!(
        matches!(verdict("max-budget", 1), Verdict::Failed { why, .. } if why.contains("budget"))
    );
    assert!(matches!(
        verdict("sigint-in-tool", 0),
        Verdict::Failed { .. }
    ));
    assert!(
        matches!(verdict("sigterm-in-tool", 143), Verdict::Failed { why, .. } if why.contains("143"))
    );
    assert!(matches!(
        verdict("json-schema-never-met", 0),
        Verdict::Done { .. }
    ));
    assert!(matches!(
        verdict("api-429-retry-after", 0),
        Verdict::Done { .. }
    ));
}

#[test]
fn an_unknown_session_asks_for_a_new_one() {
    assert_eq!(
        verdict("resume-unknown-session", 1),
        Verdict::SessionUnknown
    );
    let mut reader = Claude.reader(false, Permissions::Ask, &[]);
    reader.line(
        Stream::Err,
        &line(0, "Error: Session ID 1b4e is already in use."),
    );
    assert_eq!(reader.verdict(&exit(1)), Verdict::SessionTaken);
}

#[test]
fn being_kept_out_says_how_to_get_in() {
    let result = r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":401,"result":"no"}"#;
    let told = read(&[line(0, result)], Permissions::Ask);
    assert!(
        matches!(told.reader.verdict(&exit(1)), Verdict::Auth { hint, .. } if hint.contains("pass_env"))
    );
}

#[test]
fn who_is_not_let_in_is_ended_at_the_first_refusal() {
    let lines = recorded("api-401");
    let told = read(&lines[..2], Permissions::Ask);
    let retry = |e: &AgentEvent| matches!(e, AgentEvent::Retrying { why, .. } if why == "authentication_failed (401)");
    assert_eq!(told.events.iter().filter(|e| retry(e)).count(), 1);
    assert_eq!(told.reactions, [Reaction::Stop("kept-out")]);
    let stopped = |why: &str| Exit {
        stopped: Some(why.into()),
        ..Exit::default()
    };
    assert!(matches!(
        told.reader.verdict(&stopped("kept-out")),
        Verdict::Auth { why, hint } if why.contains("401") && hint.contains("pass_env")
    ));
    assert!(matches!(
        told.reader.verdict(&stopped("user")),
        Verdict::Stopped { .. }
    ));
    // Whatever passes is waited for.
    for name in ["api-429", "api-529-fallback", "connection-reset", "api-500"] {
        let stops = |r: &Reaction| matches!(r, Reaction::Stop(_));
        assert!(!play(name).reactions.iter().any(stops), "{name}");
    }
}

#[test]
fn an_api_that_fails_for_a_while_is_told_and_is_no_reason_to_give_up() {
    for (name, said) in [
        ("api-500", "server_error (500)"),
        ("api-529", "overloaded (529)"),
        ("api-429", "rate_limit (429)"),
        ("connection-reset", "unknown"),
    ] {
        let told = play(name);
        let retry = |e: &AgentEvent| matches!(e, AgentEvent::Retrying { why, .. } if why == said);
        assert!(told.events.iter().any(retry), "{name}");
        let verdict = told.reader.verdict(&exit(1));
        assert!(
            matches!(
                verdict,
                Verdict::Failed { fatal: false, .. } | Verdict::Limit { .. }
            ),
            "{name}: {verdict:?}"
        );
    }
}

#[test]
fn a_limit_ends_when_the_program_says() {
    let event = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795459704}}"#;
    let result = r#"{"type":"result","is_error":true,"api_error_status":429,"result":"limit"}"#;
    let until = Some(Timestamp(1_795_459_704_000));
    let told = read(&[line(0, event), line(9, result)], Permissions::Ask);
    assert!(matches!(told.reader.verdict(&exit(1)), Verdict::Limit { until: u, .. } if u == until));
    let old =
        r#"{"type":"result","is_error":true,"result":"Claude AI usage limit reached|1795459704"}"#;
    let told = read(&[line(0, old)], Permissions::Ask);
    assert!(matches!(told.reader.verdict(&exit(1)), Verdict::Limit { until: u, .. } if u == until));
}

#[test]
fn a_denied_tool_is_told_with_the_success() {
    assert!(
        matches!(verdict("tool-denied", 0), Verdict::Done { denied, .. } if denied == ["Write"])
    );
}

#[test]
fn a_broken_tool_server_and_a_fallback_are_noticed() {
    let notices = |name: &str| {
        let events = play(name).events;
        events
            .into_iter()
            .filter(|e| matches!(e, AgentEvent::Notice { .. }))
            .count()
    };
    assert_eq!(
        (notices("mcp-server-broken"), notices("api-529-fallback")),
        (1, 1)
    );
}

#[test]
fn requests_carry_their_place_and_are_answered_from_their_own_line() {
    let lines = recorded("both-ways-1");
    let told = read(&lines, Permissions::Ask);
    let asked = told.events.iter().filter_map(|event| match event {
        AgentEvent::PermissionRequest {
            reply,
            tool,
            detail,
            ..
        } => Some((*reply, tool.clone(), detail.clone())),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        (asked[0].1.as_str(), asked[0].2.as_str()),
        ("Write", "/repo/bidi/b.txt")
    );
    let request = lines
        .iter()
        .find(|l| ReplyTo(l.offset) == asked[0].0)
        .unwrap();
    let answer = Claude.answer(&request.bytes, &Answer::Allow).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        answer["response"]["request_id"],
        "3fb96c65-0668-400d-b359-ad2a88ee5750"
    );
    assert_eq!(
        answer["response"]["response"]["updatedInput"]["content"],
        "b"
    );
    let no = Claude
        .answer(&request.bytes, &Answer::Deny { why: "no".into() })
        .unwrap();
    assert!(no.contains(r#""behavior":"deny""#) && no.contains(r#""message":"no""#));
}

#[test]
fn a_question_is_answered_under_its_own_words() {
    let lines = recorded("both-ways-1");
    let told = read(&lines, Permissions::Bypass);
    let Some(AgentEvent::Question {
        reply, questions, ..
    }) = told
        .events
        .iter()
        .find(|e| matches!(e, AgentEvent::Question { .. }))
    else {
        panic!("no question")
    };
    assert_eq!(questions[0].text, "Which color?");
    assert_eq!(questions[0].options, ["Red", "Blue"]);
    let request = lines.iter().find(|l| l.offset == reply.0).unwrap();
    let answer = Claude
        .answer(&request.bytes, &Answer::Answers(vec!["Blue".into()]))
        .unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        answer["response"]["response"]["updatedInput"]["answers"]["Which color?"],
        "Blue"
    );
}

#[test]
fn with_bypass_a_permission_is_given_without_asking() {
    let told = read(&recorded("both-ways-2"), Permissions::Bypass);
    let sent = told
        .reactions
        .iter()
        .filter(|r| matches!(r, Reaction::Send(s) if s.contains("allow")))
        .count();
    assert_eq!(sent, 2);
    assert!(
        !told
            .events
            .iter()
            .any(|e| matches!(e, AgentEvent::PermissionRequest { .. }))
    );
}

#[test]
fn a_stop_for_staying_on_does_not_spoil_the_result() {
    let told = play("ok-write-and-commit");
    let stopped = |why: &str| Exit {
        signal: Some(15),
        stopped: Some(why.into()),
        ..Exit::default()
    };
    assert!(matches!(
        told.reader.verdict(&stopped("lingered")),
        Verdict::Done { .. }
    ));
    assert!(matches!(
        told.reader.verdict(&stopped("user")),
        Verdict::Stopped { .. }
    ));
}

#[test]
fn every_recording_is_read_whole_cut_and_garbled() {
    for entry in std::fs::read_dir(testdata()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let lines = recorded(&name);
        let told = read(&lines, Permissions::Ask);
        assert!(!told.events.is_empty(), "{name}");
        let mut reader = Claude.reader(true, Permissions::Ask, &[]);
        for line in &lines {
            for cut in (0..line.bytes.len()).step_by(97) {
                let mut part = line.clone();
                part.bytes.truncate(cut);
                part.bytes.push(0xff);
                reader.line(Stream::Out, &part);
            }
        }
        assert!(
            !matches!(reader.verdict(&exit(0)), Verdict::Done { .. }),
            "{name}"
        );
    }
}

#[test]
fn values_of_the_wrong_type_are_normal() {
    let mut reader = Claude.reader(false, Permissions::Ask, &[]);
    for odd in [
        r#"{"type":7}"#,
        r#"{"type":"result","is_error":"no","modelUsage":[1],"permission_denials":"x"}"#,
        r#"{"type":"result","model_usage_since_last_result":{"m":{"costUSD":-1,"inputTokens":1e99}}}"#,
        r#"{"type":"assistant","message":{"content":"text"}}"#,
        r#"{"type":"control_request","request":{"subtype":"can_use_tool","input":7}}"#,
        r#"{"type":"control_request"}"#,
        "[]",
        "null",
    ] {
        reader.line(Stream::Out, &line(0, odd));
    }
    assert!(!matches!(reader.verdict(&exit(0)), Verdict::Done { .. }));
}
