//! From an effect's ids to what its performer is asked for: every name follows from the rows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cw_core::app::{ALLOW, ALLOW_ALWAYS, ALLOW_PROJECT, DENY, Outcome};
use cw_core::domain::config::{AgentConfig, Config};
use cw_core::domain::effect::{EffectKind, LandMode};
use cw_core::domain::held;
use cw_core::domain::hierarchy::{Initiative, Project, Task, TaskState};
use cw_core::domain::ids::{AgentId, InitiativeId, MergeId, MessageId, ProjectId, TaskId, TurnId};
use cw_core::domain::money::add_tokens;
use cw_core::domain::oid::Oid;
use cw_core::domain::prompt;
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{
    Agent, Merge, MergeState, Message, MessageKind, StopReason, Turn, TurnKind,
};
use cw_core::ports::agents::{
    Answer, Billed, Follow, Grace, Offsets, Permissions, ReplyTo, RunId, TurnOrder,
};
use cw_core::ports::workspaces::{
    Advance, Collect, CommitMessage, GateCheckout, Land, MergeInto, Prepare, Release, SyncBranch,
    Trial,
};

use crate::lanes::Lane;

/// Folders that names are resolved against.
#[derive(Clone, Debug)]
pub struct Places {
    /// All worktrees.
    pub worktrees: PathBuf,
    /// The server's socket.
    pub socket: PathBuf,
    /// A container holds the server and all that it starts.
    pub contained: bool,
}

