//! One project with an agent at work, and a world that does what it is told: what the tests of
//! decisions play in.

use std::sync::Arc;

use super::{
    Asked, Command, Outcome, Output, Refusal, Reply, Sight, Signal, StartFacts, TaskEdit, decide,
};
use crate::domain::config::{AgentConfig, Config};
use crate::domain::effect::Effect;
use crate::domain::hierarchy::Task;
use crate::domain::ids::{Ids, MessageId, ProjectId, TaskId, Uid};
use crate::domain::oid::Oid;
use crate::domain::state::State;
use crate::domain::status::{TaskStatus, task_status};
use crate::domain::time::Timestamp;
use crate::domain::work::{Message, Turn, Verdict};

/// Ids that count up.
pub(super) struct Counted(pub(super) u64);

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
pub(super) struct Scene {
    pub(super) state: State,
    pub(super) project: ProjectId,
    pub(super) ids: Counted,
    pub(super) now: i64,
}

pub(super) fn oid() -> Oid {
    Oid::new("1".repeat(40)).unwrap()
}

impl Scene {
    /// The agent is at work.
    pub(super) fn new() -> Self {
        let mut scene = Self::unbegun();
        scene.begin();
        scene
    }

    /// The agent's worktree is still to be made.
    pub(super) fn unbegun() -> Self {
        let mut scene = Self::uncut();
        scene.perform("cut-branch", Outcome::Cut(oid()));
        scene
    }

    /// The branch is still to be cut.
    pub(super) fn uncut() -> Self {
        let mut scene = Self {
            state: State::default(),
            project: ProjectId(0),
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
        scene.project = project;
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
        scene.spawn("do it");
        scene
    }

    /// Another task with an agent of its own.
    pub(super) fn spawn(&mut self, prompt: &str) {
        self.command(Command::Spawn {
            project: self.project,
            prompt: prompt.into(),
            agent: None,
            name: None,
            model: None,
            facts: StartFacts {
                base: Some(oid()),
                branch: None,
            },
        });
    }

    /// The project has this gate from now on.
    pub(super) fn gate(&mut self, command: &str) {
        let mut config = Config::clone(self.state.config(self.project).unwrap());
        config.gates.push(command.into());
        self.state.set_config(self.project, Arc::new(config));
    }

    /// The task waits for one that is not begun.
    pub(super) fn wait_for_another(&mut self, task: TaskId) {
        self.command(Command::Hold(self.project));
        self.spawn("another");
        let other = self.state.all::<Task>().last().unwrap().spec.slug.clone();
        let edit = TaskEdit {
            after: Some(Some(vec![other])),
            ..TaskEdit::default()
        };
        self.command(Command::EditTask(task, edit));
        self.command(Command::Unhold(self.project));
    }

    pub(super) fn decide(&mut self, signal: Signal) -> Reply {
        self.now += 1_000;
        decide(&mut self.state, signal, Timestamp(self.now), &mut self.ids)
            .unwrap()
            .0
    }

    /// A signal that must be refused.
    pub(super) fn refused(&mut self, signal: Signal) -> Refusal {
        let at = Timestamp(self.now);
        decide(&mut self.state, signal, at, &mut self.ids).unwrap_err()
    }

    pub(super) fn command(&mut self, command: Command) -> Reply {
        self.decide(Signal::Command(command))
    }

    /// The refusal of a command.
    pub(super) fn refuses(&mut self, command: Command) -> Refusal {
        self.refused(Signal::Command(command))
    }

    pub(super) fn perform(&mut self, word: &str, outcome: Outcome) {
        let effect = self.wanted(word).expect("the effect is wanted");
        self.decide(Signal::Performed(effect, outcome));
    }

    pub(super) fn wanted(&self, word: &str) -> Option<Effect> {
        let mut effects = self.state.all::<Effect>();
        effects.find(|effect| effect.kind.word() == word).cloned()
    }

    /// Has the program of the turn that waits for it run.
    pub(super) fn begin(&mut self) {
        let prepared = Outcome::Prepared {
            head: oid(),
            base: oid(),
            conflicts: Vec::new(),
            fresh: false,
        };
        self.perform("prepare", prepared);
        self.perform("start-turn", Outcome::Done);
    }

    pub(super) fn end(&mut self, verdict: Verdict) {
        let (turn, summary) = (self.turn().id, None);
        self.decide(Signal::Seen(turn, Sight::Ended { verdict, summary }));
        let collected = Outcome::Collected {
            head: oid(),
            changed: false,
            unresolved: Vec::new(),
        };
        self.perform("collect", collected);
    }

    pub(super) fn print(&mut self, asked: Vec<Asked>, withdrawn: &[&str]) {
        let output = Output {
            asked,
            withdrawn: withdrawn.iter().map(ToString::to_string).collect(),
            ..Output::default()
        };
        let turn = self.turn().id;
        self.decide(Signal::Seen(turn, Sight::Output(output)));
    }

    pub(super) fn turn(&self) -> Turn {
        self.state.all::<Turn>().last().unwrap().clone()
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.state.all::<Message>().cloned().collect()
    }

    pub(super) fn status(&self) -> TaskStatus {
        task_status(&self.state, self.state.all::<Task>().next().unwrap())
    }

    pub(super) fn answer(&mut self, id: MessageId, text: &str) {
        self.command(Command::Answer(id, text.into()));
    }
}
