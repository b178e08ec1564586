//! The other ways in which programs speak with a model: OpenAI's Responses and chat completions, and Gemini's. Each request
//! is brought into the shape of the Messages API, so that one script plays them all, and the answer is put into the
//! program's own words and tools. It decides nothing.

use axum::body::Body;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{Answer, Block, Kind, Stalled, stream, tool_id};

/// A way to speak with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's chat completions.
    Chat,
    /// Gemini's generateContent.
    Gemini,
}

impl Dialect {
    /// A request in the shape of the Messages API; the original stands under `raw`.
    pub(super) fn messages(self, raw: &Value) -> Value {
        let spoken = match self {
            Self::Responses => raw["input"].as_array(),
            Self::Chat => raw["messages"].as_array(),
            Self::Gemini => raw["contents"].as_array(),
        };
        let mut messages: Vec<Value> = Vec::new();
        for (role, block) in spoken
            .into_iter()
            .flatten()
            .flat_map(|item| self.blocks(item))
        {
            match messages.last_mut() {
                // Answers come in parts; what the user says stays apart, to tell words from results.
                Some(last) if last["role"] == role && role == "assistant" => {
                    if let Some(blocks) = last["content"].as_array_mut() {
                        blocks.push(block);
                    }
                }
                _ => messages.push(json!({"role": role, "content": [block]})),
            }
        }
        let tools: Vec<Value> = self
            .tools(raw)
            .into_iter()
            .map(|name| json!({"name": name}))
            .collect();
        json!({"stream": true, "messages": messages, "tools": tools, "raw": raw})
    }

    fn tools(self, raw: &Value) -> Vec<String> {
        let named = |value: &Value| value["name"].as_str().map(str::to_owned);
        let all = raw["tools"].as_array().into_iter().flatten();
        match self {
            Self::Responses => all.filter_map(named).collect(),
            Self::Chat => all.filter_map(|tool| named(&tool["function"])).collect(),
            Self::Gemini => all
                .flat_map(|tool| {
                    tool["functionDeclarations"]
                        .as_array()
                        .into_iter()
                        .flatten()
                })
                .filter_map(named)
                .collect(),
        }
    }

    fn blocks(self, item: &Value) -> Vec<(&'static str, Value)> {
        match self {
            Self::Responses => responses_blocks(item),
            Self::Chat => chat_blocks(item),
            Self::Gemini => gemini_blocks(item),
        }
    }

    /// The answer as this dialect streams it; a program that offers no tools is given none.
    pub(super) fn render(self, answer: Answer, number: usize, tools: &[&str]) -> Response {
        let spoken = |blocks: Vec<Block>| -> Vec<Block> {
            let said = blocks.into_iter().map(|block| self.block(block, tools));
            said.collect()
        };
        match answer.0 {
            Kind::Message(blocks) => stream(Body::from(self.events(number, &spoken(blocks), true))),
            Kind::Stall(blocks) => {
                let begun = self.events(number, &spoken(blocks), false);
                stream(Body::new(Stalled(Some(begun))))
            }
            Kind::Error { .. } => answer.render(number, true),
        }
    }

    /// A block with the program's own name of its tool.
    fn block(self, block: Block, tools: &[&str]) -> Block {
        let Block::Tool { name, input } = block else {
            return block;
        };
        if tools.is_empty() {
            return Block::Text("No tool.".to_owned());
        }
        let (name, input) = match (self, name.as_str()) {
            (Self::Responses, "Bash") => {
                shell(input["command"].as_str().unwrap_or_default(), tools)
            }
            (Self::Responses, "Write") => shell(&written(&input), tools),
            (Self::Chat, "Bash") => ("bash", input),
            (Self::Chat, "Write") => (
                "write",
                json!({"filePath": input["file_path"], "content": input["content"]}),
            ),
            (Self::Gemini, "Bash") => ("run_shell_command", input),
            (Self::Gemini, "Write") => ("write_file", input),
            _ => return Block::Tool { name, input },
        };
        Block::Tool {
            name: name.to_owned(),
            input,
        }
    }

    fn events(self, number: usize, blocks: &[Block], complete: bool) -> String {
        let events = match self {
            Self::Responses => responses_events(number, blocks, complete),
            Self::Chat => chat_events(number, blocks, complete),
            Self::Gemini => gemini_events(blocks, complete),
        };
        let mut text = String::new();
        for event in &events {
            if let Some(kind) = event["type"].as_str() {
                text.push_str(&format!("event: {kind}\n"));
            }
            text.push_str(&format!("data: {event}\n\n"));
        }
        if self == Self::Chat && complete {
            text.push_str("data: [DONE]\n\n");
        }
        text
    }
}

