//! `cw init`: registers a repository.

use super::done;
use crate::failure::Outcome;
use crate::render::human;
use crate::session::{Session, path_text};
use cw_wire::project::{InitInput, ProjectInit};
use std::path::PathBuf;

/// Arguments of `cw init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes a commented cw.toml if there is none, and keeps the file folder out of\n\
git.\n\n\
Examples:\n  cw init\n  cw init ~/src/shop --trust"
)]
pub(crate) struct InitArgs {
    /// A folder in the repository (default: the current one)
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Trust a cw.toml that is already there (it names commands to run)
    #[arg(long)]
    trust: bool,
}

impl InitArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let dir = path_text(&session.folder(self.folder.as_deref())?)?;
        let input = InitInput {
            dir: Some(dir),
            trust: self.trust,
        };
        let answer = session.call::<ProjectInit>(&input)?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
        let quiet = session.out.quiet;
        done(session.show(&answer, |answer, page| {
            human::project::initialised(answer, quiet, page);
        }))
    }
}
