//! `cw initiative pause|resume|cancel`: orders that take nothing but the initiative.

use crate::commands::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::Session;
use cw_wire::{InitiativeList, Procedure, Target};

/// Arguments of an order to an initiative.
#[derive(Debug, clap::Args)]
pub(crate) struct InitiativeArgs {
    /// The initiative
    initiative: String,
}

impl InitiativeArgs {
    pub(crate) fn perform<P>(self, session: &Session<'_>) -> Outcome
    where
        P: Procedure<Input = Target, Output = InitiativeList>,
    {
        let answer = session.call::<P>(&session.target(&self.initiative)?)?;
        done(session.show(&answer, |a, page| {
            human::initiative::list(&a.initiatives, page);
        }))
    }
}