/// The shell under the name that the program offers.
fn shell(command: &str, tools: &[&str]) -> (&'static str, Value) {
    if tools.contains(&"exec_command") {
        ("exec_command", json!({"cmd": command}))
    } else if tools.contains(&"shell_command") {
        ("shell_command", json!({"command": command}))
    } else {
        ("shell", json!({"command": ["bash", "-lc", command]}))
    }
}

/// A command that writes a file.
fn written(input: &Value) -> String {
    let word = |key: &str| {
        let text = input[key].as_str().unwrap_or_default();
        format!("'{}'", text.replace('\'', "'\\''"))
    };
    format!("printf %s {} > {}", word("content"), word("file_path"))
}

fn text_block(text: &Value) -> Value {
    let text = text.as_str().unwrap_or_default();
    // What a program says of its surroundings is a reminder, not a prompt.
    let said = if text.trim_start().starts_with("<environment_context>") {
        format!("<system-reminder>{text}")
    } else {
        text.to_owned()
    };
    json!({"type": "text", "text": said})
}

fn result_block(id: &Value, output: &Value) -> Value {
    let text = output
        .as_str()
        .map_or_else(|| output.to_string(), str::to_owned);
    json!({"type": "tool_result", "tool_use_id": id, "content": text})
}

fn role_of(role: &Value) -> Option<&'static str> {
    match role.as_str()? {
        "user" => Some("user"),
        "assistant" | "model" => Some("assistant"),
        _ => None,
    }
}

fn responses_blocks(item: &Value) -> Vec<(&'static str, Value)> {
    match item["type"].as_str() {
        Some("function_call" | "custom_tool_call") => {
            vec![(
                "assistant",
                json!({"type": "tool_use", "id": item["call_id"], "name": item["name"]}),
            )]
        }
        Some("function_call_output" | "custom_tool_call_output") => {
            vec![("user", result_block(&item["call_id"], &item["output"]))]
        }
        _ => texts(item, "role", "content"),
    }
}

fn chat_blocks(item: &Value) -> Vec<(&'static str, Value)> {
    if item["role"] == "tool" {
        return vec![(
            "user",
            result_block(&item["tool_call_id"], &item["content"]),
        )];
    }
    let calls = item["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| {
        let used = json!({"type": "tool_use", "id": call["id"], "name": call["function"]["name"]});
        ("assistant", used)
    });
    texts(item, "role", "content")
        .into_iter()
        .chain(calls)
        .collect()
}

fn gemini_blocks(item: &Value) -> Vec<(&'static str, Value)> {
    let Some(role) = role_of(&item["role"]) else {
        return Vec::new();
    };
    let parts = item["parts"].as_array().into_iter().flatten();
    let blocks = parts.filter_map(|part| {
        if part["functionCall"].is_object() {
            return Some(json!({"type": "tool_use", "name": part["functionCall"]["name"]}));
        }
        let response = &part["functionResponse"];
        if response.is_object() {
            return Some(result_block(&response["id"], &response["response"]));
        }
        part["text"].is_string().then(|| text_block(&part["text"]))
    });
    blocks.map(|block| (role, block)).collect()
}

fn texts(item: &Value, role: &str, content: &str) -> Vec<(&'static str, Value)> {
    let Some(role) = role_of(&item[role]) else {
        return Vec::new();
    };
    match &item[content] {
        text @ Value::String(said) if !said.is_empty() => vec![(role, text_block(text))],
        Value::Array(parts) => parts
            .iter()
            .filter(|part| part["text"].is_string())
            .map(|part| (role, text_block(&part["text"])))
            .collect(),
        _ => Vec::new(),
    }
}

fn responses_events(number: usize, blocks: &[Block], complete: bool) -> Vec<Value> {
    let id = format!("resp_{number:06}");
    let mut events = vec![json!({"type": "response.created", "response": {"id": id}})];
    for (index, block) in blocks.iter().enumerate() {
        let item = match block {
            Block::Text(text) => json!({
                "type": "message", "role": "assistant", "id": format!("msg_{number}_{index}"),
                "content": [{"type": "output_text", "text": text}],
            }),
            Block::Tool { name, input } => {
                let mut call = json!({
                    "type": "function_call", "call_id": tool_id(number, index), "name": name,
                    "arguments": input.to_string(),
                });
                // A tool of a server stands under the server's name.
                if let Some((namespace, name)) = name.split_once('/') {
                    call["namespace"] = namespace.into();
                    call["name"] = name.into();
                }
                call
            }
        };
        events.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": item}),
        );
    }
    if complete {
        let usage = json!({
            "input_tokens": 100, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 120,
        });
        events.push(json!({"type": "response.completed", "response": {"id": id, "output": [], "usage": usage}}));
    }
    events
}

