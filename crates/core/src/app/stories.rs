//! What becomes of a task when several things happen to it at once.

use super::scene::{Scene, oid};
use super::{Call, Command, Outcome, Signal};
use crate::domain::hierarchy::{Task, TaskState};
use crate::domain::ids::AgentId;
use crate::domain::status::TaskStatus;
use crate::domain::time::Timestamp;
use crate::domain::work::{
    Agent, GateReport, Message, MessageStatus, StopReason, Turn, TurnKind, TurnState, Verdict,
};

const MINUTE: i64 = 60_000;

fn agent(scene: &Scene) -> AgentId {
    scene.turn().agent
}

fn ask(scene: &mut Scene) {
    let call = Call::Ask {
        text: "which?".into(),
        options: Vec::new(),
    };
    let asker = agent(scene);
    scene.decide(Signal::Call(asker, call));
}

fn pass(scene: &mut Scene, minutes: i64) {
    scene.now += minutes * MINUTE;
    scene.decide(Signal::Tick);
}

fn prepared() -> Outcome {
    Outcome::Prepared {
        head: oid(),
        base: oid(),
        conflicts: Vec::new(),
        fresh: false,
    }
}

#[test]
fn a_users_stop_goes_before_one_that_time_brought() {
    for verdict in [Verdict::Done, Verdict::Stopped] {
        let mut scene = Scene::new();
        pass(&mut scene, 20);
        assert_eq!(scene.turn().stop, Some(StopReason::Stalled));
        scene.command(Command::StopAgent(agent(&scene)));
        scene.end(verdict);
        assert_eq!(scene.status(), TaskStatus::Parked);
        let task = scene.state.all::<Task>().next().unwrap();
        assert_eq!(task.state, TaskState::Parked { resume_at: None });
    }
}

#[test]
fn an_agent_stopped_while_its_limit_lasts_goes_on_only_when_told() {
    let mut scene = Scene::new();
    let until = Timestamp(scene.now + 10 * MINUTE);
    scene.end(Verdict::Limit { until: Some(until) });
    scene.command(Command::StopAgent(agent(&scene)));
    pass(&mut scene, 60);
    assert_eq!(scene.status(), TaskStatus::Parked);
    scene.command(Command::ResumeAgent(agent(&scene)));
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn a_limit_that_is_over_already_is_not_tried_again_at_once() {
    let mut scene = Scene::new();
    scene.end(Verdict::Limit {
        until: Some(Timestamp(0)),
    });
    scene.decide(Signal::Tick);
    assert_eq!(scene.status(), TaskStatus::Parked);
    pass(&mut scene, 1);
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn a_question_does_not_keep_a_hanging_program_alive_for_ever() {
    let mut scene = Scene::new();
    ask(&mut scene);
    pass(&mut scene, 4);
    assert_eq!(scene.turn().stop, None, "it waits");
    pass(&mut scene, 60);
    assert_eq!(scene.turn().stop, Some(StopReason::Unanswered));
    scene.end(Verdict::Stopped);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}

#[test]
fn who_waited_for_an_answer_is_not_silent_since_before_it() {
    let mut scene = Scene::new();
    pass(&mut scene, 6);
    ask(&mut scene);
    pass(&mut scene, 4);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    pass(&mut scene, 1);
    assert_eq!(scene.turn().stop, None);
}

#[test]
fn a_question_outlives_the_crash_of_its_agent() {
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Crashed);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let question: Message = scene.messages()[0].clone();
    assert_eq!(question.status, MessageStatus::Open);
    scene.answer(question.id, "this");
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}

#[test]
fn a_session_that_never_began_is_told_its_task_before_anything_else() {
    let mut scene = Scene::unbegun();
    scene.perform(
        "prepare",
        Outcome::Failed {
            why: "no room".into(),
            hint: None,
            passing: false,
        },
    );
    assert_eq!(scene.status(), TaskStatus::Failed);
    scene.command(Command::Say(agent(&scene), "try again".into()));
    scene.perform("prepare", prepared());
    let prompt = scene.turn().prompt;
    assert!(prompt.contains("do it"), "{prompt}");
    assert!(prompt.contains("try again"), "{prompt}");
}

#[test]
fn a_session_that_is_not_known_any_more_loses_no_mail() {
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Asked);
    let id = scene.messages()[0].id;
    scene.answer(id, "the blue one");
    scene.begin();
    assert!(scene.turn().resumes);
    scene.end(Verdict::SessionUnknown);
    scene.perform("prepare", prepared());
    let prompt = scene.turn().prompt;
    assert!(!scene.turn().resumes);
    for part in ["do it", "the blue one", "This is a new session"] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
}

