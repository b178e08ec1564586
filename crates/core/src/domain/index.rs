//! What is derived from the rows so that decisions find them without looking at all of them.
//! Every entry follows from the rows alone: an index built anew is equal to one kept up to date.

use std::collections::{BTreeMap, BTreeSet};

use super::budget::{Mean, Purse};
use super::graph::Node;
use super::held::{Owner, PassedEnv};
use super::hierarchy::{Task, TaskState};
use super::ids::{AgentId, EffectId, InitiativeId, MergeId, MessageId, ProjectId, TaskId, TurnId};
use super::money::Usd;
use super::plan::{Priority, TaskKind};
use super::state::{Row, Tables};
use super::time::Timestamp;
use super::work::{Agent, Turn, TurnState};

mod line;
mod messages;

pub use line::is_ready;
pub use messages::undelivered_to;

/// The order in which ready tasks are dispatched: priority, then written order.
pub type ReadyKey = (u8, u32, TaskId);

/// Something that a point in time sets going.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// A task's backoff or limit ends.
    Task(TaskId),
    /// An effect's backoff ends.
    Effect(EffectId),
}

/// Entries derived from the rows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Index {
    pub(crate) written: BTreeMap<InitiativeId, BTreeSet<(u32, TaskId)>>,
    line: line::Line,
    heads: BTreeMap<InitiativeId, BTreeSet<ReadyKey>>,
    dependents: BTreeMap<Node, BTreeSet<TaskId>>,
    slugs: BTreeMap<(ProjectId, String), InitiativeId>,
    task_slugs: BTreeMap<(InitiativeId, String), TaskId>,
    names: BTreeMap<String, BTreeSet<AgentId>>,
    tokens: BTreeMap<String, AgentId>,
    open_turns: BTreeMap<AgentId, TurnId>,
    last_turns: BTreeMap<AgentId, TurnId>,
    queued_turns: BTreeSet<TurnId>,
    slots: BTreeSet<(InitiativeId, TurnId)>,
    project_slots: BTreeMap<ProjectId, u32>,
    lanes: BTreeMap<InitiativeId, BTreeSet<MergeId>>,
    merges_of: BTreeMap<TaskId, BTreeSet<MergeId>>,
    questions: BTreeMap<TaskId, BTreeSet<MessageId>>,
    mail: BTreeMap<AgentId, BTreeSet<MessageId>>,
    holds: BTreeMap<(ProjectId, String), BTreeSet<MessageId>>,
    values_asked: BTreeMap<ProjectId, BTreeSet<MessageId>>,
    losers: BTreeSet<Owner>,
    states: BTreeMap<InitiativeId, BTreeMap<u8, u32>>,
    due: BTreeSet<(Timestamp, Due)>,
    spent: BTreeMap<Purse, Usd>,
    bills: BTreeMap<(InitiativeId, String), Mean>,
    budget_questions: BTreeMap<Purse, MessageId>,
    requests: BTreeMap<(TurnId, u64), BTreeSet<MessageId>>,
    keys: BTreeMap<(AgentId, String), BTreeSet<MessageId>>,
    delivered: BTreeMap<TurnId, BTreeSet<MessageId>>,
    lasting: BTreeMap<(ProjectId, String), BTreeSet<MessageId>>,
}

/// Kinds of stored task states, for counting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Bucket {
    Todo,
    Working,
    Parked,
    Review,
    Merging,
    Merged,
    Failed,
    Cancelled,
    Skipped,
}

fn bucket(state: &TaskState) -> Bucket {
    match state {
        TaskState::Todo { .. } => Bucket::Todo,
        TaskState::Working => Bucket::Working,
        TaskState::Parked { .. } => Bucket::Parked,
        TaskState::Review => Bucket::Review,
        TaskState::Merging => Bucket::Merging,
        TaskState::Merged { .. } => Bucket::Merged,
        TaskState::Failed => Bucket::Failed,
        TaskState::Cancelled => Bucket::Cancelled,
        TaskState::Skipped => Bucket::Skipped,
    }
}

fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

/// Where a ready task stands in the order of dispatch.
#[must_use]
pub fn ready_key(task: &Task) -> ReadyKey {
    (rank(task.spec.priority), task.position, task.id)
}

/// Adds or takes away one entry of a map of sets, dropping sets that become empty.
fn mark<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: V, on: bool) {
    if on {
        map.entry(key).or_default().insert(value);
    } else if let Some(set) = map.get_mut(&key) {
        set.remove(&value);
        if set.is_empty() {
            map.remove(&key);
        }
    }
}

fn count<K: Ord>(map: &mut BTreeMap<K, u32>, key: K, on: bool) {
    if on {
        *map.entry(key).or_default() += 1;
    } else if let Some(n) = map.get_mut(&key) {
        *n -= 1;
        if *n == 0 {
            map.remove(&key);
        }
    }
}

impl Index {
    /// Follows a change of one row from `old` to `new`.
    pub(crate) fn note(&mut self, tables: &Tables, old: Option<&Row>, new: Option<&Row>) {
        if let Some(row) = old {
            self.enter(tables, row, false);
        }
        if let Some(row) = new {
            self.enter(tables, row, true);
        }
    }

    fn enter(&mut self, tables: &Tables, row: &Row, on: bool) {
        match row {
            Row::Initiative(row) => {
                let lost = row.is_open() && !row.passed.lost.is_empty();
                self.enter_loser(Owner::Initiative(row.id), on && lost);
                let key = (row.project, row.slug.clone());
                if on {
                    self.slugs.insert(key, row.id);
                } else {
                    self.slugs.remove(&key);
                }
            }
            Row::Task(task) => self.enter_task(task, on),
            Row::Needs(needs) => {
                for node in &needs.nodes {
                    mark(&mut self.dependents, *node, needs.id, on);
                }
            }
            Row::Agent(agent) => {
                mark(&mut self.names, agent.name.clone(), agent.id, on);
                if on {
                    self.tokens.insert(agent.token.clone(), agent.id);
                } else {
                    self.tokens.remove(&agent.token);
                }
                self.enter_spent(agent, on);
            }
            Row::Turn(turn) => self.enter_turn(tables, turn, on),
            Row::Message(message) => self.enter_message(message, on),
            Row::Merge(merge) => {
                mark(&mut self.merges_of, merge.task, merge.id, on);
                if merge.state.is_open() {
                    mark(&mut self.lanes, merge.initiative, merge.id, on);
                }
            }
            Row::Effect(effect) => {
                if let Some(at) = effect.not_before {
                    self.enter_due(at, Due::Effect(effect.id), on);
                }
            }
            Row::Project(_) | Row::Phase(_) | Row::Plan(_) => {}
        }
    }

    fn enter_due(&mut self, at: Timestamp, due: Due, on: bool) {
        if on {
            self.due.insert((at, due));
        } else {
            self.due.remove(&(at, due));
        }
    }

    fn enter_loser(&mut self, owner: Owner, on: bool) {
        if on {
            self.losers.insert(owner);
        } else {
            self.losers.remove(&owner);
        }
    }

    fn enter_task(&mut self, task: &Task, on: bool) {
        let lost = !task.state.is_closed() && !task.passed.lost.is_empty();
        self.enter_loser(Owner::Task(task.id), on && lost);
        mark(
            &mut self.written,
            task.initiative,
            (task.position, task.id),
            on,
        );
        let slug = (task.initiative, task.spec.slug.clone());
        if on {
            self.task_slugs.insert(slug, task.id);
        } else {
            self.task_slugs.remove(&slug);
        }
        let states = self.states.entry(task.initiative).or_default();
        count(states, bucket(&task.state) as u8, on);
        if states.is_empty() {
            self.states.remove(&task.initiative);
        }
        self.enter_line(task, on);
        match task.state {
            TaskState::Todo {
                not_before: Some(at),
            }
            | TaskState::Parked {
                resume_at: Some(at),
            } => {
                self.enter_due(at, Due::Task(task.id), on);
            }
            _ => {}
        }
    }

