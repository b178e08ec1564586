//! Worktrees: what is there, what can go, what is brought back.
//!
//! Restoring makes a worktree beside the agent's own, on a branch
//! `cw/<initiative>/restored/<agent>-<number>` at the kept commit. An agent of which nothing is
//! kept had committed all its work: its own branch is checked out again, at its own path.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use cw_core::domain::hierarchy::{Initiative, Project};
use cw_core::domain::ids::{AgentId, ProjectId};
use cw_core::domain::oid::Oid;
use cw_core::domain::work::Agent;
use cw_core::ports::workspaces::{Kept, Prepare, Release, Worktree};
use cw_wire::worktree::{
    PruneInput, WorktreeListing, WorktreePrune, WorktreeRestore, WorktreeState,
};
use cw_wire::{ErrorCode, ErrorView, Scope, Target, WorktreeList, WorktreeView};

use super::agent::{scope, take_away};
use crate::app::{App, Fault};
use crate::faults::workspace;
use crate::rpc::Table;
use crate::views;
use crate::views::agent::text;

/// Where refs to kept work stand.
pub(super) const KEPT: &str = "refs/cw/kept";

/// Answers what is about worktrees.
pub fn register(table: &mut Table) {
    table.user::<WorktreeListing, _, _>(list);
    table.user::<WorktreePrune, _, _>(prune);
    table.user::<WorktreeRestore, _, _>(restore);
}

/// Every worktree of a project that is `cw`'s.
async fn trees(app: &Arc<App>, project: &Project) -> Result<Vec<Worktree>, Fault> {
    let root = PathBuf::from(&project.root);
    app.blocking(move |app| app.ports.workspaces.worktrees(&root).map_err(workspace))
        .await
}

async fn projects(app: &Arc<App>, only: Option<ProjectId>) -> Result<Vec<Project>, Fault> {
    app.read(move |state| {
        let rows = state
            .all::<Project>()
            .filter(|project| only.is_none_or(|only| project.id == only));
        Ok(rows.cloned().collect())
    })
    .await
}

async fn list(app: Arc<App>, input: Scope) -> Result<WorktreeList, Fault> {
    let only = scope(&app, input.dir, input.all).await?;
    let mut worktrees = Vec::new();
    for project in projects(&app, only).await? {
        let there = trees(&app, &project).await?;
        let kept = kept(&app, &project, KEPT.to_owned()).await?;
        let places = app.places.clone();
        let views = app.read(move |state| {
            let mut views: Vec<WorktreeView> = there
                .iter()
                .map(|tree| views::worktree::view(state, &places, &project, tree))
                .collect();
            let checked_out: BTreeSet<String> =
                views.iter().filter_map(|view| view.head.clone()).collect();
            let apart = kept
                .iter()
                .filter(|kept| !checked_out.contains(kept.commit.as_str()));
            views.extend(apart.map(|kept| views::worktree::kept(state, &places, &project, kept)));
            Ok(views)
        });
        worktrees.extend(views.await?);
    }
    Ok(WorktreeList { worktrees })
}

async fn kept(app: &Arc<App>, project: &Project, prefix: String) -> Result<Vec<Kept>, Fault> {
    let root = PathBuf::from(&project.root);
    app.blocking(move |app| app.ports.workspaces.kept(&root, &prefix).map_err(workspace))
        .await
}

/// How a worktree is taken away.
#[derive(Clone)]
pub(super) enum Way {
    /// The rows say whose it is.
    Agent(AgentId),
    /// Nobody's: work that was brought back, or what a lost database left.
    Apart(Box<Release>),
}

/// A worktree that nobody needs, and how to take it away.
pub(super) type Spare = (WorktreeView, Way);

