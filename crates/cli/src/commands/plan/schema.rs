//! `cw plan schema`: prints the JSON Schema of a plan written as JSON.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::json;
use crate::session::Session;
use cw_wire::{ErrorCode, ErrorView, PlanJson};

pub(crate) fn perform(session: &Session<'_>) -> Outcome {
    let schema = schemars::schema_for!(PlanJson);
    if session.out.json {
        return done(session.out.write(&json::line(&schema)?));
    }
    let text = serde_json::to_string_pretty(&schema).map_err(|error| {
        ErrorView::new(ErrorCode::Internal, "cannot write the schema").cause(error.to_string())
    })?;
    done(session.out.write(&(text + "\n")))
}
