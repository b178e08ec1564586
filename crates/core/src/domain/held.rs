//! What keeps agents of a kind from starting turns: a program that was not let in, values that
//! went with the server's memory. Both follow from the rows: whatever mends them lets go.

use std::collections::BTreeSet;

use super::hierarchy::{Initiative, Task, TaskState};
use super::ids::{InitiativeId, MessageId, ProjectId, TaskId};
use super::plan::TaskKind;
use super::state::State;
use super::work::{Agent, Turn, TurnState};

/// What the values of environment variables were handed over for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// Everything of an initiative.
    Initiative(InitiativeId),
    /// A task alone, as one that was spawned.
    Task(TaskId),
}

/// The variables whose values were handed over, by name. The values are in the server's memory
/// and nowhere else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct PassedEnv {
    /// Those that were handed over.
    pub given: Vec<String>,
    /// Those among them whose values are gone.
    pub lost: Vec<String>,
}

impl PassedEnv {
    /// Takes note of values that were handed over; with `anew`, values that were there before
    /// and are not among them are gone for good, and not waited for.
    pub fn give(&mut self, names: &[String], anew: bool) {
        self.lost.retain(|name| !names.contains(name));
        if anew {
            self.given.clone_from(&self.lost);
        }
        for name in names {
            if !self.given.contains(name) {
                self.given.push(name.clone());
            }
        }
        self.given.sort();
    }

    /// Takes note that values are gone.
    pub fn lose(&mut self, gone: impl Fn(&String) -> bool) {
        self.lost = self
            .given
            .iter()
            .filter(|name| gone(name))
            .cloned()
            .collect();
    }

    /// Does without what is gone.
    pub fn forgo(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        self.given.retain(|name| !lost.contains(name));
    }
}

/// Why a task's agent starts no turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hold {
    /// An agent of the same table was not let in; this message tells the user.
    Login(MessageId),
    /// Values that its program was given are gone: these.
    Values(Vec<String>),
}

impl Hold {
    /// The same in a line for people.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Login(message) => format!("waits for a login: see message {message}"),
            Self::Values(names) => format!(
                "waits for the values of {}, which went with a restart of the server: `cw resume` \
                 in a shell that has them set",
                names.join(", ")
            ),
        }
    }
}

/// The table of `cw.toml` that a task's agent has, or will have.
#[must_use]
pub fn table(state: &State, task: &Task) -> Option<String> {
    if let Some(agent) = task.agent.and_then(|id| state.get::<Agent>(id)) {
        return Some(agent.config.clone());
    }
    let initiative = state.get::<Initiative>(task.initiative)?;
    let named = task.spec.agent.as_ref().or(initiative.agent.as_ref());
    let default = || Some(state.config(initiative.project)?.default_agent.clone());
    named.cloned().or_else(default)
}

/// What keeps a task's agent from starting turns.
#[must_use]
pub fn hold(state: &State, task: &Task) -> Option<Hold> {
    let initiative = state.get::<Initiative>(task.initiative)?;
    let lost = !(task.passed.lost.is_empty() && initiative.passed.lost.is_empty());
    if !lost && !state.index().holds(initiative.project) {
        return None;
    }
    let table = table(state, task)?;
    if let Some(message) = state.index().held_by(initiative.project, &table) {
        return Some(Hold::Login(message));
    }
    // A bare kind has no table, and wants nothing.
    let wanted = &state
        .config(initiative.project)?
        .agents
        .get(&table)?
        .pass_env;
    let names: Vec<String> = missing(task, initiative)
        .filter(|name| wanted.contains(name))
        .cloned()
        .collect();
    (!names.is_empty()).then_some(Hold::Values(names))
}

/// The values that are gone: what a task has of its own goes before its initiative's.
fn missing<'r>(task: &'r Task, initiative: &'r Initiative) -> impl Iterator<Item = &'r String> {
    let inherited = initiative.passed.lost.iter();
    let own = |name: &&String| !task.passed.given.contains(name);
    task.passed.lost.iter().chain(inherited.filter(own))
}

/// The names among `wanted` whose values a task's agent was given.
#[must_use]
pub fn given(task: &Task, initiative: &Initiative, wanted: &[String]) -> Vec<String> {
    let given =
        |name: &&String| task.passed.given.contains(name) || initiative.passed.given.contains(name);
    wanted.iter().filter(given).cloned().collect()
}

