//! What an agent may do under its own token: for its own task, and nothing else.

use crate::domain::event::Value;
use crate::domain::hierarchy::Task;
use crate::domain::ids::AgentId;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, Party};

use super::signal::{Call, Refusal, Reply};
use super::{message, task, tasks};

/// How many tasks one agent may add; more is a loop, not a plan.
const TASKS_PER_AGENT: usize = 100;

pub(super) fn route(tx: &mut Txn, caller: AgentId, call: Call) -> Result<Reply, Refusal> {
    match call {
        Call::Ask { text, options, key } => message::ask(tx, caller, &text, options, key),
        Call::TookAnswer(id) => message::took(tx, caller, id),
        Call::TookMessages(ids) => {
            for id in ids {
                message::took(tx, caller, id)?;
            }
            Ok(Reply::Done)
        }
        Call::Say { to, text, key } => message::say(tx, Party::Agent(caller), to, &text, key),
        Call::Progress(text) => {
            let line = tasks::bounded(text.lines().next().unwrap_or(""));
            tx.change::<Agent>(caller, |agent| agent.activity.clone_from(&line));
            tx.tell(
                "agent.progressed",
                About::Agent(caller),
                [("text", Value::Text(line))],
            );
            Ok(Reply::Done)
        }
        Call::Done(summary) => {
            let summary = tasks::bounded(&summary);
            let task = tx.get::<Agent>(caller).task;
            tx.change::<Task>(task, |task| task.summary = Some(summary.clone()));
            tx.tell(
                "agent.reported-done",
                About::Agent(caller),
                [("summary", Value::Text(summary))],
            );
            Ok(Reply::Done)
        }
        Call::AddTask(mut new) => {
            let agent = tx.get::<Agent>(caller);
            let added = tx.state().tasks_of(agent.initiative).count();
            if new.initiative != agent.initiative {
                return Err(Refusal::not_found(
                    "an agent adds tasks to its own initiative only",
                ));
            }
            if added > 100_000 || agent.turns as usize > TASKS_PER_AGENT {
                return Err(Refusal::state("this agent has added enough"));
            }
            new.by = Some(caller);
            task::add(tx, *new)
        }
    }
}
