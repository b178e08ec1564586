//! A server from its start to its end: rows are loaded, effects and turns are picked up, the
//! socket is served until somebody says stop, and what is under way is saved.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use cw_core::app::{Command, Reply, Signal};
use cw_core::domain::hierarchy::Project;
use cw_core::domain::ids::{Ids, TurnId};
use cw_core::domain::state::State;
use cw_core::domain::work::{Turn, TurnState};
use cw_core::ports::settings::{Clock, Settings};
use cw_core::ports::store::{Store, StoreError};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::app::{About, App};
use crate::engine::{self, Engine, Parts};
use crate::follow::Followers;
use crate::handlers;
use crate::hands::Performers;
use crate::lanes::Lanes;
use crate::mcp::Mcp;
use crate::outcomes::Outcomes;
use crate::peer::{Door, Peer};
use crate::perform::Ports;
use crate::rpc::{Desk, router};
use crate::tcp::{self, Guard};
use crate::tidy;
use crate::work::Places;

/// How long open requests may take once the server is to end.
const LAST_CALLS: Duration = Duration::from_millis(500);

/// How long stopping all agents may take.
const STOPPING: Duration = Duration::from_secs(60);

/// Everything that a server is made of.
pub struct Setup {
    /// Where decisions are saved.
    pub store: Box<dyn Store>,
    /// Git, agent programs, commands, secrets.
    pub ports: Ports,
    /// `cw.toml`.
    pub settings: Arc<dyn Settings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Box<dyn Ids + Send>,
    /// Folders.
    pub places: Places,
    /// What the server tells of itself.
    pub about: About,
    /// Stop every agent at the end; else they go on.
    pub stop_agents: bool,
}

/// Why a server could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system said no.
    #[error("{doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn system(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServeError {
    let doing = doing.into();
    move |source| ServeError::System { doing, source }
}

/// Serves until a signal or a request says stop. `ready` is called once the socket answers.
///
/// # Errors
/// When the store cannot be read or the socket cannot be had.
pub fn serve(setup: Setup, ready: impl FnOnce()) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(64)
        .enable_all()
        .build()
        .map_err(system("no threads for the server"))?;
    let result = runtime.block_on(run(setup, ready));
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn run(mut setup: Setup, ready: impl FnOnce()) -> Result<(), ServeError> {
    let socket = setup.about.socket.clone();
    let stops_agents = setup.stop_agents;
    let listener = listen(&socket)?;
    let tcp = listen_on_tcp(&mut setup).await?;
    let (app, engine) = open(setup).await?;
    let local = answer(&app, listener, tcp);
    tidy::start(app.clone());
    tracing::info!(socket = %socket.display(), "serving");
    ready();
    wait_for_end(&app).await?;
    if stops_agents {
        stop_agents(&app).await;
    }
    let _ = app.ending.send(true);
    let _ = tokio::time::timeout(LAST_CALLS, local).await;
    app.engine.end();
    let _ = tokio::task::spawn_blocking(move || engine.join()).await;
    let _ = std::fs::remove_file(&socket);
    tracing::info!("ended; agents at work go on");
    Ok(())
}

/// Loads what is stored, starts the engine over it and picks up what was under way.
async fn open(mut setup: Setup) -> Result<(Arc<App>, JoinHandle<()>), ServeError> {
    let owner = format!("pid {}", std::process::id());
    let fence = setup.store.take_lease(&owner)?;
    let loaded = setup.store.load()?;
    let events = setup.store.events()?;
    let state = State::from_rows(loaded.rows, loaded.last_seq);
    let outcomes = Outcomes::default();
    let followers = Followers::new(setup.ports.agents.clone(), setup.clock.clone());
    let parts = Parts {
        configs: configs(&state, &*setup.settings),
        store: setup.store,
        fence,
        clock: setup.clock.clone(),
        ids: setup.ids,
    };
    let performers = |engine: &Engine| Performers {
        engine: engine.clone(),
        ports: setup.ports.clone(),
        places: setup.places.clone(),
        lanes: Lanes::default(),
        followers: followers.clone(),
        clock: setup.clock.clone(),
        outcomes: outcomes.clone(),
        under_way: Arc::default(),
    };
    let (engine, thread) =
        engine::start(parts, state, performers).map_err(system("no thread for the engine"))?;
    // Turns that run are followed from the rows as they are; then all that is owed is done again.
    adopt(&engine, &followers).await;
    if let Err(error) = engine.decide(Signal::Started).await {
        tracing::error!(%error, "what was under way could not be picked up");
    }
    let app = App {
        engine,
        ports: setup.ports,
        settings: setup.settings,
        clock: setup.clock,
        places: setup.places,
        outcomes,
        events: Mutex::new(events),
        about: setup.about,
        ending: watch::channel(false).0,
    };
    Ok((Arc::new(app), thread))
}

