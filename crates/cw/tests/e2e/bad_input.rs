//! Bad input: a clear error with a hint, the right exit code, and nothing half done.

use std::process::Command;

use crate::stage::{Ran, Stage, program};

/// The command said no with this code, an error and a hint, naming each of these words.
#[track_caller]
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(
        ran.err.starts_with("error: ") || ran.err.contains("\nerror: "),
        "{ran:?}"
    );
    assert!(ran.err.contains("hint: "), "{ran:?}");
    for word in words {
        assert!(ran.err.contains(word), "{word} is not in {}", ran.err);
    }
}

#[test]
fn a_folder_that_is_no_repository() {
    let stage = Stage::bare();
    let dir = stage.root().join("plain");
    std::fs::create_dir(&dir).unwrap();
    for command in ["init", "task list", "spawn x"] {
        let mut args = vec!["-C", dir.to_str().unwrap()];
        args.extend(command.split(' '));
        refused(&stage.cw(&args), 2, &["not", "repository"]);
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_not_there() {
    let stage = Stage::bare();
    let nowhere = stage.root().join("nowhere");
    let ran = stage.cw(&["-C", nowhere.to_str().unwrap(), "task", "list"]);
    refused(&ran, 2, &["there is no folder", "cause: "]);
}

#[test]
fn folders_that_are_named_relative_to_others() {
    let stage = Stage::bare();
    stage.git(&["clone", "-q", ".", "../other"]);
    let root = stage.root().to_str().unwrap();
    for args in [
        &["-C", root, "init", "other"][..],
        &["init", "other", "-C", root],
    ] {
        stage.cw(args).expect(0);
    }
    stage.cw(&["init", "../other"]).expect(0);
    assert_eq!(stage.json(&["server", "status"])["projects"], 1);
}

#[test]
fn a_stopped_server_is_told_from_one_that_did_not_run() {
    let stage = Stage::new();
    let pid = stage.server_pid().unwrap();
    let stop = || stage.cw(&["server", "stop"]).expect(0);
    assert_eq!(stop(), format!("stopped (process {pid})\n"));
    assert_eq!(stop(), "no server runs\n");
}

#[test]
fn a_repository_that_is_not_registered() {
    let stage = Stage::bare();
    refused(&stage.cw(&["task", "list"]), 4, &["cw init"]);
}

#[test]
fn a_repository_without_commits_a_bare_one_and_a_detached_head() {
    let stage = Stage::bare();
    let at = |name: &str| stage.root().join(name).to_str().unwrap().to_owned();
    stage.git(&["init", "-q", &at("empty")]);
    refused(&stage.cw(&["-C", &at("empty"), "init"]), 4, &["commit"]);
    stage.git(&["clone", "-q", "--bare", ".", &at("bare")]);
    refused(&stage.cw(&["-C", &at("bare"), "init"]), 2, &["bare"]);
    stage.git(&["clone", "-q", ".", &at("loose")]);
    stage.git(&["-C", &at("loose"), "checkout", "-q", "--detach"]);
    refused(&stage.cw(&["-C", &at("loose"), "init"]), 4, &["detached"]);
    assert!(!stage.root().join("loose/cw.toml").exists());
    assert_eq!(stage.json(&["server", "status"])["projects"], 0);
}

#[test]
fn a_base_that_does_not_exist() {
    let stage = Stage::new();
    let plan = stage.plan("# Base\n- base: nowhere\n#### One\n\ntrue\n");
    refused(&stage.cw(&["run", &plan]), 4, &["nowhere"]);
    assert_eq!(
        stage.json(&["initiative", "list"])["initiatives"],
        serde_json::json!([])
    );
    assert_eq!(stage.git(&["for-each-ref", "refs/heads/cw"]), "");
}

#[test]
fn plans_that_cannot_be_read() {
    let stage = Stage::new();
    let cycle = "# C\n## P\n### L\n#### A\n- after: c\n\nx\n\n#### B\n- after: a\n\nx\n\n#### C\n- after: b\n\nx\n";
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("empty", b"".to_vec(), &["PLAN.md"]),
        ("binary", b"# T\n\x00\x01\x02".to_vec(), &["PLAN.md"]),
        ("latin", b"# T\n#### \xe9t\xe9\n".to_vec(), &["UTF-8"]),
        (
            "20 MB",
            [b"# T\n#### A\n\n".to_vec(), vec![b'x'; 20 << 20]].concat(),
            &["too large"],
        ),
        ("cycle", cycle.into(), &["cycle", "a", "b", "c", "→", ":4"]),
        (
            "duplicates",
            b"# D\n#### Same\n\nx\n\n#### Same\n\nx\n".to_vec(),
            &["same", "lines 2 and 6", "- id:"],
        ),
        (
            "unknown key",
            b"# K\n#### One\n- agnet: claude\n\nx\n".to_vec(),
            &["agnet", "agent", ":3"],
        ),
    ];
    for (what, bytes, words) in cases {
        let path = stage.tools.join("PLAN.md");
        std::fs::write(&path, bytes).unwrap();
        for command in [&["plan", "check"][..], &["plan", "apply"], &["run"]] {
            let mut args = command.to_vec();
            args.push(path.to_str().unwrap());
            let ran = stage.cw(&args);
            assert_eq!(ran.code, 2, "{what}: {ran:?}");
            for word in *words {
                assert!(
                    ran.err.contains(word),
                    "{what}: {word} is not in {}",
                    ran.err
                );
            }
            assert!(
                ran.err.len() < 20_000,
                "{what}: {} bytes of error",
                ran.err.len()
            );
        }
    }
    refused(
        &stage.cw(&["run", "/nowhere/PLAN.md"]),
        2,
        &["/nowhere/PLAN.md"],
    );
    assert_eq!(
        stage.json(&["initiative", "list"])["initiatives"],
        serde_json::json!([])
    );
}

#[test]
fn an_error_under_json_is_one_object_on_standard_output() {
    let stage = Stage::new();
    let ran = stage.cw(&["task", "show", "nothing", "--json"]);
    assert_eq!(ran.code, 3);
    let error: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(error["error"]["code"], "not-found");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("nothing")
    );
    assert!(error["error"]["hint"].is_string());
}

