//! The tools of an agent: their names, what they say of themselves, and what a call of one does.
//! It knows nothing of the protocol that they are offered over.

use std::sync::Arc;
use std::time::Duration;

use cw_core::domain::ids::AgentId;
use cw_wire::me::{AddTaskInput, AskInput, DoneInput, MeSayInput, ProgressInput};
use cw_wire::scope::Nothing;
use cw_wire::{ErrorCode, ErrorView};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::{App, Fault};
use crate::faults::internal;
use crate::handlers::me;

/// The longest text that a tool takes or gives, bytes.
const TEXT: usize = 64 * 1024;
/// What `ask` says when there is no answer yet.
const PARKED: &str = "parked: end your turn, you will be resumed with the answer";

/// A question to the user.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Question {
    /// The question.
    question: String,
    /// The answers on offer.
    options: Vec<String>,
}

/// One tool as agents see it.
pub(super) struct Offer {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) schema: Map<String, Value>,
}

/// How a call is made.
pub(super) struct How {
    /// Names it: made again, it says nothing anew.
    pub(super) key: Option<String>,
    /// How long a question may block.
    pub(super) wait: Duration,
    /// The caller says what has reached its agent; else handing it over counts.
    pub(super) acks: bool,
}

/// What a call came to.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) is_error: bool,
    /// The messages that it hands over, where the caller says what has reached its agent.
    pub(super) handed: Vec<String>,
}

impl From<String> for Told {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

/// Every tool, in the order in which they are listed.
pub(super) fn offers() -> Vec<Offer> {
    let offer = |name, description, schema| Offer {
        name,
        description,
        schema,
    };
    vec![
        offer(
            "ask",
            "Ask the user when you cannot decide something yourself. Waits a while and returns \
             the answer. If it returns `parked`, nobody answered yet: end your turn at \
             once and do nothing more; you will be resumed with the answer.",
            schema::<Question>(&["question"]),
        ),
        offer(
            "say",
            "Tell the user something, or another agent by its name. Nobody has to answer; to get \
             an answer use `ask`.",
            schema::<MeSayInput>(&["text"]),
        ),
        offer(
            "read_messages",
            "Read the messages from the user and other agents that came since the last time.",
            schema::<Nothing>(&[]),
        ),
        offer(
            "progress",
            "Tell in one line what you are doing now. Use it when you begin a new step.",
            schema::<ProgressInput>(&["text"]),
        ),
        offer(
            "done",
            "Report your task done, with a summary for those who build on your work. Use it once, \
             when all is committed; then end your turn.",
            schema::<DoneInput>(&["summary"]),
        ),
        offer(
            "add_task",
            "Add a task to the plan of your own task, for work that another agent should do. It \
             waits for your own task unless `after` names others.",
            schema::<AddTaskInput>(&["title", "prompt"]),
        ),
        offer(
            "task",
            "Read your own task and the summaries of the tasks it builds on.",
            schema::<Nothing>(&[]),
        ),
    ]
}

/// The schema of a tool's input. The wire's types have a default for every field, so those that
/// a tool cannot do without are named.
fn schema<T: JsonSchema>(required: &[&str]) -> Map<String, Value> {
    let mut schema = match schemars::schema_for!(T).to_value() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    for word in ["$schema", "title", "description"] {
        schema.remove(word);
    }
    schema.insert("type".into(), "object".into());
    schema
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()));
    schema.insert("required".into(), required.into());
    schema
}

/// Calls a tool. What goes wrong is told to the agent, with the hint; nothing when the server
/// ends meanwhile.
pub(super) async fn call(
    app: &Arc<App>,
    me: AgentId,
    name: &str,
    arguments: Map<String, Value>,
    how: How,
) -> Option<Told> {
    let told = match fits(&arguments) {
        Ok(()) => perform(app, me, name, Value::Object(arguments), how).await,
        Err(fault) => Err(fault),
    };
    match told {
        // Whose messages are cut has read them only in part: they fit as they are.
        Ok(told) if name == "read_messages" => Some(told),
        Ok(told) => Some(Told {
            text: bounded(told.text),
            ..told
        }),
        Err(fault) if fault.code == ErrorCode::Unreachable => None,
        Err(fault) => {
            let cause = fault.cause.map(|cause| format!(": {cause}"));
            let hint = fault.hint.map(|hint| format!(" ({hint})"));
            let (cause, hint) = (cause.unwrap_or_default(), hint.unwrap_or_default());
            Some(Told {
                text: bounded(format!("{}{cause}{hint}", fault.message)),
                is_error: true,
                ..Told::default()
            })
        }
    }
}

fn usage(what: impl Into<String>) -> ErrorView {
    ErrorView::new(ErrorCode::Usage, what)
}

/// Refuses what is too long before it is taken in.
fn fits(arguments: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in arguments {
        let bytes = value.as_str().map_or(0, str::len);
        if bytes > TEXT {
            return Err(usage(format!("`{name}` is too long"))
                .cause(format!("it has {bytes} bytes, at most {TEXT} are taken"))
                .hint("shorten it, or commit it as a file and name the file"));
        }
    }
    Ok(())
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT));
        text.push_str("… (cut)");
    }
    text
}

