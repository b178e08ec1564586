//! The door with shell scripts in git's place.

use std::thread;

use super::*;

/// A door to a shell script, and a folder for it.
fn script(text: &str) -> (tempfile::TempDir, Door) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripted-git");
    let door = Door::default()
        .program(program)
        .environment("SCRIPT", text)
        .time_limit(Duration::from_secs(60));
    (tempfile::tempdir().unwrap(), door)
}

#[test]
fn much_goes_in_and_comes_out_at_once() {
    let (folder, door) = script("cat");
    let much: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    assert_eq!(
        door.at(folder.path())
            .input(much.clone())
            .succeed()
            .unwrap()
            .stdout,
        much
    );
}

#[test]
fn a_signal_is_told_from_a_failure() {
    let (folder, door) = script("kill -9 $$");
    assert!(matches!(
        door.at(folder.path()).run(),
        Err(GitError::Interrupted { signal: 9, .. })
    ));
    let (folder, door) = script("echo why >&2; exit 3");
    let error = door.at(folder.path()).arg("x").succeed().unwrap_err();
    assert!(
        matches!(&error, GitError::Failed { command, code: 3, stderr } if command == "git x" && stderr == "why")
    );
}

#[test]
fn what_takes_too_long_is_ended_with_all_that_it_started() {
    let (folder, door) = script("sleep 1000 & echo $! > child; wait");
    let door = door.time_limit(Duration::from_millis(300));
    assert!(matches!(
        door.at(folder.path()).run(),
        Err(GitError::OutOfTime { .. })
    ));
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    let deadline = Instant::now() + Duration::from_secs(30);
    while state().is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "{:?}", state());
        thread::yield_now();
    }
}

#[test]
fn output_is_bounded() {
    let (folder, door) = script("yes");
    let cut = door.at(folder.path()).cut_at(1_000).run().unwrap();
    assert!(cut.truncated && cut.stdout.len() == 1_000);
    let mut git = door.at(folder.path());
    git.limit = 1_000;
    assert!(matches!(git.run(), Err(GitError::TooMuch { .. })));
}

#[test]
fn a_background_process_that_keeps_the_pipes_is_not_waited_for() {
    let (folder, door) = script("sleep 20 & echo done");
    let output = door
        .time_limit(Duration::from_secs(15))
        .at(folder.path())
        .run()
        .unwrap();
    assert_eq!(output.line(), "done");
}

#[test]
fn the_environment_is_gits_own() {
    let (folder, door) = script("env; echo \"$@\"; pwd");
    let door = door.environment("HOME", "/elsewhere");
    let text = door
        .at(folder.path())
        .args(["status"])
        .env("GIT_INDEX_FILE", "i")
        .succeed()
        .unwrap()
        .line();
    for wanted in [
        "LC_ALL=C\n",
        "GIT_TERMINAL_PROMPT=0\n",
        "HOME=/elsewhere\n",
        "GIT_INDEX_FILE=i\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert!(text.contains("-c core.hooksPath=/dev/null") && text.contains("--no-pager status"));
    assert!(Path::new(text.lines().last().unwrap()).ends_with(folder.path().file_name().unwrap()));
}

#[test]
fn a_lock_is_lent_to_the_command() {
    let (folder, door) = script("cat");
    let path = folder.path().join("lock");
    std::fs::write(&path, "this very file").unwrap();
    let lock = File::open(&path).unwrap();
    assert_eq!(
        door.at(folder.path())
            .holding(&lock)
            .unwrap()
            .succeed()
            .unwrap()
            .stdout,
        b"this very file"
    );
}
