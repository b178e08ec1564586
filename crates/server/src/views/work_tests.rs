//! Views of agents, messages, merges and worktrees over a state that signals make.

use std::path::PathBuf;
use std::sync::Arc;

use cw_core::app::{Call, Command, Outcome, Output, Reply, Sight, Signal, StartFacts, decide};
use cw_core::domain::config::{AgentConfig, Config};
use cw_core::domain::effect::{Effect, EffectKind};
use cw_core::domain::hierarchy::Project;
use cw_core::domain::ids::{AgentId, Ids, ProjectId, Uid};
use cw_core::domain::oid::Oid;
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Agent, GateReport, Merge, Message, Turn, Verdict};
use cw_core::ports::workspaces::{Kept, Worktree};
use cw_wire::merge::MergeStatus;
use cw_wire::worktree::WorktreeState;
use cw_wire::{AgentStatus, MessageKind, MessageStatus};

use super::{agent, merge, message, worktree};
use crate::work::Places;

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

/// A project with one agent that was spawned, and a world that does what it is told.
struct Scene {
    state: State,
    ids: Counted,
    now: i64,
    project: ProjectId,
    agent: AgentId,
}

fn oid(n: u8) -> Oid {
    Oid::new(format!("{n:040x}")).unwrap()
}

fn places() -> Places {
    Places {
        worktrees: "/w".into(),
        socket: "/s".into(),
        contained: true,
    }
}

impl Scene {
    fn new(gates: &[&str]) -> Self {
        let mut scene = Self {
            state: State::default(),
            ids: Counted(0),
            now: 1_000,
            project: ProjectId(0),
            agent: AgentId(0),
        };
        let register = Command::Register {
            root: "/repo".into(),
            name: "repo".into(),
            base: "main".into(),
        };
        let Reply::Project(project) = scene.decide(Signal::Command(register)) else {
            panic!("no project")
        };
        let mut config = Config {
            default_agent: "shell".into(),
            gates: gates.iter().map(ToString::to_string).collect(),
            ..Config::default()
        };
        let shell = AgentConfig {
            kind: "script".into(),
            command: vec!["x".into()],
            ..AgentConfig::default()
        };
        config.agents.insert("shell".into(), shell);
        scene.state.set_config(project, Arc::new(config));
        let spawn = Command::Spawn {
            project,
            prompt: "do it".into(),
            agent: None,
            name: Some("soho".into()),
            model: None,
            facts: StartFacts {
                base: Some(oid(1)),
                branch: None,
            },
        };
        let Reply::Spawned(_, agent) = scene.decide(Signal::Command(spawn)) else {
            panic!("no agent")
        };
        (scene.project, scene.agent) = (project, agent);
        scene
    }

    fn decide(&mut self, signal: Signal) -> Reply {
        self.now += 1_000;
        let now = Timestamp(self.now);
        decide(&mut self.state, signal, now, &mut self.ids)
            .unwrap()
            .0
    }

    fn perform(&mut self, wanted: fn(EffectKind) -> bool, outcome: Outcome) {
        let effect = {
            let mut pending = self.state.all::<Effect>();
            pending.rfind(|effect| wanted(effect.kind)).unwrap().clone()
        };
        self.decide(Signal::Performed(effect, outcome));
    }

    /// Has the agent's program run.
    fn run(&mut self) {
        self.perform(
            |kind| matches!(kind, EffectKind::CutBranch(_)),
            Outcome::Cut(oid(1)),
        );
        let prepared = Outcome::Prepared {
            head: oid(1),
            base: oid(1),
            conflicts: Vec::new(),
            fresh: true,
        };
        self.perform(|kind| matches!(kind, EffectKind::Prepare(_)), prepared);
        self.perform(
            |kind| matches!(kind, EffectKind::StartTurn(_)),
            Outcome::Done,
        );
        let output = Output {
            pid: Some(77),
            activity: Some("reads".into()),
            ..Output::default()
        };
        self.decide(Signal::Seen(self.turn(), Sight::Output(output)));
    }

