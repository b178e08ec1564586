//! Lines of the protocol on their way to the server and back.

use super::above::Identity;
use crate::commands::me::{PAUSE, RESTART};
use cw_wire::handshake::{ACKS_HEADER, HANDED_FIELD, KEY_HEADER, MCP_PATH, RPC_PATH, WAIT_HEADER};
use cw_wire::me::{Took, TookInput};
use cw_wire::{ErrorBody, PROTOCOL, PROTOCOL_HEADER, Procedure, VERSION_HEADER};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// How long answers that are under way are waited for once nobody asks any more.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Passes lines on.
pub(super) struct Relay {
    identity: Identity,
    name: String,
    wait: u64,
    version: String,
    /// Held by the call that is made of those that have an order.
    order: Mutex<()>,
}

/// Why a line has no answer.
enum Lost {
    /// The server is away, perhaps for a moment; whether it had read the line.
    Away { read: bool },
    /// It has a fault, which may pass.
    Failed(String),
    /// It says no.
    Refused(String),
}

impl Relay {
    pub(super) fn new(identity: Identity, name: String, wait: u64, version: &str) -> Arc<Self> {
        Arc::new(Self {
            identity,
            name,
            wait,
            version: version.to_owned(),
            order: Mutex::new(()),
        })
    }

    /// Passes lines on until there are no more; each has a task of its own, so that a question
    /// that waits holds nobody up.
    pub(super) async fn run(self: Arc<Self>, mut lines: mpsc::Receiver<String>) {
        let mut under_way = JoinSet::new();
        let mut requests: HashMap<String, AbortHandle> = HashMap::new();
        let mut number = 0;
        while let Some(line) = lines.recv().await {
            number += 1;
            requests.retain(|_, request| !request.is_finished());
            while under_way.try_join_next().is_some() {}
            let asked: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(id) = given_up(&asked) {
                // Nobody reads its answer any more, so what it hands over comes another way.
                if let Some(request) = requests.remove(&id) {
                    request.abort();
                }
                continue;
            }
            let (this, id) = (self.clone(), asked["id"].to_string());
            let request = under_way.spawn(async move { this.in_turn(&line, &asked, number).await });
            requests.insert(id, request);
        }
        let rest = async { while under_way.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_ANSWERS, rest).await;
    }

    /// Passes a line on, after those before it where what it does has an order.
    async fn in_turn(&self, line: &str, asked: &Value, number: u64) {
        // Tasks begin in the order in which they were spawned, and the lock is fair.
        let _turn = match has_order(asked) {
            true => Some(self.order.lock().await),
            false => None,
        };
        self.pass(line, asked, number).await;
    }

    async fn pass(&self, line: &str, asked: &Value, number: u64) {
        let end = Instant::now() + Duration::from_secs(self.wait) + RESTART;
        let answer = match self.exchange(line, asked, number, end).await {
            Ok(answer) if answer.is_empty() => return,
            Ok(answer) => answer,
            Err(why) => match asked.get("id") {
                Some(id) => failure(id, &why),
                // Nobody waits for an answer to a notification.
                None => return,
            },
        };
        if write(&answer) {
            self.took(&answer).await;
        }
    }

    /// Has the server answer a line; one that is away is waited for.
    async fn exchange(
        &self,
        line: &str,
        asked: &Value,
        number: u64,
        end: Instant,
    ) -> Result<String, String> {
        let start = Instant::now();
        loop {
            let left = Duration::from_secs(self.wait).saturating_sub(start.elapsed());
            let headers = [
                (KEY_HEADER, format!("{}-{number}", self.name)),
                (WAIT_HEADER, left.as_secs().to_string()),
                (ACKS_HEADER, "1".to_owned()),
            ];
            match self.post(MCP_PATH, line, &headers).await {
                Ok(answer) => return Ok(answer),
                Err(Lost::Refused(why) | Lost::Failed(why)) => return Err(why),
                Err(Lost::Away { read }) if read && !may_repeat(asked) => {
                    return Err(
                        "the server went away meanwhile, so this may have been done or not: look \
                         with `task` before you try again"
                            .to_owned(),
                    );
                }
                Err(Lost::Away { .. }) if Instant::now() < end => tokio::time::sleep(PAUSE).await,
                Err(Lost::Away { .. }) => return Err("the server cannot be reached".to_owned()),
            }
        }
    }

