//! The order of work: what each task waits for, as the contract defines it.
//!
//! A group (plan, phase) has two points: its *start*, where what it waits for is there, and its
//! *end*, where all its tasks are merged; the end of an empty group is its start. Tasks, starts
//! and ends are the nodes of one graph whose size is that of the outline: a barrier between two
//! phases of n tasks costs 2n edges, not n². Everything else is read off it.

use std::collections::HashSet;
use std::ops::Range;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::cycle::cycle_in;
use super::outline::{Fault, Flat, Group, Need, Outline};

/// The most needs in all distinct lists together. Only a plan made for it gets there: lists of
/// names passed through by many empty groups.
const MOST_NEEDS: usize = 4_000_000;

/// What waits for what in an initiative.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resolved {
    /// All lists, one after another; tasks that wait for the same share one.
    needs: Vec<Need>,
    of_task: Vec<Range<usize>>,
    plans: Vec<Range<usize>>,
    phases: Vec<Range<usize>>,
    order: Vec<usize>,
}

impl Resolved {
    /// How many tasks there are.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.of_task.len()
    }

    /// What a task waits for, each once. No group in it is empty: empty ones are passed through.
    #[must_use]
    pub fn needs(&self, task: usize) -> &[Need] {
        self.of_task
            .get(task)
            .map_or(&[], |list| &self.needs[list.clone()])
    }

    /// The tasks that have to be merged for a need to be met.
    #[must_use]
    pub fn tasks_of(&self, need: Need) -> Range<usize> {
        match need {
            Need::Task(task) => task..task + 1,
            Need::Plan(plan) => self.plans.get(plan).cloned().unwrap_or_default(),
            Need::Phase(phase) => self.phases.get(phase).cloned().unwrap_or_default(),
        }
    }

    /// All tasks, each after those that it waits for.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

/// Finds what each task of an outline waits for.
///
/// # Errors
/// Everything that leaves it without an order: ids that come twice, unknown names, cycles.
pub fn resolve(outline: &Outline<'_>) -> Result<Resolved, Vec<Fault>> {
    let mut flat = Flat::of(outline);
    let waits = Waits::of(&mut flat);
    let graph = waits.graph(&flat);
    let parts = kosaraju_scc(&graph);
    for part in parts.iter().filter(|part| part.len() > 1) {
        let cycle = cycle_in(&graph, part);
        let path = waits.nodes.visible(&cycle, &flat);
        flat.faults.push(Fault::Cycle {
            path: path.into_iter().map(|need| flat.named(need)).collect(),
        });
    }
    if !flat.faults.is_empty() {
        return Err(flat.faults);
    }
    let order: Vec<Node> = parts
        .into_iter()
        .flatten()
        .map(|index| waits.nodes.node(index))
        .collect();
    Lists::new(&flat, &waits)
        .fill(&order)
        .map_err(|fault| vec![fault])
}

/// A node of the graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// What it waits for is there.
    Start(Need),
    /// All its tasks are merged; of a task: it is.
    End(Need),
}

/// How nodes are numbered: tasks, then ends of plans and phases, then their starts.
#[derive(Clone, Copy)]
pub(super) struct Nodes {
    tasks: usize,
    plans: usize,
    phases: usize,
}

impl Nodes {
    fn count(self) -> usize {
        self.tasks + 2 * (self.plans + self.phases)
    }

    /// The number of a need among needs.
    fn rank(self, need: Need) -> usize {
        match need {
            Need::Task(task) => task,
            Need::Plan(plan) => self.tasks + plan,
            Need::Phase(phase) => self.tasks + self.plans + phase,
        }
    }

    fn of_rank(self, rank: usize) -> Need {
        if rank < self.tasks {
            Need::Task(rank)
        } else if rank < self.tasks + self.plans {
            Need::Plan(rank - self.tasks)
        } else {
            Need::Phase(rank - self.tasks - self.plans)
        }
    }

    fn end(self, need: Need) -> NodeIndex {
        NodeIndex::new(self.rank(need))
    }

    fn start(self, need: Need) -> NodeIndex {
        NodeIndex::new(self.rank(need) + self.plans + self.phases)
    }

