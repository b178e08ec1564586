//! Tasks as they travel. What many tasks share (who waits for a whole phase, what agents have
//! cost) is looked up once for each list.

use std::collections::{BTreeSet, HashMap};

use cw_core::domain::config::Config;
use cw_core::domain::graph::{Needs, Node};
use cw_core::domain::held::hold;
use cw_core::domain::hierarchy::{Initiative, Phase, Plan, Project, Task, TaskState};
use cw_core::domain::ids::{InitiativeId, PhaseId, PlanId, TaskId};
use cw_core::domain::money::Usd;
use cw_core::domain::plan::{Priority, Review, TaskKind};
use cw_core::domain::state::State;
use cw_core::domain::status::{TaskStatus, task_status};
use cw_core::domain::work::Agent;
use cw_wire::TaskView;
use cw_wire::task as wire;

use super::time;

/// The most ids that one task's `waits_for` has.
const WAITS: usize = 50;

/// Looks at tasks of one state, one after another.
pub struct Tasks<'s> {
    state: &'s State,
    used: HashMap<TaskId, (Usd, u64)>,
    open: HashMap<InitiativeId, Open>,
}

/// The first tasks of each plan and phase that are not merged, in written order.
#[derive(Default)]
struct Open {
    plans: HashMap<PlanId, Vec<TaskId>>,
    phases: HashMap<PhaseId, Vec<TaskId>>,
}

impl Open {
    fn of(state: &State, initiative: InitiativeId) -> Self {
        fn note<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<TaskId>>, key: K, id: TaskId) {
            let list = map.entry(key).or_default();
            if list.len() < WAITS {
                list.push(id);
            }
        }
        let mut open = Self::default();
        for task in state.tasks_of(initiative) {
            if !task.state.satisfies() {
                note(&mut open.plans, task.plan, task.id);
                note(&mut open.phases, task.phase, task.id);
            }
        }
        open
    }

    fn behind(&self, node: Node) -> &[TaskId] {
        match node {
            Node::Task(_) => None,
            Node::Plan(id) => self.plans.get(&id),
            Node::Phase(id) => self.phases.get(&id),
        }
        .map_or(&[], Vec::as_slice)
    }
}

impl<'s> Tasks<'s> {
    /// Gets ready to show many tasks.
    #[must_use]
    pub fn of(state: &'s State) -> Self {
        let mut used: HashMap<TaskId, (Usd, u64)> = HashMap::new();
        for agent in state.all::<Agent>() {
            let (cost, tokens) = used.entry(agent.task).or_default();
            *cost += agent.cost;
            *tokens = tokens.saturating_add(agent.tokens);
        }
        Self {
            state,
            used,
            open: HashMap::new(),
        }
    }

    /// The tasks of an initiative in the plan's order.
    pub fn all_of(&mut self, initiative: InitiativeId) -> Vec<TaskView> {
        let state = self.state;
        let around = Around::of(state, initiative);
        in_order(state, initiative)
            .into_iter()
            .map(|task| self.show(task, &around))
            .collect()
    }

    /// One task.
    pub fn one(&mut self, id: TaskId) -> Option<TaskView> {
        let task = self.state.get::<Task>(id)?;
        let around = Around::of(self.state, task.initiative);
        Some(self.show(task, &around))
    }

    fn waits_for(&mut self, task: &Task) -> Vec<String> {
        if task.blockers == 0 || task.state.is_closed() {
            return Vec::new();
        }
        let state = self.state;
        let Some(needs) = state.get::<Needs>(task.id) else {
            return Vec::new();
        };
        let groups = needs.nodes.iter().any(|n| !matches!(n, Node::Task(_)));
        let none = Open::default();
        let open = if groups {
            self.open
                .entry(task.initiative)
                .or_insert_with(|| Open::of(state, task.initiative))
        } else {
            &none
        };
        let mut found = BTreeSet::new();
        for node in &needs.nodes {
            let single = match node {
                Node::Task(id) => Some(id),
                _ => None,
            };
            for id in single.into_iter().chain(open.behind(*node)) {
                if let Some(other) = state.get::<Task>(*id)
                    && !other.state.satisfies()
                {
                    found.insert((other.position, *id));
                }
            }
        }
        let first = found.into_iter().take(WAITS);
        first.filter_map(|(_, id)| slug(state, id)).collect()
    }

