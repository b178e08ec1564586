//! Tasks: listed, shown, changed, decided about.

use std::sync::Arc;

use cw_core::app::{Command, NewTask, Reply, TaskEdit};
use cw_core::domain::budget::{Purse, budget};
use cw_core::domain::duration::Seconds;
use cw_core::domain::hierarchy::{
    Initiative, InitiativeStatus, Phase, Plan, Task, TaskSpec as Spec,
};
use cw_core::domain::ids::{InitiativeId, ProjectId, TaskId};
use cw_core::domain::money::Usd;
use cw_core::domain::plan::{Level, Section, build_task};
use cw_core::domain::state::State;
use cw_core::domain::work::{Message, Turn};
use cw_wire::task::{
    DiffView, LogInput, LogView, RejectInput, TaskAdd, TaskAddInput, TaskApprove, TaskCancel,
    TaskDetail, TaskDiff, TaskEditInput, TaskGraph, TaskGraphView, TaskListInput, TaskListing,
    TaskLog, TaskReject, TaskRetry, TaskRetryInput, TaskShow, TaskShown, TaskSkip, TaskSpec,
};
use cw_wire::{ErrorCode, ErrorView, Target, TaskList, TaskView};

use crate::app::{App, Fault};
use crate::faults::{internal, refusal};
use crate::rpc::Table;
use crate::views;

/// The most messages that one task is shown with: the last ones.
const MESSAGES: usize = 200;

/// Answers what is about tasks.
pub fn register(table: &mut Table) {
    table.user::<TaskListing, _, _>(list);
    table.user::<TaskShow, _, _>(show);
    table.user::<TaskAdd, _, _>(add);
    table.user::<cw_wire::task::TaskEdit, _, _>(edit);
    table.user::<TaskGraph, _, _>(graph);
    table.user::<TaskDiff, _, _>(diff);
    table.user::<TaskLog, _, _>(log);
    table.user::<TaskRetry, _, _>(retry);
    table.user::<TaskCancel, _, _>(|app, target| order(app, target, Command::CancelTask));
    table.user::<TaskSkip, _, _>(|app, target| order(app, target, Command::SkipTask));
    table.user::<TaskApprove, _, _>(|app, target| order(app, target, Command::Approve));
    table.user::<TaskReject, _, _>(reject);
}

/// The initiatives that a list is about.
async fn scoped(app: &Arc<App>, input: &TaskListInput) -> Result<Vec<InitiativeId>, Fault> {
    if let Some(word) = &input.initiative {
        let one = app.initiative(input.dir.clone(), word.clone()).await?;
        return Ok(vec![one]);
    }
    let only: Option<ProjectId> = match input.all {
        true => None,
        false => Some(app.project(input.dir.clone()).await?),
    };
    app.read(move |state| {
        let rows = state.all::<Initiative>();
        let rows = rows.filter(|row| only.is_none_or(|project| project == row.project));
        Ok(rows.map(|row| row.id).collect())
    })
    .await
}

async fn list(app: Arc<App>, input: TaskListInput) -> Result<TaskList, Fault> {
    let initiatives = scoped(&app, &input).await?;
    app.read(move |state| {
        let mut sheet = views::task::Tasks::of(state);
        let mut tasks: Vec<TaskView> = Vec::new();
        for id in initiatives {
            tasks.extend(sheet.all_of(id));
        }
        if !input.status.is_empty() {
            tasks.retain(|task| input.status.contains(&task.status));
        }
        Ok(TaskList { tasks })
    })
    .await
}

async fn graph(app: Arc<App>, input: TaskListInput) -> Result<TaskGraphView, Fault> {
    let initiatives = scoped(&app, &input).await?;
    app.read(move |state| {
        let mut sheet = views::task::Tasks::of(state);
        let mut graph = TaskGraphView::default();
        for id in initiatives {
            let order = views::graph::order(state, id);
            graph
                .tasks
                .extend(order.into_iter().filter_map(|id| sheet.one(id)));
            graph.edges.extend(views::graph::edges(state, id));
        }
        if !input.status.is_empty() {
            graph
                .tasks
                .retain(|task| input.status.contains(&task.status));
        }
        Ok(graph)
    })
    .await
}

fn gone() -> Fault {
    ErrorView::new(ErrorCode::NotFound, "there is no such task")
}

