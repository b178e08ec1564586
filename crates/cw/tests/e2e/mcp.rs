//! The tools of agents over the Model Context Protocol: on the socket, on TCP and through
//! `cw mcp`; what each agent's token opens, and what it does not.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::tokens::waiting_agent;

fn request(id: u32, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn use_of(tool: &str, arguments: &Value) -> Value {
    request(
        7,
        "tools/call",
        &json!({ "name": tool, "arguments": arguments }),
    )
}

fn hello() -> Value {
    let client = json!({ "name": "test", "version": "1" });
    let params =
        json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
    request(1, "initialize", &params)
}

/// Posts to the tools: the status and what was answered.
fn post(mut to: impl Read + Write, headers: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nconnection: close\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    to.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    // Whatever frames it, an answer is one object.
    let object = body
        .find('{')
        .and_then(|from| Some(&body[from..=body.rfind('}')?]));
    let object = object.map(|text| serde_json::from_str(text).unwrap());
    (status, object.unwrap_or(Value::Null))
}

fn bearer(token: &str) -> String {
    format!("host: localhost\r\nauthorization: Bearer {token}\r\n")
}

fn at_socket(stage: &Stage, headers: &str, body: &Value) -> (u16, Value) {
    let socket = UnixStream::connect(stage.home.join("run/cw.sock")).unwrap();
    post(socket, headers, body)
}

/// What a tool says: its text, and whether that is an error.
#[track_caller]
fn told(stage: &Stage, token: &str, tool: &str, arguments: &Value) -> (String, bool) {
    let (status, answer) = at_socket(stage, &bearer(token), &use_of(tool, arguments));
    assert_eq!(status, 200, "{answer}");
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str();
    let text = text.unwrap_or_else(|| panic!("{answer}")).to_owned();
    (text, result["isError"] == true)
}

#[track_caller]
fn done(stage: &Stage, token: &str, tool: &str, arguments: &Value) -> String {
    let (text, is_error) = told(stage, token, tool, arguments);
    assert!(!is_error, "{tool}: {text}");
    text
}

fn let_go(stage: &Stage, agents: &[&str]) {
    std::fs::write(stage.tools.join("go"), "").unwrap();
    for agent in agents {
        stage.wait_for(agent, "merged");
    }
}

#[test]
fn the_tools_are_offered_to_agents_over_http_under_the_name_of_cw() {
    let stage = Stage::new();
    let token = waiting_agent(&stage, "soho");
    let (status, answer) = at_socket(&stage, &bearer(&token), &hello());
    assert_eq!(
        (status, &answer["result"]["serverInfo"]["name"]),
        (200, &json!("cw"))
    );
    let list = request(2, "tools/list", &json!({}));
    let (_, answer) = at_socket(&stage, &bearer(&token), &list);
    let tools = answer["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    let all = [
        "ask",
        "say",
        "read_messages",
        "progress",
        "done",
        "add_task",
        "task",
    ];
    assert_eq!(names, all);

    assert_eq!(
        done(&stage, &token, "progress", &json!({ "text": "half" })),
        "ok"
    );
    let added = json!({ "title": "Later", "prompt": "true" });
    assert!(done(&stage, &token, "add_task", &added).contains("later"));
    assert!(done(&stage, &token, "task", &json!({})).contains("\"soho\""));
    assert!(done(&stage, &token, "say", &json!({ "text": "hello" })).contains("hello"));
    let summary = json!({ "summary": "all of it" });
    assert_eq!(done(&stage, &token, "done", &summary), "ok");
    let (text, is_error) = told(&stage, &token, "ask", &json!({}));
    assert!(is_error && text.contains("`question` is missing"), "{text}");
    let_go(&stage, &["soho"]);
    assert_eq!(stage.json(&["inbox"])["messages"][0]["body"], "hello");
    stage.wait_for("later", "merged");
}

#[test]
fn only_the_token_of_an_agent_opens_the_tools_and_only_for_its_own_task() {
    let stage = Stage::new();
    let (soho, marais) = (
        waiting_agent(&stage, "soho"),
        waiting_agent(&stage, "marais"),
    );
    let list = request(2, "tools/list", &json!({}));
    let no_token = "host: localhost\r\n";
    for headers in [no_token, &bearer("nope"), &bearer(""), &bearer(&soho[1..])] {
        let (status, answer) = at_socket(&stage, headers, &list);
        assert_eq!(status, 409, "{headers}: {answer}");
    }
    let foreign = format!("host: evil.example\r\nauthorization: Bearer {soho}\r\n");
    assert_eq!(at_socket(&stage, &foreign, &list).0, 403);

    assert!(done(&stage, &soho, "task", &json!({})).contains("\"soho\""));
    assert!(!done(&stage, &soho, "task", &json!({ "id": "marais" })).contains("\"marais\""));
    // No tool answers a question: that is the user's.
    for tool in ["answer", "message.answer", "../rpc/agent.stop", ""] {
        let (text, is_error) = told(&stage, &soho, tool, &json!({ "id": "1", "text": "a" }));
        assert!(is_error && text.contains("no tool"), "{text}");
    }
    stage
        .cw(&["agent", "say", "marais", "for marais"])
        .expect(0);
    assert!(!done(&stage, &soho, "read_messages", &json!({})).contains("for marais"));
    assert!(done(&stage, &marais, "read_messages", &json!({})).contains("for marais"));
    assert!(!done(&stage, &marais, "read_messages", &json!({})).contains("for marais"));
    // What reached another cannot be marked as read by this one.
    let (status, _) = crate::tokens::call(
        &stage,
        "me.took",
        Some(&soho),
        &json!({ "messages": ["1"] }),
    );
    assert_eq!(status, 404);
    let other = json!({ "title": "x", "prompt": "true", "after": ["nothing-like-it"] });
    assert!(told(&stage, &soho, "add_task", &other).1);
    let nobody = json!({ "text": "hi", "to": "kreuzberg" });
    assert!(told(&stage, &soho, "say", &nobody).1);
    let_go(&stage, &["soho", "marais"]);
}

#[test]
fn over_tcp_the_tools_want_an_agents_token_and_nothing_else_takes_it() {
    let stage = Stage::new();
    stage.cw(&["server", "stop"]).expect(0);
    let mut server = stage.start(&["serve", "--listen", "127.0.0.1:0"]);
    let address = stage.wait("the server", || {
        let status = stage.cw(&["server", "status", "--json"]).out;
        let status: Value = serde_json::from_str(&status).ok()?;
        status["listen"].as_str().map(str::to_owned)
    });
    let token = waiting_agent(&stage, "soho");
    let at = |headers: &str| {
        let list = request(2, "tools/list", &json!({}));
        post(TcpStream::connect(&address).unwrap(), headers, &list)
    };
    let (status, answer) = at(&format!(
        "host: {address}\r\nauthorization: Bearer {token}\r\n"
    ));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), 7);
    assert_eq!(at(&format!("host: {address}\r\n")).0, 401);
    assert_eq!(
        at(&format!(
            "host: {address}\r\nauthorization: Bearer nope\r\n"
        ))
        .0,
        409
    );
    assert_eq!(
        at(&format!(
            "host: evil.example\r\nauthorization: Bearer {token}\r\n"
        ))
        .0,
        401
    );
    let own = std::fs::read_to_string(stage.home.join("run/token")).unwrap();
    let user = format!(
        "host: {address}\r\nauthorization: Bearer {}\r\n",
        own.trim()
    );
    assert_eq!(
        at(&user).0,
        409,
        "the listener's token is the user's, not an agent's"
    );
    let_go(&stage, &["soho"]);
    stage.cw(&["server", "stop"]).expect(0);
    server.wait().unwrap();
}

