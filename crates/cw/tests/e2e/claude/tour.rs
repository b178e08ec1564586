//! A plan of twelve tasks in three phases and five plans, worked on by the real Claude Code: two
//! that edit the same line, one that a gate refuses once, one that leaves its work uncommitted,
//! one that fails for good and blocks two.

mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cw_testkit::model::{Model, Request};
use serde_json::{Value, json};

use script::{PLAN, script, streets};

use super::untouched::{Untouched, everything_under};
use super::{KEY, TOKENS_OF_AN_ANSWER, agent_of, claude, configure, turns, with_key};
use crate::stage::Stage;

/// The gates: no poison, and no marker of a conflict.
const GATES: &str = "[gates]\ncommands = [\"test ! -e poison\", \"! grep -rq '^<<<<<<< ' tour\"]\n";

const BRANCH: &str = "cw/tour/integration";

/// A task that is merged in the end.
struct Merged {
    task: &'static str,
    /// What its prompt begins with, and no other.
    order: &'static str,
    /// The files that its merge changes, and no other.
    brings: &'static [&'static str],
}

const fn merged(
    task: &'static str,
    order: &'static str,
    brings: &'static [&'static str],
) -> Merged {
    Merged {
        task,
        order,
        brings,
    }
}

const MERGED: &[Merged] = &[
    merged("survey", "Order 1:", &["tour/key.txt", "tour/streets.md"]),
    merged("rivers", "Order 2:", &["tour/rivers.md"]),
    merged("north-street", "Order 3:", &["tour/streets.md"]),
    merged("square", "Order 4:", &["Cargo.toml", "tour/square.md"]),
    merged("south-street", "Order 5:", &["tour/streets.md"]),
    merged("gate", "Order 6:", &["tour/gate.md"]),
    merged("market", "Order 7:", &["tour/market.md"]),
    merged("fair", "Order 8:", &["tour/fair.md"]),
    merged("parade", "Order 9:", &["tour/all.txt"]),
];

/// Who is merged before whom.
const ORDER: &[(&str, &str)] = &[
    ("survey", "rivers"),
    ("rivers", "north-street"),
    ("rivers", "south-street"),
    ("north-street", "square"),
    ("south-street", "gate"),
    ("square", "market"),
    ("gate", "market"),
    ("market", "fair"),
    ("fair", "parade"),
];

/// The user's own repository in the middle of the user's own work.
fn clone() -> Stage {
    let stage = Stage::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    stage.write("guide.md", "# Guide\n");
    stage.git(&["add", "guide.md"]);
    stage.git(&["commit", "-q", "-m", "Begin the guide"]);
    stage.git(&["branch", "feature", "HEAD~1"]);
    stage.git(&["tag", "v0-tour"]);
    stage.write("guide.md", "# Guide\n\nput aside\n");
    stage.git(&["stash", "push", "-q"]);
    stage.write("staged.md", "staged\n");
    stage.git(&["add", "staged.md"]);
    stage.write("guide.md", "# Guide\n\nnot committed\n");
    stage.write("scratch.txt", "not known to git\n");
    stage
}

#[test]
fn claude_works_through_a_plan_on_a_clone_of_this_repository() {
    let Some(program) = claude() else { return };
    let model = Model::start(script()).unwrap();
    let stage = clone();
    configure(&stage, &program, &model, "tour", GATES);
    let before = Untouched::see(&stage);
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan(PLAN);

    let ran = with_key(&stage, &["run", &plan]);
    let out = String::from_utf8_lossy(&ran.stdout);
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(
        ran.status.code(),
        Some(1),
        "{out}\n{err}\n{:?}\n{}",
        stage.statuses(),
        stage.log()
    );

    summary_says_what_came_of_it(&stage, &out, &plan);
    statuses_are_as_planned(&stage);
    merges_stand_in_order_and_bring_what_they_should(&stage);
    branch_holds_what_the_agents_did(&stage);
    bounced_sessions_went_on(&stage, &model);
    costs_add_up(&stage, &model);
    nothing_is_left_over(&stage);
    let touched = Untouched::see(&stage).differences(&before);
    assert!(touched.is_empty(), "{}", touched.join("\n"));
    the_key_was_handed_on_and_is_nowhere(&stage);
}