    /// Says that what an answer hands over has reached the agent.
    async fn took(&self, answer: &str) {
        let messages = handed(answer);
        if messages.is_empty() {
            return;
        }
        let body = serde_json::to_string(&TookInput { messages }).unwrap_or_default();
        let path = format!("{RPC_PATH}{}", Took::NAME);
        let end = Instant::now() + RESTART;
        while let Err(Lost::Away { .. } | Lost::Failed(_)) = self.post(&path, &body, &[]).await {
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn post(
        &self,
        path: &str,
        body: &str,
        headers: &[(&str, String)],
    ) -> Result<String, Lost> {
        let away = |_| Lost::Away { read: false };
        let lost = |_| Lost::Away { read: true };
        let stream = UnixStream::connect(&self.identity.socket).await;
        let stream = stream.map_err(away)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Lost::Away { read: false })?;
        tokio::spawn(connection);
        let mut request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", format!("Bearer {}", self.identity.token))
            .header(PROTOCOL_HEADER, PROTOCOL)
            .header(VERSION_HEADER, &self.version);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::<Bytes>::from(body.to_owned()))
            .map_err(|error| Lost::Refused(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(lost)?;
        let status = response.status();
        let whole = response.into_body().collect().await.map_err(lost)?;
        let text = String::from_utf8_lossy(&whole.to_bytes()).into_owned();
        refusal(status, &text).map_or(Ok(text), Err)
    }
}

/// What an answer that is no success says.
fn refusal(status: StatusCode, text: &str) -> Option<Lost> {
    if status.is_success() {
        return None;
    }
    let told = serde_json::from_str::<ErrorBody>(text);
    Some(match told {
        Ok(body) if body.error.code == cw_wire::ErrorCode::Unreachable => Lost::Away { read: true },
        Ok(body) if status.is_server_error() => Lost::Failed(body.error.message),
        Ok(body) => Lost::Refused(body.error.message),
        Err(_) => Lost::Refused(format!("the server answered {status}")),
    })
}

/// Whether a line may reach the server twice: adding a task has no name to be known by.
fn may_repeat(asked: &Value) -> bool {
    asked["params"]["name"] != "add_task"
}

/// Whether a line comes after those before it: whoever says two things says them in this order. A
/// question waits for an answer and holds nobody up.
fn has_order(asked: &Value) -> bool {
    asked["method"] == "tools/call" && asked["params"]["name"] != "ask"
}

/// The request that a line says nobody waits for any more.
fn given_up(asked: &Value) -> Option<String> {
    let cancels = asked["method"] == "notifications/cancelled";
    cancels.then(|| asked["params"]["requestId"].to_string())
}

/// The messages that an answer hands over.
fn handed(answer: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let handed = answer["result"]["_meta"][HANDED_FIELD].as_array();
    let handed = handed.into_iter().flatten();
    handed
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

/// Writes a line at once, so that lines do not mix.
fn write(answer: &str) -> bool {
    let line = format!("{}\n", answer.trim_end());
    let mut out = std::io::stdout().lock();
    let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    written.is_ok()
}

fn failure(id: &Value, why: &str) -> String {
    let error = json!({ "code": -32603, "message": why });
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_what_it_hands_over() {
        let answer = r#"{"id":1,"result":{"content":[],"_meta":{"cw/messages":["3","4"]}}}"#;
        assert_eq!(handed(answer), ["3", "4"]);
        assert_eq!(handed(r#"{"id":1,"result":{}}"#), [""; 0]);
        assert_eq!(handed("no JSON"), [""; 0]);
    }

    #[test]
    fn a_refusal_is_told_and_a_server_that_ends_is_away() {
        let status = StatusCode::CONFLICT;
        let body = |code: &str| {
            format!(
                r#"{{"error":{{"code":"{code}","message":"the token is not known","hint":null}}}}"#
            )
        };
        let told = refusal(status, &body("refused"));
        assert!(matches!(told, Some(Lost::Refused(why)) if why == "the token is not known"));
        let told = refusal(status, &body("unreachable"));
        assert!(matches!(told, Some(Lost::Away { read: true })));
        let told = refusal(StatusCode::INTERNAL_SERVER_ERROR, &body("internal"));
        assert!(matches!(told, Some(Lost::Failed(_))), "may pass");
        assert!(refusal(StatusCode::ACCEPTED, "").is_none());
    }

    #[test]
    fn a_question_waits_beside_what_has_an_order() {
        let call = |name: &str| json!({ "method": "tools/call", "params": { "name": name } });
        assert!(has_order(&call("say")) && has_order(&call("done")));
        assert!(!has_order(&call("ask")) && !has_order(&json!({ "method": "ping" })));
    }

    #[test]
    fn only_a_task_is_not_added_again() {
        let call = |name: &str| json!({ "method": "tools/call", "params": { "name": name } });
        assert!(may_repeat(&call("ask")) && may_repeat(&json!({ "method": "tools/list" })));
        assert!(!may_repeat(&call("add_task")));
    }
}
