//! Questions, answers and notes that outlive their server: each arrives once, in order.

use serde_json::Value;

use crate::stage::Stage;

fn messages(stage: &Stage) -> Vec<Value> {
    let list = stage.json(&["message", "list"]);
    list["messages"].as_array().unwrap().clone()
}

#[test]
fn an_agent_that_waits_for_its_answer_gets_it_once_whenever_the_server_is_killed() {
    let stage = Stage::new();
    let prompt = "for n in 1 2 3; do\n\
                  cw ask \"Which $n?\" --option red --option blue >> answers; echo \"code $?\" >> answers\n\
                  done\n\
                  git add -A; git commit -qm answers\n";
    stage.cw(&["spawn", prompt, "--name", "soho"]).expect(0);
    for n in 1..=3 {
        let question = stage.wait("the question", || {
            let mut newest = messages(&stage).into_iter().rev();
            newest.find(|message| message["status"] == "open")
        });
        assert_eq!(question["body"], format!("Which {n}?"));
        stage.kill_server();
        let id = question["id"].as_str().unwrap();
        stage.cw(&["message", "answer", id, "2"]).expect(0);
        // Now the answer is on its way, or was just taken.
        stage.kill_server();
        let twice = stage.cw(&["message", "answer", id, "1"]);
        assert_eq!(twice.code, 4, "{twice:?}");
        assert!(twice.err.contains("its answer: blue"), "{twice:?}");
    }
    stage.wait_for("soho", "merged");
    let answers = stage.file_at("cw/adhoc/integration", "answers");
    assert_eq!(answers, ["blue\ncode 0"; 3].join("\n"));
    assert_eq!(messages(&stage).len(), 3, "each was asked once");
    assert_eq!(stage.json(&["agent", "show", "soho"])["agent"]["turns"], 1);
}

#[test]
fn notes_come_in_the_order_in_which_they_were_said_and_once() {
    let stage = Stage::new();
    stage.tool("on-message.sh", "cat \"$1\" >> notes; echo >> notes\n");
    let go = stage.tools.join("go");
    let begun = stage.tools.join("begun");
    let prompt = format!(
        "touch {}; while [ ! -e {} ]; do sleep 0.05; done\n",
        begun.display(),
        go.display()
    );
    stage.cw(&["spawn", &prompt, "--name", "soho"]).expect(0);
    stage.wait("the agent to work", || begun.exists().then_some(()));
    for n in 0..6 {
        let note = format!("note {n}");
        stage.cw(&["agent", "say", "soho", &note]).expect(0);
        if n % 2 == 0 {
            stage.kill_server();
        }
    }
    std::fs::write(go, "").unwrap();
    stage.wait_for("soho", "merged");
    let notes = stage.file_at("cw/adhoc/integration", "notes");
    let said: Vec<&str> = notes
        .split_whitespace()
        .filter(|word| word.chars().all(|c| c.is_ascii_digit()))
        .collect();
    assert_eq!(said, ["0", "1", "2", "3", "4", "5"], "{notes}");
    assert!(
        messages(&stage)
            .iter()
            .all(|message| message["status"] == "read")
    );
}

#[test]
fn a_question_whose_task_was_cancelled_takes_no_answer() {
    let stage = Stage::new();
    stage
        .cw(&[
            "spawn",
            "cw ask --no-wait 'Which?'; exit 75",
            "--name",
            "soho",
        ])
        .expect(0);
    stage.wait_for("soho", "waiting");
    let id = messages(&stage)[0]["id"].as_str().unwrap().to_owned();
    stage.cw(&["task", "cancel", "soho"]).expect(0);
    let late = stage.cw(&["message", "answer", &id, "this"]);
    assert_eq!(late.code, 4, "{late:?}");
    for part in ["not open any more", "its task was cancelled", "hint:"] {
        assert!(late.err.contains(part), "{late:?}");
    }
    assert_eq!(stage.json(&["inbox"])["messages"], serde_json::json!([]));
}

#[test]
fn an_answer_may_come_from_standard_input_and_by_number() {
    let stage = Stage::new();
    let prompt = "for n in 1 2; do cw ask \"Which $n?\" -o red -o blue >> answers; done\n\
                  git add -A; git commit -qm answers\n";
    stage.cw(&["spawn", prompt, "--name", "soho"]).expect(0);
    let open = || {
        let inbox = stage.json(&["inbox"]);
        inbox["messages"][0]["id"].as_str().map(str::to_owned)
    };
    let first = stage.wait("the first question", open);
    let none = stage.cw(&["message", "answer", &first, "--option", "3"]);
    assert_eq!(none.code, 2, "{none:?}");
    stage
        .cw_with(&["message", "answer", &first, "-"], b"2\n")
        .expect(0);
    let second = stage.wait("the second question", || open().filter(|id| *id != first));
    stage
        .cw_with(&["message", "answer", &second], "grün\n".as_bytes())
        .expect(0);
    stage.wait_for("soho", "merged");
    assert_eq!(
        stage.file_at("cw/adhoc/integration", "answers"),
        "blue\ngrün"
    );
}
