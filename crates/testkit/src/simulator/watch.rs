//! Looks at every step and says when something is not as it must be: against the rows, against
//! the rows read anew from the store, and against what the world knows.

use std::collections::{BTreeMap, BTreeSet};

use cw_core::app::{Prospect, prospect};
use cw_core::domain::budget::{Purse, budget, purses, reservation};
use cw_core::domain::effect::{Effect, EffectKind};
use cw_core::domain::hierarchy::{Initiative, InitiativeStatus, Phase, Plan, Task, TaskState};
use cw_core::domain::ids::{AgentId, InitiativeId, TaskId, TurnId};
use cw_core::domain::invariants;
use cw_core::domain::money::Usd;
use cw_core::domain::plan::{
    Outline, OutlinePhase, OutlinePlan, OutlineTask, Resolved, TaskKind, resolve,
};
use cw_core::domain::state::{Key, Row, State};
use cw_core::domain::txn::Commit;
use cw_core::domain::work::{Agent, Message, MessageKind, Party, Turn, TurnState};
use cw_core::ports::store::Store;

use super::Broken;
use super::git::{Branch, commit_no};
use super::store::Ledger;
use super::world::World;

/// The order of an initiative, worked out from what its tasks say and from nothing else.
struct Order {
    tasks: Vec<TaskId>,
    at: BTreeMap<TaskId, usize>,
    resolved: Resolved,
}

/// Remembers what rows were, to see what may not happen between two steps.
#[derive(Default)]
pub(super) struct Watch {
    tasks: BTreeMap<TaskId, TaskState>,
    orders: BTreeMap<InitiativeId, Order>,
    /// Turns that have been given a place.
    placed: BTreeSet<TurnId>,
    /// Tasks that the user has just called done; true from the decision on that takes it in.
    pub(super) claimed: Vec<TaskId>,
}

impl Watch {
    /// Begins anew with a state that was just read.
    pub(super) fn reset(&mut self, state: &State) {
        self.orders.clear();
        let placed = state
            .all::<Turn>()
            .filter(|turn| turn.state != TurnState::Queued);
        self.placed = placed.map(|turn| turn.id).collect();
        self.tasks = state
            .all::<Task>()
            .map(|task| (task.id, task.state.clone()))
            .collect();
    }

    /// The order of tasks may have changed.
    pub(super) fn forget_orders(&mut self) {
        self.orders.clear();
    }

