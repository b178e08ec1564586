//! Looking in on agents: what they take, what they say, how their sessions are opened by hand, and
//! what the doctor says of their programs. The agent speaks as Claude Code does.

use serde_json::Value;

use crate::stage::Stage;

/// Prints what Claude Code would; between its first word and its end it waits for a file.
const FAKE: &str = r#"#!/bin/sh
case "$1" in --version) echo "2.1.330 (Claude Code)"; exit 0;; esac
while [ $# -gt 0 ]; do
  case "$1" in --session-id|--resume) session=$2; how=$1;; esac
  shift
done
echo "$how $session $(pwd)" >> "$FAKE_DIR/sessions"
echo '{"type":"system","subtype":"init","session_id":"'$session'"}'
echo '{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"I look around."}]}}'
echo '{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","name":"Bash","input":{"command":"ls -l"}}]}}'
until [ -e "$FAKE_DIR/go" ]; do sleep 0.05; done
echo work > work.txt
if [ -e "$FAKE_DIR/fail" ]; then
  echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":400,"result":"no"}'; exit 1
fi
echo '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"made"}'
"#;

/// A stage whose agent is the fake.
fn stage() -> Stage {
    let stage = Stage::bare();
    stage.tool("fake.sh", FAKE);
    let (program, tools) = (stage.tools.join("fake.sh"), &stage.tools);
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n[agents]\ndefault = \"fake\"\n\
             [agents.fake]\nkind = \"claude\"\ncommand = {program:?}\nenv = {{ FAKE_DIR = {tools:?} }}\n"
        ),
    );
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

fn start(stage: &Stage) -> String {
    let plan = stage.plan("# Job\n#### Task\n\nDo it.\n");
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "job"]).expect(0);
    stage.wait("the agent to speak", || {
        let name = stage.task("task")["agent"].as_str()?.to_owned();
        let log = stage.cw(&["agent", "log", &name]).out;
        log.contains("ls -l").then_some(name)
    })
}

fn show(stage: &Stage, agent: &str) -> Value {
    stage.json(&["agent", "show", agent])["agent"].clone()
}

#[test]
fn a_running_agent_shows_what_it_says_and_takes_and_its_session_is_opened_once_it_is_stopped() {
    let stage = stage();
    let name = start(&stage);
    let agent = stage.wait("its output to be told", || {
        Some(show(&stage, &name)).filter(|agent| agent["last_output_at"].is_string())
    });
    assert!(agent["processes"].as_u64().unwrap() >= 1, "{agent}");
    assert!(agent["memory_bytes"].as_u64().unwrap() > 0, "{agent}");
    assert!(agent["cpu_s"].is_number(), "{agent}");
    let shown = stage.cw(&["agent", "show", &name]).expect(0);
    assert!(shown.contains("of processor time"), "{shown}");
    let log = stage.cw(&["agent", "log", &name]).expect(0);
    assert!(
        log.contains("I look around.") && log.contains("▸ Bash ls -l"),
        "{log}"
    );
    let raw = stage.cw(&["agent", "log", "--raw", &name]).expect(0);
    assert!(raw.contains("\"type\":\"tool_use\""), "{raw}");

    let refused = stage.cw(&["agent", "attach", &name]);
    assert!(
        refused.err.contains(&format!("cw agent stop {name}")),
        "{refused:?}"
    );
    refused.expect(4);
    stage.cw(&["agent", "stop", &name]).expect(0);
    let agent = show(&stage, &name);
    for key in ["processes", "memory_bytes", "cpu_s"] {
        assert!(agent[key].is_null(), "{agent}");
    }
    let attach = stage.json(&["agent", "attach", &name])["attach"].clone();
    let (tree, session) = (
        agent["worktree"].as_str().unwrap(),
        agent["session"].as_str().unwrap(),
    );
    assert_eq!(
        (&attach["worktree"], &attach["session"]),
        (&agent["worktree"], &agent["session"])
    );
    let line = stage.cw(&["agent", "attach", &name]).expect(0);
    assert!(line.starts_with(&format!("cd {tree} && ")), "{line}");
    assert!(
        line.trim_end()
            .ends_with(&format!("fake.sh --resume {session}")),
        "{line}"
    );
}

#[test]
fn an_agent_is_resumed_long_after_in_its_session_and_its_folder_and_a_finished_one_is_not() {
    let stage = stage();
    stage.tool("fail", "");
    let name = start(&stage);
    stage.tool("go", "");
    stage.wait_for("task", "failed");
    // Its worktree is gone meanwhile, and the server was another one.
    stage.cw(&["agent", "remove", &name]).expect(0);
    stage.cw(&["server", "restart"]).expect(0);
    std::fs::remove_file(stage.tools.join("fail")).unwrap();
    stage.cw(&["agent", "resume", &name]).expect(0);
    stage.wait_for("task", "merged");
    let sessions = std::fs::read_to_string(stage.tools.join("sessions")).unwrap();
    let turns: Vec<Vec<&str>> = sessions
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    assert_eq!(turns.len(), 2, "{sessions}");
    assert_eq!((turns[0][0], turns[1][0]), ("--session-id", "--resume"));
    assert_eq!(turns[0][1..], turns[1][1..], "{sessions}");

    for order in [
        vec!["agent", "resume", &name],
        vec!["agent", "say", &name, "more"],
    ] {
        let refused = stage.cw(&order);
        assert!(
            refused.err.contains("is finished") && refused.err.contains("cw spawn"),
            "{refused:?}"
        );
        refused.expect(4);
    }
}

#[test]
fn the_doctor_tells_versions_and_whether_they_were_tested() {
    let stage = stage();
    stage.cw(&["server", "stop"]).expect(0);
    // On the PATH of the server that is started now.
    let other = "#!/bin/sh\nprintf 'codex-cli 9.9.9\\033[31m\\n'\n";
    stage.tool("codex", other);
    stage.tool("gemini", "#!/bin/sh\nexit 1\n");
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", stage.tools.display());
    let ran = stage
        .command(&["doctor", "--json"])
        .env("PATH", path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let check = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("detail"), text("hint"))
    };
    let (status, detail, _) = check("agent fake of repo");
    assert_eq!(status, "ok", "{report}");
    assert!(detail.ends_with("2.1.330, tested"), "{detail}");
    let (status, detail, hint) = check("program codex");
    assert_eq!(
        (status.as_str(), detail.as_str()),
        ("warning", "codex 9.9.9, not tested")
    );
    assert!(hint.contains("is tested with"), "{hint}");
    let (status, detail, _) = check("program gemini");
    assert!(
        status == "warning" && detail.contains("does not tell"),
        "{detail}"
    );
    assert!(!String::from_utf8_lossy(&ran.stdout).contains('\u{1b}'));
}
