use super::super::recordings::{exit, launch, line, order, recorded};
use super::super::{Reaction, TEXT_CAP};
use super::*;
use cw_core::domain::money::Usd;
use cw_core::ports::agents::{AgentEvent, Billed, LogLine, Stream, Verdict};

struct Told {
    events: Vec<AgentEvent>,
    sent: Vec<Value>,
    closed: bool,
    reader: Box<dyn Reader>,
}

fn talk(order: &TurnOrder, lines: &[LogLine]) -> Told {
    let memo = launch(order).memo;
    let mut told = Told {
        events: Vec::new(),
        sent: Vec::new(),
        closed: false,
        reader: Acp.reader(order.resume, order.permissions, &memo),
    };
    for line in lines {
        let reading = told.reader.line(Stream::Out, line);
        told.events.extend(reading.events);
        match reading.reaction {
            Some(Reaction::Send(line)) => told.sent.push(serde_json::from_str(&line).unwrap()),
            Some(Reaction::CloseStdin) => told.closed = true,
            Some(Reaction::Stop(_)) | None => {}
        }
    }
    told
}

fn with(permissions: Permissions) -> TurnOrder {
    TurnOrder {
        permissions,
        ..order("acp")
    }
}

fn resumed() -> TurnOrder {
    TurnOrder {
        resume: true,
        ..order("acp")
    }
}

fn lines(texts: &[&str]) -> Vec<LogLine> {
    (0..)
        .zip(texts)
        .map(|(n, text)| line(n * 10, text))
        .collect()
}

const HELLO_ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}"#;
const SESSION_ANSWER: &str = r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s1"}}"#;
const END: &str = r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}"#;

fn methods(told: &Told) -> Vec<&str> {
    let named = told.sent.iter().filter_map(|sent| sent["method"].as_str());
    named.collect()
}

fn usage(told: &Told) -> (u64, u64) {
    let parts = told.events.iter().map(|event| match event {
        AgentEvent::Usage { micro_usd, tokens } => (*micro_usd, tokens.total()),
        _ => (0, 0),
    });
    parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// The lines of a recording; those that were cut when it was taken are completed as far as they matter.
fn mended(name: &str) -> Vec<LogLine> {
    let mut lines = recorded("acp", name);
    for line in &mut lines {
        let text = String::from_utf8_lossy(&line.bytes).into_owned();
        if serde_json::from_str::<Value>(&text).is_err() {
            let id = text
                .split("\"sessionId\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let cut = match (text.contains("\"id\":1,"), text.contains("\"id\":2,"), id) {
                (true, ..) => HELLO_ANSWER.to_owned(),
                (_, true, Some(id)) => json!({"id": 2, "result": {"sessionId": id}}).to_string(),
                _ => continue,
            };
            line.bytes = cut.into_bytes();
        }
    }
    lines
}

#[test]
fn a_program_that_takes_folders_is_given_those_that_a_commit_needs() {
    let capable = r#"{"id":1,"result":{"protocolVersion":1,"agentCapabilities":{"sessionCapabilities":{"additionalDirectories":{}}}}}"#;
    let folders = |hello: &str| {
        let told = talk(&order("acp"), &lines(&[hello]));
        told.sent[0]["params"]["additionalDirectories"].clone()
    };
    assert_eq!(
        folders(capable),
        json!(["/repo/.git/worktrees/a \"b\"", "/repo/.git"])
    );
    assert_eq!(folders(HELLO_ANSWER), Value::Null);
}

