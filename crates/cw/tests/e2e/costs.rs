//! What agents cost, and what happens when a budget is used up: told by a program that prints
//! what Claude Code prints, and bills what its task is named after.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::stage::Stage;

/// Each turn costs 40 cents and 120 tokens.
const PAID: &str = r#"#!/bin/sh
echo work > "$CW_TASK.txt"
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","modelUsage":{"m":{"costUSD":0.4,"inputTokens":100,"outputTokens":20}}}'
"#;

/// Tells 20 cents, goes on once it is let, and tells 50 cents in all: as totals of its process.
const TWICE: &str = r#"#!/bin/sh
echo work > "$CW_TASK.txt"
echo '{"type":"result","subtype":"success","is_error":false,"queued_turn_count":1,"result":"half","modelUsage":{"m":{"costUSD":0.2,"inputTokens":100}}}'
while [ ! -e "$CW_TEST_TOOLS/go" ]; do sleep 0.05; done
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","modelUsage":{"m":{"costUSD":0.5,"inputTokens":300}}}'
"#;

/// Tells as it goes, as OpenCode does: at its start more than a dollar, and it would go on for ever.
const LIVE: &str = r#"#!/bin/sh
step() { echo '{"type":"step_finish","sessionID":"ses_1","part":{"reason":"'$1'","cost":'$2',"tokens":{"input":10,"output":1}}}'; }
echo "$CW_TURN" >> "$CW_TASK.txt"
if [ "$CW_TURN" = start ]; then
  step tool-calls 0.6
  step tool-calls 0.6
  while :; do sleep 0.1; done
fi
step stop 0.1
"#;

fn stage(program: &str, more: &str) -> Stage {
    of_kind("claude", program, more)
}

fn of_kind(kind: &str, program: &str, more: &str) -> Stage {
    let stage = Stage::bare();
    stage.tool("paid.sh", program);
    let (paid, tools) = (stage.tools.join("paid.sh"), &stage.tools);
    stage.write(
        "cw.toml",
        &format!(
            "base = \"main\"\n[agents]\ndefault = \"paid\"\n[agents.paid]\nkind = \"{kind}\"\n\
             command = [{paid:?}]\nenv = {{ CW_TEST_TOOLS = {tools:?} }}\n{more}"
        ),
    );
    stage.cw(&["init", "--trust"]).expect(0);
    stage
}

/// Kills the server; the next command starts another.
fn kill_server(stage: &Stage) {
    let pid = stage.server_pid().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    stage.wait("the server to be gone", || {
        (stage.server_pid() != Some(pid.as_raw_nonzero().get())).then_some(())
    });
}

fn cents(value: &Value) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a few dollars")]
    let cents = (value.as_f64().unwrap() * 100.0).round() as i64;
    cents
}

/// Turns, tokens and cents.
fn used(value: &Value) -> (i64, i64, i64) {
    let whole = |key: &str| value[key].as_i64().unwrap();
    (whole("turns"), whole("tokens"), cents(&value["cost_usd"]))
}

/// The total, which is that of every way to add up, and that of the agents.
fn total(stage: &Stage) -> (i64, i64, i64) {
    let all = stage.json(&["cost"]);
    let total = used(&all["total"]);
    for by in ["initiative", "task", "kind", "day"] {
        let list = stage.json(&["cost", "--by", by]);
        assert_eq!(used(&list["total"]), total, "{by}");
        let parts = list["costs"].as_array().unwrap().iter().map(used);
        let sum = parts.fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
        assert_eq!(sum, total, "{by}: {list}");
    }
    let agents = stage.json(&["agent", "list", "--all"]);
    let agents = agents["agents"].as_array().unwrap();
    let sum: i64 = agents.iter().map(|agent| cents(&agent["cost_usd"])).sum();
    assert_eq!(sum, total.2, "{agents:?}");
    total
}

fn initiative(stage: &Stage) -> Value {
    stage.json(&["initiative", "list"])["initiatives"][0].clone()
}

