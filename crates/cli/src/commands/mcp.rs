//! `cw mcp`: the Model Context Protocol over standard input and output, for agents.
//!
//! The protocol is spoken on a thread of its own, so that it goes on answering while a tool waits;
//! the calls are made one after another where the session is. What they do is done by the calls
//! that the commands inside an agent make too.

mod tools;

use crate::failure::{Exit, Failure, Outcome, refused};
use crate::session::Session;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde_json::{Map, Value};
use std::sync::mpsc;
use tokio::sync::oneshot;
use tools::Told;

/// A call on its way to the session.
struct Call {
    tool: String,
    arguments: Map<String, Value>,
    reply: oneshot::Sender<Told>,
}

/// The side that speaks the protocol.
struct Door {
    version: String,
    calls: mpsc::Sender<Call>,
}

/// Speaks MCP until standard input ends.
pub(crate) fn perform(session: &Session<'_>) -> Outcome {
    session.agent_only("mcp")?;
    let (calls, incoming) = mpsc::channel();
    let door = Door {
        version: session.host.version().to_owned(),
        calls,
    };
    let speaking = std::thread::Builder::new()
        .name("mcp".into())
        .spawn(move || speak(door))
        .map_err(failed)?;
    for call in incoming {
        let told = tools::call(session, &call.tool, call.arguments);
        // A client that went away meanwhile hears nothing.
        let _ = call.reply.send(told);
    }
    match speaking.join() {
        Ok(Ok(())) => Ok(Exit::DONE),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(failed("its thread ended badly")),
    }
}

fn failed(cause: impl std::fmt::Display) -> Failure {
    refused("the tools cannot be offered")
        .cause(cause.to_string())
        .into()
}

fn speak(door: Door) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let spoken = runtime.block_on(async {
        let running = door
            .serve(rmcp::transport::stdio())
            .await
            .map_err(|error| error.to_string())?;
        running.waiting().await.map_err(|error| error.to_string())
    });
    // A read of standard input that is under way cannot be called off.
    runtime.shutdown_background();
    spoken.map(drop)
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("cw", self.version.clone()))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let offers = tools::offers().into_iter();
        let tools = offers.map(|offer| Tool::new(offer.name, offer.description, offer.schema));
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (reply, told) = oneshot::channel();
        let call = Call {
            tool: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            reply,
        };
        let gone = |what: &str| ErrorData::internal_error(what.to_owned(), None);
        self.calls
            .send(call)
            .map_err(|_| gone("nobody makes the calls any more"))?;
        let told = told.await.map_err(|_| gone("the call was dropped"))?;
        let content = vec![ContentBlock::text(told.text)];
        let result = if told.is_error {
            CallToolResult::error(content)
        } else {
            CallToolResult::success(content)
        };
        Ok(result.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    /// What comes back for each request, with one who answers every call by what it was.
    async fn spoken(requests: &[Value]) -> Vec<Value> {
        let (calls, incoming) = mpsc::channel::<Call>();
        std::thread::spawn(move || {
            for call in incoming {
                let text = format!("{} {}", call.tool, Value::Object(call.arguments));
                let is_error = call.tool == "nothing";
                let _ = call.reply.send(Told { text, is_error });
            }
        });
        let version = "9.9".to_owned();
        let (near, far) = tokio::io::duplex(1 << 20);
        let door = Door { version, calls };
        tokio::spawn(async move {
            let running = door.serve(tokio::io::split(far)).await.unwrap();
            running.waiting().await.unwrap();
        });
        let (read, mut write) = tokio::io::split(near);
        let mut lines = BufReader::new(read).lines();
        let mut answers = Vec::new();
        for request in requests {
            write
                .write_all(format!("{request}\n").as_bytes())
                .await
                .unwrap();
            if request.get("id").is_some() {
                let line = lines.next_line().await.unwrap().unwrap();
                answers.push(serde_json::from_str(&line).unwrap());
            }
        }
        answers
    }

    fn hello() -> [Value; 2] {
        let client = json!({ "name": "test", "version": "1" });
        let params =
            json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        [
            json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        ]
    }

    #[tokio::test]
    async fn it_names_itself_lists_its_tools_and_tells_errors_as_results() {
        let call = |id: u32, name: &str| {
            let params = json!({ "name": name, "arguments": { "text": "hi" } });
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
        };
        let mut requests = hello().to_vec();
        requests.push(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
        requests.extend([call(3, "say"), call(4, "nothing")]);
        let answers = spoken(&requests).await;
        let about = &answers[0]["result"];
        assert_eq!(about["serverInfo"]["name"], "cw");
        assert_eq!(about["protocolVersion"], "2025-06-18");
        assert_eq!(answers[1]["result"]["tools"].as_array().unwrap().len(), 7);
        let said = &answers[2]["result"];
        assert_eq!(said["content"][0]["text"], r#"say {"text":"hi"}"#);
        assert_eq!(said["isError"], false);
        assert_eq!(answers[3]["result"]["isError"], true);
    }
}
