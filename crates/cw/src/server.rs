//! A server put together from its adapters.

use std::sync::Arc;

use cw_adapters::agent::{self, Setup as AgentSetup, Shell, ShimAgents};
use cw_adapters::clock::{RandomIds, SystemClock};
use cw_adapters::git::{Door, GitWorkspaces, User};
use cw_adapters::home::{Home, HomeError};
use cw_adapters::settings::TomlSettings;
use cw_adapters::sqlite::SqliteStore;
use cw_core::ports::settings::Clock as _;
use cw_server::app::{About, Containment};
use cw_server::logs;
use cw_server::perform::Ports;
use cw_server::secrets::Secrets;
use cw_server::serve::{Setup, serve};
use cw_server::work::Places;
use cw_wire::{ErrorCode, ErrorView};

/// Serves until somebody says stop.
pub(crate) fn run(
    home: &Home,
    listen: Option<&str>,
    stop_agents: bool,
    background: bool,
) -> Result<(), ErrorView> {
    if background {
        // Away from the terminal that the first client was typed in.
        let _ = rustix::process::setsid();
    }
    home.create()
        .map_err(|error| fault("the data folder cannot be used", &error))?;
    let _lock = home.lock_server().map_err(|error| match error {
        HomeError::Taken { pid } => taken(pid),
        other => fault("the data folder cannot be used", &other),
    })?;
    let filter = std::env::var("CW_LOG").ok();
    let _logging = logs::start(&home.logs(), !background, filter.as_deref())
        .map_err(|error| fault("the log cannot be written", &error))?;
    let setup = Setup {
        stop_agents,
        ..setup(home, listen)?
    };
    serve(setup, || {}).map_err(|error| {
        tracing::error!(%error, "the server ends");
        fault("the server ends", &error)
    })
}

/// Tells that another server has this home. `background` knows it by these words.
fn taken(pid: Option<u32>) -> ErrorView {
    let cause = pid.map_or_else(
        || "another process has its lock".to_owned(),
        |pid| format!("it is process {pid}"),
    );
    ErrorView::new(ErrorCode::Refused, "a server runs already")
        .cause(cause)
        .hint(
            "`cw server status` shows it, `cw server stop` ends it; \
             another CW_HOME has a server of its own",
        )
}

fn fault(what: &str, cause: &dyn std::fmt::Display) -> ErrorView {
    ErrorView::new(ErrorCode::Internal, what)
        .cause(cause.to_string())
        .hint("`cw doctor` checks the installation; CW_HOME names another folder")
}

/// Who the user says to be by git's variables. Nothing else of them reaches git.
fn user() -> User {
    let said = |names: [&str; 2]| {
        let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
        values.find(|value| !value.trim().is_empty())
    };
    User {
        name: said(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"]),
        email: said(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]),
    }
}

/// How the trees of agents are held together, for people.
fn containment(home: &Home) -> Containment {
    let found = agent::Containment::look(&home.runs());
    Containment {
        group: found.group.map_err(|why| why.to_string()),
        hint: found.hint,
    }
}

fn setup(home: &Home, listen: Option<&str>) -> Result<Setup, ErrorView> {
    let store = SqliteStore::open(&home.db())
        .map_err(|error| fault("the database cannot be opened", &error))?;
    let workspaces = GitWorkspaces::new(Door::default().user(user()), &home.worktrees())
        .map_err(|error| fault(&error.what, &error.cause))?;
    let agents = AgentSetup {
        cw: crate::host::program(),
        runs: home.runs(),
        bin: home.bin(),
        cgroups: true,
    };
    let agents =
        ShimAgents::new(agents).map_err(|error| fault("the run folders cannot be made", &error))?;
    let clock = SystemClock;
    let worktrees = home.worktrees();
    Ok(Setup {
        store: Box::new(store),
        ports: Ports {
            workspaces: Arc::new(workspaces),
            agents: Arc::new(agents),
            commands: Arc::new(Shell),
            secrets: Secrets::default(),
        },
        settings: Arc::new(TomlSettings),
        ids: Box::new(RandomIds),
        places: Places {
            worktrees: worktrees.canonicalize().unwrap_or(worktrees),
            socket: home.socket(),
            contained: cw_adapters::container::holds_us(),
        },
        about: About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            socket: home.socket(),
            listen: listen.map(str::to_owned),
            started_at: clock.now(),
            home: home.data(),
            logs: home.logs(),
            runs: home.runs(),
            containment: containment(home),
        },
        clock: Arc::new(clock),
        stop_agents: false,
    })
}
