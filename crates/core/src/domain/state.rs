//! All live rows in memory, and the only two ways to change them: put a row, remove a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::Config;
use super::effect::Effect;
use super::graph::Needs;
use super::hierarchy::{Initiative, Phase, Plan, Project, Task};
use super::ids::{
    AgentId, EffectId, InitiativeId, MergeId, MessageId, PhaseId, PlanId, ProjectId, TaskId, TurnId,
};
use super::index::Index;
use super::time::Timestamp;
use super::work::{Agent, Merge, Message, Turn};

/// A kind of row.
pub trait Entity: Clone + PartialEq {
    /// The type of its id.
    type Id: Copy + Ord + 'static;
    /// Its id.
    fn id(&self) -> Self::Id;
    /// Its table.
    fn table(tables: &Tables) -> &BTreeMap<Self::Id, Self>;
    /// The row as one of all kinds.
    fn into_row(self) -> Row;
    /// The key of the row with this id.
    fn key(id: Self::Id) -> Key;
}

macro_rules! tables {
    ($($field:ident: $row:ident[$id:ident]),+ $(,)?) => {
        /// All rows by kind.
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct Tables {
            $(
                #[doc = concat!("Every `", stringify!($row), "`.")]
                pub $field: BTreeMap<$id, $row>,
            )+
        }

        /// A row of any kind.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Row {
            $(
                #[doc = concat!("A `", stringify!($row), "`.")]
                $row($row),
            )+
        }

        /// Names a row of any kind.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Key {
            $(
                #[doc = concat!("Names a `", stringify!($row), "`.")]
                $row($id),
            )+
        }

        impl Row {
            /// What names it.
            #[must_use]
            pub fn key(&self) -> Key {
                match self {
                    $(Self::$row(row) => Key::$row(row.id),)+
                }
            }
        }

        impl Tables {
            fn put(&mut self, row: Row) -> Option<Row> {
                match row {
                    $(Row::$row(row) => self.$field.insert(row.id, row).map(Row::$row),)+
                }
            }

            fn take(&mut self, key: Key) -> Option<Row> {
                match key {
                    $(Key::$row(id) => self.$field.remove(&id).map(Row::$row),)+
                }
            }

            /// A copy of the row that `key` names.
            #[must_use]
            pub fn row(&self, key: Key) -> Option<Row> {
                match key {
                    $(Key::$row(id) => self.$field.get(&id).cloned().map(Row::$row),)+
                }
            }
        }

        $(
            impl Entity for $row {
                type Id = $id;
                fn id(&self) -> $id {
                    self.id
                }
                fn table(tables: &Tables) -> &BTreeMap<$id, Self> {
                    &tables.$field
                }
                fn into_row(self) -> Row {
                    Row::$row(self)
                }
                fn key(id: $id) -> Key {
                    Key::$row(id)
                }
            }
        )+
    };
}

tables! {
    projects: Project[ProjectId],
    initiatives: Initiative[InitiativeId],
    phases: Phase[PhaseId],
    plans: Plan[PlanId],
    tasks: Task[TaskId],
    needs: Needs[TaskId],
    agents: Agent[AgentId],
    turns: Turn[TurnId],
    messages: Message[MessageId],
    merges: Merge[MergeId],
    effects: Effect[EffectId],
}

/// The live state of one store.
#[derive(Clone, Debug, Default)]
pub struct State {
    tables: Tables,
    index: Index,
    configs: BTreeMap<ProjectId, Arc<Config>>,
    last_seq: u64,
    /// The highest id of an effect so far. Effects go away, and an outcome that comes late must
    /// not meet another effect under the id of its own.
    last_effect: u64,
    /// Since when agents have been watched without a break. Nobody's silence counts from before:
    /// a server that was away, or a machine that slept, heard nothing.
    watched_since: Timestamp,
}

impl PartialEq for State {
    /// Compares what is stored and what follows from it; ids that were given are neither.
    fn eq(&self, other: &Self) -> bool {
        self.tables == other.tables
            && self.index == other.index
            && self.configs == other.configs
            && self.last_seq == other.last_seq
    }
}

