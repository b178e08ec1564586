//! An agent's session goes on: after a reboot, and in a new one where its program has lost it. The
//! program is a stand-in for Claude Code that speaks as the recorded one does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::agents::alive;
use crate::stage::{Stage, events};

/// Writes down how it was called and what it was told, then does what the test says.
const CLAUDE: &str = r#"#!/bin/sh
tools=$CW_TEST_TOOLS
while [ $# -gt 0 ]; do
  case "$1" in
  --session-id | --resume) how=$1 session=$2; shift ;;
  esac
  shift
done
read -r hello
read -r prompt
echo "$CW_TASK $CW_TURN $how $session $PWD" >> "$tools/calls"
number=$(grep -c "^$CW_TASK " "$tools/calls")
printf '%s\n' "$prompt" > "$tools/prompt.$CW_TASK.$number"
begin() { printf '{"type":"system","subtype":"init","session_id":"%s"}\n' "$session"; }
finish() { echo '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"Done."}'; }
. "$tools/does.sh"
"#;

fn stage(does: &str) -> Stage {
    let stage = Stage::bare();
    let program = stage.tools.join("claude.sh");
    stage.tool("claude.sh", CLAUDE);
    stage.tool("does.sh", does);
    let tools = &stage.tools;
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n[agents]\ndefault = \"claude\"\n[agents.claude]\ncommand = {program:?}\n\
             env = {{ CW_TEST_TOOLS = {tools:?} }}\n"
        ),
    );
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

/// One call of the program.
#[derive(Clone, PartialEq, Debug)]
struct Call {
    turn: String,
    how: String,
    session: String,
    folder: String,
}

/// How the program was called for each task, in order.
fn calls(stage: &Stage) -> BTreeMap<String, Vec<Call>> {
    let text = std::fs::read_to_string(stage.tools.join("calls")).unwrap();
    let mut calls: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let [task, turn, how, session, folder] = words.try_into().unwrap();
        calls.entry(task).or_default().push(Call {
            turn,
            how,
            session,
            folder,
        });
    }
    calls
}

fn told(stage: &Stage, name: &str) -> String {
    std::fs::read_to_string(stage.tools.join(name)).unwrap()
}

/// Commits a part, leaves more uncommitted, and works on until it is killed; then ends its work.
const HALF: &str = r#"
begin
if [ "$number" = 1 ]; then
  echo committed > "$CW_TASK.txt"; git add -A; git commit -qm Half
  echo uncommitted >> "$CW_TASK.txt"; echo new > "$CW_TASK.new"
  : > "$tools/up.$CW_TASK"
  exec sleep 1000
fi
git show "HEAD:$CW_TASK.txt" "HEAD:$CW_TASK.new" > "$tools/kept.$CW_TASK"
git status --porcelain > "$tools/status.$CW_TASK"
echo resumed >> "$CW_TASK.txt"
finish
"#;

fn kill(pid: u64) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    let _ = kill_process(pid, Signal::KILL);
}

/// What the shims of all runs wrote down, by its place.
fn begun(stage: &Stage) -> Vec<(PathBuf, Value)> {
    let runs = std::fs::read_dir(stage.home.join("runs")).unwrap();
    let files = runs.map(|entry| entry.unwrap().path().join("started.json"));
    files
        .map(|path| {
            let text = std::fs::read(&path).unwrap();
            let started = serde_json::from_slice(&text).unwrap();
            (path, started)
        })
        .collect()
}

/// Ends the server, every shim and every agent at once, as a reboot does.
fn reboot(stage: &Stage) {
    let mut pids = vec![u64::try_from(stage.server_pid().unwrap()).unwrap()];
    let begun = begun(stage);
    for field in ["shim_pid", "pid"] {
        pids.extend(
            begun
                .iter()
                .map(|(_, started)| started[field].as_u64().unwrap()),
        );
    }
    // The shims go before their agents, so that none writes a record of the end.
    for pid in &pids {
        kill(*pid);
    }
    while pids.iter().any(|pid| alive(&pid.to_string())) {
        std::thread::yield_now();
    }
}