#[test]
fn a_bounce_that_was_stopped_before_it_began_is_still_a_bounce() {
    let mut scene = Scene::new();
    scene.end(Verdict::Done);
    let tried = Outcome::Tried {
        base: oid(),
        result: oid(),
    };
    scene.gate("make check");
    scene.perform("trial", tried);
    scene.perform(
        "gate",
        Outcome::Gated(GateReport {
            command: "make check".into(),
            passed: false,
            code: Some(1),
            output: "no".into(),
        }),
    );
    assert_eq!(scene.turn().kind, TurnKind::Bounce);
    let merge = scene.turn().merge;
    scene.command(Command::StopAgent(agent(&scene)));
    let failed = Outcome::Failed {
        why: "a moment".into(),
        hint: None,
        passing: true,
    };
    if scene.wanted("prepare").is_some() {
        scene.perform("prepare", failed);
        scene.now += MINUTE;
        scene.decide(Signal::Tick);
        scene.perform("prepare", prepared());
    }
    assert_eq!(scene.status(), TaskStatus::Parked);
    scene.command(Command::ResumeAgent(agent(&scene)));
    let turn = scene.turn();
    assert_eq!((turn.kind, turn.merge), (TurnKind::Bounce, merge));
}

#[test]
fn no_turn_begins_before_what_its_task_waits_for_now() {
    let mut scene = Scene::new();
    scene.end(Verdict::Failed {
        why: "exit 1".into(),
        fatal: true,
    });
    let task = scene.turn().task;
    scene.wait_for_another(task);
    scene.command(Command::RetryTask(task));
    scene.command(Command::StopAgent(agent(&scene)));
    scene.command(Command::ResumeAgent(agent(&scene)));
    assert_eq!(scene.status(), TaskStatus::Blocked);
    let of_it = |turn: &&Turn| turn.task == task;
    let mut turns = scene.state.all::<Turn>().filter(of_it);
    assert!(turns.all(|turn| !turn.state.is_open()));
}

#[test]
fn a_branch_that_could_not_be_cut_is_tried_again_when_something_is_to_go_on() {
    let mut scene = Scene::uncut();
    scene.perform(
        "cut-branch",
        Outcome::Failed {
            why: "a branch stands in the way".into(),
            hint: None,
            passing: false,
        },
    );
    assert_eq!(scene.status(), TaskStatus::Failed);
    let agent = scene.state.all::<Agent>().next().unwrap().id;
    scene.command(Command::Say(agent, "now".into()));
    assert!(scene.wanted("cut-branch").is_some());
    scene.perform("cut-branch", Outcome::Cut(oid()));
    assert_eq!(scene.turn().state, TurnState::Preparing);
}

#[test]
fn an_agents_note_sets_no_failed_task_going() {
    let mut scene = Scene::new();
    scene.end(Verdict::Failed {
        why: "exit 1".into(),
        fatal: true,
    });
    let failed = agent(&scene);
    scene.spawn("another");
    let other = agent(&scene);
    assert_ne!(failed, other);
    let to = crate::domain::work::Party::Agent(failed);
    let text = "go on".to_owned();
    scene.decide(Signal::Call(other, Call::Say { to, text }));
    let of_failed = |turn: &&Turn| turn.agent == failed;
    assert_eq!(scene.state.all::<Turn>().filter(of_failed).count(), 1);
}

#[test]
fn an_answer_that_no_program_read_is_brought_again_whatever_ended_its_turn() {
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Asked);
    let id = scene.messages()[0].id;
    scene.answer(id, "this one");
    scene.begin();
    assert!(scene.messages()[0].delivered.is_some());
    scene.command(Command::StopAgent(agent(&scene)));
    scene.end(Verdict::SessionUnknown);
    assert_eq!(scene.messages()[0].delivered, None);
    scene.command(Command::ResumeAgent(agent(&scene)));
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}