    fn enter_spent(&mut self, agent: &Agent, on: bool) {
        if agent.cost == Usd::default() {
            return;
        }
        for purse in [Purse::Initiative(agent.initiative), Purse::Task(agent.task)] {
            let spent = self.spent.entry(purse).or_default();
            *spent = if on {
                *spent + agent.cost
            } else {
                spent.less(agent.cost)
            };
            if *spent == Usd::default() {
                self.spent.remove(&purse);
            }
        }
    }

    fn enter_bill(&mut self, tables: &Tables, turn: &Turn, on: bool) {
        let over = matches!(turn.state, TurnState::Ended { .. }) && turn.cost > Usd::default();
        let Some(agent) = tables.agents.get(&turn.agent).filter(|_| over) else {
            return;
        };
        let key = (agent.initiative, agent.kind.clone());
        let mean = self.bills.entry(key.clone()).or_default();
        mean.count(turn.cost, on);
        if *mean == Mean::default() {
            self.bills.remove(&key);
        }
    }

    fn enter_turn(&mut self, tables: &Tables, turn: &Turn, on: bool) {
        self.enter_bill(tables, turn, on);
        if turn.state.is_open() {
            if on {
                self.open_turns.insert(turn.agent, turn.id);
            } else {
                self.open_turns.remove(&turn.agent);
            }
        }
        if on {
            let last = self.last_turns.entry(turn.agent).or_insert(turn.id);
            *last = turn.id.max(*last);
        }
        if turn.state == TurnState::Queued {
            if on {
                self.queued_turns.insert(turn.id);
            } else {
                self.queued_turns.remove(&turn.id);
            }
        }
        if turn.state.takes_slot()
            && let Some(agent) = tables.agents.get(&turn.agent)
        {
            count(&mut self.project_slots, agent.project, on);
            if on {
                self.slots.insert((agent.initiative, turn.id));
            } else {
                self.slots.remove(&(agent.initiative, turn.id));
            }
        }
    }

    /// The tasks that wait for `node`.
    pub fn dependents(&self, node: Node) -> impl Iterator<Item = TaskId> {
        self.dependents.get(&node).into_iter().flatten().copied()
    }

    /// The initiative of this id in a project.
    #[must_use]
    pub fn initiative(&self, project: ProjectId, slug: &str) -> Option<InitiativeId> {
        self.slugs.get(&(project, slug.to_owned())).copied()
    }

    /// The initiatives of a project.
    pub fn initiatives_of(&self, project: ProjectId) -> impl Iterator<Item = InitiativeId> {
        self.slugs
            .range((project, String::new())..)
            .take_while(move |((owner, _), _)| *owner == project)
            .map(|(_, id)| *id)
    }

    /// The task of this id in an initiative.
    #[must_use]
    pub fn task(&self, initiative: InitiativeId, slug: &str) -> Option<TaskId> {
        self.task_slugs.get(&(initiative, slug.to_owned())).copied()
    }

    /// The tasks whose id starts with `prefix`, in an initiative.
    pub fn tasks_with_prefix(
        &self,
        initiative: InitiativeId,
        prefix: &str,
    ) -> impl Iterator<Item = TaskId> {
        self.task_slugs
            .range((initiative, prefix.to_owned())..)
            .take_while(move |((owner, slug), _)| *owner == initiative && slug.starts_with(prefix))
            .map(|(_, id)| *id)
    }

    /// The agents of this name, in any project.
    pub fn agents_named(&self, name: &str) -> impl Iterator<Item = AgentId> {
        self.names.get(name).into_iter().flatten().copied()
    }