#[test]
fn kinds_of_tools_that_are_allowed_are_not_asked_for() {
    let request = r#"{"id":7,"method":"session/request_permission","params":{"options":[
        {"kind":"reject_once","optionId":"n"},{"kind":"allow_once","optionId":"y"}],"toolCall":{"kind":"execute"}}}"#;
    let begun = [HELLO_ANSWER, SESSION_ANSWER, request];
    let asked = |allow: &[&str]| {
        let order = TurnOrder {
            allow: allow.iter().map(|kind| (*kind).to_owned()).collect(),
            ..order("acp")
        };
        let told = talk(&order, &lines(&begun));
        let asks = |event: &AgentEvent| matches!(event, AgentEvent::PermissionRequest { .. });
        (told.events.iter().any(asks), told.sent.last().cloned())
    };
    let (asks, sent) = asked(&["execute"]);
    assert_eq!(
        (asks, sent.unwrap()["result"]["outcome"]["optionId"].clone()),
        (false, json!("y"))
    );
    assert!(asked(&["fetch", "exec"]).0);
}

#[test]
fn an_edit_is_accepted_in_the_worktree_alone() {
    let asked = |call: Value| {
        let options = json!([{"kind": "allow_once", "optionId": "y"}]);
        let request = json!({"id": 7, "method": "session/request_permission",
            "params": {"options": options, "toolCall": call}});
        let begun = [HELLO_ANSWER, SESSION_ANSWER, &request.to_string()];
        let told = talk(&with(Permissions::AcceptEdits), &lines(&begun));
        let asks = |event: &AgentEvent| matches!(event, AgentEvent::PermissionRequest { .. });
        told.events.iter().any(asks)
    };
    let at = |path: &str| json!({"kind": "edit", "locations": [{"path": path}]});
    assert!(!asked(at("/tree/src/a.rs")) && !asked(at("src/a.rs")));
    for outside in ["/etc/passwd", "/treetop/a", "/tree/../etc/passwd", "../a"] {
        assert!(asked(at(outside)), "{outside}");
    }
    assert!(asked(
        json!({"kind": "edit", "rawInput": {"file_path": "/home/x"}})
    ));
}

