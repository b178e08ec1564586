//! Agents and their turns.

use std::path::Path;

use cw_core::domain::held;
use cw_core::domain::hierarchy::{Initiative, Project, Task};
use cw_core::domain::ids::AgentId;
use cw_core::domain::state::State;
use cw_core::domain::status::{self, agent_status};
use cw_core::domain::work::{Agent, Turn, TurnState, Verdict};
use cw_wire::agent::TurnView;
use cw_wire::{AgentStatus, AgentView};

use super::time;
use crate::work::Places;

/// An agent.
#[must_use]
pub fn view(state: &State, places: &Places, agent: &Agent) -> AgentView {
    let initiative = state.get::<Initiative>(agent.initiative);
    let task = state.get::<Task>(agent.task);
    let open = state.index().open_turn(agent.id);
    let last = open.or(state.index().last_turn(agent.id));
    let last = last.and_then(|id| state.get::<Turn>(id));
    let running = last.filter(|turn| turn.state == TurnState::Running);
    let started = last.and_then(|turn| turn.started_at);
    AgentView {
        name: agent.name.clone(),
        kind: agent.kind.clone(),
        status: word(agent_status(state, agent)),
        task: task.map(|task| task.spec.slug.clone()),
        session: agent.session.clone().filter(|_| agent.begun),
        pid: running.and_then(|turn| turn.pid),
        worktree: agent
            .housed
            .then(|| text(&places.worktrees.join(&agent.worktree))),
        branch: initiative.map(|initiative| agent.branch(&initiative.slug)),
        turns: agent.turns,
        started_at: Some(time(started.unwrap_or(agent.started_at))),
        last_output_at: agent.last_output_at.map(time),
        cost_usd: agent.cost.dollars(),
        tokens: agent.tokens,
        project: state
            .get::<Project>(agent.project)
            .map(|project| project.name.clone()),
        initiative: initiative.map(|initiative| initiative.slug.clone()),
        title: task.map(|task| task.spec.title.clone()),
        activity: activity(state, agent, task),
        diff: None,
    }
}

/// What it does just now, or what it waits for.
fn activity(state: &State, agent: &Agent, task: Option<&Task>) -> Option<String> {
    let waits = agent_status(state, agent) == status::AgentStatus::Parked;
    let hold = task
        .filter(|_| waits)
        .and_then(|task| held::hold(state, task));
    let line = hold.map_or_else(|| agent.activity.clone(), |hold| hold.told());
    Some(line).filter(|line| !line.is_empty())
}

/// Agents by id.
#[must_use]
pub fn views(
    state: &State,
    places: &Places,
    ids: impl IntoIterator<Item = AgentId>,
) -> Vec<AgentView> {
    let rows = ids.into_iter().filter_map(|id| state.get::<Agent>(id));
    rows.map(|agent| view(state, places, agent)).collect()
}

/// A turn, with the folder of its run below `runs`. How its process ended only the folder knows.
#[must_use]
pub fn turn(turn: &Turn, runs: &Path) -> TurnView {
    let outcome = match &turn.state {
        TurnState::Ended { verdict } | TurnState::Collecting { verdict } => {
            Some(verdict_word(verdict))
        }
        _ => None,
    };
    TurnView {
        number: turn.number,
        kind: turn.kind.word().to_owned(),
        started_at: turn.started_at.map(time),
        ended_at: turn.ended_at.map(time),
        outcome: outcome.map(str::to_owned),
        exit_code: None,
        output_cut: false,
        cost_usd: turn.cost.dollars(),
        tokens: turn.tokens,
        folder: turn
            .started_at
            .map(|_| text(&runs.join(turn.id.to_string()))),
    }
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Asked => "asked",
        Verdict::Failed { .. } => "failed",
        Verdict::Limit { .. } => "limit",
        Verdict::Auth { .. } => "auth",
        Verdict::SessionUnknown => "session-unknown",
        Verdict::Stopped => "stopped",
        Verdict::Crashed => "crashed",
    }
}

/// A status in the words of the wire.
#[must_use]
pub fn word(status: status::AgentStatus) -> AgentStatus {
    use status::AgentStatus as Core;
    match status {
        Core::Starting => AgentStatus::Starting,
        Core::Running => AgentStatus::Running,
        Core::Waiting => AgentStatus::Waiting,
        Core::Parked => AgentStatus::Parked,
        Core::Stopping => AgentStatus::Stopping,
        Core::Stopped => AgentStatus::Stopped,
        Core::Finished => AgentStatus::Finished,
        Core::Crashed => AgentStatus::Crashed,
    }
}

/// A path as it travels.
#[must_use]
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
