//! Agents that do not want to go. Whatever they do, a stop leaves nobody.

use cw_core::ports::agents::{Agents, RunState, Verdict};
use libtest_mimic::Trial;

use crate::world::{World, trial};

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
        trial(
            "stopping_what_has_ended_or_never_began_is_fine",
            nothing_to_stop,
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
        crate::life::kill(world.started_field("1", "pid").unwrap(), "KILL");
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
        let left = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter(|entry| {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                line == format!("sleep\0{trace}.25\0").into_bytes()
            });
        assert_eq!(left.count(), 0);
    }
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
