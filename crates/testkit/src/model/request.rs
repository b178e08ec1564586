//! What an agent program asked the scripted model, read leniently: unknown fields and shapes are kept, never refused.

use serde_json::Value;

/// What stands before the folder in the text that Claude Code sends about its environment.
const FOLDER: &str = "Primary working directory: ";

/// One request to the model: the conversation so far, with the scenario it came under.
#[derive(Debug, Clone)]
pub struct Request {
    /// The scenario of the path it came on.
    pub scenario: String,
    /// The request as it was sent.
    pub body: Value,
}

/// The result of a tool that the model had asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The id of the tool's use.
    pub tool_use_id: String,
    /// What the tool said.
    pub text: String,
    /// Whether the program calls it a failure.
    pub is_error: bool,
}

impl Request {
    /// Reads a request; `None` for what is no JSON object with messages.
    pub(crate) fn read(scenario: String, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        body.get("messages")?.as_array()?;
        Some(Self { scenario, body })
    }

    /// The text of the newest user message that is not a tool's result: what this turn is about.
    pub fn prompt(&self) -> String {
        self.messages()
            .get(self.prompt_index())
            .map(prompt_text)
            .unwrap_or_default()
    }

    /// All that the user said in this conversation, the first prompt first.
    pub fn prompts(&self) -> Vec<String> {
        self.messages()
            .iter()
            .filter(|message| is_prompt(message))
            .map(prompt_text)
            .collect()
    }

    /// How many answers the model has given since the newest prompt.
    pub fn step(&self) -> usize {
        let since = self.messages().iter().skip(self.prompt_index());
        since
            .filter(|message| message["role"] == "assistant")
            .count()
    }

    /// The tools' results since the newest prompt, in order.
    pub fn tool_results(&self) -> Vec<ToolResult> {
        let since = self.messages().iter().skip(self.prompt_index());
        since
            .flat_map(blocks)
            .filter(|block| block["type"] == "tool_result")
            .map(tool_result)
            .collect()
    }

    /// The names of the tools that the program offers.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        tools
            .iter()
            .filter_map(|tool| tool["name"].as_str())
            .collect()
    }

    /// The folder that the program says it works in.
    pub fn folder(&self) -> Option<&str> {
        let (_, rest) = find(&self.body, FOLDER)?.split_once(FOLDER)?;
        rest.lines().next().map(str::trim)
    }

    /// Whether `needle` stands anywhere in what was sent: the system prompt, the messages or the tools.
    pub fn mentions(&self, needle: &str) -> bool {
        find(&self.body, needle).is_some()
    }

    pub(crate) fn streams(&self) -> bool {
        self.body["stream"] == true
    }

    fn messages(&self) -> &[Value] {
        self.body["messages"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn prompt_index(&self) -> usize {
        self.messages().iter().rposition(is_prompt).unwrap_or(0)
    }
}

/// A prompt is a user message with words of its own: neither a tool's result nor only the program's reminders.
fn is_prompt(message: &Value) -> bool {
    message["role"] == "user"
        && blocks(message)
            .iter()
            .all(|block| block["type"] != "tool_result")
        && !prompt_text(message).is_empty()
}

fn prompt_text(message: &Value) -> String {
    let said = match &message["content"] {
        Value::String(text) => vec![text.as_str()],
        _ => blocks(message)
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect(),
    };
    let own = said
        .into_iter()
        .filter(|text| !text.trim_start().starts_with("<system-reminder>"));
    own.collect::<Vec<_>>().join("\n")
}

fn blocks(message: &Value) -> &[Value] {
    message["content"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn tool_result(block: &Value) -> ToolResult {
    let text = match &block["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    };
    ToolResult {
        tool_use_id: block["tool_use_id"].as_str().unwrap_or_default().to_owned(),
        text,
        is_error: block["is_error"] == true,
    }
}

/// The first text anywhere in `value` that holds `needle`.
fn find<'v>(value: &'v Value, needle: &str) -> Option<&'v str> {
    match value {
        Value::String(text) => text.contains(needle).then_some(text),
        Value::Array(items) => items.iter().find_map(|item| find(item, needle)),
        Value::Object(fields) => fields.values().find_map(|field| find(field, needle)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conversation() -> Request {
        let body = json!({
            "model": "any", "stream": true, "unknown": {"field": 1},
            "tools": [{"name": "Bash"}, {"name": "Write"}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "<system-reminder>the date</system-reminder>"},
                    {"type": "text", "text": "write the file"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "written"}]},
                {"role": "user", "content": "now commit it"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "is_error": true,
                     "content": [{"type": "text", "text": "nothing to commit"}]},
                    {"type": "text", "text": "<system-reminder>be brief</system-reminder>"}]},
                {"role": "user", "content": "<system-reminder>still here</system-reminder>"}
            ]
        });
        Request::read("s".to_owned(), body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_prompt_is_the_newest_message_of_the_user_without_reminders() {
        assert_eq!(conversation().prompt(), "now commit it");
        assert_eq!(
            conversation().prompts(),
            ["write the file", "now commit it"]
        );
    }

    #[test]
    fn the_step_counts_the_answers_since_the_prompt() {
        assert_eq!(conversation().step(), 1);
    }

    #[test]
    fn tool_results_carry_their_text_and_failure() {
        let expected = ToolResult {
            tool_use_id: "t1".to_owned(),
            text: "nothing to commit".to_owned(),
            is_error: true,
        };
        assert_eq!(conversation().tool_results(), [expected]);
    }

    #[test]
    fn mentions_looks_into_nested_values() {
        assert!(conversation().mentions("nothing to commit"));
        assert!(!conversation().mentions("nothing to see"));
    }

    #[test]
    fn the_folder_is_what_the_program_says_about_itself() {
        let text = "# Environment\n - Primary working directory: /some/place\n - Shell: bash";
        let body = json!({ "messages": [{ "role": "system", "content": [{ "text": text }] }] });
        let request = Request {
            scenario: "s".to_owned(),
            body,
        };
        assert_eq!(request.folder(), Some("/some/place"));
        assert_eq!(conversation().folder(), None);
    }

    #[test]
    fn what_is_no_request_is_not_read() {
        assert!(Request::read("s".to_owned(), b"{\"messages\":").is_none());
        assert!(Request::read("s".to_owned(), b"{}").is_none());
    }
}