    /// Has the agent's program end, with work.
    fn end(&mut self) {
        let ended = Sight::Ended {
            verdict: Verdict::Done,
            summary: None,
        };
        self.decide(Signal::Seen(self.turn(), ended));
        let collected = Outcome::Collected {
            head: oid(2),
            changed: true,
            unresolved: Vec::new(),
        };
        self.perform(|kind| matches!(kind, EffectKind::Collect(_)), collected);
    }

    fn turn(&self) -> cw_core::domain::ids::TurnId {
        self.state.index().last_turn(self.agent).unwrap()
    }

    fn view(&self) -> cw_wire::AgentView {
        let row = self.state.get::<Agent>(self.agent).unwrap();
        agent::view(&self.state, &places(), row)
    }

    fn merge(&self) -> cw_wire::MergeView {
        let row = self.state.all::<Merge>().next_back().unwrap();
        merge::view(&self.state, row)
    }

    fn tree(&self, path: &str) -> cw_wire::WorktreeView {
        let project = self.state.get::<Project>(self.project).unwrap();
        let tree = Worktree {
            path: PathBuf::from(path),
            branch: None,
            head: Some(oid(2)),
            dirty: false,
            bytes: 10,
            missing: false,
        };
        worktree::view(&self.state, &places(), project, &tree)
    }
}

#[test]
fn an_agent_has_a_worktree_and_a_process_only_while_it_does() {
    let mut scene = Scene::new(&[]);
    let view = scene.view();
    assert_eq!(view.status, AgentStatus::Starting);
    assert_eq!((view.worktree, view.pid, view.session), (None, None, None));
    assert_eq!(view.branch.as_deref(), Some("cw/adhoc/agent/soho"));
    scene.run();
    let view = scene.view();
    let path = format!(
        "/w/{}",
        scene.state.get::<Agent>(scene.agent).unwrap().worktree
    );
    assert_eq!(view.status, AgentStatus::Running);
    assert_eq!((view.worktree, view.pid), (Some(path), Some(77)));
    assert_eq!((view.turns, view.activity.as_deref()), (1, Some("reads")));
    assert_eq!(view.started_at.as_deref(), Some("1970-01-01T00:00:06.000Z"));
    scene.end();
    assert_eq!(scene.view().pid, None);
}

#[test]
fn a_turn_tells_how_it_came_out_and_where_its_run_lies() {
    let mut scene = Scene::new(&[]);
    let view = |scene: &Scene| {
        let turn = scene.state.get::<Turn>(scene.turn()).unwrap();
        agent::turn(turn, "/runs".as_ref())
    };
    assert_eq!(view(&scene).folder, None);
    scene.run();
    assert_eq!(view(&scene).outcome, None);
    scene.end();
    let turn = view(&scene);
    assert_eq!(turn.outcome.as_deref(), Some("done"));
    assert_eq!(turn.folder, Some(format!("/runs/{}", scene.turn())));
    assert_eq!((turn.number, turn.kind.as_str()), (1, "start"));
}

#[test]
fn a_question_names_who_asks_and_what_was_answered() {
    let mut scene = Scene::new(&[]);
    scene.run();
    let ask = Call::Ask {
        text: "Which?".into(),
        options: vec!["a".into(), "b".into()],
        key: None,
    };
    let Reply::Message(id) = scene.decide(Signal::Call(scene.agent, ask)) else {
        panic!("no question")
    };
    let view = |scene: &Scene| {
        let row = scene.state.get::<Message>(id).unwrap();
        message::view(&scene.state, row)
    };
    let asked = view(&scene);
    assert_eq!((asked.from.as_str(), asked.to.as_str()), ("soho", "user"));
    assert_eq!(
        (asked.kind, asked.status),
        (MessageKind::Question, MessageStatus::Open)
    );
    assert_eq!(
        (asked.task.as_deref(), asked.initiative.as_deref()),
        (Some("soho"), Some("adhoc"))
    );
    assert_eq!(scene.view().status, AgentStatus::Waiting);
    scene.decide(Signal::Command(Command::Answer(id, "b".into())));
    let answered = view(&scene);
    assert_eq!(answered.answer.as_deref(), Some("b"));
    assert_eq!(answered.status, MessageStatus::Answered);
}

