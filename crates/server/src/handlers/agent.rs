//! Agents: spawned, listed, stopped, resumed, spoken to, taken away.

use std::sync::Arc;
use std::time::Duration;

use cw_core::app::{Command, Outcome, Reply, StartFacts, find_agent};
use cw_core::domain::config::Config;
use cw_core::domain::held;
use cw_core::domain::hierarchy::Task;
use cw_core::domain::ids::{AgentId, ProjectId, TurnId};
use cw_core::domain::work::{Agent, Turn, TurnState};
use cw_core::ports::agents::{RunId, RunState};
use cw_wire::agent::{
    AgentAttach, AgentDetail, AgentDiff, AgentList, AgentListing, AgentLog, AgentRemove,
    AgentResume, AgentResumeInput, AgentSay, AgentShow, AgentShown, AgentStop, SayInput, Spawn,
    SpawnInput, Spawned, StopAll,
};
use cw_wire::task::DiffView;
use cw_wire::{ErrorCode, ErrorView, MessageList, Scope, Target};

use super::{look, message};
use crate::app::{App, Fault};
use crate::faults::{internal, workspace};
use crate::rpc::Table;
use crate::views;

/// How long agents may take to end: each step of stopping has its own grace period, so only a
/// process that the system itself cannot end takes longer.
const STOPPING: Duration = Duration::from_secs(120);

/// The project's own initiative for `cw spawn`.
const ADHOC_BRANCH: &str = "cw/adhoc/integration";

/// Answers what is about agents.
pub fn register(table: &mut Table) {
    table.user::<Spawn, _, _>(spawn);
    table.user::<AgentListing, _, _>(list);
    table.user::<AgentShow, _, _>(show);
    table.user::<AgentStop, _, _>(stop);
    table.user::<StopAll, _, _>(stop_all);
    table.user::<AgentResume, _, _>(resume);
    table.user::<AgentSay, _, _>(say);
    table.user::<AgentLog, _, _>(|app, input| async move {
        let agent = app.agent(input.dir.clone(), input.id.clone()).await?;
        super::log::read(app, agent, &input).await
    });
    table.user::<AgentAttach, _, _>(look::attach);
    table.user::<AgentDiff, _, _>(diff);
    table.user::<AgentRemove, _, _>(remove);
}

/// The project that a list is about; `None`: all of them.
pub(super) async fn scope(
    app: &Arc<App>,
    dir: Option<String>,
    all: bool,
) -> Result<Option<ProjectId>, Fault> {
    if all {
        return Ok(None);
    }
    app.project(dir).await.map(Some)
}

async fn one(app: &App, agent: AgentId) -> Result<AgentList, Fault> {
    several(app, vec![agent]).await
}

async fn several(app: &App, agents: Vec<AgentId>) -> Result<AgentList, Fault> {
    let places = app.places.clone();
    app.read(move |state| {
        Ok(AgentList {
            agents: views::agent::views(state, &places, agents),
        })
    })
    .await
}

async fn spawn(app: Arc<App>, input: SpawnInput) -> Result<Spawned, Fault> {
    let (project, warnings) = app.trusted(input.dir).await?;
    let facts = adhoc_facts(&app, project).await?;
    let seq = app.read(|state| Ok(state.last_seq())).await?;
    let reply = app
        .command_with(
            Command::Spawn {
                project,
                prompt: input.prompt,
                agent: input.agent,
                name: input.name,
                model: input.model,
                facts,
            },
            input.env,
        )
        .await?;
    let Reply::Spawned(task, agent) = reply else {
        return Err(internal("an agent was spawned without a name"));
    };
    let places = app.places.clone();
    app.read(move |state| {
        let unset = held::ungiven(state, state.get::<Task>(task).into_iter());
        let mut warnings = warnings;
        warnings.extend(views::unset(&unset));
        Ok(Spawned {
            agents: views::agent::views(state, &places, [agent]),
            tasks: views::task::Tasks::of(state)
                .one(task)
                .into_iter()
                .collect(),
            seq,
            warnings,
        })
    })
    .await
}

/// Where the base and the ad-hoc branch are just now.
async fn adhoc_facts(app: &Arc<App>, project: ProjectId) -> Result<StartFacts, Fault> {
    let row = app.project_row(project).await?;
    let config: Arc<Config> = app.config(project).await?;
    let base = config.base.clone().unwrap_or(row.base);
    let root = std::path::PathBuf::from(row.root);
    app.blocking(move |app| {
        let tip = |branch: &str| {
            let tip = app.ports.workspaces.branch_tip(&root, branch);
            tip.map_err(workspace)
        };
        Ok(StartFacts {
            base: tip(&base)?,
            branch: tip(ADHOC_BRANCH)?,
        })
    })
    .await
}

async fn list(app: Arc<App>, input: Scope) -> Result<AgentList, Fault> {
    let project = scope(&app, input.dir, input.all).await?;
    let places = app.places.clone();
    app.read(move |state| {
        let rows = state
            .all::<Agent>()
            .filter(|agent| project.is_none_or(|only| agent.project == only));
        Ok(AgentList {
            agents: rows
                .map(|agent| views::agent::view(state, &places, agent))
                .collect(),
        })
    })
    .await
}

