use std::sync::Arc;

use super::super::scene::{Scene, oid};
use super::super::{Command, Outcome, Output, Prospect, Sight, Signal, decide, prospect};
use super::*;
use crate::domain::budget::{FLOOR, reservation};
use crate::domain::config::{AgentConfig, Config};
use crate::domain::state::{Row, State};
use crate::domain::status::{TaskStatus, task_status};
use crate::domain::time::Timestamp;
use crate::domain::work::{TurnState, Verdict};

const CENT: u64 = 10_000;

fn cent(n: u64) -> Usd {
    Usd(n * CENT)
}

/// No initiative may use more than this.
fn limit(scene: &mut Scene, budget: Option<Usd>) {
    let mut config = Config::clone(scene.state.config(scene.project).unwrap());
    config.budget = budget;
    let script = AgentConfig {
        kind: "script".into(),
        command: vec!["true".into()],
        ..AgentConfig::default()
    };
    config.agents.insert("script".into(), script);
    scene.state.set_config(scene.project, Arc::new(config));
}

/// An agent at work in an initiative with a budget.
fn limited(budget: u64) -> Scene {
    let mut scene = Scene::new();
    limit(&mut scene, Some(cent(budget)));
    scene
}

/// Another task with an agent of its own; its branch is there.
fn more(scene: &mut Scene, prompt: &str) {
    scene.spawn(prompt);
    if scene.wanted("sync-adhoc").is_some() {
        scene.perform("sync-adhoc", Outcome::Cut(oid()));
    }
}

fn costs(scene: &mut Scene, turn: TurnId, cost: Usd) {
    let before = scene.state.get::<Turn>(turn).unwrap().read_out;
    let output = Output {
        cost,
        read: (before + 1, 0),
        ..Output::default()
    };
    scene.decide(Signal::Seen(turn, Sight::Output(output)));
}

/// The last turn has cost this, and is over.
fn end(scene: &mut Scene, cost: Usd) {
    let turn = scene.turn().id;
    costs(scene, turn, cost);
    scene.end(Verdict::Done);
}

fn statuses(scene: &Scene) -> Vec<&'static str> {
    let tasks = scene.state.all::<Task>();
    tasks
        .map(|task| task_status(&scene.state, task).word())
        .collect()
}

fn initiative(scene: &Scene) -> Initiative {
    scene.state.all::<Initiative>().next().unwrap().clone()
}

fn purse(scene: &Scene) -> Purse {
    Purse::Initiative(initiative(scene).id)
}

fn questions(scene: &Scene) -> Vec<Message> {
    let open = |message: &Message| message.status == MessageStatus::Open;
    scene.messages().into_iter().filter(open).collect()
}

fn expects(scene: &Scene) -> Prospect {
    prospect(&scene.state, initiative(scene).id)
}

fn refused(scene: &mut Scene, id: MessageId, text: &str) -> Refusal {
    let answer = Signal::Command(Command::Answer(id, text.into()));
    let now = Timestamp(scene.now);
    decide(&mut scene.state, answer, now, &mut scene.ids).unwrap_err()
}

/// The budget of a dollar is used up, and one more task is there.
fn used_up() -> Scene {
    let mut scene = limited(100);
    end(&mut scene, cent(95));
    more(&mut scene, "another");
    scene
}

#[test]
fn what_is_spawned_after_a_stop_at_a_budget_begins() {
    let mut scene = used_up();
    let id = questions(&scene)[0].id;
    scene.answer(id, "stop here");
    limit(&mut scene, None);
    more(&mut scene, "a third");
    assert_eq!(statuses(&scene)[2], "running");
}

#[test]
fn a_task_cut_short_by_its_own_budget_is_parked() {
    let mut scene = Scene::new();
    own_budget(&mut scene, cent(50));
    let turn = scene.turn().id;
    costs(&mut scene, turn, cent(51));
    scene.end(Verdict::Stopped);
    assert_eq!(statuses(&scene)[0], "parked");
}

#[test]
fn what_is_under_way_in_a_paused_initiative_is_waited_for() {
    let mut scene = limited(100);
    more(&mut scene, "another");
    let id = initiative(&scene).id;
    scene.command(Command::Pause(id));
    assert_eq!(expects(&scene), Prospect::Working);
}

