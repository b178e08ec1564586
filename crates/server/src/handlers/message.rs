//! Messages: the inbox, lists, answers and notes.

use std::sync::Arc;

use cw_core::app::{Command, Reply, lasts};
use cw_core::domain::hierarchy::{Initiative, InitiativeStatus};
use cw_core::domain::ids::{AgentId, MessageId, ProjectId, TaskId};
use cw_core::domain::state::State;
use cw_core::domain::status::{TaskStatus, task_status};
use cw_core::domain::work::{Message, MessageKind, MessageStatus, Party};
use cw_wire::message::{
    AnswerInput, Inbox, InboxView, MessageAnswer, MessageListInput, MessageListing, MessageRevoke,
    MessageSend, MessageSendInput, MessageShow, MessageShown,
};
use cw_wire::task::TaskView;
use cw_wire::{ErrorCode, ErrorView, MessageList, MessageView, Scope, Target};

use super::agent::scope;
use crate::app::{App, Fault};
use crate::rpc::Table;
use crate::views;

/// Answers what is about messages.
pub fn register(table: &mut Table) {
    table.user::<Inbox, _, _>(inbox);
    table.user::<MessageListing, _, _>(list);
    table.user::<MessageShow, _, _>(show);
    table.user::<MessageAnswer, _, _>(answer);
    table.user::<MessageRevoke, _, _>(revoke);
    table.user::<MessageSend, _, _>(send);
}

async fn one(app: &App, id: MessageId) -> Result<MessageView, Fault> {
    app.read(move |state| {
        let message = state.get::<Message>(id).ok_or_else(|| {
            ErrorView::new(ErrorCode::NotFound, format!("there is no message '{id}'"))
        })?;
        Ok(views::message::view(state, message))
    })
    .await
}

/// The message that a decision was about, alone in its list.
pub(super) async fn replied(app: &App, reply: Reply) -> Result<MessageList, Fault> {
    let messages = match reply {
        Reply::Message(id) => vec![one(app, id).await?],
        _ => Vec::new(),
    };
    Ok(MessageList { messages })
}

/// Whether a message wants something of the user, or tells the user something new.
fn is_due(message: &Message) -> bool {
    message.to == Party::User && message.status == MessageStatus::Open
}

fn is_question(message: &Message) -> bool {
    matches!(
        message.kind,
        MessageKind::Question | MessageKind::Permission
    )
}

async fn inbox(app: Arc<App>, input: Scope) -> Result<InboxView, Fault> {
    let project = scope(&app, input.dir, input.all).await?;
    app.read(move |state| {
        let mut due: Vec<&Message> = state
            .all::<Message>()
            .filter(|message| is_due(message) && within(message, project))
            .collect();
        due.sort_by_key(|message| (!is_question(message), message.id));
        let messages = due.into_iter();
        Ok(InboxView {
            messages: messages
                .map(|message| views::message::view(state, message))
                .collect(),
            reviews: reviews(state, project),
        })
    })
    .await
}

/// The tasks of initiatives under way that a person must approve.
fn reviews(state: &State, project: Option<ProjectId>) -> Vec<TaskView> {
    state
        .all::<Initiative>()
        .filter(|row| project.is_none_or(|only| row.project == only))
        .filter(|row| {
            matches!(
                row.status,
                InitiativeStatus::Active | InitiativeStatus::Paused
            )
        })
        .flat_map(|row| state.tasks_of(row.id))
        .filter(|task| task_status(state, task) == TaskStatus::Review)
        .map(|task| views::task::view(state, task))
        .collect()
}

fn within(message: &Message, project: Option<ProjectId>) -> bool {
    project.is_none_or(|only| message.project == only)
}

async fn list(app: Arc<App>, input: MessageListInput) -> Result<MessageList, Fault> {
    let project = scope(&app, input.dir.clone(), input.all).await?;
    let agent = match input.agent {
        Some(word) => Some(app.agent(input.dir.clone(), word).await?),
        None => None,
    };
    let task = match input.task {
        Some(word) => Some(app.task(input.dir, word).await?),
        None => None,
    };
    let (open, allowed) = (input.open, input.allowed);
    app.read(move |state| {
        let wanted = |message: &&Message| {
            within(message, project)
                && agent.is_none_or(|agent| concerns(message, agent))
                && task.is_none_or(|task: TaskId| message.task == Some(task))
                && (!open || message.status == MessageStatus::Open)
                && (!allowed || lasts(message))
        };
        let rows = state.all::<Message>().filter(wanted);
        Ok(MessageList {
            messages: rows
                .map(|message| views::message::view(state, message))
                .collect(),
        })
    })
    .await
}

fn concerns(message: &Message, agent: AgentId) -> bool {
    [&message.from, &message.to].contains(&&Party::Agent(agent))
}

async fn show(app: Arc<App>, input: Target) -> Result<MessageShown, Fault> {
    let id = app.message(input.dir, input.id).await?;
    app.command(Command::Read(id)).await?;
    Ok(MessageShown {
        message: one(&app, id).await?,
    })
}

async fn answer(app: Arc<App>, input: AnswerInput) -> Result<MessageList, Fault> {
    let id = app.message(input.dir, input.id).await?;
    let text = match (input.text, input.option) {
        (Some(text), None) => text,
        (None, Some(number)) => {
            let options = one(&app, id).await?.options;
            chosen(id, number, &options)?
        }
        _ => {
            return Err(ErrorView::new(
                ErrorCode::Usage,
                "an answer is a text or the number of an option",
            ));
        }
    };
    let reply = app
        .command_with(Command::Answer(id, text), input.env)
        .await?;
    replied(&app, reply).await
}

/// The option of this number, from 1.
fn chosen(id: MessageId, number: u32, options: &[String]) -> Result<String, Fault> {
    let option = (number as usize)
        .checked_sub(1)
        .and_then(|at| options.get(at));
    option.cloned().ok_or_else(|| {
        let fault = ErrorView::new(
            ErrorCode::Usage,
            format!("message {id} has no option {number}"),
        );
        if options.is_empty() {
            return fault.hint("it offers none: answer with a text");
        }
        let listed = options.iter().enumerate();
        let listed: Vec<String> = listed
            .map(|(at, option)| format!("{} {option}", at + 1))
            .collect();
        fault.hint(format!("its options: {}", listed.join(", ")))
    })
}

async fn revoke(app: Arc<App>, input: Target) -> Result<MessageList, Fault> {
    let id = app.message(input.dir, input.id).await?;
    let reply = app.command(Command::Revoke(id)).await?;
    replied(&app, reply).await
}

async fn send(app: Arc<App>, input: MessageSendInput) -> Result<MessageList, Fault> {
    let agent = app.agent(input.dir, input.to).await?;
    let reply = app.command(Command::Say(agent, input.text)).await?;
    replied(&app, reply).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_not_there_is_refused_with_those_that_are() {
        let options = ["red".to_owned(), "blue".to_owned()];
        let id = MessageId(7);
        assert_eq!(chosen(id, 2, &options).unwrap(), "blue");
        for wrong in [0, 3] {
            let fault = chosen(id, wrong, &options).unwrap_err();
            assert_eq!(fault.code, ErrorCode::Usage);
            assert_eq!(fault.hint.unwrap(), "its options: 1 red, 2 blue");
        }
        assert!(
            chosen(id, 1, &[])
                .unwrap_err()
                .hint
                .unwrap()
                .contains("text")
        );
    }
}
