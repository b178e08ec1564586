//! Statuses as people see them, derived from the facts.

use super::budget::is_kept;
use super::held;
use super::hierarchy::{Task, TaskState};
use super::plan::TaskKind;
use super::state::State;
use super::work::{Agent, Turn, TurnState, Verdict};

/// A task's status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum TaskStatus {
    Blocked,
    Ready,
    Running,
    Waiting,
    Parked,
    Review,
    Merging,
    Merged,
    Failed,
    Cancelled,
    Skipped,
}

impl TaskStatus {
    /// The word users see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Review => "review",
            Self::Merging => "merging",
            Self::Merged => "merged",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

/// The status of a task.
#[must_use]
pub fn task_status(state: &State, task: &Task) -> TaskStatus {
    match &task.state {
        TaskState::Todo { .. } if task.blockers > 0 => TaskStatus::Blocked,
        TaskState::Todo { .. } if task.spec.kind == TaskKind::Approval => TaskStatus::Review,
        TaskState::Todo { .. } if held::hold(state, task).is_some() => TaskStatus::Waiting,
        TaskState::Todo { .. } if is_kept(state, task) => TaskStatus::Parked,
        TaskState::Todo { .. } => TaskStatus::Ready,
        TaskState::Working if state.index().asks(task.id) => TaskStatus::Waiting,
        TaskState::Working => match open_turn(state, task).map(|turn| &turn.state) {
            // The user owes what its agent needs to go on.
            Some(TurnState::Queued) if held::hold(state, task).is_some() => TaskStatus::Waiting,
            // It has its agent but no place yet: showing it as running would be a lie.
            Some(TurnState::Queued) if is_kept(state, task) => TaskStatus::Parked,
            Some(TurnState::Queued) => TaskStatus::Ready,
            _ => TaskStatus::Running,
        },
        TaskState::Parked { .. } => TaskStatus::Parked,
        TaskState::Review => TaskStatus::Review,
        TaskState::Merging => TaskStatus::Merging,
        TaskState::Merged { .. } => TaskStatus::Merged,
        TaskState::Failed => TaskStatus::Failed,
        TaskState::Cancelled => TaskStatus::Cancelled,
        TaskState::Skipped => TaskStatus::Skipped,
    }
}

/// An agent's status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub enum AgentStatus {
    Starting,
    Running,
    Waiting,
    Parked,
    Stopping,
    Stopped,
    Finished,
    Crashed,
}

impl AgentStatus {
    /// The word users see.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Crashed => "crashed",
        }
    }

    /// It is among the living: its name is taken and its work goes on.
    #[must_use]
    pub fn is_living(self) -> bool {
        !matches!(self, Self::Stopped | Self::Finished | Self::Crashed)
    }
}

/// The status of an agent.
#[must_use]
pub fn agent_status(state: &State, agent: &Agent) -> AgentStatus {
    if let Some(turn) = state
        .index()
        .open_turn(agent.id)
        .and_then(|id| state.get::<Turn>(id))
    {
        if turn.stop.is_some() && turn.state.takes_slot() {
            return AgentStatus::Stopping;
        }
        return match turn.state {
            TurnState::Running if state.index().asks(agent.task) => AgentStatus::Waiting,
            TurnState::Running | TurnState::Collecting { .. } => AgentStatus::Running,
            TurnState::Queued if agent.begun || is_held(state, agent) => AgentStatus::Parked,
            _ => AgentStatus::Starting,
        };
    }
    let task = state.get::<Task>(agent.task);
    if task.is_none_or(|task| task.state.is_closed() || task.agent != Some(agent.id)) {
        return AgentStatus::Finished;
    }
    if agent.stopped {
        return AgentStatus::Stopped;
    }
    match task.map(|task| &task.state) {
        Some(TaskState::Failed) => match last_verdict(state, agent) {
            Some(Verdict::Crashed) => AgentStatus::Crashed,
            _ => AgentStatus::Finished,
        },
        _ => AgentStatus::Parked,
    }
}

fn is_held(state: &State, agent: &Agent) -> bool {
    let task = state.get::<Task>(agent.task);
    task.is_some_and(|task| held::hold(state, task).is_some())
}

fn open_turn<'s>(state: &'s State, task: &Task) -> Option<&'s Turn> {
    task.agent
        .and_then(|agent| state.index().open_turn(agent))
        .and_then(|id| state.get(id))
}

fn last_verdict<'s>(state: &'s State, agent: &Agent) -> Option<&'s Verdict> {
    let last = state.index().last_turn(agent.id)?;
    match &state.get::<Turn>(last)?.state {
        TurnState::Ended { verdict } => Some(verdict),
        _ => None,
    }
}
