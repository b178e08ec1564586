//! Runs from their start to their end, and what is left of them.

use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use cw_core::ports::agents::{
    AgentEvent, Agents, Ending, Follow, LineForm, RunState, Started, Stream, Verdict,
};
use libtest_mimic::Trial;

use crate::world::{World, eventually, follow, id, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_run_is_started_followed_and_recorded", recorded),
        trial("exit_codes_become_verdicts", exit_codes),
        trial(
            "a_program_or_folder_that_is_missing_is_a_failure_not_a_hang",
            missing,
        ),
        trial("the_agent_knows_who_it_is_and_finds_cw", environment),
        trial("no_secret_is_written_to_the_run_folder", secrets),
        trial(
            "a_line_of_ten_megabytes_is_cut_and_the_next_is_whole",
            long_line,
        ),
        trial("garbage_and_an_unended_last_line_are_kept", garbage),
        trial("a_prompt_that_nobody_reads_blocks_nothing", unread_prompt),
        trial(
            "started_many_times_at_once_one_program_runs",
            started_at_once,
        ),
        trial(
            "a_server_that_dies_while_it_gives_the_order_has_started_nothing",
            half_ordered,
        ),
        trial("a_run_that_was_begun_is_not_started_again", begun_before),
        trial(
            "a_server_that_dies_is_replaced_without_a_line_lost_or_doubled",
            adoption,
        ),
        trial("a_killed_shim_is_a_crash_and_its_orphans_end", shim_killed),
        trial(
            "a_shim_that_is_asked_to_end_stops_its_tree",
            shim_terminated,
        ),
        trial(
            "the_shim_has_a_session_of_its_own_and_no_parent_here",
            shim_detached,
        ),
        trial("a_half_written_run_folder_never_began", half_written),
        trial("a_run_is_followed_without_its_socket", without_socket),
        trial(
            "two_runs_at_once_in_one_worktree_are_impossible",
            one_at_a_time,
        ),
    ]
}

fn recorded() {
    let world = World::new();
    let order = world.sh("1", "cat; echo; echo oops >&2; echo bye");
    assert_eq!(
        world.agents.state(&order.run).unwrap(),
        RunState::NeverBegan
    );
    let played = world.play(&order);
    assert_eq!(played.out(), ["the prompt", "bye"]);
    let oops = AgentEvent::Log {
        stream: Stream::Err,
        text: "oops".into(),
    };
    assert!(played.events.contains(&oops));
    assert_eq!(
        played.verdict,
        Verdict::Done {
            summary: "bye".into(),
            denied: Vec::new()
        }
    );
    let exit = played.exit.unwrap();
    assert_eq!(
        (exit.code, exit.signal, exit.stopped.clone()),
        (Some(0), None, None)
    );
    assert!(exit.ended_at >= exit.started_at && exit.peak_bytes > 0);
    assert_eq!(
        world.agents.state(&order.run).unwrap(),
        RunState::Finished(exit)
    );
    let survivors = world.agents.survivors().unwrap();
    assert!(matches!(&survivors[..], [(run, RunState::Finished(_))] if *run == order.run));
}

fn exit_codes() {
    let world = World::new();
    assert_eq!(
        world.play(&world.sh("1", "exit 75")).verdict,
        Verdict::Asked
    );
    let failed = world
        .play(&world.sh("2", "echo no luck >&2; exit 3"))
        .verdict;
    assert!(matches!(failed, Verdict::Failed { why, .. } if why == "exit code 3: no luck"));
    let killed = world.play(&world.sh("3", "kill -9 $$"));
    assert_eq!(killed.exit.unwrap().signal, Some(9));
}

fn missing() {
    let world = World::new();
    let order = world.order("1", &["/no/such/program"]);
    assert_eq!(world.agents.start(&order).unwrap(), Started::Now);
    let played = world.finish(&order);
    let error = played.exit.unwrap().spawn_error.unwrap();
    assert!(
        error.contains("/no/such/program") && error.contains("No such file"),
        "{error}"
    );
    assert!(matches!(
        played.verdict,
        Verdict::Failed {
            fatal: true,
            hint: Some(_),
            ..
        }
    ));
    let mut order = world.sh("2", "true");
    order.cwd = "/no/such/folder".into();
    let error = world.play(&order).exit.unwrap().spawn_error.unwrap();
    assert!(error.contains("/no/such/folder"), "{error}");
}

fn environment() {
    let world = World::new();
    let script = r#"echo "$CW_TASK $CW_AGENT $CW_TURN $CW_TOKEN $LOG"; pwd; test -d "$TMPDIR" && command -v cw"#;
    let mut order = world.sh("1", script);
    order.env = vec![("LOG".into(), "info".into())];
    let played = world.play(&order);
    let cwd = world.home.path().canonicalize().unwrap();
    let cw = world.home.path().join("bin/cw");
    let expected = [
        "users-table soho start t0ken-that-is-secret info",
        cwd.to_str().unwrap(),
        cw.to_str().unwrap(),
    ];
    assert_eq!(played.out(), expected);
}