fn chat_events(number: usize, blocks: &[Block], complete: bool) -> Vec<Value> {
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({
            "id": format!("chat_{number:06}"), "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    let mut calls = 0;
    let mut events: Vec<Value> = blocks
        .iter()
        .map(|block| match block {
            Block::Text(text) => chunk(json!({"role": "assistant", "content": text}), None),
            Block::Tool { name, input } => {
                let call = json!({
                    "index": calls, "id": tool_id(number, calls), "type": "function",
                    "function": {"name": name, "arguments": input.to_string()},
                });
                calls += 1;
                chunk(json!({"role": "assistant", "tool_calls": [call]}), None)
            }
        })
        .collect();
    if complete {
        let mut last = chunk(
            json!({}),
            Some(if calls > 0 { "tool_calls" } else { "stop" }),
        );
        last["usage"] = json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120});
        events.push(last);
    }
    events
}

fn gemini_events(blocks: &[Block], complete: bool) -> Vec<Value> {
    let parts = blocks.iter().map(|block| match block {
        Block::Text(text) => json!({"text": text}),
        Block::Tool { name, input } => json!({"functionCall": {"name": name, "args": input}}),
    });
    let parts: Vec<Value> = parts.collect();
    let mut event = json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
        "modelVersion": "scripted",
    });
    if complete {
        event["candidates"][0]["finishReason"] = "STOP".into();
        event["usageMetadata"] =
            json!({"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120});
    }
    vec![event]
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;

    fn asked(dialect: Dialect, raw: &Value) -> Request {
        Request {
            scenario: "any".to_owned(),
            body: dialect.messages(raw),
        }
    }

    #[test]
    fn each_dialect_has_a_prompt_steps_results_and_tools() {
        let responses = json!({"tools": [{"name": "exec_command"}], "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "make it"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>x"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I will"}]},
            {"type": "function_call", "call_id": "c", "name": "exec_command", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "made"}]});
        let chat = json!({"tools": [{"function": {"name": "exec_command"}}], "messages": [
            {"role": "system", "content": "rules"},
            {"role": "user", "content": [{"type": "text", "text": "make it"}]},
            {"role": "assistant", "content": "I will", "tool_calls": [{"id": "c", "function": {"name": "bash"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "made"}]});
        let gemini = json!({"tools": [{"functionDeclarations": [{"name": "exec_command"}]}], "contents": [
            {"role": "user", "parts": [{"text": "make it"}]},
            {"role": "model", "parts": [{"text": "I will"}, {"functionCall": {"name": "x"}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c", "response": "made"}}]}]});
        for (dialect, raw) in [
            (Dialect::Responses, responses),
            (Dialect::Chat, chat),
            (Dialect::Gemini, gemini),
        ] {
            let request = asked(dialect, &raw);
            assert_eq!(request.prompt(), "make it", "{dialect:?}");
            assert_eq!(
                (request.step(), request.tools()),
                (1, vec!["exec_command"]),
                "{dialect:?}"
            );
            let results = request.tool_results();
            assert_eq!(
                (results[0].tool_use_id.as_str(), results[0].text.as_str()),
                ("c", "made"),
                "{dialect:?}"
            );
        }
    }

    #[test]
    fn tools_have_the_programs_own_names_and_none_where_none_is_offered() {
        let block = |dialect: Dialect, tools: &[&str]| {
            let Kind::Message(blocks) = Answer::write("a.txt", "it's").0 else {
                panic!()
            };
            dialect.block(blocks[0].clone(), tools)
        };
        let Block::Tool { name, input } = block(Dialect::Responses, &["exec_command"]) else {
            panic!()
        };
        assert_eq!(
            (name.as_str(), input["cmd"].as_str()),
            ("exec_command", Some("printf %s 'it'\\''s' > 'a.txt'"))
        );
        let Block::Tool { name, .. } = block(Dialect::Gemini, &["write_file"]) else {
            panic!()
        };
        assert_eq!(name, "write_file");
        assert!(matches!(block(Dialect::Chat, &[]), Block::Text(_)));
    }

    #[test]
    fn a_stalled_stream_lacks_its_end_in_each_dialect() {
        let blocks = [Block::Text("hi".to_owned())];
        for (dialect, end) in [
            (Dialect::Responses, "response.completed"),
            (Dialect::Chat, "[DONE]"),
            (Dialect::Gemini, "STOP"),
        ] {
            assert!(dialect.events(1, &blocks, true).contains(end));
            assert!(!dialect.events(1, &blocks, false).contains(end));
        }
    }
}
