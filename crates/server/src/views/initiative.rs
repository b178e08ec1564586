//! Initiatives as they travel, and how many of their tasks stand where.

use std::collections::BTreeMap;

use cw_core::domain::budget::{Purse, budget};
use cw_core::domain::hierarchy::{Initiative, InitiativeStatus, Project};
use cw_core::domain::ids::InitiativeId;
use cw_core::domain::money::Usd;
use cw_core::domain::state::State;
use cw_core::domain::status::{TaskStatus, task_status};
use cw_wire::initiative as wire;
use cw_wire::{InitiativeTasks, InitiativeView};

use super::time;

/// How many tasks stand in each status.
pub type Counts = BTreeMap<TaskStatus, u32>;

/// Counts the tasks of an initiative by status.
#[must_use]
pub fn counts(state: &State, id: InitiativeId) -> Counts {
    let mut counts = Counts::new();
    for task in state.tasks_of(id) {
        *counts.entry(task_status(state, task)).or_default() += 1;
    }
    counts
}

/// The five numbers that lists show.
#[must_use]
pub fn tasks(counts: &Counts) -> InitiativeTasks {
    let sum = |statuses: &[TaskStatus]| statuses.iter().filter_map(|s| counts.get(s)).sum();
    InitiativeTasks {
        total: counts.values().sum(),
        merged: sum(&[TaskStatus::Merged, TaskStatus::Skipped]),
        failed: sum(&[TaskStatus::Failed, TaskStatus::Cancelled]),
        running: sum(&[TaskStatus::Running, TaskStatus::Merging]),
        waiting: sum(&[TaskStatus::Waiting, TaskStatus::Parked, TaskStatus::Review]),
    }
}

/// These initiatives.
#[must_use]
pub fn all(state: &State, ids: impl IntoIterator<Item = InitiativeId>) -> Vec<InitiativeView> {
    ids.into_iter()
        .filter_map(|id| {
            let row = state.get::<Initiative>(id)?;
            Some(view(state, row, &counts(state, id)))
        })
        .collect()
}

/// One initiative.
#[must_use]
pub fn view(state: &State, row: &Initiative, counts: &Counts) -> InitiativeView {
    let purse = Purse::Initiative(row.id);
    InitiativeView {
        id: row.slug.clone(),
        title: row.title.clone(),
        status: status(row.status),
        base: row.base.clone(),
        branch: row.branch(),
        tasks: tasks(counts),
        cost_usd: state.index().spent(purse).dollars(),
        budget_usd: budget(state, purse).map(Usd::dollars),
        project: state
            .get::<Project>(row.project)
            .map(|project| project.name.clone()),
        tip: row.tip.as_ref().map(ToString::to_string),
        created_at: Some(time(row.created_at)),
    }
}

/// The word for a status.
#[must_use]
pub fn status(status: InitiativeStatus) -> wire::InitiativeStatus {
    match status {
        InitiativeStatus::Draft => wire::InitiativeStatus::Draft,
        InitiativeStatus::Active => wire::InitiativeStatus::Active,
        InitiativeStatus::Paused => wire::InitiativeStatus::Paused,
        InitiativeStatus::Finished => wire::InitiativeStatus::Finished,
        InitiativeStatus::Landed => wire::InitiativeStatus::Landed,
        InitiativeStatus::Cancelled => wire::InitiativeStatus::Cancelled,
    }
}