#[test]
fn after_a_reboot_every_session_goes_on_with_what_was_done() {
    let stage = stage(HALF);
    let tasks = ["one", "two", "three"];
    let plan = tasks.map(|task| format!("#### {task}\n- after: none\n\nDo {task}.\n"));
    let plan = stage.plan(&format!("# Boot\n{}", plan.join("\n")));
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "boot"]).expect(0);
    for task in tasks {
        let up = stage.tools.join(format!("up.{task}"));
        stage.wait("the agents at work", || up.exists().then_some(()));
    }
    reboot(&stage);
    // The numbers of the dead belong to others now.
    let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
    for (path, mut started) in begun(&stage) {
        started["shim_pid"] = bystander.id().into();
        started["pid"] = bystander.id().into();
        std::fs::write(path, started.to_string()).unwrap();
    }
    stage.cw(&["server", "start"]).expect(0);
    for task in tasks {
        stage.wait_for(task, "merged");
    }
    assert_eq!(bystander.try_wait().unwrap(), None, "a bystander was ended");
    bystander.kill().unwrap();
    bystander.wait().unwrap();

    for (task, calls) in calls(&stage) {
        let [first, second] = &calls[..] else {
            panic!("{task}: {calls:?}")
        };
        assert_eq!((&*first.turn, &*first.how), ("start", "--session-id"));
        let goes_on = Call {
            turn: "retry".into(),
            how: "--resume".into(),
            ..first.clone()
        };
        assert_eq!(*second, goes_on);
        assert_eq!(
            told(&stage, &format!("kept.{task}")),
            "committed\nuncommitted\nnew\n"
        );
        assert_eq!(told(&stage, &format!("status.{task}")), "");
        let text = stage.file_at("cw/boot/integration", &format!("{task}.txt"));
        assert_eq!(text, "committed\nuncommitted\nresumed");
    }
    let ends = events(&stage, "agent.turn-ended");
    let of = |verdict: &str| {
        let such = ends.iter().filter(|end| end["data"]["verdict"] == verdict);
        such.count()
    };
    assert_eq!(
        (of("crashed"), of("done"), ends.len()),
        (3, 3, 6),
        "{ends:?}"
    );
    assert_eq!(events(&stage, "agent.turn-started").len(), 6);
    assert_eq!(stage.json(&["doctor"])["ok"], true);
}

/// Leaves something on its branch and fails; afterwards it knows its session no more, in the words
/// of the recording.
const FORGETS: &str = r#"
if [ "$how" = --resume ]; then
  printf '{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":0,"stop_reason":null,"session_id":"%s","total_cost_usd":0,"errors":["No conversation found with session ID: %s"]}\n' "$session" "$session"
  echo "No conversation found with session ID: $session" >&2
  exit 1
fi
begin
if [ "$number" = 1 ]; then
  echo begun > work.txt
  exit 1
fi
git show HEAD:work.txt > "$tools/kept"
echo ended >> work.txt
finish
"#;

#[test]
fn a_session_that_the_program_has_lost_is_begun_anew_and_told() {
    let stage = stage(FORGETS);
    let plan = stage.plan("# Lost\n#### Work\n\nPaint the *fence* green.\n");
    stage.cw(&["run", &plan]).expect(0);
    let calls = calls(&stage).remove("work").unwrap();
    let [first, second, third] = &calls[..] else {
        panic!("{calls:?}")
    };
    let how = calls.iter().map(|call| &*call.how).collect::<Vec<_>>();
    assert_eq!(how, ["--session-id", "--resume", "--session-id"]);
    assert_eq!(first.session, second.session);
    assert_ne!(
        first.session, third.session,
        "a new one has a name of its own"
    );
    assert!(calls.iter().all(|call| call.folder == first.folder));
    let prompt = told(&stage, "prompt.work.3");
    for words in ["Paint the *fence* green.", "new session", "on your branch"] {
        assert!(prompt.contains(words), "{words}: {prompt}");
    }
    assert_eq!(told(&stage, "kept"), "begun\n");
    assert_eq!(
        stage.file_at("cw/lost/integration", "work.txt"),
        "begun\nended"
    );
    assert_eq!(events(&stage, "agent.session-lost").len(), 1);
    let agent = stage.task("work")["agent"].as_str().unwrap().to_owned();
    let shown = stage.json(&["agent", "show", &agent]);
    assert_eq!(shown["agent"]["session"], third.session.as_str());
}

/// Works on for ever, and says in a second turn whether the first one still does.
const LINGERS: &str = r#"
begin
if [ "$number" = 1 ]; then
  echo $$ > "$tools/first.new"; mv "$tools/first.new" "$tools/first"
  read -r go < "$tools/pipe"
  begin
  exec sleep 1000
fi
kill -0 "$(cat "$tools/first")" 2>/dev/null && echo both > "$tools/both"
finish
"#;

/// A log that cannot be read must not make a turn look ended whose program works on.
#[test]
fn a_turn_that_cannot_be_followed_is_over_only_when_its_program_is_gone() {
    let stage = stage(LINGERS);
    let pipe = stage.tools.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let plan = stage.plan("# Blind\n#### Work\n\nDo it.\n");
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "blind"]).expect(0);
    let first = stage.tools.join("first");
    stage.wait("the agent at work", || first.exists().then_some(()));
    let run = begun(&stage)[0].0.parent().unwrap().to_path_buf();
    std::fs::remove_file(run.join("stdout.log")).unwrap();
    std::fs::create_dir(run.join("stdout.log")).unwrap();
    // It prints once more, so that its log is looked at.
    std::fs::write(&pipe, "go\n").unwrap();
    stage.wait_for("work", "merged");
    assert!(!stage.tools.join("both").exists(), "two turns at once");
    let pid = std::fs::read_to_string(&first).unwrap();
    assert!(!alive(pid.trim()));
}
