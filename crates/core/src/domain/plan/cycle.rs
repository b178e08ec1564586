//! Finding a cycle to show among things that wait for each other. Refuses to know what they are.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::graph::{DiGraph, NodeIndex};

/// Finds a shortest cycle through the first node of a strongly connected part, which has at
/// least two; each node of the result has an edge to the next, the last to the first.
pub(super) fn cycle_in(graph: &DiGraph<(), ()>, part: &[NodeIndex]) -> Vec<NodeIndex> {
    let Some(first) = part.iter().copied().min() else {
        return Vec::new();
    };
    let inside: HashSet<NodeIndex> = part.iter().copied().collect();
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(node) = queue.pop_front() {
        for next in graph.neighbors(node).filter(|next| inside.contains(next)) {
            if next == first {
                return path(first, node, &came_from);
            }
            if let std::collections::hash_map::Entry::Vacant(free) = came_from.entry(next) {
                free.insert(node);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

fn path(
    first: NodeIndex,
    last: NodeIndex,
    came_from: &HashMap<NodeIndex, NodeIndex>,
) -> Vec<NodeIndex> {
    let mut nodes = vec![last];
    while let Some(before) = nodes
        .last()
        .filter(|node| **node != first)
        .and_then(|node| came_from.get(node))
    {
        nodes.push(*before);
    }
    nodes.reverse();
    nodes
}
