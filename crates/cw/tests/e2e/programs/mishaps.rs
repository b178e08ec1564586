//! What may come between an agent and the end of its task, with the real Claude Code spoken to in
//! its own way and through its adapter for the Agent Client Protocol.

use std::path::Path;

use cw_testkit::model::{Answer, Table};
use serde_json::Value;

use super::{Bench, SCENARIO};

/// A program, and the word by which its shell is allowed.
struct Player {
    name: &'static str,
    shell: &'static str,
}

const CLAUDE: Player = Player {
    name: "claude",
    shell: "allow = [\"Bash\"]",
};

const ADAPTER: Player = Player {
    name: "claude-acp",
    shell: "allow = [\"execute\"]",
};

/// A model that says this in every turn, whatever it is told.
fn always(answers: impl IntoIterator<Item = Answer>) -> Table {
    Table::new().on(SCENARIO, answers)
}

/// How many processes there are of the agents in this folder.
fn processes(root: &Path) -> usize {
    let mark = format!("HOME={}", root.join("program").display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let of_agents = entries.filter(|entry| {
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes())
    });
    of_agents.count()
}

/// Waits until the turn is over, and gives how it came out.
#[track_caller]
fn first_outcome(bench: &Bench) -> String {
    bench.stage.wait("the first turn to be over", || {
        let name = bench.task()["agent"].as_str()?.to_owned();
        let agent = bench.stage.json(&["agent", "show", &name]);
        let outcome = &agent["agent"]["history"][0]["outcome"];
        outcome.as_str().map(str::to_owned)
    })
}

/// All that a user is told of the task.
fn told(bench: &Bench) -> String {
    let inbox = bench.stage.json(&["inbox"]);
    format!("{} {}", bench.task(), inbox["messages"])
}

fn asks(player: &Player) {
    let script = Table::new()
        .on(
            "Paint the door.",
            [
                Answer::bash("cw ask --no-wait 'Which colour?' --option red --option blue"),
                Answer::text("I asked, so I end my turn."),
            ],
        )
        .on("blue", [Answer::write("door.txt", "blue\n")]);
    let Some(bench) = Bench::new(player.name, script, player.shell, "") else {
        return;
    };
    bench.begin("Paint the door.");
    bench.stage.wait_for("task", "waiting");
    let inbox = bench.stage.json(&["inbox"]);
    let question = &inbox["messages"][0];
    assert_eq!(question["body"], "Which colour?");
    let id = question["id"].as_str().unwrap();
    bench.stage.cw(&["message", "answer", id, "2"]).expect(0);
    bench.stage.wait_for("task", "merged");
    assert_eq!(
        bench.stage.file_at("cw/job/integration", "door.txt"),
        "blue"
    );
    // The answer came into the conversation in which the question was asked.
    let requests = bench.model.requests(SCENARIO);
    let prompts = requests.last().unwrap().prompts();
    assert!(
        prompts
            .iter()
            .any(|prompt| prompt.contains("Paint the door."))
            && prompts.iter().any(|prompt| prompt.trim() == "blue"),
        "{prompts:?}"
    );
}

fn refused(player: &Player) {
    let script = always([
        Answer::bash("touch touched.txt"),
        Answer::text("I was not allowed to."),
    ]);
    let Some(bench) = Bench::new(player.name, script, "permissions = \"ask\"", "") else {
        return;
    };
    bench.begin("Touch it.");
    bench.stage.wait_for("task", "waiting");
    let inbox = bench.stage.json(&["inbox"]);
    let request = &inbox["messages"][0];
    assert_eq!(request["kind"], "permission");
    let id = request["id"].as_str().unwrap();
    bench.stage.cw(&["message", "answer", id, "deny"]).expect(0);
    bench.stage.wait_for("task", "merged");
    let files = bench
        .stage
        .git(&["ls-tree", "--name-only", "cw/job/integration"]);
    assert!(!files.contains("touched.txt"), "{files}");
    let requests = bench.model.requests(SCENARIO);
    let results = requests.last().unwrap().tool_results();
    assert!(results[0].is_error, "{results:?}");
}

