//! Checks of one repository: its settings, its branches and worktrees
//! beside what the rows say of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cw_core::domain::hierarchy::{Initiative, InitiativeStatus, Project, Task, TaskState};
use cw_core::domain::ids::ProjectId;
use cw_core::domain::oid::Oid;
use cw_core::domain::state::State;
use cw_core::domain::work::{Agent, Merge, MergeState};
use cw_core::ports::workspaces::Inspection;
use cw_wire::doctor::{CheckStatus, CheckView};
use cw_wire::worktree::WorktreeState;

use super::{check, findings, hinted, programs};
use crate::app::{App, Fault};
use crate::faults::workspace;
use crate::handlers::worktree::{discard, spare};

/// How many merged tasks of an initiative are looked for on its branch, the latest first.
const MERGED: usize = 50;

/// Whether git is there and new enough, and what the folder is.
pub(super) async fn git(app: &Arc<App>, dir: Option<String>) -> Result<CheckView, Fault> {
    app.blocking(move |app| {
        let dir = dir.map_or_else(|| app.about.home.clone(), PathBuf::from);
        Ok(match app.ports.workspaces.inspect(&dir) {
            Err(error) => hinted(
                check("git", CheckStatus::Problem, error.what),
                if error.hint.is_empty() {
                    "install git 2.41 or newer".to_owned()
                } else {
                    error.hint
                },
            ),
            Ok(Inspection::GitTooOld { found, needed }) => hinted(
                check("git", CheckStatus::Problem, format!("{found} is too old")),
                format!("cw needs git {needed} or newer"),
            ),
            Ok(Inspection::Repository(found)) if found.cw_branch_in_the_way => hinted(
                check("git", CheckStatus::Problem, "a branch is named 'cw'"),
                "it leaves no room for branches named cw/…: `git branch -m cw NAME`",
            ),
            Ok(_) => check("git", CheckStatus::Ok, "new enough"),
        })
    })
    .await
}

pub(super) async fn look(
    app: &Arc<App>,
    project: Project,
    fix: bool,
) -> Result<Vec<CheckView>, Fault> {
    let mut checks = vec![settings(app, &project).await?];
    checks.extend(programs::of_agents(app, &project).await?);
    if !Path::new(&project.root).is_dir() {
        let gone = format!("{} is gone", project.root);
        checks.push(check(&project.name, CheckStatus::Problem, gone));
        return Ok(checks);
    }
    checks.extend(branches(app, &project).await?);
    checks.extend(worktrees(app, project, fix).await?);
    Ok(checks)
}

async fn settings(app: &Arc<App>, project: &Project) -> Result<CheckView, Fault> {
    let project = project.clone();
    app.blocking(move |app| {
        let name = format!("cw.toml of {}", project.name);
        let problem = |what: String| check(&name, CheckStatus::Problem, what);
        let text = match app.settings.read(Path::new(&project.root)) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return Ok(problem(error.to_string())),
        };
        Ok(match app.settings.parse(&text) {
            Err(error) => problem(error.to_string()),
            Ok(_) if !text.is_empty() && project.trusted.as_deref() != Some(text.as_str()) => {
                let found = check(&name, CheckStatus::Warning, "is not trusted");
                hinted(found, "`cw trust` shows it and trusts it")
            }
            Ok((_, warnings)) if !warnings.is_empty() => {
                check(&name, CheckStatus::Warning, warnings.join("; "))
            }
            Ok(_) => check(&name, CheckStatus::Ok, "read and trusted"),
        })
    })
    .await
}

/// An integration branch as the rows know it.
struct Branch {
    name: String,
    tip: Oid,
    /// Merged tasks and their commits.
    merged: Vec<(String, Oid)>,
}