/// What is to be done, with everything that is needed for it.
pub enum Work {
    /// Cut the integration branch at its base.
    Cut(CutWork),
    /// Bring the ad-hoc branch up to its base.
    Sync(CutWork),
    /// Make a worktree ready.
    Prepare(Box<PrepareWork>),
    /// Start a turn.
    Start(Box<StartWork>),
    /// Stop a turn.
    Stop(RunId, &'static str),
    /// Answer a program's request.
    Reply(Box<ReplyWork>),
    /// Hand a note to a program at work.
    Pass(PassWork),
    /// Collect what a turn left.
    Collect(Box<Collect>),
    /// Try a merge.
    Trial(Box<TrialWork>),
    /// Run gates.
    Gate(Box<GateWork>),
    /// Move the branch.
    Advance(Box<Advance>),
    /// Take a worktree away.
    Release(Box<Release>),
    /// Land.
    Land(Box<Land>),
    /// The rows say that there is nothing to do any more.
    Nothing(Outcome),
}

/// An integration branch and its base.
pub struct CutWork {
    pub(crate) repo: PathBuf,
    pub(crate) branch: String,
    pub(crate) base: String,
    pub(crate) known: Option<Oid>,
    pub(crate) message: CommitMessage,
    pub(crate) at: Timestamp,
}

/// A worktree to be made ready for a turn.
pub struct PrepareWork {
    pub(crate) prepare: Prepare,
    /// The integration branch, where a new worktree starts.
    pub(crate) integration: String,
    /// The agent has a branch already: its start is not looked up again.
    pub(crate) bounce: Option<MergeInto>,
    pub(crate) setup: Vec<String>,
    pub(crate) setup_timeout: Duration,
    pub(crate) base: Option<Oid>,
}

/// A turn to be started.
pub struct StartWork {
    pub(crate) order: TurnOrder,
    pub(crate) task: TaskId,
    pub(crate) initiative: InitiativeId,
    /// Names of variables whose values are in memory only.
    pub(crate) pass_env: Vec<String>,
    /// Those among them whose values were handed over at some time.
    pub(crate) given: Vec<String>,
}

/// An answer for a program that waits for it.
pub struct ReplyWork {
    pub(crate) run: RunId,
    pub(crate) kind: String,
    pub(crate) to: ReplyTo,
    pub(crate) answer: Answer,
}

/// A note for a program at work.
pub struct PassWork {
    pub(crate) run: RunId,
    pub(crate) kind: String,
    pub(crate) number: u64,
    pub(crate) text: String,
}

/// A merge to be tried.
pub struct TrialWork {
    pub(crate) trial: Trial,
    pub(crate) branch: String,
    /// Where the records say that the branch is; unknown after the user has looked.
    pub(crate) known: Option<Oid>,
}

/// Gates to be run.
pub struct GateWork {
    pub(crate) checkout: GateCheckout,
    pub(crate) commands: Vec<String>,
    pub(crate) timeout: Duration,
}

/// The lane that an effect belongs to.
pub fn lane(state: &State, kind: EffectKind) -> Option<Lane> {
    let project_of = |turn: TurnId| -> Option<ProjectId> {
        Some(state.get::<Agent>(state.get::<Turn>(turn)?.agent)?.project)
    };
    Some(match kind {
        EffectKind::CutBranch(id) | EffectKind::SyncAdhoc(id) | EffectKind::Land(id, _) => {
            Lane::Merges(id)
        }
        EffectKind::Trial(id) | EffectKind::Gate(id) | EffectKind::Advance(id) => {
            Lane::Merges(state.get::<Merge>(id)?.initiative)
        }
        EffectKind::Prepare(id) | EffectKind::Collect(id) => Lane::Worktrees(project_of(id)?),
        EffectKind::Release(id) => Lane::Worktrees(state.get::<Agent>(id)?.project),
        EffectKind::StartTurn(_) => Lane::Turns,
        EffectKind::StopTurn(_) | EffectKind::Reply(_) | EffectKind::Pass(_) => Lane::Stops,
    })
}

/// Puts together what performing an effect needs; `None` when its rows are gone.
pub fn work(state: &State, places: &Places, kind: EffectKind, now: Timestamp) -> Option<Work> {
    match kind {
        EffectKind::CutBranch(id) => Some(Work::Cut(cut(state, id, now)?)),
        EffectKind::SyncAdhoc(id) => Some(Work::Sync(cut(state, id, now)?)),
        EffectKind::Prepare(id) => prepare(state, places, id, now),
        EffectKind::StartTurn(id) => start(state, places, id).map(|work| {
            let refused = bypass_fault(state, places, &work);
            refused.map_or_else(|| Work::Start(Box::new(work)), Work::Nothing)
        }),
        EffectKind::StopTurn(id) => Some(stop(state, id)),
        EffectKind::Reply(id) => reply(state, id),
        EffectKind::Pass(id) => pass(state, id),
        EffectKind::Collect(id) => collect(state, places, id, now),
        EffectKind::Trial(id) => trial(state, id),
        EffectKind::Gate(id) => gate(state, places, id),
        EffectKind::Advance(id) => advance(state, id),
        EffectKind::Release(id) => release(state, places, id, now),
        EffectKind::Land(id, mode) => land(state, id, mode, now),
    }
}

/// The rows around an agent.
struct Scene<'s> {
    project: &'s Project,
    initiative: &'s Initiative,
    task: &'s Task,
    agent: &'s Agent,
    config: Config,
}

fn scene(state: &State, agent: AgentId) -> Option<Scene<'_>> {
    let agent = state.get::<Agent>(agent)?;
    Some(Scene {
        project: state.get(agent.project)?,
        initiative: state.get(agent.initiative)?,
        task: state.get(agent.task)?,
        agent,
        config: state
            .config(agent.project)
            .map(|config| (**config).clone())
            .unwrap_or_default(),
    })
}

impl Scene<'_> {
    fn repo(&self) -> PathBuf {
        PathBuf::from(&self.project.root)
    }

    fn worktree(&self, places: &Places) -> PathBuf {
        places.worktrees.join(&self.agent.worktree)
    }

    fn branch(&self) -> String {
        self.agent.branch(&self.initiative.slug)
    }

    fn kept(&self) -> String {
        format!("refs/cw/kept/{}/{}", self.initiative.slug, self.agent.name)
    }

    fn message(&self, subject: String) -> CommitMessage {
        CommitMessage {
            subject,
            body: String::new(),
            trailers: vec![
                ("Cw-Task".into(), self.task.spec.slug.clone()),
                ("Cw-Agent".into(), self.agent.name.clone()),
                ("Cw-Initiative".into(), self.initiative.slug.clone()),
            ],
        }
    }
}

