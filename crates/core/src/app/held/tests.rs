use std::sync::Arc;

use super::super::scene::{Scene, oid};
use super::*;
use crate::app::{Outcome, Prospect, Sight, Signal, StartFacts, decide, prospect};
use crate::domain::config::Config;
use crate::domain::hierarchy::TaskState;
use crate::domain::ids::AgentId;
use crate::domain::status::{AgentStatus, TaskStatus, agent_status};
use crate::domain::time::Timestamp;
use crate::domain::work::Verdict;

fn kept_out() -> Verdict {
    Verdict::Auth {
        why: "401 (log in)".into(),
    }
}

fn task(scene: &Scene, n: usize) -> Task {
    scene.state.all::<Task>().nth(n).unwrap().clone()
}

fn outlook(scene: &Scene) -> Prospect {
    prospect(&scene.state, task(scene, 0).initiative)
}

/// A further task with an agent of its own.
fn another(scene: &mut Scene) {
    scene.spawn("another");
    scene.perform("sync-adhoc", Outcome::Cut(oid()));
}

/// The turn ends because its program is not let in.
fn end(scene: &mut Scene, turn: TurnId) {
    let (verdict, summary) = (kept_out(), None);
    scene.decide(Signal::Seen(turn, Sight::Ended { verdict, summary }));
    let collected = Outcome::Collected {
        head: oid(),
        changed: false,
        unresolved: Vec::new(),
    };
    scene.perform("collect", collected);
}

fn questions(scene: &Scene) -> Vec<Message> {
    let open = |message: &Message| message.status == MessageStatus::Open;
    scene.messages().into_iter().filter(open).collect()
}

#[test]
fn an_agent_that_is_not_let_in_waits_with_all_of_its_table() {
    let mut scene = Scene::new();
    let mut config = Config::clone(scene.state.config(scene.project).unwrap());
    config.max_agents = 1;
    scene.state.set_config(scene.project, Arc::new(config));
    let first = scene.turn().id;
    another(&mut scene);
    end(&mut scene, first);
    assert_eq!(task(&scene, 0).failures, 0);
    let asked = questions(&scene);
    assert_eq!(asked.len(), 1);
    assert!(asked[0].body.contains("401 (log in)"), "{}", asked[0].body);
    assert_eq!(scene.wanted("prepare"), None);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let agent = scene.state.get::<Agent>(AgentId(1)).unwrap();
    assert_eq!(agent_status(&scene.state, agent), AgentStatus::Parked);
    assert_eq!(outlook(&scene), Prospect::WaitsForUser);

    // Whoever resumes lets all of them go on.
    scene.command(Command::Unhold(scene.project));
    assert_eq!(questions(&scene), []);
    assert_eq!(scene.status(), TaskStatus::Ready);
    assert!(scene.wanted("prepare").is_some());
    assert_eq!(outlook(&scene), Prospect::Working);
}

#[test]
fn agents_at_work_go_on_and_the_user_is_told_once() {
    let mut scene = Scene::new();
    let first = scene.turn().id;
    another(&mut scene);
    scene.begin();
    scene.end(kept_out());
    let turn = scene.state.get::<Turn>(first).unwrap();
    assert_eq!(turn.state, TurnState::Running);
    end(&mut scene, first);
    assert_eq!(questions(&scene).len(), 1);
    assert_eq!(scene.wanted("prepare"), None);
}

