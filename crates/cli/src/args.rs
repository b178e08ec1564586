//! The top of the command line: the global flags, the list of commands, usage errors.

use crate::commands as c;
use crate::failure::Exit;
use crate::render::output::Output;
use crate::session::Globals;
use crate::wrong_usage;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Runs coding agents side by side on one git repository, and merges what they do.
#[derive(Debug, Parser)]
#[command(
    name = "cw",
    bin_name = "cw",
    max_term_width = 100,
    disable_help_subcommand = false,
    after_help = "Start here:\n  cw demo                 see it work, without a key or network\n  \
                  cw init                 register the repository you are in\n  \
                  cw run PLAN.md          carry out a plan\n  \
                  cw inbox                see what waits for you"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// The same as `cw serve`
    #[arg(long, hide = true)]
    pub(crate) server: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Every command.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one is made per process")]
pub(crate) enum Command {
    /// Register a repository
    Init(c::init::InitArgs),
    /// Show cw.toml and trust it
    Trust(c::trust::TrustArgs),
    /// Carry out a plan: read it, start it, follow it to its end
    Run(c::run::RunArgs),
    /// Watch it work on a throw-away repository
    Demo(c::demo::DemoArgs),
    /// Check, store and write out plan files
    #[command(subcommand)]
    Plan(c::plan::PlanCommand),
    /// List, start, hold and land initiatives
    #[command(subcommand, alias = "initiatives")]
    Initiative(c::initiative::InitiativeCommand),
    /// List, change and decide about tasks
    #[command(subcommand, alias = "tasks")]
    Task(c::task::TaskCommand),
    /// Give a prompt to a fresh agent
    Spawn(c::spawn::SpawnArgs),
    /// List, stop, resume and talk to agents
    #[command(subcommand, alias = "agents")]
    Agent(c::agent::AgentCommand),
    /// Show what waits for you
    Inbox(c::inbox::InboxArgs),
    /// List, answer and send messages
    #[command(subcommand, alias = "messages")]
    Message(c::message::MessageCommand),
    /// Look at the merge lane
    #[command(subcommand, alias = "merges")]
    Merge(c::merge::MergeCommand),
    /// Merge one agent's work by hand
    Integrate(c::merge::IntegrateArgs),
    /// List, prune and restore worktrees
    #[command(subcommand, alias = "worktrees")]
    Worktree(c::worktree::WorktreeCommand),
    /// Show what it cost: by initiative, task, kind or day
    Cost(c::cost::CostArgs),
    /// Print the event log
    Events(c::events::EventsArgs),
    /// Hold dispatch
    Pause(c::hold::HoldArgs),
    /// Go on with dispatch
    Resume(c::hold::HoldArgs),
    /// Stop every agent now
    Stop(c::hold::StopArgs),
    /// Tell where a commit or line came from
    Why(c::why::WhyArgs),
    /// Run the server in the foreground
    Serve(c::server::ServeArgs),
    /// Start, stop and look at the server
    #[command(subcommand)]
    Server(c::server::ServerCommand),
    /// Look at the file folder
    #[command(subcommand)]
    Files(c::files::FilesCommand),
    /// Check the installation and every invariant
    Doctor(c::doctor::DoctorArgs),
    /// Print a shell's completion script
    Completions(c::completions::CompletionsArgs),
    /// Speak MCP over standard input and output (inside an agent)
    Mcp(c::mcp::McpArgs),
    /// Ask the user (inside an agent)
    Ask(c::me::AskArgs),
    /// Say something to the user or another agent (inside an agent)
    Say(c::me::SayArgs),
    /// Tell what you do just now (inside an agent)
    Progress(c::me::ProgressArgs),
    /// Report your task done (inside an agent)
    Done(c::me::DoneArgs),
    /// The scripted agent of `cw demo`
    #[command(hide = true)]
    DemoAgent,
    /// The gate of `cw demo`
    #[command(hide = true)]
    DemoGate,
}

