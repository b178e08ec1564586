//! What agents are told. The words are for a language model or a script; the rules behind them
//! stand elsewhere.

use std::fmt::Write as _;
use std::time::Duration;

use super::hierarchy::{Initiative, Phase, Plan, Task};
use super::state::State;
use super::work::{GateReport, Merge, MergeState, Message, MessageKind, Party};

/// The most that one prompt hands on of a gate's output or a text from elsewhere, in bytes.
const EXCERPT: usize = 16 * 1024;

/// What a task's first turn is told: its own text, then what stands above it in the plan.
///
/// The context comes last and every line of it starts with `# `, so that a script may run its
/// standard input as a shell program.
#[must_use]
pub fn start(state: &State, task: &Task) -> String {
    let mut prompt = if task.spec.text.is_empty() {
        task.spec.title.clone()
    } else {
        task.spec.text.clone()
    };
    let mut context = String::new();
    if let Some(initiative) = state.get::<Initiative>(task.initiative)
        && !initiative.adhoc
    {
        section(
            &mut context,
            "Initiative",
            &initiative.title,
            &initiative.text,
        );
    }
    if let Some(phase) = state.get::<Phase>(task.phase) {
        section(&mut context, "Phase", &phase.title, &phase.text);
    }
    if let Some(plan) = state.get::<Plan>(task.plan) {
        section(&mut context, "Plan", &plan.title, &plan.text);
    }
    for id in predecessors(state, task) {
        if let Some((before, summary)) = state
            .get::<Task>(id)
            .and_then(|before| before.summary.as_ref().map(|summary| (before, summary)))
        {
            section(&mut context, "Done before", &before.spec.title, summary);
        }
    }
    if !context.is_empty() {
        prompt.push_str("\n\n# Context\n");
        prompt.push_str(&context);
    }
    prompt
}

fn predecessors(state: &State, task: &Task) -> Vec<super::ids::TaskId> {
    state
        .get::<super::graph::Needs>(task.id)
        .into_iter()
        .flat_map(|needs| &needs.nodes)
        .filter_map(|node| match node {
            super::graph::Node::Task(id) => Some(*id),
            _ => None,
        })
        .take(20)
        .collect()
}

fn section(out: &mut String, what: &str, title: &str, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    let _ = writeln!(out, "#\n# {what}: {}", title.replace(['\n', '\r'], " "));
    for line in excerpt(text).lines() {
        let _ = writeln!(out, "# {line}");
    }
}

