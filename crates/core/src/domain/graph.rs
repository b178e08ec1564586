//! What waits for what. Phases and plans are nodes of their own, so that a barrier between two
//! phases of n tasks costs 2n edges and not n².

use super::ids::{PhaseId, PlanId, TaskId};
use super::state::State;

/// Something that can be waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Node {
    /// One task, merged or skipped.
    Task(TaskId),
    /// All tasks of a plan.
    Plan(PlanId),
    /// All tasks of a phase.
    Phase(PhaseId),
}

/// All that one task waits for.
#[derive(Clone, PartialEq, Debug)]
pub struct Needs {
    /// The task that waits.
    pub id: TaskId,
    /// What it waits for, each once.
    pub nodes: Vec<Node>,
}

/// Whether what waits for `node` may go on as far as this node is concerned.
#[must_use]
pub fn is_satisfied(state: &State, node: Node) -> bool {
    match node {
        Node::Task(id) => state
            .get(id)
            .is_none_or(|task: &super::hierarchy::Task| task.state.satisfies()),
        Node::Plan(id) => state
            .get(id)
            .is_none_or(|plan: &super::hierarchy::Plan| plan.open == 0),
        Node::Phase(id) => state
            .get(id)
            .is_none_or(|phase: &super::hierarchy::Phase| phase.open == 0),
    }
}

/// The tasks that `task` waits for and that are not merged or skipped, in written order, at most
/// `limit` of them.
#[must_use]
pub fn waits_for(state: &State, task: TaskId, limit: usize) -> Vec<TaskId> {
    let Some(needs) = state.get::<Needs>(task) else {
        return Vec::new();
    };
    let mut found = std::collections::BTreeSet::new();
    for node in &needs.nodes {
        match *node {
            Node::Task(id) => {
                if !is_satisfied(state, *node) {
                    found.insert(id);
                }
            }
            Node::Plan(id) => found.extend(state.open_tasks(|t| t.plan == id, task).take(limit)),
            Node::Phase(id) => found.extend(state.open_tasks(|t| t.phase == id, task).take(limit)),
        }
    }
    let mut sorted: Vec<TaskId> = found.into_iter().collect();
    sorted.sort_by_key(|id| state.get(*id).map(|t: &super::hierarchy::Task| t.position));
    sorted.truncate(limit);
    sorted
}
