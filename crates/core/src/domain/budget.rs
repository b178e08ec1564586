//! What work may cost, what it has cost, and what is reserved for turns under way. All of it
//! follows from the rows; nothing of it is stored but what the user said.
//!
//! Knows only what agent programs tell: a turn that was killed before it told costs nothing here.

use super::config::Config;
use super::hierarchy::{Initiative, InitiativeStatus, Task, TaskState};
use super::ids::{InitiativeId, TaskId};
use super::money::Usd;
use super::plan::TaskKind;
use super::state::State;
use super::work::{Agent, Message, Quandary, Turn, TurnState};

/// The least that is reserved for a turn of a kind that tells what it costs.
pub const FLOOR: Usd = Usd(100_000);

/// Kinds whose programs tell no costs: nothing is reserved for their turns until one does.
const UNPRICED: &[&str] = &["script", "codex", "gemini"];

/// Whether the programs of this kind tell what they cost.
#[must_use]
pub fn tells_costs(kind: &str) -> bool {
    !UNPRICED.contains(&kind)
}

/// Whose money it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Purse {
    /// A task's own budget.
    Task(TaskId),
    /// That of a whole initiative.
    Initiative(InitiativeId),
}

impl Purse {
    /// The purse that a question of `cw` is about.
    #[must_use]
    pub fn asked_of(message: &Message) -> Option<Self> {
        message.about.filter(|about| *about == Quandary::Budget)?;
        let task = message.task.map(Self::Task);
        task.or_else(|| message.initiative.map(Self::Initiative))
    }
}

/// A mean that is kept up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mean {
    count: u64,
    sum: Usd,
}

impl Mean {
    pub(crate) fn count(&mut self, amount: Usd, on: bool) {
        if on {
            self.count += 1;
            self.sum += amount;
        } else {
            self.count = self.count.saturating_sub(1);
            self.sum = self.sum.less(amount);
        }
    }

    /// The mean; `None` of nothing.
    #[must_use]
    pub fn get(self) -> Option<Usd> {
        self.sum.0.checked_div(self.count).map(Usd)
    }
}

/// How a budget stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The budget, as written or as the user raised it.
    pub budget: Usd,
    /// What turns have told so far, running ones too.
    pub spent: Usd,
    /// What is kept back for turns under way, beyond what they have told.
    pub reserved: Usd,
}

/// The budget in force: what is written, or what the user raised it to where that is more.
#[must_use]
pub fn budget(state: &State, purse: Purse) -> Option<Usd> {
    let (written, raised) = match purse {
        Purse::Task(id) => {
            let task = state.get::<Task>(id)?;
            (task.spec.budget, task.budget_raised)
        }
        Purse::Initiative(id) => {
            let row = state.get::<Initiative>(id)?;
            let general = || state.config(row.project).and_then(|config| config.budget);
            (row.budget.or_else(general), row.budget_raised)
        }
    };
    written.map(|written| written.max(raised.unwrap_or_default()))
}

/// How a budget stands; `None` where there is none.
#[must_use]
pub fn standing(state: &State, purse: Purse) -> Option<Standing> {
    let budget = budget(state, purse)?;
    Some(Standing {
        budget,
        spent: state.index().spent(purse),
        reserved: reserved(state, purse),
    })
}

fn reserved(state: &State, purse: Purse) -> Usd {
    let initiative = match purse {
        Purse::Initiative(id) => Some(id),
        Purse::Task(id) => state.get::<Task>(id).map(|task| task.initiative),
    };
    let live = initiative
        .into_iter()
        .flat_map(|id| state.index().live_turns(id))
        .filter_map(|id| state.get::<Turn>(id));
    let paid = live.filter(|turn| match purse {
        Purse::Task(task) => turn.task == task,
        Purse::Initiative(_) => true,
    });
    paid.filter_map(|turn| {
        let task = state.get::<Task>(turn.task)?;
        let agent = state.get::<Agent>(turn.agent)?;
        Some(reservation(state, task, &agent.kind).less(turn.cost))
    })
    .sum()
}