fn cut(state: &State, id: InitiativeId, now: Timestamp) -> Option<CutWork> {
    let initiative = state.get::<Initiative>(id)?;
    Some(CutWork {
        repo: PathBuf::from(&state.get::<Project>(initiative.project)?.root),
        branch: initiative.branch(),
        base: initiative.base.clone(),
        known: initiative.tip.clone(),
        message: CommitMessage {
            subject: format!("Merge {} into {}", initiative.base, initiative.branch()),
            body: String::new(),
            trailers: vec![("Cw-Initiative".into(), initiative.slug.clone())],
        },
        at: now,
    })
}

fn prepare(state: &State, places: &Places, id: TurnId, now: Timestamp) -> Option<Work> {
    let turn = state.get::<Turn>(id)?;
    let scene = scene(state, turn.agent)?;
    let tip = scene.initiative.tip.clone()?;
    let prepare = Prepare {
        repo: scene.repo(),
        path: scene.worktree(places),
        branch: scene.branch(),
        start: tip.clone(),
        copy: scene.config.copy.clone(),
        kept: scene.kept(),
        at: now,
    };
    let bounce = (turn.kind == TurnKind::Bounce && turn.merge.is_some()).then(|| MergeInto {
        repo: scene.repo(),
        path: scene.worktree(places),
        branch: scene.branch(),
        tip,
        message: scene.message(format!(
            "Merge {} into {}",
            scene.initiative.branch(),
            scene.branch()
        )),
        at: now,
        kept: scene.kept(),
    });
    Some(Work::Prepare(Box::new(PrepareWork {
        prepare,
        integration: scene.initiative.branch(),
        bounce,
        setup: scene.config.setup.clone(),
        setup_timeout: scene.config.turn_timeout,
        base: scene.agent.base.clone(),
    })))
}

/// Why a turn that asks nothing is not started: no container holds it, and nobody confirmed it.
fn bypass_fault(state: &State, places: &Places, work: &StartWork) -> Option<Outcome> {
    let project = state.get::<Initiative>(work.initiative)?.project;
    let free = places.contained || state.get::<Project>(project)?.bypass;
    (work.order.permissions == Permissions::Bypass && !free).then(|| Outcome::Failed {
        why: "`permissions = \"bypass\"` outside a container was not confirmed (`cw trust`)".into(),
        hint: None,
        passing: false,
    })
}

fn start(state: &State, places: &Places, id: TurnId) -> Option<StartWork> {
    let turn = state.get::<Turn>(id)?;
    let scene = scene(state, turn.agent)?;
    let agent = scene
        .config
        .agent(&scene.agent.config)
        .unwrap_or(AgentConfig {
            kind: scene.agent.kind.clone(),
            ..AgentConfig::default()
        });
    let program = program(&scene.repo(), &agent.command);
    let env = agent
        .env
        .iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    let order = TurnOrder {
        run: RunId::from(id),
        kind: agent.kind,
        program,
        cwd: scene.worktree(places),
        env,
        prompt: turn.prompt.clone(),
        session: scene.agent.session.clone(),
        resume: turn.resumes,
        billed: billed(state, turn),
        model: scene.task.spec.model.clone().or(agent.model),
        permissions: agent
            .permissions
            .as_deref()
            .and_then(Permissions::from_word)
            .unwrap_or_default(),
        allow: agent.allow,
        tools: true,
        repo_settings: agent.repo_settings,
        task: scene.task.spec.slug.clone(),
        agent: scene.agent.name.clone(),
        turn: turn.kind.word().into(),
        token: scene.agent.token.clone(),
        socket: places.socket.clone(),
        grace: Grace::default(),
    };
    Some(StartWork {
        order,
        task: scene.task.id,
        initiative: scene.initiative.id,
        given: held::given(scene.task, scene.initiative, &agent.pass_env),
        pass_env: agent.pass_env,
    })
}

