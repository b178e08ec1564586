//! What must be true of every state, whatever happened. Checked after each step of a simulation
//! and by `cw doctor`.

use std::collections::{BTreeMap, BTreeSet};

use super::budget::Purse;
use super::effect::{Effect, EffectKind};
use super::graph::{Needs, is_satisfied};
use super::hierarchy::{Initiative, Phase, Plan, Task, TaskState};
use super::ids::AgentId;
use super::money::{Usd, add_tokens};
use super::state::State;
use super::work::{Agent, Merge, MergeState, Message, MessageStatus, Turn, TurnState};

/// Everything about `state` that must not be; empty when all is well.
#[must_use]
pub fn check(state: &State) -> Vec<String> {
    let mut found = Vec::new();
    tasks(state, &mut found);
    counters(state, &mut found);
    turns(state, &mut found);
    merges(state, &mut found);
    money(state, &mut found);
    for message in state.all::<Message>() {
        let answered = message.answer.is_some();
        if (message.status == MessageStatus::Answered) != answered {
            found.push(format!(
                "message {} is {:?} with answer {:?}",
                message.id, message.status, message.answer
            ));
        }
    }
    found
}

// That a task begins only once its blockers are gone cannot be seen in a state: work that is added
// to a plan or phase later blocks what waits for it, and what has begun meanwhile goes on.
fn tasks(state: &State, found: &mut Vec<String>) {
    for task in state.all::<Task>() {
        let name = &task.spec.slug;
        if matches!(task.state, TaskState::Working) {
            let open = task
                .agent
                .is_some_and(|agent| state.index().open_turn(agent).is_some());
            if !open && !state.index().asks(task.id) {
                found.push(format!(
                    "task {name} is shown at work, but nobody works on it and nothing is asked"
                ));
            }
        }
        if matches!(task.state, TaskState::Merging)
            && !state
                .index()
                .merges_of(task.id)
                .filter_map(|id| state.get::<Merge>(id))
                .any(|merge| merge.state.is_open())
        {
            found.push(format!("task {name} is merging, but not in the lane"));
        }
    }
}

fn counters(state: &State, found: &mut Vec<String>) {
    for task in state.all::<Task>() {
        let nodes = state
            .get::<Needs>(task.id)
            .map(|needs| needs.nodes.as_slice())
            .unwrap_or_default();
        let blockers = nodes
            .iter()
            .filter(|node| !is_satisfied(state, **node))
            .count();
        if blockers != task.blockers as usize {
            found.push(format!(
                "task {} counts {} blockers, {blockers} are there",
                task.spec.slug, task.blockers
            ));
        }
    }
    let unsatisfied = |belongs: &dyn Fn(&Task) -> bool| {
        state
            .all::<Task>()
            .filter(|task| belongs(task) && !task.state.satisfies())
            .count()
    };
    for plan in state.all::<Plan>() {
        let open = unsatisfied(&|task| task.plan == plan.id);
        if open != plan.open as usize {
            found.push(format!(
                "plan {} counts {} open tasks, {open} are there",
                plan.slug, plan.open
            ));
        }
    }
    for phase in state.all::<Phase>() {
        let open = unsatisfied(&|task| task.phase == phase.id);
        if open != phase.open as usize {
            found.push(format!(
                "phase {} counts {} open tasks, {open} are there",
                phase.slug, phase.open
            ));
        }
    }
    for initiative in state.all::<Initiative>() {
        let open = state
            .tasks_of(initiative.id)
            .filter(|task| !task.state.is_closed())
            .count();
        if open != initiative.open as usize {
            found.push(format!(
                "initiative {} counts {} open tasks, {open} are there",
                initiative.slug, initiative.open
            ));
        }
    }
}

fn turns(state: &State, found: &mut Vec<String>) {
    let mut sessions = BTreeMap::new();
    for agent in state.all::<Agent>() {
        if let Some(session) = &agent.session
            && let Some(other) = sessions.insert((&agent.kind, session), &agent.name)
        {
            let name = &agent.name;
            found.push(format!("{other} and {name} share the session {session}"));
        }
        let open = state
            .all::<Turn>()
            .filter(|turn| turn.agent == agent.id && turn.state.is_open())
            .count();
        if open > 1 {
            found.push(format!("agent {} has {open} turns at once", agent.name));
        }
        let twins = state.agents_in(&agent.worktree).count();
        if twins > 1 {
            found.push(format!(
                "{twins} agents share the worktree {}",
                agent.worktree
            ));
        }
    }
    for turn in state.index().open_turns() {
        let Some(turn) = state.get::<Turn>(turn) else {
            continue;
        };
        let works = state
            .get::<Task>(turn.task)
            .is_some_and(|task| task.state == TaskState::Working);
        if !works && turn.stop.is_none() {
            found.push(format!(
                "turn {} goes on for a task that is not worked on",
                turn.id
            ));
        }
    }
    for turn in state.all::<Turn>() {
        let wanted = match turn.state {
            TurnState::Preparing => EffectKind::Prepare(turn.id),
            TurnState::Starting => EffectKind::StartTurn(turn.id),
            TurnState::Collecting { .. } => EffectKind::Collect(turn.id),
            _ => continue,
        };
        if !state.all::<Effect>().any(|effect| effect.kind == wanted) {
            found.push(format!(
                "turn {} is {:?} and nothing is under way for it",
                turn.id, turn.state
            ));
        }
    }
}

/// What agents have used is what their turns have used, and no budget is asked about twice at once.
fn money(state: &State, found: &mut Vec<String>) {
    let mut used: BTreeMap<AgentId, (Usd, u64)> = BTreeMap::new();
    for turn in state.all::<Turn>() {
        let (cost, tokens) = used.entry(turn.agent).or_default();
        *cost = (*cost + turn.cost).min(Usd::MOST);
        *tokens = add_tokens(*tokens, turn.tokens);
    }
    for agent in state.all::<Agent>() {
        let (cost, tokens) = used.get(&agent.id).copied().unwrap_or_default();
        if (cost, tokens) != (agent.cost, agent.tokens) {
            found.push(format!(
                "agent {} has used {} and {} tokens, its turns {cost} and {tokens}",
                agent.name, agent.cost, agent.tokens
            ));
        }
    }
    let mut asked = BTreeSet::new();
    for message in state.all::<Message>() {
        let purse = Purse::asked_of(message).filter(|_| message.status == MessageStatus::Open);
        if purse.is_some_and(|purse| !asked.insert(purse)) {
            found.push(format!(
                "message {} asks about a budget that another asks about",
                message.id
            ));
        }
    }
}

fn merges(state: &State, found: &mut Vec<String>) {
    for merge in state.all::<Merge>() {
        let wanted = match merge.state {
            MergeState::Trying => EffectKind::Trial(merge.id),
            MergeState::Gating => EffectKind::Gate(merge.id),
            MergeState::Moving => EffectKind::Advance(merge.id),
            _ => continue,
        };
        if !state.all::<Effect>().any(|effect| effect.kind == wanted) {
            found.push(format!(
                "merge {} is {:?} and nothing is under way for it",
                merge.id, merge.state
            ));
        }
    }
    for initiative in state.all::<Initiative>() {
        let busy = state
            .index()
            .lane(initiative.id)
            .filter_map(|id| state.get::<Merge>(id))
            .filter(|merge| merge.state.in_lane())
            .count();
        if busy > 1 {
            found.push(format!(
                "{busy} merges at once in the lane of {}",
                initiative.slug
            ));
        }
    }
}
