//! One decision's changes: made on the live state, undone when the decision is refused, and
//! handed over as one [`Commit`] when it stands.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::effect::{Effect, EffectKind};
use super::event::{Event, Value};
use super::hierarchy::{Initiative, Project, Task};
use super::ids::{AgentId, EffectId, Ids, InitiativeId, ProjectId, TaskId};
use super::state::{Entity, Key, Row, State};
use super::time::Timestamp;
use super::work::Agent;

/// All that one decision changed: saved together or not at all.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Commit {
    /// Rows as they are now.
    pub put: Vec<Row>,
    /// Rows that are gone.
    pub removed: Vec<Key>,
    /// What is told, in order, numbered.
    pub events: Vec<Event>,
    /// Effects that are to be performed once this is saved.
    pub perform: Vec<Effect>,
}

impl Commit {
    /// Nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.put.is_empty()
            && self.removed.is_empty()
            && self.events.is_empty()
            && self.perform.is_empty()
    }
}

/// Whom an event is about.
#[derive(Clone, Copy, Debug)]
pub enum About {
    /// A project as a whole.
    Project(ProjectId),
    /// An initiative as a whole.
    Initiative(InitiativeId),
    /// A task (and its agent, if it has one).
    Task(TaskId),
    /// An agent (and its task).
    Agent(AgentId),
}

/// A decision under way.
pub struct Txn<'s> {
    state: &'s mut State,
    ids: &'s mut dyn Ids,
    /// When the decision is taken.
    pub now: Timestamp,
    undo: Vec<(Key, Option<Row>)>,
    touched: BTreeSet<Key>,
    events: Vec<Event>,
    perform: BTreeSet<EffectId>,
}

impl<'s> Txn<'s> {
    /// Begins a decision at `now`.
    pub fn begin(state: &'s mut State, ids: &'s mut dyn Ids, now: Timestamp) -> Self {
        Self {
            state,
            ids,
            now,
            undo: Vec::new(),
            touched: BTreeSet::new(),
            events: Vec::new(),
            perform: BTreeSet::new(),
        }
    }

    /// The state as changed so far.
    #[must_use]
    pub fn state(&self) -> &State {
        self.state
    }

    /// Agents are watched from now on: what was before, nobody saw. It is a fact of the process, not
    /// of the store, and is not undone.
    pub fn watch_anew(&mut self) {
        self.state.watch_anew(self.now);
    }

    /// The source of ids and chance.
    pub fn ids(&mut self) -> &mut dyn Ids {
        self.ids
    }