    pub(super) fn node(self, index: NodeIndex) -> Node {
        let groups = self.plans + self.phases;
        match index.index() {
            rank if rank < self.tasks + groups => Node::End(self.of_rank(rank)),
            rank => Node::Start(self.of_rank(rank - groups)),
        }
    }

    /// What a reader sees of a cycle: the starts are left out, and so are plans through which a
    /// phase waits for its tasks.
    fn visible(self, cycle: &[NodeIndex], flat: &Flat<'_>) -> Vec<Need> {
        let nodes: Vec<Node> = cycle.iter().map(|index| self.node(*index)).collect();
        let before = |at: usize| nodes[(at + nodes.len() - 1) % nodes.len()];
        let mut seen = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            match (*node, before(at)) {
                (Node::End(Need::Plan(plan)), Node::End(Need::Phase(phase)))
                    if flat.plans[plan].phase == phase => {}
                (Node::End(need), _) => seen.push(need),
                (Node::Start(_), _) => {}
            }
        }
        seen
    }
}

/// Every own `after`, looked up.
struct Waits {
    nodes: Nodes,
    /// By rank; `None`: no own `after`.
    own: Vec<Option<Vec<Need>>>,
}

impl Waits {
    fn of(flat: &mut Flat<'_>) -> Self {
        let nodes = Nodes {
            tasks: flat.tasks.len(),
            plans: flat.plans.len(),
            phases: flat.phases.len(),
        };
        let count = nodes.tasks + nodes.plans + nodes.phases;
        let own = (0..count)
            .map(|rank| {
                let need = nodes.of_rank(rank);
                let after = match need {
                    Need::Task(task) => flat.tasks[task].after,
                    Need::Plan(plan) => flat.plans[plan].after,
                    Need::Phase(phase) => flat.phases[phase].after,
                };
                after.map(|names| flat.look_up(need, names))
            })
            .collect();
        Self { nodes, own }
    }

    fn own(&self, need: Need) -> Option<&[Need]> {
        self.own[self.nodes.rank(need)].as_deref()
    }

    /// The graph: an edge leads from what waits to what it waits for.
    fn graph(&self, flat: &Flat<'_>) -> DiGraph<(), ()> {
        let nodes = self.nodes;
        let mut graph = DiGraph::with_capacity(nodes.count(), 2 * nodes.count());
        for _ in 0..nodes.count() {
            graph.add_node(());
        }
        let mut edge = |from: NodeIndex, to: NodeIndex| {
            graph.add_edge(from, to, ());
        };
        for (number, phase) in flat.phases.iter().enumerate() {
            let need = Need::Phase(number);
            if phase.tasks.is_empty() {
                edge(nodes.end(need), nodes.start(need));
            }
            match self.own(need) {
                Some(own) => own
                    .iter()
                    .for_each(|other| edge(nodes.start(need), nodes.end(*other))),
                None if number > 0 => edge(nodes.start(need), nodes.end(Need::Phase(number - 1))),
                None => {}
            }
        }
        for (number, plan) in flat.plans.iter().enumerate() {
            let need = Need::Plan(number);
            if plan.tasks.is_empty() {
                edge(nodes.end(need), nodes.start(need));
            } else {
                edge(nodes.end(Need::Phase(plan.phase)), nodes.end(need));
            }
            match self.own(need) {
                Some(own) => own
                    .iter()
                    .for_each(|other| edge(nodes.start(need), nodes.end(*other))),
                None => edge(nodes.start(need), nodes.start(Need::Phase(plan.phase))),
            }
            for task in plan.tasks.clone() {
                edge(nodes.end(need), nodes.end(Need::Task(task)));
            }
        }
        for (task, plan) in flat.plan_of.iter().enumerate() {
            let from = nodes.end(Need::Task(task));
            match self.own(Need::Task(task)) {
                Some(own) => own.iter().for_each(|other| edge(from, nodes.end(*other))),
                None if task > flat.plans[*plan].tasks.start => {
                    edge(from, nodes.end(Need::Task(task - 1)));
                }
                None => edge(from, nodes.start(Need::Plan(*plan))),
            }
        }
        graph
    }
}

