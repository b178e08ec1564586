//! Messages.

use crate::render::page::Page;
use crate::render::style::{Tone, of_status};
use crate::render::table::{Cell, Table};
use crate::render::{amount, escape};
use cw_wire::message::InboxView;
use cw_wire::task::TaskView;
use cw_wire::{MessageKind, MessageStatus, MessageView, TaskKind};

/// Draws a list.
pub(crate) fn list(messages: &[MessageView], page: &mut Page) {
    if messages.is_empty() {
        return page.faint("no messages");
    }
    let mut table = Table::new(&["ID", "KIND", "STATUS", "FROM", "TO", "TASK", "AGE", "TEXT"]);
    for message in messages {
        table.row(vec![
            Cell::new(&message.id),
            Cell::new(message.kind.as_str()),
            Cell::status(message.status.as_str()),
            Cell::new(&message.from),
            Cell::new(&message.to),
            Cell::maybe(message.task.as_deref()),
            Cell::new(amount::age(&message.created_at, page.now)),
            Cell::new(summary(message)),
        ]);
    }
    page.table(&table);
}

fn summary(message: &MessageView) -> String {
    let body = escape::first_line(&message.body);
    let back = if message.revoked { " (taken back)" } else { "" };
    match &message.answer {
        Some(answer) => format!("{body} → {}{back}", escape::first_line(answer)),
        None => body,
    }
}

/// Draws what was answered, one to a line.
pub(crate) fn answered(messages: &[MessageView], page: &mut Page) {
    for message in messages {
        let answer = message.answer.as_deref().unwrap_or_default();
        page.prose(format!(
            "answered {}: {}",
            escape::line(&message.id),
            escape::first_line(answer)
        ));
    }
}

/// Draws what waits for the user, each with the command that answers it.
pub(crate) fn inbox(inbox: &InboxView, page: &mut Page) {
    if inbox.messages.is_empty() && inbox.reviews.is_empty() {
        return page.faint("nothing waits for you");
    }
    for message in &inbox.messages {
        page.blank();
        detail(message, page);
        let waits = message.status == MessageStatus::Open;
        if waits && matches!(message.kind, MessageKind::Note | MessageKind::Error) {
            let id = escape::line(&message.id);
            page.faint(format!("  cw message show {id}   (marks it read)"));
        }
    }
    for task in &inbox.reviews {
        page.blank();
        review(task, page);
    }
}

/// Draws a task that a person must approve, with the commands that do.
fn review(task: &TaskView, page: &mut Page) {
    let id = escape::line(&format!("{}/{}", task.initiative, task.id));
    let name = page.style.paint(Tone::Strong, &id);
    let status = page.style.paint(Tone::Attention, "review");
    page.prose(format!("{name}  {status} · {}", escape::line(&task.title)));
    if task.kind == TaskKind::Work {
        page.faint(format!("  cw task diff {id}"));
    }
    page.faint(format!("  cw task approve {id}"));
    page.faint(format!("  cw task reject {id} --text \"…\""));
}

/// Draws one whole.
pub(crate) fn detail(message: &MessageView, page: &mut Page) {
    let id = page.style.paint(Tone::Strong, &escape::line(&message.id));
    let status = message.status.as_str();
    let status =
        of_status(status).map_or_else(|| status.to_owned(), |t| page.style.paint(t, status));
    let task = message
        .task
        .as_ref()
        .map(|task| format!(" · {}", escape::line(task)));
    page.prose(format!(
        "{id}  {} from {} to {}{} · {} · {status}",
        message.kind,
        escape::line(&message.from),
        escape::line(&message.to),
        task.unwrap_or_default(),
        amount::age(&message.created_at, page.now),
    ));
    page.text(&message.body);
    for (at, option) in message.options.iter().enumerate() {
        page.item(&format!("    {}. ", at + 1), option);
    }
    if let Some(answer) = &message.answer {
        page.faint("  answer");
        page.text(answer);
    }
    if let Some(command) = command(message) {
        page.faint(format!("  {command}"));
    }
}

/// The command that answers a message, if it wants an answer, with a remark on what may be said.
pub(crate) fn command(message: &MessageView) -> Option<String> {
    let asks = matches!(
        message.kind,
        MessageKind::Question | MessageKind::Permission
    );
    if !asks || message.status != MessageStatus::Open {
        return None;
    }
    // What is copied up to the remark is a command that a shell takes.
    let what = match message.options.len() {
        0 => "TEXT".to_owned(),
        1 => "1  (or your own text)".to_owned(),
        n => format!("1  (1-{n}, or your own text)"),
    };
    Some(format!(
        "cw message answer {} {what}",
        escape::line(&message.id)
    ))
}