async fn one(app: &App, id: TaskId) -> Result<TaskList, Fault> {
    app.read(move |state| {
        let task = state.get::<Task>(id).ok_or_else(gone)?;
        Ok(TaskList {
            tasks: vec![views::task::view(state, task)],
        })
    })
    .await
}

async fn show(app: Arc<App>, target: Target) -> Result<TaskShown, Fault> {
    let id = app.task(target.dir, target.id).await?;
    let runs = app.about.runs.clone();
    app.read(move |state| {
        let task = state.get::<Task>(id).ok_or_else(gone)?;
        let spec = &task.spec;
        let mut messages: Vec<_> = state
            .all::<Message>()
            .rev()
            .filter(|message| message.task == Some(id))
            .take(MESSAGES)
            .map(|message| views::message::view(state, message))
            .collect();
        messages.reverse();
        let turns = state
            .all::<Turn>()
            .filter(|turn| turn.task == id)
            .map(|turn| views::agent::turn(turn, &runs))
            .collect();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a timeout is far below 2^53 seconds"
        )]
        let timeout_s = spec.timeout.map(|Seconds(seconds)| seconds as f64);
        Ok(TaskShown {
            task: TaskDetail {
                view: views::task::view(state, task),
                prompt: spec.text.clone(),
                model: spec.model.clone(),
                touches: spec.touches.clone(),
                verify: spec.verify.clone(),
                review: views::task::review(spec.review),
                budget_usd: budget(state, Purse::Task(id)).map(Usd::dollars),
                timeout_s,
                max_attempts: spec.attempts,
                summary: task.summary.clone(),
                turns,
                messages,
            },
        })
    })
    .await
}

async fn diff(app: Arc<App>, target: Target) -> Result<DiffView, Fault> {
    let id = app.task(target.dir, target.id).await?;
    match agent_of(&app, id).await? {
        Some(agent) => super::diff::of_agent(&app, agent).await,
        None => Ok(DiffView::default()),
    }
}

async fn agent_of(app: &App, id: TaskId) -> Result<Option<cw_core::domain::ids::AgentId>, Fault> {
    app.read(move |state| Ok(state.get::<Task>(id).ok_or_else(gone)?.agent))
        .await
}

async fn log(app: Arc<App>, input: LogInput) -> Result<LogView, Fault> {
    let id = app.task(input.dir.clone(), input.id.clone()).await?;
    match agent_of(&app, id).await? {
        Some(agent) => super::log::read(app, agent, &input).await,
        None => Ok(LogView {
            ended: true,
            ..LogView::default()
        }),
    }
}

async fn order(
    app: Arc<App>,
    target: Target,
    command: fn(TaskId) -> Command,
) -> Result<TaskList, Fault> {
    let id = app.task(target.dir, target.id).await?;
    app.command(command(id)).await?;
    one(&app, id).await
}

async fn retry(app: Arc<App>, input: TaskRetryInput) -> Result<TaskList, Fault> {
    let id = app.task(input.dir, input.id).await?;
    let text = input.text.filter(|text| !text.trim().is_empty());
    let agent = agent_of(&app, id).await?;
    if text.is_some() && agent.is_none() {
        return Err(
            ErrorView::new(ErrorCode::Refused, "the task has no agent to tell")
                .hint("`cw task edit --prompt` changes what it is asked to do; then try it again"),
        );
    }
    app.command_with(Command::RetryTask(id), input.env).await?;
    if let Some((agent, text)) = agent.zip(text) {
        app.command(Command::Say(agent, text)).await?;
    }
    one(&app, id).await
}

async fn reject(app: Arc<App>, input: RejectInput) -> Result<TaskList, Fault> {
    let id = app.task(input.dir, input.id).await?;
    let why = input.text.unwrap_or_default().trim().to_owned();
    app.command(Command::Reject(id, why)).await?;
    one(&app, id).await
}