    /// Whether any agent ever had this name.
    #[must_use]
    pub fn name_used(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The agent that was given this token.
    #[must_use]
    pub fn agent_by_token(&self, token: &str) -> Option<AgentId> {
        self.tokens.get(token).copied()
    }

    /// The turn of this agent that is not over.
    #[must_use]
    pub fn open_turn(&self, agent: AgentId) -> Option<TurnId> {
        self.open_turns.get(&agent).copied()
    }

    /// Every turn that is not over.
    pub fn open_turns(&self) -> impl Iterator<Item = TurnId> {
        self.open_turns.values().copied()
    }

    /// The agent's latest turn.
    #[must_use]
    pub fn last_turn(&self, agent: AgentId) -> Option<TurnId> {
        self.last_turns.get(&agent).copied()
    }

    /// Turns that wait for a slot, oldest first.
    pub fn queued_turns(&self) -> impl Iterator<Item = TurnId> {
        self.queued_turns.iter().copied()
    }

    /// How many turns of an initiative take a slot.
    #[must_use]
    pub fn slots_of(&self, initiative: InitiativeId) -> usize {
        self.live_turns(initiative).count()
    }

    /// How many turns of a project take a slot.
    #[must_use]
    pub fn project_slots(&self, project: ProjectId) -> u32 {
        self.project_slots.get(&project).copied().unwrap_or(0)
    }

    /// Merges of an initiative that are queued or in the lane, oldest first.
    pub fn lane(&self, initiative: InitiativeId) -> impl Iterator<Item = MergeId> {
        self.lanes.get(&initiative).into_iter().flatten().copied()
    }

    /// Initiatives with a merge queued or in the lane.
    pub fn lanes(&self) -> impl Iterator<Item = InitiativeId> {
        self.lanes.keys().copied()
    }

    /// All merges of a task, oldest first.
    pub fn merges_of(&self, task: TaskId) -> impl DoubleEndedIterator<Item = MergeId> {
        self.merges_of.get(&task).into_iter().flatten().copied()
    }

    /// The money that agents have told so far, for a task or a whole initiative.
    #[must_use]
    pub fn spent(&self, purse: Purse) -> Usd {
        self.spent.get(&purse).copied().unwrap_or_default()
    }

    /// What ended turns of this kind of agent cost in an initiative, those that cost anything.
    #[must_use]
    pub fn bills(&self, initiative: InitiativeId, kind: &str) -> Mean {
        let key = (initiative, kind.to_owned());
        self.bills.get(&key).copied().unwrap_or_default()
    }

    /// The turns of an initiative that take a slot.
    pub fn live_turns(&self, initiative: InitiativeId) -> impl Iterator<Item = TurnId> {
        self.slots
            .range((initiative, TurnId(0))..=(initiative, TurnId(u64::MAX)))
            .map(|(_, turn)| *turn)
    }

    /// What was given values that are gone and is not over.
    pub fn losers(&self) -> impl Iterator<Item = Owner> {
        self.losers.iter().copied()
    }

    /// How many tasks of an initiative are stored in this kind of state.
    #[must_use]
    pub fn count(&self, initiative: InitiativeId, bucket: Bucket) -> u32 {
        self.states
            .get(&initiative)
            .and_then(|states| states.get(&(bucket as u8)))
            .copied()
            .unwrap_or(0)
    }

    /// How many tasks an initiative has.
    #[must_use]
    pub fn total(&self, initiative: InitiativeId) -> u32 {
        self.states
            .get(&initiative)
            .map_or(0, |states| states.values().sum())
    }

    /// What is due at `now`, earliest first.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = Due> {
        self.due
            .iter()
            .take_while(move |(at, _)| *at <= now)
            .map(|(_, due)| *due)
    }

    /// The tasks that time has go on.
    pub fn due_tasks(&self) -> impl Iterator<Item = TaskId> {
        self.due.iter().filter_map(|(_, due)| match due {
            Due::Task(id) => Some(*id),
            Due::Effect(_) => None,
        })
    }

    /// When the next thing is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}
