//! Agents one by one: stopped, resumed, taken away, their work brought back and told apart.

use crate::stage::Stage;

/// Whether a process is there and no zombie.
pub(crate) fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}

#[test]
fn a_stopped_agent_leaves_no_process_and_goes_on_when_told() {
    let stage = Stage::new();
    let pids = stage.tools.join("pids");
    let prompt = format!(
        "echo begun > begun.txt; [ -e {0} ] && exit 0\n(trap '' INT TERM; setsid sleep 300) & echo $! > {0}.new\n\
         echo $$ >> {0}.new; mv {0}.new {0}; wait; sleep 300\n",
        pids.display()
    );
    stage.cw(&["spawn", &prompt, "--name", "soho"]).expect(0);
    let text = stage.wait("the agent at work", || std::fs::read_to_string(&pids).ok());
    let stopped = stage.json(&["agent", "stop", "soho"]);
    assert_eq!(stopped["agents"][0]["status"], "stopped");
    assert_eq!(stopped["agents"][0]["pid"], serde_json::Value::Null);
    assert!(!text.lines().any(alive), "{text}");
    assert_eq!(stage.task("soho")["status"], "parked");
    assert_eq!(stage.task("soho")["resume_at"], serde_json::Value::Null);
    // Stopping again changes nothing.
    stage.cw(&["agent", "stop", "soho"]).expect(0);
    stage.cw(&["agent", "resume", "soho"]).expect(0);
    stage.wait_for("soho", "merged");
    assert_eq!(stage.file_at("cw/adhoc/integration", "begun.txt"), "begun");
}

#[test]
fn work_that_no_branch_holds_is_kept_and_brought_back() {
    let stage = Stage::new();
    let prompt = "echo kept > kept.txt; git add -A; git commit -qm Try; git reset -q --hard HEAD~1\n\
                  echo other > other.txt; exit 3\n";
    let plan = stage.plan(&format!("# Lost\n#### Work\n- attempts: 1\n\n{prompt}"));
    stage.cw(&["run", &plan]).expect(1);
    let name = stage.task("work")["agent"].as_str().unwrap().to_owned();
    let before = stage.json(&["worktree", "list"]);
    let path = before["worktrees"][0]["path"].as_str().unwrap().to_owned();
    assert_eq!(before["worktrees"][0]["state"], "kept");
    let dry = stage.json(&["worktree", "prune", "--dry-run"]);
    assert_eq!(dry["worktrees"][0]["path"], path.as_str());
    assert!(std::path::Path::new(&path).exists());
    stage.cw(&["worktree", "prune"]).expect(0);
    assert!(!std::path::Path::new(&path).exists());
    let after = stage.json(&["worktree", "list"]);
    assert_eq!(after["worktrees"][0]["state"], "removed", "{after}");
    let kept = after["worktrees"][0]["kept"].as_str().unwrap();
    assert!(
        kept.starts_with(&format!("refs/cw/kept/lost/{name}/")),
        "{kept}"
    );

    // What came from a repository that the agent made stands beside it, under a name of its own.
    let foreign = format!("refs/cw/kept/lost/{name}/repository-1/heads/9");
    stage.git(&["update-ref", &foreign, "main"]);
    let restored = stage.json(&["worktree", "restore", &name]);
    let tree = &restored["worktrees"][0];
    let text = std::fs::read_to_string(
        std::path::Path::new(tree["path"].as_str().unwrap()).join("kept.txt"),
    );
    assert_eq!(text.unwrap(), "kept\n");
    assert!(
        tree["branch"]
            .as_str()
            .unwrap()
            .starts_with("cw/lost/restored/"),
        "{tree}"
    );
    assert_eq!(tree["agent"], name.as_str());
    let restored = stage.json(&["worktree", "restore", &foreign]);
    let path = restored["worktrees"][0]["path"].as_str().unwrap();
    assert!(std::path::Path::new(path).join("README.md").exists());
    stage.cw(&["worktree", "restore", "nobody"]).expect(3);
    stage
        .cw(&["worktree", "restore", "refs/cw/kept/lost/nobody/1"])
        .expect(3);
    let report = stage.json(&["doctor"]);
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn a_line_is_traced_to_the_turn_that_wrote_it() {
    let stage = Stage::new();
    let plan = stage.plan(
        "# Origin\n## P\n### A\n#### One\n\necho own > own.txt; git add -A; git commit -qm 'By hand'\n\
         echo left > left.txt; cw say hello\n\n#### Two\n\necho two >> own.txt\n",
    );
    stage.cw(&["run", &plan]).expect(0);
    let why = |what: &str| stage.json(&["why", what])["why"].clone();
    let own = why("own.txt:1");
    assert_eq!(
        (own["subject"].as_str(), own["text"].as_str()),
        (Some("By hand"), Some("own"))
    );
    let left = why("left.txt:1");
    for view in [&own, &left] {
        assert_eq!(
            (view["task"].as_str(), view["initiative"].as_str()),
            (Some("one"), Some("origin"))
        );
        assert_eq!(
            (view["turn"].as_u64(), view["turn_kind"].as_str()),
            (Some(1), Some("start"))
        );
        assert_eq!(view["merged_as"], stage.task("one")["commit"]);
        assert_eq!(view["messages"][0]["body"], "hello");
    }
    assert_eq!(why("own.txt:2")["task"], "two");
    assert_eq!(why("cw/origin/integration")["task"], "two");
    assert_eq!(why("README.md:1")["task"], serde_json::Value::Null);
    stage.cw(&["why", "own.txt:9"]).expect(3);
    stage.cw(&["why", "no-such-commit"]).expect(3);
}
