//! What an agent may do under its own token: for its own task alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cw_core::app::{Call, NewTask, Reply, Signal, find_agent};
use cw_core::domain::graph::{Needs, Node};
use cw_core::domain::hierarchy::{Initiative, Phase, Plan, Task, TaskSpec, TaskState};
use cw_core::domain::ids::{AgentId, MessageId, TaskId};
use cw_core::domain::plan::{Priority, Review, TaskKind};
use cw_core::domain::state::State;
use cw_core::domain::work::{Agent, Message, MessageStatus, Party};
use cw_wire::me::{
    AddTask, AddTaskInput, Ask, AskInput, AskOutput, Done, DoneInput, MeMessages, MeSayInput,
    MeTask, PredecessorView, Progress, ProgressInput, ReadMessages, ReadMessagesInput, Say,
    Task as OwnTask, Took, TookInput, WAIT_LIMIT_S, WaitAnswer, WaitAnswerInput,
};
use cw_wire::scope::Nothing;
use cw_wire::{ErrorCode, ErrorView, MessageView, TaskList};

use crate::app::{App, Fault};
use crate::faults::{internal, refusal, to_view};
use crate::rpc::Table;
use crate::views;

/// The most predecessors that an agent is told of.
const PREDECESSORS: usize = 50;

/// Answers what agents ask for.
pub fn register(table: &mut Table) {
    table.agent::<Ask, _, _>(ask);
    table.agent::<WaitAnswer, _, _>(wait_answer);
    table.agent::<Say, _, _>(say);
    table.agent::<ReadMessages, _, _>(read_messages);
    table.agent::<Took, _, _>(took);
    table.agent::<Progress, _, _>(progress);
    table.agent::<Done, _, _>(done);
    table.agent::<OwnTask, _, _>(task);
    table.agent::<AddTask, _, _>(add_task);
}

async fn call(app: &App, me: AgentId, call: Call) -> Result<Reply, Fault> {
    let decided = app.engine.decide(Signal::Call(me, call)).await;
    decided.map_err(to_view)
}

fn gone() -> Fault {
    internal("the agent's task is not there")
}

async fn ask(app: Arc<App>, me: AgentId, input: AskInput) -> Result<AskOutput, Fault> {
    let patience = Duration::from_secs(input.wait_s.min(WAIT_LIMIT_S).into());
    ask_within(&app, me, input, patience).await
}

/// Asks, and waits for the answer.
pub(crate) async fn ask_within(
    app: &App,
    me: AgentId,
    input: AskInput,
    patience: Duration,
) -> Result<AskOutput, Fault> {
    let question = Call::Ask {
        text: input.text,
        options: input.options,
        key: input.key,
    };
    let Reply::Message(id) = call(app, me, question).await? else {
        return Err(internal("a question was asked without a number"));
    };
    wait(app, me, id, patience, input.acks).await
}

pub(crate) async fn progress(
    app: Arc<App>,
    me: AgentId,
    input: ProgressInput,
) -> Result<Nothing, Fault> {
    call(&app, me, Call::Progress(input.text)).await?;
    Ok(Nothing {})
}

pub(crate) async fn done(app: Arc<App>, me: AgentId, input: DoneInput) -> Result<Nothing, Fault> {
    let summary = input.summary.unwrap_or_default();
    call(&app, me, Call::Done(summary)).await?;
    Ok(Nothing {})
}

pub(crate) async fn task(app: Arc<App>, me: AgentId, _: Nothing) -> Result<MeTask, Fault> {
    app.read(move |state| own_task(state, me)).await
}

/// The number of a message as it is typed.
fn number(word: &str) -> Option<MessageId> {
    word.trim_start_matches('#').parse().map(MessageId).ok()
}

async fn took(app: Arc<App>, me: AgentId, input: TookInput) -> Result<Nothing, Fault> {
    let ids: Option<Vec<MessageId>> = input.messages.iter().map(|word| number(word)).collect();
    let ids = ids.ok_or_else(|| ErrorView::new(ErrorCode::Usage, "a message has a number"))?;
    call(&app, me, Call::TookMessages(ids)).await?;
    Ok(Nothing {})
}