fn summary_says_what_came_of_it(stage: &Stage, out: &str, plan: &str) {
    for part in [
        "Tour: failed in ",
        "2 blocked, 1 failed, 9 merged",
        "permit: ",
        "never granted",
        BRANCH,
        "cw task retry tour/permit",
    ] {
        assert!(out.contains(part), "no '{part}' in\n{out}");
    }
    // The same plan again finds nothing left to do, and says so to scripts.
    let again = stage.cw(&["run", plan, "--json"]).expect(1);
    let last: Value = serde_json::from_str(again.lines().last().unwrap()).unwrap();
    let told = &last["summary"];
    assert_eq!(
        (&told["outcome"], &told["exit"]),
        (&json!("failed"), &json!(1)),
        "{told}"
    );
    assert_eq!(told["counts"]["merged"], 9);
    assert_eq!(told["tasks"]["total"], 12);
    assert_eq!(told["failed"][0]["id"], "permit");
}

fn statuses_are_as_planned(stage: &Stage) {
    let statuses: BTreeMap<String, String> = stage.statuses().into_iter().collect();
    let merged = MERGED.iter().map(|merged| (merged.task, "merged"));
    let others = [
        ("permit", "failed"),
        ("fence", "blocked"),
        ("shed", "blocked"),
    ];
    let expected = merged
        .chain(others)
        .map(|(task, status)| (task.to_owned(), status.to_owned()));
    assert_eq!(statuses, expected.collect());
    let initiatives = stage.json(&["initiative", "list"]);
    let tasks = &initiatives["initiatives"][0]["tasks"];
    assert_eq!(
        (&tasks["merged"], &tasks["failed"]),
        (&json!(9), &json!(1)),
        "{initiatives}"
    );
    assert!(
        stage.task("permit")["error"]
            .as_str()
            .unwrap()
            .contains("never granted")
    );
    assert_eq!(stage.task("fence")["attempts"], 0);
    assert_eq!(stage.task("shed")["agent"], Value::Null);
}

/// The merges on the integration branch since it was cut, oldest first: commit and task.
fn merges(stage: &Stage) -> Vec<(String, String)> {
    let format = "--format=%H %(trailers:key=Cw-Task,valueonly,separator=)";
    let range = format!("main..{BRANCH}");
    let log = stage.git(&["log", "--first-parent", "--reverse", format, &range]);
    let both = |line: &str| {
        let (commit, task) = line.split_once(' ').unwrap();
        (commit.to_owned(), task.to_owned())
    };
    log.lines().map(both).collect()
}

fn merges_stand_in_order_and_bring_what_they_should(stage: &Stage) {
    let merges = merges(stage);
    let at = |task: &str| {
        let found = merges.iter().position(|(_, merged)| merged == task);
        found.unwrap_or_else(|| panic!("no {task} in {merges:?}"))
    };
    for (before, after) in ORDER {
        assert!(
            at(before) < at(after),
            "{before} is to be before {after}: {merges:?}"
        );
    }
    assert_eq!(merges.len(), MERGED.len(), "{merges:?}");
    for Merged { task, brings, .. } in MERGED {
        let (commit, _) = &merges[at(task)];
        let changed = stage.git(&["diff", "--name-only", &format!("{commit}^1"), commit]);
        assert_eq!(changed.lines().collect::<Vec<_>>(), *brings, "{task}");
        let shown = stage.task(task);
        assert_eq!(shown["commit"], **commit, "{task}");
        let trailers = stage.git(&["log", "-1", "--format=%(trailers:only,unfold)", commit]);
        let agent = format!("Cw-Agent: {}", shown["agent"].as_str().unwrap());
        assert!(
            trailers.contains(&agent) && trailers.contains("Cw-Initiative: tour"),
            "{task}: {trailers}"
        );
        assert_eq!(
            stage.git(&["log", "-1", "--format=%an <%ae>", commit]),
            "Dev <dev@example.org>"
        );
    }
    let marks = stage.git(&["for-each-ref", "--format=%(objectname)", "refs/cw/merged"]);
    let marked: BTreeSet<&str> = marks.lines().collect();
    assert_eq!(marked, merges.iter().map(|(commit, _)| &**commit).collect());
}

