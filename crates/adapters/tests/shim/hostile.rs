//! Agents that do not want to go. Whatever they do, a stop leaves nobody.

use cw_core::ports::agents::{Agents, RunState, Started, Verdict};
use libtest_mimic::Trial;

use crate::life::kill;
use crate::world::{World, eventually, rounds, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_program_that_closes_its_output_and_lingers_is_stopped",
            silent,
        ),
        trial("children_in_sessions_of_their_own_are_stopped", sessions),
        trial("children_of_dead_parents_are_stopped", double_fork),
        trial("a_program_that_ignores_requests_is_killed", deaf),
        trial(
            "a_program_that_asks_to_be_stopped_nicely_is_given_time",
            nice,
        ),
        trial("a_storm_of_forks_is_stopped", storm),
        trial("a_storm_of_forks_ends_with_its_program", storm_after_end),
        trial("what_a_program_leaves_behind_ends_with_it", leftovers),
        trial(
            "children_that_dropped_their_environment_are_stopped",
            no_marker,
        ),
        trial("programs_that_are_held_are_stopped", held),
        trial(
            "children_that_closed_all_their_files_are_stopped",
            closed_files,
        ),
        trial("children_that_took_another_name_are_stopped", renamed),
        trial(
            "children_that_moved_to_another_group_are_stopped",
            moved_away,
        ),
        trial("all_of_it_at_once_is_stopped_every_time", all_at_once),
        trial(
            "what_dropped_its_environment_is_ended_by_its_group_without_a_shim",
            group_without_shim,
        ),
        trial(
            "an_agent_whose_run_folder_was_deleted_is_ended",
            folder_gone,
        ),
        trial(
            "stopping_what_has_ended_or_never_began_is_fine",
            nothing_to_stop,
        ),
        trial("an_agent_that_holds_its_shim_is_stopped", shim_held),
        trial(
            "an_agent_that_holds_its_shim_again_and_again_is_stopped",
            shim_held_for_ever,
        ),
        trial("an_agent_that_cuts_its_shim_off_is_stopped", cut_off),
        trial(
            "an_agent_that_writes_its_own_exit_record_is_still_alive",
            forged_exit,
        ),
    ]
}

/// Stops the run and sees that nobody is left, with a control group and without.
fn stop_all(script: &str, extra: impl Fn(&World)) {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let order = world.sh("1", script);
        world.start_until(&order, "up");
        extra(&world);
        let RunState::Finished(exit) = world.agents.stop(&order.run, "user").unwrap() else {
            panic!()
        };
        assert_eq!(exit.stopped.as_deref(), Some("user"));
        assert_eq!(world.processes("1"), [0_u32; 0], "cgroups: {cgroups}");
        assert_eq!(
            world.finish(&order).verdict,
            Verdict::Stopped { why: "user".into() }
        );
    }
}

fn silent() {
    stop_all("echo up; exec >&- 2>&- <&-; sleep 1000; sleep 1000", |_| {});
}

fn sessions() {
    stop_all(
        "setsid sleep 1000 & setsid sh -c 'sleep 1000; sleep 1' & sleep 1000 & echo up; wait",
        |_| {},
    );
}

fn double_fork() {
    stop_all(
        "(setsid sh -c '(setsid sleep 1000 &) ; sleep 1000' &) ; (sleep 1000 &) ; echo up; sleep 1000",
        |_| {},
    );
}

fn deaf() {
    let script = "trap '' INT TERM HUP; (trap '' INT TERM; setsid sleep 1000 &) ; echo up; while :; do sleep 1000; done";
    stop_all(script, |_| {});
}

fn nice() {
    let world = World::new();
    let order = world.sh(
        "1",
        "trap 'echo tidied; exit 0' INT; echo up; while :; do sleep 0.01; done",
    );
    world.start_until(&order, "up");
    let RunState::Finished(exit) = world.agents.stop(&order.run, "user").unwrap() else {
        panic!()
    };
    assert_eq!(exit.code, Some(0));
    assert_eq!(world.finish(&order).out(), ["up", "tidied"]);
}

fn storm() {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let order = world.own("1", "walkers");
        world.start_until(&order, "walking");
        let RunState::Finished(_) = world.agents.stop(&order.run, "user").unwrap() else {
            panic!()
        };
        assert_eq!(world.processes("1"), [0_u32; 0], "cgroups: {cgroups}");
    }
}

fn storm_after_end() {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let order = world.own("1", "walkers");
        world.start_until(&order, "walking");
        kill(world.started_field("1", "pid").unwrap(), "KILL");
        let played = world.finish(&order);
        assert_eq!(played.exit.unwrap().signal, Some(9));
        assert_eq!(world.processes("1"), [0_u32; 0], "cgroups: {cgroups}");
    }
}

fn leftovers() {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let order = world.sh(
            "1",
            "setsid sleep 1000 & sleep 1000 & (sleep 1000 &); echo gone; exit 0",
        );
        let played = world.play(&order);
        assert!(matches!(played.verdict, Verdict::Done { .. }));
        assert_eq!(played.exit.unwrap().leftovers, 3);
        assert_eq!(world.processes("1"), [0_u32; 0]);
    }
}

