//! Which tasks are still to begin, in groups: what keeps one task of a group from its place keeps
//! all of them, so a decision looks at one of each group, however many tasks there are.

use super::{BTreeMap, BTreeSet, Index, InitiativeId, ReadyKey, Task, TaskId, TaskKind, TaskState};
use super::{PassedEnv, Usd, mark, ready_key};

/// What a group of tasks has in common, beside its initiative.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Alike {
    /// A task that is like no other: it has an agent, or a budget that is its own concern.
    alone: Option<TaskId>,
    agent: Option<String>,
    budget: Option<Usd>,
    passed: PassedEnv,
}

impl Alike {
    fn of(task: &Task) -> Self {
        // A budget that nobody has used yet leaves room for a first turn, unless it is nothing.
        let own_money = task.spec.budget == Some(Usd::default()) || task.budget_raised.is_some();
        Self {
            alone: (task.agent.is_some() || own_money).then_some(task.id),
            agent: task.spec.agent.clone(),
            budget: task.spec.budget,
            passed: task.passed.clone(),
        }
    }
}

/// Tasks that are to begin, by group; `false`, the ready ones, go first.
pub(super) type Line = BTreeMap<(InitiativeId, Alike), BTreeSet<(bool, ReadyKey)>>;

/// Whether a task may begin now, as far as the plan goes.
#[must_use]
pub fn is_ready(task: &Task) -> bool {
    task.state == TaskState::Todo { not_before: None }
        && task.blockers == 0
        && task.spec.kind == TaskKind::Work
}

impl Index {
    pub(super) fn enter_line(&mut self, task: &Task, on: bool) {
        if !matches!(task.state, TaskState::Todo { .. }) || task.spec.kind != TaskKind::Work {
            return;
        }
        let group = (task.initiative, Alike::of(task));
        let was = self.head(&group);
        let entry = (!is_ready(task), ready_key(task));
        mark(&mut self.line, group.clone(), entry, on);
        let is = self.head(&group);
        if was == is {
            return;
        }
        if let Some(was) = was {
            mark(&mut self.heads, task.initiative, was, false);
        }
        if let Some(is) = is {
            mark(&mut self.heads, task.initiative, is, true);
        }
    }

    /// The ready task of a group that goes first.
    fn head(&self, group: &(InitiativeId, Alike)) -> Option<ReadyKey> {
        let first = self.line.get(group)?.first()?;
        (!first.0).then_some(first.1)
    }

    /// Initiatives with a ready task.
    pub fn ready_initiatives(&self) -> impl Iterator<Item = InitiativeId> {
        self.heads.keys().copied()
    }

    /// The first ready task of each group of an initiative, in order of dispatch: where it is kept
    /// from its place, so are all that are like it.
    pub fn ready_heads(&self, initiative: InitiativeId) -> impl Iterator<Item = TaskId> {
        let heads = self.heads.get(&initiative);
        heads.into_iter().flatten().map(|key| key.2)
    }

    /// One task of each group of an initiative that is still to begin, ready or not.
    pub fn to_begin(&self, initiative: InitiativeId) -> impl Iterator<Item = TaskId> {
        self.line
            .range((initiative, Alike::default())..)
            .take_while(move |((owner, _), _)| *owner == initiative)
            .filter_map(|(_, tasks)| tasks.first())
            .map(|(_, key)| key.2)
    }
}

#[cfg(test)]
mod tests;