fn branch_holds_what_the_agents_did(stage: &Stage) {
    let merges = merges(stage);
    // What an agent commits is on the branch as it is; what it leaves is committed for it.
    let by_agent = |task: &str, format: &str| {
        let (commit, _) = merges.iter().find(|(_, merged)| merged == task).unwrap();
        stage.git(&["log", "-1", format, &format!("{commit}^2")])
    };
    assert_eq!(by_agent("survey", "--format=%s%n%b"), "draw the streets");
    assert_eq!(
        by_agent("rivers", "--format=%(trailers:key=Cw-Task,valueonly)").trim(),
        "rivers"
    );
    assert_eq!(
        stage.file_at(BRANCH, "tour/streets.md"),
        streets("runs north and south").trim_end()
    );
    assert_eq!(stage.file_at(BRANCH, "tour/rivers.md"), "# rivers");
    assert!(stage.file_at(BRANCH, "tour/all.txt").contains("# market"));
    assert!(
        stage
            .file_at(BRANCH, "Cargo.toml")
            .contains("# The square.\n[workspace]")
    );
    assert_eq!(
        stage.git(&["merge-base", "main", BRANCH]),
        stage.git(&["rev-parse", "main"])
    );
}

fn bounced_sessions_went_on(stage: &Stage, model: &Model) {
    let bounces = |task: &str| stage.task(task)["bounces"].as_u64().unwrap();
    assert_eq!(
        (
            bounces("gate"),
            bounces("north-street") + bounces("south-street")
        ),
        (1, 1)
    );
    let (second, title, order) = match bounces("north-street") {
        1 => ("north-street", "North street", "Order 3:"),
        _ => ("south-street", "South street", "Order 5:"),
    };
    let merges = stage.json(&["merge", "list"]);
    let bounced = |task: &str| {
        let mut all = merges["merges"].as_array().unwrap().iter();
        all.find(|merge| merge["task"] == task && merge["status"] == "bounced")
            .unwrap_or_else(|| panic!("{merges}"))
    };
    assert_eq!(bounced(second)["conflicts"], json!(["tour/streets.md"]));
    assert_eq!(bounced("gate")["gate"], "failed");

    let requests = model.requests("tour");
    let resumed = session_went_on(stage, &requests, second, title, [order, "conflict markers"]);
    let [saw, ..] = &resumed[1].tool_results()[..] else {
        panic!("{resumed:?}")
    };
    assert!(
        saw.text.contains("<<<<<<<") && saw.text.contains(">>>>>>>"),
        "{saw:?}"
    );
    session_went_on(
        stage,
        &requests,
        "gate",
        "Gate",
        ["Order 6:", "test ! -e poison"],
    );
}

/// The turn after a bounce is of the session of the first one, and its prompt says why. Returns
/// that turn's requests.
fn session_went_on<'r>(
    stage: &Stage,
    requests: &'r [Request],
    task: &str,
    title: &str,
    told: [&str; 2],
) -> Vec<&'r Request> {
    let agent = agent_of(stage, task);
    assert_eq!(turns(&agent), ["start", "bounce"], "{agent}");
    let session = agent["session"].as_str().unwrap();
    for (turn, flag) in agent["history"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["--session-id", "--resume"])
    {
        let order = Path::new(turn["folder"].as_str().unwrap()).join("order.json");
        let order: Value = serde_json::from_slice(&std::fs::read(order).unwrap()).unwrap();
        let args = order["args"].as_array().unwrap();
        let at = args
            .iter()
            .position(|arg| arg == flag)
            .unwrap_or_else(|| panic!("no {flag} in {order}"));
        assert_eq!(args[at + 1], session);
    }
    let words = format!("Your task was: {title}\n");
    let resumed: Vec<_> = requests
        .iter()
        .filter(|request| request.prompt().contains(&words))
        .collect();
    // The program sent what it was told in its first turn as well.
    let prompts = resumed[0].prompts();
    assert_eq!(prompts.len(), 2, "{prompts:?}");
    assert!(
        prompts
            .iter()
            .zip(told)
            .all(|(prompt, part)| prompt.contains(part)),
        "{prompts:?}"
    );
    resumed
}

