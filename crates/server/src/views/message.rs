//! Messages.

use cw_core::domain::hierarchy::{Initiative, Project, Task};
use cw_core::domain::state::State;
use cw_core::domain::work::{self, Agent, Message, Party};
use cw_wire::{MessageKind, MessageStatus, MessageView};

use super::time;

/// A message.
#[must_use]
pub fn view(state: &State, message: &Message) -> MessageView {
    let task = message.task.and_then(|id| state.get::<Task>(id));
    let of_task = task.map(|task| task.initiative);
    let initiative = of_task.or(message.initiative);
    let initiative = initiative.and_then(|id| state.get::<Initiative>(id));
    MessageView {
        id: message.id.to_string(),
        kind: kind(message.kind),
        from: party(state, &message.from),
        to: party(state, &message.to),
        task: task.map(|task| task.spec.slug.clone()),
        body: message.body.clone(),
        options: message.options.clone(),
        status: match message.status {
            work::MessageStatus::Open => MessageStatus::Open,
            work::MessageStatus::Answered => MessageStatus::Answered,
            work::MessageStatus::Read => MessageStatus::Read,
        },
        answer: message.answer.clone(),
        created_at: time(message.created_at),
        answered_at: message.answered_at.map(time),
        revoked: message.revoked,
        project: state
            .get::<Project>(message.project)
            .map(|project| project.name.clone()),
        initiative: initiative.map(|initiative| initiative.slug.clone()),
    }
}

fn kind(kind: work::MessageKind) -> MessageKind {
    match kind {
        work::MessageKind::Question => MessageKind::Question,
        work::MessageKind::Permission => MessageKind::Permission,
        work::MessageKind::Note => MessageKind::Note,
        work::MessageKind::Answer => MessageKind::Answer,
        work::MessageKind::Error => MessageKind::Error,
    }
}

fn party(state: &State, party: &Party) -> String {
    match party {
        Party::User => "user".to_owned(),
        Party::Cw => "cw".to_owned(),
        Party::Agent(id) => state
            .get::<Agent>(*id)
            .map_or_else(String::new, |agent| agent.name.clone()),
    }
}
