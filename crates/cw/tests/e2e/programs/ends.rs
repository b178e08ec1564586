//! Every way in which a turn of Claude Code is known to end, as a user sees it: the status of the
//! task, and the words. A program that repeats what was recorded stands in for it. What is asked
//! of a person while it goes on, and who is not let in, have tests of their own.

use std::path::Path;

use crate::stage::Stage;

/// Repeats the recording that its prompt names and leaves with the code beside it.
const PLAYER: &str = r#"#!/bin/sh
read -r hello
read -r prompt
words=$(printf '%s' "$prompt" | grep -o 'PLAY [a-z0-9-]* [0-9]*' | head -n 1)
set -- $words
cat "$RECORDINGS/$2.jsonl"
exit "$3"
"#;

/// How a task stands after it.
enum Stands {
    Merged,
    Failed,
    /// Until a time.
    Parked,
    /// Failed, or about to be tried again: never taken for done.
    NotDone,
}

use Stands::{Failed, Merged, NotDone, Parked};

/// The recording, the exit code, how the task stands, and the words that tell it.
const TABLE: &[(&str, u8, Stands, &str)] = &[
    (
        "ok-write-and-commit",
        0,
        Merged,
        "Done: hello.txt committed.",
    ),
    (
        "old-ok-write-and-commit",
        0,
        Merged,
        "Done: hello.txt committed.",
    ),
    ("tool-denied", 0, Merged, "It was refused: Write."),
    (
        "json-schema-never-met",
        0,
        Merged,
        "I refuse to use the tool",
    ),
    ("mcp-server-broken", 0, Merged, "did not start"),
    ("api-429-retry-after", 0, Merged, "tries again"),
    ("api-529-fallback", 0, Merged, "answered by fallback"),
    ("stream-dropped", 0, Merged, "whole message"),
    (
        "background-task-two-results",
        0,
        Merged,
        "woken by the background task",
    ),
    ("max-turns", 1, Failed, "maximum number of turns (2)"),
    ("max-budget", 1, Failed, "maximum budget ($1)"),
    ("sigint-in-tool", 0, Failed, "it was interrupted"),
    ("sigint-while-streaming", 1, Failed, "it was interrupted"),
    ("sigterm-in-tool", 143, Failed, "signal 15"),
    ("api-429", 1, Parked, "a usage limit was reached"),
    (
        "api-429-retry-after-300",
        1,
        Parked,
        "a usage limit was reached",
    ),
    ("api-500", 1, NotDone, "500"),
    ("api-529", 1, NotDone, "at capacity"),
    ("connection-reset", 1, NotDone, "Connection dropped"),
];

fn stage() -> Stage {
    let stage = Stage::bare();
    stage.tool("player.sh", PLAYER);
    let program = stage.tools.join("player.sh");
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../adapters/src/agent/testdata/claude")
        .canonicalize()
        .unwrap();
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n[agents]\nmax = 4\ndefault = \"player\"\n\
             [agents.player]\nkind = \"claude\"\ncommand = {program:?}\n\
             env = {{ RECORDINGS = {recordings:?} }}\n[limits]\nattempts = 1\n"
        ),
    );
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

#[test]
fn every_end_of_a_turn_gives_a_status_and_words_for_the_user() {
    let stage = stage();
    let mut plan = "# Ends\n".to_owned();
    for (name, code, ..) in TABLE {
        plan.push_str(&format!(
            "#### {name}\n- id: {name}\n- after: none\n\nPLAY {name} {code}\n\n"
        ));
    }
    let plan = stage.plan(&plan);
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "ends"]).expect(0);

    for (name, _, stands, words) in TABLE {
        let (told, outcome) = stage.wait(&format!("the words of {name}"), || {
            let task = stage.task(name);
            let agent = task["agent"].as_str()?;
            let show = stage.cw(&["task", "show", name]).out;
            let log = stage.cw(&["agent", "log", agent]).out;
            let agent = stage.json(&["agent", "show", agent])["agent"].clone();
            let outcome = agent["history"][0]["outcome"].as_str()?.to_owned();
            let told = format!("{show}\n{log}");
            told.contains(words).then_some((told, outcome))
        });
        assert!(!told.contains("ede_diagnostic"), "{told}");
        match stands {
            Merged => drop(stage.wait_for(name, "merged")),
            Failed => drop(stage.wait_for(name, "failed")),
            Parked => {
                let task = stage.wait_for(name, "parked");
                assert!(task["resume_at"].is_string(), "{task}");
            }
            NotDone => assert_ne!(outcome, "done", "{told}"),
        }
    }
}
