//! The merge lane as it is seen from outside.

use std::cmp::Reverse;
use std::sync::Arc;

use cw_core::app::{Command, Reply};
use cw_core::domain::hierarchy::Initiative;
use cw_core::domain::ids::TaskId;
use cw_core::domain::work::Merge;
use cw_wire::merge::{Integrate, MergeListing, MergeShow, MergeShown};
use cw_wire::{ErrorCode, ErrorView, MergeList, MergeView, Scope, Target};

use super::agent::scope;
use crate::app::{App, Fault};
use crate::rpc::Table;
use crate::views;

/// Answers what is about merges.
pub fn register(table: &mut Table) {
    table.user::<MergeListing, _, _>(list);
    table.user::<MergeShow, _, _>(show);
    table.user::<Integrate, _, _>(integrate);
}

async fn list(app: Arc<App>, input: Scope) -> Result<MergeList, Fault> {
    let project = scope(&app, input.dir, input.all).await?;
    app.read(move |state| {
        let within = |merge: &&Merge| {
            let initiative = state.get::<Initiative>(merge.initiative);
            project
                .is_none_or(|only| initiative.is_some_and(|initiative| initiative.project == only))
        };
        let mut rows: Vec<&Merge> = state.all::<Merge>().filter(within).collect();
        // The lane as it stands, then what is over, the latest first.
        rows.sort_by_key(|merge| {
            let over = !merge.state.is_open();
            let at = if over { None } else { Some(merge.id) };
            (
                over,
                !merge.state.in_lane(),
                at,
                Reverse(merge.ended_at),
                Reverse(merge.id),
            )
        });
        Ok(MergeList {
            merges: rows
                .into_iter()
                .map(|merge| views::merge::view(state, merge))
                .collect(),
        })
    })
    .await
}

async fn last(app: &App, task: TaskId) -> Result<Option<MergeView>, Fault> {
    app.read(move |state| {
        let last = state.index().merges_of(task).next_back();
        let last = last.and_then(|id| state.get::<Merge>(id));
        Ok(last.map(|merge| views::merge::view(state, merge)))
    })
    .await
}

async fn show(app: Arc<App>, input: Target) -> Result<MergeShown, Fault> {
    let word = input.id.clone();
    let task = app.task(input.dir, input.id).await?;
    let merge = last(&app, task).await?.ok_or_else(|| {
        ErrorView::new(
            ErrorCode::NotFound,
            format!("no merge of task '{word}' was tried yet"),
        )
        .hint("`cw merge list` shows the lane")
    })?;
    Ok(MergeShown { merge })
}

async fn integrate(app: Arc<App>, input: Target) -> Result<MergeList, Fault> {
    let agent = app.agent(input.dir, input.id).await?;
    let merge = match app.command(Command::Integrate(agent)).await? {
        Reply::Task(task) => last(&app, task).await?,
        _ => None,
    };
    Ok(MergeList {
        merges: merge.into_iter().collect(),
    })
}
