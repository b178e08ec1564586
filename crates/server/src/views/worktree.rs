//! Worktrees: what git knows of them beside what the rows say.

use cw_core::domain::hierarchy::{Project, Task};
use cw_core::domain::state::State;
use cw_core::domain::status::{AgentStatus, agent_status};
use cw_core::domain::work::Agent;
use cw_core::ports::workspaces::{Kept, Worktree};
use cw_wire::WorktreeView;
use cw_wire::worktree::WorktreeState;

use super::agent::text;
use crate::work::Places;

/// The end of the name of a worktree that holds work that was brought back. No agent's name has
/// a dot.
pub const RESTORED: &str = ".restored";

/// A worktree that git knows.
#[must_use]
pub fn view(state: &State, places: &Places, project: &Project, tree: &Worktree) -> WorktreeView {
    let agent = owner(state, places, project, tree);
    let task = agent.and_then(|agent| state.get::<Task>(agent.task));
    WorktreeView {
        path: text(&tree.path),
        branch: tree.branch.clone(),
        agent: agent.map(|agent| agent.name.clone()),
        task: task.map(|task| task.spec.slug.clone()),
        head: tree.head.as_ref().map(ToString::to_string),
        dirty: tree.dirty,
        bytes: tree.bytes,
        state: match agent {
            Some(agent) if needs(state, agent) && is_own(places, agent, tree) => {
                WorktreeState::InUse
            }
            Some(_) => WorktreeState::Kept,
            None if is_gate(tree) => WorktreeState::Gate,
            None => WorktreeState::Idle,
        },
        kept: None,
        project: Some(project.name.clone()),
    }
}

/// Work that stands under a ref and in no worktree.
#[must_use]
pub fn kept(state: &State, places: &Places, project: &Project, kept: &Kept) -> WorktreeView {
    let mut words = kept.name.trim_start_matches("refs/cw/kept/").split('/');
    let name = words.nth(1).unwrap_or_default();
    let named = state.index().agents_named(name);
    let agent = named
        .filter_map(|id| state.get::<Agent>(id))
        .find(|agent| agent.project == project.id);
    let task = agent.and_then(|agent| state.get::<Task>(agent.task));
    WorktreeView {
        path: agent.map_or_else(String::new, |agent| {
            text(&places.worktrees.join(&agent.worktree))
        }),
        branch: None,
        agent: agent.map(|agent| agent.name.clone()),
        task: task.map(|task| task.spec.slug.clone()),
        head: Some(kept.commit.to_string()),
        dirty: false,
        bytes: 0,
        state: WorktreeState::Removed,
        kept: Some(kept.name.clone()),
        project: Some(project.name.clone()),
    }
}

/// The agent whose worktree this is, or whose work was brought back there.
#[must_use]
pub fn owner<'s>(
    state: &'s State,
    places: &Places,
    project: &Project,
    tree: &Worktree,
) -> Option<&'s Agent> {
    let inside = tree.path.strip_prefix(&places.worktrees).ok()?.to_str()?;
    let inside = inside.split(RESTORED).next()?;
    let name = inside.rsplit('/').next()?;
    let named = state.index().agents_named(name);
    named
        .filter_map(|id| state.get::<Agent>(id))
        .find(|agent| agent.project == project.id && agent.worktree == inside)
}

/// The worktree is where the agent's own belongs.
#[must_use]
pub fn is_own(places: &Places, agent: &Agent, tree: &Worktree) -> bool {
    places.worktrees.join(&agent.worktree) == tree.path
}

/// The agent may need its worktree again without being given a new task.
#[must_use]
pub fn needs(state: &State, agent: &Agent) -> bool {
    !matches!(
        agent_status(state, agent),
        AgentStatus::Finished | AgentStatus::Crashed
    )
}

fn is_gate(tree: &Worktree) -> bool {
    let name = tree.path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(".gate-"))
}