/// The worktrees of a project that nobody needs.
pub(super) async fn spare(app: &Arc<App>, project: Project) -> Result<Vec<Spare>, Fault> {
    let there = trees(app, &project).await?;
    let places = app.places.clone();
    let now = app.clock.now();
    app.read(move |state| {
        let mut spare = Vec::new();
        for tree in &there {
            let view = views::worktree::view(state, &places, &project, tree);
            if !matches!(view.state, WorktreeState::Kept | WorktreeState::Idle) {
                continue;
            }
            let owner = views::worktree::owner(state, &places, &project, tree);
            let way = match owner {
                Some(agent) if agent.housed && views::worktree::is_own(&places, agent, tree) => {
                    Way::Agent(agent.id)
                }
                _ => {
                    let initiative =
                        owner.and_then(|agent| state.get::<Initiative>(agent.initiative));
                    let slug = initiative.map_or("lost", |initiative| initiative.slug.as_str());
                    let name = tree.path.file_name().and_then(|name| name.to_str());
                    let name = owner.map_or(name.unwrap_or("worktree"), |agent| &agent.name);
                    Way::Apart(Box::new(Release {
                        repo: project.root.clone().into(),
                        path: tree.path.clone(),
                        branch: tree.branch.clone().unwrap_or_default(),
                        kept: format!("{KEPT}/{slug}/{name}"),
                        unmerged: false,
                        at: now,
                    }))
                }
            };
            spare.push((view, way));
        }
        Ok(spare)
    })
    .await
}

/// Takes a worktree away; what it holds is kept.
pub(super) async fn discard(app: &Arc<App>, way: Way) -> Result<(), Fault> {
    match way {
        Way::Agent(agent) => take_away(app, agent).await,
        Way::Apart(ask) => {
            app.blocking(move |app| {
                let released = app.ports.workspaces.release(&ask);
                released.map(drop).map_err(workspace)
            })
            .await
        }
    }
}

async fn prune(app: Arc<App>, input: PruneInput) -> Result<WorktreeList, Fault> {
    let only = scope(&app, input.dir, input.all).await?;
    let mut worktrees = Vec::new();
    for project in projects(&app, only).await? {
        for (mut view, way) in spare(&app, project).await? {
            if !input.dry_run {
                discard(&app, way).await?;
                view.state = WorktreeState::Removed;
            }
            worktrees.push(view);
        }
    }
    Ok(WorktreeList { worktrees })
}

/// What is to be brought back.
struct Wanted {
    project: Project,
    /// The prefix of kept refs, or one of them.
    prefix: String,
    agent: Option<Own>,
}

/// An agent's own worktree and branch.
struct Own {
    path: PathBuf,
    branch: String,
    name: String,
    housed: bool,
}

async fn restore(app: Arc<App>, input: Target) -> Result<WorktreeList, Fault> {
    let wanted = wanted(&app, input).await?;
    let project = wanted.project.clone();
    let now = app.clock.now();
    let path = app
        .blocking(move |app| {
            let prepare = what_to_restore(app, &wanted, now)?;
            app.ports.workspaces.prepare(&prepare).map_err(workspace)?;
            Ok(prepare.path)
        })
        .await?;
    let there = trees(&app, &project).await?;
    let places = app.places.clone();
    app.read(move |state| {
        let made = there.iter().filter(|tree| tree.path == path);
        Ok(WorktreeList {
            worktrees: made
                .map(|tree| views::worktree::view(state, &places, &project, tree))
                .collect(),
        })
    })
    .await
}

async fn wanted(app: &Arc<App>, input: Target) -> Result<Wanted, Fault> {
    let id = app.project(input.dir.clone()).await?;
    let project = app.project_row(id).await?;
    if input.id.starts_with("refs/") || input.id.contains('/') {
        let name = input.id.trim_start_matches("refs/cw/kept/");
        return Ok(Wanted {
            project,
            prefix: format!("{KEPT}/{name}"),
            agent: None,
        });
    }
    let agent = app.agent(input.dir, input.id).await?;
    let places = app.places.clone();
    let (prefix, own) = app
        .read(move |state| {
            let gone = || ErrorView::new(ErrorCode::NotFound, "there is no such agent");
            let agent = state.get::<Agent>(agent).ok_or_else(gone)?;
            let initiative = state.get::<Initiative>(agent.initiative).ok_or_else(gone)?;
            let own = Own {
                path: places.worktrees.join(&agent.worktree),
                branch: agent.branch(&initiative.slug),
                name: agent.name.clone(),
                housed: agent.housed,
            };
            Ok((format!("{KEPT}/{}/{}", initiative.slug, agent.name), own))
        })
        .await?;
    Ok(Wanted {
        project,
        prefix,
        agent: Some(own),
    })
}