impl State {
    /// The state that these rows make, with the last event at `last_seq`.
    #[must_use]
    pub fn from_rows(rows: impl IntoIterator<Item = Row>, last_seq: u64) -> Self {
        let mut state = Self {
            last_seq,
            ..Self::default()
        };
        let mut later = Vec::new();
        // Turns and merges are indexed by what their agents and tasks say, so those come first.
        for row in rows {
            match row {
                Row::Turn(_) | Row::Merge(_) | Row::Message(_) => later.push(row),
                _ => {
                    state.put(row);
                }
            }
        }
        for row in later {
            state.put(row);
        }
        state
    }

    /// All rows.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What is derived from the rows to find them fast.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The number of the last event.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(crate) fn set_last_seq(&mut self, seq: u64) {
        self.last_seq = seq;
    }

    /// The row of this kind with this id.
    #[must_use]
    pub fn get<E: Entity>(&self, id: E::Id) -> Option<&E> {
        E::table(&self.tables).get(&id)
    }

    /// All rows of one kind, by id.
    pub fn all<E: Entity + 'static>(&self) -> impl DoubleEndedIterator<Item = &E> {
        E::table(&self.tables).values()
    }

    /// The settings that decisions about this project follow; `None` until `cw.toml` was read
    /// and trusted.
    #[must_use]
    pub fn config(&self, project: ProjectId) -> Option<&Arc<Config>> {
        self.configs.get(&project)
    }

    /// Takes the settings of a project. They are not stored: whoever loads the state reads them
    /// again from the trusted text.
    pub fn set_config(&mut self, project: ProjectId, config: Arc<Config>) {
        self.configs.insert(project, config);
    }

    /// Since when agents have been watched without a break.
    #[must_use]
    pub fn watched_since(&self) -> Timestamp {
        self.watched_since
    }

    pub(crate) fn watch_anew(&mut self, now: Timestamp) {
        self.watched_since = now;
    }

    /// Puts a row and gives back the one that stood there.
    pub(crate) fn put(&mut self, row: Row) -> Option<Row> {
        let key = row.key();
        if let Key::Effect(id) = key {
            self.last_effect = self.last_effect.max(id.0);
        }
        let old = self.tables.put(row);
        let new = self.tables.row(key);
        self.index.note(&self.tables, old.as_ref(), new.as_ref());
        old
    }

    /// An id that no effect had since the state was loaded.
    pub(crate) fn next_effect(&self) -> EffectId {
        EffectId(self.last_effect + 1)
    }

    /// Takes a row away and gives it back.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Row> {
        let old = self.tables.take(key);
        self.index.note(&self.tables, old.as_ref(), None);
        old
    }

    /// The tasks of an initiative in written order.
    pub fn tasks_of(&self, initiative: InitiativeId) -> impl DoubleEndedIterator<Item = &Task> {
        self.index
            .written
            .get(&initiative)
            .into_iter()
            .flatten()
            .filter_map(|(_, id)| self.tables.tasks.get(id))
    }

    /// The unsatisfied tasks of the initiative of `sibling` that `belongs` picks, in written order.
    pub(crate) fn open_tasks(
        &self,
        belongs: impl Fn(&Task) -> bool,
        sibling: TaskId,
    ) -> impl Iterator<Item = TaskId> {
        self.get::<Task>(sibling)
            .map(|task| task.initiative)
            .into_iter()
            .flat_map(|initiative| self.tasks_of(initiative))
            .filter(move |task| !task.state.satisfies() && belongs(task))
            .map(|task| task.id)
    }

    /// The agents that have this worktree.
    pub(crate) fn agents_in(&self, worktree: &str) -> impl Iterator<Item = &Agent> {
        let name = worktree.rsplit('/').next().unwrap_or(worktree).to_owned();
        let worktree = worktree.to_owned();
        let named: Vec<AgentId> = self.index.agents_named(&name).collect();
        named
            .into_iter()
            .filter_map(|id| self.get::<Agent>(id))
            .filter(move |agent| agent.worktree == worktree)
    }
}
