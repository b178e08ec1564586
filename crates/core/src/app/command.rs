//! What users want, handed to where it is decided, and the few decisions about projects and
//! agents as a whole.

use std::sync::Arc;

use crate::domain::hierarchy::{Project, Task, TaskState};
use crate::domain::ids::{AgentId, InitiativeId, ProjectId, TurnId};
use crate::domain::names;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, Party, StopReason};

use super::signal::{Command, Refusal, Reply};
use super::{apply, ending, initiative, lane, message, spawn, task, tasks, turn};

pub(super) fn route(tx: &mut Txn, command: Command) -> Result<Reply, Refusal> {
    match command {
        Command::Register { root, name, base } => Ok(register(tx, root, &name, base)),
        Command::Trust(project, text) => Ok(trust(tx, project, &text)),
        Command::Apply {
            project,
            plan,
            agent,
            max_agents,
            start,
            ..
        } => apply::apply(
            tx,
            project,
            &plan,
            &apply::Options {
                agent,
                max_agents,
                start,
            },
        ),
        Command::Start(id, facts) => initiative::start(tx, id, &facts),
        Command::Pause(id) => initiative::pause(tx, id),
        Command::Resume(id) => initiative::resume(tx, id),
        Command::Cancel(id) => initiative::cancel(tx, id),
        Command::Land(id, mode) => initiative::land(tx, id, mode),
        Command::AddTask(new) => task::add(tx, new),
        Command::Spawn {
            project,
            prompt,
            agent,
            name,
            model,
            facts,
        } => spawn::spawn(tx, project, &prompt, agent, name, model, &facts),
        Command::EditTask(id, edit) => task::edit(tx, id, edit),
        Command::RetryTask(id) => task::retry(tx, id),
        Command::CancelTask(id) => task::cancel(tx, id),
        Command::SkipTask(id) => task::skip(tx, id),
        Command::Approve(id) => task::approve(tx, id),
        Command::Reject(id, why) => task::reject(tx, id, &why),
        Command::StopAgent(id) => Ok(Reply::Stopping(stop_agent(tx, id).into_iter().collect())),
        Command::StopAll(project) => Ok(stop_all(tx, project)),
        Command::ResumeAgent(id) => resume_agent(tx, id),
        Command::Say(id, text) => message::say(tx, Party::User, Party::Agent(id), &text),
        Command::RemoveAgent(id) => remove_agent(tx, id),
        Command::Integrate(id) => integrate(tx, id),
        Command::Answer(id, text) => message::answer(tx, id, &text),
        Command::Read(id) => message::read(tx, id),
        Command::Hold(id) => Ok(hold(tx, id, true)),
        Command::Unhold(id) => Ok(hold(tx, id, false)),
    }
}

fn register(tx: &mut Txn, root: String, name: &str, base: String) -> Reply {
    if let Some(known) = tx
        .state()
        .all::<Project>()
        .find(|project| project.root == root)
    {
        return Reply::Project(known.id);
    }
    let id = tx.next_id::<Project>();
    let uid = tx.ids().uid();
    // Two checkouts may lie in folders of one name; in lists and events each has its own.
    let taken = |name: &str| tx.state().all::<Project>().any(|row| row.name == name);
    let name = names::numbered(name, taken);
    tx.put(Project {
        id,
        uid,
        name,
        root,
        base,
        trusted: None,
        held: false,
        created_at: tx.now,
    });
    tx.tell("project.registered", About::Project(id), []);
    Reply::Project(id)
}

fn trust(tx: &mut Txn, id: ProjectId, text: &str) -> Reply {
    if tx.get::<Project>(id).trusted.as_deref() != Some(text) {
        tx.change::<Project>(id, |project| project.trusted = Some(Arc::from(text)));
        tx.tell("project.trusted", About::Project(id), []);
    }
    Reply::Project(id)
}

/// Stops an agent's turn, if it has one, and sets its task aside until the user says otherwise.
fn stop_agent(tx: &mut Txn, id: AgentId) -> Option<TurnId> {
    let agent = tx.get::<Agent>(id).clone();
    let open = tx.state().index().open_turn(id);
    if let Some(open) = open {
        tx.change::<Agent>(id, |agent| agent.stopped = true);
        turn::stop(tx, open, StopReason::User);
        tx.tell("agent.stop-requested", About::Agent(id), []);
        return Some(open);
    }
    let task = tx.get::<Task>(agent.task);
    let waits = matches!(task.state, TaskState::Working | TaskState::Todo { .. });
    if waits && task.agent == Some(id) && !agent.stopped {
        tx.change::<Agent>(id, |agent| agent.stopped = true);
        tasks::set_state(tx, agent.task, TaskState::Parked { resume_at: None });
        tx.tell("agent.stopped", About::Agent(id), []);
    }
    None
}

