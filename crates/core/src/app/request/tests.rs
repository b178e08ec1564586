use super::*;
use crate::app::scene::Scene;
use crate::app::{Command, Signal};
use crate::domain::ids::TurnId;
use crate::domain::status::TaskStatus;
use crate::domain::work::{TurnKind, Verdict};

fn question(reply: u64) -> Asked {
    let parts = vec![("Which colour?".into(), vec!["red".into(), "blue".into()])];
    Asked {
        reply,
        name: format!("r{reply}"),
        want: Want::Answers(parts),
    }
}

fn bash(reply: u64, detail: &str) -> Asked {
    Asked {
        reply,
        name: format!("r{reply}"),
        want: Want::Tool {
            tool: "Bash".into(),
            detail: detail.into(),
            digest: format!("digest of {detail}"),
        },
    }
}

#[test]
fn an_answer_given_while_the_turn_lives_is_passed_on_once() {
    let mut scene = Scene::new();
    scene.print(vec![question(7)], &[]);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let asked = scene.messages()[0].clone();
    assert_eq!(asked.options, ["red", "blue"]);

    scene.answer(asked.id, "2");
    assert_eq!(scene.status(), TaskStatus::Running);
    let effect = scene.wanted("reply").unwrap();
    assert_eq!(effect.kind, EffectKind::Reply(asked.id));
    scene.perform("reply", Outcome::Done);
    assert_eq!(scene.wanted("reply"), None);
    let answered = &scene.messages()[0];
    assert_eq!(answered.answer.as_deref(), Some("blue"));
    assert_eq!(answered.delivered, Some(scene.turn().id));
}

#[test]
fn a_request_that_is_read_again_is_one_message() {
    let mut scene = Scene::new();
    scene.print(vec![question(7)], &[]);
    scene.print(vec![question(7)], &[]);
    assert_eq!(scene.messages().len(), 1);
}

#[test]
fn a_request_that_is_taken_back_wants_no_answer() {
    let mut scene = Scene::new();
    scene.print(vec![question(7)], &["other"]);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    scene.print(Vec::new(), &["r7"]);
    assert_eq!(scene.status(), TaskStatus::Running);
    assert_eq!(scene.messages()[0].status, MessageStatus::Read);
}

#[test]
fn a_question_that_nobody_answers_parks_the_agent_and_its_answer_resumes_it() {
    let mut scene = Scene::new();
    scene.print(vec![question(7)], &[]);
    scene.decide(Signal::Tick);
    assert_eq!(scene.turn().stop, None);
    scene.now += 5 * 60 * 1_000;
    scene.decide(Signal::Tick);
    assert_eq!(scene.turn().stop, Some(StopReason::Unanswered));
    // Ending a program makes it take back what it asked.
    scene.print(Vec::new(), &["r7"]);
    scene.end(Verdict::Stopped);
    assert_eq!(scene.status(), TaskStatus::Waiting);

    let asked = scene.messages()[0].id;
    scene.answer(asked, "red");
    assert_eq!(scene.wanted("reply"), None);
    assert_eq!(scene.turn().kind, TurnKind::Answer);
    scene.begin();
    assert_eq!(scene.turn().prompt, "red");
    assert!(scene.turn().resumes);
}

#[test]
fn an_answer_that_did_not_arrive_comes_with_the_next_turn() {
    let mut scene = Scene::new();
    scene.print(vec![question(7)], &[]);
    let asked = scene.messages()[0].id;
    scene.answer(asked, "red");
    let gone = Outcome::Failed {
        why: "run 1 is not under way".into(),
        hint: None,
        passing: false,
    };
    scene.perform("reply", gone);
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}

#[test]
fn a_tool_allowed_for_good_is_not_asked_about_again() {
    let mut scene = Scene::new();
    scene.print(vec![bash(1, "ls")], &[]);
    scene.answer(scene.messages()[0].id, "2");
    scene.perform("reply", Outcome::Done);
    scene.print(vec![bash(2, "make")], &[]);
    assert_eq!(scene.status(), TaskStatus::Running);
    let second = scene.messages()[1].clone();
    assert_eq!(second.answer.as_deref(), Some(ALLOW));
    assert_eq!(
        scene.wanted("reply").unwrap().kind,
        EffectKind::Reply(second.id)
    );
}

#[test]
fn a_tool_allowed_once_is_asked_about_again() {
    let mut scene = Scene::new();
    scene.print(vec![bash(1, "ls")], &[]);
    scene.answer(scene.messages()[0].id, "allow");
    scene.perform("reply", Outcome::Done);
    scene.print(vec![bash(2, "ls")], &[]);
    assert_eq!(scene.status(), TaskStatus::Waiting);
}

