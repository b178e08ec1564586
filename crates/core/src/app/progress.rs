//! Whether anything is left to happen in an initiative, and for whom it waits.

use crate::domain::budget::is_kept;
use crate::domain::held;
use crate::domain::hierarchy::{Initiative, InitiativeStatus, Project, Task, TaskState};
use crate::domain::ids::InitiativeId;
use crate::domain::index::Bucket;
use crate::domain::plan::TaskKind;
use crate::domain::state::State;
use crate::domain::work::{Turn, TurnState};

/// What is to be expected of an initiative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prospect {
    /// Something is being done, or will be by itself.
    Working,
    /// All that is left waits for the user.
    WaitsForUser,
    /// What is left is blocked by failed or cancelled tasks.
    Stuck,
    /// Every task is merged, skipped or cancelled.
    Finished,
}

/// Looks at what is left of an initiative.
#[must_use]
pub fn prospect(state: &State, id: InitiativeId) -> Prospect {
    let Some(initiative) = state.get::<Initiative>(id) else {
        return Prospect::Finished;
    };
    match initiative.status {
        InitiativeStatus::Finished | InitiativeStatus::Landed | InitiativeStatus::Cancelled => {
            return Prospect::Finished;
        }
        InitiativeStatus::Draft => return Prospect::WaitsForUser,
        InitiativeStatus::Paused | InitiativeStatus::Active => {}
    }
    // What is under way in a paused one goes on to its end.
    let paused = initiative.status == InitiativeStatus::Paused;
    let held = paused
        || state
            .get::<Project>(initiative.project)
            .is_some_and(|project| project.held);
    let trusted = state.config(initiative.project).is_some();
    let mut owed = false;
    // Buckets tell most of it; only tasks in a state that may wait for the user are looked at.
    if state.index().count(id, Bucket::Merging) > 0 {
        if initiative.lane_held.is_none() {
            return Prospect::Working;
        }
        owed = true;
    }
    for task in state.tasks_of(id) {
        match (&task.state, outlook(state, task)) {
            (_, Outlook::Moves) => return Prospect::Working,
            (_, Outlook::WouldMove) if held || !trusted => owed = true,
            (_, Outlook::WouldMove) if held::hold(state, task).is_some() => owed = true,
            (_, Outlook::WouldMove) => return Prospect::Working,
            (_, Outlook::Owed) => owed = true,
            (_, Outlook::Still) => {}
        }
    }
    if owed || paused {
        Prospect::WaitsForUser
    } else {
        Prospect::Stuck
    }
}

enum Outlook {
    Moves,
    WouldMove,
    Owed,
    Still,
}

fn outlook(state: &State, task: &Task) -> Outlook {
    match &task.state {
        TaskState::Todo { .. } if task.blockers > 0 => Outlook::Still,
        TaskState::Todo { .. } if task.spec.kind == TaskKind::Approval => Outlook::Owed,
        TaskState::Todo { .. } if is_kept(state, task) => Outlook::Owed,
        TaskState::Todo { .. } => Outlook::WouldMove,
        TaskState::Working => {
            let open = task.agent.and_then(|agent| state.index().open_turn(agent));
            let turn = open.and_then(|turn| state.get::<Turn>(turn));
            // A turn that blocks in `cw ask` waits for the user as much as one that has ended.
            if state.index().asks(task.id) || is_kept(state, task) {
                Outlook::Owed
            } else if let Some(turn) = turn {
                // One without a place yet goes on only if dispatch does.
                match turn.state {
                    TurnState::Queued => Outlook::WouldMove,
                    _ => Outlook::Moves,
                }
            } else {
                Outlook::Still
            }
        }
        TaskState::Parked { resume_at: Some(_) } => Outlook::Moves,
        TaskState::Parked { resume_at: None } | TaskState::Review => Outlook::Owed,
        TaskState::Merging
        | TaskState::Merged { .. }
        | TaskState::Failed
        | TaskState::Cancelled
        | TaskState::Skipped => Outlook::Still,
    }
}
