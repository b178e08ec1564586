//! The tools of an agent: their names, what they say of themselves, and what a call of one does.
//! It knows nothing of the protocol that they are offered over.

use crate::commands::me;
use crate::failure::{Failure, Outcome, usage};
use crate::render::json;
use crate::session::Session;
use cw_wire::Procedure;
use cw_wire::me::{
    AddTask, AddTaskInput, Done, DoneInput, MeSayInput, Progress, ProgressInput, ReadMessages, Say,
    Task,
};
use cw_wire::scope::Nothing;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long `ask` waits for the answer, like `cw ask`.
const ASK_WAIT: Duration = Duration::from_secs(300);
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

/// What a call came to.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) is_error: bool,
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
            "Ask the user when you cannot decide something yourself. Waits up to five minutes and \
             returns the answer. If it returns `parked`, nobody answered yet: end your turn at \
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

/// Calls a tool. What goes wrong is told to the agent, with the hint.
pub(super) fn call(session: &Session<'_>, name: &str, arguments: Map<String, Value>) -> Told {
    let told = fits(&arguments).and_then(|()| perform(session, name, Value::Object(arguments)));
    let (text, is_error) = match told {
        Ok(text) => (text, false),
        Err(Failure::Error(error)) => {
            let cause = error.cause.map(|cause| format!(": {cause}"));
            let hint = error.hint.map(|hint| format!(" ({hint})"));
            let (cause, hint) = (cause.unwrap_or_default(), hint.unwrap_or_default());
            (format!("{}{cause}{hint}", error.message), true)
        }
        Err(Failure::Closed) => ("the connection is closed".to_owned(), true),
    };
    let text = bounded(text);
    Told { text, is_error }
}

/// Refuses what is too long before it is sent.
fn fits(arguments: &Map<String, Value>) -> Outcome<()> {
    for (name, value) in arguments {
        let bytes = value.as_str().map_or(0, str::len);
        if bytes > TEXT {
            return Err(usage(format!("`{name}` is too long"))
                .cause(format!("it has {bytes} bytes, at most {TEXT} are taken"))
                .hint("shorten it, or commit it as a file and name the file")
                .into());
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

fn perform(session: &Session<'_>, name: &str, arguments: Value) -> Outcome<String> {
    match name {
        "ask" => ask(session, read(arguments)?),
        "say" => pass_on::<Say, MeSayInput>(session, arguments),
        "read_messages" => pass_on::<ReadMessages, Nothing>(session, arguments),
        "progress" => pass_on::<Progress, ProgressInput>(session, arguments),
        "done" => pass_on::<Done, DoneInput>(session, arguments),
        "add_task" => pass_on::<AddTask, AddTaskInput>(session, arguments),
        "task" => pass_on::<Task, Nothing>(session, arguments),
        _ => Err(usage(format!("no tool `{name}`")).into()),
    }
}

fn read<I: DeserializeOwned>(arguments: Value) -> Outcome<I> {
    serde_json::from_value(arguments).map_err(|error| {
        usage("the arguments do not fit")
            .cause(error.to_string())
            .into()
    })
}

fn pass_on<P, I>(session: &Session<'_>, arguments: Value) -> Outcome<String>
where
    P: Procedure<Input = I>,
    I: DeserializeOwned,
{
    let output = session.call::<P>(&read(arguments)?)?;
    let text = json::line(&output)?;
    Ok(if text.trim() == "{}" {
        "ok".to_owned()
    } else {
        text
    })
}

fn ask(session: &Session<'_>, asked: Question) -> Outcome<String> {
    if asked.question.trim().is_empty() {
        return Err(usage("`question` is missing").into());
    }
    let told = me::ask(session, asked.question, asked.options, ASK_WAIT)?;
    Ok(told.answer.unwrap_or_else(|| PARKED.to_owned()))
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
    fn a_long_answer_is_cut_between_letters() {
        let cut = bounded("ä".repeat(TEXT));
        assert!(cut.len() < TEXT + 20 && cut.ends_with("(cut)"));
        assert_eq!(bounded("short".into()), "short");
    }
}
