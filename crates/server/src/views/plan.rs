//! Plans as they travel: errors with their places, the JSON form of a document.

use cw_core::domain::plan::{
    Choice as _, Initiative, Level, PlanDocument, PlanError, Section, Task,
};
use cw_wire::plan::{
    After, Heading, KindWord, LineJson, Money, PhaseJson, PlanJson, PriorityWord, ReviewWord, Span,
    TaskJson,
};
use cw_wire::{ErrorCode, ErrorDetail, ErrorView};

/// All that is wrong with a plan: one fault as it is, several each in its place.
#[must_use]
pub fn faults(errors: &[PlanError]) -> ErrorView {
    let mut view = match errors {
        [] => ErrorView::new(ErrorCode::Usage, "the plan cannot be read"),
        [only] => ErrorView {
            cause: only.cause.clone(),
            hint: only.hint.clone(),
            ..ErrorView::new(ErrorCode::Usage, only.to_string())
        },
        [first, ..] => ErrorView::new(
            ErrorCode::Usage,
            format!("{}: {} errors", first.file, errors.len()),
        )
        .hint("mend them and try again; nothing was stored"),
    };
    view.details = errors.iter().map(detail).collect();
    view
}

fn detail(error: &PlanError) -> ErrorDetail {
    let message = match &error.cause {
        Some(cause) => format!("{}: {cause}", error.what),
        None => error.what.clone(),
    };
    ErrorDetail {
        file: Some(error.file.clone()),
        line: (error.line > 0).then_some(error.line),
        message,
        hint: error.hint.clone(),
    }
}

/// The section that a heading of a JSON plan stands for.
#[must_use]
pub fn section(heading: Heading<'_>) -> Section {
    let level = match heading.depth {
        1 => Level::Initiative,
        2 => Level::Phase,
        3 => Level::Plan,
        _ => Level::Task,
    };
    heading
        .attributes
        .into_iter()
        .fold(
            Section::new(level, heading.title),
            |section, (key, value)| section.with(key, value),
        )
        .with_text(heading.text)
        .at(heading.place)
}

/// The JSON form of a document, with every id.
#[must_use]
pub fn json(document: &PlanDocument) -> PlanJson {
    let Initiative {
        id,
        title,
        text,
        base,
        agents,
        budget,
        ..
    } = document.initiative.clone();
    let phases = document.phases.iter().map(|phase| PhaseJson {
        id: Some(phase.id.clone()),
        title: phase.title.clone(),
        text: phase.text.clone(),
        after: phase.after.clone().map(After::Ids),
        plans: phase.plans.iter().map(line).collect(),
        tasks: Vec::new(),
    });
    PlanJson {
        id: Some(id),
        title,
        text,
        base,
        agents,
        budget: budget.map(|budget| Money::Text(budget.to_string())),
        phases: phases.collect(),
        plans: Vec::new(),
        tasks: Vec::new(),
    }
}

fn line(plan: &cw_core::domain::plan::Plan) -> LineJson {
    LineJson {
        id: Some(plan.id.clone()),
        title: plan.title.clone(),
        text: plan.text.clone(),
        after: plan.after.clone().map(After::Ids),
        tasks: plan.tasks.iter().map(task).collect(),
    }
}

fn task(task: &Task) -> TaskJson {
    TaskJson {
        id: Some(task.id.clone()),
        title: task.title.clone(),
        text: task.text.clone(),
        after: task.after.clone().map(After::Ids),
        kind: match task.kind.word() {
            "approval" => Some(KindWord::Approval),
            _ => None,
        },
        agent: task.agent.clone(),
        model: task.model.clone(),
        priority: match task.priority.word() {
            "high" => Some(PriorityWord::High),
            "low" => Some(PriorityWord::Low),
            _ => None,
        },
        touches: task.touches.clone(),
        verify: task.verify.clone(),
        review: match task.review.word() {
            "human" => Some(ReviewWord::Human),
            _ => None,
        },
        budget: task.budget.map(|budget| Money::Text(budget.to_string())),
        timeout: task.timeout.map(|timeout| Span::Text(timeout.to_string())),
        attempts: task.attempts,
    }
}
