//! What users want, handed to where it is decided, and the few decisions about projects and
//! agents as a whole.

use std::sync::Arc;

use crate::domain::hierarchy::{Initiative, Project, Task, TaskState};
use crate::domain::ids::{AgentId, InitiativeId, ProjectId, TurnId};
use crate::domain::names;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, Party, StopReason};

use super::signal::{Command, Refusal, Reply};
use super::{apply, ending, held, initiative, lane, message, request, spawn, task, tasks, turn};

pub(super) fn route(tx: &mut Txn, command: Command) -> Result<Reply, Refusal> {
    if let Some(project) = begun_by(tx, &command)
        && tx.get::<Project>(project).lifts
    {
        hold(tx, project, false);
    }
    if held::lets_go(&command)
        && let Some(project) = held::concerned(tx, &command)
    {
        held::let_go(tx, project);
    }
    match command {
        Command::Passing(names, command) => held::pass(tx, &names, *command),
        Command::Register { root, name, base } => Ok(register(tx, root, &name, base)),
        Command::Trust {
            project,
            text,
            bypass,
        } => Ok(trust(tx, project, &text, bypass)),
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
        Command::Say(id, text) => message::say(tx, Party::User, Party::Agent(id), &text, None),
        Command::RemoveAgent(id) => remove_agent(tx, id),
        Command::Integrate(id) => integrate(tx, id),
        Command::Answer(id, text) => message::answer(tx, id, &text),
        Command::Read(id) => message::read(tx, id),
        Command::Revoke(id) => request::revoke(tx, id),
        Command::Hold(id) => Ok(hold(tx, id, true)),
        Command::Unhold(id) => {
            accept_lanes(tx, id);
            Ok(hold(tx, id, false))
        }
    }
}

/// The project in which a command has something begin or go on.
fn begun_by(tx: &Txn, command: &Command) -> Option<ProjectId> {
    let of_task = |id| tx.get::<Initiative>(tx.get::<Task>(id).initiative).project;
    match command {
        Command::Apply {
            project,
            start: Some(_),
            ..
        }
        | Command::Spawn { project, .. } => Some(*project),
        Command::Start(id, _) | Command::Resume(id) => Some(tx.get::<Initiative>(*id).project),
        Command::RetryTask(id) => Some(of_task(*id)),
        Command::ResumeAgent(id) => Some(tx.get::<Agent>(*id).project),
        // A stopped agent reads it once it is let go on.
        Command::Say(id, _) => Some(tx.get::<Agent>(*id))
            .filter(|agent| !agent.stopped)
            .map(|agent| agent.project),
        _ => None,
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
        bypass: false,
        held: false,
        lifts: false,
        created_at: tx.now,
    });
    tx.tell("project.registered", About::Project(id), []);
    Reply::Project(id)
}

fn trust(tx: &mut Txn, id: ProjectId, text: &str, bypass: bool) -> Reply {
    let known = tx.get::<Project>(id);
    if known.trusted.as_deref() != Some(text) || known.bypass != bypass {
        tx.change::<Project>(id, |project| {
            project.trusted = Some(Arc::from(text));
            project.bypass = bypass;
        });
        tx.tell("project.trusted", About::Project(id), []);
    }
    Reply::Project(id)
}

/// Stops an agent's turn, if it has one, and sets its task aside until the user says otherwise.
pub(super) fn stop_agent(tx: &mut Txn, id: AgentId) -> Option<TurnId> {
    let agent = tx.get::<Agent>(id).clone();
    let open = tx.state().index().open_turn(id);
    if let Some(open) = open {
        tx.change::<Agent>(id, |agent| agent.stopped = true);
        turn::stop(tx, open, StopReason::User);
        tx.tell("agent.stop-requested", About::Agent(id), []);
        return Some(open);
    }
    let task = tx.get::<Task>(agent.task);
    let waits = matches!(
        task.state,
        TaskState::Working | TaskState::Todo { .. } | TaskState::Parked { resume_at: Some(_) }
    );
    if waits && task.agent == Some(id) && !agent.stopped {
        tx.change::<Agent>(id, |agent| agent.stopped = true);
        tasks::set_state(tx, agent.task, TaskState::Parked { resume_at: None });
        tx.tell("agent.stopped", About::Agent(id), []);
    }
    None
}

