//! Messages: questions, answers and notes between agents and the user.

use crate::procedure::{procedures, words};
use crate::scope::{Scope, Target};
use crate::task::TaskView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

procedures! {
    /// Lists what waits for the user: questions first, then notes not read yet; and reviews.
    Query Inbox = "inbox": Scope => InboxView;
    /// Lists messages, oldest first.
    Query MessageListing = "message.list": MessageListInput => MessageList;
    /// Shows one; a note to the user becomes read.
    Command MessageShow = "message.show": Target => MessageShown;
    /// Answers a question or a permission request.
    Command MessageAnswer = "message.answer": AnswerInput => MessageList;
    /// Takes back a permission that was given for good.
    Command MessageRevoke = "message.revoke": Target => MessageList;
    /// Sends a note to an agent.
    Command MessageSend = "message.send": MessageSendInput => MessageList;
}

words! {
    /// What a message is.
    MessageKind {
        /// It wants an answer.
        Question = "question",
        /// It wants a permission.
        Permission = "permission",
        /// It tells something.
        Note = "note",
        /// It answers a question.
        Answer = "answer",
        /// It tells what went wrong.
        Error = "error",
    }
}

words! {
    /// How a message stands.
    MessageStatus {
        /// Nobody has answered or read it.
        Open = "open",
        /// It has its answer.
        Answered = "answered",
        /// It was read.
        Read = "read",
    }
}

/// A list of messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageList {
    /// The messages.
    pub messages: Vec<MessageView>,
}

/// What waits for the user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InboxView {
    /// Questions, permissions and notes.
    pub messages: Vec<MessageView>,
    /// The tasks that a person must approve.
    #[serde(default)]
    pub reviews: Vec<TaskView>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageView {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: MessageKind,
    /// Who wrote it: an agent's name, `user`, `cw`.
    pub from: String,
    /// Who it is for: an agent's name, `user`.
    pub to: String,
    /// The task it belongs to.
    pub task: Option<String>,
    /// The text.
    pub body: String,
    /// The answers on offer.
    pub options: Vec<String>,
    /// How it stands.
    pub status: MessageStatus,
    /// The answer it got.
    pub answer: Option<String>,
    /// When it was written, RFC 3339.
    pub created_at: String,
    /// When it was answered, RFC 3339.
    #[serde(default)]
    pub answered_at: Option<String>,
    /// A permission given for good that was taken back.
    #[serde(default)]
    pub revoked: bool,
    /// The project's name.
    #[serde(default)]
    pub project: Option<String>,
    /// The initiative's id.
    #[serde(default)]
    pub initiative: Option<String>,
}

/// The input of `message.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessageListInput {
    /// An absolute folder; the server finds the repository around it.
    pub dir: Option<String>,
    /// Every project.
    pub all: bool,
    /// Only those from or to this agent.
    pub agent: Option<String>,
    /// Only those of this task.
    pub task: Option<String>,
    /// Only those that are open.
    pub open: bool,
    /// Only permissions that were given for good and hold.
    pub allowed: bool,
}

/// The output of `message.show`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MessageShown {
    /// The message.
    pub message: MessageView,
}

/// The input of `message.answer`: a text, or one of the options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The question.
    pub id: String,
    /// The answer.
    pub text: Option<String>,
    /// The number of an option, from 1, instead of a text.
    pub option: Option<u32>,
    /// The values of the names under `pass_env`; kept in memory only.
    pub env: BTreeMap<String, String>,
}

/// The input of `message.send`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessageSendInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The agent's name.
    pub to: String,
    /// The text.
    pub text: String,
}
