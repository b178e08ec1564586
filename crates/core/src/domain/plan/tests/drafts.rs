//! Plans that come from no file pass the same rules.

use super::super::{Level, Section, build, build_task, check, export, read, task_attributes};
use super::{plan, tasks};

fn initiative() -> Section {
    Section::new(Level::Initiative, " Accounts ").with("budget", "20")
}

#[test]
fn sections_build_what_the_file_says() {
    let sections = vec![
        initiative(),
        Section::new(Level::Task, "A").with_text("\r\n\n  # x\r\n"),
        Section::new(Level::Task, "B")
            .with("after", "none")
            .with("verify", " true "),
    ];
    let built = build(sections, "-").expect("a plan");
    assert_eq!(
        built,
        plan("# Accounts\n- budget: $20\n#### A\n\n  # x\n#### B\n- after: none\n- verify: true\n")
    );
}

#[test]
fn errors_without_lines_name_their_place() {
    let sections = vec![
        initiative(),
        Section::new(Level::Task, "Login")
            .with("priority", "hgih")
            .with("prio", "x"),
    ];
    let errors = build(sections, "-").expect_err("errors");
    assert_eq!(
        errors[0].to_string(),
        "-: `priority` cannot be `hgih` (of the task `Login`)"
    );
    assert_eq!(
        errors[1].to_string(),
        "-: unknown key `prio` of a task (of the task `Login`)"
    );
}

#[test]
fn errors_of_a_plan_without_lines_are_told_by_place_and_without_markdown() {
    let at = |n: usize, title: &str| Section::new(Level::Task, title).at(format!("tasks[{n}]"));
    let sections = vec![
        initiative().at("").with("agents", "0"),
        at(0, "A").with("id", "Not An Id"),
        at(1, "🎉"),
        at(2, "").with("touch", "a"),
        at(3, "B").with("after", "b"),
        at(4, "B").with("after", "nothing-like-it"),
        Section::new(Level::Phase, "P").at("phases[0]"),
    ];
    let errors = build(sections, "-").expect_err("errors");
    let told = super::told(&errors);
    for word in [
        "-: agents: `agents` cannot be `0`",
        "tasks[0].id: `id` cannot be",
        "write `id` as `not-an-id`",
        "tasks[1].title: no id can be made",
        "tasks[2].touch: unknown key `touch` of a task",
        "nearest is `touches`",
        "tasks[2].title: the task has no title",
        "phases[0]: a phase after tasks",
        "two tasks have the id `b`",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    for sign in ["`- ", "`#", "line", "`\\\\"] {
        assert!(!told.contains(sign), "{sign}: {told}");
    }
}

#[test]
fn what_no_file_can_hold_is_refused() {
    for section in [
        Section::new(Level::Task, "A\nB"),
        Section::new(Level::Task, "A").with("verify", "a\nb"),
        Section::new(Level::Task, "A").with_text("a\0b"),
        Section::new(Level::Task, "a".repeat(501)).with("id", "a"),
        Section::new(Level::Task, "A").with_text("a".repeat(1024 * 1024 + 1)),
        Section::new(Level::Task, ""),
    ] {
        let errors = build(vec![initiative(), section], "-").expect_err("errors");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}

#[test]
fn no_sections_are_no_plan() {
    assert!(
        build(Vec::new(), "-").expect_err("an error")[0]
            .what
            .contains("no `#` heading")
    );
}

#[test]
fn one_task_is_built_from_its_written_attributes() {
    let plan = plan(
        "# I\n#### A\n- after: b\n- kind: approval\n- touches: a/**, {b,c}\n- timeout: 90m\n#### B\n- after: none\n",
    );
    let task = tasks(&plan)[0];
    let section = task_attributes(task)
        .into_iter()
        .fold(Section::new(Level::Task, "A"), |s, (k, v)| s.with(k, v));
    assert_eq!(build_task(section, "-").as_ref(), Ok(task));
    assert!(build_task(Section::new(Level::Task, "A").with("timeout", "x"), "-").is_err());
}

#[test]
fn a_plan_put_together_by_hand_is_checked() {
    let mut plan = plan("# I\n#### A\n");
    assert_eq!(check(&plan, "-"), Ok(()));
    plan.phases[0].plans[0].tasks[0].after = Some(vec!["b".into()]);
    assert!(check(&plan, "-").is_err());
    assert!(read(&export(&plan), "-").is_err());
}
