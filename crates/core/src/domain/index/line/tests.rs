use std::sync::Arc;

use crate::domain::hierarchy::{Task, TaskSpec, TaskState};
use crate::domain::ids::{AgentId, InitiativeId, PhaseId, PlanId, TaskId};
use crate::domain::money::Usd;
use crate::domain::plan::{self, Priority};
use crate::domain::state::{Key, Row, State};

fn task(n: u64) -> Task {
    Task {
        id: TaskId(n),
        initiative: InitiativeId(1),
        phase: PhaseId(1),
        plan: PlanId(1),
        position: u32::try_from(n).unwrap(),
        spec: Arc::new(TaskSpec::from(&plan::Task {
            id: format!("t{n}"),
            ..plan::Task::default()
        })),
        state: TaskState::Todo { not_before: None },
        blockers: 0,
        failures: 0,
        attempts: 0,
        bounces: 0,
        agent: None,
        passed: Default::default(),
        approved: false,
        summary: None,
        error: None,
        unchanged: false,
        budget_raised: None,
        started_at: None,
        ended_at: None,
    }
}

/// An initiative with `count` ready tasks.
fn ready(count: u64) -> State {
    State::from_rows((1..=count).map(task).map(Row::Task), 0)
}

fn change(state: &mut State, id: u64, change: impl FnOnce(&mut Task)) -> Task {
    let old = state.get::<Task>(TaskId(id)).unwrap().clone();
    let mut new = old.clone();
    change(&mut new);
    state.put(Row::Task(new));
    old
}

fn spec(task: &mut Task, change: impl FnOnce(&mut TaskSpec)) {
    change(Arc::make_mut(&mut task.spec));
}

fn heads(state: &State) -> Vec<u64> {
    let initiative = state.all::<Task>().next().unwrap().initiative;
    let heads = state.index().ready_heads(initiative);
    heads.map(|id| id.0).collect()
}

#[test]
fn a_decision_looks_at_one_task_of_each_group_in_order_of_dispatch() {
    let mut state = ready(1_000);
    assert_eq!(heads(&state), [1]);
    change(&mut state, 700, |task| {
        spec(task, |spec| spec.agent = Some("other".into()));
    });
    change(&mut state, 600, |task| {
        spec(task, |spec| spec.budget = Some(Usd(1)));
    });
    change(&mut state, 601, |task| {
        spec(task, |spec| spec.budget = Some(Usd(1)));
    });
    assert_eq!(heads(&state), [1, 600, 700]);
    // What was used or raised is a task's own.
    change(&mut state, 500, |task| task.agent = Some(AgentId(1)));
    change(&mut state, 601, |task| task.budget_raised = Some(Usd(2)));
    assert_eq!(heads(&state), [1, 500, 600, 601, 700]);
    change(&mut state, 900, |task| {
        spec(task, |spec| spec.priority = Priority::High);
    });
    assert_eq!(heads(&state), [900, 500, 600, 601, 700]);
    let anew = State::from_rows(state.all::<Task>().cloned().map(Row::Task), 0);
    assert!(anew.index() == state.index());
}

#[test]
fn what_waits_is_to_begin_and_not_ready() {
    let mut state = ready(3);
    let initiative = state.all::<Task>().next().unwrap().initiative;
    for id in 1..=3 {
        change(&mut state, id, |task| task.blockers = 1);
    }
    assert_eq!(heads(&state), Vec::<u64>::new());
    assert_eq!(state.index().ready_initiatives().count(), 0);
    let to_begin: Vec<TaskId> = state.index().to_begin(initiative).collect();
    assert_eq!(to_begin, [TaskId(1)]);
    let other = InitiativeId(initiative.0 + 1);
    assert_eq!(state.index().to_begin(other).count(), 0);
}

#[test]
fn taking_changes_back_leaves_the_groups_as_they_were() {
    let mut state = ready(3);
    let before = state.clone();
    let old = change(&mut state, 1, |task| {
        task.blockers = 2;
        task.passed.given = vec!["KEY".into()];
    });
    assert_eq!(heads(&state), [2]);
    let gone = state.remove(Key::Task(TaskId(2))).unwrap();
    assert_eq!(heads(&state), [3]);
    state.put(gone);
    state.put(Row::Task(old));
    assert!(state == before);
}