/// What the turns before this one have used in its session.
fn billed(state: &State, turn: &Turn) -> Billed {
    if turn.number <= 1 || !turn.resumes {
        return Billed::default();
    }
    let before = state.all::<Turn>().rev();
    let mut before = before.filter(|one| one.agent == turn.agent && one.number < turn.number);
    let mut sum = Billed::default();
    // The session was begun by the last turn that resumed none.
    let begun = before.find(|one| {
        sum.cost += one.cost;
        sum.tokens = add_tokens(sum.tokens, one.tokens);
        !one.resumes && one.started_at.is_some()
    });
    if begun.is_some() {
        sum
    } else {
        Billed::default()
    }
}

/// The program's path: one with a slash is relative to the folder of `cw.toml`.
pub fn program(root: &Path, command: &[String]) -> Vec<std::ffi::OsString> {
    let mut words = command.iter();
    let Some(first) = words.next() else {
        return Vec::new();
    };
    let first = if first.contains('/') {
        root.join(first).into_os_string()
    } else {
        first.into()
    };
    std::iter::once(first)
        .chain(words.map(Into::into))
        .collect()
}

/// Which run to follow, from where the rows say that it was read.
pub fn follow(state: &State, id: TurnId) -> Option<Follow> {
    let turn = state.get::<Turn>(id)?;
    let agent = state.get::<Agent>(turn.agent)?;
    // A turn is followed also while nobody can read the project's settings.
    let config = state
        .config(agent.project)
        .and_then(|config| config.agent(&agent.config));
    Some(Follow {
        run: RunId::from(id),
        kind: agent.kind.clone(),
        resume: turn.resumes,
        permissions: config
            .and_then(|config| config.permissions)
            .and_then(|word| Permissions::from_word(&word))
            .unwrap_or_default(),
        from: Offsets {
            out: turn.read_out,
            err: turn.read_err,
        },
        linger: Duration::from_secs(20),
    })
}

fn stop(state: &State, id: TurnId) -> Work {
    let why = match state.get::<Turn>(id).and_then(|turn| turn.stop) {
        Some(StopReason::Timeout) => "timeout",
        Some(StopReason::Stalled) => "stalled",
        Some(StopReason::Dropped) => "dropped",
        Some(StopReason::Unanswered) => "unanswered",
        Some(StopReason::Budget) => "budget",
        Some(StopReason::User) | None => "user",
    };
    Work::Stop(RunId::from(id), why)
}

fn pass(state: &State, id: MessageId) -> Option<Work> {
    let message = state.get::<Message>(id)?;
    if message.delivered.is_some() {
        // Its agent has read it by itself meanwhile.
        return Some(Work::Nothing(Outcome::Done));
    }
    let turn = state.get::<Turn>(message.passed?)?;
    Some(Work::Pass(PassWork {
        run: RunId::from(turn.id),
        kind: state.get::<Agent>(turn.agent)?.kind.clone(),
        number: id.0,
        text: prompt::note(message),
    }))
}

fn reply(state: &State, id: MessageId) -> Option<Work> {
    let message = state.get::<Message>(id)?;
    let request = message.request.as_ref()?;
    let agent = state.get::<Agent>(state.get::<Turn>(request.turn)?.agent)?;
    let text = message.answer.clone()?;
    let answer = match message.kind {
        MessageKind::Permission if [ALLOW, ALLOW_ALWAYS, ALLOW_PROJECT].contains(&&*text) => {
            Answer::Allow
        }
        MessageKind::Permission if text == DENY => Answer::Deny {
            why: "The user says no.".into(),
        },
        MessageKind::Permission => Answer::Deny { why: text },
        _ if request.parts > 1 => Answer::Answers(text.lines().map(str::to_owned).collect()),
        _ => Answer::Answers(vec![text]),
    };
    Some(Work::Reply(Box::new(ReplyWork {
        run: RunId::from(request.turn),
        kind: agent.kind.clone(),
        to: ReplyTo(request.reply),
        answer,
    })))
}