/// The commands that people and scripts call again and again. To define all commands takes longer
/// than to carry one of these out; what does not parse here is parsed, or refused, in full.
#[derive(Debug, Parser)]
#[command(name = "cw")]
struct Quick {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: QuickCommand,
}

#[derive(Debug, Subcommand)]
enum QuickCommand {
    #[command(subcommand)]
    Task(QuickTask),
    #[command(subcommand)]
    Agent(QuickAgent),
}

#[derive(Debug, Subcommand)]
enum QuickTask {
    List(c::task::list::ListArgs),
}

#[derive(Debug, Subcommand)]
enum QuickAgent {
    List(c::agent::list::ListArgs),
}

fn quick(args: &[OsString]) -> Option<Cli> {
    if !args.iter().any(|arg| arg == "list") {
        return None;
    }
    let Quick { globals, command } = Quick::try_parse_from(args).ok()?;
    let command = match command {
        QuickCommand::Task(QuickTask::List(args)) => {
            Command::Task(c::task::TaskCommand::List(args))
        }
        QuickCommand::Agent(QuickAgent::List(args)) => {
            Command::Agent(c::agent::AgentCommand::List(args))
        }
    };
    Some(Cli {
        globals,
        server: false,
        command: Some(command),
    })
}

/// Parses a command line.
pub(crate) fn parse(args: &[OsString], version: &'static str) -> Result<Cli, clap::Error> {
    if let Some(cli) = quick(args) {
        return Ok(cli);
    }
    let matches = Cli::command().version(version).try_get_matches_from(args)?;
    Cli::from_arg_matches(&matches)
}

