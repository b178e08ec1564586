//! Plans that are read again, over what became of them.

use super::super::scene::{Counted, Scene};
use super::super::{Command, Reply, Signal, StartFacts, decide, written};
use super::*;
use crate::domain::event::Event;
use crate::domain::plan::{export, read};
use crate::domain::time::Timestamp;
use crate::domain::txn::Commit;

struct World {
    scene: Scene,
    max_agents: Option<u32>,
    starts: bool,
}

impl World {
    fn new() -> Self {
        Self {
            scene: Scene::new(),
            max_agents: None,
            starts: false,
        }
    }

    fn try_apply(&mut self, plan: &str) -> Result<(Applied, Commit), Refusal> {
        let command = Command::Apply {
            project: self.scene.project,
            plan: Box::new(read(plan, "plan.md").unwrap()),
            agent: None,
            max_agents: self.max_agents,
            dry_run: false,
            start: self.starts.then(|| StartFacts {
                base: Some(super::super::scene::oid()),
                branch: None,
            }),
        };
        let ids: &mut Counted = &mut self.scene.ids;
        let signal = Signal::Command(command);
        let (reply, commit) = decide(&mut self.scene.state, signal, Timestamp(9_000), ids)?;
        match reply {
            Reply::Applied(applied) => Ok((applied, commit)),
            other => panic!("{other:?}"),
        }
    }

    fn apply(&mut self, plan: &str) -> (Applied, Vec<Event>) {
        let (applied, commit) = self.try_apply(plan).unwrap();
        (applied, commit.events)
    }

    fn row(&self, slug: &str) -> &Initiative {
        let mut rows = self.scene.state.all::<Initiative>();
        rows.find(|row| row.slug == slug).unwrap()
    }

    fn task(&self, slug: &str) -> &Task {
        let mut rows = self.scene.state.all::<Task>();
        rows.find(|row| row.spec.slug == slug).unwrap()
    }
}

#[test]
fn an_approval_that_is_due_is_not_changed() {
    let plan = "# I\n#### Ok\n- kind: approval\n#### B\n#### Later\n- kind: approval\n";
    let mut world = World::new();
    world.apply(plan);
    // Of a draft nothing has begun.
    let more = plan.replacen("approval\n", "approval\n\nMore.\n", 1);
    assert_eq!(world.apply(&more).0.updated, ["ok"]);
    world.apply(plan);
    world.starts = true;
    world.apply(plan);
    world.starts = false;
    for changed in ["\nMore.\n", "- review: human\n"] {
        let changed = plan.replacen("approval\n", &format!("approval\n{changed}"), 1);
        let refusal = world.try_apply(&changed).unwrap_err();
        assert_eq!(refusal.cause.as_deref(), Some("changed: ok"));
    }
    let work = plan.replacen("- kind: approval\n", "", 1);
    assert!(world.try_apply(&work).is_err());
    // One that is not due is a task like any other.
    let (applied, _) = world.apply(&format!("{plan}\nMore.\n"));
    assert_eq!(applied.updated, ["later"]);
}

#[test]
fn changes_of_initiative_phases_and_plans_are_told() {
    let plan = "# I\n- agents: 2\n## P\n### L\n#### A\n## Q\n#### B\n";
    let mut world = World::new();
    world.apply(plan);
    for (old, new, told) in [
        ("agents: 2", "agents: 3", "initiative i"),
        (
            "- agents: 2\n",
            "- agents: 2\n- budget: $1\n",
            "initiative i",
        ),
        ("# I\n", "# I too\n- id: i\n", "initiative i"),
        ("## P\n", "## P\nText\n", "phase p"),
        ("## Q\n", "## Q\n- after: none\n", "phase q"),
        ("### L\n", "### Another\n- id: l\n", "plan l"),
    ] {
        let (applied, events) = world.apply(&plan.replacen(old, new, 1));
        assert_eq!(applied.changed, [told], "{new}");
        assert!(applied.updated.is_empty() && applied.added.is_empty());
        let event = events
            .iter()
            .find(|event| event.kind == "initiative.updated");
        let data = format!("{:?}", event.expect("an event"));
        assert!(data.contains(told), "{data}");
        assert_eq!(world.apply(plan).0.changed, [told], "back again");
        assert_eq!(world.apply(plan), (world.apply(plan).0, Vec::new()));
    }
}

