//! What reaches the real Claude Code while it works: notes by its standard input, answers by the
//! tools of `cw`.

use cw_testkit::model::{Answer, Model, Request};
use serde_json::json;

use super::{agent_of, claude, configure, turns, with_key};
use crate::stage::Stage;

fn begun(stage: &Stage, plan: &str, id: &str) {
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan(plan);
    stage.cw(&["plan", "apply", &plan]).expect(0);
    let started = with_key(stage, &["initiative", "start", id]);
    assert!(started.status.success(), "{started:?}");
}

#[test]
fn a_note_for_claude_at_work_reaches_it_in_the_same_turn_and_once() {
    let Some(program) = claude() else { return };
    let stage = Stage::bare();
    let go = stage.tools.join("go");
    let wait = format!("while [ ! -e {} ]; do sleep 0.05; done", go.display());
    let script = move |request: &Request| match (request.mentions("GREEN"), request.step()) {
        (false, 0) => Answer::bash(&wait),
        (true, _) if !request.mentions("bench.txt") => Answer::write("bench.txt", "green\n"),
        _ => Answer::text("The bench is painted."),
    };
    let model = Model::start(script).unwrap();
    configure(&stage, &program, &model, "note", "");
    begun(&stage, "# Paint\n#### Bench\n\nPaint the bench.\n", "paint");

    let log = || stage.cw(&["task", "log", "bench", "--raw"]).out;
    stage.wait("the program to work", || {
        log().contains("tool_use").then_some(())
    });
    let agent = agent_of(&stage, "bench")["name"]
        .as_str()
        .unwrap()
        .to_owned();
    stage.cw(&["agent", "say", &agent, "Take GREEN."]).expect(0);
    stage.wait("the note to be in line", || {
        log().contains("\"state\":\"queued\"").then_some(())
    });
    // Whoever starts now finds it there.
    stage.kill_server();
    std::fs::write(&go, "").unwrap();
    stage.wait_for("bench", "merged");

    assert_eq!(stage.file_at("cw/paint/integration", "bench.txt"), "green");
    assert_eq!(turns(&agent_of(&stage, "bench")), ["start"]);
    let note = stage.json(&["message", "list"])["messages"][0].clone();
    assert_eq!(note["status"], "read", "{note}");
    let requests = model.requests("note");
    let last = requests.last().unwrap().body.to_string();
    assert_eq!(last.matches("Take GREEN.").count(), 1, "{last}");
}

#[test]
fn claude_asks_by_the_tool_of_cw_and_its_answer_comes_once_though_the_server_is_killed() {
    let Some(program) = claude() else { return };
    let question = json!({ "question": "Which colour?", "options": ["red", "blue"] });
    let script = cw_testkit::model::Table::new().on(
        "Paint the shed.",
        [
            Answer::tool("mcp__cw__ask", question),
            Answer::write("shed.txt", "painted\n"),
            Answer::tool("mcp__cw__done", json!({ "summary": "The shed is blue." })),
            Answer::text("The shed is painted."),
        ],
    );
    let model = Model::start(script).unwrap();
    let stage = Stage::bare();
    configure(&stage, &program, &model, "tools", "");
    begun(&stage, "# Paint\n#### Shed\n\nPaint the shed.\n", "paint");

    stage.wait_for("shed", "waiting");
    let inbox = stage.json(&["inbox"]);
    let question = &inbox["messages"][0];
    assert_eq!(question["body"], "Which colour?");
    stage.kill_server();
    stage
        .cw(&["message", "answer", question["id"].as_str().unwrap(), "2"])
        .expect(0);
    stage.wait_for("shed", "merged");

    assert_eq!(turns(&agent_of(&stage, "shed")), ["start"]);
    let requests = model.requests("tools");
    assert!(
        requests[0].tools().contains(&"mcp__cw__add_task"),
        "{:?}",
        requests[0].tools()
    );
    assert_eq!(requests[1].tool_results()[0].text, "blue");
    assert_eq!(
        stage.json(&["message", "list"])["messages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
