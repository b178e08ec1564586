//! The tools of `cw` in the hands of the real programs of every kind that takes tool servers,
//! driven by the scripted model. Skipped where a program is not installed.

use cw_testkit::model::{Answer, Model, Request};
use cw_testkit::programs::ready_or_skip;
use serde_json::json;

use crate::stage::Stage;

/// Uses the tool of this name, whatever a program puts before it; else says what it was offered.
fn script(request: &Request) -> Answer {
    let tools = request.tools();
    let offered = tools.iter().find_map(|name| match *name {
        // Codex names the server, whose tools stand under it.
        "mcp__cw" => Some("mcp__cw/progress"),
        name => name.ends_with("progress").then_some(name),
    });
    match (offered, request.step()) {
        (Some(tool), 0) => Answer::tool(tool, json!({ "text": "half of it" })),
        (None, 0) => Answer::text(&format!("There is none: {tools:?}")),
        _ => Answer::text("Done."),
    }
}

/// Has the program work through a task.
fn worked(name: &str) -> Option<Stage> {
    let stage = Stage::bare();
    let model = Model::start(script).unwrap();
    let home = stage.root().join("agents-home");
    std::fs::create_dir(&home).unwrap();
    let ready = ready_or_skip(name, &home, &model.base_url("tools")).unwrap()?;
    let env: Vec<String> = ready
        .env
        .iter()
        .map(|(key, value)| format!("{key} = {value:?}"))
        .collect();
    stage.write(
        "cw.toml",
        &format!(
            "[agents]\ndefault = \"real\"\n[agents.real]\nkind = {:?}\ncommand = {:?}\nenv = {{ {} }}\n",
            ready.kind,
            ready.program,
            env.join(", ")
        ),
    );
    stage.cw(&["init", "--trust"]).expect(0);
    stage
        .cw(&["spawn", "Tell how far you are.", "--name", "soho"])
        .expect(0);
    stage.wait_for("soho", "merged");
    Some(stage)
}

fn takes_the_tools(name: &str) {
    let Some(stage) = worked(name) else { return };
    let events = stage.cw(&["events", "--json"]).expect(0);
    let log = stage.cw(&["task", "log", "soho", "--raw"]).out;
    let progressed = |line: &&str| line.contains("agent.progressed") && line.contains("half of it");
    assert_eq!(events.lines().filter(progressed).count(), 1, "{log}");
}

#[test]
fn codex_takes_the_tools_of_cw() {
    takes_the_tools("codex");
}

#[test]
fn opencode_takes_the_tools_of_cw() {
    takes_the_tools("opencode");
}

#[test]
fn claude_over_acp_takes_the_tools_of_cw() {
    takes_the_tools("claude-acp");
}

#[test]
fn codex_over_acp_is_offered_the_tools_of_cw() {
    let Some(stage) = worked("codex-acp") else {
        return;
    };
    // It has a model of its own judge the call first, which a script is not.
    let log = stage.cw(&["task", "log", "soho", "--raw"]).out;
    assert!(log.contains("mcp.cw.progress"), "{log}");
}
