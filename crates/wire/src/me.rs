//! What an agent may call, under its own token and for its own task alone.
//!
//! The token travels as `authorization: Bearer …`. The same calls stand behind the MCP tools
//! and the commands inside an agent.

use crate::message::MessageView;
use crate::procedure::procedures;
use crate::scope::Nothing;
use crate::task::{TaskList, TaskView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Asks the user; waits a little for the answer.
    Command Ask = "me.ask": AskInput => AskOutput;
    /// Goes on waiting for an answer.
    Query WaitAnswer = "me.wait-answer": WaitAnswerInput => AskOutput;
    /// Says something to the user or another agent.
    Command Say = "me.say": MeSayInput => MeMessages;
    /// Reads the messages that came since the last time.
    Command ReadMessages = "me.read-messages": ReadMessagesInput => MeMessages;
    /// Says that answers and messages have reached it; until then they come again.
    Command Took = "me.took": TookInput => Nothing;
    /// Tells what it does just now.
    Command Progress = "me.progress": ProgressInput => Nothing;
    /// Reports its task done, with a summary.
    Command Done = "me.done": DoneInput => Nothing;
    /// Reads its own task and the summaries of those before it.
    Query Task = "me.task": Nothing => MeTask;
    /// Adds a task to its own plan.
    Command AddTask = "me.task-add": AddTaskInput => TaskList;
}

/// The longest that one call may wait for an answer, seconds; callers call again.
pub const WAIT_LIMIT_S: u32 = 30;

/// A question to the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AskInput {
    /// The question.
    pub text: String,
    /// The answers on offer.
    pub options: Vec<String>,
    /// How long to wait for the answer, seconds (at most 30; then `me.wait-answer`).
    pub wait_s: u32,
    /// Names the call: made again, it asks nothing anew.
    pub key: Option<String>,
    /// The caller says with `me.took` when the answer has reached it; else handing it over counts.
    pub acks: bool,
}

/// The input of `me.read-messages`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReadMessagesInput {
    /// The caller says with `me.took` what has reached it; else handing it over counts.
    pub acks: bool,
}

/// The input of `me.took`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TookInput {
    /// Questions whose answers, and messages that have reached the agent.
    pub messages: Vec<String>,
}

/// The input of `me.wait-answer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaitAnswerInput {
    /// The question's id.
    pub message: String,
    /// How long to wait, seconds (at most 30).
    pub wait_s: u32,
    /// The caller says with `me.took` when the answer has reached it; else handing it over counts.
    pub acks: bool,
}

/// A question and perhaps its answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AskOutput {
    /// The question's id.
    pub message: String,
    /// The answer, once there is one.
    pub answer: Option<String>,
    /// Whether to end the turn now: it is resumed with the answer.
    pub parked: bool,
}

/// Something to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeSayInput {
    /// The text.
    pub text: String,
    /// Another agent's name; none: the user.
    pub to: Option<String>,
    /// Names the call: made again, it says nothing anew.
    #[schemars(skip)]
    pub key: Option<String>,
}

/// Messages of the calling agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeMessages {
    /// The messages, oldest first.
    pub messages: Vec<MessageView>,
}

/// What the agent does just now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProgressInput {
    /// One line.
    pub text: String,
}

/// The end of a task's work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DoneInput {
    /// What was done, for those that build on it.
    pub summary: Option<String>,
}

/// The agent's own task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeTask {
    /// The task.
    pub task: TaskView,
    /// What it is asked to do.
    pub prompt: String,
    /// The texts of the headings above it.
    pub context: String,
    /// The tasks it waited for.
    pub predecessors: Vec<PredecessorView>,
}

/// A task that the agent's own builds on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PredecessorView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What its agent says it did.
    pub summary: Option<String>,
    /// The commit that brought it to the integration branch.
    pub commit: Option<String>,
}

/// A task to add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AddTaskInput {
    /// Its title.
    pub title: String,
    /// What is to be done.
    pub prompt: String,
    /// What it waits for; none: the agent's own task.
    pub after: Option<Vec<String>>,
}