/// The worktree that brings back what was kept last, or the agent's own.
fn what_to_restore(
    app: &App,
    wanted: &Wanted,
    now: cw_core::domain::time::Timestamp,
) -> Result<Prepare, Fault> {
    let repo = PathBuf::from(&wanted.project.root);
    // `refs/cw/kept/<initiative>/<agent>` names the newest of that agent: below it stand numbers,
    // and what came from repositories of the agent's own under names that it chose.
    let newest = |name: &str| {
        let number = name.strip_prefix(&wanted.prefix)?.strip_prefix('/')?;
        number.parse::<u32>().ok()
    };
    let parent = match (&wanted.agent, wanted.prefix.rsplit_once('/')) {
        (None, Some((parent, _))) => parent,
        _ => wanted.prefix.as_str(),
    };
    let kept = app
        .ports
        .workspaces
        .kept(&repo, parent)
        .map_err(workspace)?;
    let found = kept
        .iter()
        .find(|kept| wanted.agent.is_none() && kept.name == wanted.prefix)
        .or_else(|| {
            let numbered = kept.iter().filter(|kept| newest(&kept.name).is_some());
            numbered.max_by_key(|kept| newest(&kept.name))
        });
    if let Some(found) = found {
        return Ok(beside(app, wanted, repo, found, now));
    }
    let nothing = || {
        ErrorView::new(
            ErrorCode::NotFound,
            format!("nothing is kept under {}", wanted.prefix),
        )
        .hint("`cw worktree list` shows what is kept; committed work stands on the agent's branch")
    };
    let own = wanted.agent.as_ref().ok_or_else(nothing)?;
    if own.housed {
        return Err(ErrorView::new(
            ErrorCode::Refused,
            format!("the worktree of '{}' is there", own.name),
        )
        .cause(text(&own.path)));
    }
    let tip = app.ports.workspaces.branch_tip(&repo, &own.branch);
    let start = tip.map_err(workspace)?.ok_or_else(nothing)?;
    Ok(make(
        repo,
        own.path.clone(),
        own.branch.clone(),
        start,
        &wanted.prefix,
        now,
    ))
}

/// A worktree of its own for kept work, named after its ref.
fn beside(
    app: &App,
    wanted: &Wanted,
    repo: PathBuf,
    kept: &Kept,
    now: cw_core::domain::time::Timestamp,
) -> Prepare {
    let name = kept.name.trim_start_matches("refs/cw/kept/");
    let (place, number) = name.rsplit_once('/').unwrap_or((name, "1"));
    let (initiative, agent) = place.split_once('/').unwrap_or(("lost", place));
    let agent = agent.replace('/', "-");
    let uid = &wanted.project.uid.0;
    let folder = format!("{}-{}", wanted.project.name, &uid[..8.min(uid.len())]);
    let suffix = views::worktree::RESTORED;
    let path = app
        .places
        .worktrees
        .join(folder)
        .join(format!("{agent}{suffix}-{number}"));
    let branch = format!("cw/{initiative}/restored/{agent}-{number}");
    let prefix = format!("{KEPT}/{place}");
    make(repo, path, branch, kept.commit.clone(), &prefix, now)
}

fn make(
    repo: PathBuf,
    path: PathBuf,
    branch: String,
    start: Oid,
    kept: &str,
    at: cw_core::domain::time::Timestamp,
) -> Prepare {
    Prepare {
        repo,
        path,
        branch,
        start,
        copy: Vec::new(),
        kept: kept.to_owned(),
        at,
    }
}
