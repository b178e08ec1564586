//! A server that is told to end, and then told again because it takes too long.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::stage::Stage;
use crate::tokens::call;

/// A server in the foreground that ends its agents with itself, and an agent that will not go.
fn with_a_stubborn_agent() -> (Stage, Child) {
    let stage = Stage::new();
    stage.cw(&["server", "stop"]).expect(0);
    let server = stage.start(&["serve", "--stop-agents"]);
    let ready = stage.tools.join("ready");
    let own = i32::try_from(server.id()).unwrap();
    stage.wait("the server", || {
        (stage.server_pid() == Some(own)).then_some(())
    });
    let prompt = format!(
        "trap '' INT TERM; touch {}; while :; do sleep 0.1; done",
        ready.display()
    );
    stage.cw(&["spawn", &prompt, "--name", "soho"]).expect(0);
    stage.wait("the agent", || ready.exists().then_some(()));
    (stage, server)
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// How many times a server of this stage was told to end so far. The log is read by itself: the
/// server may not answer any more.
fn told(stage: &Stage) -> usize {
    stage.log().matches("ends at once").count()
}

/// Waits until the server has heard that it should end, more often than `before`, and tells it
/// again.
fn ends_at_once(stage: &Stage, mut server: Child, before: usize, sent: Signal, code: i32) {
    while told(stage) == before {
        assert!(server.try_wait().unwrap().is_none(), "{}", stage.log());
        std::thread::yield_now();
    }
    signal(&server, sent);
    assert_eq!(server.wait().unwrap().code(), Some(code), "{}", stage.log());
    // It left its agent to the next server.
    stage.cw(&["stop", "--all"]).expect(0);
}

#[test]
fn a_second_signal_of_another_kind_ends_at_once() {
    let (stage, server) = with_a_stubborn_agent();
    let before = told(&stage);
    signal(&server, Signal::TERM);
    ends_at_once(&stage, server, before, Signal::INT, 130);
}

#[test]
fn a_signal_after_a_request_to_end_ends_at_once() {
    let (stage, server) = with_a_stubborn_agent();
    let before = told(&stage);
    let (status, _) = call(&stage, "server.stop", None, &json!({}));
    assert_eq!(status, 200);
    ends_at_once(&stage, server, before, Signal::TERM, 143);
}

/// A lock of whoever called `cw` (a job that must not run twice, say) ends with the caller, although a server and an agent
/// go on.
#[test]
fn what_stays_keeps_no_file_of_its_caller_open() {
    let stage = Stage::new();
    stage.cw(&["server", "stop"]).expect(0);
    let cw = stage.command(&[]);
    let script = "exec 9> lock; \"$CW\" spawn 'echo $$ > $CW_TEST_TOOLS/pid; while :; do sleep 0.1; done' --name soho >&2";
    let mut caller = std::process::Command::new("sh");
    caller.args(["-c", script]).current_dir(&stage.repo);
    caller.env_clear().env("CW", crate::stage::program());
    caller.envs(
        cw.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let output = caller.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let pid = stage.tools.join("pid");
    stage.wait("the agent", || {
        std::fs::read_to_string(&pid)
            .ok()
            .filter(|text| text.ends_with('\n'))
            .map(drop)
    });
    let agent: i32 = std::fs::read_to_string(&pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let lock = stage.repo.join("lock");
    for process in [stage.server_pid().unwrap(), agent] {
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        let targets: Vec<_> = open
            .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
            .collect();
        assert!(
            !targets.is_empty() && !targets.contains(&lock),
            "{targets:?}"
        );
    }
    stage.cw(&["stop", "--all"]).expect(0);
}
