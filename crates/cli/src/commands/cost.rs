//! `cw cost`: what agents have used, added up.

use super::ScopeArgs;
use crate::failure::Outcome;
use crate::render::{amount, human};
use crate::session::Session;
use cw_wire::cost::{CostBy, CostInput, CostListing};

/// Arguments of `cw cost`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It counts what the programs tell: `claude`, `opencode` and `acp` money and\n\
tokens, `codex` and `gemini` tokens only. A turn counts for the day it ended on:\n\
your day in the table, the day in UTC with --json.\n\n\
Examples:\n  cw cost\n  cw cost accounts --by task\n  cw cost --all --by day"
)]
pub(crate) struct CostArgs {
    /// One initiative only
    #[arg(conflicts_with = "all")]
    initiative: Option<String>,
    /// Add up by this
    #[arg(long, value_name = "WHAT", default_value = "initiative",
        value_parser = ["initiative", "task", "kind", "day"])]
    by: String,
    #[command(flatten)]
    scope: ScopeArgs,
}

impl CostArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let by = self.by.parse().unwrap_or(CostBy::Initiative);
        // Times in JSON are in UTC.
        let utc_offset_s = match session.out.json {
            true => 0,
            false => amount::utc_offset(session.host.now()),
        };
        let input = CostInput {
            dir: session.dir()?,
            all: self.scope.all,
            initiative: self.initiative,
            by,
            utc_offset_s,
        };
        session.print::<CostListing>(&input, |answer, page| {
            human::cost::list(answer, by, page);
        })
    }
}