#[test]
fn no_more_turns_begin_than_the_budget_has_money_reserved_for() {
    let mut scene = limited(25);
    more(&mut scene, "second");
    more(&mut scene, "third");
    assert_eq!(statuses(&scene), ["running", "running", "ready"]);
    let at = standing(&scene.state, purse(&scene)).unwrap();
    assert_eq!((at.spent, at.reserved), (cent(0), FLOOR + FLOOR));
    // What is reserved may come back: nobody is asked for it.
    assert_eq!(questions(&scene), []);
    assert_eq!(expects(&scene), Prospect::Working);
    let first = scene.state.all::<Turn>().next().unwrap().id;
    costs(&mut scene, first, cent(4));
    let at = standing(&scene.state, purse(&scene)).unwrap();
    assert_eq!((at.spent, at.reserved), (cent(4), cent(16)));
    let ended = Sight::Ended {
        verdict: Verdict::Done,
        summary: None,
    };
    scene.decide(Signal::Seen(first, ended));
    assert_eq!(statuses(&scene)[2], "running");
}

#[test]
fn a_turn_reserves_what_such_turns_cost_before() {
    let mut scene = limited(1000);
    end(&mut scene, cent(300));
    more(&mut scene, "second");
    let at = standing(&scene.state, purse(&scene)).unwrap();
    assert_eq!((at.spent, at.reserved), (cent(300), cent(300)));
    more(&mut scene, "third");
    more(&mut scene, "fourth");
    assert_eq!(statuses(&scene)[1..], ["running", "running", "ready"]);
}

#[test]
fn a_budget_that_is_used_up_parks_and_asks_once() {
    let mut scene = used_up();
    let [asked] = &questions(&scene)[..] else {
        panic!("{:?}", questions(&scene))
    };
    assert_eq!((asked.from.clone(), asked.task), (Party::Cw, None));
    assert_eq!(asked.options, ["raise by $1", "stop here"]);
    for part in ["adhoc", "$0.95", "of $1,"] {
        assert!(asked.body.contains(part), "{}", asked.body);
    }
    more(&mut scene, "a third");
    scene.decide(Signal::Tick);
    assert_eq!(statuses(&scene)[1..], ["parked", "parked"]);
    assert_eq!(questions(&scene).len(), 1);

    scene.answer(asked.id, "1");
    assert_eq!(statuses(&scene)[1..], ["running", "ready"]);
    let row = initiative(&scene);
    assert_eq!(row.budget_raised, Some(cent(200)));
    let again = refused(&mut scene, asked.id, "$5");
    assert!(again.what.contains("not open"), "{again:?}");
    assert_eq!(initiative(&scene), row);
}

#[test]
fn any_amount_raises_a_budget_and_other_words_are_refused() {
    let mut scene = used_up();
    let id = questions(&scene)[0].id;
    for text in ["5", "yes", "$0", "-$1", "raise by", "$5 please"] {
        let refusal = refused(&mut scene, id, text);
        assert!(refusal.hint.unwrap().contains("'$5'"), "{text}");
    }
    assert_eq!(questions(&scene)[0].id, id);
    scene.answer(id, "raise by 2.50");
    assert_eq!(initiative(&scene).budget_raised, Some(cent(350)));
    assert_eq!(statuses(&scene)[1], "running");
}

#[test]
fn too_small_a_raise_asks_again_from_what_was_spent() {
    let mut scene = limited(100);
    end(&mut scene, cent(700));
    more(&mut scene, "another");
    let id = questions(&scene)[0].id;
    scene.answer(id, "$0.01");
    assert_eq!(initiative(&scene).budget_raised, Some(cent(701)));
    let again = &questions(&scene)[0];
    assert_ne!(again.id, id);
    assert_eq!(statuses(&scene)[1], "parked");
}