#[test]
fn an_answer_has_it_try_again_and_another_refusal_asks_again() {
    let mut scene = Scene::new();
    scene.end(kept_out());
    let id = questions(&scene)[0].id;
    scene.answer(id, "1");
    assert_eq!(scene.status(), TaskStatus::Running);
    scene.begin();
    assert_eq!(scene.turn().kind, TurnKind::Retry);
    scene.end(kept_out());
    let asked = questions(&scene);
    assert_eq!(asked.len(), 1);
    assert_ne!(asked[0].id, id);
    scene.command(Command::RetryTask(task(&scene, 0).id));
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn an_answer_that_was_not_heard_comes_again() {
    let mut scene = Scene::new();
    scene.command(Command::Say(AgentId(1), "use tabs".into()));
    scene.end(Verdict::Done);
    scene.begin();
    scene.end(kept_out());
    scene.command(Command::Unhold(scene.project));
    scene.begin();
    assert_eq!(scene.turn().kind, TurnKind::Message);
    assert_eq!(scene.turn().prompt, "use tabs");
}

/// The agent at work was given the value of KEY.
fn keyed() -> Scene {
    let mut scene = Scene::new();
    let mut config = Config::clone(scene.state.config(scene.project).unwrap());
    let mine = config.agents.get_mut("mine").unwrap();
    mine.pass_env = vec!["KEY".into()];
    scene.state.set_config(scene.project, Arc::new(config));
    scene.command(Command::CancelTask(TaskId(1)));
    scene.end(Verdict::Stopped);
    let spawn = Command::Spawn {
        project: scene.project,
        prompt: "with a key".into(),
        agent: None,
        name: None,
        model: None,
        facts: StartFacts {
            base: Some(oid()),
            branch: None,
        },
    };
    let reply = scene.command(passing(spawn));
    let Reply::Passed(handed, _) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(handed.len(), 1);
    assert!(handed[0].anew);
    scene.perform("sync-adhoc", Outcome::Cut(oid()));
    scene.begin();
    scene
}

fn passing(command: Command) -> Command {
    Command::Passing(vec!["KEY".into()], Box::new(command))
}

fn status(scene: &Scene) -> TaskStatus {
    task_status(&scene.state, &task(scene, 1))
}

#[test]
fn what_a_restart_lost_is_asked_for_once_and_waited_for() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    // What is under way has its values.
    assert_eq!(status(&scene), TaskStatus::Running);
    assert_eq!(questions(&scene), []);
    scene.end(Verdict::Crashed);
    scene.decide(Signal::Started);
    let asked = questions(&scene);
    assert_eq!(asked.len(), 1);
    assert!(asked[0].body.contains("KEY"), "{}", asked[0].body);
    scene.now += 10_000;
    scene.decide(Signal::Tick);
    assert_eq!(status(&scene), TaskStatus::Waiting);
    assert_eq!(outlook(&scene), Prospect::WaitsForUser);
    // Without the values nothing changes.
    scene.command(Command::Unhold(scene.project));
    assert_eq!(status(&scene), TaskStatus::Waiting);

    let reply = scene.command(passing(Command::Unhold(scene.project)));
    let Reply::Passed(handed, _) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].owner, Owner::Task(task(&scene, 1).id));
    assert_eq!(status(&scene), TaskStatus::Running);
    assert_eq!(questions(&scene), []);
}

#[test]
fn a_turn_that_lacks_its_values_goes_back_in_line_with_its_mail() {
    let mut scene = keyed();
    scene.command(Command::Say(AgentId(2), "use tabs".into()));
    scene.end(Verdict::Done);
    let prepared = Outcome::Prepared {
        head: oid(),
        base: oid(),
        conflicts: Vec::new(),
        fresh: false,
    };
    scene.perform("prepare", prepared);
    scene.perform("start-turn", Outcome::Lacking(vec!["KEY".into()]));
    assert_eq!(scene.turn().state, TurnState::Queued);
    assert_eq!(
        questions(&scene)
            .iter()
            .filter(|m| m.about.is_some())
            .count(),
        1
    );
    scene.command(passing(Command::ResumeAgent(AgentId(2))));
    scene.begin();
    assert_eq!(scene.turn().prompt, "use tabs");
}

#[test]
fn an_agent_that_is_resumed_while_its_task_waits_for_another_attempt_gets_its_values() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    scene.end(Verdict::Crashed);
    assert!(matches!(
        task(&scene, 1).state,
        TaskState::Todo {
            not_before: Some(_)
        }
    ));
    scene.command(passing(Command::ResumeAgent(AgentId(2))));
    assert_eq!(status(&scene), TaskStatus::Running);
}

