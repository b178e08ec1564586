//! What an agent's token opens, and what it does not.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::stage::Stage;

/// Spawns an agent that leaves its token behind and waits to be let go.
pub(crate) fn waiting_agent(stage: &Stage, name: &str) -> String {
    let (token, go) = (stage.tools.join(name), stage.tools.join("go"));
    let prompt = format!(
        "printf %s \"$CW_TOKEN\" > {token}.new; mv {token}.new {token}\n\
         while [ ! -e {go} ]; do sleep 0.05; done\n",
        token = token.display(),
        go = go.display()
    );
    stage.cw(&["spawn", &prompt, "--name", name]).expect(0);
    stage.wait("the token", || std::fs::read_to_string(&token).ok())
}

/// Calls the server as a program of its own would: the status and the answer.
fn ask(stage: &Stage, request: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
    let mut socket = UnixStream::connect(stage.home.join("run/cw.sock")).unwrap();
    let body = body.to_string();
    let token = token.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    let head = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{token}content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

pub(crate) fn call(
    stage: &Stage,
    procedure: &str,
    token: Option<&str>,
    body: &Value,
) -> (u16, Value) {
    ask(stage, &format!("POST /rpc/{procedure}"), token, body)
}

#[track_caller]
fn done(stage: &Stage, procedure: &str, token: &str, body: &Value) -> Value {
    let (status, answer) = call(stage, procedure, Some(token), body);
    assert_eq!(status, 200, "{procedure}: {answer}");
    answer
}

#[test]
fn a_token_opens_what_agents_may_ask_for_and_nothing_else() {
    let stage = Stage::new();
    let token = waiting_agent(&stage, "soho");
    for one in cw_wire::procedure::all() {
        if one.name.starts_with("me.") {
            let (status, answer) = call(&stage, one.name, None, &json!({}));
            assert_eq!(status, 400, "{}: {answer}", one.name);
        } else {
            let (status, answer) = call(&stage, one.name, Some(&token), &json!({}));
            assert_eq!(status, 409, "{}: {answer}", one.name);
            assert_eq!(answer["error"]["message"], "an agent cannot do that");
        }
    }
    let (status, _) = ask(&stage, "GET /events?after=0", Some(&token), &Value::Null);
    assert_eq!(status, 409);
    for wrong in ["nope", "", &token[1..]] {
        let (status, answer) = call(&stage, "me.task", Some(wrong), &json!({}));
        assert_eq!(status, 409, "{answer}");
    }
    assert_eq!(stage.task("soho")["status"], "running");
}

#[test]
fn a_token_acts_for_its_own_task_alone() {
    let stage = Stage::new();
    let (soho, marais) = (
        waiting_agent(&stage, "soho"),
        waiting_agent(&stage, "marais"),
    );
    assert_eq!(
        done(&stage, "me.task", &soho, &json!({}))["task"]["id"],
        "soho"
    );
    assert_eq!(
        done(&stage, "me.task", &marais, &json!({}))["task"]["id"],
        "marais"
    );

    let question = json!({ "text": "Which?", "options": ["a", "b"], "wait_s": 0 });
    let asked = done(&stage, "me.ask", &soho, &question);
    assert_eq!(
        (&asked["answer"], &asked["parked"]),
        (&Value::Null, &json!(false))
    );
    let id = asked["message"].as_str().unwrap();
    let wait = json!({ "message": id, "wait_s": 0 });
    let (status, _) = call(&stage, "me.wait-answer", Some(&marais), &wait);
    assert_eq!(status, 404, "a question of another agent");
    // Nobody answers a question of its own.
    let (status, _) = call(
        &stage,
        "message.answer",
        Some(&soho),
        &json!({ "id": id, "text": "a" }),
    );
    assert_eq!(status, 409);
    stage.cw(&["message", "answer", id, "2"]).expect(0);
    assert_eq!(done(&stage, "me.wait-answer", &soho, &wait)["answer"], "b");

    stage
        .cw(&["agent", "say", "marais", "only for marais"])
        .expect(0);
    let read =
        |token: &str| done(&stage, "me.read-messages", token, &json!({}))["messages"].clone();
    assert_eq!(
        read(&soho),
        json!([]),
        "the answer was taken, the note is for another"
    );
    assert_eq!(read(&marais)[0]["body"], "only for marais");
    assert_eq!(read(&marais), json!([]), "each message is read once");

    std::fs::write(stage.tools.join("go"), "").unwrap();
    stage.wait_for("soho", "merged");
    stage.wait_for("marais", "merged");
    let agents = stage.json(&["agent", "list"]);
    for agent in agents["agents"].as_array().unwrap() {
        assert_eq!(
            agent["turns"], 1,
            "nothing was brought a second time: {agent}"
        );
    }
}

#[test]
fn an_agent_without_its_token_is_not_taken_for_the_user() {
    let stage = Stage::new();
    let prompt = "cw progress fine && echo $? >> codes\n\
                  env -u CW_TOKEN cw agent list; echo $? >> codes\n\
                  setsid env -i PATH=\"$PATH\" CW_SOCKET=\"$CW_SOCKET\" cw stop --all; echo $? >> codes\n";
    stage.cw(&["spawn", prompt, "--name", "soho"]).expect(0);
    stage.wait_for("soho", "merged");
    let codes = stage.file_at("cw/adhoc/integration", "codes");
    assert_eq!(codes.lines().collect::<Vec<_>>(), ["0", "4", "4"]);
}