async fn add(app: Arc<App>, input: TaskAddInput) -> Result<TaskList, Fault> {
    let project = app.project(input.dir).await?;
    let spec = Spec::from(&built(&input.spec, input.id, None)?);
    let (word, phase, plan) = (input.initiative, input.phase, input.plan);
    let (initiative, plan) = app
        .read(move |state| {
            let id = match word {
                Some(word) => {
                    cw_core::app::find_initiative(state, project, &word).map_err(refusal)?
                }
                None => only_open(state, project)?,
            };
            Ok((id, plan_of(state, id, phase, plan)?))
        })
        .await?;
    let new = NewTask {
        initiative,
        plan,
        spec,
        by: None,
    };
    match app.command(Command::AddTask(new)).await? {
        Reply::Task(id) => one(&app, id).await,
        _ => Err(internal("adding a task gave no task")),
    }
}

/// The only initiative that is not over.
fn only_open(state: &State, project: ProjectId) -> Result<InitiativeId, Fault> {
    let open: Vec<&Initiative> = state
        .index()
        .initiatives_of(project)
        .filter_map(|id| state.get::<Initiative>(id))
        .filter(|row| {
            !row.adhoc
                && matches!(
                    row.status,
                    InitiativeStatus::Draft | InitiativeStatus::Active | InitiativeStatus::Paused
                )
        })
        .collect();
    match open.as_slice() {
        [only] => Ok(only.id),
        [] => Err(ErrorView::new(
            ErrorCode::NotFound,
            "there is no initiative to add a task to",
        )
        .hint("`cw plan apply` makes one; `cw spawn` starts an agent without one")),
        several => {
            let names: Vec<&str> = several
                .iter()
                .take(10)
                .map(|row| row.slug.as_str())
                .collect();
            Err(
                ErrorView::new(ErrorCode::Usage, "it could go to several initiatives")
                    .cause(format!("candidates: {}", names.join(", ")))
                    .hint("name one with --initiative"),
            )
        }
    }
}

/// The plan that a task goes to: as named, else the last one of the phase as named.
fn plan_of(
    state: &State,
    initiative: InitiativeId,
    phase: Option<String>,
    plan: Option<String>,
) -> Result<Option<String>, Fault> {
    let Some(phase) = phase else {
        return Ok(plan);
    };
    let missing = |what: &str, word: &str| {
        ErrorView::new(ErrorCode::NotFound, format!("there is no {what} '{word}'"))
            .hint("`cw plan export` shows phases and plans")
    };
    let row = state
        .all::<Phase>()
        .find(|row| row.initiative == initiative && row.slug == phase)
        .ok_or_else(|| missing("phase", &phase))?;
    let mut plans: Vec<&Plan> = state
        .all::<Plan>()
        .filter(|line| line.phase == row.id)
        .collect();
    plans.sort_by_key(|line| line.position);
    let found = match &plan {
        Some(word) => plans.iter().find(|line| line.slug == *word),
        None => plans.last(),
    };
    found.map(|line| Some(line.slug.clone())).ok_or_else(|| {
        missing(
            "plan",
            &format!("{} in phase '{phase}'", plan.unwrap_or_default()),
        )
    })
}

async fn edit(app: Arc<App>, input: TaskEditInput) -> Result<TaskList, Fault> {
    let id = app.task(input.dir, input.id).await?;
    if input.spec.kind.is_some() {
        return Err(
            ErrorView::new(ErrorCode::Usage, "the kind of a task cannot be changed")
                .hint("`cw task skip` takes it out, `cw task add --kind` adds another"),
        );
    }
    let (slug, title) = app
        .read(move |state| {
            let task = state.get::<Task>(id).ok_or_else(gone)?;
            Ok((task.spec.slug.clone(), task.spec.title.clone()))
        })
        .await?;
    let new = built(&input.spec, Some(slug), Some(title))?;
    let said = input.spec;
    let edit = TaskEdit {
        title: said.title.map(|_| new.title),
        text: said.prompt.map(|_| new.text),
        after: said.after.map(|_| new.after),
        agent: said.agent.map(|_| new.agent),
        model: said.model.map(|_| new.model),
        priority: said.priority.map(|_| new.priority),
        touches: said.touches.map(|_| new.touches),
        verify: said.verify.map(|_| new.verify),
        review: said.review.map(|_| new.review),
        budget: said.budget_usd.map(|_| new.budget),
        timeout: said.timeout_s.map(|_| new.timeout),
        attempts: said.attempts.map(|_| new.attempts),
    };
    app.command(Command::EditTask(id, edit)).await?;
    one(&app, id).await
}