/// The lists of needs, filled in an order in which what is waited for comes first.
struct Lists<'a> {
    flat: &'a Flat<'a>,
    waits: &'a Waits,
    needs: Vec<Need>,
    /// By rank: what a task, or what the start of a group waits for.
    lists: Vec<Range<usize>>,
    /// By rank: the list that a need was last put into, so that each is there once.
    put: Vec<usize>,
    work: usize,
}

impl<'a> Lists<'a> {
    fn new(flat: &'a Flat<'a>, waits: &'a Waits) -> Self {
        let ranks = waits.own.len();
        Self {
            flat,
            waits,
            needs: Vec::with_capacity(flat.tasks.len()),
            lists: vec![0..0; ranks],
            put: vec![0; ranks],
            work: 0,
        }
    }

    fn fill(mut self, order: &[Node]) -> Result<Resolved, Fault> {
        let mut tasks = Vec::with_capacity(self.flat.tasks.len());
        for (number, node) in order.iter().enumerate() {
            let (Node::Start(need) | Node::End(need)) = *node;
            match node {
                Node::End(Need::Task(task)) => tasks.push(*task),
                Node::Start(_) => {}
                Node::End(_) => continue,
            }
            let list = self.list(need, number + 1)?;
            self.lists[self.waits.nodes.rank(need)] = list;
        }
        self.lists.truncate(self.flat.tasks.len());
        let ranges =
            |groups: &[Group<'_>]| groups.iter().map(|group| group.tasks.clone()).collect();
        Ok(Resolved {
            needs: self.needs,
            of_task: self.lists,
            plans: ranges(&self.flat.plans),
            phases: ranges(&self.flat.phases),
            order: tasks,
        })
    }

    /// The list of one task or start; `stamp` is not 0 and no other list's.
    fn list(&mut self, need: Need, stamp: usize) -> Result<Range<usize>, Fault> {
        let waits = self.waits;
        if let Some(own) = waits.own(need) {
            return self.new_list(own, stamp);
        }
        match need {
            Need::Phase(0) => Ok(0..0),
            Need::Phase(phase) => self.new_list(&[Need::Phase(phase - 1)], stamp),
            Need::Plan(plan) => Ok(self.list_of(Need::Phase(self.flat.plans[plan].phase))),
            Need::Task(task) => {
                let plan = self.flat.plan_of[task];
                if task > self.flat.plans[plan].tasks.start {
                    self.new_list(&[Need::Task(task - 1)], stamp)
                } else {
                    Ok(self.list_of(Need::Plan(plan)))
                }
            }
        }
    }

    fn list_of(&self, need: Need) -> Range<usize> {
        self.lists[self.waits.nodes.rank(need)].clone()
    }

    fn is_empty(&self, need: Need) -> bool {
        match need {
            Need::Task(_) => false,
            Need::Plan(plan) => self.flat.plans[plan].tasks.is_empty(),
            Need::Phase(phase) => self.flat.phases[phase].tasks.is_empty(),
        }
    }

    /// Writes a list, passing through groups that are empty.
    fn new_list(&mut self, needs: &[Need], stamp: usize) -> Result<Range<usize>, Fault> {
        if let [only] = needs
            && self.is_empty(*only)
        {
            return Ok(self.list_of(*only));
        }
        let start = self.needs.len();
        // Empty groups may share a list; it is walked once.
        let mut walked = HashSet::new();
        for need in needs {
            if !self.is_empty(*need) {
                self.put(*need, stamp)?;
                continue;
            }
            let through = self.list_of(*need);
            if !through.is_empty() && walked.insert(through.start) {
                for at in through {
                    self.put(self.needs[at], stamp)?;
                }
            }
        }
        Ok(start..self.needs.len())
    }

    /// Adds a need to the list that is being written, unless it is there.
    fn put(&mut self, need: Need, stamp: usize) -> Result<(), Fault> {
        self.work += 1;
        if self.work > MOST_NEEDS {
            return Err(Fault::TooMany(MOST_NEEDS));
        }
        let rank = self.waits.nodes.rank(need);
        if std::mem::replace(&mut self.put[rank], stamp) != stamp {
            self.needs.push(need);
        }
        Ok(())
    }
}
