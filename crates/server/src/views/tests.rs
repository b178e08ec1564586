//! Views over states that plans make.

use cw_core::app::{Command, Reply, Signal, decide};
use cw_core::domain::config::Config;
use cw_core::domain::hierarchy::Task;
use cw_core::domain::ids::{Ids, InitiativeId, ProjectId, Uid};
use cw_core::domain::plan::read;
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_wire::task::EdgeView;
use cw_wire::{TaskStatus, TaskView};

use super::{graph, initiative, task};

struct Counted(u64);

impl Ids for Counted {
    fn uid(&mut self) -> Uid {
        self.0 += 1;
        Uid(format!("{:032x}", self.0))
    }
    fn session(&mut self) -> String {
        self.uid().0
    }
    fn secret(&mut self) -> String {
        self.uid().0
    }
    fn below(&mut self, _: usize) -> usize {
        0
    }
}

fn decided(state: &mut State, command: Command) -> Reply {
    let signal = Signal::Command(command);
    decide(state, signal, Timestamp(1_000), &mut Counted(0))
        .unwrap()
        .0
}

fn stored(plan: &str) -> (State, InitiativeId) {
    let mut state = State::default();
    decided(
        &mut state,
        Command::Register {
            root: "/repo".into(),
            name: "repo".into(),
            base: "main".into(),
        },
    );
    let project = ProjectId(1);
    state.set_config(project, Config::default().into());
    let command = Command::Apply {
        project,
        plan: Box::new(read(plan, "plan.md").unwrap()),
        agent: Some("codex".into()),
        max_agents: None,
        dry_run: false,
        start: None,
    };
    let Reply::Applied(applied) = decided(&mut state, command) else {
        panic!("a plan");
    };
    (state, applied.initiative.unwrap())
}

const PLAN: &str = "# Job\n## One\n### A\n#### Ax\n#### Ay\n### B\n#### Bx\n- agent: claude\n\
                    ## Two\n### C\n#### Cx\n#### Ok\n- kind: approval\n- after: none\n";

fn listed(state: &State, id: InitiativeId) -> Vec<TaskView> {
    task::Tasks::of(state).all_of(id)
}

fn skip(state: &mut State, slug: &str) {
    let id = state
        .all::<Task>()
        .find(|t| t.spec.slug == slug)
        .unwrap()
        .id;
    decided(state, Command::SkipTask(id));
}

#[test]
fn a_task_tells_what_it_waits_for_by_the_plans_own_ids() {
    let (mut state, id) = stored(PLAN);
    let waits = |state: &State| -> Vec<(String, Vec<String>)> {
        let tasks = listed(state, id).into_iter();
        tasks.map(|task| (task.id, task.waits_for)).collect()
    };
    let found = waits(&state);
    let of = |found: &[(String, Vec<String>)], id: &str| {
        found.iter().find(|(task, _)| task == id).unwrap().1.clone()
    };
    assert_eq!(of(&found, "ax"), Vec::<String>::new());
    assert_eq!(of(&found, "ay"), ["ax"]);
    assert_eq!(of(&found, "cx"), ["ax", "ay", "bx"]);
    assert_eq!(of(&found, "ok"), Vec::<String>::new());
    skip(&mut state, "ay");
    assert_eq!(of(&waits(&state), "cx"), ["ax", "bx"]);
}

#[test]
fn a_task_tells_the_kind_of_agent_it_will_go_to() {
    let (state, id) = stored(PLAN);
    let kinds: Vec<_> = listed(&state, id)
        .into_iter()
        .map(|task| (task.id, task.agent_kind))
        .collect();
    let of = |id: &str| kinds.iter().find(|(task, _)| task == id).unwrap().1.clone();
    assert_eq!(of("ax").as_deref(), Some("codex"));
    assert_eq!(of("bx").as_deref(), Some("claude"));
    assert_eq!(of("ok"), None);
}

#[test]
fn one_task_is_shown_as_the_list_shows_it() {
    let (state, id) = stored(PLAN);
    for (row, shown) in state.tasks_of(id).zip(listed(&state, id)) {
        assert_eq!(task::view(&state, row), shown);
    }
}

#[test]
fn many_that_are_waited_for_are_not_all_named() {
    let many: String = (0..200).map(|n| format!("### L{n}\n#### T{n}\n")).collect();
    let (state, id) = stored(&format!("# Job\n## One\n{many}## Two\n### Z\n#### Last\n"));
    let last = listed(&state, id).pop().unwrap();
    assert_eq!(
        (last.id.as_str(), last.status),
        ("last", TaskStatus::Blocked)
    );
    assert_eq!(last.waits_for.len(), 50);
    assert_eq!(last.waits_for[0], "t0");
}

#[test]
fn a_graph_has_each_task_after_those_it_waits_for() {
    let (state, id) = stored(PLAN);
    let edges = graph::edges(&state, id);
    let order: Vec<String> = graph::order(&state, id)
        .into_iter()
        .filter_map(|id| task::slug(&state, id))
        .collect();
    assert_eq!(order.len(), 5);
    let place = |id: &str| order.iter().position(|one| one == id).unwrap();
    for edge in &edges {
        assert!(place(&edge.from) < place(&edge.to), "{edge:?} in {order:?}");
    }
    let edge = |from: &str, to: &str| EdgeView {
        initiative: "job".into(),
        from: from.into(),
        to: to.into(),
    };
    assert!(edges.contains(&edge("ax", "ay")));
    assert!(edges.contains(&edge("ay", "cx")));
    assert!(edges.contains(&edge("bx", "cx")));
    assert!(
        !edges.contains(&edge("ax", "cx")),
        "the line says it already"
    );
}

#[test]
fn a_barrier_between_two_wide_phases_stays_drawable() {
    let lines = |word: &str| -> String {
        (0..600)
            .map(|n| format!("### {word}{n}\n#### T{word}{n}\n"))
            .collect()
    };
    let (state, id) = stored(&format!(
        "# Job\n## One\n{}## Two\n{}",
        lines("A"),
        lines("B")
    ));
    assert_eq!(graph::order(&state, id).len(), 1200);
    assert_eq!(graph::edges(&state, id).len(), 200_000);
}

#[test]
fn an_initiative_counts_its_tasks_by_what_is_left_of_them() {
    let (mut state, id) = stored(PLAN);
    skip(&mut state, "ax");
    let all = initiative::all(&state, [id]);
    let tasks = all[0].tasks;
    assert_eq!((tasks.total, tasks.merged, tasks.waiting), (5, 1, 1));
    assert_eq!((tasks.running, tasks.failed), (0, 0));
    assert_eq!(all[0].branch, "cw/job/integration");
    assert_eq!(
        all[0].created_at.as_deref(),
        Some("1970-01-01T00:00:01.000Z")
    );
}
