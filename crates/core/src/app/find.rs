//! From what users type to what is meant: ids, unique prefixes, names.

use crate::domain::hierarchy::{Initiative, Project, Task};
use crate::domain::ids::{AgentId, InitiativeId, MessageId, ProjectId, TaskId};
use crate::domain::state::State;
use crate::domain::work::{Agent, Message};

use super::signal::Refusal;

/// The project whose main checkout is at `root`.
pub fn find_project(state: &State, root: &str) -> Result<ProjectId, Refusal> {
    state
        .all::<Project>()
        .find(|project| project.root == root)
        .map(|project| project.id)
        .ok_or_else(|| {
            Refusal::state(format!("{root} is not registered"))
                .hint("`cw init` registers this repository")
        })
}

/// The initiative that `word` names in a project: its id, or a prefix that only one has.
pub fn find_initiative(
    state: &State,
    project: ProjectId,
    word: &str,
) -> Result<InitiativeId, Refusal> {
    if let Some(id) = state.index().initiative(project, word) {
        return Ok(id);
    }
    let found: Vec<&Initiative> = state
        .index()
        .initiatives_of(project)
        .filter_map(|id| state.get::<Initiative>(id))
        .filter(|initiative| !word.is_empty() && initiative.slug.starts_with(word))
        .collect();
    one(
        &found,
        "initiative",
        word,
        "`cw initiative list` shows them",
        |initiative| initiative.slug.clone(),
    )
    .map(|initiative| initiative.id)
}

/// The task that `word` names in a project: `TASK` or `INITIATIVE/TASK`, whole or a prefix that
/// only one has. A whole id beats a prefix.
pub fn find_task(state: &State, project: ProjectId, word: &str) -> Result<TaskId, Refusal> {
    let (initiatives, wanted): (Vec<InitiativeId>, &str) = match word.split_once('/') {
        Some((initiative, task)) => (vec![find_initiative(state, project, initiative)?], task),
        None => (state.index().initiatives_of(project).collect(), word),
    };
    let named = |id: &TaskId| {
        let task = state.get::<Task>(*id)?;
        Some(format!(
            "{}/{}",
            state.get::<Initiative>(task.initiative)?.slug,
            task.spec.slug
        ))
    };
    let exact: Vec<TaskId> = initiatives
        .iter()
        .filter_map(|initiative| state.index().task(*initiative, wanted))
        .collect();
    let found = if exact.is_empty() && !wanted.is_empty() {
        initiatives
            .iter()
            .flat_map(|initiative| state.index().tasks_with_prefix(*initiative, wanted))
            .collect()
    } else {
        exact
    };
    one(&found, "task", word, "`cw task list` shows them", |id| {
        named(id).unwrap_or_default()
    })
    .copied()
}

/// The agent of this name in a project, or a prefix that only one has.
pub fn find_agent(state: &State, project: ProjectId, word: &str) -> Result<AgentId, Refusal> {
    let exact = state
        .index()
        .agents_named(word)
        .filter(|id| {
            state
                .get::<Agent>(*id)
                .is_some_and(|agent| agent.project == project)
        })
        .last();
    if let Some(id) = exact {
        return Ok(id);
    }
    let found: Vec<&Agent> = state
        .all::<Agent>()
        .filter(|agent| {
            agent.project == project && !word.is_empty() && agent.name.starts_with(word)
        })
        .collect();
    one(
        &found,
        "agent",
        word,
        "`cw agent list` shows them",
        |agent| agent.name.clone(),
    )
    .map(|agent| agent.id)
}

/// The message of this number in a project; leading zeros do not count.
pub fn find_message(state: &State, project: ProjectId, word: &str) -> Result<MessageId, Refusal> {
    let missing = || {
        Refusal::not_found(format!("there is no message '{word}'"))
            .hint("`cw message list` shows them")
    };
    let number: u64 = word
        .trim_start_matches('#')
        .parse()
        .map_err(|_| missing())?;
    let message = state
        .get::<Message>(MessageId(number))
        .ok_or_else(missing)?;
    if message.project == project {
        Ok(message.id)
    } else {
        Err(missing())
    }
}

fn one<'a, T>(
    found: &'a [T],
    what: &str,
    word: &str,
    hint: &str,
    name: impl Fn(&T) -> String,
) -> Result<&'a T, Refusal> {
    match found {
        [only] => Ok(only),
        [] => Err(Refusal::not_found(format!("there is no {what} '{word}'")).hint(hint)),
        several => {
            let mut names: Vec<String> = several.iter().map(name).collect();
            names.sort();
            names.truncate(10);
            let more = match what {
                "task" => "write more of it, or INITIATIVE/TASK",
                _ => "write more of it",
            };
            Err(
                Refusal::usage(format!("'{word}' could be more than one {what}"))
                    .because(format!("candidates: {}", names.join(", ")))
                    .hint(more),
            )
        }
    }
}