/// What a turn of an agent of this kind is reckoned at: the mean of what such turns cost in the
/// initiative and no less than [`FLOOR`]; nothing where such programs tell no costs.
#[must_use]
pub fn estimate(state: &State, initiative: InitiativeId, kind: &str) -> Usd {
    match state.index().bills(initiative, kind).get() {
        Some(mean) => mean.max(FLOOR),
        None if tells_costs(kind) => FLOOR,
        None => Usd::default(),
    }
}

/// What one turn of this task reserves when an agent of this kind takes it: what it is reckoned
/// at, but never more than a whole budget, so that a first turn begins.
#[must_use]
pub fn reservation(state: &State, task: &Task, kind: &str) -> Usd {
    let usual = estimate(state, task.initiative, kind);
    purses(task)
        .into_iter()
        .filter_map(|purse| budget(state, purse))
        .filter(|budget| *budget > Usd::default())
        .fold(usual, Usd::min)
}

/// The purses that pay for a task, its own first.
#[must_use]
pub fn purses(task: &Task) -> [Purse; 2] {
    [Purse::Task(task.id), Purse::Initiative(task.initiative)]
}

/// What the budgets say to one more turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowance {
    /// It may begin.
    Fits,
    /// It fits once turns under way have told what they really cost.
    Later,
    /// It does not fit: the user is to be asked.
    UsedUp(Purse),
}

/// Whether one more turn of this task may begin.
#[must_use]
pub fn allowance(state: &State, task: &Task) -> Allowance {
    let limited = |purse: &Purse| budget(state, *purse).is_some();
    if !purses(task).iter().any(limited) {
        return Allowance::Fits;
    }
    let Some(kind) = kind_of(state, task) else {
        return Allowance::Fits;
    };
    let need = reservation(state, task, kind);
    if need == Usd::default() {
        return Allowance::Fits;
    }
    let standings = purses(task).map(|purse| (purse, standing(state, purse)));
    let known = || {
        let known = standings.iter();
        known.filter_map(|(purse, standing)| standing.map(|standing| (*purse, standing)))
    };
    if let Some((purse, _)) = known().find(|(_, at)| at.spent + need > at.budget) {
        return Allowance::UsedUp(purse);
    }
    if known().any(|(_, at)| at.spent + at.reserved + need > at.budget) {
        return Allowance::Later;
    }
    Allowance::Fits
}

/// The kind of the agent that has the task or would get it.
#[must_use]
pub fn kind_of<'s>(state: &'s State, task: &'s Task) -> Option<&'s str> {
    if let Some(agent) = task.agent.and_then(|id| state.get::<Agent>(id)) {
        return Some(&agent.kind);
    }
    let row = state.get::<Initiative>(task.initiative)?;
    let config: &Config = state.config(row.project)?;
    config.kind(wanted(task, row, config))
}

/// The agent that a task without one gets, by its name in `cw.toml`.
#[must_use]
pub fn wanted<'a>(task: &'a Task, initiative: &'a Initiative, config: &'a Config) -> &'a str {
    let own = task.spec.agent.as_deref();
    own.or(initiative.agent.as_deref())
        .unwrap_or(&config.default_agent)
}

/// Whether a task would go on now and is kept by a question about a budget.
#[must_use]
pub fn is_kept(state: &State, task: &Task) -> bool {
    let mut asked = purses(task).into_iter();
    if !asked.any(|purse| state.index().budget_question(purse).is_some()) {
        return false;
    }
    let due = match task.state {
        TaskState::Todo { .. } => task.blockers == 0 && task.spec.kind == TaskKind::Work,
        TaskState::Working => task
            .agent
            .and_then(|agent| state.index().open_turn(agent))
            .and_then(|turn| state.get::<Turn>(turn))
            .is_some_and(|turn| turn.state == TurnState::Queued),
        _ => false,
    };
    due && matches!(allowance(state, task), Allowance::UsedUp(_))
}

/// Whether questions about this budget are still of use.
#[must_use]
pub fn is_in_use(state: &State, purse: Purse) -> bool {
    let id = match purse {
        Purse::Initiative(id) => Some(id),
        Purse::Task(id) => state
            .get::<Task>(id)
            .filter(|task| !task.state.is_closed())
            .map(|task| task.initiative),
    };
    let row = id.and_then(|id| state.get::<Initiative>(id));
    row.is_some_and(|row| {
        matches!(
            row.status,
            InitiativeStatus::Active | InitiativeStatus::Paused
        )
    })
}
