//! What a piece of work changes: what merging it would bring, or has brought.

use std::path::PathBuf;
use std::sync::Arc;

use cw_core::domain::hierarchy::{Initiative, Project};
use cw_core::domain::ids::AgentId;
use cw_core::domain::oid::Oid;
use cw_core::domain::work::{Agent, Merge, MergeState};
use cw_core::ports::workspaces::{DiffForm, Preview};
use cw_wire::task::DiffView;
use cw_wire::{ErrorCode, ErrorView};

use crate::app::{App, Fault};
use crate::faults::workspace;

/// The longest diff that travels, in bytes.
const MOST: usize = 4 * 1024 * 1024;

/// Where to look for an agent's work.
struct Place {
    repo: PathBuf,
    integration: String,
    branch: String,
    /// The tip and the work of its merge, once it is merged.
    merged: Option<(Oid, Oid)>,
}

/// What merging an agent's committed work would bring; once it is merged, what it brought.
///
/// # Errors
/// When git cannot say.
pub async fn of_agent(app: &Arc<App>, agent: AgentId) -> Result<DiffView, Fault> {
    let place = app
        .read(move |state| {
            let gone = || ErrorView::new(ErrorCode::NotFound, "there is no such agent");
            let agent = state.get::<Agent>(agent).ok_or_else(gone)?;
            let project = state.get::<Project>(agent.project).ok_or_else(gone)?;
            let initiative = state.get::<Initiative>(agent.initiative).ok_or_else(gone)?;
            let merges = state.index().merges_of(agent.task).rev();
            let merged = merges
                .filter_map(|id| state.get::<Merge>(id))
                .find(|merge| merge.agent == agent.id && merge.state == MergeState::Merged);
            Ok(Place {
                repo: project.root.clone().into(),
                integration: initiative.branch(),
                branch: agent.branch(&initiative.slug),
                merged: merged.and_then(|merge| Some((merge.base.clone()?, merge.head.clone()))),
            })
        })
        .await?;
    app.blocking(move |app| look(app, place)).await
}

fn look(app: &App, place: Place) -> Result<DiffView, Fault> {
    let tip = |branch: &str| {
        let tip = app.ports.workspaces.branch_tip(&place.repo, branch);
        tip.map_err(workspace)
    };
    let ends = match place.merged {
        Some(ends) => Some(ends),
        None => tip(&place.integration)?.zip(tip(&place.branch)?),
    };
    let Some((base, head)) = ends else {
        return Ok(DiffView::default());
    };
    let preview = |form, limit| {
        let ask = Preview {
            repo: place.repo.clone(),
            tip: base.clone(),
            head: head.clone(),
            form,
            colour: false,
            paths: Vec::new(),
            limit,
        };
        app.ports.workspaces.preview(&ask).map_err(workspace)
    };
    let stat = preview(DiffForm::Stat, MOST)?;
    let (files, insertions, deletions) = totals(&String::from_utf8_lossy(&stat.text));
    let patch = preview(DiffForm::Patch, MOST)?;
    Ok(DiffView {
        base: Some(base.to_string()),
        head: Some(head.to_string()),
        files,
        insertions,
        deletions,
        text: String::from_utf8_lossy(&patch.text).into_owned(),
        truncated: patch.truncated,
    })
}

/// Files, insertions and deletions from the last line of git's summary.
fn totals(stat: &str) -> (u32, u64, u64) {
    let mut totals = (0, 0, 0);
    for part in stat.lines().next_back().unwrap_or("").split(',') {
        let mut words = part.split_whitespace();
        let number: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        match words.next().unwrap_or("") {
            word if word.starts_with("file") => {
                totals.0 = u32::try_from(number).unwrap_or(u32::MAX);
            }
            word if word.starts_with("insertion") => totals.1 = number,
            word if word.starts_with("deletion") => totals.2 = number,
            _ => {}
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_the_summary() {
        let stat = " a.rs | 3 +++\n b.rs | 1 -\n 2 files changed, 3 insertions(+), 1 deletion(-)\n";
        assert_eq!(totals(stat), (2, 3, 1));
        assert_eq!(
            totals(" a | 1 +\n 1 file changed, 1 insertion(+)\n"),
            (1, 1, 0)
        );
        assert_eq!(totals(""), (0, 0, 0));
    }
}