#[test]
fn a_merge_tells_how_far_it_is_and_what_its_gate_said() {
    let mut scene = Scene::new(&["true"]);
    scene.run();
    scene.end();
    assert_eq!(scene.merge().status, MergeStatus::Trying);
    let held = Outcome::Held {
        why: "somebody moved it".into(),
        found: None,
    };
    scene.perform(|kind| matches!(kind, EffectKind::Trial(_)), held);
    let view = scene.merge();
    assert_eq!(
        (view.status, view.note.as_deref()),
        (MergeStatus::Held, Some("somebody moved it"))
    );
    let tried = Outcome::Tried {
        base: oid(1),
        result: oid(3),
    };
    scene.perform(|kind| matches!(kind, EffectKind::Trial(_)), tried);
    let view = scene.merge();
    assert_eq!(
        (view.status, view.gate.as_deref()),
        (MergeStatus::Gating, Some("running"))
    );
    let report = GateReport {
        command: "true".into(),
        passed: false,
        code: Some(1),
        output: "no".into(),
    };
    scene.perform(
        |kind| matches!(kind, EffectKind::Gate(_)),
        Outcome::Gated(report),
    );
    let view = scene.merge();
    assert_eq!(
        (view.status, view.gate.as_deref()),
        (MergeStatus::Bounced, Some("failed"))
    );
    assert_eq!(view.gate_output.as_deref(), Some("no"));
    assert_eq!(
        (view.head, view.result),
        (Some(oid(2).to_string()), Some(oid(3).to_string()))
    );
}

#[test]
fn a_worktree_is_told_by_its_path_and_is_spare_once_its_agent_is_done() {
    let mut scene = Scene::new(&[]);
    let own = format!(
        "/w/{}",
        scene.state.get::<Agent>(scene.agent).unwrap().worktree
    );
    let folder = own.rsplit_once('/').unwrap().0.to_owned();
    // Also before the rows know that it is there: it is being made.
    assert_eq!(scene.tree(&own).state, WorktreeState::InUse);
    let restored = scene.tree(&format!("{own}.restored-1"));
    assert_eq!(
        (restored.state, restored.agent.as_deref()),
        (WorktreeState::Kept, Some("soho"))
    );
    assert_eq!(
        scene.tree(&format!("{folder}/.gate-adhoc")).state,
        WorktreeState::Gate
    );
    let lost = scene.tree(&format!("{folder}/nobody"));
    assert_eq!((lost.state, lost.agent), (WorktreeState::Idle, None));
    scene.run();
    scene.end();
    assert_eq!(scene.tree(&own).state, WorktreeState::InUse);
    let base = Outcome::AlreadyIn { base: oid(1) };
    scene.perform(|kind| matches!(kind, EffectKind::Trial(_)), base);
    let view = scene.tree(&own);
    assert_eq!(
        (view.state, view.task.as_deref()),
        (WorktreeState::Kept, Some("soho"))
    );
}

#[test]
fn kept_work_is_told_by_its_ref() {
    let scene = Scene::new(&[]);
    let project = scene.state.get::<Project>(scene.project).unwrap();
    let kept = |name: &str| {
        let kept = Kept {
            name: name.into(),
            commit: oid(9),
        };
        worktree::kept(&scene.state, &places(), project, &kept)
    };
    let own = kept("refs/cw/kept/adhoc/soho/2");
    assert_eq!(
        (own.agent.as_deref(), own.state),
        (Some("soho"), WorktreeState::Removed)
    );
    assert_eq!(own.kept.as_deref(), Some("refs/cw/kept/adhoc/soho/2"));
    assert_eq!(kept("refs/cw/kept/lost/nobody/1").agent, None);
}