    /// The row of this kind with this id. Rows are never removed while others name them, so a
    /// missing one is a broken invariant.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn get<E: Entity>(&self, id: E::Id) -> &E {
        self.state
            .get(id)
            .expect("a row that another row names is there")
    }

    /// Puts a new or changed row.
    pub fn put<E: Entity>(&mut self, row: E) {
        let key = E::key(row.id());
        let old = self.state.put(row.into_row());
        self.undo.push((key, old));
        self.touched.insert(key);
    }

    /// Changes a row in place. A change that changes nothing writes nothing.
    pub fn change<E: Entity>(&mut self, id: E::Id, change: impl FnOnce(&mut E)) {
        let mut row = self.get::<E>(id).clone();
        change(&mut row);
        if row != *self.get::<E>(id) {
            self.put(row);
        }
    }

    fn remove(&mut self, key: Key) {
        let old = self.state.remove(key);
        self.undo.push((key, old));
        self.touched.insert(key);
    }

    /// The id that the next new row of a kind gets.
    #[must_use]
    pub fn next_id<E: Entity>(&self) -> E::Id
    where
        E::Id: From<u64> + Into<u64>,
    {
        let last = E::table(self.state.tables())
            .keys()
            .next_back()
            .copied()
            .map_or(0, Into::into);
        E::Id::from(last + 1)
    }

    /// Wants something done outside, once this decision is saved.
    pub fn want(&mut self, kind: EffectKind) -> EffectId {
        let id = self.state.next_effect();
        self.put(Effect {
            id,
            kind,
            tries: 0,
            not_before: None,
        });
        self.perform.insert(id);
        id
    }

    /// Has an effect performed again: now, or at a later time.
    pub fn want_again(&mut self, id: EffectId, not_before: Option<Timestamp>) {
        self.change::<Effect>(id, |effect| {
            effect.tries += u32::from(not_before.is_some());
            effect.not_before = not_before;
        });
        if not_before.is_none() {
            self.perform.insert(id);
        }
    }

    /// Takes an effect off the list: its outcome is taken in, or it is no longer wanted.
    pub fn done(&mut self, id: EffectId) {
        self.perform.remove(&id);
        self.remove(Key::Effect(id));
    }

    /// The effects of this kind that are not done.
    #[must_use]
    pub fn pending(&self, kind: EffectKind) -> Option<EffectId> {
        self.state
            .all::<Effect>()
            .find(|effect| effect.kind == kind)
            .map(|effect| effect.id)
    }

    /// Tells that something happened.
    pub fn tell<const N: usize>(
        &mut self,
        kind: &'static str,
        about: About,
        data: [(&'static str, Value); N],
    ) {
        let seq = self.state.last_seq() + 1;
        let (project, initiative, task, agent) = self.subjects(about);
        let event = Event {
            seq,
            at: self.now,
            kind: Cow::Borrowed(kind),
            project: project
                .and_then(|id| self.state.get::<Project>(id))
                .map(|p| p.name.clone()),
            initiative: initiative
                .and_then(|id| self.state.get::<Initiative>(id))
                .map(|initiative| initiative.slug.clone()),
            task: task
                .and_then(|id| self.state.get::<Task>(id))
                .map(|task| task.spec.slug.clone()),
            agent: agent
                .and_then(|id| self.state.get::<Agent>(id))
                .map(|agent| agent.name.clone()),
            data: data
                .into_iter()
                .map(|(key, value)| (Cow::Borrowed(key), value))
                .collect(),
        };
        self.state.set_last_seq(seq);
        self.events.push(event);
    }

    fn subjects(
        &self,
        about: About,
    ) -> (
        Option<ProjectId>,
        Option<InitiativeId>,
        Option<TaskId>,
        Option<AgentId>,
    ) {
        let of_initiative = |id: InitiativeId| {
            self.state
                .get::<Initiative>(id)
                .map(|initiative| initiative.project)
        };
        match about {
            About::Project(id) => (Some(id), None, None, None),
            About::Initiative(id) => (of_initiative(id), Some(id), None, None),
            About::Task(id) => {
                let task = self.get::<Task>(id);
                (
                    of_initiative(task.initiative),
                    Some(task.initiative),
                    Some(id),
                    task.agent,
                )
            }
            About::Agent(id) => {
                let agent = self.get::<Agent>(id);
                (
                    Some(agent.project),
                    Some(agent.initiative),
                    Some(agent.task),
                    Some(id),
                )
            }
        }
    }

    /// Ends the decision: what it changed is one commit.
    #[must_use]
    pub fn finish(self) -> Commit {
        let mut commit = Commit {
            events: self.events,
            ..Commit::default()
        };
        for key in self.touched {
            match self.state.tables().row(key) {
                Some(row) => commit.put.push(row),
                None => commit.removed.push(key),
            }
        }
        commit.perform = self
            .perform
            .into_iter()
            .filter_map(|id| self.state.get::<Effect>(id).cloned())
            .collect();
        commit
    }

    /// Takes everything back: the state is as it was at the beginning.
    pub fn undo(self) {
        let told = self.events.len() as u64;
        self.state.set_last_seq(self.state.last_seq() - told);
        for (key, old) in self.undo.into_iter().rev() {
            match old {
                Some(row) => {
                    self.state.put(row);
                }
                None => {
                    self.state.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::{TurnId, Uid};
    use super::*;

    struct NoIds;

    impl Ids for NoIds {
        fn uid(&mut self) -> Uid {
            Uid(String::new())
        }
        fn session(&mut self) -> String {
            String::new()
        }
        fn secret(&mut self) -> String {
            String::new()
        }
        fn below(&mut self, _end: usize) -> usize {
            0
        }
    }

    #[test]
    fn an_effect_never_has_the_id_of_one_that_is_done() {
        let (mut state, mut ids) = (State::default(), NoIds);
        let mut tx = Txn::begin(&mut state, &mut ids, Timestamp(0));
        let first = tx.want(EffectKind::Collect(TurnId(1)));
        tx.done(first);
        let second = tx.want(EffectKind::Collect(TurnId(1)));
        assert_ne!(first, second);
    }
}