fn no_marker() {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let trace = format!("{}", 1000 + std::process::id() % 5000 + u32::from(cgroups));
        let order = world.sh(
            "1",
            &format!("(env -i setsid sleep {trace}.25 &); echo up; sleep 1000"),
        );
        world.start_until(&order, "up");
        world.agents.stop(&order.run, "user").unwrap();
        assert!(!runs(&format!("sleep\0{trace}.25\0")));
    }
}

/// A held process takes in no request, and a held parent none of its children's ends.
fn held() {
    let held = "sh -c 'kill -STOP $$; sleep 1000'";
    stop_all(
        &format!("({held} &); (setsid {held} &); echo up; kill -STOP $$; sleep 1000"),
        |world| {
            let program = world.started_field("1", "pid").unwrap();
            eventually("the program is held", || is_held(program));
        },
    );
}

fn closed_files() {
    let close = "exec 0<&- 1>&- 2>&- 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
    stop_all(
        &format!("(setsid sh -c '{close}; sleep 1000' &); echo up; {close}; sleep 1000"),
        |_| {},
    );
}

/// Starts `script` and waits until at least so many processes are there because of it, the shim
/// included; then stops it and sees that none is left, whatever it looks like.
fn stop_traces(cgroups: bool, script: &str, least: usize, look: impl Fn(&World)) {
    let world = World::with(cgroups);
    let order = world.sh("1", script);
    world.start_until(&order, "up");
    eventually("all are there", || world.traces().len() >= least);
    look(&world);
    let state = world.agents.stop(&order.run, "user").unwrap();
    assert!(matches!(state, RunState::Finished(_)), "{state:?}");
    assert_eq!(world.traces(), [0_u32; 0], "cgroups: {cgroups}");
}

fn own_program(what: &str) -> String {
    let exe = std::env::current_exe().unwrap();
    format!("{} agent {what}", exe.display())
}

fn renamed() {
    for cgroups in [true, false] {
        let program = own_program("rename");
        stop_traces(
            cgroups,
            &format!("({program} &); echo up; sleep 1000"),
            4,
            |world| {
                let names = || {
                    let pids = world.traces().into_iter();
                    pids.filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok())
                };
                eventually("the name is taken", || {
                    names().any(|name| name == "kworker/u8:3\n")
                });
            },
        );
    }
}

/// Where the groups of version 2 begin, for a program of this user that may go there.
fn top_group() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let file = format!("{}/cgroup.procs", line.split(' ').nth(4)?);
    let opened = std::fs::File::options().write(true).open(&file);
    opened.is_ok().then_some(file)
}

fn moved_away() {
    let Some(top) = top_group() else {
        eprintln!("skipped: no group to move to");
        return;
    };
    // Again and again: the shim puts whoever it sees at the start into the group.
    let script = format!(
        "(setsid sh -c 'while :; do echo $$ > {top}; sleep 0.05; done' &); echo up; sleep 1000"
    );
    stop_traces(true, &script, 4, |world| {
        let group = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok();
        let shim = world.started_field("1", "shim_pid").unwrap();
        let program = world.started_field("1", "pid").unwrap();
        eventually("one is in another group than the program", || {
            let others = world.traces().into_iter().filter(|pid| *pid != shim);
            let away = others
                .filter_map(group)
                .filter(|at| Some(at) != group(program).as_ref());
            away.count() > 0
        });
    });
}

/// Everything that a tree can do to be missed, in one tree, stopped while it grows.
fn all_at_once() {
    let top = top_group().unwrap_or_else(|| "/dev/null".into());
    let (walkers, rename) = (own_program("walkers"), own_program("rename"));
    let script = format!(
        "trap '' INT TERM HUP
        (setsid sh -c '(setsid sleep 1000 &); sleep 1000' &)
        (env -i setsid sleep 1000 &)
        (env -i setsid sh -c 'exec 0<&- 1>&- 2>&-; sleep 1000' &)
        (setsid sh -c 'kill -STOP $$; sleep 1000' &)
        (env -i setsid sh -c 'echo $$ > {top}; exec sleep 1000' &)
        ({rename} &)
        ({walkers} > /dev/null &)
        echo up; kill -STOP $$; sleep 1000"
    );
    for round in 0..rounds() {
        // Now and then nothing is waited for: whoever is being started then must not get away.
        let least = if round % 4 < 2 { 10 } else { 1 };
        stop_traces(round % 2 == 0, &script, least, |_| {});
    }
}

/// Nobody could ever stop what has no folder any more.
fn folder_gone() {
    let world = World::new();
    let order = world.sh(
        "1",
        "trap '' INT TERM; (setsid sleep 1000 &); echo up; sleep 1000",
    );
    world.start_until(&order, "up");
    std::fs::remove_dir_all(world.dir("1")).unwrap();
    eventually("all are gone, the shim too", || world.traces().is_empty());
}

