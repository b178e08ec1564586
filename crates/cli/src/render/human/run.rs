//! The end of a run.

use crate::render::page::Page;
use crate::render::style::Tone;
use crate::render::{amount, escape};
use cw_wire::run::{FailedTask, RunOutcome, RunProgressView};
use cw_wire::{InitiativeView, MessageView};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many of the tasks that failed are named.
const NAMED: usize = 3;

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
    /// Its budget, US dollars.
    pub(crate) budget_usd: Option<f64>,
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
    /// Dispatch is held.
    pub(crate) held: bool,
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
            budget_usd,
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
            budget_usd,
            elapsed_s: progress.elapsed_s,
            branch,
            base,
            failed: progress.failed.clone(),
            questions: progress.questions.clone(),
            reviews: progress.reviews.clone(),
            held: progress.held,
        };
        Self { summary }
    }
}

/// Draws a summary. Commands are offered where there is one that follows it again.
pub(crate) fn summary(all: &Summary, follow: Option<&str>, page: &mut Page) {
    let it = &all.summary;
    let tone = match it.outcome.as_str() {
        "finished" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Attention,
    };
    let word = page.style.paint(tone, &it.outcome.replace('-', " "));
    page.prose(format!(
        "{}: {word} in {}, {}",
        escape::line(&it.title),
        amount::duration(it.elapsed_s),
        super::initiative::spent(it.cost_usd, it.budget_usd)
    ));
    let counts: Vec<String> = it
        .counts
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(status, n)| format!("{n} {}", escape::line(status)))
        .collect();
    page.field("tasks", &counts.join(", "));
    failures(it, follow.is_some(), page);
    waits(it, follow.is_some(), page);
    page.field("branch", &it.branch);
    if let Some(follow) = follow {
        next(it, follow, page);
    }
}

/// Draws the tasks that failed, each with the reason.
fn failures(it: &SummaryView, offers: bool, page: &mut Page) {
    for task in it.failed.iter().take(NAMED) {
        let why = task.error.as_deref().map(escape::first_line);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        page.field(&task.status, &format!("{}{why}", task.id));
    }
    let more = it.failed.len().saturating_sub(NAMED);
    if more > 0 {
        let list = format!(
            ": cw task list -i {} -s failed,cancelled",
            escape::line(&it.initiative)
        );
        page.field(
            "",
            &format!("and {more} more{}", if offers { &list } else { "" }),
        );
    }
}

/// Draws what waits for the user: each with its command below it.
fn waits(it: &SummaryView, offers: bool, page: &mut Page) {
    let mut wait = |name: &str, what: &str, command: Option<String>| {
        page.field(name, what);
        if let Some(command) = command.filter(|_| offers) {
            page.field("", &command);
        }
    };
    for question in &it.questions {
        let command = super::message::command(question);
        wait("question", &escape::first_line(&question.body), command);
    }
    for task in &it.reviews {
        let command = format!("cw task approve {}/{task}", it.initiative);
        wait("review", task, Some(command));
    }
    let parked = it.counts.get("parked").copied().unwrap_or(0);
    if parked > 0 {
        let what = amount::some(u64::from(parked), "task");
        let command = "cw agent resume NAME lets a stopped one go on at once".to_owned();
        // An answer about the budget of all lets them go on.
        let asked = it.questions.iter().any(|one| one.task.is_none());
        wait("parked", &what, Some(command).filter(|_| !asked));
    }
    if it.held {
        let command = "cw resume lets it go on".to_owned();
        wait(
            "held",
            "dispatch is held: nothing new starts",
            Some(command),
        );
    }
}

/// Draws the commands that come next. Who was interrupted has been told them already.
fn next(it: &SummaryView, follow: &str, page: &mut Page) {
    let id = &it.initiative;
    if it.outcome == "interrupted" {
        return;
    }
    if it.outcome == "finished" {
        return page.field("next", &format!("cw initiative land {id}"));
    }
    let failed = it.failed.iter().take(NAMED);
    let failed: Vec<String> = failed.map(|task| format!("{id}/{}", task.id)).collect();
    let failed = failed.join(" ");
    let mut name = "next";
    if !failed.is_empty() {
        page.field(name, &format!("cw task retry {failed}"));
        page.field("", &format!("cw task skip {failed}"));
        name = "";
    }
    if it.outcome != "failed" {
        page.field(name, &format!("{follow}   (goes on where it was)"));
    }
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