#[test]
fn what_is_overheard_from_the_middle_is_told_and_the_past_is_not() {
    let chunk = |text: &str| {
        let update = json!({"sessionUpdate": "agent_message_chunk", "content": {"text": text}});
        json!({"method": "session/update", "params": {"update": update}}).to_string()
    };
    let texts = |lines: &[&str]| {
        let mut reader = Acp.skimmer();
        let mut events: Vec<AgentEvent> = Vec::new();
        for (n, text) in (0..).zip(lines) {
            events.extend(reader.line(Stream::Out, &line(n, text)).events);
        }
        events.extend(reader.rest());
        let said = events.into_iter().filter_map(|event| match event {
            AgentEvent::Text { text } => Some(text),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    let (a, b, past) = (chunk("The wall "), chunk("stands."), chunk("long ago"));
    assert_eq!(texts(&[&a, &b]), ["The wall stands."]);
    let whole = [HELLO_ANSWER, &past, SESSION_ANSWER, &a, &b, END];
    assert_eq!(texts(&whole), ["The wall stands."]);
}

#[test]
fn every_recording_comes_to_its_outcome() {
    let cases = [
        ("claude", "Claude ACP done.", 1, (2000, 240), 1),
        ("codex", "Codex ACP done.", 1, (0, 240), 0),
        ("gemini", "Gemini ACP done.", 1, (0, 240), 1),
        ("opencode", "OpenCode ACP done.", 1, (0, 120), 0),
    ];
    for (name, summary, tools, used, asked) in cases {
        let told = talk(&with(Permissions::Ask), &mended(name));
        let verdict = told.reader.verdict(&exit(0));
        assert!(
            matches!(&verdict, Verdict::Done { summary: said, .. } if said == summary),
            "{name} {verdict:?}"
        );
        assert_eq!(methods(&told), ["session/new", "session/prompt"], "{name}");
        let count =
            |is: fn(&AgentEvent) -> bool| told.events.iter().filter(|event| is(event)).count();
        assert_eq!(
            count(|event| matches!(event, AgentEvent::ToolUse { .. })),
            tools,
            "{name} {:?}",
            told.events
        );
        assert_eq!(
            count(|event| matches!(event, AgentEvent::PermissionRequest { .. })),
            asked,
            "{name}"
        );
        assert_eq!(
            count(|event| matches!(event, AgentEvent::SessionStarted { .. })),
            1,
            "{name}"
        );
        assert_eq!(usage(&told), used, "{name}");
        assert!(told.closed && told.reader.should_go(), "{name}");
    }
}

#[test]
fn one_character_chunks_are_told_as_one_text() {
    let told = talk(&with(Permissions::Bypass), &mended("claude"));
    let texts = told.events.iter().filter_map(|event| match event {
        AgentEvent::Text { text } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), ["working", "Claude ACP done."]);
}

#[test]
fn hello_is_said_at_once_and_the_prompt_travels_in_the_memo_alone() {
    let launch = launch(&order("acp"));
    let hello: Value = serde_json::from_slice(&launch.stdin).unwrap();
    assert_eq!(
        (&hello["method"], &hello["params"]["protocolVersion"]),
        (&json!("initialize"), &json!(1))
    );
    assert!(launch.keep_stdin_open && launch.args.is_empty());
    let memo = String::from_utf8(launch.memo).unwrap();
    assert!(!memo.contains("s3cret"), "{memo}");
    let told = talk(&order("acp"), &lines(&[HELLO_ANSWER, SESSION_ANSWER]));
    assert_eq!(told.sent[0]["params"]["cwd"], "/tree");
    assert_eq!(
        told.sent[1]["params"]["prompt"][0]["text"],
        "--do \"it\"\nnow"
    );
    assert_eq!(told.sent[1]["params"]["sessionId"], "s1");
}

/// What a resumed session told before is not counted again, whether the program adds up over the
/// session or over its own process.
#[test]
fn the_cost_of_a_resumed_session_is_that_of_its_new_turn() {
    let cost = |usd: f64| {
        format!(
            r#"{{"method":"session/update","params":{{"update":{{"sessionUpdate":"usage_update","cost":{{"amount":{usd},"currency":"USD"}}}}}}}}"#
        )
    };
    let loaded = r#"{"id":2,"result":{}}"#;
    let order = TurnOrder {
        billed: Billed {
            cost: Usd(1_500_000),
            tokens: 0,
        },
        ..resumed()
    };
    let session = lines(&[HELLO_ANSWER, loaded, &cost(1.75), &cost(2.0), END]);
    assert_eq!(usage(&talk(&order, &session)), (500_000, 0));
    let process = lines(&[HELLO_ANSWER, loaded, &cost(0.25), &cost(0.5), END]);
    assert_eq!(usage(&talk(&order, &process)), (500_000, 0));
    let anew = TurnOrder {
        resume: false,
        ..order
    };
    let session = lines(&[HELLO_ANSWER, SESSION_ANSWER, &cost(1.75), END]);
    assert_eq!(usage(&talk(&anew, &session)), (1_750_000, 0));
}

#[test]
fn a_session_is_taken_up_as_the_program_can() {
    let old = r#"{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"text":"long ago"}}}}"#;
    let cost = r#"{"method":"session/update","params":{"update":{"sessionUpdate":"usage_update","cost":{"amount":1.5}}}}"#;
    let later = r#"{"method":"session/update","params":{"update":{"sessionUpdate":"usage_update","cost":{"amount":1.75}}}}"#;
    let loaded = r#"{"id":2,"result":{}}"#;
    let told = talk(
        &resumed(),
        &lines(&[HELLO_ANSWER, old, cost, loaded, later, END]),
    );
    assert_eq!(methods(&told), ["session/load", "session/prompt"]);
    assert_eq!(told.sent[0]["params"]["sessionId"], "5e55");
    assert_eq!(usage(&told), (250_000, 0));
    assert!(
        !told
            .events
            .iter()
            .any(|event| matches!(event, AgentEvent::Text { .. }))
    );
    assert!(
        matches!(told.reader.verdict(&exit(1)), Verdict::Done { summary, .. } if summary.is_empty())
    );
    let resumes = r#"{"id":1,"result":{"protocolVersion":1,"agentCapabilities":{"sessionCapabilities":{"resume":{}}}}}"#;
    assert_eq!(
        methods(&talk(&resumed(), &lines(&[resumes]))),
        ["session/resume"]
    );
}

#[test]
fn a_session_that_cannot_be_taken_up_asks_for_a_new_one() {
    let cannot = r#"{"id":1,"result":{"protocolVersion":1}}"#;
    let gone = r#"{"id":2,"error":{"code":-32002,"message":"Resource not found"}}"#;
    for texts in [&[cannot][..], &[HELLO_ANSWER, gone]] {
        let told = talk(&resumed(), &lines(texts));
        assert_eq!(told.reader.verdict(&exit(0)), Verdict::SessionUnknown);
        let stayed = cw_core::ports::agents::Exit {
            stopped: Some(super::super::LINGERED.into()),
            ..exit(143)
        };
        assert_eq!(told.reader.verdict(&stayed), Verdict::SessionUnknown);
        assert!(told.closed);
    }
}

#[test]
fn errors_refusals_and_other_versions_are_no_success() {
    let fresh = |texts: &[&str]| talk(&order("acp"), &lines(texts)).reader.verdict(&exit(0));
    let auth = r#"{"id":2,"error":{"code":-32000,"message":"Authentication required"}}"#;
    assert!(matches!(fresh(&[HELLO_ANSWER, auth]), Verdict::Auth { .. }));
    let later = auth.replace("\"id\":2", "\"id\":3");
    assert!(matches!(
        fresh(&[HELLO_ANSWER, SESSION_ANSWER, &later]),
        Verdict::Auth { .. }
    ));
    let limit = r#"{"id":3,"error":{"code":-32603,"message":"Internal error","data":{"details":"429 Too Many Requests"}}}"#;
    assert!(matches!(
        fresh(&[HELLO_ANSWER, SESSION_ANSWER, limit]),
        Verdict::Limit { .. }
    ));
    let refused = r#"{"id":3,"result":{"stopReason":"refusal"}}"#;
    assert!(
        matches!(fresh(&[HELLO_ANSWER, SESSION_ANSWER, refused]), Verdict::Failed { why, .. } if why.contains("refusal"))
    );
    let version = r#"{"id":1,"result":{"protocolVersion":9}}"#;
    assert!(matches!(fresh(&[version]), Verdict::Failed { why, .. } if why.contains('9')));
    assert!(
        !matches!(fresh(&[END]), Verdict::Done { .. }),
        "an answer before the question"
    );
}

#[test]
fn options_are_chosen_by_their_kind_and_never_by_their_place() {
    let asked = recorded("acp", "gemini");
    let asked = asked
        .iter()
        .find(|line| String::from_utf8_lossy(&line.bytes).contains("request_permission"))
        .unwrap();
    let chosen = |answer: &Answer| {
        let line = Acp.answer(&asked.bytes, answer).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["id"], 0);
        line["result"]["outcome"]["optionId"].clone()
    };
    assert_eq!(chosen(&Answer::Allow), "proceed_once");
    assert_eq!(chosen(&Answer::Deny { why: "no".into() }), "cancel");
    assert_eq!(chosen(&Answer::Answers(vec!["yes".into()])), "proceed_once");
    let without = r#"{"id":"x","method":"session/request_permission","params":{"options":[]}}"#;
    assert!(
        Acp.answer(without.as_bytes(), &Answer::Allow)
            .unwrap()
            .contains("cancelled")
    );
    assert_eq!(Acp.answer(END.as_bytes(), &Answer::Allow), None);
}

#[test]
fn edits_are_accepted_and_the_rest_is_asked() {
    let ask = |kind: &str| {
        format!(
            r#"{{"id":7,"method":"session/request_permission","params":{{"options":[{{"kind":"allow_once","optionId":"a"}}],"toolCall":{{"kind":"{kind}","title":"t","rawInput":{{"path":"a.txt"}}}}}}}}"#
        )
    };
    let told = talk(
        &with(Permissions::AcceptEdits),
        &lines(&[&ask("edit"), &ask("execute")]),
    );
    assert_eq!(told.sent.len(), 1);
    assert!(
        matches!(&told.events[..], [AgentEvent::PermissionRequest { tool, reply, .. }] if tool == "execute" && reply.0 == 10)
    );
}

#[test]
fn an_edit_that_names_no_file_or_one_elsewhere_is_asked_about() {
    let edit = |fields: &Value| {
        let mut call = json!({"kind": "edit", "title": "t"});
        let fields = fields.as_object().unwrap().clone();
        call.as_object_mut().unwrap().extend(fields);
        let options = json!([{"kind": "allow_once", "optionId": "a"}]);
        let request = json!({"id": 7, "method": "session/request_permission",
            "params": {"options": options, "toolCall": call}});
        let told = talk(
            &with(Permissions::AcceptEdits),
            &lines(&[&request.to_string()]),
        );
        told.sent.len() == 1
    };
    let diff = |path: &str| json!({"content": [{"type": "diff", "path": path}]});
    assert!(edit(&diff("src/a.txt")));
    assert!(!edit(&json!({})));
    assert!(!edit(&diff("/etc/passwd")));
    assert!(!edit(&diff("../a.txt")));
    let mut both = diff("/etc/passwd");
    both["locations"] = json!([{"path": "a.txt"}]);
    assert!(!edit(&both));
}

#[test]
fn extensions_are_refused_or_skipped() {
    let request = r#"{"id":"q","method":"fs/read_text_file","params":{}}"#;
    let notification = r#"{"method":"_auth/status_update","params":{}}"#;
    let told = talk(&order("acp"), &lines(&[request, notification]));
    assert_eq!(
        (told.sent.len(), &told.sent[0]["error"]["code"]),
        (1, &json!(-32601))
    );
}

#[test]
fn a_flood_of_chunks_is_bounded() {
    let chunk = json!({"method": "session/update", "params": {"update":
        {"sessionUpdate": "agent_message_chunk", "content": {"text": "x".repeat(TEXT_CAP * 2)}}}});
    let chunk = chunk.to_string();
    let told = talk(
        &order("acp"),
        &lines(&[HELLO_ANSWER, SESSION_ANSWER, &chunk, &chunk, END]),
    );
    let Verdict::Done { summary, .. } = told.reader.verdict(&exit(0)) else {
        panic!()
    };
    assert!(summary.len() < TEXT_CAP + 8);
    assert!(
        told.events
            .iter()
            .all(|event| format!("{event:?}").len() < TEXT_CAP + 99)
    );
}

#[test]
fn the_tools_of_cw_need_no_permission_and_nothing_else_passes_for_them() {
    let asked = |title: &str, input: Value| {
        let call = json!({"toolCallId": "c", "kind": "execute", "title": title, "rawInput": input});
        let options = json!([{"optionId": "yes", "kind": "allow_once", "name": "Yes"}]);
        let params = json!({"sessionId": "s", "toolCall": call, "options": options});
        let request = json!({"jsonrpc": "2.0", "id": 5, "method": "session/request_permission", "params": params});
        let mut reader = Acp.reader(false, Permissions::AcceptEdits, &[]);
        let reading = reader.line(Stream::Out, &line(0, &request.to_string()));
        reading.reaction.is_none()
    };
    assert!(!asked("mcp__cw__ask", json!({"question": "?"})));
    assert!(!asked("mcp.cw.ask", json!({"server": "cw", "tool": "ask"})));
    assert!(asked("mcp__cw__ask; rm -r x", json!({})));
    assert!(asked("mcp__cw__ask", json!({"command": "mcp__cw__ask"})));
    assert!(asked("mcp.cw.ask", json!({"command": ["mcp.cw.ask"]})));
    assert!(asked(
        "mcp.cw.ask",
        json!({"server": "theirs", "tool": "ask"})
    ));
}
