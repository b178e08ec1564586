//! `cw demo`: the main job on a throw-away repository, with the built-in scripted agent.

use super::demo_text::{CLOCKS, GUIDE, OPENING, PLAN, README, config};
use super::run::announce;
use super::server;
use crate::failure::{Exit, Outcome, usage};
use crate::follow::{self, Followed};
use crate::host::Host;
use crate::session::{Session, path_text};
use cw_wire::agent::StopAll;
use cw_wire::plan_call::{PlanFormat, PlanText};
use cw_wire::project::{InitInput, ProjectInit};
use cw_wire::run::{Run, RunInput};
use cw_wire::{ErrorCode, ErrorView, MessageView, Scope};
use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the question can be read before it is answered.
const READING: Duration = Duration::from_millis(1200);

/// Arguments of `cw demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs no key and no network, takes less than a minute, and touches nothing but a\n\
folder of its own, which it leaves for you to look at.\n\n\
Examples:\n  cw demo\n  cw demo --dir ~/tmp"
)]
pub(crate) struct DemoArgs {
    /// Where to make the folder (default: the folder for temporary files)
    #[arg(long = "dir", value_name = "DIR")]
    parent: Option<PathBuf>,
}

impl DemoArgs {
    pub(crate) fn perform(self, session: &Session<'_>) -> Outcome {
        let parent = match &self.parent {
            Some(dir) => session.folder(Some(dir))?,
            None => std::env::temp_dir(),
        };
        let place = fresh_folder(&parent)?;
        let (repository, home) = (place.join("town"), place.join("home"));
        write_files(session.host, &repository)?;
        session.host.demo_repository(&repository)?;
        let host = session.host.at_home(&home);
        let inner = Session::beside(host.as_ref(), session.out, &repository)?;
        if !session.out.json {
            session.out.write(&format!("{OPENING}\n"))?;
        }
        let ended = play(&inner);
        let stopped = end(&inner, ended.is_ok());
        let exit = ended?;
        stopped?;
        if exit == Exit::INTERRUPTED {
            session
                .out
                .note("interrupted; the demo's agents and server are stopped");
        }
        if !session.out.json {
            session.out.write(&closing(&place, &repository, &home))?;
        }
        Ok(exit)
    }
}

/// Makes a folder that nobody else has.
fn fresh_folder(parent: &Path) -> Outcome<PathBuf> {
    let parent = parent
        .canonicalize()
        .map_err(|error| cannot(parent, &error))?;
    let mut number = std::process::id();
    loop {
        let path = parent.join(format!("cw-demo-{number}"));
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(cannot(&path, &error).into()),
        }
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> ErrorView {
    usage(format!("cannot make the demo's folder {}", path.display()))
        .cause(error.to_string())
        .hint("`cw demo --dir DIR` makes it elsewhere")
}

fn write_files(host: &dyn Host, repository: &Path) -> Outcome<()> {
    let config = config(&host.program());
    let files = [
        ("README.md", README),
        ("guide.md", GUIDE),
        ("cw.toml", config.as_str()),
    ];
    std::fs::create_dir(repository).map_err(|error| cannot(repository, &error))?;
    for (name, text) in files {
        let path = repository.join(name);
        std::fs::write(&path, text).map_err(|error| cannot(&path, &error))?;
    }
    Ok(())
}

/// Registers the repository and carries out the plan.
fn play(session: &Session<'_>) -> Outcome {
    let dir = session.dir()?;
    session.call::<ProjectInit>(&InitInput {
        dir: dir.clone(),
        trust: true,
    })?;
    let name = "town-guide.md".to_owned();
    let plan = PlanText {
        name,
        format: PlanFormat::Markdown,
        text: PLAN.to_owned(),
    };
    let input = RunInput {
        dir,
        plan,
        agent: None,
        max_agents: None,
        env: BTreeMap::new(),
    };
    let started = session.call::<Run>(&input)?;
    announce(session, &started);
    let followed = Followed {
        initiative: started.initiative,
        task: None,
        after: started.seq,
        exit_when_waiting: false,
        answerer: Some(answer),
        // Its commands would need the demo's own CW_HOME; the closing words have those.
        onward: None,
    };
    follow::run(session, followed)
}

/// The demo's own answer to its one question.
fn answer(question: &MessageView) -> Option<(String, Duration)> {
    let wanted = CLOCKS[1];
    let offered = question.options.iter().any(|option| option == wanted);
    offered.then(|| (wanted.to_owned(), READING))
}

/// Leaves no process behind, however the demo ended.
fn end(session: &Session<'_>, orderly: bool) -> Outcome<()> {
    session.client.leave_stopped();
    let agents = session.call::<StopAll>(&Scope {
        dir: None,
        all: true,
    });
    let stopped = server::stop(session);
    match (agents, stopped) {
        // The demo's own error tells more than those that follow from it.
        _ if !orderly => Ok(()),
        (Err(failure), _) if !failure.is(ErrorCode::Unreachable) => Err(failure),
        (_, stopped) => stopped.map(|_| ()),
    }
}

fn closing(place: &Path, repository: &Path, home: &Path) -> String {
    let quote = |path: &Path| path_text(path).unwrap_or_else(|_| path.display().to_string());
    let (place, repository, home) = (quote(place), quote(repository), quote(home));
    format!(
        "\nThe repository stays for you to look at:\n  \
         git -C {repository} log --graph --oneline cw/town-guide/integration\n  \
         git -C {repository} show cw/town-guide/integration:guide.md\n  \
         CW_HOME={home} cw -C {repository} task list\n  \
         CW_HOME={home} cw -C {repository} initiative land town-guide\n\
         Take it away with: CW_HOME={home} cw server stop; rm -rf {place}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_the_initiative_that_the_closing_words_name() {
        assert!(PLAN.contains("- id: town-guide\n"));
        let closing = closing(Path::new("/x"), Path::new("/x/town"), Path::new("/x/home"));
        assert!(closing.contains("cw/town-guide/integration"));
    }

    #[test]
    fn a_fresh_folder_is_fresh() {
        let parent = std::env::temp_dir();
        let (one, two) = (
            fresh_folder(&parent).unwrap(),
            fresh_folder(&parent).unwrap(),
        );
        assert_ne!(one, two);
        std::fs::remove_dir(one).unwrap();
        std::fs::remove_dir(two).unwrap();
    }
}