/// Shows what clap has to say: help on standard output, a usage error in our own form.
pub(crate) fn report(error: &clap::Error, args: &[OsString]) -> u8 {
    let json = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json");
    let out = Output::new(json, false, false);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let text = if out.style().colour {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            // A reader that has gone has seen enough.
            let _ = out.write(&text);
            Exit::DONE.0
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !json => {
            out.text(&error.render().to_string());
            Exit::USAGE.0
        }
        _ => {
            out.error(&wrong_usage::view(&error.render().to_string(), args));
            Exit::USAGE.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Calls `look` with every command below this one, and the words that call it.
    fn walk(command: &clap::Command, path: &str, look: &mut dyn FnMut(&clap::Command, &str)) {
        for below in command.get_subcommands() {
            let path = format!("{path} {}", below.get_name());
            look(below, &path);
            walk(below, &path, look);
        }
    }

    #[test]
    fn what_is_said_after_the_help_fits_a_terminal_and_has_examples() {
        walk(&Cli::command(), "cw", &mut |command, path| {
            let text = command.get_after_help().map(ToString::to_string);
            let text = text.unwrap_or_default();
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{path}: {line}");
            }
            let told = ["initiative", "worktree", "server", "merge", "cost"];
            let word = path.split(' ').nth(1).unwrap_or_default();
            if told.contains(&word) {
                assert!(text.contains("Examples:"), "{path}");
            }
        });
    }

    #[test]
    fn no_argument_of_a_command_has_the_id_of_a_global_one() {
        let globals = <Globals as clap::Args>::augment_args(clap::Command::new("cw"));
        let ids: Vec<_> = globals.get_arguments().map(clap::Arg::get_id).collect();
        assert_eq!(ids.len(), 5);
        // Not built: the global arguments are not handed down yet.
        walk(&Cli::command(), "cw", &mut |command, path| {
            for arg in command.get_arguments() {
                assert!(!ids.contains(&arg.get_id()), "{path}: {}", arg.get_id());
            }
        });
    }

    #[test]
    fn every_command_takes_the_global_flags() {
        let mut seen = 0;
        walk(&Cli::command(), "cw", &mut |_, path| {
            seen += 1;
            let args = words(&format!("{path} --json -C somewhere -q -v --no-autostart"));
            match parse(&args, "0") {
                Ok(cli) => {
                    let Globals {
                        json,
                        dir,
                        quiet,
                        verbose,
                        no_autostart,
                    } = cli.globals;
                    assert!(json && quiet && verbose && no_autostart, "{path}");
                    assert_eq!(
                        dir.as_deref(),
                        Some(std::path::Path::new("somewhere")),
                        "{path}"
                    );
                }
                Err(error) => {
                    let kind = error.kind();
                    let lacks = matches!(
                        kind,
                        ErrorKind::MissingRequiredArgument
                            | ErrorKind::MissingSubcommand
                            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    );
                    assert!(lacks, "{path}: {error}");
                }
            }
        });
        assert!(seen > 60, "{seen}");
    }

    #[test]
    fn a_folder_of_a_command_is_not_the_folder_to_work_in() {
        let dir = |line| parse(&words(line), "0").unwrap().globals.dir;
        assert_eq!(dir("cw init shop"), None);
        assert_eq!(dir("cw demo --dir shop"), None);
        let here = Some("here".into());
        assert_eq!(dir("cw -C here init shop"), here);
        assert_eq!(dir("cw init shop -C here"), here);
        assert_eq!(dir("cw demo -C here --dir shop"), here);
    }

    #[test]
    fn every_command_of_the_contract_is_there() {
        let lines = "cw init . --trust; cw trust --yes; cw run p.md --agent a --max-agents 2 --exit-when-waiting; \
            cw demo; cw plan check -; cw plan apply p.md --dry-run; cw plan schema; cw plan export x; \
            cw initiative list; cw initiative show x; cw initiative start x; cw initiative pause x; \
            cw initiative resume x; cw initiative cancel x; cw initiative land x --merge; \
            cw task list --all; cw task show x; cw task add T --prompt p; cw task edit x --title t; cw task graph; \
            cw task diff x; cw task log x; cw task retry x; cw task cancel x; cw task skip x; \
            cw task approve x; cw task reject x --text t; cw spawn p --agent a --name n --follow; \
            cw agent list; cw agent show x; cw agent stop x; cw agent stop --all; cw agent resume x; \
            cw agent say x hello; cw agent log -f x; cw agent attach x; cw agent diff x; cw agent remove x; cw inbox; \
            cw message list; cw message show 1; cw message answer 1 yes; cw message send x hello; \
            cw merge list; cw integrate x; cw cost; cw cost x --by task --json; cw cost --all --by day; cw worktree list; cw worktree prune; cw worktree restore x; \
            cw events --follow --after 3; cw pause; cw resume; cw stop --all; cw why HEAD; \
            cw serve --listen 127.0.0.1:1; cw --server; cw server start; cw server stop; cw server restart; \
            cw server status; cw server logs; cw files status; cw doctor --fix; cw completions bash; cw mcp; \
            cw ask q --option a --option b --wait 5m; cw ask q --no-wait; cw say x; cw progress x; cw done x; \
            cw -C . --json -q -v --no-autostart task list; cw task list --json -C .";
        for line in lines.split(';') {
            if let Err(error) = parse(&words(line), "0") {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn what_is_parsed_quickly_means_the_same_in_full() {
        for line in [
            "cw task list --all -i x -s ready,blocked",
            "cw --json -C d agent list -a -q",
        ] {
            let args = words(line);
            let matches = Cli::command().try_get_matches_from(&args).unwrap();
            let full = Cli::from_arg_matches(&matches).unwrap();
            assert_eq!(format!("{:?}", quick(&args).unwrap()), format!("{full:?}"));
        }
        assert!(quick(&words("cw initiative list")).is_none());
        assert!(quick(&words("cw task list --help")).is_none());
    }

    #[test]
    fn ask_cannot_both_wait_and_not_wait() {
        assert!(parse(&words("cw ask q --wait 5m --no-wait"), "0").is_err());
    }
}
