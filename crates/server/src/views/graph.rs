//! Who waits for whom, for drawing: tasks in an order that works, and the edges between them. A
//! barrier between two groups is told by the last tasks of the one and not by all pairs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use cw_core::domain::graph::{Needs, Node};
use cw_core::domain::hierarchy::{Initiative, Task};
use cw_core::domain::ids::{InitiativeId, PhaseId, PlanId, TaskId};
use cw_core::domain::state::State;
use cw_wire::task::EdgeView;

/// The most edges of one initiative: beyond it nothing could be drawn.
const EDGES: usize = 200_000;

/// The tasks of an initiative, each after those that it waits for.
#[must_use]
pub fn order(state: &State, initiative: InitiativeId) -> Vec<TaskId> {
    let groups = Groups::of(state, initiative);
    let mut waits: HashMap<Node, usize> = HashMap::new();
    let mut behind: HashMap<Node, Vec<Node>> = HashMap::new();
    let mut edge = |from: Node, to: Node| {
        *waits.entry(to).or_default() += 1;
        behind.entry(from).or_default().push(to);
    };
    for task in state.tasks_of(initiative) {
        edge(Node::Task(task.id), Node::Plan(task.plan));
        edge(Node::Task(task.id), Node::Phase(task.phase));
        for node in needs(state, task.id) {
            if groups.has(node) {
                edge(node, Node::Task(task.id));
            }
        }
    }
    let place = |node: Node| match node {
        Node::Task(id) => state.get::<Task>(id).map_or(0, |task| task.position),
        Node::Plan(_) | Node::Phase(_) => 0,
    };
    let mut ready: BinaryHeap<Reverse<(u32, Node)>> = state
        .tasks_of(initiative)
        .map(|task| Node::Task(task.id))
        .filter(|node| !waits.contains_key(node))
        .map(|node| Reverse((place(node), node)))
        .collect();
    let mut order = Vec::new();
    while let Some(Reverse((_, node))) = ready.pop() {
        if let Node::Task(id) = node {
            order.push(id);
        }
        for next in behind.remove(&node).unwrap_or_default() {
            if let Some(left) = waits.get_mut(&next) {
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse((place(next), next)));
                }
            }
        }
    }
    order
}

/// Who waits for whom in an initiative.
#[must_use]
pub fn edges(state: &State, initiative: InitiativeId) -> Vec<EdgeView> {
    let Some(row) = state.get::<Initiative>(initiative) else {
        return Vec::new();
    };
    let groups = Groups::of(state, initiative);
    let mut lasts: HashMap<Node, Vec<TaskId>> = HashMap::new();
    let mut edges = Vec::new();
    for task in state.tasks_of(initiative) {
        for node in needs(state, task.id) {
            let from = lasts
                .entry(node)
                .or_insert_with(|| groups.lasts(state, node));
            for before in from.iter().filter_map(|id| state.get::<Task>(*id)) {
                if edges.len() == EDGES {
                    return edges;
                }
                edges.push(EdgeView {
                    initiative: row.slug.clone(),
                    from: before.spec.slug.clone(),
                    to: task.spec.slug.clone(),
                });
            }
        }
    }
    edges
}

fn needs(state: &State, id: TaskId) -> impl Iterator<Item = Node> {
    let needs = state.get::<Needs>(id).map(|needs| needs.nodes.clone());
    needs.unwrap_or_default().into_iter()
}

/// The tasks of each plan and phase.
struct Groups {
    plans: BTreeMap<PlanId, Vec<TaskId>>,
    phases: BTreeMap<PhaseId, Vec<TaskId>>,
}

impl Groups {
    fn of(state: &State, initiative: InitiativeId) -> Self {
        let mut groups = Self {
            plans: BTreeMap::new(),
            phases: BTreeMap::new(),
        };
        for task in state.tasks_of(initiative) {
            groups.plans.entry(task.plan).or_default().push(task.id);
            groups.phases.entry(task.phase).or_default().push(task.id);
        }
        groups
    }

    fn tasks(&self, node: Node) -> Vec<TaskId> {
        let group = match node {
            Node::Task(id) => return vec![id],
            Node::Plan(id) => self.plans.get(&id),
            Node::Phase(id) => self.phases.get(&id),
        };
        group.cloned().unwrap_or_default()
    }

    fn has(&self, node: Node) -> bool {
        match node {
            Node::Task(_) => true,
            Node::Plan(id) => self.plans.contains_key(&id),
            Node::Phase(id) => self.phases.contains_key(&id),
        }
    }

    /// The tasks of a node that no other task of it waits for by name.
    fn lasts(&self, state: &State, node: Node) -> Vec<TaskId> {
        let tasks = self.tasks(node);
        let waited: HashSet<TaskId> = tasks
            .iter()
            .flat_map(|id| needs(state, *id))
            .filter_map(|node| match node {
                Node::Task(id) => Some(id),
                _ => None,
            })
            .collect();
        let mut lasts = tasks.clone();
        lasts.retain(|id| !waited.contains(id));
        // A group whose every task is waited for from inside has its end elsewhere: all of it.
        if lasts.is_empty() { tasks } else { lasts }
    }
}
