//! What agents have used, added up.

use std::collections::BTreeMap;

use cw_core::domain::budget::{Purse, budget};
use cw_core::domain::hierarchy::{Initiative, Project, Task};
use cw_core::domain::ids::{InitiativeId, ProjectId};
use cw_core::domain::money::{Usd, add_tokens};
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Agent, Turn};
use cw_wire::cost::{CostBy, CostList, CostTotal, CostView};

use super::time;

/// Which turns are added up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Among {
    /// Of this project only.
    pub project: Option<ProjectId>,
    /// Of this initiative only.
    pub initiative: Option<InitiativeId>,
}

impl Among {
    fn has(self, agent: &Agent) -> bool {
        self.project.is_none_or(|id| id == agent.project)
            && self.initiative.is_none_or(|id| id == agent.initiative)
    }
}

/// What turns are added up to. Money is added in whole micro-dollars: sums of parts are the whole.
#[derive(Clone, Copy, Default)]
struct Sum {
    turns: u64,
    tokens: u64,
    cost: Usd,
}

impl Sum {
    fn add(&mut self, turn: &Turn) {
        self.turns += u64::from(turn.started_at.is_some());
        self.tokens = add_tokens(self.tokens, turn.tokens);
        self.cost += turn.cost;
    }

    fn told(self) -> CostTotal {
        CostTotal {
            turns: self.turns,
            tokens: self.tokens,
            cost_usd: self.cost.dollars(),
        }
    }
}

/// A line of the list: in which project, and what of it.
type Key = (Option<ProjectId>, String, Option<Purse>);

/// Adds up the turns of some agents.
#[must_use]
pub fn list(state: &State, among: Among, by: CostBy, utc_offset_s: i32) -> CostList {
    let (mut total, mut sums) = (Sum::default(), BTreeMap::<Key, Sum>::new());
    for turn in state.all::<Turn>() {
        let Some(agent) = state.get::<Agent>(turn.agent).filter(|one| among.has(one)) else {
            continue;
        };
        let Some(key) = key(state, agent, turn, by, utc_offset_s) else {
            continue;
        };
        sums.entry(key).or_default().add(turn);
        total.add(turn);
    }
    let mut sums: Vec<(Key, Sum)> = sums.into_iter().filter(|(_, sum)| sum.turns > 0).collect();
    if by != CostBy::Day {
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse((sum.cost, sum.tokens)));
    }
    CostList {
        costs: sums
            .into_iter()
            .map(|(key, sum)| view(state, key, sum))
            .collect(),
        total: total.told(),
    }
}

fn key(state: &State, agent: &Agent, turn: &Turn, by: CostBy, offset: i32) -> Option<Key> {
    let slug = |id| state.get::<Initiative>(id).map(|row| row.slug.clone());
    Some(match by {
        CostBy::Initiative => {
            let purse = Purse::Initiative(agent.initiative);
            (Some(agent.project), slug(agent.initiative)?, Some(purse))
        }
        CostBy::Task => {
            let task = state.get::<Task>(agent.task)?;
            let id = format!("{}/{}", slug(task.initiative)?, task.spec.slug);
            (Some(agent.project), id, Some(Purse::Task(task.id)))
        }
        CostBy::Kind => (None, agent.kind.clone(), None),
        CostBy::Day => {
            let at = turn.ended_at.or(turn.started_at).unwrap_or(turn.queued_at);
            (None, day(at, offset), None)
        }
    })
}

/// The day that it is where the clock is so far ahead of UTC.
fn day(at: Timestamp, utc_offset_s: i32) -> String {
    let there = Timestamp(at.0.saturating_add(i64::from(utc_offset_s) * 1000));
    time(there).chars().take_while(|c| *c != 'T').collect()
}

fn view(state: &State, (project, key, purse): Key, sum: Sum) -> CostView {
    CostView {
        key,
        project: project
            .and_then(|id| state.get::<Project>(id))
            .map(|project| project.name.clone()),
        used: sum.told(),
        budget_usd: purse
            .and_then(|purse| budget(state, purse))
            .map(Usd::dollars),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_its_user_is() {
        // 2026-11-26T23:30:00Z
        let at = Timestamp(1_795_735_800_000);
        assert_eq!(day(at, 0), "2026-11-26");
        assert_eq!(day(at, 3_600), "2026-11-27");
        assert_eq!(day(at, -24 * 3_600), "2026-11-25");
    }
}
