//! Who is taken for the user, and whose keys reach whose agents.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::stage::{Stage, program};

/// Names the socket that [`played_a_caller_that_leaves`] connects to.
const LEAVES: &str = "CW_TEST_LEAVES";

/// Played inside an agent: connects, leaves the connection to a child and ends. As a test of its
/// own it does nothing.
#[test]
fn played_a_caller_that_leaves() {
    let Some(socket) = std::env::var_os(LEAVES) else {
        return;
    };
    let stream = OwnedFd::from(UnixStream::connect(socket).unwrap());
    let request =
        "POST /rpc/task.list HTTP/1.1\\r\\nhost: localhost\\r\\ncontent-length: 2\\r\\n\\r\\n{}";
    let line = format!(
        "while kill -0 {} 2>/dev/null; do :; done; printf '{request}'; head -n 1 > answer",
        std::process::id()
    );
    let mut child = Command::new("sh");
    child.args(["-c", &line]).stdin(stream.try_clone().unwrap());
    child.stdout(stream).spawn().unwrap();
    std::process::exit(0);
}

#[test]
fn an_agent_that_connects_forks_and_ends_is_not_taken_for_the_user() {
    let stage = Stage::new();
    let prompt = format!(
        "{LEAVES}=\"$CW_SOCKET\" '{}' --exact callers::played_a_caller_that_leaves\n\
         while [ ! -s answer ]; do sleep 0.05; done\n",
        std::env::current_exe().unwrap().display()
    );
    stage.cw(&["spawn", &prompt, "--name", "soho"]).expect(0);
    stage.wait_for("soho", "merged");
    let answer = stage.file_at("cw/adhoc/integration", "answer");
    assert!(answer.contains(" 409 "), "{answer}");
}

#[test]
fn gates_and_setup_commands_are_not_taken_for_the_user() {
    let stage = Stage::bare();
    let said = stage.tools.join("said");
    let attack = format!(
        "CW_HOME={} {} -C {} pause >> {said} 2>&1; echo \"code $?\" >> {said}\n",
        stage.home.display(),
        program().display(),
        stage.repo.display(),
        said = said.display()
    );
    stage.tool("attack.sh", &attack);
    let command = format!("sh {}", stage.tools.join("attack.sh").display());
    stage.configure(&format!(
        "[gates]\ncommands = [{command:?}]\n[worktree]\nsetup = [{command:?}]\n"
    ));
    stage.cw(&["init", "--trust"]).expect(0);
    stage
        .cw(&["spawn", "echo a > a", "--name", "soho"])
        .expect(0);
    stage.wait_for("soho", "merged");
    let said = std::fs::read_to_string(said).unwrap();
    assert_eq!(said.matches("code 4\n").count(), 2, "{said}");
    assert_eq!(said.matches("code ").count(), 2, "{said}");
    assert!(
        said.contains("a gate or setup command cannot call"),
        "{said}"
    );
    // Nothing is paused, and the user's own calls pass.
    stage
        .cw(&["spawn", "echo b > b", "--name", "marais"])
        .expect(0);
    stage.wait_for("marais", "merged");
}

#[test]
fn a_key_goes_to_the_agents_of_the_call_that_brought_it_and_to_no_others() {
    let stage = Stage::bare();
    stage.configure("pass_env = [\"KEY\"]\n");
    stage.cw(&["init", "--trust"]).expect(0);
    let with_key = |args: &[&str], key: &str| {
        let output = stage.command(args).env("KEY", key).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let plan = stage.plan("# Keys\n#### Planned\n\necho \"[$KEY]\" > planned\n");
    with_key(&["run", &plan], "of the plan");
    assert_eq!(
        stage.file_at("cw/keys/integration", "planned"),
        "[of the plan]"
    );
    let spawn = |name: &str| format!("echo \"[$KEY]\" > {name}\n");
    with_key(&["spawn", &spawn("own"), "--name", "own"], "of the spawn");
    stage
        .cw(&["spawn", &spawn("none"), "--name", "none"])
        .expect(0);
    for (name, key) in [("own", "[of the spawn]"), ("none", "[]")] {
        stage.wait_for(name, "merged");
        assert_eq!(stage.file_at("cw/adhoc/integration", name), key);
    }
}
