//! The order of work, as CONTRACT §2 defines it.

use super::super::{Need, Resolved, outline, resolve};
use super::plan;

fn order(text: &str) -> Resolved {
    resolve(&outline(&plan(text))).expect("an order")
}

fn needs(text: &str) -> Vec<Vec<Need>> {
    let resolved = order(text);
    (0..resolved.tasks())
        .map(|task| resolved.needs(task).to_vec())
        .collect()
}

use Need::{Phase, Plan, Task};

#[test]
fn tasks_follow_each_other_plans_run_side_by_side_and_phases_are_barriers() {
    let text = "# I\n## P\n### L\n#### A\n#### B\n### M\n#### C\n## Q\n### N\n#### D\n#### E\n### O\n#### F\n";
    assert_eq!(
        needs(text),
        [
            vec![],
            vec![Task(0)],
            vec![],
            vec![Phase(0)],
            vec![Task(3)],
            vec![Phase(0)]
        ]
    );
    let resolved = order(text);
    assert_eq!(
        (
            resolved.tasks_of(Phase(0)),
            resolved.tasks_of(Plan(2)),
            resolved.tasks_of(Task(5))
        ),
        (0..3, 3..5, 5..6)
    );
}

#[test]
fn an_own_after_replaces_everything_by_place() {
    let text = "# I\n## P\n### L\n#### A\n#### B\n- after: none\n## Q\n### M\n- after: none\n#### C\n#### D\n- after: a\n### N\n#### E\n- after: none\n#### F\n";
    assert_eq!(
        needs(text),
        [vec![], vec![], vec![], vec![Task(0)], vec![], vec![Task(4)]]
    );
}

#[test]
fn a_phase_with_its_own_after_passes_it_to_its_plans() {
    let text = "# I\n## P\n#### A\n## Q\n- after: none\n#### B\n## R\n#### C\n## S\n- after: p, a\n#### D\n";
    assert_eq!(
        needs(text),
        [vec![], vec![], vec![Phase(1)], vec![Plan(0), Task(0)]]
    );
}

#[test]
fn a_name_is_a_task_then_a_plan_then_a_phase() {
    let text = "# I\n## X\n### Y\n#### A\n#### B\n## P\n- id: a\n### Q\n- id: x\n#### C\n- after: a\n#### D\n- after: y, x\n";
    // `x` would be the plan that D is in.
    let found = super::error(text);
    assert_eq!(found.what, "a cycle: d → plan x → d");
    let text = "# I\n## X\n### Y\n#### A\n#### B\n## Y\n### X2\n#### C\n- after: a\n#### D\n- after: y, x\n";
    assert_eq!(needs(text)[2..], [vec![Task(0)], vec![Plan(0), Phase(0)]]);
}

#[test]
fn empty_phases_pass_through_in_a_row() {
    let text = "# I\n## P\n#### A\n## Q\n## R\n### Nothing\n## S\n#### B\n";
    assert_eq!(needs(text), [vec![], vec![Phase(0)]]);
    assert_eq!(needs("# I\n## Q\n## R\n## S\n#### B\n"), [vec![]]);
}

#[test]
fn empty_groups_named_in_after_pass_through() {
    let text = "# I\n## P\n### L\n#### A\n### M\n#### B\n## Q\n- after: l, m\n## R\n- after: none\n### E\n### G\n- after: b\n#### C\n- after: q\n#### D\n- after: e\n#### F\n- after: q, b, m\n";
    assert_eq!(
        needs(text),
        [
            vec![],
            vec![],
            vec![Plan(0), Plan(1)],
            vec![],
            vec![Plan(0), Plan(1), Task(1)]
        ]
    );
}

#[test]
fn an_empty_plan_waits_with_its_phase() {
    let text =
        "# I\n## P\n#### A\n## Q\n### E\n### G\n- after: e\n#### B\n### H\n- after: none\n#### C\n";
    assert_eq!(needs(text), [vec![], vec![Phase(0)], vec![]]);
}

#[test]
fn an_empty_group_that_waits_for_nothing_hides_no_other() {
    let text = "# I\n## P\n#### A\n- after: none\n## Q\n### E\n- after: none\n### F\n- after: a, p\n### G\n#### B\n- after: e, f, e\n";
    assert_eq!(needs(text)[1], [Task(0), Plan(0)]);
}

#[test]
fn a_name_given_twice_counts_once() {
    assert_eq!(needs("# I\n#### A\n#### B\n- after: a, a\n")[1], [Task(0)]);
}

#[test]
fn groups_that_wait_for_each_other_without_any_task_of_theirs_waiting_are_in_order() {
    let text = "# I\n## P\n### L\n- after: m\n#### A\n- after: none\n### M\n- after: l\n#### B\n- after: none\n";
    assert_eq!(needs(text), [vec![], vec![]]);
}

#[test]
fn the_order_puts_each_task_after_what_it_waits_for() {
    let text = "# I\n## P\n#### A\n- after: c\n#### B\n## Q\n#### C\n- after: none\n#### D\n";
    let resolved = order(text);
    let place = |task| {
        resolved
            .order()
            .iter()
            .position(|other| *other == task)
            .expect("a place")
    };
    assert_eq!(resolved.order().len(), 4);
    for task in 0..4 {
        for need in resolved.needs(task) {
            assert!(
                resolved
                    .tasks_of(*need)
                    .all(|other| place(other) < place(task)),
                "{task} {need:?}"
            );
        }
    }
}

#[test]
fn many_plans_share_the_list_of_their_phase() {
    let plans: String = (0..1000)
        .map(|n| format!("### L{n}\n#### B{n}\n"))
        .collect();
    let first: String = (0..1000)
        .map(|n| format!("### K{n}\n#### A{n}\n"))
        .collect();
    let names: Vec<String> = (0..1000).map(|n| format!("a{n}")).collect();
    let resolved = order(&format!(
        "# I\n## P\n{first}## Q\n- after: {}\n{plans}",
        names.join(", ")
    ));
    assert_eq!(resolved.needs(1999).len(), 1000);
    assert!(std::ptr::eq(resolved.needs(1000), resolved.needs(1999)));
}
