//! What the user should know of a plan that is otherwise in order.

use std::collections::BTreeSet;

use cw_core::domain::budget::{budget, kind_of, purses, tells_costs};
use cw_core::domain::ids::InitiativeId;
use cw_core::domain::plan::PlanError;
use cw_core::domain::state::State;

/// A budget holds nobody whose program does not tell what it costs. Scripts are their author's.
pub(crate) fn unpriced(state: &State, id: InitiativeId) -> Vec<String> {
    let limited = state.tasks_of(id).filter(|task| {
        let mut purses = purses(task).into_iter();
        purses.any(|purse| budget(state, purse).is_some())
    });
    let kinds: BTreeSet<&str> = limited
        .filter_map(|task| kind_of(state, task))
        .filter(|kind| !tells_costs(kind) && *kind != "script")
        .collect();
    kinds
        .into_iter()
        .map(|kind| {
            format!("agents of the kind `{kind}` tell no costs: a budget does not hold them")
        })
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
