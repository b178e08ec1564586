//! What every handler works with: the way to the engine, the ports it may read through, and what
//! users' words mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cw_core::app::{Command, Reply, Signal, find_agent, find_initiative, find_message, find_task};
use cw_core::domain::config::{AgentConfig, Config};
use cw_core::domain::hierarchy::Project;
use cw_core::domain::ids::{AgentId, InitiativeId, MessageId, ProjectId, TaskId};
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::ports::settings::{Clock, Settings};
use cw_core::ports::store::EventLog;
use cw_core::ports::workspaces::{Inspection, Repository};
use cw_wire::{ErrorCode, ErrorView};
use tokio::sync::watch;

use crate::engine::{Engine, EngineError};
use crate::faults::{internal, to_view};
use crate::outcomes::Outcomes;
use crate::perform::Ports;
use crate::work::Places;

/// What a server tells of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// The path of its socket.
    pub socket: PathBuf,
    /// The TCP address it listens on besides.
    pub listen: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// Where its data lives.
    pub home: PathBuf,
    /// The folder of its log files.
    pub logs: PathBuf,
    /// The folder of run folders.
    pub runs: PathBuf,
    /// How the trees of agents are held together.
    pub containment: Containment,
}

/// How the trees of agents are held together on this machine, for people.
#[derive(Clone, Debug)]
pub struct Containment {
    /// The control group below which each agent gets one of its own, or why there is none.
    pub group: Result<PathBuf, String>,
    /// What would give it one.
    pub hint: Option<String>,
}

/// Shared by all handlers.
pub struct App {
    /// The way to the engine.
    pub engine: Engine,
    /// Git, agent programs, commands, secrets.
    pub ports: Ports,
    /// `cw.toml`.
    pub settings: Arc<dyn Settings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Folders.
    pub places: Places,
    /// Who waits for which outcome.
    pub outcomes: Outcomes,
    /// The event log.
    pub events: Mutex<Box<dyn EventLog>>,
    /// What the server tells of itself.
    pub about: About,
    /// Turns true when the server is to end.
    pub ending: watch::Sender<bool>,
}

/// A failure in the words of the wire.
pub type Fault = ErrorView;

impl App {
    /// Has a user's command decided and saved.
    ///
    /// # Errors
    /// The refusal, or what kept it from being saved.
    pub async fn command(&self, command: Command) -> Result<Reply, Fault> {
        self.engine
            .decide(Signal::Command(command))
            .await
            .map_err(to_view)
    }

    /// The same for a command whose caller brought values for its agents. The names are saved
    /// with what the command decides; the values stay in memory.
    ///
    /// # Errors
    /// The refusal, or what kept it from being saved.
    pub async fn command_with(
        &self,
        command: Command,
        env: BTreeMap<String, String>,
    ) -> Result<Reply, Fault> {
        if env.is_empty() {
            return self.command(command).await;
        }
        let names = env.keys().cloned().collect();
        let coming = self.ports.secrets.coming(env);
        let engine = self.engine.clone();
        // A task of its own: a caller that goes away meanwhile takes no values with it that its
        // agents are already known to have.
        let decided = tokio::spawn(async move {
            let command = Command::Passing(names, Box::new(command));
            match engine.decide(Signal::Command(command)).await? {
                Reply::Passed(handed, reply) => {
                    coming.give(&handed);
                    Ok(*reply)
                }
                reply => Ok(reply),
            }
        });
        let decided = decided.await;
        decided
            .map_err(|_| internal("a fault of cw; see the server's log"))?
            .map_err(to_view)
    }