fn costs_add_up(stage: &Stage, model: &Model) {
    let requests = model.requests("tour");
    let mut sum = (0, 0.0);
    for Merged { task, order, .. } in MERGED {
        let answers = requests
            .iter()
            .filter(|request| request.prompts()[0].contains(order))
            .count();
        let shown = stage.task(task);
        let (tokens, cost) = (
            shown["tokens"].as_u64().unwrap(),
            shown["cost_usd"].as_f64().unwrap(),
        );
        assert_eq!(tokens, TOKENS_OF_AN_ANSWER * answers as u64, "{task}");
        sum = (sum.0 + tokens, sum.1 + cost);
        // Every answer costs the same, in the first turn and in a resumed one.
        assert!(
            cost > 0.0 && (cost / sum.1 - tokens as f64 / sum.0 as f64).abs() < 1e-6,
            "{task}: {cost} for {tokens}"
        );
    }
    let initiatives = stage.json(&["initiative", "list"]);
    let told = initiatives["initiatives"][0]["cost_usd"].as_f64().unwrap();
    assert!((told - sum.1).abs() < 1e-6, "{told} is not {}", sum.1);
}

fn nothing_is_left_over(stage: &Stage) {
    stage.wait("worktrees of merged tasks to go", || {
        let worktrees = stage.git(&["worktree", "list", "--porcelain"]);
        let left: Vec<_> = worktrees
            .lines()
            .filter(|line| line.starts_with("branch refs/heads/cw/"))
            .collect();
        let of_permit = stage.task("permit")["branch"]
            .as_str()
            .map(|branch| format!("branch refs/heads/{branch}"));
        left.iter()
            .all(|line| Some((*line).to_owned()) == of_permit)
            .then_some(())
    });
    stage.wait("processes of runs to go", || {
        processes_of_runs(stage).is_empty().then_some(())
    });
    let locks: Vec<_> = everything_under(&stage.repo.join(".git"))
        .into_iter()
        .map(|(path, _)| path.display().to_string())
        .filter(|path| path.ends_with(".lock") && !path.contains("cw-"))
        .collect();
    assert_eq!(locks, Vec::<String>::new());
    stage.git(&["fsck", "--strict", "--no-dangling"]);
    stage.cw(&["doctor"]).expect(0);
    let events = stage.cw(&["events", "--json"]).expect(0);
    for (index, line) in events.lines().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["seq"].as_u64().unwrap(), index as u64 + 1);
    }
}

/// Processes that carry the mark of a run of this stage, or stand between it and the server.
fn processes_of_runs(stage: &Stage) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let runs = stage.home.join("runs").display().to_string();
    let of_run = |folder: &Path| {
        let environ = std::fs::read(folder.join("environ")).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ).into_owned();
        let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (environ.contains(&format!("CW_RUN={runs}")) || line.contains(&runs)).then_some(line)
    };
    processes
        .flatten()
        .filter_map(|process| of_run(&process.path()))
        .collect()
}

fn the_key_was_handed_on_and_is_nowhere(stage: &Stage) {
    let check = stage.tools.join("key");
    std::fs::write(&check, KEY).unwrap();
    let check = std::process::Command::new("sh")
        .args(["-c", "cksum < \"$0\"", check.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(
        stage.file_at(BRANCH, "tour/key.txt"),
        String::from_utf8_lossy(&check.stdout).trim_end()
    );
    let git = everything_under(&stage.repo.join(".git"));
    for (path, bytes) in everything_under(&stage.home).into_iter().chain(git) {
        let found = bytes
            .windows(KEY.len())
            .any(|window| window == KEY.as_bytes());
        assert!(!found, "the key stands in {}", path.display());
    }
}
