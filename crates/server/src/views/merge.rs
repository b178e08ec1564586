//! Merges.

use cw_core::domain::hierarchy::{Initiative, Project, Task};
use cw_core::domain::state::State;
use cw_core::domain::work::{Agent, Merge, MergeState};
use cw_wire::MergeView;
use cw_wire::merge::MergeStatus;

use super::time;

/// A merge.
#[must_use]
pub fn view(state: &State, merge: &Merge) -> MergeView {
    let initiative = state.get::<Initiative>(merge.initiative);
    let held = initiative
        .and_then(|initiative| initiative.lane_held.clone())
        .filter(|_| merge.state.in_lane());
    let project = initiative.and_then(|initiative| state.get::<Project>(initiative.project));
    let report = merge.gate.as_ref();
    let gate = match (&merge.state, report) {
        (MergeState::Gating, _) => Some("running"),
        (_, Some(report)) if report.passed => Some("passed"),
        (_, Some(_)) => Some("failed"),
        _ => None,
    };
    MergeView {
        task: state
            .get::<Task>(merge.task)
            .map_or_else(String::new, |task| task.spec.slug.clone()),
        agent: state
            .get::<Agent>(merge.agent)
            .map(|agent| agent.name.clone()),
        status: if held.is_some() {
            MergeStatus::Held
        } else {
            status(&merge.state)
        },
        base: merge.base.as_ref().map(ToString::to_string),
        head: Some(merge.head.to_string()),
        result: merge.result.as_ref().map(ToString::to_string),
        conflicts: merge.conflicts.clone(),
        gate: gate.map(str::to_owned),
        at: time(merge.ended_at.unwrap_or(merge.queued_at)),
        gate_command: report.map(|report| report.command.clone()),
        gate_output: report.map(|report| report.output.clone()),
        note: held.or_else(|| note(&merge.state)),
        project: project.map(|project| project.name.clone()),
        initiative: initiative.map(|initiative| initiative.slug.clone()),
    }
}

fn status(state: &MergeState) -> MergeStatus {
    match state {
        MergeState::Queued => MergeStatus::Queued,
        MergeState::Trying => MergeStatus::Trying,
        MergeState::Gating => MergeStatus::Gating,
        MergeState::Moving => MergeStatus::Advancing,
        MergeState::Merged => MergeStatus::Merged,
        MergeState::Conflict | MergeState::GateFailed | MergeState::Rejected => {
            MergeStatus::Bounced
        }
        MergeState::Dropped => MergeStatus::Cancelled,
    }
}

fn note(state: &MergeState) -> Option<String> {
    let note = match state {
        MergeState::Conflict => "conflicts with the integration branch",
        MergeState::GateFailed => "a gate failed",
        MergeState::Rejected => "sent back by a person",
        _ => return None,
    };
    Some(note.to_owned())
}