    /// Looks at the saved state.
    ///
    /// # Errors
    /// When the server is ending, or what `look` says.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.engine.read(look).await.map_err(to_view)?
    }

    /// Runs something that blocks (git, files) off the async threads.
    ///
    /// # Errors
    /// What it says itself, or an internal fault.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        run: impl FnOnce(&Self) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let this = self.clone();
        let result = tokio::task::spawn_blocking(move || run(&this)).await;
        result.unwrap_or_else(|_| Err(internal("a fault of cw; see the server's log")))
    }

    /// The project around a folder.
    ///
    /// # Errors
    /// `usage` when it is no repository, `refused` when it is not registered.
    pub async fn project(self: &Arc<Self>, dir: Option<String>) -> Result<ProjectId, Fault> {
        let dir = PathBuf::from(
            dir.ok_or_else(|| ErrorView::new(ErrorCode::Usage, "no folder was named"))?,
        );
        if let Some(root) = repository_above(&dir, &self.places.worktrees) {
            let found = self.read(move |state| Ok(project_at(state, &root))).await?;
            if let Some(id) = found {
                return Ok(id);
            }
        }
        let repository = self.repository(dir).await?;
        let root = repository.root.to_string_lossy().into_owned();
        self.read(move |state| {
            project_at(state, Path::new(&root)).ok_or_else(|| {
                ErrorView::new(ErrorCode::Refused, format!("{root} is not registered"))
                    .hint("`cw init` registers this repository")
            })
        })
        .await
    }

    /// The repository around a folder, with a checkout.
    ///
    /// # Errors
    /// `usage` when there is none that `cw` can work with.
    pub async fn repository(self: &Arc<Self>, dir: PathBuf) -> Result<Repository, Fault> {
        self.blocking(move |app| {
            let usage = |what: String| ErrorView::new(ErrorCode::Usage, what);
            let shown = dir.display();
            match app
                .ports
                .workspaces
                .inspect(&dir)
                .map_err(crate::faults::workspace)?
            {
                Inspection::Repository(repository) => Ok(repository),
                Inspection::NotARepository => {
                    Err(usage(format!("{shown} is not in a git repository"))
                        .cause("cw works on a git repository with a checkout")
                        .hint("`git init` makes one; -C DIR names another folder"))
                }
                Inspection::Bare => Err(usage(format!("{shown} is a bare repository"))
                    .cause("agents need a checkout to branch from")
                    .hint("`git clone` it and use cw in the clone")),
                Inspection::OddPath { why } => {
                    Err(usage("cw cannot work in this repository".into())
                        .cause(why)
                        .hint("move it to a folder with a plain name"))
                }
                Inspection::GitTooOld { found, needed } => {
                    Err(usage(format!("git {found} is too old; cw needs {needed}"))
                        .hint("install a newer git"))
                }
            }
        })
        .await
    }

    /// The project around a folder with its settings as they are on disk now, which must be
    /// trusted; warnings about keys that are not acted on.
    ///
    /// # Errors
    /// `refused` when the settings are not trusted, `usage` when they cannot be read.
    pub async fn trusted(
        self: &Arc<Self>,
        dir: Option<String>,
    ) -> Result<(ProjectId, Vec<String>), Fault> {
        let id = self.project(dir).await?;
        let project = self.project_row(id).await?;
        let free = self.places.contained || project.bypass;
        let (config, warnings) = self
            .blocking(move |app| {
                let text = app
                    .settings
                    .read(Path::new(&project.root))
                    .map_err(crate::faults::settings)?;
                let text = text.unwrap_or_default();
                if !text.is_empty() && project.trusted.as_deref() != Some(text.as_str()) {
                    let (what, how) = match project.trusted {
                        Some(_) => (
                            "cw.toml has changed and is not trusted",
                            "shows what changed and trusts it",
                        ),
                        None => ("cw.toml is not trusted", "shows it and trusts it"),
                    };
                    return Err(ErrorView::new(ErrorCode::Refused, what)
                        .cause("it names commands that would run on this machine")
                        .hint(format!("`cw trust` {how}")));
                }
                app.settings.parse(&text).map_err(crate::faults::settings)
            })
            .await?;
        if !free {
            let agents = bypassing(&config);
            if !agents.is_empty() {
                return Err(bypass_refused(&agents));
            }
        }
        self.engine.configure(id, Arc::new(config));
        Ok((id, warnings))
    }

    /// The row of a project.
    ///
    /// # Errors
    /// `not-found` when there is none.
    pub async fn project_row(&self, id: ProjectId) -> Result<Project, Fault> {
        self.read(move |state| {
            state
                .get::<Project>(id)
                .cloned()
                .ok_or_else(|| ErrorView::new(ErrorCode::NotFound, "no such project"))
        })
        .await
    }

    /// The settings that decisions about a project follow.
    ///
    /// # Errors
    /// When the server is ending.
    pub async fn config(&self, id: ProjectId) -> Result<Arc<Config>, Fault> {
        self.read(move |state| Ok(state.config(id).cloned().unwrap_or_default()))
            .await
    }

    /// The initiative that the user means.
    ///
    /// # Errors
    /// `not-found`, or `usage` when it could be several.
    pub async fn initiative(
        self: &Arc<Self>,
        dir: Option<String>,
        word: String,
    ) -> Result<InitiativeId, Fault> {
        let project = self.project(dir).await?;
        self.read(move |state| {
            find_initiative(state, project, &word).map_err(crate::faults::refusal)
        })
        .await
    }

    /// The task that the user means.
    ///
    /// # Errors
    /// `not-found`, or `usage` when it could be several.
    pub async fn task(
        self: &Arc<Self>,
        dir: Option<String>,
        word: String,
    ) -> Result<TaskId, Fault> {
        let project = self.project(dir).await?;
        self.read(move |state| find_task(state, project, &word).map_err(crate::faults::refusal))
            .await
    }

    /// The agent that the user means.
    ///
    /// # Errors
    /// `not-found`, or `usage` when it could be several.
    pub async fn agent(
        self: &Arc<Self>,
        dir: Option<String>,
        word: String,
    ) -> Result<AgentId, Fault> {
        let project = self.project(dir).await?;
        self.read(move |state| find_agent(state, project, &word).map_err(crate::faults::refusal))
            .await
    }

    /// The message that the user means.
    ///
    /// # Errors
    /// `not-found` when there is none of this number.
    pub async fn message(
        self: &Arc<Self>,
        dir: Option<String>,
        word: String,
    ) -> Result<MessageId, Fault> {
        let project = self.project(dir).await?;
        self.read(move |state| find_message(state, project, &word).map_err(crate::faults::refusal))
            .await
    }

    /// Waits until `look` has something to say about the state, looking again after every saved
    /// event, or until the deadline.
    ///
    /// # Errors
    /// When the server is ending.
    pub async fn until<T: Send + 'static>(
        &self,
        patience: std::time::Duration,
        look: impl Fn(&State) -> Option<T> + Send + Sync + Clone + 'static,
    ) -> Result<Option<T>, Fault> {
        let mut saved = self.engine.saved();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            saved.mark_unchanged();
            let look = look.clone();
            if let Some(found) = self.read(move |state| Ok(look(state))).await? {
                return Ok(Some(found));
            }
            tokio::select! {
                changed = saved.changed() => changed.map_err(|_| to_view(EngineError::Ending))?,
                () = tokio::time::sleep_until(deadline) => return Ok(None),
            }
        }
    }

    /// Events after a number, at most `limit`.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn events_after(
        self: &Arc<Self>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<cw_core::domain::event::Event>, Fault> {
        self.blocking(move |app| {
            let mut events = app.events.lock().unwrap_or_else(PoisonError::into_inner);
            events
                .after(after, limit)
                .map_err(|error| internal(error.to_string()))
        })
        .await
    }
}

