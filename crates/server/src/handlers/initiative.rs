//! Initiatives: listed, started, held, called off, landed.

use std::path::PathBuf;
use std::sync::Arc;

use cw_core::app::{Command, Outcome, Reply, find_initiative};
use cw_core::domain::effect::LandMode;
use cw_core::domain::held;
use cw_core::domain::hierarchy::{Initiative, Project};
use cw_core::domain::ids::{InitiativeId, ProjectId};
use cw_wire::initiative::{
    InitiativeCancel, InitiativeDetail, InitiativeLand, InitiativeListing, InitiativePause,
    InitiativeResume, InitiativeShow, InitiativeShown, InitiativeStart, LandInput, StartInput,
};
use cw_wire::{ErrorCode, ErrorView, InitiativeList, Scope, Target};

use super::plan::facts;
use super::plan::remarks::unpriced;
use crate::app::{App, Fault};
use crate::faults::{internal, refusal};
use crate::rpc::Table;
use crate::views;

/// Answers what is about initiatives.
pub fn register(table: &mut Table) {
    table.user::<InitiativeListing, _, _>(list);
    table.user::<InitiativeShow, _, _>(show);
    table.user::<InitiativeStart, _, _>(start);
    table.user::<InitiativePause, _, _>(|app, target| order(app, target, Command::Pause));
    table.user::<InitiativeResume, _, _>(|app, target| order(app, target, Command::Resume));
    table.user::<InitiativeCancel, _, _>(|app, target| order(app, target, Command::Cancel));
    table.user::<InitiativeLand, _, _>(land);
}

async fn list(app: Arc<App>, scope: Scope) -> Result<InitiativeList, Fault> {
    let only: Option<ProjectId> = match scope.all {
        true => None,
        false => Some(app.project(scope.dir).await?),
    };
    app.read(move |state| {
        let ids: Vec<InitiativeId> = state
            .all::<Initiative>()
            .filter(|row| only.is_none_or(|project| project == row.project))
            .map(|row| row.id)
            .collect();
        Ok(InitiativeList {
            initiatives: views::initiative::all(state, ids),
            warnings: Vec::new(),
        })
    })
    .await
}

async fn one(app: &App, id: InitiativeId) -> Result<InitiativeList, Fault> {
    app.read(move |state| {
        Ok(InitiativeList {
            initiatives: views::initiative::all(state, [id]),
            warnings: Vec::new(),
        })
    })
    .await
}

async fn show(app: Arc<App>, target: Target) -> Result<InitiativeShown, Fault> {
    let id = app.initiative(target.dir, target.id).await?;
    app.read(move |state| {
        let gone = || internal("the initiative is gone");
        let row = state.get::<Initiative>(id).ok_or_else(gone)?;
        let view = views::initiative::all(state, [id]).pop().ok_or_else(gone)?;
        Ok(InitiativeShown {
            initiative: InitiativeDetail {
                view,
                text: row.text.clone(),
                max_agents: row.limit(),
                items: views::task::Tasks::of(state).all_of(id),
            },
        })
    })
    .await
}

async fn start(app: Arc<App>, input: StartInput) -> Result<InitiativeList, Fault> {
    let (project, mut warnings) = app.trusted(input.dir).await?;
    let word = input.id;
    let (id, root, base, branch) = app
        .read(move |state| {
            let id = find_initiative(state, project, &word).map_err(refusal)?;
            let gone = || internal("the initiative is gone");
            let row = state.get::<Initiative>(id).ok_or_else(gone)?;
            let home = state.get::<Project>(project).ok_or_else(gone)?;
            Ok((
                id,
                PathBuf::from(&home.root),
                row.base.clone(),
                row.branch(),
            ))
        })
        .await?;
    let facts = facts(&app, root, base, branch).await?;
    app.command_with(Command::Start(id, facts), input.env)
        .await?;
    let more = app.read(move |state| Ok(unpriced(state, id)));
    warnings.extend(more.await?);
    let unset = app.read(move |state| Ok(held::ungiven(state, state.tasks_of(id))));
    warnings.extend(views::unset(&unset.await?));
    let started = one(&app, id).await?;
    Ok(InitiativeList {
        warnings,
        ..started
    })
}

async fn order(
    app: Arc<App>,
    target: Target,
    command: fn(InitiativeId) -> Command,
) -> Result<InitiativeList, Fault> {
    let id = app.initiative(target.dir, target.id).await?;
    app.command(command(id)).await?;
    one(&app, id).await
}

async fn land(app: Arc<App>, input: LandInput) -> Result<InitiativeList, Fault> {
    let id = app.initiative(input.dir, input.id).await?;
    let mode = if input.merge {
        LandMode::MergeCommit
    } else {
        LandMode::FastForward
    };
    if let Reply::Effect(effect) = app.command(Command::Land(id, mode)).await? {
        match app.outcomes.wait(effect).await {
            Some(Outcome::Failed { why, hint, .. }) => {
                return Err(ErrorView {
                    hint,
                    ..ErrorView::new(ErrorCode::Refused, "the initiative cannot land now")
                        .cause(why)
                });
            }
            Some(_) => {}
            None => {
                return Err(
                    ErrorView::new(ErrorCode::Unreachable, "the server is ending").hint(
                        "landing goes on when it starts again; `cw initiative list` shows it",
                    ),
                );
            }
        }
    }
    one(&app, id).await
}