#[test]
fn agents_that_misbehave_fail_their_task_with_the_reason() {
    let stage = Stage::bare();
    stage.tool(
        "garbage.sh",
        "#!/bin/sh\nhead -c 300000 /dev/urandom; head -c 300000 /dev/urandom >&2; exit 4\n",
    );
    stage.tool(
        "long.sh",
        "#!/bin/sh\nhead -c 10485760 /dev/zero | tr '\\0' x; echo; echo line > line.txt\n",
    );
    stage.tool("linger.sh", "#!/bin/sh\nexec >&- 2>&-\nsleep 1000\n");
    let tool = |name: &str| stage.tools.join(name).display().to_string();
    stage.configure(&format!(
        "[agents.missing]\nkind = \"script\"\ncommand = [\"/nowhere/agent\"]\n\
         [agents.garbage]\nkind = \"script\"\ncommand = [{:?}]\n\
         [agents.long]\nkind = \"script\"\ncommand = [{:?}]\n\
         [agents.linger]\nkind = \"script\"\ncommand = [{:?}]\n\
         [limits]\nattempts = 1\nturn_timeout = \"2s\"\n",
        tool("garbage.sh"),
        tool("long.sh"),
        tool("linger.sh"),
    ));
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan(
        "# Odd\n- agents: 4\n## P\n### A\n#### Missing\n- agent: missing\n\nx\n\n### B\n#### Garbage\n- agent: garbage\n\nx\n\n\
         ### C\n#### Long\n- agent: long\n\nx\n\n### D\n#### Linger\n- agent: linger\n\nx\n",
    );
    let ran = stage.cw(&["run", &plan]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let error = |id: &str| {
        stage.task(id)["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        error("missing").contains("/nowhere/agent"),
        "{}",
        error("missing")
    );
    assert!(error("garbage").contains('4'), "{}", error("garbage"));
    assert!(error("linger").contains("timeout"), "{}", error("linger"));
    assert_eq!(stage.task("long")["status"], "merged");
    assert!(
        ran.out
            .chars()
            .chain(ran.err.chars())
            .all(|c| c == '\n' || c == '\t' || !c.is_control()),
        "{ran:?}"
    );
    // The log of each can be read, and no process is left.
    for id in ["garbage", "long", "linger", "missing"] {
        let log = stage.cw(&["task", "log", id]).expect(0);
        assert!(
            log.chars()
                .all(|c| c == '\n' || c == '\t' || !c.is_control()),
            "{id}"
        );
    }
    stage.wait("every process to be gone", || {
        let agents = stage.json(&["agent", "list"]);
        agents["agents"]
            .as_array()
            .unwrap()
            .iter()
            .all(|agent| agent["pid"].is_null())
            .then_some(())
    });
}

#[test]
fn a_typo_in_cw_toml_is_named_with_what_was_meant() {
    let stage = Stage::new();
    stage.configure("[limts]\nattempts = 2\n");
    let plan = stage.plan("# T\n#### One\n\ntrue\n");
    refused(&stage.cw(&["trust", "--yes"]), 2, &["limts", "limits"]);
    let ran = stage.cw(&["run", &plan]);
    assert!(ran.code == 4 || ran.code == 2, "{ran:?}");
    assert_eq!(
        stage.json(&["initiative", "list"])["initiatives"],
        serde_json::json!([])
    );
}

#[test]
fn a_changed_cw_toml_must_be_trusted_before_anything_runs() {
    let stage = Stage::new();
    stage.configure("[gates]\ncommands = [\"true\"]\n");
    let plan = stage.plan("# T\n#### One\n\ntrue\n");
    refused(&stage.cw(&["run", &plan]), 4, &["cw trust"]);
    stage.cw(&["trust", "--yes"]).expect(0);
    stage.cw(&["run", &plan]).expect(0);
}

#[test]
fn a_key_that_is_not_acted_on_yet_is_said_at_every_start() {
    let stage = Stage::bare();
    stage.configure("[limits]\nkeep_logs = \"5d\"\n");
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan("# T\n#### One\n\ntrue\n");
    let ran = stage.cw(&["run", &plan]);
    assert!(ran.err.contains("keep_logs"), "{ran:?}");
    ran.expect(0);
}

#[test]
fn a_second_server_is_refused_and_the_first_goes_on() {
    let stage = Stage::new();
    let pid = stage.server_pid();
    let ran = stage.cw(&["serve"]);
    refused(&ran, 4, &["runs already", "cw server stop"]);
    assert_eq!(ran.err.matches("runs already").count(), 1, "{ran:?}");
    let cause = format!("cause: it is process {}\n", pid.unwrap());
    assert!(ran.err.contains(&cause), "{ran:?}");
    assert_eq!(stage.server_pid(), pid);
    stage.cw(&["server", "start"]).expect(0);
    assert_eq!(stage.server_pid(), pid);
}

#[test]
fn without_autostart_nothing_is_started() {
    let stage = Stage::bare();
    refused(
        &stage.cw(&["task", "list", "--no-autostart"]),
        5,
        &["server"],
    );
    let status = stage.cw(&["server", "status"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(!stage.home.exists());
}

/// Runs a shell script in a mount namespace of its own; `None` when the system allows none.
fn in_private_mounts(stage: &Stage, script: &str) -> Option<Ran> {
    let allowed = Command::new("unshare")
        .args(["-m", "true"])
        .output()
        .is_ok_and(|ran| ran.status.success());
    if !allowed {
        eprintln!("skipped: no mount namespaces here");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-m", "sh", "-ec", script])
        .current_dir(&stage.repo)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", stage.root())
        .env("CW_HOME", &stage.home)
        .env("CW", program())
        .env("PLAN", stage.tools.join("PLAN.md"))
        .output()
        .unwrap();
    Some(Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[test]
fn a_read_only_home_is_said_before_anything_is_done() {
    let stage = Stage::bare();
    std::fs::create_dir(&stage.home).unwrap();
    let script = "mount --bind \"$CW_HOME\" \"$CW_HOME\"; mount -o remount,ro,bind \"$CW_HOME\"; \"$CW\" init";
    let Some(ran) = in_private_mounts(&stage, script) else {
        return;
    };
    refused(&ran, 5, &["ead-only"]);
    assert_eq!(std::fs::read_dir(&stage.home).unwrap().count(), 0);
}

#[test]
fn a_full_disk_loses_nothing_that_was_said_to_be_done() {
    let stage = Stage::bare();
    stage.configure("");
    std::fs::create_dir(&stage.home).unwrap();
    stage.plan(&format!("# Full\n#### One\n\n{}\n", "x".repeat(600_000)));
    // 4 MB hold the server's beginnings; a file takes the rest away, and gives it back later.
    let script = r#"
        mount -t tmpfs -o size=4m tmpfs "$CW_HOME"
        "$CW" init --trust >&2
        head -c 100000000 /dev/zero > "$CW_HOME/filler" 2>/dev/null || true
        set +e
        "$CW" plan apply "$PLAN"; echo "full $?"
        "$CW" initiative list --json; echo "list $?"
        rm "$CW_HOME/filler"
        "$CW" plan apply "$PLAN" >/dev/null; echo "room $?"
        "$CW" server stop
    "#;
    let Some(ran) = in_private_mounts(&stage, script) else {
        return;
    };
    assert!(ran.out.contains("full 1"), "{ran:?}");
    assert!(ran.out.contains("{\"initiatives\":[]}"), "{ran:?}");
    assert!(ran.out.contains("list 0"), "{ran:?}");
    assert!(ran.out.contains("room 0"), "{ran:?}");
    assert!(
        ran.err.contains("full") && ran.err.contains("hint: "),
        "{ran:?}"
    );
}

#[test]
fn the_server_ends_within_its_time_and_agents_go_on() {
    let stage = Stage::new();
    let flag = stage.root().join("go");
    let prompt = format!(
        "while [ ! -e {} ]; do sleep 0.05; done; echo on > on.txt",
        flag.display()
    );
    let name = stage.json(&["spawn", &prompt])["agents"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    stage.wait("the agent to run", || {
        (stage.json(&["agent", "show", &name])["agent"]["status"] == "running").then_some(())
    });
    stage.cw(&["server", "stop"]).expect(0);
    assert_eq!(stage.json(&["server", "status"])["running"], false);
    std::fs::write(&flag, "").unwrap();
    stage.wait_for(&name, "merged");
    assert_eq!(stage.file_at("cw/adhoc/integration", "on.txt"), "on");
}
