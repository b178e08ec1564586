//! Speaking with a running program.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use cw_core::ports::agents::{
    AgentEvent, Agents, AgentsError, Answer, Ending, Follow, Permissions, ReplyTo, TurnOrder,
    Verdict,
};
use libtest_mimic::Trial;

use crate::world::{World, follow, id, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_permission_is_given_once_however_often_the_output_is_read",
            bypass,
        ),
        trial(
            "a_person_answers_a_request_once_even_after_the_server_died",
            answered,
        ),
        trial("a_line_is_passed_on_once_by_its_number", numbered),
        trial(
            "a_program_that_stays_after_its_result_is_sent_away",
            lingers,
        ),
        trial("an_interrupt_reaches_the_program", interrupted),
        trial(
            "a_line_just_after_a_report_is_followed_by_another_report",
            told_soon,
        ),
        trial("speaking_to_nobody_is_an_error", nobody),
        trial(
            "a_run_folder_may_lie_deeper_than_a_socket_address_is_long",
            deep,
        ),
    ]
}

fn claude(world: &World, what: &str, permissions: Permissions) -> TurnOrder {
    TurnOrder {
        kind: "claude".into(),
        permissions,
        ..world.own("1", what)
    }
}

/// Follows until the request, and gives it.
fn until_request(world: &World, order: &TurnOrder) -> ReplyTo {
    let mut reply = None;
    let ending = world.agents.follow(&follow(order), &mut |batch| {
        for observed in batch.events {
            if let AgentEvent::PermissionRequest { reply: to, .. } = observed.event {
                reply = Some(to);
            }
        }
        if reply.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(ending.unwrap(), Ending::LeftAlone);
    reply.unwrap()
}

fn assert_no_more_lines(events: &[AgentEvent]) {
    let count = events.iter().find_map(|event| match event {
        AgentEvent::Log { text, .. } => text.strip_prefix("more lines: "),
        _ => None,
    });
    assert_eq!(count, Some("0"), "{events:?}");
}

fn bypass() {
    let world = World::new();
    let order = claude(&world, "claude", Permissions::Bypass);
    world.agents.start(&order).unwrap();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| world.finish(&order)))
            .collect();
        for played in all.into_iter().map(|one| one.join().unwrap()) {
            assert!(
                matches!(&played.verdict, Verdict::Done { summary, .. } if summary == "allowed")
            );
            assert_no_more_lines(&played.events);
        }
    });
}

fn answered() {
    let world = World::new();
    let order = claude(&world, "claude", Permissions::Ask);
    world.agents.start(&order).unwrap();
    let reply = until_request(&world, &order);
    let world = world.reborn_alive();
    assert_eq!(until_request(&world, &order), reply);
    let deny = Answer::Deny {
        why: "not now".into(),
    };
    world
        .agents
        .answer(&order.run, "claude", reply, &deny)
        .unwrap();
    let _ = world
        .agents
        .answer(&order.run, "claude", reply, &Answer::Allow);
    let played = world.finish(&order);
    assert!(matches!(&played.verdict, Verdict::Done { summary, .. } if summary == "denied"));
    assert_no_more_lines(&played.events);
    let wrong = world
        .agents
        .answer(&order.run, "claude", ReplyTo(1), &Answer::Allow);
    assert!(matches!(wrong, Err(AgentsError::Refused { .. })));
}

fn numbered() {
    let world = World::new();
    let order = claude(&world, "claude", Permissions::Ask);
    world.agents.start(&order).unwrap();
    for (number, line) in [
        (5, "one \"allow\""),
        (5, "one again"),
        (4, "two\u{7}"),
        (4, "two again"),
    ] {
        world.agents.send_line(&order.run, number, line).unwrap();
    }
    let refused = world.agents.send_line(&order.run, 1 << 62, "too high");
    assert!(matches!(refused, Err(AgentsError::Refused { .. })));
    world.agents.close_stdin(&order.run).unwrap();
    let played = world.finish(&order);
    let more = AgentEvent::Log {
        stream: cw_core::ports::agents::Stream::Out,
        text: "more lines: 1".into(),
    };
    assert!(played.events.contains(&more), "{:?}", played.events);
}

fn lingers() {
    let world = World::new();
    let order = claude(&world, "claude-stays", Permissions::Bypass);
    world.agents.start(&order).unwrap();
    let short = Follow {
        linger: Duration::from_millis(50),
        ..follow(&order)
    };
    let ending = world
        .agents
        .follow(&short, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    let Ending::Over { verdict, exit } = ending else {
        panic!("{ending:?}")
    };
    assert!(matches!(verdict, Verdict::Done { summary, .. } if summary == "allowed"));
    assert_eq!(exit.unwrap().stopped.as_deref(), Some("lingered"));
}

fn interrupted() {
    let world = World::new();
    let order = world.sh(
        "1",
        "trap 'echo interrupted; exit 4' INT; echo up; while :; do sleep 0.01; done",
    );
    world.start_until(&order, "up");
    world.agents.interrupt(&order.run).unwrap();
    let played = world.finish(&order);
    assert_eq!(played.out(), ["up", "interrupted"]);
    let exit = played.exit.unwrap();
    assert_eq!((exit.code, exit.stopped), (Some(4), None));
}

fn nobody() {
    let world = World::new();
    let sent = world.agents.send_line(&id("1"), 1, "x");
    assert!(matches!(sent, Err(AgentsError::NotAlive(_))));
    world.play(&world.sh("1", "true"));
    assert!(matches!(
        world.agents.interrupt(&id("1")),
        Err(AgentsError::NotAlive(_))
    ));
    let unknown = TurnOrder {
        kind: "telepathy".into(),
        ..world.sh("2", "true")
    };
    assert!(matches!(
        world.agents.start(&unknown),
        Err(AgentsError::UnknownKind(_))
    ));
}

fn deep() {
    let world = World::new();
    let run = "x".repeat(80);
    let order = world.sh(
        &run,
        "trap 'exit 5' INT; echo up; while :; do sleep 0.01; done",
    );
    assert!(world.dir(&run).as_os_str().len() + 5 > 100);
    world.start_until(&order, "up");
    world.agents.interrupt(&order.run).unwrap();
    assert_eq!(world.finish(&order).exit.unwrap().code, Some(5));
}

/// Whoever gathers what it is told for a second must be asked again after that, though nothing
/// more is printed.
fn told_soon() {
    let world = World::new();
    let order = world.sh("1", "echo up; exec sleep 1000");
    world.agents.start(&order).unwrap();
    let (mut up_at, mut again_after) = (None, None);
    let ending = world.agents.follow(&follow(&order), &mut |batch| {
        let printed = batch
            .events
            .iter()
            .any(|seen| matches!(&seen.event, AgentEvent::Log { text, .. } if text == "up"));
        if printed {
            up_at = Some(Instant::now());
        }
        again_after = up_at
            .map(|at| at.elapsed())
            .filter(|after| *after >= Duration::from_secs(1));
        if again_after.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(ending.unwrap(), Ending::LeftAlone);
    assert!(
        again_after.unwrap() < Duration::from_secs(20),
        "{again_after:?}"
    );
}