/// The first [`EXCERPT`] bytes of a text, cut between characters.
fn excerpt(text: &str) -> &str {
    let mut end = text.len().min(EXCERPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What a session is told that takes another's place.
pub const NEW_SESSION: &str = "\n\n# This is a new session: what an earlier one did for this task is on your branch and in your worktree.\n";

/// What an agent is told when its work came back from the merge lane.
#[must_use]
pub fn bounce(state: &State, merge: &Merge, conflicts: &[String]) -> String {
    let mut out = String::new();
    match &merge.state {
        MergeState::GateFailed => gate(&mut out, merge.gate.as_ref()),
        MergeState::Rejected => {}
        _ => out.push_str("Your work conflicts with what others have merged meanwhile.\n"),
    }
    if conflicts.is_empty() {
        out.push_str(
            "The integration branch has been merged into your worktree; it merged cleanly.\n",
        );
    } else {
        out.push_str(
            "The integration branch is being merged into your worktree. These files hold conflict \
             markers, or were changed on one side and deleted on the other:\n\n",
        );
        for path in conflicts.iter().take(200) {
            let _ = writeln!(out, "- {path}");
        }
        if conflicts.len() > 200 {
            let _ = writeln!(out, "- … and {} more", conflicts.len() - 200);
        }
        out.push_str(
            "\nResolve every one of them so that the intent of both sides is kept, remove all markers, \
             and commit (or leave it uncommitted: it will be committed for you).\n",
        );
    }
    if let Some(task) = state.get::<Task>(merge.task) {
        let _ = writeln!(out, "\nYour task was: {}", task.spec.title);
        others(&mut out, state, task);
    }
    out
}

fn gate(out: &mut String, report: Option<&GateReport>) {
    out.push_str(
        "Your work was merged on top of the integration branch, and a check failed there.\n",
    );
    if let Some(report) = report {
        let _ = writeln!(
            out,
            "\nThe check: {}\nIts last output:\n\n```",
            report.command
        );
        out.push_str(excerpt(&report.output));
        out.push_str("\n```\n\n");
    }
}

/// The tasks merged last, whose intent the other side of a conflict carries.
fn others(out: &mut String, state: &State, task: &Task) {
    let mut merged: Vec<&Merge> = state
        .tasks_of(task.initiative)
        .filter(|other| other.id != task.id)
        .filter_map(|other| state.index().merges_of(other.id).next_back())
        .filter_map(|id| state.get::<Merge>(id))
        .filter(|merge| merge.state == MergeState::Merged)
        .collect();
    merged.sort_by_key(|merge| std::cmp::Reverse(merge.ended_at));
    if merged.is_empty() {
        return;
    }
    out.push_str("Merged before yours:\n");
    for other in merged
        .into_iter()
        .take(5)
        .filter_map(|merge| state.get::<Task>(merge.task))
    {
        let _ = writeln!(out, "- {}", other.spec.title);
        if let Some(summary) = &other.summary {
            let _ = writeln!(out, "  {}", excerpt(summary).replace('\n', "\n  "));
        }
    }
}

/// What a session that knows what it asked is told when answers and notes have come, and nothing
/// else: the bare words when they are the user's and only one.
#[must_use]
pub fn word(messages: &[&Message]) -> String {
    match messages {
        [only] if only.kind != MessageKind::Permission && only.answer.is_some() => {
            only.answer.clone().unwrap_or_default()
        }
        [only] if only.answer.is_none() && only.from == Party::User => only.body.clone(),
        several => mail(several),
    }
}

/// Answers with what was asked, and notes with who says them.
#[must_use]
pub fn mail(messages: &[&Message]) -> String {
    let mut out = String::new();
    for message in messages {
        match &message.answer {
            Some(answer) => {
                let _ = writeln!(
                    out,
                    "You asked: {}\nThe answer: {answer}\n",
                    excerpt(&message.body)
                );
            }
            None => {
                let who = if message.from == Party::User {
                    "The user"
                } else {
                    "Another agent"
                };
                let _ = writeln!(out, "{who} says: {}\n", excerpt(&message.body));
            }
        }
    }
    out
}

/// What an agent is told that printed nothing for so long that it was interrupted.
#[must_use]
pub fn nudge(task: &Task, silent: Duration) -> String {
    let silent = match silent.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    };
    format!(
        "You were interrupted: nothing was heard of you for {silent}. Whatever you waited for may \
         never come. Look at what is there and go on with your task: {}\nGive a command that may \
         hang a time limit, and have one that takes long print what it does.\n",
        task.spec.title
    )
}

/// A note as it is handed to an agent at work, who did not wait for it.
#[must_use]
pub fn note(message: &Message) -> String {
    let who = if message.from == Party::User {
        "The user"
    } else {
        "Another agent"
    };
    format!("{who} says: {}", message.body)
}

/// What an agent is told when its last turn failed and it is to go on: its task again, and why.
#[must_use]
pub fn retry(state: &State, task: &Task, why: Option<&str>) -> String {
    let mut out = start(state, task);
    if let Some(why) = why {
        out.push_str(
            "\n\n# Your last turn did not end well. Look at what is there and finish the task.\n",
        );
        for line in excerpt(why).lines() {
            let _ = writeln!(out, "# {line}");
        }
    }
    out
}