fn known(state: &State, project: ProjectId) -> Vec<Branch> {
    let ids = state.index().initiatives_of(project);
    let rows = ids.filter_map(|id| state.get::<Initiative>(id));
    let alive = rows.filter(|row| {
        let over = matches!(
            row.status,
            InitiativeStatus::Landed | InitiativeStatus::Cancelled | InitiativeStatus::Draft
        );
        // While a merge moves the branch only the refs tell where it is.
        let moves = state
            .index()
            .lane(row.id)
            .filter_map(|id| state.get::<Merge>(id))
            .any(|merge| merge.state == MergeState::Moving);
        !over && row.cut && !moves
    });
    alive
        .filter_map(|row| {
            let merged = state.tasks_of(row.id).rev();
            let merged = merged.filter_map(|task: &Task| match &task.state {
                TaskState::Merged { commit } => Some((task.spec.slug.clone(), commit.clone())),
                _ => None,
            });
            Some(Branch {
                name: row.branch(),
                tip: row.tip.clone()?,
                merged: merged.take(MERGED).collect(),
            })
        })
        .collect()
}

/// Integration branches stand where the rows say, and hold what was merged.
async fn branches(app: &Arc<App>, project: &Project) -> Result<Vec<CheckView>, Fault> {
    let (id, root) = (project.id, PathBuf::from(&project.root));
    let label = format!("branches of {}", project.name);
    let known = app.read(move |state| Ok(known(state, id))).await?;
    app.blocking(move |app| {
        let mut found = Vec::new();
        for branch in &known {
            let tip = app.ports.workspaces.branch_tip(&root, &branch.name);
            let Some(tip) = tip.map_err(workspace)? else {
                found.push(format!("{} is gone", branch.name));
                continue;
            };
            if tip != branch.tip {
                found.push(format!(
                    "{} is at {}, not at {} where cw left it",
                    branch.name,
                    tip.short(),
                    branch.tip.short()
                ));
            }
            for (task, commit) in &branch.merged {
                let on_it = app.ports.workspaces.is_ancestor(&root, commit, &tip);
                if !on_it.map_err(workspace)? {
                    found.push(format!("task {task} is merged, but not on {}", branch.name));
                }
            }
        }
        let well = format!("{} where they belong", known.len());
        Ok(findings(&label, &well, CheckStatus::Problem, found))
    })
    .await
}

/// Worktrees that git knows beside those that the rows know.
async fn worktrees(app: &Arc<App>, project: Project, fix: bool) -> Result<Vec<CheckView>, Fault> {
    let label = format!("worktrees of {}", project.name);
    let root = PathBuf::from(&project.root);
    let there: BTreeMap<PathBuf, bool> = app
        .blocking(move |app| {
            let trees = app.ports.workspaces.worktrees(&root).map_err(workspace)?;
            Ok(trees
                .into_iter()
                .map(|tree| (tree.path, !tree.missing))
                .collect())
        })
        .await?;
    let (id, places) = (project.id, app.places.clone());
    let missing: Vec<String> = app
        .read(move |state| {
            let housed = state
                .all::<Agent>()
                .filter(|agent| agent.project == id && agent.housed);
            let missing = housed.filter(|agent| {
                let path = places.worktrees.join(&agent.worktree);
                there.get(&path) != Some(&true) && state.index().open_turn(agent.id).is_none()
            });
            Ok(missing
                .map(|agent| format!("the worktree of agent '{}' is gone", agent.name))
                .collect())
        })
        .await?;
    let mut checks: Vec<CheckView> = missing
        .into_iter()
        .map(|detail| {
            let found = check(&label, CheckStatus::Warning, detail);
            hinted(found, "its next turn makes it again from its branch")
        })
        .collect();
    for (view, way) in spare(app, project).await? {
        if view.state != WorktreeState::Idle {
            continue;
        }
        let detail = format!("{} belongs to no agent", view.path);
        checks.push(if fix {
            discard(app, way).await?;
            let done = format!("{detail}: removed, its work is kept");
            check(&label, CheckStatus::Fixed, done)
        } else {
            let found = check(&label, CheckStatus::Warning, detail);
            hinted(found, "`cw worktree prune` removes it; its work is kept")
        });
    }
    if checks.is_empty() {
        checks.push(check(&label, CheckStatus::Ok, "as recorded"));
    }
    Ok(checks)
}
