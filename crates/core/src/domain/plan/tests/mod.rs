//! Plans as their users write them.

mod drafts;
mod hostile;
mod order;
mod reading;
pub(crate) mod round_trip;

use super::{PlanDocument, PlanError, Task, read};

/// Reads a plan that is in order.
fn plan(text: &str) -> PlanDocument {
    read(text, "plan.md").unwrap_or_else(|errors| panic!("{}", told(&errors)))
}

/// The errors of a plan that is not.
fn errors(text: &str) -> Vec<PlanError> {
    read(text, "plan.md").expect_err("a plan with errors")
}

/// The only error of a plan.
fn error(text: &str) -> PlanError {
    let mut errors = errors(text);
    assert_eq!(errors.len(), 1, "{}", told(&errors));
    errors.remove(0)
}

fn told(errors: &[PlanError]) -> String {
    errors
        .iter()
        .map(|error| format!("{error} / {:?} / {:?}\n", error.cause, error.hint))
        .collect()
}

fn tasks(document: &PlanDocument) -> Vec<&Task> {
    document
        .phases
        .iter()
        .flat_map(|phase| &phase.plans)
        .flat_map(|plan| &plan.tasks)
        .collect()
}
