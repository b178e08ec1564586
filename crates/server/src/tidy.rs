//! Deletes for good what was thrown away a day ago: worktrees of finished agents and what git
//! remembered of them. It knows when, not what.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cw_core::domain::hierarchy::Project;
use cw_core::domain::time::Timestamp;

use crate::app::App;

/// How long what was thrown away can still be taken out by hand.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How often the trash is looked at.
const PAUSE: Duration = Duration::from_secs(3600);

/// Looks at the trash now and every hour, until the server ends.
pub fn start(app: Arc<App>) {
    tokio::spawn(async move {
        let mut ending = app.ending.subscribe();
        loop {
            once(&app).await;
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = ending.wait_for(|ending| *ending) => return,
            }
        }
    });
}

async fn once(app: &Arc<App>) {
    let roots = app
        .read(|state| Ok(state.all::<Project>().map(|row| row.root.clone()).collect()))
        .await;
    let roots: Vec<String> = roots.unwrap_or_default();
    let before = Timestamp(app.clock.now().0 - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX));
    for root in roots {
        let root = PathBuf::from(root);
        let emptied = app
            .blocking(move |app| Ok(app.ports.workspaces.empty_trash(&root, before)))
            .await;
        if let Ok(Err(error)) = emptied {
            tracing::warn!(%error, "the trash cannot be emptied");
        }
    }
}
