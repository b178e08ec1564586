//! Speaks to the server: HTTP/1.1 over its Unix socket, JSON in and out.
//!
//! It owns connecting, starting a server where none runs, and telling faults of the road from
//! errors of the server. It refuses to know what is said.

use crate::failure::{Failure, Outcome};
use crate::host::Host;
use crate::sse::{Frame, Frames};
use cw_wire::handshake::{EVENTS_PATH, RPC_PATH};
use cw_wire::{
    ErrorBody, ErrorCode, ErrorView, EventView, Kind, PROTOCOL, PROTOCOL_HEADER, Procedure,
    VERSION_HEADER,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use tokio::net::UnixStream;

/// What is said when a request did not leave.
const NOT_REACHED: &str = "the server cannot be reached";

/// What to do when no server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Autostart {
    /// Start one.
    Yes,
    /// The user does not want one started.
    Refused,
    /// It is not for this caller to start one (inside an agent, or while following).
    Never,
}

/// The way to one server.
pub(crate) struct Client<'a> {
    host: &'a dyn Host,
    socket: PathBuf,
    token: Option<String>,
    autostart: Cell<Autostart>,
    kept: RefCell<Option<Sender>>,
}

type Sender = SendRequest<Full<Bytes>>;

/// What went wrong on the road.
enum Lost {
    /// The request did not leave: it may be sent again.
    Unsent,
    /// The request may have been carried out.
    Unanswered(String),
}

impl<'a> Client<'a> {
    /// Builds a client; nothing is opened yet.
    pub(crate) fn new(
        host: &'a dyn Host,
        socket: PathBuf,
        token: Option<String>,
        autostart: Autostart,
    ) -> Self {
        Self {
            host,
            socket,
            token,
            autostart: Cell::new(autostart),
            kept: RefCell::new(None),
        }
    }

    /// Whether it speaks as an agent.
    pub(crate) fn is_agent(&self) -> bool {
        self.token.is_some()
    }

    /// From now on a server that has gone is not started again.
    pub(crate) fn leave_stopped(&self) {
        self.autostart.set(Autostart::Never);
    }

    /// Calls a procedure.
    pub(crate) async fn call<P: Procedure>(&self, input: &P::Input) -> Outcome<P::Output> {
        let answer = self.call_raw::<P>(input).await?;
        serde_json::from_str(&answer).map_err(|error| garbled(P::NAME, &error).into())
    }

    /// Calls a procedure and leaves its answer as the JSON it came in.
    pub(crate) async fn call_raw<P: Procedure>(&self, input: &P::Input) -> Outcome<String> {
        let body = serde_json::to_vec(input).map_err(|error| garbled(P::NAME, &error))?;
        let path = format!("{RPC_PATH}{}", P::NAME);
        let response = self.exchange(Method::POST, &path, &body, P::KIND).await?;
        let answer = read_whole(response)
            .await
            .map_err(|cause| broke_off(&cause))?;
        String::from_utf8(answer.into()).map_err(|error| {
            broke_off(&format!("the answer to `{}` is not text: {error}", P::NAME)).into()
        })
    }

    /// The process that listens on the socket, as the system knows it: the only thing to be
    /// learned from a server of another protocol.
    pub(crate) async fn server_pid(&self) -> Option<i32> {
        let stream = UnixStream::connect(&self.socket).await.ok()?;
        stream.peer_cred().ok()?.pid()
    }

    /// Opens the event stream.
    pub(crate) async fn events(&self, query: &impl Serialize) -> Outcome<EventStream> {
        let path = format!("{EVENTS_PATH}?{}", query_string(query));
        let mut sender = self.open().await?;
        let response = sender
            .send_request(self.request(Method::GET, &path, &[])?)
            .await
            .map_err(|error| broke_off(&error.to_string()))?;
        let response = check(response).await?;
        Ok(EventStream {
            _sender: sender,
            body: response.into_body(),
            frames: Frames::default(),
            ready: VecDeque::new(),
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
        kind: Kind,
    ) -> Outcome<Response<Incoming>> {
        let mut again = true;
        loop {
            let kept = self.kept.take();
            let mut sender = match kept {
                Some(sender) if !sender.is_closed() => sender,
                _ => self.open().await?,
            };
            let request = self.request(method.clone(), path, body)?;
            match send(&mut sender, request).await {
                Ok(response) => {
                    self.kept.replace(Some(sender));
                    return check(response).await;
                }
                Err(Lost::Unsent) if again => again = false,
                Err(Lost::Unanswered(_)) if again && kind == Kind::Query => again = false,
                Err(Lost::Unsent) => return Err(broke_off("the server hung up").into()),
                Err(Lost::Unanswered(cause)) => return Err(broke_off(&cause).into()),
            }
        }
    }

    fn request(&self, method: Method, path: &str, body: &[u8]) -> Outcome<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header(VERSION_HEADER, self.host.version());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Full::from(body.to_vec())).map_err(|error| {
            ErrorView::new(ErrorCode::Usage, "cannot form the request")
                .cause(error.to_string())
                .into()
        })
    }