async fn show(app: Arc<App>, input: Target) -> Result<AgentShown, Fault> {
    let id = app.agent(input.dir, input.id).await?;
    let (places, runs) = (app.places.clone(), app.about.runs.clone());
    let (view, turns) = app
        .read(move |state| {
            let agent = state.get::<Agent>(id).ok_or_else(gone)?;
            let turns: Vec<_> = state
                .all::<Turn>()
                .filter(|turn| turn.agent == id)
                .map(|turn| (turn.id, views::agent::turn(turn, &runs)))
                .collect();
            Ok((views::agent::view(state, &places, agent), turns))
        })
        .await?;
    let history = app
        .blocking(move |app| {
            let with_exit = |(id, mut turn): (TurnId, cw_wire::agent::TurnView)| {
                if let Ok(RunState::Finished(exit)) = app.ports.agents.state(&RunId::from(id)) {
                    turn.exit_code = exit.code;
                    turn.output_cut = exit.output_cut;
                }
                turn
            };
            Ok(turns.into_iter().map(with_exit).collect())
        })
        .await?;
    let takes = look::usage(&app, id).await?;
    Ok(AgentShown {
        agent: AgentDetail {
            view,
            cpu_s: takes.map(|takes| takes.cpu.as_secs_f64()),
            memory_bytes: takes.map(|takes| takes.bytes),
            processes: takes.map(|takes| takes.processes),
            history,
        },
    })
}

fn gone() -> Fault {
    ErrorView::new(ErrorCode::NotFound, "there is no such agent")
}

async fn stop(app: Arc<App>, input: Target) -> Result<AgentList, Fault> {
    let agent = app.agent(input.dir, input.id).await?;
    let reply = app.command(Command::StopAgent(agent)).await?;
    until_over(&app, reply).await?;
    one(&app, agent).await
}

async fn stop_all(app: Arc<App>, input: Scope) -> Result<AgentList, Fault> {
    let project = scope(&app, input.dir, input.all).await?;
    let reply = app.command(Command::StopAll(project)).await?;
    let stopped = until_over(&app, reply).await?;
    let agents = app
        .read(move |state| {
            let turns = stopped.iter().filter_map(|id| state.get::<Turn>(*id));
            Ok(turns.map(|turn| turn.agent).collect())
        })
        .await?;
    several(&app, agents).await
}

/// Waits until the turns that are being stopped are over: no process of them is left and their
/// work is collected.
async fn until_over(app: &App, reply: Reply) -> Result<Vec<TurnId>, Fault> {
    let Reply::Stopping(turns) = reply else {
        return Ok(Vec::new());
    };
    let waited = turns.clone();
    let over = app
        .until(STOPPING, move |state| {
            let open = |id: &TurnId| {
                state
                    .get::<Turn>(*id)
                    .is_some_and(|turn| turn.state.is_open())
            };
            (!waited.iter().any(open)).then_some(())
        })
        .await?;
    if over.is_some() {
        return Ok(turns);
    }
    let waited = turns.clone();
    let alive: Vec<String> = app
        .read(move |state| {
            let turns = waited.iter().filter_map(|id| state.get::<Turn>(*id));
            let alive = turns.filter(|turn| {
                turn.state.is_open() && !matches!(turn.state, TurnState::Collecting { .. })
            });
            let names = alive.filter_map(|turn| state.get::<Agent>(turn.agent));
            Ok(names.map(|agent| agent.name.clone()).collect())
        })
        .await?;
    if alive.is_empty() {
        return Ok(turns);
    }
    Err(ErrorView::new(
        ErrorCode::Failed,
        format!("{} could not be stopped", alive.join(", ")),
    )
    .cause(format!("still there after {} s", STOPPING.as_secs()))
    .hint("`cw server logs` tells what was tried; `cw agent list` shows the process"))
}

async fn resume(app: Arc<App>, input: AgentResumeInput) -> Result<AgentList, Fault> {
    let (project, _) = app.trusted(input.dir).await?;
    let word = input.id;
    let agent = app
        .read(move |state| find_agent(state, project, &word).map_err(crate::faults::refusal))
        .await?;
    app.command_with(Command::ResumeAgent(agent), input.env)
        .await?;
    one(&app, agent).await
}

async fn say(app: Arc<App>, input: SayInput) -> Result<MessageList, Fault> {
    let agent = app.agent(input.dir, input.id).await?;
    let reply = app.command(Command::Say(agent, input.text)).await?;
    message::replied(&app, reply).await
}

async fn diff(app: Arc<App>, input: Target) -> Result<DiffView, Fault> {
    let agent = app.agent(input.dir, input.id).await?;
    super::diff::of_agent(&app, agent).await
}

async fn remove(app: Arc<App>, input: Target) -> Result<AgentList, Fault> {
    let agent = app.agent(input.dir, input.id).await?;
    take_away(&app, agent).await?;
    one(&app, agent).await
}

/// Takes an agent's worktree away; comes back when it is gone.
pub(super) async fn take_away(app: &App, agent: AgentId) -> Result<(), Fault> {
    let Reply::Effect(effect) = app.command(Command::RemoveAgent(agent)).await? else {
        return Ok(());
    };
    match app.outcomes.wait(effect).await {
        None => Err(
            ErrorView::new(ErrorCode::Unreachable, "the server is ending")
                .hint("the worktree is taken away when it is back"),
        ),
        Some(Outcome::Failed {
            why,
            hint,
            passing: _,
        }) => Err(ErrorView {
            hint,
            ..ErrorView::new(ErrorCode::Failed, "the worktree could not be taken away").cause(why)
        }),
        Some(_) => Ok(()),
    }
}
