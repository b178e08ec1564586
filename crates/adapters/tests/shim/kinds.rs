//! The real programs of the other kinds behind a real shim, driven by the scripted model: each edits, commits, is resumed
//! and is stopped in the middle of a command. Skipped where a program is not installed.

use std::path::PathBuf;
use std::process::Command;

use cw_core::ports::agents::{
    AgentEvent, Agents, Billed, Permissions, RunState, TurnOrder, Verdict,
};
use cw_testkit::model::{Answer as Say, Model, Table};
use cw_testkit::programs::{Ready, ready_or_skip};
use libtest_mimic::Trial;

use crate::world::{World, eventually};

const PROGRAMS: [&str; 3] = ["codex", "gemini", "opencode"];

/// Of these only the greeting and the refusal of a session are played.
const ADAPTERS: [&str; 2] = ["claude-acp", "codex-acp"];

pub fn trials() -> Vec<Trial> {
    let trial = |name: &'static str, what: &str, check: fn(&str)| {
        Trial::test(format!("{}_{what}", name.replace('-', "_")), move || {
            check(name);
            Ok(())
        })
    };
    let whole = PROGRAMS.into_iter().flat_map(|name| {
        [
            trial(name, "edits_commits_and_is_resumed", works),
            trial(name, "is_stopped_with_the_command_it_runs", stopped),
        ]
    });
    let all = PROGRAMS.into_iter().chain(ADAPTERS);
    let unknowns = all.map(|name| trial(name, "does_not_know_a_session_that_never_was", unknown));
    whole.chain(unknowns).collect()
}

struct Bench {
    world: World,
    _model: Model,
    ready: Ready,
    tree: PathBuf,
}

impl Bench {
    fn new(name: &str, table: Table) -> Option<Self> {
        let world = World::new();
        let model = Model::start(table).unwrap();
        let home = world.home.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let ready = ready_or_skip(name, &home, &model.base_url("kinds")).unwrap()?;
        let tree = world.home.path().join("tree");
        git(world.home.path(), &["init", "-q", "-b", "main", "tree"]);
        git(&tree, &["config", "user.name", "Test"]);
        git(&tree, &["config", "user.email", "test@localhost"]);
        git(&tree, &["commit", "-q", "--allow-empty", "-m", "begin"]);
        Some(Self {
            world,
            _model: model,
            ready,
            tree,
        })
    }

    fn order(&self, run: &str, prompt: &str) -> TurnOrder {
        let words: Vec<&str> = self.ready.program.iter().map(String::as_str).collect();
        let env = self.ready.env.iter();
        TurnOrder {
            kind: self.ready.kind.into(),
            prompt: prompt.into(),
            cwd: self.tree.clone(),
            permissions: Permissions::Bypass,
            env: env
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..self.world.order(run, &words)
        }
    }
}

fn git(folder: &std::path::Path, words: &[&str]) -> String {
    let done = Command::new("git")
        .current_dir(folder)
        .args(words)
        .output()
        .unwrap();
    assert!(done.status.success(), "{words:?} {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn works(name: &str) {
    let answers = [
        Say::write("made.txt", "by an agent\n"),
        Say::bash("git add -A && git commit -qm made"),
        Say::text("It is made."),
    ];
    let table = Table::new()
        .on("and now", [Say::text("Nothing more.")])
        .on("make the file", answers);
    let Some(bench) = Bench::new(name, table) else {
        return;
    };
    let first = bench.world.play(&bench.order("1", "--make the file"));
    assert!(
        matches!(&first.verdict, Verdict::Done { summary, .. } if summary.ends_with("It is made.")),
        "{name} {:?} {:?} {:?}",
        first.verdict,
        first.exit,
        first.events
    );
    assert_eq!(
        git(&bench.tree, &["show", "HEAD:made.txt"]),
        "by an agent\n"
    );
    let session = first.events.iter().find_map(|event| match event {
        AgentEvent::SessionStarted { id } => Some(id.clone()),
        _ => None,
    });
    let tokens = |events: &[AgentEvent]| {
        let used = events.iter().map(|event| match event {
            AgentEvent::Usage { tokens, .. } => tokens.total(),
            _ => 0,
        });
        used.sum::<u64>()
    };
    let resumed = TurnOrder {
        resume: true,
        billed: Billed {
            tokens: tokens(&first.events),
            ..Billed::default()
        },
        session: session.clone(),
        ..bench.order("2", "and now")
    };
    let second = bench.world.play(&resumed);
    assert!(
        matches!(&second.verdict, Verdict::Done { summary, .. } if summary.ends_with("Nothing more.")),
        "{name} {:?} {:?} {:?}",
        second.verdict,
        second.exit,
        second.events
    );
    assert!(second.events.contains(&AgentEvent::SessionStarted {
        id: session.unwrap()
    }));
    assert_eq!(
        (tokens(&first.events), tokens(&second.events)),
        (360, 120),
        "{name}"
    );
}

fn unknown(name: &str) {
    let table = Table::new().on("go", [Say::text("Gone.")]);
    let Some(bench) = Bench::new(name, table) else {
        return;
    };
    let session = if name == "opencode" {
        "ses_df63c76a5ffeSEzak4jbBe06m2"
    } else {
        "01a209bf-7ccb-7d91-9b88-76c527b0432c"
    };
    let played = bench.world.play(&TurnOrder {
        resume: true,
        session: Some(session.into()),
        ..bench.order("1", "go")
    });
    assert_eq!(
        played.verdict,
        Verdict::SessionUnknown,
        "{name} {:?} {:?}",
        played.exit,
        played.events
    );
}

fn stopped(name: &str) {
    let answers = [
        Say::bash("echo begun > begun.txt; sleep 1000"),
        Say::text("no"),
    ];
    let Some(bench) = Bench::new(name, Table::new().on("wait", answers)) else {
        return;
    };
    let order = bench.order("1", "wait");
    bench.world.agents.start(&order).unwrap();
    let begun = bench.tree.join("begun.txt");
    eventually("the command runs", || begun.exists());
    let RunState::Finished(_) = bench.world.agents.stop(&order.run, "user").unwrap() else {
        panic!()
    };
    assert_eq!(bench.world.processes("1"), [0_u32; 0]);
    assert_eq!(
        bench.world.finish(&order).verdict,
        Verdict::Stopped { why: "user".into() }
    );
}
