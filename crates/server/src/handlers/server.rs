//! The server itself.

use std::sync::Arc;

use cw_core::domain::hierarchy::Project;
use cw_core::domain::work::Turn;
use cw_wire::scope::Nothing;
use cw_wire::server::{Status, Stop};
use cw_wire::{PROTOCOL, ServerStatus};

use crate::app::{App, Fault};
use crate::rpc::Table;

/// Answers what is about the server.
pub fn register(table: &mut Table) {
    table.user::<Status, _, _>(|app, _: Nothing| async move { status(&app).await });
    table.user::<Stop, _, _>(|app, _: Nothing| async move {
        let status = status(&app).await?;
        // Requests that are under way, this one among them, are answered before it ends.
        let _ = app.ending.send(true);
        Ok(status)
    });
}

async fn status(app: &Arc<App>) -> Result<ServerStatus, Fault> {
    let about = &app.about;
    let up = app.clock.now().since(about.started_at).as_secs();
    let (agents, projects, seq) = app
        .read(|state| {
            let turns = state.index().open_turns();
            let at_work = turns
                .filter_map(|id| state.get::<Turn>(id))
                .filter(|turn| turn.state.takes_slot());
            let projects = state.all::<Project>().count();
            Ok((at_work.count(), projects, state.last_seq()))
        })
        .await?;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(ServerStatus {
        running: true,
        pid: Some(std::process::id()),
        version: Some(about.version.clone()),
        socket: Some(about.socket.to_string_lossy().into_owned()),
        listen: about.listen.clone(),
        uptime_s: Some(up),
        agents: count(agents),
        projects: count(projects),
        protocol: Some(PROTOCOL),
        seq: Some(seq),
    })
}
