//! `cw plan …`: plan files.

mod apply;
mod check;
mod export;
mod schema;

use crate::failure::Outcome;
use crate::session::Session;

/// An example that the help texts share.
pub(crate) const EXAMPLE: &str = "A plan is Markdown: `#` initiative, `##` phase, `###` plan, `####` task;\n\
attributes are the `- key: value` lines after a heading. `-` reads it from\n\
standard input; JSON is accepted too.\n\n  \
# Accounts\n  - base: main\n\n  #### Users table\n  - verify: cargo test -p db\n\n  Create the `users` table …\n\n  \
#### Login\n  - after: users-table\n\n  Add the login page …";

/// Commands about plan files.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLE)]
pub(crate) enum PlanCommand {
    /// Read a plan and store nothing
    Check(check::CheckArgs),
    /// Store a plan as a draft, or update what is not started
    Apply(apply::ApplyArgs),
    /// Print the JSON Schema of a plan written as JSON
    Schema,
    /// Print an initiative as `plan apply` would read it back
    Export(export::ExportArgs),
}

impl PlanCommand {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        match self {
            Self::Check(args) => args.perform(session),
            Self::Apply(args) => args.perform(session),
            Self::Schema => schema::perform(session),
            Self::Export(args) => args.perform(session),
        }
    }
}
