//! What keeps agents from going on: not let in, a usage limit, silence, keys that a restart lost,
//! output without end. Most of it with a program that plays Claude Code from recordings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cw_testkit::model::{Answer, Model, Request, Script as _, Table};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::claude::{self, untouched::everything_under};
use crate::stage::Stage;

/// Reads what Claude Code is told, takes it down and plays the scene.
const CLAUDE: &str = r#"#!/bin/sh
read -r hello; read -r said
printf '%s %s %s\n' "$CW_TURN" "$*" "$said" >> "$CW_TEST_TOOLS/calls"
. "$CW_TEST_TOOLS/scene.sh"
"#;

/// A stage whose agent plays `scene`.
fn stage(scene: &str, more: &str) -> Stage {
    let stage = Stage::bare();
    stage.tool("claude.sh", CLAUDE);
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src/agent/testdata");
    let (tools, at) = (&stage.tools, recordings.join("claude"));
    let work = format!(
        "recorded={}\nwork() {{ echo done > \"$CW_TASK.txt\"; cat $recorded/ok-write-and-commit.jsonl; }}\n",
        at.display()
    );
    stage.tool("scene.sh", &(work + scene));
    let program = stage.tools.join("claude.sh");
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n[agents]\nmax = 1\n[agents.claude]\ncommand = {program:?}\n\
             env = {{ CW_TEST_TOOLS = {tools:?} }}\n{more}"
        ),
    );
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

fn calls(stage: &Stage) -> Vec<String> {
    let calls = std::fs::read_to_string(stage.tools.join("calls")).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}

fn turns(stage: &Stage, task: &str) -> Vec<String> {
    let name = stage.task(task)["agent"].as_str().unwrap().to_owned();
    let shown = stage.json(&["agent", "show", &name]);
    let history = shown["agent"]["history"].as_array().unwrap().iter();
    history
        .map(|turn| turn["kind"].as_str().unwrap().to_owned())
        .collect()
}