fn secrets() {
    let world = World::new();
    let mut order = world.sh("1", "true");
    order.env = vec![("API_KEY".into(), "k3y-that-is-secret".into())];
    world.play(&order);
    for entry in std::fs::read_dir(world.dir("1")).unwrap().flatten() {
        let content = std::fs::read(entry.path()).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        assert!(!content.contains("is-secret"), "{}", entry.path().display());
    }
    let mode = std::fs::metadata(world.dir("1"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

fn long_line() {
    let world = World::new();
    let order = world.sh(
        "1",
        "head -c 10485760 /dev/zero | tr '\\0' x; echo; echo next",
    );
    world.play(&order);
    let (lines, _) = world
        .agents
        .read_log(&order.run, Stream::Out, 0, 4096)
        .unwrap();
    assert_eq!(lines[0].form, LineForm::Cut);
    assert!(lines[0].bytes.ends_with(b" [cut: 6291456 more bytes]"));
    assert_eq!(lines[1].bytes, b"next");
}

fn garbage() {
    let world = World::new();
    let order = world.sh("1", "head -c 300000 /dev/urandom; printf '\\nlast'; exit 3");
    let played = world.play(&order);
    let (mut bytes, mut at, mut form) = (0, 0, LineForm::Whole);
    loop {
        let (lines, next) = world
            .agents
            .read_log(&order.run, Stream::Out, at, 1 << 16)
            .unwrap();
        let Some(last) = lines.last() else { break };
        form = last.form;
        bytes += lines.iter().map(|line| line.bytes.len() + 1).sum::<usize>();
        at = next;
    }
    assert_eq!((bytes, form), (300_000 + 1 + 5, LineForm::Unended));
    assert!(matches!(played.verdict, Verdict::Failed { .. }));
}

fn unread_prompt() {
    let world = World::new();
    let mut order = world.sh("1", "echo ready; exit 0");
    order.prompt = "x".repeat(3 << 20);
    assert!(matches!(world.play(&order).verdict, Verdict::Done { .. }));
}

fn started_at_once() {
    let world = World::new();
    let tally = world.home.path().join("tally");
    let order = world.sh(
        "1",
        &format!("echo ran >> {}; cat > /dev/null", tally.display()),
    );
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| world.agents.start(&order).unwrap()))
            .collect();
        let started: Vec<Started> = starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect();
        assert_eq!(
            started.iter().filter(|s| **s == Started::Now).count(),
            1,
            "{started:?}"
        );
    });
    world.finish(&order);
    assert_eq!(std::fs::read_to_string(tally).unwrap(), "ran\n");
}