/// Stops every agent, and holds dispatch: else others would start in their place.
fn stop_all(tx: &mut Txn, project: Option<ProjectId>) -> Reply {
    let projects: Vec<ProjectId> = tx
        .state()
        .all::<Project>()
        .map(|row| row.id)
        .filter(|id| project.is_none_or(|only| only == *id))
        .collect();
    for id in projects {
        hold(tx, id, true);
    }
    let agents: Vec<AgentId> = tx
        .state()
        .index()
        .open_turns()
        .map(|turn| tx.get::<crate::domain::work::Turn>(turn).agent)
        .filter(|agent| project.is_none_or(|only| tx.get::<Agent>(*agent).project == only))
        .collect();
    Reply::Stopping(
        agents
            .into_iter()
            .filter_map(|agent| stop_agent(tx, agent))
            .collect(),
    )
}

fn resume_agent(tx: &mut Txn, id: AgentId) -> Result<Reply, Refusal> {
    let agent = tx.get::<Agent>(id).clone();
    let task = tx.get::<Task>(agent.task);
    if let Some(open) = tx.state().index().open_turn(id) {
        let stops = tx.get::<crate::domain::work::Turn>(open).stop.is_some();
        return if stops {
            Err(
                Refusal::state(format!("agent '{}' is being stopped", agent.name))
                    .hint("try again in a moment"),
            )
        } else {
            Ok(Reply::Task(agent.task))
        };
    }
    match task.state {
        TaskState::Parked { .. } => {
            turn::go_on(tx, agent.task);
            tx.tell("agent.resumed", About::Agent(id), []);
            Ok(Reply::Task(agent.task))
        }
        TaskState::Failed | TaskState::Cancelled => task::retry(tx, agent.task),
        TaskState::Working if tx.state().index().asks(agent.task) => Err(Refusal::state(format!(
            "agent '{}' waits for an answer",
            agent.name
        ))
        .hint("`cw inbox` shows the question")),
        _ => Err(
            Refusal::state(format!("agent '{}' has nothing to go on with", agent.name)).because(
                format!(
                    "its task '{}' is over or on its way to the merge",
                    task.spec.slug
                ),
            ),
        ),
    }
}

fn remove_agent(tx: &mut Txn, id: AgentId) -> Result<Reply, Refusal> {
    let agent = tx.get::<Agent>(id).clone();
    if tx.state().index().open_turn(id).is_some() {
        return Err(Refusal::state(format!("agent '{}' is at work", agent.name))
            .hint(format!("`cw agent stop {}` stops it", agent.name)));
    }
    match ending::release(tx, id) {
        Some(effect) => Ok(Reply::Effect(effect)),
        None => Ok(Reply::Done),
    }
}

fn integrate(tx: &mut Txn, id: AgentId) -> Result<Reply, Refusal> {
    let agent = tx.get::<Agent>(id).clone();
    let task = tx.get::<Task>(agent.task);
    let refuse = |why: &str| {
        Err(Refusal::state(format!(
            "the work of agent '{}' cannot be merged now",
            agent.name
        ))
        .because(why))
    };
    if tx.state().index().open_turn(id).is_some() {
        return refuse("it is at work");
    }
    match task.state {
        TaskState::Merged { .. } | TaskState::Skipped => return refuse("its task is over"),
        TaskState::Merging => return Ok(Reply::Task(agent.task)),
        TaskState::Todo { .. } | TaskState::Failed if task.blockers > 0 => {
            return refuse("what its task waits for is not merged");
        }
        _ => {}
    }
    let Some(head) = agent.head.clone() else {
        return refuse("it has no work yet");
    };
    if matches!(task.state, TaskState::Cancelled) {
        return refuse("its task was cancelled; `cw task retry` brings it back first");
    }
    message::withdraw(tx, agent.task);
    tx.change::<Task>(agent.task, |task| task.approved = true);
    lane::offer(tx, agent.task, head);
    Ok(Reply::Task(agent.task))
}

/// Holds dispatch, or lets it and every lane that holds go on.
fn hold(tx: &mut Txn, id: ProjectId, held: bool) -> Reply {
    if tx.get::<Project>(id).held != held {
        tx.change::<Project>(id, |project| project.held = held);
        tx.tell(
            if held {
                "project.held"
            } else {
                "project.resumed"
            },
            About::Project(id),
            [],
        );
    }
    if !held {
        let lanes: Vec<InitiativeId> = tx.state().index().initiatives_of(id).collect();
        for lane in lanes {
            lane::accept(tx, lane);
        }
    }
    Reply::Project(id)
}