#[test]
fn a_permission_given_to_a_parked_agent_holds_for_its_next_try() {
    let mut scene = Scene::new();
    scene.print(vec![bash(1, "ls")], &[]);
    scene.now += 6 * 60 * 1_000;
    scene.decide(Signal::Tick);
    scene.end(Verdict::Stopped);
    scene.answer(scene.messages()[0].id, "allow");
    scene.begin();
    assert!(scene.turn().prompt.contains("May I use Bash? ls"));
    scene.print(vec![bash(9, "ls")], &[]);
    assert_eq!(scene.status(), TaskStatus::Running);
    scene.perform("reply", Outcome::Done);
    // Once is not twice.
    scene.print(vec![bash(11, "ls")], &[]);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let again = scene.messages().last().unwrap().id;
    scene.answer(again, "allow");
    scene.perform("reply", Outcome::Done);
    scene.print(vec![bash(10, "rm")], &[]);
    assert_eq!(scene.status(), TaskStatus::Waiting);
}

#[test]
fn what_a_program_asked_before_it_crashed_wants_no_answer() {
    let mut scene = Scene::new();
    scene.print(vec![question(7)], &[]);
    scene.end(Verdict::Crashed);
    assert_eq!(scene.messages()[0].status, MessageStatus::Read);
    assert_eq!(scene.wanted("reply"), None);
}

#[test]
fn a_wait_for_the_user_does_not_count_as_silence() {
    let mut scene = Scene::new();
    let id = TurnId(scene.turn().id.0);
    scene.print(vec![question(7)], &[]);
    // It has been at work for long, and waited for nearly as long as it may.
    scene.now += 4 * 60 * 1_000;
    scene.answer(scene.messages()[0].id, "red");
    scene.now += 8 * 60 * 1_000;
    scene.decide(Signal::Tick);
    assert_eq!(scene.state.get::<Turn>(id).unwrap().stop, None);
}

#[test]
fn a_command_that_differs_only_where_nobody_sees_it_is_asked_about_again() {
    let mut scene = Scene::new();
    let shown = "make ".repeat(60);
    let wants = |reply: u64, digest: &str| Asked {
        reply,
        name: format!("r{reply}"),
        want: Want::Tool {
            tool: "Bash".into(),
            detail: shown.clone(),
            digest: digest.into(),
        },
    };
    scene.print(vec![wants(1, "of make all")], &[]);
    scene.now += 6 * 60 * 1_000;
    scene.decide(Signal::Tick);
    scene.end(Verdict::Stopped);
    scene.answer(scene.messages()[0].id, "allow");
    scene.begin();
    scene.print(vec![wants(9, "of make all; rm -r x")], &[]);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    scene.print(vec![wants(10, "of make all")], &[]);
    assert_eq!(scene.messages()[2].answer.as_deref(), Some(ALLOW));
}

#[test]
fn a_tool_allowed_for_the_project_is_allowed_to_agents_that_come_later_until_it_is_taken_back() {
    let mut scene = Scene::new();
    scene.print(vec![bash(1, "ls")], &[]);
    let allowed = scene.messages()[0].id;
    scene.answer(allowed, "3");
    assert_eq!(scene.messages()[0].answer.as_deref(), Some(ALLOW_PROJECT));
    scene.perform("reply", Outcome::Done);
    scene.end(Verdict::Done);

    scene.spawn("another");
    scene.begin();
    scene.print(vec![bash(2, "make")], &[]);
    let second = scene.messages()[1].clone();
    assert_eq!(second.answer.as_deref(), Some(ALLOW));
    scene.perform("reply", Outcome::Done);

    scene.decide(Signal::Command(Command::Revoke(allowed)));
    scene.print(vec![bash(3, "make")], &[]);
    assert_eq!(scene.messages()[2].answer, None);
}

#[test]
fn only_what_lasts_can_be_taken_back_and_once() {
    let mut scene = Scene::new();
    scene.print(vec![bash(1, "ls"), bash(2, "make")], &[]);
    let ids: Vec<_> = scene.messages().iter().map(|message| message.id).collect();
    scene.answer(ids[0], ALLOW);
    scene.answer(ids[1], ALLOW_ALWAYS);
    assert!(
        scene
            .refuses(Command::Revoke(ids[0]))
            .what
            .contains("allows nothing that lasts")
    );
    scene.decide(Signal::Command(Command::Revoke(ids[1])));
    let again = scene.refuses(Command::Revoke(ids[1]));
    assert_eq!(again.cause.as_deref(), Some("it was taken back before"));
}
