//! What a file says, and what is told when it cannot be read.

use super::super::{Priority, Review, TaskKind};
use super::{error, errors, plan, tasks};
use crate::domain::duration::Seconds;
use crate::domain::money::Usd;

const ACCOUNTS: &str = "\
# Accounts
- base: main
- agents: 3
- budget: $20

Users can sign in.

## Storage
### Tables
#### Users table
- id: users-table
- touches: migrations/**, src/db/users.rs
- verify: cargo test -p db
- verify: cargo fmt --check

Create the `users` table …

#### Sessions table

Create the `sessions` table …

## API
- after: storage
### Endpoints
Text without a blank line.
#### Login
- after: users-table
- agent: claude
- model: best: of all
- priority: high
- review: human
- budget: 0.50
- timeout: 1h30m
- attempts: 2
#### Release
- kind: approval
- after: none
";

#[test]
fn the_example_of_the_contract_is_read() {
    let plan = plan(ACCOUNTS);
    assert_eq!(plan.initiative.id, "accounts");
    assert_eq!(plan.initiative.title, "Accounts");
    assert_eq!(plan.initiative.text, "Users can sign in.");
    assert_eq!(plan.initiative.base.as_deref(), Some("main"));
    assert_eq!(
        (plan.initiative.agents, plan.initiative.budget),
        (Some(3), Some(Usd(20_000_000)))
    );
    let phases: Vec<&str> = plan.phases.iter().map(|phase| phase.id.as_str()).collect();
    assert_eq!(phases, ["storage", "api"]);
    assert_eq!(plan.phases[1].after, Some(vec!["storage".to_owned()]));
    assert_eq!(plan.phases[1].plans[0].text, "Text without a blank line.");
    let tasks = tasks(&plan);
    assert_eq!(tasks[0].id, "users-table");
    assert_eq!(tasks[0].touches, ["migrations/**", "src/db/users.rs"]);
    assert_eq!(tasks[0].verify, ["cargo test -p db", "cargo fmt --check"]);
    assert_eq!(tasks[0].text, "Create the `users` table …");
    assert_eq!((tasks[0].line.0, tasks[0].after_line.0), (10, 0));
    assert_eq!(
        (tasks[1].id.as_str(), &tasks[1].after),
        ("sessions-table", &None)
    );
    assert_eq!((tasks[2].line.0, tasks[2].after_line.0), (26, 27));
    assert_eq!(tasks[2].model.as_deref(), Some("best: of all"));
    assert_eq!(
        (tasks[2].priority, tasks[2].review),
        (Priority::High, Review::Human)
    );
    assert_eq!(
        (tasks[2].budget, tasks[2].timeout),
        (Some(Usd(500_000)), Some(Seconds(5_400)))
    );
    assert_eq!(
        (tasks[2].attempts, tasks[2].kind),
        (Some(2), TaskKind::Work)
    );
    assert_eq!(
        (tasks[3].kind, &tasks[3].after),
        (TaskKind::Approval, &Some(vec![]))
    );
}

#[test]
fn line_ends_and_a_byte_order_mark_make_no_difference() {
    let windows = format!("\u{feff}{}", ACCOUNTS.replace('\n', "\r\n"));
    assert_eq!(plan(&windows), plan(ACCOUNTS));
}

#[test]
fn a_level_that_is_left_out_takes_id_and_title_from_above() {
    let short = plan("# Big Thing\n- id: big\n#### A\n#### B\n");
    assert_eq!((short.phases.len(), short.phases[0].plans.len()), (1, 1));
    assert_eq!(
        (short.phases[0].id.as_str(), short.phases[0].title.as_str()),
        ("big", "Big Thing")
    );
    assert_eq!(short.phases[0].plans[0].id, "big");
    assert_eq!(tasks(&short).len(), 2);

    let no_plans = plan("# I\n## One\n#### A\n## Two\n### Line\n#### B\n## Three\n");
    assert_eq!(no_plans.phases[0].plans[0].id, "one");
    assert_eq!(no_plans.phases[1].plans[0].id, "line");
    assert!(no_plans.phases[2].plans.is_empty());

    let no_phases = plan("# I\n### One\n#### A\n### Two\n");
    assert_eq!(
        (no_phases.phases.len(), no_phases.phases[0].plans.len()),
        (1, 2)
    );
}

#[test]
fn a_level_that_is_left_out_and_written_is_refused() {
    let mixed = error("# I\n## P\n#### A\n### L\n#### B\n");
    assert_eq!(mixed.line, 4);
    assert!(mixed.what.contains("from line 3"), "{mixed}");
    assert_eq!(error("# I\n#### A\n## P\n### L\n").line, 3);
    assert_eq!(error("# I\n### L\n#### A\n## P\n").line, 4);
}

#[test]
fn an_initiative_may_be_empty() {
    assert!(plan("# I\n").phases.is_empty());
}

#[test]
fn attributes_end_at_the_first_blank_or_other_line() {
    let plan = plan(
        "# I\n#### A\n\n\n- id: x\n\n- after: nobody\n#### B\n- id: y\nText\n- after: nobody\n",
    );
    let tasks = tasks(&plan);
    assert_eq!(
        (tasks[0].id.as_str(), tasks[0].text.as_str()),
        ("x", "- after: nobody")
    );
    assert_eq!(
        (tasks[1].id.as_str(), tasks[1].text.as_str()),
        ("y", "Text\n- after: nobody")
    );
    assert_eq!((&tasks[0].after, &tasks[1].after), (&None, &None));
}

#[test]
fn fences_hide_headings_and_escapes_are_taken_away() {
    let text = "# I\n#### A\n````sh\n# comment\n```\n#### no\n\\# kept\n````\n\\# one\n\\- id: two\n\\\\# three\n\\n\n\\```\n";
    let plan = plan(text);
    let expected =
        "````sh\n# comment\n```\n#### no\n\\# kept\n````\n# one\n- id: two\n\\# three\n\\n\n```";
    assert_eq!(tasks(&plan)[0].text, expected);
}

#[test]
fn a_fence_in_a_list_item_ends_with_its_closing_line_or_its_item() {
    for item in [
        "- ```\n  # comment\n  ```",
        "1. ```sh\n   # comment\n   ```",
        "- a\n  1. ~~~\n     # comment\n     ~~~",
        "- - ```\n    # comment\n    ```",
        "- ```sh\n  never closed",
        "- ```sh\nclosed at column 0\n```",
    ] {
        let text = format!("# I\n#### A\n{item}\n#### B\n\n```\n#### no\n```\n");
        let plan = plan(&text);
        assert_eq!(tasks(&plan).len(), 2, "{text}");
        assert_eq!(tasks(&plan)[0].text, item);
        assert_eq!(tasks(&plan)[1].text, "```\n#### no\n```");
    }
}

#[test]
fn deeper_and_indented_headings_are_text() {
    let plan = plan("# I\n#### A\n##### B\n #### C\n#D\n");
    assert_eq!(tasks(&plan)[0].text, "##### B\n #### C\n#D");
}

#[test]
fn an_escaped_attribute_begins_the_text() {
    let plan = plan("# I\n#### A\n- id: a\n\\- id: b\n- id: c\n");
    assert_eq!(
        (tasks(&plan)[0].id.as_str(), tasks(&plan)[0].text.as_str()),
        ("a", "- id: b\n- id: c")
    );
}

/// Text, line of the error, part of what it says, part of its hint.
const FAULTS: &[(&str, u32, &str, &str)] = &[
    ("", 1, "no `#` heading", "begin the file"),
    ("## P\n", 1, "no `#` heading", "begin the file"),
    (
        "\nHello\n# I\n",
        2,
        "text before the first heading",
        "begin the file",
    ),
    ("# I\n# J\n", 2, "a second `#` heading", "file of its own"),
    (
        "# I\n####\n- id: a\n",
        2,
        "a `####` heading without a title",
        "title after it",
    ),
    (
        "# I\n#### A\n- prioriti: high\n",
        3,
        "unknown key `prioriti` under a `####` heading",
        "nearest is `priority`",
    ),
    (
        "# I\n## P\n- touches: a\n",
        3,
        "unknown key `touches` under a `##` heading",
        "stands under a `####`",
    ),
    (
        "# I\n#### A\n- priority: urgent\n",
        3,
        "`priority` cannot be `urgent`",
        "nearest is",
    ),
    (
        "# I\n#### A\n- id: a\n- id: b\n",
        4,
        "`id` is given twice, first in line 3",
        "take one",
    ),
    (
        "# I\n#### A\n- after: none\n- after: none\n",
        4,
        "`after` is given twice",
        "write all in one line",
    ),
    (
        "# I\n#### A\n- id: Users Table\n",
        3,
        "`id` cannot be `Users Table`",
        "write `- id: users-table`",
    ),
    (
        "# I\n#### 🎉\n",
        2,
        "no id can be made of the title `🎉`",
        "write `- id: …`",
    ),
    (
        "# I\n#### None\n",
        2,
        "no id can be made of the title `None`",
        "write `- id: …`",
    ),
    (
        "# I\n#### A\n- verify:\n",
        3,
        "`verify` cannot be ``",
        "write a value",
    ),
    (
        "# I\n#### A\n\n~~~\n#### B\n",
        4,
        "this code fence is never closed",
        "close it",
    ),
    (
        "# I\n#### A\n#### A\n",
        3,
        "two tasks have the id `a`, in lines 2 and 3",
        "`- id: a-2`",
    ),
    (
        "# I\n#### Alpha\n#### B\n- after: alpah\n",
        4,
        "`after` names `alpah`",
        "nearest id is `alpha`",
    ),
    (
        "# I\n#### A\n- after: a\n",
        3,
        "a cycle: a → a",
        "take it out",
    ),
    (
        "# I\n## P\n## P\n",
        3,
        "two phases have the id `p`",
        "`- id: p-2`",
    ),
    (
        "# I\n## P\n### L\n## Q\n### L\n",
        5,
        "two plans have the id `l`",
        "`- id: l-2`",
    ),
];

#[test]
fn single_faults_are_told_with_line_and_help() {
    for (text, line, what, help) in FAULTS {
        let error = error(text);
        assert_eq!(error.line, *line, "{text:?}: {error}");
        assert!(error.what.contains(what), "{text:?}: {error}");
        assert!(
            error.hint.as_ref().is_some_and(|hint| hint.contains(*help)),
            "{text:?}: {error:?}"
        );
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    for line in [
        "timeout: 30",
        "timeout: 0s",
        "budget: $0",
        "budget: cheap",
        "attempts: 0",
        "attempts: 1.5",
        "kind: person",
        "review: yes",
        "touches: {a",
        "after: ,",
        "after: none, a",
    ] {
        let error = error(&format!("# I\n#### A\n- {line}\n"));
        assert_eq!(error.line, 3, "{error}");
        assert!(
            error.what.contains("cannot be") && error.cause.is_some(),
            "{line}: {error:?}"
        );
    }
    for line in ["agents: 0", "base: -f", "base: a..b", "budget: -1"] {
        assert!(
            error(&format!("# I\n- {line}\n"))
                .what
                .contains("cannot be"),
            "{line}"
        );
    }
}

#[test]
fn all_errors_come_at_once_in_the_order_of_lines() {
    let text =
        "# I\n- colour: red\n## P\n### L\n#### A\n- after: nobody\n#### A\n- timeout: soon\n####\n";
    let found = errors(text);
    let lines: Vec<u32> = found.iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 6, 7, 8, 9]);
    assert_eq!(
        found[0].to_string(),
        "plan.md:2: unknown key `colour` under a `#` heading"
    );
}

#[test]
fn an_id_may_be_shared_by_levels() {
    let plan = plan("# A\n## A\n### A\n#### A\n#### B\n- after: a\n");
    assert_eq!(tasks(&plan).len(), 2);
}

#[test]
fn a_cycle_is_spelled_out_with_its_lines() {
    let cycle = error("# I\n#### A\n- after: c\n#### B\n- after: a\n#### C\n- after: b\n");
    assert_eq!(cycle.what, "a cycle: a → c → b → a");
    let cause = cycle.cause.unwrap_or_default();
    assert_eq!(
        cause,
        "`a` (line 2) waits for `c` (line 6); `c` (line 6) waits for `b` (line 4); `b` (line 4) waits for `a` (line 2)"
    );
}

#[test]
fn cycles_through_the_order_of_places_are_found() {
    for (text, what) in [
        ("# I\n#### A\n- after: b\n#### B\n", "a cycle: a → b → a"),
        (
            "# I\n## P\n#### A\n- after: b\n## Q\n#### B\n",
            "a cycle: a → b → phase p → a",
        ),
        (
            "# I\n## P\n### L\n#### A\n- after: l\n",
            "a cycle: a → plan l → a",
        ),
        (
            "# I\n## P\n### L\n- after: m\n### M\n- after: l\n",
            "a cycle: plan l → plan m → plan l",
        ),
        (
            "# I\n## P\n- after: q\n#### A\n## Q\n",
            "a cycle: a → phase q → phase p → a",
        ),
        (
            "# I\n## P\n### L\n- after: m\n#### A\n### M\n#### B\n- after: a\n",
            "a cycle: a → plan m → b → a",
        ),
    ] {
        assert_eq!(error(text).what, what, "{text:?}");
    }
}

#[test]
fn one_fault_does_not_make_others_up() {
    // Read as without `after`, B would wait for A.
    assert!(
        error("# I\n#### A\n- after: b\n#### B\n- after: ,\n")
            .what
            .contains("cannot be")
    );
    // Which of the two A is meant is not known.
    let twice = "# I\n#### A\n- after: b\n#### B\n- after: a\n#### A\n- after: none\n";
    assert!(error(twice).what.contains("two tasks have the id `a`"));
}

#[test]
fn several_cycles_are_told_apart() {
    let text =
        "# I\n#### A\n- after: b\n#### B\n- after: a\n#### C\n- after: d\n#### D\n- after: c\n";
    let found: Vec<String> = errors(text).into_iter().map(|error| error.what).collect();
    assert_eq!(found, ["a cycle: a → b → a", "a cycle: c → d → c"]);
}
