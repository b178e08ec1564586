//! The file folder's state. This version does not keep the folder up, and says so.

use std::path::Path;
use std::sync::Arc;

use cw_core::domain::hierarchy::Project;
use cw_wire::Scope;
use cw_wire::files::{FilesStatus, FolderList, FolderView};

use super::agent::scope;
use crate::app::{App, Fault};
use crate::rpc::Table;
use crate::views::agent::text;

/// Answers what is about the file folder.
pub fn register(table: &mut Table) {
    table.user::<FilesStatus, _, _>(status);
}

async fn status(app: Arc<App>, input: Scope) -> Result<FolderList, Fault> {
    let only = scope(&app, input.dir, input.all).await?;
    app.read(move |state| {
        let rows = state
            .all::<Project>()
            .filter(|project| only.is_none_or(|only| project.id == only));
        let folder = |project: &Project| {
            let config = state.config(project.id);
            let dir = config.map_or(".cw", |config| config.files_dir.as_str());
            FolderView {
                project: project.name.clone(),
                path: text(&Path::new(&project.root).join(dir)),
                enabled: false,
                ..FolderView::default()
            }
        };
        Ok(FolderList {
            folders: rows.map(folder).collect(),
        })
    })
    .await
}
