//! The real Claude Code behind a real shim, driven by the scripted model. Skipped where the program
//! is not installed.

use std::ops::ControlFlow;
use std::path::PathBuf;

use cw_core::ports::agents::{
    AgentEvent, Agents, Answer, Permissions, ReplyTo, RunState, TurnOrder, Verdict,
};
use cw_testkit::model::{Answer as Say, Model, Table};
use cw_testkit::programs::{self, Home};
use libtest_mimic::Trial;

use crate::world::{Played, World, follow, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("claude_works_and_is_resumed_with_its_own_cost", works),
        trial("claude_asks_a_question_and_is_answered", asks),
        trial("claude_asks_for_a_permission_and_is_refused", refused),
        trial("claude_names_sessions_that_are_unknown_or_taken", sessions),
        trial("claude_is_stopped_with_the_tools_it_started", stopped),
    ]
}

const SESSION: &str = "7b1f3a52-6c0e-4f6e-9d5b-2f6f0c1d9e01";

struct Bench {
    world: World,
    model: Model,
    program: PathBuf,
}

impl Bench {
    fn new(table: Table) -> Option<Self> {
        let program = programs::claude_or_skip()?;
        let model = Model::start(table).unwrap();
        Some(Self {
            world: World::new(),
            model,
            program,
        })
    }

    fn order(&self, run: &str, prompt: &str) -> TurnOrder {
        let home = Home::create(&self.world.home.path().join("home")).unwrap();
        let env = home.claude_env(&self.model.base_url("shim"));
        TurnOrder {
            kind: "claude".into(),
            prompt: prompt.into(),
            session: Some(SESSION.into()),
            env: env
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..self.world.order(run, &[self.program.to_str().unwrap()])
        }
    }

    /// Follows until a request, and gives it.
    fn until_request(&self, order: &TurnOrder) -> ReplyTo {
        let mut reply = None;
        let mut seen = Vec::new();
        let ending = self.world.agents.follow(&follow(order), &mut |batch| {
            for observed in batch.events {
                match &observed.event {
                    AgentEvent::PermissionRequest { reply: to, .. }
                    | AgentEvent::Question { reply: to, .. } => reply = Some(*to),
                    _ => {}
                }
                seen.push(observed.event);
            }
            if reply.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        reply.unwrap_or_else(|| panic!("{ending:?} {seen:?}"))
    }
}

fn cost(played: &Played) -> u64 {
    let used = played.events.iter().map(|event| match event {
        AgentEvent::Usage { micro_usd, .. } => *micro_usd,
        _ => 0,
    });
    used.sum()
}

fn works() {
    let answers = [
        Say::write("made.txt", "by claude\n"),
        Say::text("It is made."),
    ];
    let table = Table::new()
        .on("make the file", answers)
        .on("and now", [Say::text("Nothing more.")]);
    let Some(bench) = Bench::new(table) else {
        return;
    };
    let first = bench.world.play(&bench.order("1", "make the file"));
    assert!(
        matches!(&first.verdict, Verdict::Done { summary, .. } if summary == "It is made."),
        "{:?} {:?}",
        first.verdict,
        first.events
    );
    let made = bench.world.home.path().join("made.txt");
    assert_eq!(std::fs::read_to_string(made).unwrap(), "by claude\n");
    assert!(
        first
            .events
            .contains(&AgentEvent::SessionStarted { id: SESSION.into() })
    );
    let second = bench.world.play(&TurnOrder {
        resume: true,
        ..bench.order("2", "and now")
    });
    assert!(matches!(&second.verdict, Verdict::Done { summary, .. } if summary == "Nothing more."));
    assert!(
        cost(&first) > cost(&second) && cost(&second) > 0,
        "{} {}",
        cost(&first),
        cost(&second)
    );
}

fn asks() {
    let answers = [
        Say::ask("Which colour?", &["Red", "Blue"]),
        Say::text("Thank you."),
    ];
    let Some(bench) = Bench::new(Table::new().on("paint", answers)) else {
        return;
    };
    let order = bench.order("1", "paint");
    bench.world.agents.start(&order).unwrap();
    let reply = bench.until_request(&order);
    let answer = Answer::Answers(vec!["Blue".into()]);
    bench
        .world
        .agents
        .answer(&order.run, "claude", reply, &answer)
        .unwrap();
    let played = bench.world.finish(&order);
    assert!(
        matches!(played.verdict, Verdict::Done { .. }),
        "{:?}",
        played.verdict
    );
    let heard = bench.model.requests("shim").iter().any(|request| {
        request
            .tool_results()
            .iter()
            .any(|result| format!("{result:?}").contains("Blue"))
    });
    assert!(heard, "the answer reaches the model");
}

fn refused() {
    let answers = [
        Say::bash("touch touched.txt"),
        Say::text("I was not allowed to."),
    ];
    let Some(bench) = Bench::new(Table::new().on("touch", answers)) else {
        return;
    };
    let order = TurnOrder {
        permissions: Permissions::Ask,
        ..bench.order("1", "touch")
    };
    bench.world.agents.start(&order).unwrap();
    let reply = bench.until_request(&order);
    let deny = Answer::Deny {
        why: "not now".into(),
    };
    bench
        .world
        .agents
        .answer(&order.run, "claude", reply, &deny)
        .unwrap();
    let played = bench.world.finish(&order);
    assert!(
        matches!(&played.verdict, Verdict::Done { denied, .. } if denied == &["Bash"]),
        "{:?}",
        played.verdict
    );
    assert!(!bench.world.home.path().join("touched.txt").exists());
}

fn sessions() {
    let table = Table::new().on("go", [Say::text("Gone.")]);
    let Some(bench) = Bench::new(table) else {
        return;
    };
    let unknown = bench.world.play(&TurnOrder {
        resume: true,
        ..bench.order("1", "go")
    });
    assert_eq!(unknown.verdict, Verdict::SessionUnknown);
    let fresh = bench.world.play(&bench.order("2", "go"));
    assert!(
        matches!(fresh.verdict, Verdict::Done { .. }),
        "{:?}",
        fresh.verdict
    );
    let taken = bench.world.play(&bench.order("3", "go"));
    assert_eq!(taken.verdict, Verdict::SessionTaken, "{:?}", taken.events);
}

fn stopped() {
    let answers = [
        Say::bash("echo begun > begun.txt; sleep 1000"),
        Say::text("no"),
    ];
    let Some(bench) = Bench::new(Table::new().on("wait", answers)) else {
        return;
    };
    let order = TurnOrder {
        permissions: Permissions::Ask,
        allow: vec!["Bash".into()],
        ..bench.order("1", "wait")
    };
    bench.world.agents.start(&order).unwrap();
    let begun = bench.world.home.path().join("begun.txt");
    crate::world::eventually("the tool runs", || begun.exists());
    let RunState::Finished(_) = bench.world.agents.stop(&order.run, "user").unwrap() else {
        panic!()
    };
    assert_eq!(bench.world.processes("1"), [0_u32; 0]);
    assert_eq!(
        bench.world.finish(&order).verdict,
        Verdict::Stopped { why: "user".into() }
    );
}
