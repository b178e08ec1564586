//! `cw completions`: prints a shell's completion script.

use super::done;
use crate::args::Cli;
use crate::failure::{Outcome, usage};
use crate::session::Session;
use clap::CommandFactory;
use clap_complete::Shell;

/// Arguments of `cw completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cw completions bash > ~/.local/share/bash-completion/completions/cw\n  \
cw completions zsh > ~/.zfunc/_cw\n  cw completions fish > ~/.config/fish/completions/cw.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "cw", &mut script);
        let script = String::from_utf8(script)
            .map_err(|_| usage("the completion script cannot be written"))?;
        done(session.out.write(&script))
    }
}
