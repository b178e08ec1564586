//! What a scripted model answers, and how that looks on the wire: a stream of server-sent events, or one JSON document
//! for a program that does not stream.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde_json::{Value, json};

/// An answer of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer(pub(super) Kind);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Message(Vec<Block>),
    Stall(Vec<Block>),
    Error {
        status: u16,
        kind: String,
        message: String,
        headers: Vec<(String, String)>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    Text(String),
    Tool { name: String, input: Value },
}

impl Answer {
    /// Text alone, which ends the turn.
    pub fn text(text: &str) -> Self {
        Self(Kind::Message(vec![Block::Text(text.to_owned())]))
    }

    /// The use of a tool.
    pub fn tool(name: &str, input: Value) -> Self {
        Self(Kind::Message(vec![Block::Tool {
            name: name.to_owned(),
            input,
        }]))
    }

    /// A shell command.
    pub fn bash(command: &str) -> Self {
        Self::tool(
            "Bash",
            json!({ "command": command, "description": "run a command" }),
        )
    }

    /// Writes a whole file. A path that is not absolute is taken from the program's own folder.
    pub fn write(path: &str, content: &str) -> Self {
        Self::tool("Write", json!({ "file_path": path, "content": content }))
    }

    /// Asks the user one question with a choice of answers.
    pub fn ask(question: &str, options: &[&str]) -> Self {
        let options: Vec<Value> = options
            .iter()
            .map(|label| json!({ "label": label, "description": label }))
            .collect();
        let question = json!({ "question": question, "header": "Question", "options": options, "multiSelect": false });
        Self::tool("AskUserQuestion", json!({ "questions": [question] }))
    }

    /// An HTTP error, for example `(429, "rate_limit_error", …)`.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        Self(Kind::Error {
            status,
            kind: kind.to_owned(),
            message: message.to_owned(),
            headers: Vec::new(),
        })
    }

    /// The same answer with one more block after it. An error stays as it is.
    #[must_use]
    pub fn then(mut self, next: Answer) -> Self {
        if let (Kind::Message(blocks) | Kind::Stall(blocks), Kind::Message(more)) =
            (&mut self.0, next.0)
        {
            blocks.extend(more);
        }
        self
    }

    /// The same answer, which never ends: the stream stays open without another byte.
    #[must_use]
    pub fn stalled(self) -> Self {
        match self.0 {
            Kind::Message(blocks) => Self(Kind::Stall(blocks)),
            other => Self(other),
        }
    }

    /// The same error with a header, such as `retry-after`. Other answers stay as they are.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Kind::Error { headers, .. } = &mut self.0 {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same answer with the paths of files made absolute from `folder`: programs ask for that.
    pub(crate) fn rooted(mut self, folder: Option<&str>) -> Self {
        if let (Kind::Message(blocks) | Kind::Stall(blocks), Some(folder)) = (&mut self.0, folder) {
            for block in blocks {
                block.root(folder);
            }
        }
        self
    }

    /// The HTTP response. `number` makes the ids of this answer's message and tools unique on its server.
    pub(crate) fn render(self, number: usize, streams: bool) -> Response {
        match self.0 {
            Kind::Error {
                status,
                kind,
                message,
                headers,
            } => error(status, &kind, &message, &headers),
            Kind::Message(blocks) if !streams => json_response(&whole(number, &blocks)),
            Kind::Message(blocks) => stream(Body::from(events(number, &blocks, true))),
            Kind::Stall(blocks) => stream(Body::new(Stalled(Some(events(number, &blocks, false))))),
        }
    }
}

impl Block {
    fn json(&self, number: usize, index: usize) -> Value {
        match self {
            Self::Text(text) => json!({ "type": "text", "text": text }),
            Self::Tool { name, input } => {
                json!({ "type": "tool_use", "id": tool_id(number, index), "name": name, "input": input })
            }
        }
    }

    fn root(&mut self, folder: &str) {
        let Self::Tool { input, .. } = self else {
            return;
        };
        if let Some(path) = input.get("file_path").and_then(Value::as_str) {
            input["file_path"] = Path::new(folder).join(path).to_string_lossy().into();
        }
    }

    /// The block as it begins in a stream, and the delta that fills it.
    fn opening(&self, number: usize, index: usize) -> (Value, Value) {
        match self {
            Self::Text(text) => (
                json!({ "type": "text", "text": "" }),
                json!({ "type": "text_delta", "text": text }),
            ),
            Self::Tool { name, input } => (
                json!({ "type": "tool_use", "id": tool_id(number, index), "name": name, "input": {} }),
                json!({ "type": "input_json_delta", "partial_json": input.to_string() }),
            ),
        }
    }
}

