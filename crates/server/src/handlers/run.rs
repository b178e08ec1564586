//! The main job: a plan is stored and started in one step, and followed to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cw_core::app::{Prospect, find_initiative, prospect};
use cw_core::domain::budget::Purse;
use cw_core::domain::held::{self, Hold};
use cw_core::domain::hierarchy::{Initiative, Project, Task, TaskState};
use cw_core::domain::ids::{InitiativeId, MessageId, ProjectId};
use cw_core::domain::state::State;
use cw_core::domain::status::{TaskStatus, task_status};
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Agent, Message, Turn};
use cw_wire::run::{
    FailedTask, Run, RunInput, RunOutcome, RunProgress, RunProgressInput, RunProgressView,
    RunStarted,
};

use super::plan::remarks::unpriced;
use super::plan::{Storing, bounded, read_apart, store};
use crate::app::{App, Fault};
use crate::faults::{internal, refusal};
use crate::rpc::Table;
use crate::views;
use crate::work::Places;

/// The most tasks, questions and reviews that one answer names.
const NAMED: usize = 100;

/// Answers what is about runs.
pub fn register(table: &mut Table) {
    table.user::<Run, _, _>(run);
    table.user::<RunProgress, _, _>(progress);
}

async fn run(app: Arc<App>, input: RunInput) -> Result<RunStarted, Fault> {
    let name = bounded(&input.plan.name);
    let plan = read_apart(&app, input.plan).await?;
    let (project, warnings) = app.trusted(input.dir).await?;
    let initiative = plan.initiative.id.clone();
    let seq = app.read(|state| Ok(state.last_seq())).await?;
    let storing = Storing {
        project,
        plan,
        name,
        agent: input.agent,
        max_agents: input.max_agents,
        dry_run: false,
        starts: true,
        warnings,
        env: input.env,
    };
    let mut applied = store(&app, storing).await?;
    let word = initiative.clone();
    let id = app
        .read(move |state| find_initiative(state, project, &word).map_err(refusal))
        .await?;
    let more = app.read(move |state| {
        let mut more = unpriced(state, id);
        more.extend(views::unset(&held::ungiven(state, state.tasks_of(id))));
        Ok(more)
    });
    applied.warnings.extend(more.await?);
    Ok(RunStarted {
        initiative,
        seq,
        applied,
    })
}

async fn progress(app: Arc<App>, input: RunProgressInput) -> Result<RunProgressView, Fault> {
    let id = app.initiative(input.dir, input.initiative).await?;
    let (places, now) = (app.places.clone(), app.clock.now());
    app.read(move |state| {
        view(state, &places, id, now).ok_or_else(|| internal("the initiative is gone"))
    })
    .await
}

fn view(
    state: &State,
    places: &Places,
    id: InitiativeId,
    now: Timestamp,
) -> Option<RunProgressView> {
    let row = state.get::<Initiative>(id)?;
    let mut counts = views::initiative::Counts::new();
    let (mut questions, mut failed, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
    for task in state.tasks_of(id) {
        let status = task_status(state, task);
        *counts.entry(status).or_default() += 1;
        if !task.state.is_closed() && questions.len() < NAMED {
            questions.extend(state.index().questions(task.id));
            questions.extend(state.index().budget_question(Purse::Task(task.id)));
            questions.extend(holding(state, task, row.project));
        }
        match status {
            TaskStatus::Failed | TaskStatus::Cancelled if failed.len() < NAMED => {
                failed.push(failure(task, status));
            }
            TaskStatus::Review if reviews.len() < NAMED => reviews.push(task.spec.slug.clone()),
            _ => {}
        }
    }
    questions.extend(state.index().budget_question(Purse::Initiative(id)));
    // One message may hold many tasks.
    let questions: BTreeSet<MessageId> = questions.into_iter().collect();
    let started = row.started_at.unwrap_or(row.created_at);
    Some(RunProgressView {
        initiative: views::initiative::view(state, row, &counts),
        outcome: outcome(prospect(state, id), &counts),
        counts: named(&counts),
        agents: agents(state, places, id),
        questions: questions
            .into_iter()
            .filter_map(|id| state.get::<Message>(id))
            .map(|message| views::message::view(state, message))
            .collect(),
        failed,
        reviews,
        held: state
            .get::<Project>(row.project)
            .is_some_and(|project| project.held),
        seq: state.last_seq(),
        elapsed_s: row.ended_at.unwrap_or(now).since(started).as_secs_f64(),
    })
}

/// The question whose answer lets a task go on that is held.
fn holding(state: &State, task: &Task, project: ProjectId) -> Option<MessageId> {
    match held::hold(state, task)? {
        Hold::Login(message) => Some(message),
        Hold::Values(_) => state.index().values_asked(project),
    }
}

fn failure(task: &Task, status: TaskStatus) -> FailedTask {
    let error = match task.state {
        TaskState::Failed => task.error.clone(),
        _ => None,
    };
    FailedTask {
        id: task.spec.slug.clone(),
        title: task.spec.title.clone(),
        status: status.word().into(),
        error,
    }
}

/// The agents with a turn under way.
fn agents(state: &State, places: &Places, id: InitiativeId) -> Vec<cw_wire::AgentView> {
    state
        .index()
        .open_turns()
        .filter_map(|turn| state.get::<Turn>(turn))
        .filter_map(|turn| state.get::<Agent>(turn.agent))
        .filter(|agent| agent.initiative == id)
        .map(|agent| views::agent::view(state, places, agent))
        .collect()
}

fn named(counts: &views::initiative::Counts) -> BTreeMap<String, u32> {
    counts
        .iter()
        .map(|(status, n)| (status.word().to_owned(), *n))
        .collect()
}

/// What is given up counts against a run that has nothing left to do.
fn outcome(prospect: Prospect, counts: &views::initiative::Counts) -> RunOutcome {
    let tasks = views::initiative::tasks(counts);
    match prospect {
        Prospect::Working => RunOutcome::Working,
        Prospect::WaitsForUser => RunOutcome::WaitsForUser,
        Prospect::Finished | Prospect::Stuck if tasks.merged == tasks.total => RunOutcome::Finished,
        Prospect::Finished | Prospect::Stuck => RunOutcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_a_cancelled_task_has_failed_and_an_empty_one_is_finished() {
        let counts = |pairs: &[(TaskStatus, u32)]| pairs.iter().copied().collect();
        let done = counts(&[(TaskStatus::Merged, 2), (TaskStatus::Skipped, 1)]);
        assert_eq!(outcome(Prospect::Finished, &done), RunOutcome::Finished);
        let given_up = counts(&[(TaskStatus::Merged, 2), (TaskStatus::Cancelled, 1)]);
        assert_eq!(outcome(Prospect::Finished, &given_up), RunOutcome::Failed);
        assert_eq!(outcome(Prospect::Stuck, &counts(&[])), RunOutcome::Finished);
        let stuck = counts(&[(TaskStatus::Failed, 1), (TaskStatus::Blocked, 4)]);
        assert_eq!(outcome(Prospect::Stuck, &stuck), RunOutcome::Failed);
        assert_eq!(
            outcome(Prospect::WaitsForUser, &stuck),
            RunOutcome::WaitsForUser
        );
    }
}
