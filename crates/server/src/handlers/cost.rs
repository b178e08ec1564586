//! What agents have used.

use std::sync::Arc;

use cw_wire::cost::{CostInput, CostList, CostListing};

use crate::app::{App, Fault};
use crate::rpc::Table;
use crate::views::cost::{self, Among};

/// Answers what is about costs.
pub fn register(table: &mut Table) {
    table.user::<CostListing, _, _>(list);
}

async fn list(app: Arc<App>, input: CostInput) -> Result<CostList, Fault> {
    let among = match (input.initiative, input.all) {
        (Some(word), _) => Among {
            initiative: Some(app.initiative(input.dir, word).await?),
            ..Among::default()
        },
        (None, true) => Among::default(),
        (None, false) => Among {
            project: Some(app.project(input.dir).await?),
            ..Among::default()
        },
    };
    let (by, offset) = (input.by, input.utc_offset_s);
    app.read(move |state| Ok(cost::list(state, among, by, offset)))
        .await
}