async fn perform(
    app: &Arc<App>,
    me: AgentId,
    name: &str,
    arguments: Value,
    how: How,
) -> Result<Told, Fault> {
    let app = app.clone();
    match name {
        "ask" => ask(&app, me, read(arguments)?, how).await,
        "say" => {
            let input = MeSayInput {
                key: how.key,
                ..read(arguments)?
            };
            written(me::say(app, me, input).await)
        }
        "read_messages" => read_messages(&app, me, how).await,
        "progress" => {
            let input: ProgressInput = read(arguments)?;
            written(me::progress(app, me, input).await)
        }
        "done" => {
            let input: DoneInput = read(arguments)?;
            written(me::done(app, me, input).await)
        }
        "add_task" => {
            let input: AddTaskInput = read(arguments)?;
            written(me::add_task(app, me, input).await)
        }
        "task" => written(me::task(app, me, Nothing {}).await),
        _ => Err(usage(format!("no tool `{name}`"))),
    }
}

fn read<I: DeserializeOwned>(arguments: Value) -> Result<I, Fault> {
    serde_json::from_value(arguments)
        .map_err(|error| usage("the arguments do not fit").cause(error.to_string()))
}

/// What a call of the wire gives, as text.
fn written(output: Result<impl Serialize, Fault>) -> Result<Told, Fault> {
    let text = serde_json::to_string(&output?).map_err(|error| internal(error.to_string()))?;
    let text = if text == "{}" { "ok".to_owned() } else { text };
    Ok(text.into())
}

async fn ask(app: &Arc<App>, me: AgentId, asked: Question, how: How) -> Result<Told, Fault> {
    if asked.question.trim().is_empty() {
        return Err(usage("`question` is missing"));
    }
    let input = AskInput {
        text: asked.question,
        options: asked.options,
        wait_s: 0,
        key: how.key,
        acks: how.acks,
    };
    let told = me::ask_within(app, me, input, how.wait).await?;
    let Some(answer) = told.answer else {
        return Ok(PARKED.to_owned().into());
    };
    let handed = if how.acks {
        vec![told.message]
    } else {
        Vec::new()
    };
    Ok(Told {
        text: answer,
        handed,
        ..Told::default()
    })
}

/// Hands over what fits, and only that: what is left out stays to be read.
async fn read_messages(app: &App, me: AgentId, how: How) -> Result<Told, Fault> {
    let mut messages = me::mail(app, me).await?;
    let all = messages.len();
    messages.truncate(fitting(&messages)?);
    let ids = messages.iter().map(|message| message.id.clone());
    let mut told = Told {
        handed: if how.acks { ids.collect() } else { Vec::new() },
        ..Told::default()
    };
    if !how.acks {
        me::hand_over(app, me, &messages).await?;
    }
    let left = all - messages.len();
    let mut answer = json!({ "messages": messages });
    if left > 0 {
        answer["more"] = format!("{left} more: call `read_messages` again").into();
    }
    told.text = answer.to_string();
    Ok(told)
}

/// How many messages from the front fit into one answer. The first does, whatever its length:
/// nobody could read it otherwise.
fn fitting(messages: &[impl Serialize]) -> Result<usize, Fault> {
    let mut bytes = 0;
    for (at, message) in messages.iter().enumerate() {
        bytes += written(Ok(message))?.text.len();
        if at > 0 && bytes > TEXT {
            return Ok(at);
        }
    }
    Ok(messages.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_of_the_contract_are_there() {
        let names: Vec<_> = offers().iter().map(|offer| offer.name).collect();
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

    #[test]
    fn what_a_tool_cannot_do_without_is_among_its_properties() {
        for offer in offers() {
            let required = offer.schema["required"].as_array().unwrap();
            for name in required {
                let properties = &offer.schema["properties"];
                assert!(!properties[name.as_str().unwrap()].is_null(), "{name}");
            }
        }
    }

    #[test]
    fn a_text_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
        let of = |bytes: usize| Map::from_iter([("text".to_owned(), "x".repeat(bytes).into())]);
        assert!(fits(&of(TEXT)).is_ok());
        assert!(fits(&of(TEXT + 1)).is_err());
    }

    #[test]
    fn messages_are_handed_over_whole_as_many_as_fit_and_at_least_one() {
        let fits = |all: &[usize]| {
            let all: Vec<_> = all.iter().map(|bytes| "x".repeat(*bytes)).collect();
            fitting(&all).unwrap()
        };
        assert_eq!(fits(&[]), 0);
        assert_eq!(fits(&[10, 10, 10]), 3);
        assert_eq!(fits(&[40 * 1024, 40 * 1024]), 1);
        assert_eq!(fits(&[TEXT, 10]), 1);
        assert_eq!(fits(&[10, TEXT]), 1);
    }

    #[test]
    fn a_long_answer_is_cut_between_letters() {
        let cut = bounded("ä".repeat(TEXT));
        assert!(cut.len() < TEXT + 20 && cut.ends_with("(cut)"));
        assert_eq!(bounded("short".into()), "short");
    }
}