async fn wait_answer(
    app: Arc<App>,
    me: AgentId,
    input: WaitAnswerInput,
) -> Result<AskOutput, Fault> {
    let word = input.message;
    let id = app
        .read(move |state| {
            let message = number(&word).and_then(|id| state.get::<Message>(id));
            // A question of somebody else is as good as none.
            message
                .filter(|message| message.from == Party::Agent(me))
                .map(|message| message.id)
                .ok_or_else(|| {
                    ErrorView::new(
                        ErrorCode::NotFound,
                        format!("there is no question '{word}' of yours"),
                    )
                })
        })
        .await?;
    let patience = Duration::from_secs(input.wait_s.min(WAIT_LIMIT_S).into());
    wait(&app, me, id, patience, input.acks).await
}

/// How a question stands once it is not open any more.
#[derive(Clone)]
enum Settled {
    Answered(String),
    /// Nobody will answer it.
    Withdrawn,
}

async fn wait(
    app: &App,
    me: AgentId,
    id: MessageId,
    patience: Duration,
    acks: bool,
) -> Result<AskOutput, Fault> {
    let settled = app
        .until(patience, move |state| {
            let message = state.get::<Message>(id)?;
            match (&message.status, &message.answer) {
                (MessageStatus::Open, _) => None,
                (_, Some(answer)) => Some(Settled::Answered(answer.clone())),
                _ => Some(Settled::Withdrawn),
            }
        })
        .await?;
    let told = AskOutput {
        message: id.to_string(),
        ..AskOutput::default()
    };
    Ok(match settled {
        Some(Settled::Answered(answer)) => {
            if !acks {
                // Saved before it is handed over: no later turn brings it again.
                call(app, me, Call::TookAnswer(id)).await?;
            }
            AskOutput {
                answer: Some(answer),
                ..told
            }
        }
        Some(Settled::Withdrawn) => AskOutput {
            parked: true,
            ..told
        },
        None => told,
    })
}

pub(crate) async fn say(
    app: Arc<App>,
    me: AgentId,
    input: MeSayInput,
) -> Result<MeMessages, Fault> {
    let to = match input.to {
        None => Party::User,
        Some(word) => {
            app.read(move |state| {
                let agent = state.get::<Agent>(me).ok_or_else(gone)?;
                find_agent(state, agent.project, &word)
                    .map(Party::Agent)
                    .map_err(refusal)
            })
            .await?
        }
    };
    let said = Call::Say {
        to,
        text: input.text,
        key: input.key,
    };
    let reply = call(&app, me, said).await?;
    let messages = super::message::replied(&app, reply).await?.messages;
    Ok(MeMessages { messages })
}

async fn read_messages(
    app: Arc<App>,
    me: AgentId,
    input: ReadMessagesInput,
) -> Result<MeMessages, Fault> {
    let messages = mail(&app, me).await?;
    if !input.acks {
        hand_over(&app, me, &messages).await?;
    }
    Ok(MeMessages { messages })
}

/// What an agent has not read yet, oldest first.
pub(crate) async fn mail(app: &App, me: AgentId) -> Result<Vec<MessageView>, Fault> {
    app.read(move |state| {
        let turn = state.index().open_turn(me);
        let mail = state.index().mail(me);
        let rows = mail.filter_map(|id| state.get::<Message>(id));
        // What its program was handed while it works comes by itself.
        let rows = rows.filter(|message| turn.is_none() || message.passed != turn);
        Ok(rows
            .map(|message| views::message::view(state, message))
            .collect())
    })
    .await
}

/// Marks messages as read by an agent that is about to get them.
pub(crate) async fn hand_over(
    app: &App,
    me: AgentId,
    messages: &[MessageView],
) -> Result<(), Fault> {
    let ids: Vec<_> = messages
        .iter()
        .filter_map(|message| number(&message.id))
        .collect();
    if !ids.is_empty() {
        call(app, me, Call::TookMessages(ids)).await?;
    }
    Ok(())
}

