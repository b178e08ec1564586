//! What the user should know of a plan that is otherwise in order.

use cw_core::domain::hierarchy::Initiative;
use cw_core::domain::ids::InitiativeId;
use cw_core::domain::plan::{Line, PlanDocument, PlanError};
use cw_core::domain::state::State;

/// Attributes of a plan that this version reads and does not act on, each where it stands.
pub(crate) fn not_acted_on(document: &PlanDocument, name: &str) -> Vec<String> {
    let head = &document.initiative;
    let own = head.budget.map(|_| (head.budget_line, None));
    let plans = document.phases.iter().flat_map(|phase| &phase.plans);
    let tasks = plans.flat_map(|plan| &plan.tasks);
    let theirs = tasks.filter(|task| task.budget.is_some());
    let theirs = theirs.map(|task| (task.budget_line, Some(&task.id)));
    own.into_iter()
        .chain(theirs)
        .map(|(line, task)| unheeded(name, line, task))
        .collect()
}

fn unheeded(name: &str, line: Line, task: Option<&String>) -> String {
    let place = match line {
        Line(0) => name.to_owned(),
        Line(line) => format!("{name}, line {line}"),
    };
    let whose = match task {
        Some(task) => format!(" of the task `{task}`"),
        None => String::new(),
    };
    format!("{place}, `budget`{whose} is not acted on by this version")
}

/// The same of an initiative that is stored.
pub(crate) fn not_acted_on_by(state: &State, id: InitiativeId) -> Vec<String> {
    let row = state.get::<Initiative>(id);
    let slug = row.map(|row| row.slug.as_str()).unwrap_or_default();
    let own = row.is_some_and(|row| row.budget.is_some());
    let tasks = state.tasks_of(id).filter(|task| task.spec.budget.is_some());
    own.then(|| format!("the `budget` of '{slug}' is not acted on by this version"))
        .into_iter()
        .chain(tasks.map(|task| {
            let task = &task.spec.slug;
            format!("the `budget` of the task '{slug}/{task}' is not acted on by this version")
        }))
        .collect()
}

/// An error as one line, where it is no more than a warning.
pub(crate) fn line(error: &PlanError) -> String {
    let more = [&error.cause, &error.hint];
    let more: Vec<&str> = more.into_iter().flatten().map(String::as_str).collect();
    if more.is_empty() {
        error.to_string()
    } else {
        format!("{error}: {}", more.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cw_core::domain::plan::read;

    #[test]
    fn budgets_of_a_plan_are_warned_of_where_they_stand() {
        let text = "# I\n- budget: $20\n#### A\n- budget: $1\n#### B\n";
        let told = not_acted_on(&read(text, "p.md").unwrap(), "p.md");
        assert_eq!(
            told,
            [
                "p.md, line 2, `budget` is not acted on by this version",
                "p.md, line 4, `budget` of the task `a` is not acted on by this version"
            ]
        );
    }
}
