//! `read(export(plan)) == plan`, for any plan.

use proptest::prelude::*;

use super::super::{
    Initiative, Phase, Plan, PlanDocument, Priority, Review, Task, TaskKind, export, normal_text,
    read,
};
use crate::domain::duration::Seconds;
use crate::domain::money::Usd;

/// Lines that could be taken for something else.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[^\n\0]{0,20}",
        2 => "\\PC{0,30}",
        2 => "\\\\{0,3}#{1,5}[ \t]?[a-c# ]{0,6}",
        2 => "\\\\{0,2}- {0,2}(id|after|verify|note|a b) ?: ?[a-z,# ]{0,8}",
        3 => " {0,4}(`{2,6}|~{2,6})[a-z` ~]{0,4}",
        1 => "\\\\{1,3} {0,4}(`{3,5}|~{3,5})[a-z]{0,2}",
        3 => "\\\\{0,1} {0,4}([-*+]|[0-9]{1,2}[.)])[ \t]{1,5}([-*] )?(`{2,4}|~{3,4})[a-z]{0,2}",
        1 => "[ \t]{2,7}(`{3,4}|~{3,4}) ?",
        1 => "[ \t\r]{0,4}",
        1 => "\u{feff}?- ?[a-z]{1,3}:",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 0..12).prop_map(|lines| normal_text(&lines.join("\n")))
}

fn title() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z# ]{1,10}", "\\PC{1,20}", "[#`\\\\-]{1,4}"]
        .prop_map(|title| title.trim().to_owned())
        .prop_filter("a title has something in it", |title| !title.is_empty())
}

/// A value of one line, trimmed as reading does it.
fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z -]{1,12}", "\\PC{1,20}"]
        .prop_map(|value| value.trim().to_owned())
        .prop_filter("a value has something in it", |value| !value.is_empty())
}

fn glob() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z*/.]{1,10}",
        "[a-z]{1,3}\\{[a-z,]{1,5}\\}[a-z]{0,2}",
        "\\[[a-z,]{1,3}\\]",
        "[a-z]{1,3}\\\\[,\\[{]",
    ]
}

fn task() -> impl Strategy<Value = Task> {
    let kind = prop_oneof![Just(TaskKind::Work), Just(TaskKind::Approval)];
    let priority = prop_oneof![
        Just(Priority::High),
        Just(Priority::Normal),
        Just(Priority::Low)
    ];
    let review = prop_oneof![Just(Review::None), Just(Review::Human)];
    let words = (title(), text(), kind, priority, review);
    let names = (prop::option::of(value()), prop::option::of(value()));
    let lists = (
        prop::collection::vec(glob(), 0..3),
        prop::collection::vec(value(), 0..3),
    );
    let numbers = (
        prop::option::of(1..=1_000_000_000_u64),
        prop::option::of(1..=10_000_000_u64),
        prop::option::of(1..=100_u32),
    );
    (words, names, lists, numbers).prop_map(|(words, names, lists, numbers)| Task {
        id: String::new(),
        title: words.0,
        text: words.1,
        after: None,
        kind: words.2,
        agent: names.0,
        model: names.1,
        priority: words.3,
        touches: lists.0,
        verify: lists.1,
        review: words.4,
        budget: numbers.0.map(Usd),
        timeout: numbers.1.map(Seconds),
        attempts: numbers.2,
        ..Task::default()
    })
}

pub(crate) fn plans() -> impl Strategy<Value = PlanDocument> {
    let plan = (title(), text(), prop::collection::vec(task(), 0..3));
    let phase = (title(), text(), prop::collection::vec(plan, 0..3));
    let initiative = (
        title(),
        text(),
        prop::option::of("[a-z/]{0,5}[a-z]"),
        prop::option::of(1..=50_u32),
    );
    let all = (
        initiative,
        prop::collection::vec(phase, 0..3),
        prop::collection::vec(any::<u8>(), 16),
    );
    all.prop_map(|(initiative, phases, chances)| {
        let base = initiative
            .2
            .map(|base| base.trim_matches('/').to_owned())
            .filter(|base| !base.is_empty());
        let initiative = Initiative {
            id: "größe-1".into(),
            title: initiative.0,
            text: initiative.1,
            base,
            agents: initiative.3,
            ..Initiative::default()
        };
        let phases = phases
            .into_iter()
            .map(|(title, text, plans)| {
                let plans = plans.into_iter().map(|(title, text, tasks)| Plan {
                    title,
                    text,
                    tasks,
                    ..Plan::default()
                });
                Phase {
                    title,
                    text,
                    plans: plans.collect(),
                    ..Phase::default()
                }
            })
            .collect();
        let mut document = PlanDocument { initiative, phases };
        number(&mut document, &chances);
        document
    })
}

/// Gives ids, and an `after` that names only what stands before.
fn number(document: &mut PlanDocument, chances: &[u8]) {
    let mut known: Vec<String> = Vec::new();
    let mut chance = chances.iter().cycle();
    let mut after = |known: &[String]| match chance.next().map_or(0, |n| n % 4) {
        0 => Some(Vec::new()),
        1 => Some(known.iter().rev().take(2).cloned().collect()),
        _ => None,
    };
    for (p, phase) in document.phases.iter_mut().enumerate() {
        phase.id = format!("p{p}");
        phase.after = after(&known);
        for (l, plan) in phase.plans.iter_mut().enumerate() {
            plan.id = format!("l{p}-{l}");
            plan.after = after(&known);
            for (t, task) in plan.tasks.iter_mut().enumerate() {
                task.id = format!("t{p}-{l}-{t}");
                task.after = after(&known);
                known.push(task.id.clone());
            }
        }
        known.push(phase.id.clone());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(plan in plans()) {
        let written = export(&plan);
        let again = read(&written, "plan.md");
        prop_assert_eq!(again.as_ref(), Ok(&plan), "{}", written);
        prop_assert_eq!(export(&plan), written);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(#{1,4} [a-c]\n|- [a-z]{2,5}: [a-c]\n|\\PC{0,5}\n|```\n){0,12}") {
        if let Ok(plan) = read(&text, "plan.md") {
            let again = read(&export(&plan), "plan.md");
            prop_assert_eq!(again, Ok(plan));
        }
    }
}

#[test]
fn the_short_form_is_written_in_full_and_means_the_same() {
    let plan = super::plan("# Big\n#### A\nDo it.\n");
    let written = export(&plan);
    let full = "# Big\n- id: big\n\n## Big\n- id: big\n\n### Big\n- id: big\n\n#### A\n- id: a\n\nDo it.\n";
    assert_eq!(written, full);
    assert_eq!(super::plan(&written), plan);
}