#[test]
fn stopping_here_pauses_and_going_on_asks_again() {
    let mut scene = used_up();
    let id = questions(&scene)[0].id;
    scene.answer(id, "stop here");
    assert_eq!(initiative(&scene).status, InitiativeStatus::Paused);
    assert_eq!(questions(&scene), []);
    assert_eq!(expects(&scene), Prospect::Working, "the first is merged");
    scene.perform("trial", Outcome::AlreadyIn { base: oid() });
    assert_eq!(expects(&scene), Prospect::WaitsForUser);
    scene.command(Command::Resume(initiative(&scene).id));
    assert_eq!(questions(&scene).len(), 1);
    assert_eq!(statuses(&scene)[1], "parked");
}

#[test]
fn a_budget_that_is_written_anew_needs_no_answer() {
    for budget in [Some(cent(500)), None] {
        let mut scene = used_up();
        limit(&mut scene, budget);
        scene.decide(Signal::Tick);
        assert_eq!(statuses(&scene)[1], "running");
        assert_eq!(questions(&scene), []);
    }
}

#[test]
fn a_question_that_keeps_nobody_any_more_is_taken_back() {
    let mut scene = used_up();
    let kept = scene.state.all::<Task>().last().unwrap().id;
    scene.command(Command::CancelTask(kept));
    assert_eq!(questions(&scene), []);
    scene.command(Command::RetryTask(kept));
    assert_eq!(questions(&scene).len(), 1);
}

#[test]
fn turns_that_tell_no_costs_run_whatever_the_budget_is() {
    let mut scene = limited(0);
    end(&mut scene, cent(1));
    more(&mut scene, "asks for money");
    assert_eq!(statuses(&scene)[1], "parked");
    let mut config = Config::clone(scene.state.config(scene.project).unwrap());
    config.default_agent = "script".into();
    scene.state.set_config(scene.project, Arc::new(config));
    more(&mut scene, "asks for none");
    assert_eq!(statuses(&scene)[1..], ["parked", "running"]);
    assert_eq!(questions(&scene).len(), 1);
}