/// Answers on the socket, and on TCP behind its guard, until the server ends.
fn answer(
    app: &Arc<App>,
    listener: UnixListener,
    tcp: Option<(TcpListener, Guard)>,
) -> tokio::task::JoinHandle<std::io::Result<()>> {
    let table = handlers::table();
    let host = tcp.as_ref().map(|(_, guard)| guard.host());
    let router = router(Arc::new(Desk {
        app: app.clone(),
        table,
        mcp: Mcp::new(app, host),
    }));
    let ends = || {
        let mut ending = app.ending.subscribe();
        async move {
            let _ = ending.wait_for(|ending| *ending).await;
        }
    };
    if let Some((tcp, guard)) = tcp {
        let guarded = router
            .clone()
            .layer(axum::middleware::from_fn_with_state(guard, tcp::check));
        let serving = axum::serve(tcp, guarded).with_graceful_shutdown(ends());
        drop(tokio::spawn(serving.into_future()));
    }
    let service = router.into_make_service_with_connect_info::<Peer>();
    let serving = axum::serve(Door::new(listener, app), service).with_graceful_shutdown(ends());
    tokio::spawn(serving.into_future())
}

/// Stops every agent and waits until their trees are gone.
async fn stop_agents(app: &App) {
    match app.command(Command::StopAll(None)).await {
        Ok(Reply::Stopping(turns)) => {
            let over = app.until(STOPPING, move |state| {
                let open = |turn: &TurnId| {
                    state
                        .get::<Turn>(*turn)
                        .is_some_and(|turn| turn.state.is_open())
                };
                (!turns.iter().any(open)).then_some(())
            });
            if !matches!(over.await, Ok(Some(()))) {
                tracing::error!("some agents are still being stopped");
            }
        }
        other => tracing::error!(?other, "the agents could not be stopped"),
    }
}

async fn adopt(engine: &Engine, followers: &Followers) {
    let running = engine
        .read(|state| {
            let running = state
                .all::<Turn>()
                .filter(|turn| turn.state == TurnState::Running);
            running
                .filter_map(|turn| Some((turn.id, crate::work::follow(state, turn.id)?)))
                .collect::<Vec<_>>()
        })
        .await;
    for (turn, follow) in running.unwrap_or_default() {
        tracing::info!(%turn, "adopted");
        followers.follow(engine, turn, follow);
    }
}

/// The settings of each project, from the text that was trusted last.
fn configs(
    state: &State,
    settings: &dyn Settings,
) -> BTreeMap<cw_core::domain::ids::ProjectId, Arc<cw_core::domain::config::Config>> {
    let mut configs = BTreeMap::new();
    for project in state.all::<Project>() {
        let text = project.trusted.as_deref().unwrap_or("");
        match settings.parse(text) {
            Ok((config, _)) => {
                configs.insert(project.id, Arc::new(config));
            }
            Err(error) => {
                tracing::error!(%error, project = project.name, "cw.toml cannot be read; dispatch holds");
            }
        }
    }
    configs
}

/// Binds the TCP address, when one was asked for, with the guard before it.
async fn listen_on_tcp(setup: &mut Setup) -> Result<Option<(TcpListener, Guard)>, ServeError> {
    let Some(address) = setup.about.listen.clone() else {
        return Ok(None);
    };
    let doing = || format!("cannot listen on {address}");
    let listener = TcpListener::bind(&address).await.map_err(system(doing()))?;
    if let Ok(bound) = listener.local_addr() {
        setup.about.listen = Some(bound.to_string());
    }
    let file = setup.about.socket.with_file_name("token");
    let guard = Guard::new(&address, &setup.ids.secret(), &file).map_err(system(doing()))?;
    tracing::info!(address = setup.about.listen, token_in = %file.display(), "listening on TCP");
    Ok(Some((listener, guard)))
}

/// Binds the socket, in place of one that a dead server left; the caller holds the server's lock.
fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    let _ = std::fs::remove_file(path);
    let doing = || format!("cannot listen on {}", path.display());
    let listener = UnixListener::bind(path).map_err(system(doing()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(system(doing()))?;
    Ok(listener)
}

/// Waits for SIGTERM, SIGINT or a request to stop. From then on the next signal ends at once,
/// whatever is still being stopped or saved.
async fn wait_for_end(app: &App) -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let heed = |kind| signal(kind).map_err(system("no signals for the server"));
    let mut terminate = heed(SignalKind::terminate())?;
    let mut interrupt = heed(SignalKind::interrupt())?;
    let mut ending = app.ending.subscribe();
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM; another signal ends at once"),
        _ = interrupt.recv() => tracing::info!("SIGINT; another signal ends at once"),
        _ = ending.wait_for(|ending| *ending) => tracing::info!("asked to end; a signal ends at once"),
    }
    tokio::spawn(async move {
        let code = tokio::select! {
            _ = terminate.recv() => 143,
            _ = interrupt.recv() => 130,
        };
        std::process::exit(code);
    });
    Ok(())
}