    fn show(&mut self, task: &Task, around: &Around<'_>) -> TaskView {
        let waits_for = self.waits_for(task);
        let state = self.state;
        let agent = task.agent.and_then(|id| state.get::<Agent>(id));
        let (cost, tokens) = self.used.get(&task.id).copied().unwrap_or_default();
        let spec = &*task.spec;
        let status = task_status(state, task);
        TaskView {
            id: spec.slug.clone(),
            title: spec.title.clone(),
            initiative: around.slug().to_owned(),
            phase: named::<Phase>(state, task.phase, |row| &row.slug),
            plan: named::<Plan>(state, task.plan, |row| &row.slug),
            kind: kind(spec.kind),
            status: self::status(status),
            after: spec.after.clone().unwrap_or_default(),
            waits_for,
            agent: agent.map(|agent| agent.name.clone()),
            agent_kind: match agent {
                Some(agent) => Some(agent.kind.clone()),
                None => around.kind_of(task),
            },
            attempts: task.attempts,
            bounces: task.bounces,
            priority: priority(spec.priority),
            commit: match &task.state {
                TaskState::Merged { commit } => Some(commit.to_string()),
                _ => None,
            },
            branch: agent.map(|agent| agent.branch(around.slug())),
            cost_usd: cost.dollars(),
            tokens,
            resume_at: match task.state {
                TaskState::Parked { resume_at } => resume_at.map(time),
                TaskState::Todo { not_before } => not_before.map(time),
                _ => None,
            },
            error: task.error.clone().filter(|_| is_stuck(&task.state)),
            project: around.project.map(|project| project.name.clone()),
            note: note(task, agent, around.initiative).or_else(|| held(state, task, status)),
        }
    }
}

/// One task. Lists are cheaper through [`Tasks`].
#[must_use]
pub fn view(state: &State, task: &Task) -> TaskView {
    let around = Around::of(state, task.initiative);
    Tasks::of(state).show(task, &around)
}

/// What all tasks of an initiative have in common.
struct Around<'s> {
    initiative: Option<&'s Initiative>,
    project: Option<&'s Project>,
    config: Option<&'s Config>,
}

impl<'s> Around<'s> {
    fn of(state: &'s State, id: InitiativeId) -> Self {
        let initiative = state.get::<Initiative>(id);
        let project = initiative.map(|row| row.project);
        Self {
            initiative,
            project: project.and_then(|id| state.get::<Project>(id)),
            config: project
                .and_then(|id| state.config(id))
                .map(|config| &**config),
        }
    }

    fn slug(&self) -> &'s str {
        self.initiative.map_or("", |row| &row.slug)
    }

    /// The kind of agent that a task without one will go to.
    fn kind_of(&self, task: &Task) -> Option<String> {
        if task.spec.kind == TaskKind::Approval {
            return None;
        }
        let config = self.config?;
        let default = self.initiative.and_then(|row| row.agent.as_ref());
        let named = task.spec.agent.as_ref().or(default);
        let agent = config.agent(named.unwrap_or(&config.default_agent))?;
        Some(agent.kind)
    }
}