/// What is said about a task, taken by the same rules as a heading of a plan file.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn built(
    said: &TaskSpec,
    id: Option<String>,
    title: Option<String>,
) -> Result<cw_core::domain::plan::Task, Fault> {
    let title = said.title.clone().or(title).unwrap_or_default();
    if title.trim().is_empty() {
        return Err(ErrorView::new(ErrorCode::Usage, "the title is empty"));
    }
    let mut section = Section::new(Level::Task, title);
    if let Some(text) = &said.prompt {
        section = section.with_text(text.clone());
    }
    for (key, value) in attributes(said, id)? {
        section = section.with(key, value);
    }
    build_task(section, "the task").map_err(|errors| views::plan::faults(&errors))
}

fn attributes(said: &TaskSpec, id: Option<String>) -> Result<Vec<(&'static str, String)>, Fault> {
    let usage = |what: String| ErrorView::new(ErrorCode::Usage, what);
    let mut all = Vec::new();
    let mut add = |key: &'static str, value: Option<String>| {
        all.extend(value.map(|value| (key, value)));
    };
    let list = |values: &Option<Vec<String>>| {
        let values = values.as_ref()?;
        Some(values.join(", ")).filter(|_| !values.is_empty())
    };
    add("id", id);
    add(
        "after",
        said.after.as_ref().map(|names| match names.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        }),
    );
    add("kind", said.kind.map(|word| word.to_string()));
    add("agent", said.agent.clone());
    add("model", said.model.clone());
    add("priority", said.priority.map(|word| word.to_string()));
    add("touches", list(&said.touches));
    for command in said.verify.iter().flatten() {
        add("verify", Some(command.clone()));
    }
    add("review", said.review.map(|word| word.to_string()));
    if let Some(dollars) = said.budget_usd {
        let budget = Usd::from_dollars(dollars)
            .ok_or_else(|| usage(format!("{dollars} is not an amount of dollars")))?;
        add("budget", Some(budget.to_string()));
    }
    if let Some(seconds) = said.timeout_s {
        let whole = std::time::Duration::try_from_secs_f64(seconds)
            .map_err(|_| usage(format!("{seconds} is not a number of seconds")))?;
        add("timeout", Some(Seconds(whole.as_secs()).to_string()));
    }
    add("attempts", said.attempts.map(|n| n.to_string()));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_about_a_task_follows_the_rules_of_the_file() {
        let said = TaskSpec {
            title: Some(" Log in ".into()),
            prompt: Some("\n\nAdd it.\n".into()),
            after: Some(vec![]),
            verify: Some(vec!["cargo test".into(), "cargo fmt".into()]),
            touches: Some(vec!["src/**".into(), "a.{rs,toml}".into()]),
            budget_usd: Some(0.5),
            timeout_s: Some(90.0),
            ..TaskSpec::default()
        };
        let task = built(&said, None, None).unwrap();
        assert_eq!(
            (task.id.as_str(), task.title.as_str()),
            ("log-in", "Log in")
        );
        assert_eq!(task.text.trim(), "Add it.");
        assert_eq!(task.after, Some(vec![]));
        assert_eq!(task.verify, ["cargo test", "cargo fmt"]);
        assert_eq!(task.touches, ["src/**", "a.{rs,toml}"]);
        assert_eq!(task.budget, Some(Usd(500_000)));
        assert_eq!(task.timeout, Some(Seconds(90)));
    }

    #[test]
    fn what_a_file_could_not_say_is_refused() {
        let title = Some("x".to_owned());
        for said in [
            TaskSpec {
                budget_usd: Some(-1.0),
                ..TaskSpec::default()
            },
            TaskSpec {
                budget_usd: Some(0.0),
                ..TaskSpec::default()
            },
            TaskSpec {
                timeout_s: Some(f64::NAN),
                ..TaskSpec::default()
            },
            TaskSpec {
                attempts: Some(0),
                ..TaskSpec::default()
            },
            TaskSpec {
                verify: Some(vec!["a\nb".into()]),
                ..TaskSpec::default()
            },
            TaskSpec {
                prompt: Some("a\0".into()),
                ..TaskSpec::default()
            },
        ] {
            let fault = built(&said, None, title.clone()).unwrap_err();
            assert_eq!(fault.code, ErrorCode::Usage, "{said:?}");
        }
        assert!(built(&TaskSpec::default(), None, None).is_err());
    }
}