/// Stops every agent, and holds dispatch until the user has something go on: else others would
/// start in their place at once.
fn stop_all(tx: &mut Txn, project: Option<ProjectId>) -> Reply {
    let projects: Vec<ProjectId> = tx
        .state()
        .all::<Project>()
        .map(|row| row.id)
        .filter(|id| project.is_none_or(|only| only == *id))
        .collect();
    for id in projects {
        if !tx.get::<Project>(id).held {
            hold(tx, id, true);
            tx.change::<Project>(id, |project| project.lifts = true);
        }
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
        TaskState::Failed
        | TaskState::Cancelled
        | TaskState::Todo {
            not_before: Some(_),
        } => task::retry(tx, agent.task),
        // It goes on as soon as it has a place and what it waits for.
        TaskState::Todo { not_before: None } => Ok(Reply::Task(agent.task)),
        TaskState::Working if tx.state().index().asks(agent.task) => Err(Refusal::state(format!(
            "agent '{}' waits for an answer",
            agent.name
        ))
        .hint("`cw inbox` shows the question")),
        _ if task.state.is_closed() => Err(Refusal::state(format!(
            "agent '{}' is finished",
            agent.name
        ))
        .because(format!("its task '{}' is over", task.spec.slug))
        .hint("add a new task with `cw task add`, or start an agent with `cw spawn`")),
        _ => Err(
            Refusal::state(format!("agent '{}' has nothing to go on with", agent.name))
                .because(format!(
                    "its task '{}' is on its way to the merge",
                    task.spec.slug
                ))
                .hint(format!(
                    "`cw task show {}` tells how it stands",
                    task.spec.slug
                )),
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
        _ if task.blockers > 0 => {
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

/// Holds dispatch, or lets it go on.
fn hold(tx: &mut Txn, id: ProjectId, held: bool) -> Reply {
    if tx.get::<Project>(id).lifts {
        // Held or let go by name: the hold that came by the way is over.
        tx.change::<Project>(id, |project| project.lifts = false);
    }
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
    Reply::Project(id)
}

/// The user has looked: every lane that holds goes on from where its branch was found.
fn accept_lanes(tx: &mut Txn, id: ProjectId) {
    let lanes: Vec<InitiativeId> = tx.state().index().initiatives_of(id).collect();
    for lane in lanes {
        lane::accept(tx, lane);
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::Scene;
    use super::*;
    use crate::app::{StartFacts, decide};
    use crate::domain::status::TaskStatus;
    use crate::domain::work::Verdict;

    fn held(scene: &Scene) -> bool {
        scene.state.get::<Project>(scene.project).unwrap().held
    }

    fn stopped() -> Scene {
        let mut scene = Scene::new();
        scene.command(Command::StopAll(None));
        scene.end(Verdict::Stopped);
        assert!(held(&scene));
        assert_eq!(scene.status(), TaskStatus::Parked);
        scene
    }

    fn spawn(scene: &Scene, agent: Option<&str>) -> Command {
        Command::Spawn {
            project: scene.project,
            prompt: "another".into(),
            agent: agent.map(Into::into),
            name: None,
            model: None,
            facts: StartFacts {
                base: Some(super::super::scene::oid()),
                branch: None,
            },
        }
    }

    fn agent(scene: &Scene) -> AgentId {
        scene.turn().agent
    }

    #[test]
    fn what_is_started_after_all_was_stopped_lets_the_hold_go() {
        let mut scene = stopped();
        scene.command(Command::ResumeAgent(agent(&scene)));
        assert!(!held(&scene));
        assert_eq!(scene.status(), TaskStatus::Running);

        let mut scene = stopped();
        scene.command(spawn(&scene, None));
        assert!(!held(&scene));
        // The one that was stopped goes on only when told.
        assert_eq!(scene.status(), TaskStatus::Parked);
    }

    #[test]
    fn a_hold_that_was_asked_for_stays_whatever_is_started() {
        for order in ["before", "after"] {
            let mut scene = if order == "before" {
                let mut scene = Scene::new();
                scene.command(Command::Hold(scene.project));
                scene.command(Command::StopAll(None));
                scene.end(Verdict::Stopped);
                scene
            } else {
                let mut scene = stopped();
                scene.command(Command::Hold(scene.project));
                scene
            };
            scene.command(Command::ResumeAgent(agent(&scene)));
            assert!(held(&scene), "{order}");
            scene.command(Command::Unhold(scene.project));
            assert!(!held(&scene), "{order}");
        }
    }

    #[test]
    fn a_start_that_is_refused_lets_nothing_go() {
        let mut scene = stopped();
        let unknown = crate::app::Signal::Command(spawn(&scene, Some("nobody")));
        let now = crate::domain::time::Timestamp(scene.now);
        decide(&mut scene.state, unknown, now, &mut scene.ids).unwrap_err();
        assert!(held(&scene));
    }
}
