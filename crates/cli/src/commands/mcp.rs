//! `cw mcp`: the Model Context Protocol over standard input and output, for agents.
//!
//! A small server of one line per message: it has tools and nothing else. What they do is done
//! by the calls that the commands inside an agent make too.

use super::me;
use crate::failure::{Exit, Failure, Outcome};
use crate::render::json;
use crate::session::Session;
use cw_wire::Procedure;
use cw_wire::me::{
    AddTask, AddTaskInput, Done, DoneInput, MeSayInput, Progress, ProgressInput, ReadMessages, Say,
    Task,
};
use cw_wire::scope::Nothing;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::BufRead;
use std::time::Duration;

/// How long `ask` waits; agent programs give up on a tool after a minute.
const ASK_WAIT: Duration = Duration::from_secs(45);
/// The revision that is spoken when the client asks for an unknown one.
const REVISION: &str = "2025-06-18";
const REVISIONS: [&str; 3] = ["2024-11-05", "2025-03-26", REVISION];

/// Speaks MCP until standard input ends.
pub(crate) fn perform(session: &Session<'_>) -> Outcome {
    session.agent_only("mcp")?;
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if line.trim().is_empty() {
            continue;
        }
        let reply = match serde_json::from_str::<Value>(&line) {
            Ok(message) => reply(session, &message)?,
            Err(error) => Some(fault(&Value::Null, -32700, &error.to_string())),
        };
        if let Some(reply) = reply {
            session.out.write(&json::line(&reply)?)?;
        }
    }
    Ok(Exit::DONE)
}

fn reply(session: &Session<'_>, message: &Value) -> Outcome<Option<Value>> {
    let method = message["method"].as_str().unwrap_or_default();
    let Some(id) = message.get("id").filter(|id| !id.is_null()) else {
        return Ok(None);
    };
    let result = match method {
        "initialize" => greeting(session, &message["params"]),
        "ping" => json!({}),
        "tools/list" => json!({ "tools": tools() }),
        "tools/call" => call(session, &message["params"])?,
        _ => return Ok(Some(fault(id, -32601, &format!("no method `{method}`")))),
    };
    Ok(Some(
        json!({ "jsonrpc": "2.0", "id": id, "result": result }),
    ))
}

fn fault(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

fn greeting(session: &Session<'_>, params: &Value) -> Value {
    let wanted = params["protocolVersion"].as_str().unwrap_or_default();
    let revision = if REVISIONS.contains(&wanted) {
        wanted
    } else {
        REVISION
    };
    json!({
        "protocolVersion": revision,
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "cw", "version": session.host.version() },
    })
}

fn tools() -> Value {
    let text = |what: &str| json!({ "type": "string", "description": what });
    let list =
        |what: &str| json!({ "type": "array", "items": { "type": "string" }, "description": what });
    let tool = |name: &str, what: &str, properties: Value, required: &[&str]| {
        json!({ "name": name, "description": what, "inputSchema": {
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false } })
    };
    json!([
        tool(
            "ask",
            "Ask the user. Returns the answer, or says that you are parked: then end your \
              turn at once, you will be resumed with the answer.",
            json!({ "question": text("The question"), "options": list("Answers on offer") }),
            &["question"]
        ),
        tool(
            "say",
            "Say something to the user, or to another agent by its name.",
            json!({ "text": text("The text"), "to": text("Another agent's name; leave out for the user") }),
            &["text"]
        ),
        tool(
            "read_messages",
            "Read the messages that came since the last time.",
            json!({}),
            &[]
        ),
        tool(
            "progress",
            "Tell in one line what you do just now.",
            json!({ "text": text("One line") }),
            &["text"]
        ),
        tool(
            "done",
            "Report your task done, with a summary for those who build on it.",
            json!({ "summary": text("What was done") }),
            &["summary"]
        ),
        tool(
            "add_task",
            "Add a task to the plan of your own task.",
            json!({ "title": text("Its title"), "prompt": text("What is to be done"),
                "after": list("Ids of tasks it waits for; leave out to wait for your own") }),
            &["title", "prompt"]
        ),
        tool(
            "task",
            "Read your own task and the summaries of those it builds on.",
            json!({}),
            &[]
        ),
    ])
}

fn call(session: &Session<'_>, params: &Value) -> Outcome<Value> {
    let name = params["name"].as_str().unwrap_or_default();
    let arguments = match &params["arguments"] {
        Value::Null => json!({}),
        given => given.clone(),
    };
    let told = match name {
        "ask" => ask(session, &arguments),
        "say" => perform_tool::<Say, MeSayInput>(session, arguments),
        "read_messages" => perform_tool::<ReadMessages, Nothing>(session, arguments),
        "progress" => perform_tool::<Progress, ProgressInput>(session, arguments),
        "done" => perform_tool::<Done, DoneInput>(session, arguments),
        "add_task" => perform_tool::<AddTask, AddTaskInput>(session, arguments),
        "task" => perform_tool::<Task, Nothing>(session, arguments),
        _ => Err(crate::failure::usage(format!("no tool `{name}`")).into()),
    };
    match told {
        Ok(text) => Ok(content(&text, false)),
        Err(Failure::Error(error)) => {
            let hint = error
                .hint
                .map(|hint| format!(" ({hint})"))
                .unwrap_or_default();
            let cause = error
                .cause
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            Ok(content(&format!("{}{cause}{hint}", error.message), true))
        }
        Err(Failure::Closed) => Err(Failure::Closed),
    }
}

fn content(text: &str, is_error: bool) -> Value {
    json!({ "content": [{ "type": "text", "text": text }], "isError": is_error })
}

fn perform_tool<P, I>(session: &Session<'_>, arguments: Value) -> Outcome<String>
where
    P: Procedure<Input = I>,
    I: DeserializeOwned,
{
    let input: I = serde_json::from_value(arguments).map_err(|error| {
        crate::failure::usage("the arguments do not fit").cause(error.to_string())
    })?;
    let output = session.call::<P>(&input)?;
    let text = json::line(&output)?;
    Ok(if text.trim() == "{}" {
        "ok".to_owned()
    } else {
        text
    })
}

fn ask(session: &Session<'_>, arguments: &Value) -> Outcome<String> {
    let question = arguments["question"].as_str().unwrap_or_default();
    if question.trim().is_empty() {
        return Err(crate::failure::usage("`question` is missing").into());
    }
    let options = arguments["options"].as_array().into_iter().flatten();
    let options = options
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect();
    let told = me::ask(session, question.to_owned(), options, ASK_WAIT)?;
    Ok(told
        .answer
        .unwrap_or_else(|| "parked: end your turn, you will be resumed with the answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_of_the_contract_are_there() {
        let tools = tools();
        let names: Vec<_> = tools
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "ask",
                "say",
                "read_messages",
                "progress",
                "done",
                "add_task",
                "task"
            ]
        );
    }
}
