//! Budgets at work: which turns have to wait, when the user is asked, and what an answer brings.
//! The sums stand in [`crate::domain::budget`].

use std::collections::BTreeMap;

use crate::domain::budget::{
    Allowance, Purse, allowance, budget, estimate, is_in_use, kind_of, purses, standing,
};
use crate::domain::event::Value;
use crate::domain::hierarchy::{Initiative, InitiativeStatus, Task, TaskState};
use crate::domain::ids::{InitiativeId, MessageId, TaskId, TurnId};
use crate::domain::index::is_ready;
use crate::domain::money::Usd;
use crate::domain::txn::{About, Txn};
use crate::domain::work::{
    Agent, Message, MessageKind, MessageStatus, Party, Quandary, StopReason, Turn, TurnKind,
};

use super::message::{self, Draft};
use super::signal::Refusal;
use super::{command, initiative, tasks, turn};

/// The answer to "the budget is used up" that leaves it at that.
pub const ANSWER_STOP: &str = "stop here";
/// What an answer that raises a budget begins with; the amount may stand alone.
const RAISE: &str = "raise by ";
/// What is offered where no amount is written that could be added once more.
const DOLLAR: Usd = Usd(1_000_000);

/// The budgets that kept a turn from its place, each with the first task that was kept.
pub(super) type Kept = BTreeMap<Purse, TaskId>;

/// Whether the budgets let one more turn of this task begin; remembers those that do not.
pub(super) fn lets(tx: &Txn, task: TaskId, kept: &mut Kept) -> bool {
    match allowance(tx.state(), tx.get::<Task>(task)) {
        Allowance::Fits => true,
        Allowance::Later => false,
        Allowance::UsedUp(purse) => {
            kept.entry(purse).or_insert(task);
            false
        }
    }
}

/// Asks the user about each budget that keeps a turn, once; takes back what needs no answer.
pub(super) fn ask(tx: &mut Txn, kept: &Kept) {
    for (purse, task) in kept {
        if tx.state().index().budget_question(*purse).is_none() {
            ask_about(tx, *purse, *task);
        }
    }
    let open: Vec<(Purse, MessageId)> = tx.state().index().budget_questions().collect();
    for (purse, id) in open {
        if !is_in_use(tx.state(), purse) || !keeps_any(tx, purse) {
            withdraw(tx, purse, id);
        }
    }
}

/// Whether a turn waits for nothing but this budget, or would once its initiative goes on.
fn keeps_any(tx: &Txn, purse: Purse) -> bool {
    let state = tx.state();
    let kept = |id: TaskId| allowance(state, tx.get::<Task>(id)) == Allowance::UsedUp(purse);
    let queued = state.index().queued_turns().map(|id| tx.get::<Turn>(id));
    match purse {
        Purse::Initiative(id) => {
            let own = |turn: &&Turn| tx.get::<Agent>(turn.agent).initiative == id;
            state.index().ready_heads(id).any(kept)
                || queued.filter(own).any(|turn| kept(turn.task))
        }
        // Nobody else's turn is paid from it.
        Purse::Task(id) => {
            let mut queued = queued.map(|turn| turn.task);
            (is_ready(tx.get(id)) || queued.any(|task| task == id)) && kept(id)
        }
    }
}

fn withdraw(tx: &mut Txn, purse: Purse, id: MessageId) {
    tx.change::<Message>(id, |message| message.status = MessageStatus::Read);
    tx.tell(
        "message.withdrawn",
        about(purse),
        [("message", Value::from(id.0))],
    );
}

fn about(purse: Purse) -> About {
    match purse {
        Purse::Task(id) => About::Task(id),
        Purse::Initiative(id) => About::Initiative(id),
    }
}

fn ask_about(tx: &mut Txn, purse: Purse, due: TaskId) {
    let Some(at) = standing(tx.state(), purse) else {
        return;
    };
    let (whose, written) = written(tx, purse);
    let task = tx.get::<Task>(due);
    let kind = kind_of(tx.state(), task).unwrap_or_default();
    let need = cents(estimate(tx.state(), task.initiative, kind));
    // Once more what is written, where that lets the next turn begin at all.
    let more = written.filter(|amount| *amount > Usd::default());
    let options = vec![
        format!("{RAISE}{}", more.unwrap_or(DOLLAR).max(need)),
        ANSWER_STOP.to_owned(),
    ];
    let body = format!(
        "{whose} has used {} of its budget of {}, and the next turn is reckoned at {need}: no new turn \
         starts. Raise the budget (any amount raises it by that: '$5', in quotes for the shell), or stop here?",
        cents(at.spent),
        at.budget
    );
    let (task, initiative) = match purse {
        Purse::Task(id) => (Some(id), None),
        Purse::Initiative(id) => (None, Some(id)),
    };
    let project = tx.get::<Initiative>(tx.get::<Task>(due).initiative).project;
    let id = message::put(
        tx,
        Draft {
            project,
            key: None,
            holds: None,
            task,
            initiative,
            kind: MessageKind::Question,
            from: Party::Cw,
            to: Party::User,
            body: body.clone(),
            options: options.clone(),
            about: Some(Quandary::Budget),
            request: None,
        },
    );
    tx.tell(
        "message.asked",
        about(purse),
        [
            ("message", id.0.into()),
            ("body", body.into()),
            ("options", options.into()),
        ],
    );
}