#[test]
fn messages_that_do_not_fit_into_one_answer_are_left_for_the_next() {
    let stage = Stage::new();
    let token = waiting_agent(&stage, "soho");
    let long = |letter: &str| letter.repeat(40 * 1024);
    for letter in ["a", "b"] {
        let note = long(letter);
        stage
            .cw_with(&["agent", "say", "soho", "-"], note.as_bytes())
            .expect(0);
    }
    let read = || -> Value {
        serde_json::from_str(&done(&stage, &token, "read_messages", &json!({}))).unwrap()
    };
    for (letter, more) in [("a", true), ("b", false)] {
        let answer = read();
        assert_eq!(answer["messages"].as_array().unwrap().len(), 1);
        assert_eq!(answer["messages"][0]["body"], long(letter));
        assert_eq!(answer["more"].is_string(), more);
    }
    assert_eq!(read()["messages"], json!([]));
    let_go(&stage, &["soho"]);
}

#[test]
fn an_answer_for_a_caller_that_has_gone_comes_with_the_next_turn() {
    let stage = Stage::new();
    stage.tool("on-answer.sh", "cp \"$1\" answer; git add answer\n");
    let token = waiting_agent(&stage, "soho");
    let mut socket = UnixStream::connect(stage.home.join("run/cw.sock")).unwrap();
    let body = use_of("ask", &json!({ "question": "Which?" })).to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{}content-length: {}\r\n\r\n{body}",
        bearer(&token),
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    stage.wait_for("soho", "waiting");
    // The server hangs up once it has seen that its caller did.
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(socket.read(&mut [0; 64]).unwrap(), 0);
    drop(socket);
    stage
        .cw(&["message", "answer", "1", "the green one"])
        .expect(0);
    let_go(&stage, &["soho"]);
    let answer = stage.file_at("cw/adhoc/integration", "answer");
    assert!(answer.contains("the green one"), "{answer}");
}

