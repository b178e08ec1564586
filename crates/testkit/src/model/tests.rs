//! The server as a program sees it, over a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::*;

fn send(model: &Model, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(model.address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    BufReader::new(stream)
}

fn whole(mut reader: BufReader<TcpStream>) -> (String, String) {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn asking(prompt: &str, stream: bool) -> String {
    json!({ "stream": stream, "messages": [{ "role": "user", "content": prompt }] }).to_string()
}

#[test]
fn a_program_that_does_not_stream_gets_one_document() {
    let model = Model::start(Table::new().on("hello", [Answer::text("hi")])).unwrap();
    let (head, body) = whole(send(
        &model,
        "POST",
        "/s/one/v1/messages?beta=true",
        &asking("hello", false),
    ));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["content"][0]["text"], "hi");
    assert_eq!(body["stop_reason"], "end_turn");
}

#[test]
fn requests_are_recorded_by_scenario() {
    let model = Model::start(Table::new()).unwrap();
    whole(send(
        &model,
        "POST",
        "/s/one/v1/messages",
        &asking("first", true),
    ));
    whole(send(
        &model,
        "POST",
        "/s/two/v1/messages",
        &asking("second", true),
    ));
    let prompts: Vec<_> = model.requests("two").iter().map(Request::prompt).collect();
    assert_eq!(prompts, ["second"]);
}

#[test]
fn probes_and_token_counts_are_answered_and_not_recorded() {
    let model = Model::start(Table::new()).unwrap();
    for (method, path) in [("HEAD", "/s/one"), ("GET", "/s/one/v1/models")] {
        assert!(
            whole(send(&model, method, path, ""))
                .0
                .starts_with("HTTP/1.1 200")
        );
    }
    let (_, counted) = whole(send(
        &model,
        "POST",
        "/s/one/v1/messages/count_tokens",
        &asking("x", false),
    ));
    assert!(counted.contains("input_tokens"), "{counted}");
    assert!(
        whole(send(&model, "POST", "/other", "{}"))
            .0
            .starts_with("HTTP/1.1 404")
    );
    assert!(model.requests("one").is_empty());
}

#[test]
fn what_is_no_request_and_a_script_that_panics_are_errors_of_the_api() {
    let model = Model::start(|_: &Request| -> Answer { panic!("the script is wrong") }).unwrap();
    let (head, body) = whole(send(&model, "POST", "/s/one/v1/messages", "{"));
    assert!(
        head.starts_with("HTTP/1.1 400") && body.contains("invalid_request_error"),
        "{head}"
    );
    let (head, _) = whole(send(
        &model,
        "POST",
        "/s/one/v1/messages",
        &asking("x", true),
    ));
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
}

#[test]
fn a_stalled_answer_is_cut_when_the_server_ends() {
    let model = Model::start(|_: &Request| Answer::text("wait").stalled()).unwrap();
    let mut reader = send(&model, "POST", "/s/one/v1/messages", &asking("x", true));
    let mut line = String::new();
    while !line.contains("wait") {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0);
    }
    drop(model);
    let mut rest = Vec::new();
    let _ = reader.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("message_stop"));
}