/// The names that agents of these tasks want and were never given, in order.
#[must_use]
pub fn ungiven<'t>(state: &State, tasks: impl Iterator<Item = &'t Task>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for task in tasks.filter(|task| !task.state.is_closed() && task.spec.kind == TaskKind::Work) {
        let Some(initiative) = state.get::<Initiative>(task.initiative) else {
            continue;
        };
        let config = state.config(initiative.project);
        let agent = config
            .zip(table(state, task))
            .and_then(|(c, t)| c.agent(&t));
        let wanted = agent.map(|agent| agent.pass_env).unwrap_or_default();
        let has = given(task, initiative, &wanted);
        found.extend(wanted.into_iter().filter(|name| !has.contains(name)));
    }
    found.into_iter().collect()
}

/// What in a project lost values that it may still want, and which.
#[must_use]
pub fn losers(state: &State, project: ProjectId) -> Vec<(Owner, Vec<String>)> {
    let row = |owner: Owner| {
        let (initiative, passed) = match owner {
            Owner::Initiative(id) => {
                let row = state.get::<Initiative>(id)?;
                (row, &row.passed)
            }
            Owner::Task(id) => {
                let task = state
                    .get::<Task>(id)
                    .filter(|task| !task.state.is_closed())?;
                (state.get::<Initiative>(task.initiative)?, &task.passed)
            }
        };
        let wanted = initiative.project == project && initiative.is_open();
        wanted.then(|| (owner, passed.lost.clone()))
    };
    state.index().losers().filter_map(row).collect()
}

/// Whether a task is to go on and cannot, because values are gone.
#[must_use]
pub fn starves(state: &State, task: &Task) -> bool {
    let turn = task.agent.and_then(|agent| state.index().open_turn(agent));
    let turn = turn.and_then(|id| state.get::<Turn>(id));
    let in_line = match task.state {
        TaskState::Todo { .. } => task.spec.kind == TaskKind::Work,
        TaskState::Parked { resume_at } => resume_at.is_some(),
        // Whose program runs has its values.
        TaskState::Working => turn.is_some_and(|turn| turn.state == TurnState::Queued),
        _ => false,
    };
    in_line && matches!(hold(state, task), Some(Hold::Values(_)))
}

/// Whether anything of what lost its values waits for them. Looks at one task of each group that
/// is to begin, and at those that are to go on.
#[must_use]
pub fn any_starves(state: &State, owner: Owner) -> bool {
    let starves = |id: TaskId| {
        let task = state.get::<Task>(id);
        task.is_some_and(|task| starves(state, task))
    };
    let of = match owner {
        Owner::Task(id) => return starves(id),
        Owner::Initiative(id) => id,
    };
    let mine = |id: &TaskId| {
        let task = state.get::<Task>(*id);
        task.is_some_and(|task| task.initiative == of)
    };
    let index = state.index();
    let queued = index.queued_turns();
    let queued = queued.filter_map(|id| Some(state.get::<Turn>(id)?.task));
    index.to_begin(of).any(starves)
        || queued.filter(mine).any(starves)
        || index.due_tasks().filter(mine).any(starves)
}

/// Whether any agent of a project wants one of these values.
#[must_use]
pub fn is_wanted(state: &State, project: ProjectId, names: &[String]) -> bool {
    state.config(project).is_some_and(|config| {
        let mut wanted = config.agents.values().flat_map(|agent| &agent.pass_env);
        wanted.any(|name| names.contains(name))
    })
}

/// The names of the values that agents of a project wait for, in order.
#[must_use]
pub fn missed(state: &State, project: ProjectId) -> Vec<String> {
    let Some(config) = state.config(project) else {
        return Vec::new();
    };
    let wanted = |name: &String| config.agents.values().any(|a| a.pass_env.contains(name));
    let lost = losers(state, project)
        .into_iter()
        .flat_map(|(_, lost)| lost);
    let names: BTreeSet<String> = lost.filter(wanted).collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_values_that_were_given_are_missed() {
        let mut passed = PassedEnv::default();
        passed.lose(|_| true);
        assert_eq!(passed, PassedEnv::default());
        passed.give(&names("B A"), true);
        passed.lose(|_| true);
        assert_eq!(passed.lost, names("A B"));
        passed.give(&names("A"), true);
        assert_eq!((&passed.given, &passed.lost), (&names("A B"), &names("B")));
        passed.give(&names("C"), false);
        passed.forgo();
        assert_eq!((passed.given, passed.lost), (names("A C"), names("")));
    }

    #[test]
    fn another_call_that_brings_values_takes_the_place_of_all_before() {
        let mut passed = PassedEnv::default();
        passed.give(&names("A B"), true);
        passed.give(&names("C"), true);
        assert_eq!(passed.given, names("C"));
    }
}
