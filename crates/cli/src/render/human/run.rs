//! The end of a run.

use crate::render::page::Page;
use crate::render::style::Tone;
use crate::render::{amount, escape};
use cw_wire::run::{FailedTask, RunOutcome, RunProgressView};
use cw_wire::{InitiativeView, MessageView};
use serde::Serialize;
use std::collections::BTreeMap;

/// How a run ended: the last line of `cw run --json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// All of it, under one key, so that it cannot be taken for an event.
    pub(crate) summary: SummaryView,
}

/// What a summary says.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SummaryView {
    /// The initiative's id.
    pub(crate) initiative: String,
    /// Its title.
    pub(crate) title: String,
    /// `finished`, `failed`, `waits-for-user`; `interrupted` when the user left.
    pub(crate) outcome: String,
    /// The exit code of the command.
    pub(crate) exit: u8,
    /// How many tasks stand where.
    pub(crate) tasks: cw_wire::InitiativeTasks,
    /// How many tasks stand in each status.
    pub(crate) counts: BTreeMap<String, u32>,
    /// What it cost, US dollars.
    pub(crate) cost_usd: f64,
    /// How long it took, seconds.
    pub(crate) elapsed_s: f64,
    /// The integration branch.
    pub(crate) branch: String,
    /// The branch it is to land on.
    pub(crate) base: String,
    /// The tasks that failed or were cancelled.
    pub(crate) failed: Vec<FailedTask>,
    /// The questions that are open.
    pub(crate) questions: Vec<MessageView>,
    /// The tasks that wait for approval.
    pub(crate) reviews: Vec<String>,
}

impl Summary {
    /// Builds the summary of how a run stands.
    pub(crate) fn new(progress: &RunProgressView, outcome: &str, exit: u8) -> Self {
        let InitiativeView {
            id,
            title,
            branch,
            base,
            tasks,
            cost_usd,
            ..
        } = progress.initiative.clone();
        let summary = SummaryView {
            initiative: id,
            title,
            outcome: outcome.to_owned(),
            exit,
            tasks,
            counts: progress.counts.clone(),
            cost_usd,
            elapsed_s: progress.elapsed_s,
            branch,
            base,
            failed: progress.failed.clone(),
            questions: progress.questions.clone(),
            reviews: progress.reviews.clone(),
        };
        Self { summary }
    }
}

/// Draws a summary.
pub(crate) fn summary(all: &Summary, page: &mut Page) {
    let it = &all.summary;
    let tone = match it.outcome.as_str() {
        "finished" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Attention,
    };
    let word = page.style.paint(tone, &it.outcome.replace('-', " "));
    page.line(format!(
        "{}: {word} in {}, {}",
        escape::line(&it.title),
        amount::duration(it.elapsed_s),
        amount::money(it.cost_usd)
    ));
    let counts: Vec<String> = it
        .counts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(status, n)| format!("{n} {}", escape::line(status)))
        .collect();
    page.field("tasks", &counts.join(", "));
    for task in &it.failed {
        let why = task
            .error
            .as_deref()
            .map(escape::first_line)
            .unwrap_or_default();
        page.field(&task.status, &format!("{}: {why}", task.id));
    }
    for question in &it.questions {
        let command = super::message::command(question).unwrap_or_default();
        page.field(
            "question",
            &format!("{} ({command})", escape::first_line(&question.body)),
        );
    }
    for task in &it.reviews {
        page.field("review", &format!("{task} (cw task approve {task})"));
    }
    page.field("branch", &it.branch);
    let id = escape::line(&it.initiative);
    let next = match it.outcome.as_str() {
        "finished" => format!("cw initiative land {id}"),
        "failed" => {
            let task = it.failed.first().map_or("TASK", |task| task.id.as_str());
            format!("cw task retry {task}, or cw task skip {task}")
        }
        _ => format!("cw run goes on where it was; cw events --follow -i {id}"),
    };
    page.field("next", &next);
}

/// The exit code of a run that has come to an outcome.
pub(crate) fn exit_code(outcome: RunOutcome) -> crate::failure::Exit {
    use crate::failure::Exit;
    match outcome {
        RunOutcome::Finished | RunOutcome::Working => Exit::DONE,
        RunOutcome::Failed => Exit::FAILED,
        RunOutcome::WaitsForUser => Exit::WAITS,
    }
}
