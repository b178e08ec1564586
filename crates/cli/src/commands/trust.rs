//! `cw trust`: shows `cw.toml` as it is on disk and trusts it.

use super::done;
use crate::failure::{Outcome, refused};
use crate::input;
use crate::render::{escape, human};
use crate::session::Session;
use cw_wire::ErrorCode;
use cw_wire::ErrorView;
use cw_wire::project::{ConfigView, ProjectConfig, ProjectTrust, TrustInput};
use cw_wire::scope::Place;

/// Arguments of `cw trust`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "cw.toml names commands that run on your machine, so an unknown or changed file\n\
is shown and must be trusted once.\n\nExamples:\n  cw trust\n  cw trust --yes\n  cw trust --yes --bypass"
)]
pub(crate) struct TrustArgs {
    /// Trust it without a question
    #[arg(long, short = 'y')]
    yes: bool,
    /// Confirm that agents may work without asking, outside a container too
    #[arg(long)]
    bypass: bool,
}

impl TrustArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let dir = session.dir()?;
        let config = session.call::<ProjectConfig>(&Place { dir: dir.clone() })?;
        if !config.exists {
            return Err(
                ErrorView::new(ErrorCode::NotFound, "there is no cw.toml to trust")
                    .cause(format!("{} does not exist", config.path))
                    .hint("`cw init` writes one")
                    .into(),
            );
        }
        if !config.trusted {
            show(session, &config);
            if !self.yes && !input::confirm(session, "Trust this file?") {
                return Err(refused("cw.toml is not trusted")
                    .cause("it was not confirmed")
                    .hint("`cw trust --yes` trusts it without a question")
                    .into());
            }
        }
        let bypass = self.bypass || config.bypass.is_empty() || confirm_bypass(session, &config);
        if !bypass {
            return Err(refused("cw.toml is not trusted")
                .cause("it was not confirmed that agents may work without asking")
                .hint("`cw trust --yes --bypass` confirms it; or write `permissions = \"accept-edits\"`")
                .into());
        }
        let input = TrustInput {
            dir,
            hash: Some(config.hash),
            bypass: !config.bypass.is_empty() || self.bypass,
        };
        let answer = session.call::<ProjectTrust>(&input)?;
        for warning in &answer.warnings {
            session.out.warn(warning);
        }
        done(session.show(&answer, human::project::trusted))
    }
}

/// Asks by itself for the one thing that `--yes` does not cover.
fn confirm_bypass(session: &Session<'_>, config: &ConfigView) -> bool {
    session.out.note(&format!(
        "These agents would work without asking, and no container holds them: {}. They could do \
         anything that you can do on this machine.",
        escape::line(&config.bypass.join(", "))
    ));
    input::confirm(session, "Let them?")
}

fn show(session: &Session<'_>, config: &ConfigView) {
    let text = config.diff.as_deref().unwrap_or(&config.text);
    let what = if config.diff.is_some() {
        "has changed"
    } else {
        "is new"
    };
    session
        .out
        .note(&format!("{} {what}:\n", escape::line(&config.path)));
    session.out.text(&format!("{}\n", escape::block(text)));
}