pub(super) fn tool_id(number: usize, index: usize) -> String {
    format!("toolu_{}_{number:06}_{index}", std::process::id())
}

fn stop_reason(blocks: &[Block]) -> &'static str {
    match blocks.last() {
        Some(Block::Tool { .. }) => "tool_use",
        _ => "end_turn",
    }
}

fn whole(number: usize, blocks: &[Block]) -> Value {
    let content: Vec<Value> = blocks
        .iter()
        .enumerate()
        .map(|(index, block)| block.json(number, index))
        .collect();
    json!({
        "id": format!("msg_{number:06}"), "type": "message", "role": "assistant", "model": "scripted",
        "content": content, "stop_reason": stop_reason(blocks), "stop_sequence": null,
        "usage": { "input_tokens": 100, "output_tokens": 20 },
    })
}

fn events(number: usize, blocks: &[Block], complete: bool) -> String {
    let mut text = String::new();
    let mut send = |kind: &str, mut data: Value| {
        data["type"] = kind.into();
        text.push_str(&format!("event: {kind}\ndata: {data}\n\n"));
    };
    let mut message = whole(number, &[]);
    message["stop_reason"] = Value::Null;
    message["usage"]["output_tokens"] = 1.into();
    send("message_start", json!({ "message": message }));
    for (index, block) in blocks.iter().enumerate() {
        let (opening, delta) = block.opening(number, index);
        send(
            "content_block_start",
            json!({ "index": index, "content_block": opening }),
        );
        send(
            "content_block_delta",
            json!({ "index": index, "delta": delta }),
        );
        send("content_block_stop", json!({ "index": index }));
    }
    if complete {
        let delta = json!({ "stop_reason": stop_reason(blocks), "stop_sequence": null });
        send(
            "message_delta",
            json!({ "delta": delta, "usage": { "output_tokens": 20 } }),
        );
        send("message_stop", json!({}));
    }
    text
}

pub(super) fn stream(body: Body) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        body,
    )
        .into_response()
}

fn json_response(value: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}

fn error(status: u16, kind: &str, message: &str, headers: &[(String, String)]) -> Response {
    let mut response =
        json_response(&json!({ "type": "error", "error": { "type": kind, "message": message } }));
    *response.status_mut() = StatusCode::from_u16(status).expect("a script names an HTTP status");
    for (name, value) in headers {
        let name = header::HeaderName::try_from(name).expect("a script names a header");
        let value = header::HeaderValue::try_from(value).expect("a script gives a header's value");
        response.headers_mut().insert(name, value);
    }
    response
}

/// A body that sends one chunk and then stays open.
pub(super) struct Stalled(pub(super) Option<String>);

impl HttpBody for Stalled {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(text))))),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<&str> {
        text.lines()
            .filter_map(|line| line.strip_prefix("event: "))
            .collect()
    }

    #[test]
    fn a_stream_opens_fills_and_closes_each_block() {
        let Kind::Message(blocks) = Answer::text("hello").then(Answer::bash("true")).0 else {
            panic!()
        };
        let text = events(1, &blocks, true);
        let block = [
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
        ];
        let expected = [
            &["message_start"][..],
            &block,
            &block,
            &["message_delta", "message_stop"],
        ]
        .concat();
        assert_eq!(kinds(&text), expected);
        assert!(text.contains("\"stop_reason\":\"tool_use\""));
    }

    #[test]
    fn a_stalled_answer_lacks_its_end() {
        let Kind::Stall(blocks) = Answer::text("hello").stalled().0 else {
            panic!()
        };
        assert_eq!(
            kinds(&events(1, &blocks, false)).last(),
            Some(&"content_block_stop")
        );
    }

    #[test]
    fn paths_are_taken_from_the_programs_folder() {
        let rooted = |path| {
            Answer::text("I write")
                .then(Answer::write(path, ""))
                .rooted(Some("/home"))
        };
        let written = |path| Answer::text("I write").then(Answer::write(path, ""));
        assert_eq!(rooted("src/a.rs"), written("/home/src/a.rs"));
        assert_eq!(rooted("/tmp/a.rs"), written("/tmp/a.rs"));
    }

    #[test]
    fn ids_differ_between_answers_and_blocks() {
        assert_ne!(tool_id(1, 0), tool_id(2, 0));
        assert_ne!(tool_id(1, 0), tool_id(1, 1));
    }

    #[test]
    fn an_error_carries_its_status_and_headers() {
        let response = Answer::error(429, "rate_limit_error", "later")
            .header("retry-after", "3")
            .render(1, true);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "3");
    }
}