#[test]
fn the_agents_of_another_project_are_out_of_reach() {
    let stage = Stage::new();
    let soho = waiting_agent(&stage, "soho");
    let other = stage.tools.join("other");
    let dir = other.to_str().unwrap();
    stage.git(&["clone", "-q", ".", dir]);
    std::fs::copy(stage.repo.join("cw.toml"), other.join("cw.toml")).unwrap();
    stage.cw(&["-C", dir, "init", "--trust"]).expect(0);
    let go = stage.tools.join("go");
    let prompt = format!("while [ ! -e {} ]; do sleep 0.05; done\n", go.display());
    stage
        .cw(&["-C", dir, "spawn", &prompt, "--name", "kreuzberg"])
        .expect(0);

    let note = json!({ "text": "hi", "to": "kreuzberg" });
    let (text, is_error) = told(&stage, &soho, "say", &note);
    assert!(is_error, "{text}");
    let task = json!({ "title": "x", "prompt": "true", "after": ["kreuzberg"] });
    let (text, is_error) = told(&stage, &soho, "add_task", &task);
    assert!(is_error, "{text}");
    let theirs = stage.json(&["-C", dir, "message", "list"]);
    assert_eq!(theirs["messages"], json!([]));
    let_go(&stage, &["soho"]);
}

/// `cw mcp` as an agent program starts it.
struct Tools {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Tools {
    fn of(stage: &Stage, token: &str) -> Self {
        let mut child = stage
            .command(&["mcp"])
            .env("CW_TOKEN", token)
            .env("CW_SOCKET", stage.home.join("run/cw.sock"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn send(&mut self, line: &Value) {
        let mut stdin = self.child.stdin.as_ref().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

#[test]
fn a_question_over_standard_input_outlives_its_server_and_is_answered_once() {
    let stage = Stage::new();
    let token = waiting_agent(&stage, "soho");
    let mut tools = Tools::of(&stage, &token);
    tools.send(&hello());
    assert_eq!(tools.answer()["result"]["serverInfo"]["name"], "cw");
    tools.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let question = json!({ "question": "Which?", "options": ["red", "blue"] });
    tools.send(&use_of("ask", &question));
    stage.wait_for("soho", "waiting");
    // A question that waits holds nobody up.
    tools.send(&request(8, "ping", &json!({})));
    assert_eq!(tools.answer()["id"], 8);
    for _ in 0..3 {
        stage.kill_server();
        let open = stage.json(&["inbox"])["messages"].clone();
        assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
    }
    let id = stage.json(&["inbox"])["messages"][0]["id"].clone();
    stage
        .cw(&["message", "answer", id.as_str().unwrap(), "2"])
        .expect(0);
    let answer = tools.answer();
    assert_eq!(answer["result"]["content"][0]["text"], "blue", "{answer}");
    drop(tools.child.stdin.take());
    assert!(tools.child.wait().unwrap().success());
    let_go(&stage, &["soho"]);
    assert_eq!(stage.json(&["agent", "show", "soho"])["agent"]["turns"], 1);
}

#[test]
fn an_answer_to_a_question_that_its_program_gave_up_comes_with_the_next_turn() {
    let stage = Stage::new();
    stage.tool("on-answer.sh", "cp \"$1\" answer; git add answer\n");
    let token = waiting_agent(&stage, "soho");
    let mut tools = Tools::of(&stage, &token);
    tools.send(&use_of("ask", &json!({ "question": "Which?" })));
    stage.wait_for("soho", "waiting");
    let params = json!({ "requestId": 7 });
    let cancelled =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    tools.send(&cancelled);
    // Lines are read in order: the answer to this one shows that the one before was.
    tools.send(&request(8, "ping", &json!({})));
    assert_eq!(tools.answer()["id"], 8);
    stage
        .cw(&["message", "answer", "1", "the green one"])
        .expect(0);
    drop(tools.child.stdin.take());
    tools.child.wait().unwrap();
    let_go(&stage, &["soho"]);
    let answer = stage.file_at("cw/adhoc/integration", "answer");
    assert!(answer.contains("the green one"), "{answer}");
}

#[test]
fn what_was_handed_to_tools_that_died_before_they_passed_it_on_comes_again() {
    let stage = Stage::new();
    let token = waiting_agent(&stage, "soho");
    stage
        .cw(&["agent", "say", "soho", "mind the step"])
        .expect(0);
    // Like `cw mcp`, it says that it will say what has reached the agent, and then does not.
    let acks = format!("{}cw-acks: 1\r\n", bearer(&token));
    for _ in 0..2 {
        let read = use_of("read_messages", &json!({}));
        let (_, answer) = at_socket(&stage, &acks, &read);
        let result = &answer["result"];
        assert!(
            result["content"][0]["text"]
                .as_str()
                .unwrap()
                .contains("mind the step")
        );
        assert_eq!(result["_meta"]["cw/messages"], json!(["1"]));
    }
    let mut tools = Tools::of(&stage, &token);
    tools.send(&use_of("read_messages", &json!({})));
    assert!(tools.answer().to_string().contains("mind the step"));
    stage.wait("the note to be read", || {
        let messages = stage.json(&["message", "list"])["messages"].clone();
        (messages[0]["status"] == "read").then_some(())
    });
    drop(tools.child.stdin.take());
    tools.child.wait().unwrap();
    let_go(&stage, &["soho"]);
    assert_eq!(stage.json(&["agent", "show", "soho"])["agent"]["turns"], 1);
}
