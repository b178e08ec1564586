//! Files that were not meant well, or not meant to be plans.

use super::super::{outline, read, read_bytes, resolve};
use super::{error, errors, plan, tasks};

fn refusal(bytes: &[u8]) -> super::PlanError {
    let mut errors = read_bytes(bytes, "x").expect_err("a refusal");
    assert_eq!(errors.len(), 1);
    errors.remove(0)
}

#[test]
fn twenty_megabytes_are_refused_unread() {
    let big = "# I\n".repeat(5 * 1024 * 1024);
    assert!(refusal(big.as_bytes()).what.contains("more than 8388608"));
    assert!(read(&big, "x").is_err());
}

#[test]
fn what_is_not_text_is_refused_with_its_line() {
    let binary = refusal(b"# I\n\x7fELF\0\0");
    assert_eq!(
        (binary.line, binary.what.as_str()),
        (2, "the file is binary")
    );
    let latin = refusal(b"# I\n\n#### Gr\xf6\xdfe\n");
    assert_eq!(
        (latin.line, latin.what.as_str()),
        (3, "the file is not UTF-8")
    );
    assert!(refusal(b"\xff\xfe#\0 \0I\0").what.contains("UTF-16"));
    assert!(read_bytes(b"# I\n", "x").is_ok());
}

#[test]
fn a_hundred_errors_are_told_and_the_rest_counted() {
    let text = format!("# I\n{}", "- nonsense: x\n".repeat(1000));
    let errors = errors(&text);
    assert_eq!((errors.len(), errors[99].line), (101, 101));
    assert_eq!(errors[100].what, "900 more errors");
}

#[test]
fn too_many_tasks_are_one_error() {
    let tasks: String = (0..100_010).map(|n| format!("#### T{n}\n")).collect();
    let error = error(&format!("# I\n{tasks}"));
    assert_eq!(
        (error.line, error.what.as_str()),
        (100_002, "more than 100000 tasks")
    );
}

#[test]
fn too_many_groups_are_one_error() {
    let phases: String = (0..100_010).map(|n| format!("## T{n}\n")).collect();
    assert_eq!(
        error(&format!("# I\n{phases}")).what,
        "more than 100000 phases and plans"
    );
}

#[test]
fn a_long_cycle_is_told_shortly() {
    let tasks: String = (0..50_000).map(|n| format!("#### T{n}\n")).collect();
    let error = error(&format!("# I\n#### Z\n- after: t49999\n{tasks}"));
    assert!(
        error.what.starts_with("a cycle: z → t49999 → t49998 →"),
        "{}",
        error.what
    );
    assert!(
        error.what.ends_with("→ t0 → z") && error.what.len() < 1000,
        "{}",
        error.what
    );
}

#[test]
fn a_hundred_thousand_tasks_in_a_row_have_an_order() {
    let tasks: String = (0..99_999)
        .map(|n| format!("#### T{n}\n- id: t{n}\n\nDo {n}.\n"))
        .collect();
    let plan = plan(
        &format!("# I\n{tasks}#### Last\n- after: i\n- id: last\n").replace("- after: i\n", ""),
    );
    let resolved = resolve(&outline(&plan)).expect("an order");
    assert_eq!(
        (resolved.tasks(), resolved.needs(99_999).len()),
        (100_000, 1)
    );
    assert_eq!(super::tasks(&plan)[99_999].id, "last");
}

#[test]
fn empty_phases_in_a_row_do_not_exhaust_the_stack() {
    let phases: String = (0..90_000).map(|n| format!("## P{n}\n")).collect();
    let plan = plan(&format!("# I\n## A\n#### First\n{phases}## Z\n#### Last\n"));
    let resolved = resolve(&outline(&plan)).expect("an order");
    assert_eq!(resolved.needs(1), [super::super::Need::Phase(0)]);
}

#[test]
fn lists_that_multiply_through_empty_groups_are_refused() {
    // 100 empty plans, each with its own 1,000 names, named by 100 tasks.
    let names: Vec<String> = (0..1000).map(|n| format!("t{n}")).collect();
    let tasks: String = (0..1000)
        .map(|n| format!("#### T{n}\n- after: none\n"))
        .collect();
    let empty: String = (0..100)
        .map(|n| format!("### E{n}\n- after: {}\n", names.join(",")))
        .collect();
    let all: Vec<String> = (0..100).map(|n| format!("e{n}")).collect();
    let users: String = (0..100)
        .map(|n| format!("#### U{n}\n- after: {}\n", all.join(",")))
        .collect();
    let error = error(&format!("# I\n## A\n{tasks}## B\n{empty}## C\n{users}"));
    assert!(error.what.contains("passed through"), "{error}");
}

#[test]
fn a_text_of_open_fences_is_written_in_one_pass() {
    let fences = "```a\n~~~~\n".repeat(50_000);
    let mut plan = plan("# I\n#### A\n");
    plan.phases[0].plans[0].tasks[0].text =
        super::super::normal_text(&fences.replace("~~~~", "~~~~ x"));
    let again = read(&super::super::export(&plan), "x").expect("a plan");
    assert_eq!(tasks(&again)[0].text, tasks(&plan)[0].text);
}

#[test]
fn many_unknown_names_among_many_ids_are_told() {
    let tasks: String = (0..20_000)
        .map(|n| format!("#### T{n}\n- after: u{n}\n"))
        .collect();
    let errors = errors(&format!("# I\n{tasks}"));
    assert_eq!(errors.len(), 101);
    assert!(
        errors[0]
            .hint
            .as_ref()
            .is_some_and(|hint| hint.contains("nearest id is `t0`")),
        "{:?}",
        errors[0]
    );
}
