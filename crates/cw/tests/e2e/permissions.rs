//! Agents that ask nothing: only where a container holds them, or where the user said so.

use std::process::Stdio;

use crate::stage::{Ran, Stage};

/// Runs `cw` where no container is.
fn outside(stage: &Stage, args: &[&str]) -> Ran {
    let mut command = stage.command(args);
    let output = command
        .env("IS_SANDBOX", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn bypassing() -> Stage {
    let stage = Stage::bare();
    stage.configure("permissions = \"bypass\"\n");
    stage
}

#[test]
fn bypass_outside_a_container_wants_a_confirmation_of_its_own() {
    let stage = bypassing();
    let init = outside(&stage, &["init", "--trust"]);
    assert_eq!(init.code, 0, "{init:?}");
    assert!(init.err.contains("work without asking"), "{init:?}");
    assert_eq!(outside(&stage, &["spawn", "true"]).code, 4);
    let refused = outside(&stage, &["trust", "--yes"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("--bypass"), "{refused:?}");
    outside(&stage, &["trust", "--yes", "--bypass"]).expect(0);
    outside(&stage, &["spawn", "true", "--name", "soho"]).expect(0);
    stage.wait_for("soho", "merged");
    // What was confirmed was this very text.
    stage.configure("permissions = \"bypass\"\nmodel = \"x\"\n");
    assert_eq!(outside(&stage, &["trust", "--yes"]).code, 4);
    assert_eq!(outside(&stage, &["spawn", "true"]).code, 4);
}

#[test]
fn inside_a_container_bypass_is_trusted_like_the_rest() {
    let stage = bypassing();
    let inside = |args: &[&str]| {
        let output = stage.command(args).env("IS_SANDBOX", "1").output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    };
    inside(&["init", "--trust"]);
    inside(&["spawn", "true", "--name", "soho"]);
    stage.wait_for("soho", "merged");
    // The same home outside: nobody has confirmed it there.
    stage.cw(&["server", "stop"]).expect(0);
    let refused = outside(&stage, &["spawn", "true"]);
    assert_eq!(refused.code, 4, "{refused:?}");
}