/// Whose budget it is, in words, and the budget as it is written.
fn written(tx: &Txn, purse: Purse) -> (String, Option<Usd>) {
    match purse {
        Purse::Task(id) => {
            let task = tx.get::<Task>(id);
            (format!("Task '{}'", task.spec.slug), task.spec.budget)
        }
        Purse::Initiative(id) => {
            let row = tx.get::<Initiative>(id);
            let config = tx.state().config(row.project);
            let budget = row
                .budget
                .or_else(|| config.and_then(|config| config.budget));
            (format!("Initiative '{}'", row.slug), budget)
        }
    }
}

/// An amount in whole cents where it has any.
fn cents(amount: Usd) -> Usd {
    const CENT: u64 = 10_000;
    match amount.0 {
        less if less < CENT => amount,
        micro => Usd(micro.saturating_add(CENT / 2) / CENT * CENT),
    }
}

/// Carries out what the user said about a budget that is used up.
pub(super) fn settle(tx: &mut Txn, purse: Purse, answer: &str) -> Result<(), Refusal> {
    if answer == ANSWER_STOP {
        return stop(tx, purse);
    }
    // A bare number may be meant for an option that is not there.
    let by = answer.strip_prefix(RAISE).map(str::trim);
    let by = by.or_else(|| Some(answer).filter(|text| text.starts_with('$')));
    let by = by.and_then(|by| by.parse::<Usd>().ok());
    let Some(by) = by.filter(|by| *by > Usd::default()) else {
        return Err(
            Refusal::usage("that is no answer about a budget").hint(format!(
                "answer with an amount to raise it by, such as '$5' (in quotes, for the shell), or with `{ANSWER_STOP}`"
            )),
        );
    };
    raise(tx, purse, by);
    Ok(())
}

/// From what was spent where that is more: whoever gives a dollar more gets a dollar's worth.
fn raise(tx: &mut Txn, purse: Purse, by: Usd) {
    let Some(at) = standing(tx.state(), purse) else {
        return;
    };
    let to = at.budget.max(at.spent) + by;
    let kind = match purse {
        Purse::Task(id) => {
            tx.change::<Task>(id, |task| task.budget_raised = Some(to));
            "task.budget-raised"
        }
        Purse::Initiative(id) => {
            tx.change::<Initiative>(id, |row| row.budget_raised = Some(to));
            "initiative.budget-raised"
        }
    };
    tx.tell(
        kind,
        about(purse),
        [
            ("by_usd", Value::from(by.dollars())),
            ("budget_usd", Value::from(to.dollars())),
        ],
    );
}

fn stop(tx: &mut Txn, purse: Purse) -> Result<(), Refusal> {
    match purse {
        Purse::Initiative(id) => stop_initiative(tx, id),
        Purse::Task(id) => {
            match tx.get::<Task>(id).agent {
                Some(agent) => {
                    command::stop_agent(tx, agent);
                }
                None => tasks::set_state(tx, id, TaskState::Parked { resume_at: None }),
            }
            Ok(())
        }
    }
}

fn stop_initiative(tx: &mut Txn, id: InitiativeId) -> Result<(), Refusal> {
    match tx.get::<Initiative>(id).status {
        InitiativeStatus::Active => initiative::pause(tx, id).map(|_| ()),
        _ => Ok(()),
    }
}

/// A turn has told costs: when they go beyond a budget, that is told, and the turn is interrupted.
pub(super) fn charged(tx: &mut Txn, id: TurnId, cost: Usd) {
    if cost == Usd::default() {
        return;
    }
    let turn = tx.get::<Turn>(id);
    let (task, stops) = (turn.task, turn.stop.is_some());
    let mut over = false;
    for purse in purses(tx.get::<Task>(task)) {
        let spent = tx.state().index().spent(purse);
        let Some(limit) = budget(tx.state(), purse).filter(|limit| spent > *limit) else {
            continue;
        };
        over = true;
        if spent.less(cost) <= limit {
            exceeded(tx, purse, spent, limit);
        }
    }
    if over && !stops {
        turn::stop(tx, id, StopReason::Budget);
    }
}

fn exceeded(tx: &mut Txn, purse: Purse, spent: Usd, limit: Usd) {
    let kind = match purse {
        Purse::Task(_) => "task.budget-exceeded",
        Purse::Initiative(_) => "initiative.budget-exceeded",
    };
    tx.tell(
        kind,
        about(purse),
        [
            ("spent_usd", Value::from(spent.dollars())),
            ("budget_usd", Value::from(limit.dollars())),
        ],
    );
}

/// A turn was interrupted because of a budget: it goes on in another one once there is money.
pub(super) fn cut_short(tx: &mut Txn, turn: &Turn) {
    if tx.state().index().asks(turn.task) {
        tx.tell("agent.parked", About::Agent(turn.agent), []);
        return;
    }
    let kind = turn::next_mail(tx, turn.agent).unwrap_or(TurnKind::Retry);
    turn::queue(tx, turn.agent, kind, None);
}

#[cfg(test)]
mod tests;