fn own_task(state: &State, me: AgentId) -> Result<MeTask, Fault> {
    let agent = state.get::<Agent>(me).ok_or_else(gone)?;
    let task = state.get::<Task>(agent.task).ok_or_else(gone)?;
    Ok(MeTask {
        task: views::task::Tasks::of(state)
            .one(task.id)
            .ok_or_else(gone)?,
        prompt: task.spec.text.clone(),
        context: context(state, task),
        predecessors: predecessors(state, task.id)
            .into_iter()
            .filter_map(|id| state.get::<Task>(id))
            .map(predecessor)
            .collect(),
    })
}

/// The headings above a task and their texts.
fn context(state: &State, task: &Task) -> String {
    let initiative = state.get::<Initiative>(task.initiative);
    let phase = state.get::<Phase>(task.phase);
    let plan = state.get::<Plan>(task.plan);
    let parts = [
        initiative.map(|row| ("#", &row.title, &row.text)),
        phase.map(|row| ("##", &row.title, &row.text)),
        plan.map(|row| ("###", &row.title, &row.text)),
    ];
    let parts = parts.into_iter().flatten();
    let parts: Vec<String> = parts
        .filter(|(_, _, text)| !text.trim().is_empty())
        .map(|(level, title, text)| format!("{level} {title}\n\n{}", text.trim()))
        .collect();
    parts.join("\n\n")
}

/// The tasks that a task waited or waits for, in written order; phases and plans count as all
/// their tasks.
fn predecessors(state: &State, id: TaskId) -> Vec<TaskId> {
    let Some(task) = state.get::<Task>(id) else {
        return Vec::new();
    };
    let nodes = state.get::<Needs>(id).map(|needs| needs.nodes.as_slice());
    let nodes: BTreeSet<Node> = nodes.unwrap_or_default().iter().copied().collect();
    state
        .tasks_of(task.initiative)
        .filter(|other| {
            other.id != id
                && [
                    Node::Task(other.id),
                    Node::Plan(other.plan),
                    Node::Phase(other.phase),
                ]
                .iter()
                .any(|node| nodes.contains(node))
        })
        .map(|other| other.id)
        .take(PREDECESSORS)
        .collect()
}

fn predecessor(task: &Task) -> PredecessorView {
    let commit = match &task.state {
        TaskState::Merged { commit } => Some(commit.to_string()),
        _ => None,
    };
    PredecessorView {
        id: task.spec.slug.clone(),
        title: task.spec.title.clone(),
        summary: task.summary.clone(),
        commit,
    }
}

pub(crate) async fn add_task(
    app: Arc<App>,
    me: AgentId,
    input: AddTaskInput,
) -> Result<TaskList, Fault> {
    let new = app
        .read(move |state| {
            let agent = state.get::<Agent>(me).ok_or_else(gone)?;
            let task = state.get::<Task>(agent.task).ok_or_else(gone)?;
            let plan = state.get::<Plan>(task.plan).ok_or_else(gone)?;
            let after = input.after.unwrap_or_else(|| vec![task.spec.slug.clone()]);
            Ok(NewTask {
                initiative: agent.initiative,
                plan: Some(plan.slug.clone()),
                spec: TaskSpec {
                    slug: String::new(),
                    title: input.title.trim().to_owned(),
                    text: input.prompt,
                    after: Some(after),
                    kind: TaskKind::Work,
                    agent: None,
                    model: None,
                    priority: Priority::Normal,
                    touches: Vec::new(),
                    verify: Vec::new(),
                    review: Review::None,
                    budget: None,
                    timeout: None,
                    attempts: None,
                },
                by: Some(me),
            })
        })
        .await?;
    let Reply::Task(id) = call(&app, me, Call::AddTask(Box::new(new))).await? else {
        return Err(internal("a task was added without an id"));
    };
    app.read(move |state| {
        let task = views::task::Tasks::of(state).one(id);
        Ok(TaskList {
            tasks: task.into_iter().collect(),
        })
    })
    .await
}
