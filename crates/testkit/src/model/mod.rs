//! A scripted model: an HTTP server on the loopback interface that speaks the Messages API and three others as far as real
//! agent programs use them, so that they can be tested offline. What is answered is the script's business; this server knows no agents.
//!
//! The path prefix `/s/<scenario>` lets one server play many tests at once: the scenario is handed to the script and
//! kept with each recorded request.

mod answer;
mod dialect;
mod request;
mod script;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::sync::oneshot;

use dialect::Dialect;

pub use answer::Answer;
pub use request::{Request, ToolResult};
pub use script::{Script, Table};

/// A running scripted model; dropping it ends the server.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    recorded: Arc<Mutex<Vec<Request>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Model {
    /// Starts a server on a free port of 127.0.0.1, on a thread of its own, so that it serves tests with and without a
    /// runtime. A script may block: each of its answers is asked for on a thread that may.
    pub fn start(script: impl Script) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared {
            script: Arc::new(script),
            recorded: Arc::clone(&recorded),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("scripted-model".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, shared, stopped));
                runtime.shutdown_background();
            })?;
        Ok(Self {
            address,
            recorded,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The base address that an agent program is given to play a scenario.
    pub fn base_url(&self, scenario: &str) -> String {
        format!("http://{}/s/{scenario}", self.address)
    }

    /// The requests of a scenario so far, in order of arrival.
    pub fn requests(&self, scenario: &str) -> Vec<Request> {
        let recorded = self
            .recorded
            .lock()
            .expect("no holder of the recordings panics");
        recorded
            .iter()
            .filter(|request| request.scenario == scenario)
            .cloned()
            .collect()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Shared {
    script: Arc<dyn Script>,
    recorded: Arc<Mutex<Vec<Request>>>,
}

impl Shared {
    /// Keeps a request; its number makes the ids of the answer unique.
    fn record(&self, request: &Request) -> usize {
        let mut recorded = self
            .recorded
            .lock()
            .expect("no holder of the recordings panics");
        recorded.push(request.clone());
        recorded.len()
    }

    async fn ask(&self, request: Request) -> Answer {
        let script = Arc::clone(&self.script);
        let ask = move || script.answer(&request).rooted(request.folder());
        let asked = tokio::task::spawn_blocking(ask).await;
        asked.unwrap_or_else(|_| Answer::error(500, "api_error", "the script panicked"))
    }
}

/// Serves until the other end of `stopped` is dropped; open answers are cut, since a stalled one would never end.
async fn serve(listener: std::net::TcpListener, shared: Shared, stopped: oneshot::Receiver<()>) {
    let router = Router::new()
        .route("/s/{scenario}/v1/messages", post(messages))
        .route("/s/{scenario}/v1/messages/count_tokens", post(count_tokens))
        .route("/s/{scenario}/v1/responses", post(responses))
        .route("/s/{scenario}/v1/chat/completions", post(chat))
        .route("/s/{scenario}/v1beta/models/{*call}", post(gemini))
        .fallback(probe)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared);
    let listener =
        tokio::net::TcpListener::from_std(listener).expect("the listener is not blocking");
    tokio::select! {
        served = async { axum::serve(listener, router).await } => {
            served.expect("serving on the loopback interface goes on until it is stopped");
        }
        _ = stopped => {}
    }
}

async fn messages(
    State(shared): State<Shared>,
    Path(scenario): Path<String>,
    body: Bytes,
) -> Response {
    let Some(request) = Request::read(scenario, &body) else {
        return Answer::error(400, "invalid_request_error", "the body is no request")
            .render(0, false);
    };
    let number = shared.record(&request);
    let streams = request.streams();
    shared.ask(request).await.render(number, streams)
}

async fn responses(state: State<Shared>, Path(scenario): Path<String>, body: Bytes) -> Response {
    spoken(Dialect::Responses, state.0, scenario, &body).await
}

async fn chat(state: State<Shared>, Path(scenario): Path<String>, body: Bytes) -> Response {
    spoken(Dialect::Chat, state.0, scenario, &body).await
}

async fn gemini(
    state: State<Shared>,
    Path((scenario, _)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    spoken(Dialect::Gemini, state.0, scenario, &body).await
}

async fn spoken(dialect: Dialect, shared: Shared, scenario: String, body: &[u8]) -> Response {
    let Ok(raw @ Value::Object(_)) = serde_json::from_slice(body) else {
        return Answer::error(400, "invalid_request_error", "the body is no request")
            .render(0, false);
    };
    let request = Request {
        scenario,
        body: dialect.messages(&raw),
    };
    let number = shared.record(&request);
    let answer = shared.ask(request.clone()).await;
    dialect.render(answer, number, &request.tools())
}

async fn count_tokens(body: Bytes) -> Response {
    let counted = format!("{{\"input_tokens\":{}}}", body.len() / 4);
    ([(header::CONTENT_TYPE, "application/json")], counted).into_response()
}

/// Programs look whether anybody is there before they ask; that is answered kindly, the unknown is not.
async fn probe(method: Method) -> Response {
    if method == Method::GET || method == Method::HEAD {
        return (
            [(header::CONTENT_TYPE, "application/json")],
            Body::from("{}"),
        )
            .into_response();
    }
    (
        StatusCode::NOT_FOUND,
        "the scripted model does not know this path",
    )
        .into_response()
}

#[cfg(test)]
mod tests;