#[test]
fn another_order_is_told_and_new_tasks_between_are_none() {
    let mut world = World::new();
    world.apply("# I\n#### A\n#### B\n");
    let swapped = "# I\n#### B\n#### A\n";
    assert_eq!(world.apply(swapped).0.changed, ["order of tasks"]);
    assert_eq!(world.task("a").blockers, 1);
    let more = "# I\n#### B\n#### New\n#### A\n";
    assert_eq!(world.apply(more).0.changed, [""; 0]);
    // What leaves the file is told as gone, and is no other order.
    assert_eq!(world.apply(swapped).0.changed, [""; 0]);
}

#[test]
fn what_left_the_file_goes_behind_and_holds_nothing_up() {
    let mut world = World::new();
    world.apply("# I\n## Old\n### X\n#### A\n### Y\n#### B\n## New\n### Z\n#### C\n");
    assert_eq!(world.task("c").blockers, 1);
    let (applied, _) = world.apply("# I\n## New\n### Z\n#### C\n");
    assert_eq!(applied.gone, ["a", "b"]);
    assert_eq!(world.task("c").blockers, 0);
    assert_eq!((world.task("a").blockers, world.task("b").blockers), (1, 1));
    let text = export(&written(&world.scene.state, world.row("i").id).unwrap());
    let order: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let wanted = [
        "# I", "## New", "### Z", "#### C", "## Old", "### X", "#### A", "### Y", "#### B",
    ];
    assert_eq!(order, wanted);
}

#[test]
fn a_gone_task_follows_its_plan_into_another_phase() {
    let mut world = World::new();
    world.apply("# I\n## P\n### L\n#### A\n#### B\n## Q\n### M\n#### C\n");
    world.apply("# I\n## P\n## Q\n### L\n#### A\n### M\n#### C\n");
    assert_eq!(world.task("b").phase, world.task("a").phase);
}

#[test]
fn the_limit_of_a_run_is_not_the_plans() {
    let plan = "# I\n- agents: 2\n#### A\n";
    let mut world = World::new();
    (world.max_agents, world.starts) = (Some(7), true);
    world.apply(plan);
    let row = world.row("i");
    assert_eq!((row.max_agents, row.limit()), (Some(2), Some(7)));
    let text = export(&written(&world.scene.state, row.id).unwrap());
    assert!(text.contains("- agents: 2\n"), "{text}");
    // Reading the plan again leaves the run alone; the next run says its own.
    (world.max_agents, world.starts) = (None, false);
    assert_eq!(world.apply(plan).0.changed, [""; 0]);
    assert_eq!(world.row("i").limit(), Some(7));
    world.starts = true;
    world.apply(plan);
    assert_eq!(world.row("i").limit(), Some(2));
}

#[test]
fn agents_that_cannot_work_are_refused_all_at_once() {
    let mut world = World::new();
    let plan = "# I\n#### A\n- agent: nobody\n#### B\n- agent: script\n";
    let refusal = world.try_apply(plan).unwrap_err();
    let told = format!("{refusal} {:?} {:?}", refusal.cause, refusal.hint);
    for word in ["'nobody'", "(line 2)", "'script' has no command", "cw.toml"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(world.scene.state.all::<Initiative>().all(|row| row.adhoc));
    let spawn = Command::Spawn {
        project: world.scene.project,
        prompt: "rm -rf x".into(),
        agent: Some("script".into()),
        name: None,
        model: None,
        facts: StartFacts {
            base: None,
            branch: None,
        },
    };
    let signal = Signal::Command(spawn);
    let ids = &mut world.scene.ids;
    let refusal = decide(&mut world.scene.state, signal, Timestamp(9_000), ids).unwrap_err();
    assert!(refusal.what.contains("no command"), "{refusal}");
    assert!(refusal.hint.unwrap().contains("[agents.script]"));
}
