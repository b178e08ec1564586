use std::sync::Arc;

use super::*;
use crate::app::{Command, Output, Reply, Sight, Signal, StartFacts, decide};
use crate::domain::config::{AgentConfig, Config};
use crate::domain::hierarchy::Task;
use crate::domain::ids::{Ids, TurnId, Uid};
use crate::domain::oid::Oid;
use crate::domain::state::State;
use crate::domain::status::{TaskStatus, task_status};
use crate::domain::time::Timestamp;
use crate::domain::work::{TurnKind, Verdict};

struct Counted(u64);

impl Ids for Counted {
    fn uid(&mut self) -> Uid {
        self.0 += 1;
        Uid(format!("{:032x}", self.0))
    }
    fn session(&mut self) -> String {
        self.uid().0
    }
    fn secret(&mut self) -> String {
        self.uid().0
    }
    fn below(&mut self, _: usize) -> usize {
        0
    }
}

/// One agent at work, and a world that does what it is told.
struct Scene {
    state: State,
    ids: Counted,
    now: i64,
}

fn oid() -> Oid {
    Oid::new("1".repeat(40)).unwrap()
}

impl Scene {
    fn new() -> Self {
        let mut scene = Self {
            state: State::default(),
            ids: Counted(0),
            now: 1_000,
        };
        let register = Command::Register {
            root: "/repo".into(),
            name: "repo".into(),
            base: "main".into(),
        };
        let Reply::Project(project) = scene.command(register) else {
            panic!("no project")
        };
        let mut config = Config {
            default_agent: "mine".into(),
            ..Config::default()
        };
        let mine = AgentConfig {
            kind: "claude".into(),
            ..AgentConfig::default()
        };
        config.agents.insert("mine".into(), mine);
        scene.state.set_config(project, Arc::new(config));
        scene.command(Command::Spawn {
            project,
            prompt: "do it".into(),
            agent: None,
            name: None,
            model: None,
            facts: StartFacts {
                base: Some(oid()),
                branch: None,
            },
        });
        scene.perform("cut-branch", Outcome::Cut(oid()));
        scene.begin();
        scene
    }

    fn decide(&mut self, signal: Signal) -> Reply {
        self.now += 1_000;
        decide(&mut self.state, signal, Timestamp(self.now), &mut self.ids)
            .unwrap()
            .0
    }

    fn command(&mut self, command: Command) -> Reply {
        self.decide(Signal::Command(command))
    }

    fn perform(&mut self, word: &str, outcome: Outcome) {
        let effect = self.wanted(word).expect("the effect is wanted");
        self.decide(Signal::Performed(effect, outcome));
    }

    fn wanted(&self, word: &str) -> Option<Effect> {
        let mut effects = self.state.all::<Effect>();
        effects.find(|effect| effect.kind.word() == word).cloned()
    }

    /// Has the program of the turn that waits for it run.
    fn begin(&mut self) {
        let prepared = Outcome::Prepared {
            head: oid(),
            base: oid(),
            conflicts: Vec::new(),
            fresh: false,
        };
        self.perform("prepare", prepared);
        self.perform("start-turn", Outcome::Done);
    }

    fn end(&mut self, verdict: Verdict) {
        let (turn, summary) = (self.turn().id, None);
        self.decide(Signal::Seen(turn, Sight::Ended { verdict, summary }));
        let collected = Outcome::Collected {
            head: oid(),
            changed: false,
            unresolved: Vec::new(),
        };
        self.perform("collect", collected);
    }

    fn print(&mut self, asked: Vec<Asked>, withdrawn: &[&str]) {
        let output = Output {
            asked,
            withdrawn: withdrawn.iter().map(ToString::to_string).collect(),
            ..Output::default()
        };
        let turn = self.turn().id;
        self.decide(Signal::Seen(turn, Sight::Output(output)));
    }

    fn turn(&self) -> Turn {
        self.state.all::<Turn>().last().unwrap().clone()
    }

    fn messages(&self) -> Vec<Message> {
        self.state.all::<Message>().cloned().collect()
    }

    fn status(&self) -> TaskStatus {
        task_status(&self.state, self.state.all::<Task>().next().unwrap())
    }

    fn answer(&mut self, id: MessageId, text: &str) {
        self.command(Command::Answer(id, text.into()));
    }
}

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