fn limited(player: &Player) {
    let error = Answer::error(429, "rate_limit_error", "Later, please.");
    let script = always([error.header("retry-after", "300")]);
    let Some(bench) = Bench::new(player.name, script, "", "") else {
        return;
    };
    bench.begin("Do it.");
    let task = bench.stage.wait_for("task", "parked");
    assert!(task["resume_at"].is_string(), "{task}");
    assert_eq!(first_outcome(&bench), "limit");
}

fn kept_out(player: &Player) {
    let script = always([Answer::error(401, "authentication_error", "Who are you?")]);
    let limits = "[limits]\nattempts = 2\n";
    let Some(bench) = Bench::new(player.name, script, "", limits) else {
        return;
    };
    bench.begin("Do it.");
    assert_ne!(first_outcome(&bench), "done");
    let told = bench.stage.wait("the user to be told", || {
        Some(told(&bench)).filter(|told| told.contains("log in"))
    });
    assert!(told.contains("401") || told.contains("key"), "{told}");
    assert_ne!(bench.task()["status"], "merged");
}

fn stalls(player: &Player) {
    let script = always([Answer::text("Let me think …").stalled()]);
    let limits = "[limits]\nstall = \"3s\"\nattempts = 1\n";
    let Some(bench) = Bench::new(player.name, script, "", limits) else {
        return;
    };
    bench.begin("Do it.");
    let over = |task: &Value| matches!(task["status"].as_str(), Some("failed" | "parked"));
    let task = bench.stage.wait("the silence to end", || {
        Some(bench.task()).filter(|task| over(task))
    });
    let error = task["error"].as_str().unwrap_or_default();
    assert!(error.contains("limits.stall"), "{task}");
    assert!(
        !bench.model.requests(SCENARIO).is_empty(),
        "it fell silent before it had asked the model"
    );
    assert_eq!(processes(bench.stage.root()), 0);
}

fn stopped(player: &Player) {
    let script = always([
        Answer::bash("echo begun > begun.txt; sleep 1000; echo survived > begun.txt"),
        Answer::text("Done."),
    ]);
    let Some(bench) = Bench::new(player.name, script, player.shell, "") else {
        return;
    };
    bench.begin("Wait for it.");
    let stage = &bench.stage;
    let tree = stage.wait("the command to run", || {
        let name = bench.task()["agent"].as_str()?.to_owned();
        let agent = stage.json(&["agent", "show", &name])["agent"].clone();
        let tree = Path::new(agent["worktree"].as_str()?).to_owned();
        tree.join("begun.txt").exists().then_some(tree)
    });
    assert!(processes(stage.root()) > 1);
    stage.cw(&["agent", "stop", &bench.agent()]).expect(0);
    assert_eq!(processes(stage.root()), 0);
    let task = stage.wait_for("task", "parked");
    assert!(task["resume_at"].is_null(), "{task}");
    let said = std::fs::read_to_string(tree.join("begun.txt")).unwrap();
    assert_eq!(said, "begun\n");
}

#[test]
fn claude_behind_its_acp_adapter_asks_and_goes_on_with_the_answer() {
    asks(&ADAPTER);
}

#[test]
fn claude_is_refused_a_permission_and_lives_with_it() {
    refused(&CLAUDE);
}

#[test]
fn claude_behind_its_acp_adapter_is_refused_a_permission_and_lives_with_it() {
    refused(&ADAPTER);
}

#[test]
fn claude_waits_for_the_end_of_a_limit() {
    limited(&CLAUDE);
}

#[test]
fn claude_behind_its_acp_adapter_waits_for_the_end_of_a_limit() {
    limited(&ADAPTER);
}

#[test]
fn claude_that_is_not_let_in_says_how_to_log_in() {
    kept_out(&CLAUDE);
}

#[test]
fn claude_behind_its_acp_adapter_that_is_not_let_in_says_how_to_log_in() {
    kept_out(&ADAPTER);
}

#[test]
fn claude_that_falls_silent_is_ended() {
    stalls(&CLAUDE);
}

#[test]
fn claude_behind_its_acp_adapter_that_falls_silent_is_ended() {
    stalls(&ADAPTER);
}

#[test]
fn claude_is_stopped_with_the_command_it_runs() {
    stopped(&CLAUDE);
}

#[test]
fn claude_behind_its_acp_adapter_is_stopped_with_the_command_it_runs() {
    stopped(&ADAPTER);
}