/// The agents of a project that work without asking.
pub(crate) fn bypassing(config: &Config) -> Vec<String> {
    let bypasses = |agent: &AgentConfig| agent.permissions.as_deref() == Some("bypass");
    let agents = config.agents.iter();
    let found = agents.filter(|(_, agent)| bypasses(agent));
    found.map(|(name, _)| name.clone()).collect()
}

/// That agents would work without asking, where nothing holds them and nobody confirmed it.
pub(crate) fn bypass_refused(agents: &[String]) -> Fault {
    ErrorView::new(
        ErrorCode::Refused,
        "cw.toml lets agents work without asking, outside a container",
    )
    .cause(format!(
        "`permissions = \"bypass\"` for {}: they could do anything that you can do on this machine",
        agents.join(", ")
    ))
    .hint(
        "`cw trust --bypass` confirms it; run cw inside a container, or write \"accept-edits\" instead",
    )
}

fn project_at(state: &State, root: &Path) -> Option<ProjectId> {
    state
        .all::<Project>()
        .find(|project| Path::new(&project.root) == root)
        .map(|project| project.id)
}

/// The folder at or above `dir` that holds a git folder of its own. A linked worktree or a
/// submodule has a file there instead, and is left for git to explain.
fn repository_above(dir: &Path, worktrees: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    if dir.starts_with(worktrees) {
        return None;
    }
    let root = dir
        .ancestors()
        .find(|above| above.join(".git").symlink_metadata().is_ok())?;
    root.join(".git").is_dir().then(|| root.to_owned())
}