/// Without a shim and without its environment, only the group tells what belongs to the run.
fn group_without_shim() {
    let world = World::new();
    let order = world.sh("1", "(env -i setsid sleep 1000 &); echo up; sleep 1000");
    world.start_until(&order, "up");
    eventually("all are there", || world.traces().len() == 4);
    let started = std::fs::read_to_string(world.dir("1").join("started.json")).unwrap();
    let started: serde_json::Value = serde_json::from_str(&started).unwrap();
    let Some(group) = started["cgroup"].as_str() else {
        eprintln!("skipped: no groups here");
        return;
    };
    let members = || std::fs::read_to_string(format!("{group}/cgroup.procs")).unwrap();
    eventually("all but the shim are in the group", || {
        members().lines().count() == 3
    });
    kill(world.started_field("1", "shim_pid").unwrap(), "KILL");
    assert_eq!(world.finish(&order).verdict, Verdict::Crashed);
    assert_eq!(world.traces(), [0_u32; 0]);
}

fn nothing_to_stop() {
    let world = World::new();
    let order = world.sh("1", "true");
    assert_eq!(
        world.agents.stop(&order.run, "user").unwrap(),
        RunState::NeverBegan
    );
    world.play(&order);
    let RunState::Finished(exit) = world.agents.stop(&order.run, "user").unwrap() else {
        panic!()
    };
    assert_eq!((exit.code, exit.stopped), (Some(0), None));
}

/// The shim is held before it could say that the program runs; it is asked to go on, and ends the
/// tree as ever.
fn shim_held() {
    for cgroups in [true, false] {
        let world = World::with(cgroups);
        let order = world.sh("1", "kill -STOP $PPID; sleep 1000");
        assert_eq!(world.agents.start(&order).unwrap(), Started::Now);
        let shim = world.started_field("1", "shim_pid").unwrap();
        kill(shim, "STOP");
        eventually("the shim is held", || is_held(shim));
        let RunState::Finished(exit) = world.agents.stop(&order.run, "user").unwrap() else {
            panic!()
        };
        assert_eq!(exit.stopped.as_deref(), Some("user"));
        assert_eq!(world.processes("1"), [0_u32; 0], "cgroups: {cgroups}");
    }
}

fn is_held(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .unwrap()
        .trim_start()
        .starts_with('T')
}

/// The shim gets to its duty in between, or never: then it is killed with its tree.
fn shim_held_for_ever() {
    let world = World::with(false);
    let script = r#"echo up; while [ ! -e "$CW_RUN/go" ]; do sleep 0.01; done
        line="while :; do kill -STOP $PPID; done"
        (env -i setsid sh -c "$line" &); sleep 1000"#;
    let order = world.sh("1", script);
    world.start_until(&order, "up");
    let shim = world.started_field("1", "shim_pid").unwrap();
    std::fs::write(world.dir("1").join("go"), "").unwrap();
    eventually("the shim is held", || is_held(shim));
    let stopped = world.agents.stop(&order.run, "user").unwrap();
    assert!(is_over(&stopped), "{stopped:?}");
    assert_eq!(world.processes("1"), [0_u32; 0]);
    assert!(!runs(&format!(
        "sh\0-c\0while :; do kill -STOP {shim}; done\0"
    )));
}

/// The shim cannot be told, and nothing but its place below the shim tells the program.
fn cut_off() {
    let world = World::with(false);
    let words = format!("{}.75", 1000 + std::process::id() % 5000);
    let script = format!("echo up; rm \"$CW_RUN/sock\"; exec env -i sleep {words}");
    let words = format!("sleep\0{words}\0");
    let order = world.sh("1", &script);
    world.start_until(&order, "up");
    eventually("the program is another one", || runs(&words));
    let stopped = world.agents.stop(&order.run, "user").unwrap();
    assert!(is_over(&stopped), "{stopped:?}");
    assert!(!runs(&words));
}

/// Whether the shim could write its record before it was killed does not matter.
fn is_over(state: &RunState) -> bool {
    matches!(state, RunState::Crashed | RunState::Finished(_))
}

/// Whether some process has these words.
fn runs(words: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .map(|entry| std::fs::read(entry.path().join("cmdline")).unwrap_or_default())
        .any(|line| line == words.as_bytes())
}

fn forged_exit() {
    let world = World::new();
    let order = world.sh(
        "1",
        "echo '{\"code\":0}' > \"$CW_RUN/exit.json\"; echo up; cat; sleep 1000",
    );
    world.start_until(&order, "up");
    assert!(matches!(
        world.agents.state(&order.run).unwrap(),
        RunState::Alive { .. }
    ));
    let RunState::Finished(exit) = world.agents.stop(&order.run, "user").unwrap() else {
        panic!()
    };
    assert_eq!(exit.stopped.as_deref(), Some("user"));
    assert_eq!(world.processes("1"), [0_u32; 0]);
}