#[test]
fn a_budget_that_is_used_up_asks_and_goes_on_when_it_is_raised() {
    let stage = stage(PAID, "");
    let plan = stage.plan("# Job\n- budget: $1\n#### One\n#### Two\n#### Three\n");
    let ran = stage.cw(&["run", &plan, "--exit-when-waiting"]);
    assert!(!ran.err.contains("not acted on"), "{ran:?}");
    for part in ["$0.80 of its budget of $1", "raise by $1", "stop here"] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
    assert!(ran.out.contains("$0.80 of $1.00"), "{ran:?}");
    ran.expect(6);
    assert_eq!(stage.task("three")["status"], "parked");
    assert_eq!(total(&stage), (2, 240, 80));
    assert_eq!(cents(&initiative(&stage)["budget_usd"]), 100);

    kill_server(&stage);
    assert_eq!(total(&stage), (2, 240, 80));
    assert_eq!(stage.task("three")["status"], "parked");
    let inbox = stage.json(&["message", "list"]);
    let [asked] = &inbox["messages"].as_array().unwrap()[..] else {
        panic!("{inbox}")
    };
    assert_eq!(
        (&asked["from"], &asked["status"]),
        (&"cw".into(), &"open".into())
    );
    assert_eq!(asked["initiative"], "job");
    let id = asked["id"].as_str().unwrap();

    let odd = stage.cw(&["message", "answer", id, "go on"]);
    assert!(odd.err.contains("'$5'"), "{odd:?}");
    odd.expect(2);
    stage.cw(&["message", "answer", id, "1"]).expect(0);
    stage.wait_for("three", "merged");
    stage.cw(&["message", "answer", id, "$1"]).expect(4);
    kill_server(&stage);
    assert_eq!(cents(&initiative(&stage)["budget_usd"]), 200);
    assert_eq!(total(&stage), (3, 360, 120));
    let by_task = stage.cw(&["cost", "job", "--by", "task"]).expect(0);
    for part in ["job/three", "$0.40", "total", "$1.20"] {
        assert!(by_task.contains(part), "{part}: {by_task}");
    }
    let shown = stage.json(&["task", "show", "three"]);
    assert_eq!(
        used(&serde_json::json!({
            "turns": shown["task"]["turns"][0]["number"],
            "tokens": shown["task"]["turns"][0]["tokens"],
            "cost_usd": shown["task"]["turns"][0]["cost_usd"],
        })),
        (1, 120, 40)
    );
}

#[test]
fn stopping_at_a_budget_holds_the_initiative_until_its_plan_says_more() {
    let stage = stage(PAID, "[limits]\nbudget_usd = 0.5\n");
    let plan = stage.plan("# Job\n#### One\n#### Two\n");
    stage.cw(&["run", &plan, "--exit-when-waiting"]).expect(6);
    let inbox = stage.json(&["message", "list"]);
    let id = inbox["messages"][0]["id"].as_str().unwrap().to_owned();
    stage.cw(&["message", "answer", &id, "stop here"]).expect(0);
    assert_eq!(initiative(&stage)["status"], "paused");
    stage.cw(&["run", &plan, "--exit-when-waiting"]).expect(6);
    assert_eq!(stage.task("two")["status"], "parked");
    let plan = stage.plan("# Job\n- budget: $5\n#### One\n#### Two\n");
    stage.cw(&["run", &plan, "--exit-when-waiting"]).expect(0);
    assert_eq!(total(&stage), (2, 240, 80));
}

#[test]
fn totals_of_a_process_are_counted_once_over_a_killed_server() {
    let stage = stage(TWICE, "");
    let plan = stage.plan("# Job\n#### One\n");
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "job"]).expect(0);
    stage.wait("the first half to be billed", || {
        (cents(&stage.task("one")["cost_usd"]) == 20).then_some(())
    });
    kill_server(&stage);
    assert_eq!(total(&stage), (1, 100, 20));
    std::fs::write(stage.tools.join("go"), "").unwrap();
    stage.wait_for("one", "merged");
    assert_eq!(total(&stage), (1, 300, 50));
}

#[test]
fn a_turn_beyond_the_budget_is_interrupted_and_resumed_when_there_is_money() {
    let stage = of_kind("opencode", LIVE, "");
    let plan = stage.plan("# Job\n- budget: $1\n#### One\n");
    let ran = stage.cw(&["run", &plan, "--exit-when-waiting"]);
    for part in ["over its budget: $1.20 of $1.00", "raise by $1.20"] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
    ran.expect(6);
    assert_eq!(stage.task("one")["status"], "parked");
    assert_eq!(total(&stage), (1, 22, 120));
    let inbox = stage.json(&["message", "list"]);
    let id = inbox["messages"][0]["id"].as_str().unwrap().to_owned();
    stage.cw(&["message", "answer", &id, "1"]).expect(0);
    stage.wait_for("one", "merged");
    assert_eq!(total(&stage), (2, 33, 130));
    let told = stage.file_at("cw/job/integration", "one.txt");
    assert_eq!(told, "start\nretry", "what it had done was kept");
    let shown = stage.json(&["agent", "list", "--all"]);
    let name = shown["agents"][0]["name"].as_str().unwrap().to_owned();
    let shown = stage.json(&["agent", "show", &name]);
    assert_eq!(shown["agent"]["history"][0]["outcome"], "stopped");
}