#[test]
fn costs_beyond_the_budget_interrupt_and_are_told_once() {
    let mut scene = limited(100);
    let turn = scene.turn().id;
    costs(&mut scene, turn, cent(100));
    assert_eq!(scene.turn().stop, None);
    costs(&mut scene, turn, cent(1));
    assert_eq!(scene.turn().stop, Some(StopReason::Budget));
    assert!(scene.wanted("stop-turn").is_some());
    costs(&mut scene, turn, cent(1));
    scene.end(Verdict::Stopped);
    assert_eq!(scene.turn().kind, TurnKind::Retry);
    assert_eq!(scene.status(), TaskStatus::Parked);
    let asked = &questions(&scene)[0];
    assert_eq!(asked.options[0], "raise by $1.02", "less would not do");
    scene.answer(asked.id, "1");
    assert_eq!(initiative(&scene).budget_raised, Some(cent(204)));
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn output_that_is_told_again_costs_nothing() {
    let mut scene = limited(100);
    let turn = scene.turn().id;
    let output = Output {
        cost: cent(30),
        tokens: 7,
        read: (10, 0),
        ..Output::default()
    };
    for _ in 0..2 {
        scene.decide(Signal::Seen(turn, Sight::Output(output.clone())));
    }
    assert_eq!((scene.turn().cost, scene.turn().tokens), (cent(30), 7));
    assert_eq!(scene.state.all::<Agent>().next().unwrap().cost, cent(30));
}

#[test]
fn a_turn_that_was_done_when_its_costs_came_is_done() {
    let mut scene = limited(100);
    end(&mut scene, cent(500));
    assert_eq!(scene.status(), TaskStatus::Merging);
    assert_eq!(questions(&scene), []);
}

/// Gives the first task a budget of its own.
fn own_budget(scene: &mut Scene, budget: Usd) {
    let mut row = scene.state.all::<Task>().next().unwrap().clone();
    let mut spec = (*row.spec).clone();
    spec.budget = Some(budget);
    row.spec = Arc::new(spec);
    scene.state.put(Row::Task(row));
}

#[test]
fn a_turn_never_reserves_more_than_a_whole_budget() {
    let mut scene = Scene::new();
    let reserves = |scene: &Scene| {
        let task = scene.state.all::<Task>().next().unwrap();
        reservation(&scene.state, task, "claude")
    };
    assert_eq!(reserves(&scene), FLOOR);
    own_budget(&mut scene, cent(5));
    assert_eq!(reserves(&scene), cent(5));
    limit(&mut scene, Some(cent(3)));
    assert_eq!(reserves(&scene), cent(3));
}

#[test]
fn a_task_that_used_up_its_own_budget_asks_for_itself() {
    for (answer, after) in [
        ("$1", TaskStatus::Running),
        ("stop here", TaskStatus::Parked),
    ] {
        let mut scene = Scene::new();
        own_budget(&mut scene, cent(50));
        let turn = scene.turn().id;
        costs(&mut scene, turn, cent(45));
        scene.end(Verdict::Failed {
            why: "it did not work".into(),
            fatal: false,
        });
        scene.now += 60_000;
        scene.decide(Signal::Tick);
        assert_eq!(scene.status(), TaskStatus::Parked);
        assert_eq!(expects(&scene), Prospect::WaitsForUser);
        let asked = &questions(&scene)[0];
        assert!(asked.task.is_some());
        more(&mut scene, "another");
        assert_eq!(statuses(&scene)[1], "running", "the others go on");
        scene.answer(asked.id, answer);
        assert_eq!(scene.status(), after);
        assert_eq!(questions(&scene), []);
    }
}

#[test]
fn a_restart_knows_what_is_spent_reserved_and_asked() {
    let mut scene = used_up();
    let id = questions(&scene)[0].id;
    scene.answer(id, "$1");
    more(&mut scene, "a third");
    more(&mut scene, "a fourth");
    let tables = scene.state.tables().clone();
    let rows = (tables.projects.into_values().map(Row::Project))
        .chain(tables.initiatives.into_values().map(Row::Initiative))
        .chain(tables.tasks.into_values().map(Row::Task))
        .chain(tables.agents.into_values().map(Row::Agent))
        .chain(tables.turns.into_values().map(Row::Turn))
        .chain(tables.messages.into_values().map(Row::Message));
    let mut anew = State::from_rows(rows, scene.state.last_seq());
    let config = Arc::clone(scene.state.config(scene.project).unwrap());
    anew.set_config(scene.project, config);
    assert_eq!(
        standing(&anew, purse(&scene)),
        standing(&scene.state, purse(&scene))
    );
    assert!(standing(&anew, purse(&scene)).unwrap().reserved > Usd::default());
    let open = |state: &State| state.index().budget_questions().collect::<Vec<_>>();
    assert_eq!(open(&anew), open(&scene.state));
    let ended = |turn: &&Turn| matches!(turn.state, TurnState::Ended { .. });
    assert_eq!(anew.all::<Turn>().filter(ended).count(), 1);
}

#[test]
fn no_number_of_a_program_is_more_than_can_be_kept() {
    let mut scene = limited(100);
    let (most, turn) = (i64::MAX.unsigned_abs(), scene.turn().id);
    for read in 1..=3 {
        let output = Output {
            cost: Usd(u64::MAX),
            tokens: u64::MAX,
            read: (read, 0),
            ..Output::default()
        };
        scene.decide(Signal::Seen(turn, Sight::Output(output)));
    }
    let agent = scene.state.all::<Agent>().next().unwrap();
    assert!(scene.turn().cost.0 <= most && agent.cost.0 <= most);
    assert_eq!((scene.turn().tokens, agent.tokens), (most, most));
    scene.end(Verdict::Stopped);
    let id = questions(&scene)[0].id;
    scene.answer(id, "$1000000000");
    scene.begin();
    let next = scene.turn().id;
    costs(&mut scene, next, cent(1));
    let task = scene.state.all::<Task>().next().unwrap().clone();
    let spent = scene.state.index().spent(Purse::Task(task.id));
    assert_eq!(spent, scene.state.all::<Agent>().next().unwrap().cost);
    let raised = scene.state.get::<Initiative>(task.initiative).unwrap();
    assert!(raised.budget_raised.unwrap().0 <= most);
    assert_eq!(crate::domain::invariants::check(&scene.state), [""; 0]);
}
