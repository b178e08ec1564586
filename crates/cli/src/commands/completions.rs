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
        clap_complete::generate(self.shell, &mut shown(), "cw", &mut script);
        let script = String::from_utf8(script)
            .map_err(|_| usage("the completion script cannot be written"))?;
        done(session.out.write(&script))
    }
}

/// The command line without what its help does not name either.
fn shown() -> clap::Command {
    let full = Cli::command();
    let arguments = full.get_arguments().filter(|arg| !arg.is_hide_set());
    let commands = full.get_subcommands().filter(|one| !one.is_hide_set());
    clap::Command::new("cw")
        .args(arguments.cloned())
        .subcommands(commands.cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_name_what_the_help_names() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut shown(), "cw", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(!script.contains("demo-agent") && !script.contains("demo-gate"));
            assert!(script.contains("worktree") && script.contains("no-autostart"));
            assert!(script.contains("parked"), "{shell}: statuses");
        }
    }
}