fn collect(state: &State, places: &Places, id: TurnId, now: Timestamp) -> Option<Work> {
    let turn = state.get::<Turn>(id)?;
    let scene = scene(state, turn.agent)?;
    let base = scene
        .agent
        .base
        .clone()
        .or_else(|| scene.initiative.tip.clone())?;
    Some(Work::Collect(Box::new(Collect {
        repo: scene.repo(),
        path: scene.worktree(places),
        branch: scene.branch(),
        base,
        message: scene.message(scene.task.spec.title.clone()),
        at: now,
        kept: scene.kept(),
    })))
}

fn trial(state: &State, id: MergeId) -> Option<Work> {
    let merge = state.get::<Merge>(id)?;
    if !merge.state.in_lane() {
        return Some(Work::Nothing(Outcome::Done));
    }
    let scene = scene(state, merge.agent)?;
    let mut message = scene.message(format!(
        "Merge task {}: {}",
        scene.task.spec.slug, scene.task.spec.title
    ));
    message.body = scene.task.summary.clone().unwrap_or_default();
    Some(Work::Trial(Box::new(TrialWork {
        trial: Trial {
            repo: scene.repo(),
            tip: merge.head.clone(),
            head: merge.head.clone(),
            message,
            at: merge.queued_at,
        },
        branch: scene.initiative.branch(),
        known: scene.initiative.tip.clone(),
    })))
}

fn gate(state: &State, places: &Places, id: MergeId) -> Option<Work> {
    let merge = state.get::<Merge>(id)?;
    let scene = scene(state, merge.agent)?;
    let folder = Path::new(&scene.agent.worktree)
        .parent()?
        .join(format!(".gate-{}", scene.initiative.slug));
    let mut commands = scene.task.spec.verify.clone();
    commands.extend(scene.config.gates.iter().cloned());
    Some(Work::Gate(Box::new(GateWork {
        checkout: GateCheckout {
            repo: scene.repo(),
            path: places.worktrees.join(folder),
            commit: merge.result.clone()?,
            copy: scene.config.copy.clone(),
        },
        commands,
        timeout: scene.config.gate_timeout,
    })))
}

fn advance(state: &State, id: MergeId) -> Option<Work> {
    let merge = state.get::<Merge>(id)?;
    if merge.state != MergeState::Moving {
        return Some(Work::Nothing(Outcome::Done));
    }
    let scene = scene(state, merge.agent)?;
    Some(Work::Advance(Box::new(Advance {
        repo: scene.repo(),
        branch: scene.initiative.branch(),
        old: merge.base.clone()?,
        new: merge.result.clone()?,
        merged_ref: format!(
            "refs/cw/merged/{}/{}/{}/{}",
            scene.project.uid, scene.initiative.uid, scene.task.spec.slug, merge.attempt
        ),
    })))
}

fn release(state: &State, places: &Places, id: AgentId, now: Timestamp) -> Option<Work> {
    let scene = scene(state, id)?;
    Some(Work::Release(Box::new(Release {
        repo: scene.repo(),
        path: scene.worktree(places),
        branch: scene.branch(),
        kept: scene.kept(),
        unmerged: !matches!(scene.task.state, TaskState::Merged { .. }),
        at: now,
    })))
}

fn land(state: &State, id: InitiativeId, mode: LandMode, now: Timestamp) -> Option<Work> {
    let initiative = state.get::<Initiative>(id)?;
    Some(Work::Land(Box::new(Land {
        repo: PathBuf::from(&state.get::<Project>(initiative.project)?.root),
        base: initiative.base.clone(),
        tip: initiative.tip.clone()?,
        mode,
        message: CommitMessage {
            subject: format!("Land {}: {}", initiative.slug, initiative.title),
            body: String::new(),
            trailers: vec![("Cw-Initiative".into(), initiative.slug.clone())],
        },
        at: now,
    })))
}

/// The sync ask of a branch, once its base is known.
pub(crate) fn sync_ask(work: &CutWork, to: Oid) -> SyncBranch {
    SyncBranch {
        repo: work.repo.clone(),
        branch: work.branch.clone(),
        to,
        message: work.message.clone(),
        at: work.at,
    }
}