fn inbox(stage: &Stage) -> Vec<Value> {
    stage.json(&["inbox"])["messages"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn who_is_not_let_in_is_asked_about_once_and_goes_on_by_itself_after_a_login() {
    let stage = stage(
        "if [ -e \"$CW_TEST_TOOLS/in\" ]; then work; else head -n 2 $recorded/api-401.jsonl; sleep 1000; fi\n",
        "",
    );
    let plan = stage.plan("# Doors\n#### One\n\nOpen.\n\n#### Two\n- after: none\n\nOpen.\n");
    let ran = stage.cw(&["run", &plan, "--exit-when-waiting"]);
    assert_eq!(ran.code, 6, "{ran:?}");
    for said in ["was not let in", "401", "pass_env", "cw resume"] {
        assert!(ran.err.contains(said), "{said} in {}", ran.err);
    }
    // One try, for all of them.
    assert_eq!(calls(&stage).len(), 1);
    let asked = inbox(&stage);
    assert_eq!(asked.len(), 1, "{asked:?}");
    for task in ["one", "two"] {
        let task = stage.task(task);
        assert_eq!(task["status"], "waiting");
        let note = task["note"].as_str().unwrap();
        assert!(note.contains("waits for a login"), "{note}");
    }
    let agents = stage.json(&["agent", "list"]);
    let activity = agents["agents"][0]["activity"].as_str().unwrap();
    assert!(activity.contains("waits for a login"), "{activity}");

    std::fs::write(stage.tools.join("in"), "").unwrap();
    stage.cw(&["resume"]).expect(0);
    stage.wait_for("one", "merged");
    stage.wait_for("two", "merged");
    assert_eq!(turns(&stage, "one"), ["start", "retry"]);
    assert_eq!(turns(&stage, "two"), ["start"]);
    assert_eq!(stage.task("one")["attempts"], 1);
    assert_eq!(inbox(&stage), Vec::<Value>::new());
}

#[test]
fn the_real_program_that_is_not_let_in_is_ended_at_once_and_its_question_lets_it_go_on() {
    let Some(program) = claude::claude() else {
        return;
    };
    let locked = Arc::new(AtomicBool::new(true));
    let door = locked.clone();
    let open = Table::new().on(
        "Open.",
        [
            Answer::write("open.txt", "open\n"),
            Answer::text("It is open."),
        ],
    );
    let model = Model::start(move |request: &Request| {
        if door.load(Ordering::Relaxed) {
            return Answer::error(401, "authentication_error", "invalid x-api-key");
        }
        open.answer(request)
    });
    let model = model.unwrap();
    let stage = Stage::bare();
    let file = claude::configure(&stage, &program, &model, "locked", "");
    // It would try for minutes.
    let config = std::fs::read_to_string(file).unwrap();
    let config = config.replace("CLAUDE_CODE_MAX_RETRIES = \"0\"\n", "");
    stage.write("cw.toml", &config);
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan("# Doors\n#### One\n\nOpen.\n");
    stage.cw(&["plan", "apply", &plan]).expect(0);
    let started = claude::with_key(&stage, &["initiative", "start", "doors"]);
    assert!(started.status.success(), "{started:?}");
    stage.wait_for("one", "waiting");
    assert!(model.requests("locked").len() < 4);
    locked.store(false, Ordering::Relaxed);
    let id = inbox(&stage)[0]["id"].as_str().unwrap().to_owned();
    stage.cw(&["message", "answer", &id, "1"]).expect(0);
    stage.wait_for("one", "merged");
    assert_eq!(turns(&stage, "one"), ["start", "retry"]);
}

#[test]
fn a_usage_limit_parks_until_the_time_that_the_program_names() {
    let until = "2100-01-02T03:04:05.000Z";
    let seconds = 4_102_542_245_u64;
    let event = format!(
        r#"{{"type":"rate_limit_event","rate_limit_info":{{"status":"rejected","resetsAt":{seconds}}}}}"#
    );
    let stage = stage(
        &format!(
            "if [ $CW_TURN = retry ]; then work; else echo '{event}'; tail -n 1 $recorded/api-429.jsonl; exit 1; fi\n"
        ),
        "",
    );
    stage.cw(&["spawn", "Work.", "--name", "soho"]).expect(0);
    let parked = stage.wait_for("soho", "parked");
    assert_eq!(parked["resume_at"], until);
    stage.cw(&["task", "retry", "soho"]).expect(0);
    stage.wait_for("soho", "merged");
}

#[test]
fn a_silent_agent_is_interrupted_and_nudged_in_its_session_and_fails_only_then() {
    let scene = "head -n 1 $recorded/ok-write-and-commit.jsonl\n\
                 if [ -e \"$CW_TEST_TOOLS/wakes\" ] && [ $CW_TURN = retry ]; then work; else sleep 1000; fi\n";
    let stage = stage(scene, "[limits]\nstall = \"1s\"\nattempts = 1\n");
    stage.cw(&["spawn", "Work.", "--name", "soho"]).expect(0);
    let failed = stage.wait_for("soho", "failed");
    assert!(failed["error"].as_str().unwrap().contains("limits.stall"));
    assert_eq!(turns(&stage, "soho"), ["start", "retry"]);
    let calls = calls(&stage);
    assert!(calls[0].contains("--session-id"), "{}", calls[0]);
    assert!(calls[1].contains("--resume"), "{}", calls[1]);
    assert!(
        calls[1].contains("nothing was heard of you"),
        "{}",
        calls[1]
    );
    let events = stage.cw(&["events", "--json"]).expect(0);
    assert_eq!(events.matches("\"agent.nudged\"").count(), 1);

    std::fs::write(stage.tools.join("wakes"), "").unwrap();
    stage.cw(&["spawn", "Work.", "--name", "marais"]).expect(0);
    stage.wait_for("marais", "merged");
    assert_eq!(turns(&stage, "marais"), ["start", "retry"]);
}

/// What nobody may find anywhere.
const KEY: &str = "test-61c0-not-to-be-found-77ab";

/// Has the next step of the plan made by whoever has the key, and nobody else see it.
fn keyed() -> Stage {
    let stage = Stage::bare();
    stage.configure("pass_env = [\"KEY\", \"OTHER\"]\n");
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

/// Whether the key stands in anything that is kept, or in any process's arguments.
#[track_caller]
fn assert_nowhere(stage: &Stage) {
    let holds = |bytes: &[u8]| bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
    for (path, bytes) in everything_under(&stage.home) {
        assert!(!holds(&bytes), "the key stands in {}", path.display());
    }
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(
            !holds(&line),
            "the key stands in the arguments of a process"
        );
    }
}

#[test]
fn agents_wait_for_keys_that_a_restart_lost_and_nobody_finds_them() {
    let stage = keyed();
    let (begun, go) = (stage.tools.join("begun"), stage.tools.join("go"));
    let step = |file: &str| format!("printf %s \"$KEY\" | cksum > {file}\n");
    let plan = stage.plan(&format!(
        "# Keys\n#### First\n\ntouch {}; while [ ! -e {} ]; do sleep 0.05; done\n{}\n#### Second\n\n{}",
        begun.display(),
        go.display(),
        step("first"),
        step("second")
    ));
    stage.cw(&["plan", "apply", &plan]).expect(0);
    let with_key = |args: &[&str]| {
        let output = stage.command(args).env("KEY", KEY).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = with_key(&["initiative", "start", "keys"]);
    assert!(told.contains("start without: OTHER"), "{told}");
    stage.wait("the program", || begun.exists().then_some(()));
    assert_nowhere(&stage);
    let pid = stage.server_pid().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();

    // Another shell, without the key. What is under way has it.
    std::fs::write(&go, "").unwrap();
    stage.wait_for("first", "merged");
    let waits = stage.wait_for("second", "waiting");
    assert!(waits["note"].as_str().unwrap().contains("KEY"), "{waits}");
    let asked = inbox(&stage);
    assert_eq!(asked.len(), 1, "{asked:?}");
    let body = asked[0]["body"].as_str().unwrap();
    assert!(body.contains("KEY") && body.contains("cw resume"), "{body}");
    assert!(!body.contains("OTHER"), "{body}");
    let resumed = stage.cw(&["resume"]);
    assert!(resumed.err.contains("KEY"), "{resumed:?}");
    let id = asked[0]["id"].as_str().unwrap();
    let refused = stage.cw(&["message", "answer", id, "go"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert_eq!(stage.task("second")["status"], "waiting");

    with_key(&["resume"]);
    stage.wait_for("second", "merged");
    let at = |file: &str| stage.file_at("cw/keys/integration", file);
    assert_eq!(at("first"), at("second"));
    assert_ne!(at("second"), "4294967295 0");
    assert_eq!(inbox(&stage), Vec::<Value>::new());
    assert_nowhere(&stage);
    for args in [
        &["doctor", "--json"][..],
        &["events", "--json"],
        &["server", "logs"],
    ] {
        let ran = stage.cw(args);
        assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY), "{args:?}");
    }
}

#[test]
fn a_turn_whose_worktree_was_being_made_when_the_server_died_does_not_begin_without_its_key() {
    let stage = Stage::bare();
    let at = |name: &str| stage.tools.join(name).display().to_string();
    let setup = format!(
        "touch {}; while [ ! -e {} ]; do sleep 0.05; done",
        at("begun"),
        at("go")
    );
    stage.configure(&format!(
        "pass_env = [\"KEY\"]\n[worktree]\nsetup = [{setup:?}]\n"
    ));
    stage.cw(&["init", "--trust"]).expect(0);
    let with_key = |args: &[&str]| {
        let output = stage.command(args).env("KEY", KEY).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let prompt = "[ -n \"$KEY\" ] && echo with > key\n";
    with_key(&["spawn", prompt, "--name", "soho"]);
    stage.wait("the setup", || {
        stage.tools.join("begun").exists().then_some(())
    });
    let pid = stage.server_pid().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    std::fs::write(at("go"), "").unwrap();
    stage.wait_for("soho", "waiting");
    assert_eq!(stage.json(&["agent", "show", "soho"])["agent"]["turns"], 1);
    with_key(&["agent", "resume", "soho"]);
    stage.wait_for("soho", "merged");
    assert_eq!(stage.file_at("cw/adhoc/integration", "key"), "with");
}

#[test]
fn output_without_end_is_cut_and_told() {
    let stage = Stage::new();
    let prompt = "head -c 280000000 /dev/zero | tr '\\0' x | fold -w 1000000\necho a > a\n";
    stage.cw(&["spawn", prompt, "--name", "soho"]).expect(0);
    stage.wait_for("soho", "merged");
    let asked = inbox(&stage);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["kind"], "note");
    assert!(
        asked[0]["body"]
            .as_str()
            .unwrap()
            .contains("more than is kept")
    );
    let shown = stage.json(&["agent", "show", "soho"]);
    assert_eq!(shown["agent"]["history"][0]["output_cut"], true);
    let events = stage.cw(&["events", "--json"]).expect(0);
    assert!(events.contains("\"agent.output-cut\""));
    let kept: u64 = everything_under(&stage.home.join("runs"))
        .iter()
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert!(kept < 260 << 20, "{kept}");
}