#[test]
fn only_an_answer_that_says_so_does_without() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    scene.end(Verdict::Crashed);
    let id = questions(&scene)[0].id;
    let now = Timestamp(scene.now);
    let plain = Signal::Command(Command::Answer(id, "go".into()));
    let refusal = decide(&mut scene.state, plain, now, &mut scene.ids).unwrap_err();
    assert!(refusal.what.contains("KEY is not set"), "{refusal:?}");
    scene.answer(id, "1");
    scene.now += 10_000;
    scene.decide(Signal::Tick);
    assert_eq!(status(&scene), TaskStatus::Running);
    assert_eq!(task(&scene, 1).passed, PassedEnv::default());
}

#[test]
fn a_key_that_was_never_given_is_handed_over_with_the_login_that_lacked_it() {
    let mut scene = keyed();
    another(&mut scene);
    scene.begin();
    scene.end(kept_out());
    let third = task(&scene, 2);
    assert_eq!(third.passed, PassedEnv::default());
    let reply = scene.command(passing(Command::Unhold(scene.project)));
    let Reply::Passed(handed, _) = reply else {
        panic!("{reply:?}")
    };
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].owner, Owner::Task(third.id));
}

#[test]
fn questions_that_nothing_waits_for_are_withdrawn() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    scene.end(Verdict::Crashed);
    assert_eq!(questions(&scene).len(), 1);
    scene.command(Command::CancelTask(TaskId(2)));
    assert_eq!(questions(&scene), []);

    let mut scene = Scene::new();
    scene.end(kept_out());
    assert_eq!(questions(&scene).len(), 1);
    scene.command(Command::CancelTask(TaskId(1)));
    assert_eq!(questions(&scene), []);
    // The next refusal is told anew.
    another(&mut scene);
    scene.begin();
    scene.end(kept_out());
    assert_eq!(questions(&scene).len(), 1);
}

#[test]
fn a_value_that_no_agent_wants_any_more_is_not_asked_for() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    scene.end(Verdict::Crashed);
    assert_eq!(questions(&scene).len(), 1);
    let mut config = Config::clone(scene.state.config(scene.project).unwrap());
    config.agents.get_mut("mine").unwrap().pass_env.clear();
    scene.state.set_config(scene.project, Arc::new(config));
    scene.decide(Signal::Tick);
    assert_eq!(questions(&scene), []);
}

#[test]
fn values_are_asked_for_anew_when_others_are_missed() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    scene.end(Verdict::Crashed);
    let first = questions(&scene)[0].id;
    let mut config = Config::clone(scene.state.config(scene.project).unwrap());
    config.agents.get_mut("mine").unwrap().pass_env = vec!["KEY".into(), "KEY2".into()];
    scene.state.set_config(scene.project, Arc::new(config));
    let names = vec!["KEY2".into()];
    let retry = Command::RetryTask(TaskId(2));
    scene.command(Command::Passing(names, Box::new(retry)));
    assert_eq!(questions(&scene)[0].id, first);
    scene.decide(Signal::Started);
    let asked = questions(&scene);
    assert_eq!(asked.len(), 1);
    assert_ne!(asked[0].id, first);
    assert!(asked[0].body.contains("KEY, KEY2"), "{}", asked[0].body);

    // One of them is there again; a tick changes nothing.
    scene.command(passing(Command::Unhold(scene.project)));
    scene.decide(Signal::Tick);
    let left = questions(&scene);
    assert_eq!(left.len(), 1);
    assert!(left[0].body.contains("of KEY2 were"), "{}", left[0].body);
    scene.decide(Signal::Tick);
    assert_eq!(questions(&scene)[0].id, left[0].id);
}

#[test]
fn what_is_over_is_not_looked_at_for_values() {
    let mut scene = keyed();
    scene.decide(Signal::Started);
    assert_eq!(scene.state.index().losers().count(), 1);
    scene.command(Command::CancelTask(TaskId(2)));
    assert_eq!(scene.state.index().losers().count(), 0);
}
