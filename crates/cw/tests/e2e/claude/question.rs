//! Turns of the real Claude Code that do not go straight through: one that asks and ends, one
//! whose server is killed meanwhile.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};

use cw_testkit::model::{Answer, Model, Request, Script as _, Table};
use rustix::process::{Pid, Signal, kill_process};

use super::{TOKENS_OF_AN_ANSWER, agent_of, claude, commit, configure, steps, turns, with_key};
use crate::stage::{PATIENCE, Stage};

/// A stage with one commit whose agent is Claude Code.
fn stage(program: &std::path::Path, model: &Model, scenario: &str) -> Stage {
    let stage = Stage::bare();
    configure(&stage, program, model, scenario, "");
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

#[track_caller]
fn started(stage: &Stage, plan: &str, id: &str) {
    let plan = stage.plan(plan);
    stage.cw(&["plan", "apply", &plan]).expect(0);
    let started = with_key(stage, &["initiative", "start", id]);
    assert!(started.status.success(), "{started:?}");
}

#[test]
fn claude_asks_in_its_shell_ends_its_turn_and_goes_on_with_the_answer() {
    let Some(program) = claude() else { return };
    let script = Table::new()
        .on(
            "Paint the door.",
            [
                Answer::bash(
                    "cw ask --no-wait 'Which colour?' --option red --option blue; echo \"code $?\"",
                ),
                Answer::text("I asked, so I end my turn."),
            ],
        )
        .on(
            "blue",
            [Answer::bash(&format!(
                "echo \"$CW_TURN: blue\" > door.txt && {}",
                commit("paint the door")
            ))],
        );
    let model = Model::start(script).unwrap();
    let stage = stage(&program, &model, "question");
    started(&stage, "# Paint\n#### Door\n\nPaint the door.\n", "paint");

    stage.wait_for("door", "waiting");
    let inbox = stage.json(&["inbox"]);
    let question = &inbox["messages"][0];
    assert_eq!(question["body"], "Which colour?");
    // Nothing runs while nobody answers.
    stage.wait("the agent to be parked", || {
        (agent_of(&stage, "door")["status"] == "parked").then_some(())
    });
    stage
        .cw(&["message", "answer", question["id"].as_str().unwrap(), "2"])
        .expect(0);
    stage.wait_for("door", "merged");

    assert_eq!(
        stage.file_at("cw/paint/integration", "door.txt"),
        "answer: blue"
    );
    assert_eq!(turns(&agent_of(&stage, "door")), ["start", "answer"]);
    let requests = model.requests("question");
    let asked = requests.iter().find(|request| request.step() == 1).unwrap();
    assert!(
        asked.tool_results()[0].text.contains("code 75"),
        "{:?}",
        asked.tool_results()
    );
    // The answer came into the conversation in which the question was asked.
    let prompts = requests.last().unwrap().prompts();
    assert_eq!(prompts.len(), 2, "{prompts:?}");
    assert!(
        prompts[0].contains("Paint the door.") && prompts[1].trim() == "blue",
        "{prompts:?}"
    );
}

/// A model that answers a step only when it is let, and tells when it was asked.
struct Held {
    asked: Sender<usize>,
    go: Mutex<Receiver<()>>,
    script: Table,
}

impl Held {
    fn answer(&self, request: &Request) -> Answer {
        self.asked.send(request.step()).unwrap();
        self.go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        self.script.answer(request)
    }
}

#[test]
fn a_server_killed_in_the_middle_of_a_turn_of_claude_takes_it_up_again() {
    let Some(program) = claude() else { return };
    let (tell, asked) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    let script = Table::new().on(
        "Build the wall.",
        [
            Answer::text("The first stone.").then(Answer::write("wall.txt", "one\n")),
            Answer::text("The second stone.").then(Answer::bash("echo two >> wall.txt")),
            Answer::text("The wall stands."),
        ],
    );
    let held = Held {
        asked: tell,
        go: Mutex::new(wait),
        script,
    };
    let model = Model::start(move |request: &Request| held.answer(request)).unwrap();
    let stage = stage(&program, &model, "killed");
    started(&stage, "# Wall\n#### Wall\n\nBuild the wall.\n", "wall");

    for step in 0..3 {
        assert_eq!(asked.recv_timeout(PATIENCE), Ok(step));
        // Every command finds a server; the program works on while there is none.
        stage.wait_for("wall", "running");
        let pid = stage.server_pid().and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        go.send(()).unwrap();
    }
    stage.wait_for("wall", "merged");

    assert_eq!(stage.file_at("cw/wall/integration", "wall.txt"), "one\ntwo");
    assert_eq!(stage.task("wall")["attempts"], 1);
    let agent = agent_of(&stage, "wall");
    assert_eq!(turns(&agent), ["start"]);
    let requests = model.requests("killed");
    assert_eq!(steps(&requests, "Build the wall."), [0, 1, 2]);
    assert_eq!(requests.len(), 3);
    assert_eq!(agent["tokens"], 3 * TOKENS_OF_AN_ANSWER);
    let log = stage.cw(&["task", "log", "wall", "--raw"]).expect(0);
    for said in ["The first stone.", "The second stone.", "The wall stands."] {
        let said = format!("\"text\":\"{said}\"");
        assert_eq!(log.matches(&said).count(), 1, "{said} in\n{log}");
    }
}

#[test]
fn what_claude_asks_by_its_own_tool_is_answered_while_it_waits_even_if_the_server_is_killed() {
    let Some(program) = claude() else { return };
    let script = Table::new().on(
        "Paint the gate.",
        [
            Answer::ask("Which colour?", &["red", "blue"]),
            Answer::write("gate.txt", "painted\n"),
            Answer::text("The gate is painted."),
        ],
    );
    let model = Model::start(script).unwrap();
    let stage = stage(&program, &model, "own-question");
    started(&stage, "# Paint\n#### Gate\n\nPaint the gate.\n", "paint");

    stage.wait_for("gate", "waiting");
    let pid = stage.server_pid().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    let inbox = stage.json(&["inbox"]);
    let question = &inbox["messages"][0];
    assert_eq!(inbox["messages"].as_array().unwrap().len(), 1);
    assert_eq!(question["kind"], "question");
    assert_eq!(question["body"], "Which colour?");
    stage
        .cw(&["message", "answer", question["id"].as_str().unwrap(), "2"])
        .expect(0);
    let pid = stage.server_pid().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    stage.wait_for("gate", "merged");

    assert_eq!(turns(&agent_of(&stage, "gate")), ["start"]);
    let requests = model.requests("own-question");
    assert_eq!(steps(&requests, "Paint the gate."), [0, 1, 2]);
    let told = &requests[1].tool_results()[0].text;
    assert!(told.contains("blue"), "{told}");
}

/// Writes `cw.toml` for an agent that asks for every tool.
fn asking(stage: &Stage, program: &std::path::Path, model: &Model, scenario: &str) {
    let file = configure(stage, program, model, scenario, "");
    let config = std::fs::read_to_string(file).unwrap();
    let asks = config
        .replace("accept-edits", "ask")
        .replace("allow = [\"Bash\"]\n", "");
    stage.write("cw.toml", &asks);
    stage.cw(&["init", "--trust"]).expect(0);
}

#[test]
fn what_is_allowed_for_the_project_holds_for_later_agents_until_it_is_taken_back() {
    let Some(program) = claude() else { return };
    let script = Table::new().on(
        "Count.",
        [
            Answer::bash("echo 1 > \"$CW_AGENT.txt\""),
            Answer::text("Counted."),
        ],
    );
    let model = Model::start(script).unwrap();
    let stage = Stage::bare();
    asking(&stage, &program, &model, "allowed");
    let spawn = |name: &str| {
        let spawned = with_key(&stage, &["spawn", "Count.", "--name", name]);
        assert!(spawned.status.success(), "{spawned:?}");
    };
    spawn("soho");
    stage.wait_for("soho", "waiting");
    let request = stage.json(&["inbox"])["messages"][0].clone();
    assert_eq!(request["options"][2], "allow always (this project)");
    let id = request["id"].as_str().unwrap();
    stage.cw(&["message", "answer", id, "3"]).expect(0);
    stage.wait_for("soho", "merged");

    // Another agent, another server: what was said is remembered.
    stage.kill_server();
    spawn("marais");
    stage.wait_for("marais", "merged");
    let allowed = stage.json(&["message", "list", "--allowed"]);
    assert_eq!(allowed["messages"].as_array().unwrap().len(), 1);
    assert_eq!(allowed["messages"][0]["id"], id);

    stage.cw(&["message", "revoke", id]).expect(0);
    assert_eq!(stage.cw(&["message", "revoke", id]).code, 4);
    let allowed = stage.json(&["message", "list", "--allowed"]);
    assert_eq!(allowed["messages"], serde_json::json!([]));
    spawn("kreuzberg");
    stage.wait_for("kreuzberg", "waiting");
    let refused = stage.json(&["inbox"])["messages"][0]["id"].clone();
    let refused = refused.as_str().unwrap();
    stage
        .cw(&["message", "answer", refused, "not now"])
        .expect(0);
    stage.wait_for("kreuzberg", "merged");
    let denied = model.requests("allowed").pop().unwrap();
    assert!(denied.mentions("not now"));
}

#[test]
fn an_agent_that_is_to_ask_waits_for_its_permission() {
    let Some(program) = claude() else { return };
    let script = Table::new().on(
        "Paint the fence.",
        [
            Answer::bash("echo green > fence.txt"),
            Answer::bash("echo more >> fence.txt"),
            Answer::text("The fence is painted."),
        ],
    );
    let model = Model::start(script).unwrap();
    let stage = Stage::bare();
    asking(&stage, &program, &model, "permission");
    started(&stage, "# Paint\n#### Fence\n\nPaint the fence.\n", "paint");

    stage.wait_for("fence", "waiting");
    let inbox = stage.json(&["inbox"]);
    let request = &inbox["messages"][0];
    assert_eq!(request["kind"], "permission");
    let id = request["id"].as_str().unwrap();
    stage.cw(&["message", "answer", id, "2"]).expect(0);
    stage.wait_for("fence", "merged");
    assert_eq!(
        stage.file_at("cw/paint/integration", "fence.txt"),
        "green\nmore"
    );
}
