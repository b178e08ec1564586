//! The main job with shell agents: plans go in, merged work comes out.

use crate::stage::Stage;

#[test]
fn a_plan_goes_in_and_merged_work_comes_out() {
    let stage = Stage::new();
    let plan = stage.plan(
        "# Notes\n\nA small job.\n\n## First\n### Files\n#### One\n\necho one > one.txt\n\n#### Two\n\n\
         cat one.txt > two.txt; echo two >> two.txt\n\n## Second\n### Last\n#### Three\n\ncat two.txt > three.txt\n",
    );
    let ran = stage.cw(&["run", &plan]);
    let out = ran.expect(0);
    assert!(out.contains("cw/notes/integration"), "{out}");
    let branch = "cw/notes/integration";
    assert_eq!(stage.file_at(branch, "three.txt"), "one\ntwo");
    let merges = stage.git(&[
        "log",
        "--first-parent",
        "--reverse",
        "--format=%(trailers:key=Cw-Task,valueonly,separator=)",
        branch,
    ]);
    assert_eq!(
        merges.trim().lines().collect::<Vec<_>>(),
        ["one", "two", "three"]
    );
    assert_eq!(
        stage.git(&["rev-parse", "main"]),
        stage.git(&["merge-base", "main", branch])
    );
    stage.cw(&["initiative", "land", "notes"]).expect(0);
    assert_eq!(
        stage.git(&["rev-parse", "main"]),
        stage.git(&["rev-parse", branch])
    );
    assert!(stage.repo.join("three.txt").exists());
}

#[test]
fn a_conflict_bounces_to_the_same_agent_and_is_solved() {
    let stage = Stage::new();
    let plan = stage.plan(
        "# Clash\n## P\n### A\n#### Left\n\necho left > same.txt\n\n### B\n#### Right\n\necho right > same.txt\n",
    );
    stage.cw(&["run", &plan]).expect(0);
    let text = stage.file_at("cw/clash/integration", "same.txt");
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["left", "right"]);
    let bounces: i64 = ["left", "right"]
        .iter()
        .map(|id| stage.task(id)["bounces"].as_i64().unwrap())
        .sum();
    assert_eq!(bounces, 1);
}

#[test]
fn a_task_that_fails_for_good_blocks_only_what_waits_for_it() {
    let stage = Stage::new();
    let plan = stage.plan(
        "# Part\n## P\n### A\n#### Bad\n- attempts: 1\n\nexit 3\n\n#### After bad\n\necho x > x\n\n\
         ### B\n#### Good\n\necho good > good.txt\n",
    );
    let ran = stage.cw(&["run", &plan]);
    ran.expect(1);
    let statuses = stage.statuses();
    let status = |id: &str| {
        statuses
            .iter()
            .find(|(task, _)| task == id)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(
        (status("bad"), status("after-bad"), status("good")),
        ("failed".into(), "blocked".into(), "merged".into())
    );
    assert!(stage.task("bad")["error"].as_str().unwrap().contains('3'));
}

#[test]
fn a_question_is_answered_and_the_agent_goes_on_with_it() {
    let stage = Stage::new();
    stage.tool("on-answer.sh", "cat \"$1\" > answer.txt\n");
    let plan = stage.plan("# Ask\n#### Which\n\ncw ask --no-wait \"Which one?\" --option red --option blue\nexit 75\n");
    let run = stage.start(&["run", &plan]);
    let task = stage.wait_for("which", "waiting");
    assert_eq!(task["error"], serde_json::Value::Null);
    let inbox = stage.json(&["inbox"]);
    let question = &inbox["messages"][0];
    assert_eq!(question["body"], "Which one?");
    assert_eq!(question["options"], serde_json::json!(["red", "blue"]));
    let id = question["id"].as_str().unwrap();
    stage.cw(&["message", "answer", id, "2"]).expect(0);
    let refused = stage.cw(&["message", "answer", id, "1"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    let ran = run.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(stage.file_at("cw/ask/integration", "answer.txt"), "blue");
}

#[test]
fn a_gate_that_fails_sends_the_work_back() {
    let stage = Stage::bare();
    stage.configure("[gates]\ncommands = [\"test ! -e bad.txt\"]\n");
    stage.tool("on-bounce.sh", "git rm -qf bad.txt; echo ok > good.txt\n");
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan("# Gate\n#### Make\n\necho bad > bad.txt\n");
    stage.cw(&["run", &plan]).expect(0);
    assert_eq!(stage.file_at("cw/gate/integration", "good.txt"), "ok");
    assert_eq!(stage.task("make")["bounces"], 1);
}

#[test]
fn review_holds_until_a_person_says_so() {
    let stage = Stage::new();
    stage.tool("on-bounce.sh", "cat \"$1\" > reason.txt\n");
    let plan = stage.plan("# Look\n#### Draft\n- review: human\n\necho draft > draft.txt\n");
    let out = stage.cw(&["run", &plan, "--exit-when-waiting"]).expect(6);
    assert!(out.contains("draft"), "{out}");
    stage.wait_for("draft", "review");
    stage
        .cw(&["task", "reject", "draft", "--text", "not yet"])
        .expect(0);
    stage.wait_for("draft", "review");
    stage.cw(&["task", "approve", "draft"]).expect(0);
    stage.wait_for("draft", "merged");
    assert!(
        stage
            .file_at("cw/look/integration", "reason.txt")
            .contains("not yet")
    );
}

#[test]
fn a_killed_server_comes_back_and_agents_have_gone_on() {
    let stage = Stage::new();
    let flag = stage.root().join("go");
    let plan = stage.plan(&format!(
        "# Kill\n#### Slow\n\nwhile [ ! -e {} ]; do sleep 0.05; done; echo done > done.txt\n",
        flag.display()
    ));
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "kill"]).expect(0);
    stage.wait_for("slow", "running");
    let pid = rustix::process::Pid::from_raw(stage.server_pid().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    std::fs::write(&flag, "").unwrap();
    stage.wait_for("slow", "merged");
    assert_eq!(stage.task("slow")["attempts"], 1);
    assert_eq!(stage.file_at("cw/kill/integration", "done.txt"), "done");
}

#[test]
fn a_plan_comes_on_standard_input_in_either_form() {
    let stage = Stage::new();
    let markdown = b"# Piped\n#### One\n\necho one > one.txt\n";
    stage.cw_with(&["run", "-"], markdown).expect(0);
    assert_eq!(stage.file_at("cw/piped/integration", "one.txt"), "one");
    let json = br#"{"title":"As JSON","tasks":[{"title":"Two","text":"echo two > two.txt"}]}"#;
    stage.cw_with(&["run", "-"], json).expect(0);
    assert_eq!(stage.file_at("cw/as-json/integration", "two.txt"), "two");
}