fn half_ordered() {
    let world = World::new();
    let order = world.sh("1", "echo once");
    std::fs::create_dir_all(world.dir("1")).unwrap();
    let shim = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .arg("shim")
            .arg(world.dir("1"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut first = shim();
    first
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"{\"version\":1,")
        .unwrap();
    let alive = RunState::Alive { pid: None };
    eventually("the lock is held", || {
        world.agents.state(&order.run).unwrap() == alive
    });
    assert_eq!(
        shim().wait().unwrap().code(),
        Some(cw_adapters::agent::TAKEN)
    );
    assert_eq!(world.agents.start(&order).unwrap(), Started::Before(alive));
    drop(first.stdin.take());
    assert_eq!(
        first.wait().unwrap().code(),
        Some(cw_adapters::agent::UNUSABLE)
    );
    eventually("the lock is free", || {
        world.agents.state(&order.run).unwrap() == RunState::NeverBegan
    });
    assert_eq!(world.play(&order).out(), ["once"]);
}

fn begun_before() {
    let world = World::new();
    let order = world.sh("1", "echo once");
    world.play(&order);
    let again = world.agents.start(&order).unwrap();
    assert!(matches!(again, Started::Before(RunState::Finished(_))));
    assert_eq!(world.finish(&order).out(), ["once"]);
    // Past the server, too.
    let exe = std::env::current_exe().unwrap();
    let code = |run: &PathBuf| {
        Command::new(&exe)
            .arg("shim")
            .arg(run)
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(code(&world.dir("1")), Some(cw_adapters::agent::BEGUN));
    assert_eq!(
        code(&world.home.path().join("absent")),
        Some(cw_adapters::agent::UNUSABLE)
    );
}

fn adoption() {
    let mut world = World::new();
    let script = "i=0; while [ $i -lt 3000 ]; do echo line $i; echo err $i >&2; i=$((i+1)); done";
    let order = world.sh("1", script);
    world.agents.start(&order).unwrap();
    let (mut from, mut seen, mut lives) = (follow(&order).from, Vec::new(), 0);
    loop {
        let mut told = 0;
        let wanted = Follow {
            from,
            ..follow(&order)
        };
        let ending = world.agents.follow(&wanted, &mut |batch| {
            seen.extend(batch.events);
            from = batch.offsets;
            told += 1;
            if told == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        lives += 1;
        if ending.unwrap() != Ending::LeftAlone {
            break;
        }
        world = world.reborn_alive();
    }
    for (stream, word) in [(Stream::Out, "line"), (Stream::Err, "err")] {
        let texts: Vec<String> = seen
            .iter()
            .filter_map(|observed| match &observed.event {
                AgentEvent::Log { stream: s, text } if *s == stream => Some(text.clone()),
                _ => None,
            })
            .collect();
        let expected: Vec<String> = (0..3000).map(|n| format!("{word} {n}")).collect();
        assert_eq!(texts, expected, "after {lives} lives");
    }
}

fn shim_killed() {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let order = world.sh(
            "1",
            "(setsid sleep 1000 &) ; trap '' INT TERM; echo up; sleep 1000; sleep 1000",
        );
        world.start_until(&order, "up");
        kill(world.started_field("1", "shim_pid").unwrap(), "KILL");
        let played = world.finish(&order);
        assert_eq!(
            (played.verdict.clone(), played.exit.clone()),
            (Verdict::Crashed, None)
        );
        assert_eq!(played.out(), ["up"]);
        assert_eq!(world.processes("1"), [0_u32; 0]);
        assert_eq!(world.agents.state(&order.run).unwrap(), RunState::Crashed);
        assert_eq!(
            world.agents.start(&order).unwrap(),
            Started::Before(RunState::Crashed)
        );
        assert_eq!(
            world.agents.stop(&order.run, "user").unwrap(),
            RunState::Crashed
        );
    }
}

fn shim_terminated() {
    let world = World::new();
    let order = world.sh("1", "(setsid sleep 1000 &); echo up; sleep 1000");
    world.start_until(&order, "up");
    let shim = world.started_field("1", "shim_pid").unwrap();
    kill(shim, "HUP");
    kill(shim, "TERM");
    let played = world.finish(&order);
    assert_eq!(
        played.verdict,
        Verdict::Stopped {
            why: "signal".into()
        }
    );
    assert_eq!(world.processes("1"), [0_u32; 0]);
}

fn shim_detached() {
    let world = World::new();
    let order = world.sh("1", "echo up; sleep 1000");
    world.start_until(&order, "up");
    let shim = world.started_field("1", "shim_pid").unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{shim}/stat")).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    assert_ne!(fields[1], std::process::id().to_string(), "the parent");
    assert_eq!(fields[3], shim.to_string(), "the session");
    for fd in 0..3 {
        let target = std::fs::read_link(format!("/proc/{shim}/fd/{fd}")).unwrap();
        assert_eq!(target, PathBuf::from("/dev/null"));
    }
    let RunState::Finished(exit) = world.agents.stop(&order.run, "user").unwrap() else {
        panic!()
    };
    assert_eq!(exit.stopped.as_deref(), Some("user"));
    eventually("the shim ends", || {
        !PathBuf::from(format!("/proc/{shim}/fd/0")).exists()
    });
}

fn half_written() {
    let world = World::new();
    let order = world.sh("1", "echo up");
    std::fs::create_dir_all(world.dir("1")).unwrap();
    for name in [
        "lock",
        "order.json",
        "stdout.log",
        "started.json.draft",
        "sock",
    ] {
        std::fs::write(world.dir("1").join(name), "12").unwrap();
    }
    assert_eq!(
        world
            .agents
            .follow(&follow(&order), &mut |_| ControlFlow::Continue(()))
            .unwrap(),
        Ending::NeverBegan
    );
    assert_eq!(world.play(&order).out(), ["up"]);
    assert_eq!(world.agents.state(&id("2")).unwrap(), RunState::NeverBegan);
}

fn without_socket() {
    let world = World::new();
    let flag = world.home.path().join("go");
    let script = format!(
        "echo up; while [ ! -e {} ]; do sleep 0.01; done; echo over",
        flag.display()
    );
    let order = world.sh("1", &script);
    world.start_until(&order, "up");
    std::fs::remove_file(world.dir("1").join("sock")).unwrap();
    std::fs::write(&flag, "").unwrap();
    assert_eq!(world.finish(&order).out(), ["up", "over"]);
}

pub fn kill(pid: u32, signal: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// One worktree is one session: a second run there does not begin while the first one lives, also
/// when whoever asks for it believes that nobody works there.
fn one_at_a_time() {
    let world = World::new();
    let first = world.sh("1", "echo up; cat; sleep 1000");
    world.start_until(&first, "up");
    let second = world.sh("2", "echo me too");
    let refused = world.agents.start(&second).unwrap_err().to_string();
    assert!(refused.contains("another turn is under way"), "{refused}");
    assert_eq!(
        world.agents.state(&second.run).unwrap(),
        RunState::NeverBegan
    );
    world.agents.stop(&first.run, "user").unwrap();
    assert_eq!(world.play(&second).out(), ["me too"]);
}