    /// Connects, starting a server where that is allowed.
    async fn open(&self) -> Outcome<Sender> {
        let stream = match UnixStream::connect(&self.socket).await {
            Ok(stream) => stream,
            Err(error) if nobody_listens(&error) && self.autostart.get() == Autostart::Yes => {
                self.host.start_server(None)?;
                UnixStream::connect(&self.socket)
                    .await
                    .map_err(|error| self.unreachable(&error))?
            }
            Err(error) => return Err(self.unreachable(&error).into()),
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broke_off(&error.to_string()))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn unreachable(&self, error: &io::Error) -> ErrorView {
        let socket = self.socket.display();
        let cause = if nobody_listens(error) {
            format!("nobody listens on {socket}")
        } else {
            format!("{socket}: {error}")
        };
        let hint = match self.autostart.get() {
            Autostart::Refused => "`cw server start` starts one, or leave out --no-autostart",
            Autostart::Yes => "`cw doctor` checks the installation; `cw server logs` shows why",
            Autostart::Never => "`cw server start` starts it again",
        };
        ErrorView::new(ErrorCode::Unreachable, NOT_REACHED)
            .cause(cause)
            .hint(hint)
    }
}

/// A stream of events.
pub(crate) struct EventStream {
    _sender: Sender,
    body: Incoming,
    frames: Frames,
    ready: VecDeque<Frame>,
}

impl EventStream {
    /// Waits for the next event; none at the stream's end. May be dropped half way without loss.
    pub(crate) async fn next(&mut self) -> Outcome<Option<EventView>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return event(&frame).map(Some);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broke_off(&error.to_string()).into()),
                Some(Ok(part)) => {
                    if let Some(bytes) = part.data_ref() {
                        self.ready.extend(self.frames.feed(bytes));
                    }
                }
            }
        }
    }
}

fn event(frame: &Frame) -> Outcome<EventView> {
    if frame.name == cw_wire::event::ERROR_EVENT {
        return Err(match serde_json::from_str::<ErrorBody>(&frame.data) {
            Ok(body) => body.error.into(),
            Err(error) => garbled("events", &error).into(),
        });
    }
    serde_json::from_str(&frame.data).map_err(|error| garbled("events", &error).into())
}

async fn send(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Lost> {
    if sender.ready().await.is_err() {
        return Err(Lost::Unsent);
    }
    sender.send_request(request).await.map_err(|error| {
        if error.is_canceled() {
            Lost::Unsent
        } else {
            Lost::Unanswered(error.to_string())
        }
    })
}

/// Turns a response that is not a success into its error.
async fn check(response: Response<Incoming>) -> Outcome<Response<Incoming>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = read_whole(response)
        .await
        .map_err(|cause| broke_off(&cause))?;
    if let Ok(body) = serde_json::from_slice::<ErrorBody>(&body) {
        return Err(body.error.into());
    }
    let code = if status.as_u16() == 404 {
        ErrorCode::Version
    } else {
        ErrorCode::Internal
    };
    let told: String = String::from_utf8_lossy(&body).chars().take(200).collect();
    Err(
        ErrorView::new(code, format!("the server answered {status}"))
            .cause(if told.is_empty() {
                "it said nothing more".to_owned()
            } else {
                told
            })
            .hint("`cw server restart` brings the server to this version")
            .into(),
    )
}

async fn read_whole(response: Response<Incoming>) -> Result<Bytes, String> {
    let whole = response
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    Ok(whole.to_bytes())
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            // It died while it was being reached.
            | io::ErrorKind::ConnectionReset
    )
}

fn broke_off(cause: &str) -> ErrorView {
    ErrorView::new(
        ErrorCode::Unreachable,
        "the connection to the server broke off",
    )
    .cause(cause)
    .hint("`cw server status` shows whether it runs")
}

fn garbled(what: &str, error: &serde_json::Error) -> ErrorView {
    ErrorView::new(
        ErrorCode::Version,
        format!("the answer to `{what}` cannot be read"),
    )
    .cause(error.to_string())
    .hint("`cw server restart` brings the server to this version")
}

/// Writes a flat record as a query string, leaving out what is null.
fn query_string(query: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else {
        return String::new();
    };
    let pairs: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{key}={}", percent(&text))
        })
        .collect();
    pairs.join("&")
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether a failure means that the server has gone, perhaps for a moment.
pub(crate) fn is_gone(failure: &Failure) -> bool {
    failure.is(ErrorCode::Unreachable)
}

/// Whether a failure means that the server never had the request.
pub(crate) fn is_unsent(failure: &Failure) -> bool {
    matches!(failure, Failure::Error(error) if is_gone(failure) && error.message == NOT_REACHED)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