/// The tasks of an initiative in the order of its phases and plans. What was added by hand stands
/// at the end of its plan.
fn in_order(state: &State, initiative: InitiativeId) -> Vec<&Task> {
    let mut phases: HashMap<PhaseId, u32> = HashMap::new();
    let mut plans: HashMap<PlanId, (u32, u32)> = HashMap::new();
    let mut tasks: Vec<(u32, u32, &Task)> = state
        .tasks_of(initiative)
        .map(|task| {
            let phase = *phases.entry(task.phase).or_insert_with(|| {
                let row = state.get::<Phase>(task.phase);
                row.map_or(u32::MAX, |row| row.position)
            });
            let (phase, plan) = *plans.entry(task.plan).or_insert_with(|| {
                let row = state.get::<Plan>(task.plan);
                (phase, row.map_or(u32::MAX, |row| row.position))
            });
            (phase, plan, task)
        })
        .collect();
    // Stable: tasks of one plan stay in written order.
    tasks.sort_by_key(|(phase, plan, _)| (*phase, *plan));
    tasks.into_iter().map(|(_, _, task)| task).collect()
}

/// What went wrong last is still what keeps it from going on.
fn is_stuck(state: &TaskState) -> bool {
    matches!(
        state,
        TaskState::Failed | TaskState::Todo { .. } | TaskState::Parked { .. }
    )
}

/// Anything worth saying that the status does not.
fn note(task: &Task, agent: Option<&Agent>, initiative: Option<&Initiative>) -> Option<String> {
    match &task.state {
        TaskState::Merged { .. } if task.unchanged => Some("changed nothing".into()),
        TaskState::Merging => initiative
            .and_then(|row| row.lane_held.as_ref())
            .map(|why| format!("the lane holds: {why}")),
        TaskState::Parked { resume_at: None } if agent.is_some_and(|agent| agent.stopped) => {
            Some("stopped; goes on when told".into())
        }
        _ => None,
    }
}

/// Why a task waits that nothing was asked about.
fn held(state: &State, task: &Task, status: TaskStatus) -> Option<String> {
    let waits = status == TaskStatus::Waiting && !state.index().asks(task.id);
    let hold = waits.then(|| hold(state, task))??;
    Some(hold.told())
}

fn named<E: cw_core::domain::state::Entity + 'static>(
    state: &State,
    id: E::Id,
    name: impl Fn(&E) -> &String,
) -> String {
    state.get::<E>(id).map(name).cloned().unwrap_or_default()
}

/// The id that users write.
#[must_use]
pub fn slug(state: &State, id: TaskId) -> Option<String> {
    state.get::<Task>(id).map(|task| task.spec.slug.clone())
}

/// The word for a status.
#[must_use]
pub fn status(status: TaskStatus) -> wire::TaskStatus {
    match status {
        TaskStatus::Blocked => wire::TaskStatus::Blocked,
        TaskStatus::Ready => wire::TaskStatus::Ready,
        TaskStatus::Running => wire::TaskStatus::Running,
        TaskStatus::Waiting => wire::TaskStatus::Waiting,
        TaskStatus::Parked => wire::TaskStatus::Parked,
        TaskStatus::Review => wire::TaskStatus::Review,
        TaskStatus::Merging => wire::TaskStatus::Merging,
        TaskStatus::Merged => wire::TaskStatus::Merged,
        TaskStatus::Failed => wire::TaskStatus::Failed,
        TaskStatus::Cancelled => wire::TaskStatus::Cancelled,
        TaskStatus::Skipped => wire::TaskStatus::Skipped,
    }
}

fn kind(kind: TaskKind) -> wire::TaskKind {
    match kind {
        TaskKind::Work => wire::TaskKind::Work,
        TaskKind::Approval => wire::TaskKind::Approval,
    }
}

fn priority(priority: Priority) -> wire::Priority {
    match priority {
        Priority::High => wire::Priority::High,
        Priority::Normal => wire::Priority::Normal,
        Priority::Low => wire::Priority::Low,
    }
}

/// The word for who looks at a task's work.
#[must_use]
pub fn review(review: Review) -> wire::Review {
    match review {
        Review::None => wire::Review::None,
        Review::Human => wire::Review::Human,
    }
}