    /// Looks at what one decision changed.
    ///
    /// # Errors
    /// When it must not have.
    pub(super) fn step(
        &mut self,
        state: &State,
        ledger: &Ledger,
        world: &mut World,
        commit: &Commit,
    ) -> Result<(), Broken> {
        for row in &commit.put {
            match row {
                Row::Task(task) => self.task(state, world, task)?,
                Row::Turn(turn) => {
                    turned(ledger, turn)?;
                    if turn.state != TurnState::Queued && self.placed.insert(turn.id) {
                        paid(state, turn)?;
                    }
                }
                Row::Message(message) => said(ledger, message)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn task(&mut self, state: &State, world: &mut World, task: &Task) -> Result<(), Broken> {
        let was = self.tasks.insert(task.id, task.state.clone());
        let idle = |state: &TaskState| {
            matches!(
                state,
                TaskState::Todo { .. } | TaskState::Failed | TaskState::Cancelled
            )
        };
        if let Some(TaskState::Merged { .. }) = &was
            && was.as_ref() != Some(&task.state)
        {
            return Err(Broken::new(format!(
                "what is merged stays merged: task {} is {:?}",
                task.spec.slug, task.state
            )));
        }
        let was_idle = was.as_ref().is_none_or(idle);
        let begins = match task.spec.kind {
            TaskKind::Work => matches!(
                task.state,
                TaskState::Working | TaskState::Merging | TaskState::Review
            ),
            TaskKind::Approval => matches!(task.state, TaskState::Merged { .. }),
        };
        if !was_idle || !begins {
            return Ok(());
        }
        let before = self.waits_for(state, task);
        let is_done = |id: &&TaskId| world.merged.contains_key(id) || self.claimed.contains(id);
        if let Some(open) = before.iter().find(|id| !is_done(id)) {
            return Err(Broken::new(format!(
                "no task runs before its predecessors are merged: task {} ({}) began before task {open}",
                task.id, task.spec.slug
            )));
        }
        world.begun.insert(task.id, before);
        Ok(())
    }

    /// All tasks that a task waits for, by the plan's own rules.
    fn waits_for(&mut self, state: &State, task: &Task) -> Vec<TaskId> {
        let id = task.initiative;
        let order = self.orders.entry(id).or_insert_with(|| order(state, id));
        let Some(at) = order.at.get(&task.id) else {
            return Vec::new();
        };
        let needs = order.resolved.needs(*at).iter();
        needs
            .flat_map(|need| order.resolved.tasks_of(*need))
            .map(|at| order.tasks[at])
            .collect()
    }
}

fn order(state: &State, id: InitiativeId) -> Order {
    let mut phases: Vec<&Phase> = state
        .all::<Phase>()
        .filter(|phase| phase.initiative == id)
        .collect();
    phases.sort_by_key(|phase| (phase.position, phase.id));
    let mut tasks = Vec::new();
    let mut outline = Outline::default();
    for phase in phases {
        let mut lines: Vec<&Plan> = state
            .all::<Plan>()
            .filter(|plan| plan.phase == phase.id)
            .collect();
        lines.sort_by_key(|plan| (plan.position, plan.id));
        let plans = lines.into_iter().map(|line| {
            let own: Vec<&Task> = state
                .tasks_of(id)
                .filter(|task| task.plan == line.id)
                .collect();
            tasks.extend(own.iter().map(|task| task.id));
            OutlinePlan {
                id: &line.slug,
                after: line.after.as_deref(),
                tasks: own
                    .iter()
                    .map(|task| OutlineTask {
                        id: &task.spec.slug,
                        after: task.spec.after.as_deref(),
                    })
                    .collect(),
            }
        });
        outline.phases.push(OutlinePhase {
            id: &phase.slug,
            after: phase.after.as_deref(),
            plans: plans.collect(),
        });
    }
    let at = tasks.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    Order {
        at,
        resolved: resolve(&outline).unwrap_or_default(),
        tasks,
    }
}

fn turned(ledger: &Ledger, turn: &Turn) -> Result<(), Broken> {
    match ledger.row(Key::Turn(turn.id)) {
        Some(Row::Turn(was)) if !was.state.is_open() && turn.state.is_open() => Err(Broken::new(
            format!("a turn ends once: turn {} is {:?}", turn.id, turn.state),
        )),
        _ => Ok(()),
    }
}

/// A turn is given a place only while what is spent and what is reserved, its own share too, are
/// within each budget: added up from the rows, not by what decisions look at.
fn paid(state: &State, turn: &Turn) -> Result<(), Broken> {
    let Some(task) = state.get::<Task>(turn.task) else {
        return Ok(());
    };
    let reserves = |turn: &Turn| {
        let (task, agent) = (state.get::<Task>(turn.task), state.get::<Agent>(turn.agent));
        task.zip(agent).map_or(Usd::default(), |(task, agent)| {
            reservation(state, task, &agent.kind)
        })
    };
    if !turn.state.takes_slot() || reserves(turn) == Usd::default() {
        return Ok(());
    }
    for purse in purses(task) {
        let Some(budget) = budget(state, purse) else {
            continue;
        };
        let agents = state.all::<Agent>();
        let mine: BTreeSet<AgentId> = agents
            .filter(|agent| match purse {
                Purse::Task(id) => agent.task == id,
                Purse::Initiative(id) => agent.initiative == id,
            })
            .map(|agent| agent.id)
            .collect();
        let turns = state
            .all::<Turn>()
            .filter(|turn| mine.contains(&turn.agent));
        let used: Usd = turns
            .map(|turn| match turn.state.takes_slot() {
                true => turn.cost.max(reserves(turn)),
                false => turn.cost,
            })
            .sum();
        if used > budget {
            return Err(Broken::new(format!(
                "no turn begins beyond a budget: turn {} was placed with {used} of {budget} of {purse:?} used or reserved",
                turn.id
            )));
        }
    }
    Ok(())
}

fn said(ledger: &Ledger, message: &Message) -> Result<(), Broken> {
    match ledger.row(Key::Message(message.id)) {
        Some(Row::Message(was)) if was.answer.is_some() && was.answer != message.answer => {
            Err(Broken::new(format!(
                "every question is answered exactly once: message {} has {:?} and had {:?}",
                message.id, message.answer, was.answer
            )))
        }
        _ => Ok(()),
    }
}

/// Looks at everything. `saved`: nothing was decided that is not stored.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn all(
    state: &State,
    ledger: &mut Ledger,
    world: &World,
    saved: bool,
) -> Result<(), Broken> {
    if let Some(found) = invariants::check(state).into_iter().next() {
        return Err(Broken::new(found));
    }
    for turn in &world.alive {
        let row = state.get::<Turn>(*turn).map(|turn| &turn.state);
        if !matches!(row, Some(TurnState::Starting | TurnState::Running)) {
            return Err(Broken::new(format!(
                "no process without a run: turn {turn} lives and its row is {row:?}"
            )));
        }
    }
    for turn in world
        .alive
        .iter()
        .filter_map(|turn| state.get::<Turn>(*turn))
    {
        let stop = EffectKind::StopTurn(turn.id);
        let stops = turn.state == TurnState::Running && turn.stop.is_some();
        if stops && !state.all::<Effect>().any(|effect| effect.kind == stop) {
            return Err(Broken::new(format!(
                "whom one asks to stop stops: turn {} lives and nobody is about to stop it",
                turn.id
            )));
        }
    }
    for task in state.all::<Task>() {
        let TaskState::Merged { commit } = &task.state else {
            continue;
        };
        let tip = world.git.head(Branch::Integration(task.initiative));
        if !tip.is_some_and(|tip| world.git.contains(tip, commit_no(commit))) {
            return Err(Broken::new(format!(
                "a merged task's commit is an ancestor of the integration branch: task {} is not",
                task.spec.slug
            )));
        }
    }
    if !saved {
        return Ok(());
    }
    let loaded = ledger
        .load()
        .map_err(|error| Broken::new(error.to_string()))?;
    let anew = State::from_rows(loaded.rows, loaded.last_seq);
    if anew.tables() != state.tables() || anew.last_seq() != state.last_seq() {
        return Err(Broken::new("what is stored is what is in memory"));
    }
    if anew.index() != state.index() {
        return Err(Broken::new("an index built anew is equal to the one kept"));
    }
    Ok(())
}

/// Whether nothing is left to be done by itself or by anybody.
#[must_use]
pub(super) fn is_over(state: &State, world: &World) -> bool {
    let done = |initiative: &Initiative| {
        if initiative.adhoc {
            initiative.open == 0
        } else {
            matches!(
                initiative.status,
                InitiativeStatus::Finished | InitiativeStatus::Landed | InitiativeStatus::Cancelled
            )
        }
    };
    world.alive.is_empty()
        && state.all::<Initiative>().all(done)
        && state.all::<Effect>().next().is_none()
        && state.index().open_turns().next().is_none()
}

/// Looks at the end of everything.
///
/// # Errors
/// When something was lost or left on the way.
pub(super) fn at_the_end(state: &State, world: &World) -> Result<(), Broken> {
    if let Some(turn) = world.runs.keys().find(|turn| {
        state
            .get::<Turn>(**turn)
            .is_none_or(|row| row.state.is_open())
    }) {
        let what = format!("every turn that started ends: turn {turn} did not");
        return Err(Broken::new(what));
    }
    if let Some(edit) = world.git.lost_edit() {
        return Err(Broken::new(format!(
            "everything an agent ever wrote is reachable from some ref: edit {edit} is not"
        )));
    }
    for initiative in state.all::<Initiative>() {
        let seen = prospect(state, initiative.id);
        if !initiative.adhoc && seen != Prospect::Finished {
            let what = format!("initiative {} is over and shown {seen:?}", initiative.slug);
            return Err(Broken::new(what));
        }
    }
    for message in state.all::<Message>() {
        let Party::Agent(_) = message.from else {
            continue;
        };
        let times = world
            .answered
            .get(&message.id)
            .map(|number| world.delivered.get(number).copied().unwrap_or(0));
        if message.kind == MessageKind::Question
            && times.is_some_and(|times| times != u32::from(message.delivered.is_some()))
        {
            return Err(Broken::new(format!(
                "every answer is delivered exactly once: that of message {} came {times:?} times, and its row says {:?}",
                message.id, message.delivered
            )));
        }
    }
    Ok(())
}

/// Whether an initiative is said to go on by itself although nothing is under way in it.
#[must_use]
pub(super) fn false_hope(state: &State) -> Option<String> {
    let quiet = state.all::<Effect>().next().is_none()
        && state.index().open_turns().next().is_none()
        && state.index().next_due().is_none();
    let hopes = state
        .all::<Initiative>()
        .filter(|initiative| !initiative.adhoc)
        .find(|initiative| prospect(state, initiative.id) == Prospect::Working);
    hopes.filter(|_| quiet).map(|initiative| {
        format!(
            "what is said to go on does: initiative {} is shown working and nothing is under way",
            initiative.slug
        )
    })
}
