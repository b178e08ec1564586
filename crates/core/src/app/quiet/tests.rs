use super::super::scene::Scene;
use crate::app::{Call, Command, Output, Retrying, Sight, Signal};
use crate::domain::hierarchy::{Task, TaskState};
use crate::domain::ids::AgentId;
use crate::domain::status::TaskStatus;
use crate::domain::work::{Agent, MessageKind, StopReason, TurnKind, TurnState, Verdict};

fn task(scene: &Scene) -> Task {
    scene.state.all::<Task>().next().unwrap().clone()
}

fn agent(scene: &Scene) -> Agent {
    scene.state.all::<Agent>().next().unwrap().clone()
}

/// The agent prints nothing until it is ended for that.
fn stall(scene: &mut Scene) {
    scene.now += 20 * 60_000;
    scene.decide(Signal::Tick);
    assert_eq!(scene.turn().stop, Some(StopReason::Stalled));
    assert!(scene.wanted("stop-turn").is_some());
    scene.end(Verdict::Stopped);
}

#[test]
fn a_silent_agent_is_nudged_once_in_its_session_and_that_is_no_failure() {
    let mut scene = Scene::new();
    let session = agent(&scene).session;
    stall(&mut scene);
    assert_eq!(task(&scene).failures, 0);
    scene.begin();
    let turn = scene.turn();
    assert_eq!((turn.kind, turn.resumes), (TurnKind::Retry, true));
    assert_eq!(agent(&scene).session, session);
    assert!(
        turn.prompt.contains("for 10 minutes") && turn.prompt.contains("do it"),
        "{}",
        turn.prompt
    );
    scene.end(Verdict::Done);
    assert_eq!(agent(&scene).stalls, 0);
    assert_eq!(task(&scene).attempts, 1);
}

#[test]
fn an_agent_that_is_silent_twice_in_a_row_has_failed() {
    let mut scene = Scene::new();
    stall(&mut scene);
    scene.begin();
    stall(&mut scene);
    let task = task(&scene);
    assert_eq!(task.failures, 1);
    assert!(matches!(
        task.state,
        TaskState::Todo {
            not_before: Some(_)
        }
    ));
    assert!(task.error.unwrap().contains("limits.stall"));
}

#[test]
fn what_ended_well_between_two_silences_has_them_count_anew() {
    let mut scene = Scene::new();
    stall(&mut scene);
    scene.begin();
    let agent = AgentId(1);
    let text = "go on".to_owned();
    scene.command(Command::Say(agent, text.clone()));
    scene.end(Verdict::Done);
    scene.begin();
    stall(&mut scene);
    assert_eq!(task(&scene).failures, 0);
    assert_eq!(scene.turn().state, TurnState::Preparing);
}

#[test]
fn a_turn_that_takes_too_long_is_ended_and_has_failed() {
    let mut scene = Scene::new();
    for _ in 0..10 {
        scene.now += 5 * 60_000;
        let output = Output {
            at: Some(crate::domain::time::Timestamp(scene.now)),
            ..Output::default()
        };
        scene.decide(Signal::Seen(scene.turn().id, Sight::Output(output)));
        scene.decide(Signal::Tick);
    }
    assert_eq!(scene.turn().stop, Some(StopReason::Timeout));
    scene.end(Verdict::Stopped);
    let task = task(&scene);
    assert_eq!(task.failures, 1);
    assert!(task.error.unwrap().contains("limits.turn_timeout"));
}

#[test]
fn who_waits_for_an_answer_is_not_nudged() {
    let mut scene = Scene::new();
    let call = Call::Ask {
        key: None,
        text: "which?".into(),
        options: Vec::new(),
    };
    scene.now += 20 * 60_000;
    scene.decide(Signal::Call(AgentId(1), call));
    scene.decide(Signal::Tick);
    assert_eq!(scene.turn().stop, None);
    assert_eq!(scene.status(), TaskStatus::Waiting);
}

fn print(scene: &mut Scene, output: Output) {
    let turn = scene.turn().id;
    scene.decide(Signal::Seen(turn, Sight::Output(output)));
}

#[test]
fn output_that_is_cut_leaves_a_note_in_the_inbox() {
    let mut scene = Scene::new();
    let before = scene.state.last_seq();
    print(
        &mut scene,
        Output {
            cut: true,
            ..Output::default()
        },
    );
    let messages = scene.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].kind, MessageKind::Note);
    assert!(messages[0].body.contains("more than is kept"));
    assert_eq!(scene.state.last_seq(), before + 1);
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn a_program_that_waits_for_its_api_is_told_of() {
    let mut scene = Scene::new();
    let before = scene.state.last_seq();
    let retrying = Some(Retrying {
        why: "overloaded (529)".into(),
        after: std::time::Duration::from_secs(4),
    });
    print(
        &mut scene,
        Output {
            retrying,
            ..Output::default()
        },
    );
    assert_eq!(scene.state.last_seq(), before + 1);
}
