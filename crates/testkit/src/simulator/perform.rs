//! Performing effects on the small world: what a performer needs is put together when the effect
//! is handed on, as the real server does it, and what it does finds itself done the second time.

use cw_core::app::Outcome;
use cw_core::domain::effect::{Effect, EffectKind, LandMode};
use cw_core::domain::held::Owner;
use cw_core::domain::hierarchy::{Initiative, Task};
use cw_core::domain::ids::{AgentId, InitiativeId, MergeId, TaskId, TurnId};
use cw_core::domain::oid::Oid;
use cw_core::domain::state::State;
use cw_core::domain::work::{Agent, GateReport, Merge, MergeState, Turn, TurnKind};

use super::Broken;
use super::agents::Run;
use super::git::{Branch, CommitNo, File, Moved, commit_no, oid};
use super::user::KEY;
use super::world::{Limits, World};

/// An effect with all that its performer needs.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// The effect.
    pub(super) effect: Effect,
    ask: Ask,
}

#[derive(Clone, Debug)]
enum Ask {
    Cut(InitiativeId, Option<CommitNo>),
    Sync(InitiativeId),
    Prepare {
        agent: AgentId,
        initiative: InitiativeId,
        bounce: bool,
        base: Option<Oid>,
    },
    Start(Box<Run>, Limits, Vec<Owner>),
    Stop(TurnId),
    Collect(AgentId),
    Trial {
        initiative: InitiativeId,
        task: TaskId,
        head: CommitNo,
        known: Option<CommitNo>,
    },
    Gate(CommitNo),
    Advance {
        initiative: InitiativeId,
        task: TaskId,
        attempt: u32,
        old: CommitNo,
        new: CommitNo,
        gated: bool,
    },
    Release(AgentId),
    Land(InitiativeId, LandMode),
    Nothing,
}

impl Job {
    /// What performing `effect` needs.
    #[must_use]
    pub(super) fn of(state: &State, effect: Effect) -> Self {
        let ask = ask(state, effect.kind).unwrap_or(Ask::Nothing);
        Self { effect, ask }
    }
}

fn ask(state: &State, kind: EffectKind) -> Option<Ask> {
    Some(match kind {
        EffectKind::CutBranch(id) => {
            let known = state.get::<Initiative>(id)?.tip.as_ref().map(commit_no);
            Ask::Cut(id, known)
        }
        EffectKind::SyncAdhoc(id) => Ask::Sync(id),
        EffectKind::Prepare(id) => {
            let turn = state.get::<Turn>(id)?;
            let agent = state.get::<Agent>(turn.agent)?;
            Ask::Prepare {
                agent: agent.id,
                initiative: agent.initiative,
                bounce: turn.kind == TurnKind::Bounce && turn.merge.is_some(),
                base: agent.base.clone(),
            }
        }
        EffectKind::StartTurn(id) => {
            let turn = state.get::<Turn>(id)?;
            let agent = state.get::<Agent>(turn.agent)?;
            let own = state.get::<Initiative>(agent.initiative)?.limit();
            let project = state.config(agent.project)?.max_agents;
            // One initiative may go over the project's limit: whoever ran it said so.
            let most = state
                .all::<Initiative>()
                .filter_map(Initiative::limit)
                .fold(project, u32::max);
            let limits = Limits { project: most, own };
            let run = Box::new(Run::new(turn, agent.initiative));
            Ask::Start(run, limits, givers(state, turn.task))
        }
        EffectKind::StopTurn(id) => Ask::Stop(id),
        // No program of the simulation asks by itself, or takes messages while it works.
        EffectKind::Reply(_) | EffectKind::Pass(_) => return None,
        EffectKind::Collect(id) => Ask::Collect(state.get::<Turn>(id)?.agent),
        EffectKind::Trial(id) => trial(state, id)?,
        EffectKind::Gate(id) => Ask::Gate(commit_no(state.get::<Merge>(id)?.result.as_ref()?)),
        EffectKind::Advance(id) => advance(state, id)?,
        EffectKind::Release(id) => Ask::Release(id),
        EffectKind::Land(id, mode) => Ask::Land(id, mode),
    })
}

/// What the value that a task's agent was given belongs to.
fn givers(state: &State, task: TaskId) -> Vec<Owner> {
    let Some(task) = state.get::<Task>(task) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if !task.passed.given.is_empty() {
        found.push(Owner::Task(task.id));
    }
    let initiative = state.get::<Initiative>(task.initiative);
    if initiative.is_some_and(|row| !row.passed.given.is_empty()) {
        found.push(Owner::Initiative(task.initiative));
    }
    found
}

fn trial(state: &State, id: MergeId) -> Option<Ask> {
    let merge = state.get::<Merge>(id)?;
    if !merge.state.in_lane() {
        return None;
    }
    let initiative = state.get::<Initiative>(merge.initiative)?;
    Some(Ask::Trial {
        initiative: initiative.id,
        task: merge.task,
        head: commit_no(&merge.head),
        known: initiative.tip.as_ref().map(commit_no),
    })
}

fn advance(state: &State, id: MergeId) -> Option<Ask> {
    let merge = state.get::<Merge>(id)?;
    if merge.state != MergeState::Moving {
        return None;
    }
    let initiative = state.get::<Initiative>(merge.initiative)?;
    let task = state.get::<Task>(merge.task)?;
    let gates = state
        .config(initiative.project)
        .is_some_and(|config| !config.gates.is_empty());
    Some(Ask::Advance {
        initiative: initiative.id,
        task: merge.task,
        attempt: merge.attempt,
        old: commit_no(merge.base.as_ref()?),
        new: commit_no(merge.result.as_ref()?),
        gated: gates || !task.spec.verify.is_empty(),
    })
}

/// Does what a job asks for.
///
/// # Errors
/// When it shows that an invariant is broken.
pub(super) fn perform(world: &mut World, job: &Job) -> Result<Outcome, Broken> {
    // A run folder that says "begun" is believed before anything else is tried.
    let begun = matches!(&job.ask, Ask::Start(run, ..) if world.runs.contains_key(&run.turn));
    if !begun && let Some(failure) = world.fault(job.effect.kind) {
        return Ok(failure);
    }
    Ok(match &job.ask {
        Ask::Cut(id, known) => cut(world, *id, *known),
        Ask::Sync(id) => sync(world, *id),
        Ask::Prepare {
            agent,
            initiative,
            bounce,
            base,
        } => prepare(world, *agent, *initiative, *bounce, base.clone()),
        Ask::Start(run, limits, givers) => {
            let has = givers.is_empty() || givers.iter().any(|one| world.keys.contains(one));
            if !has && !world.runs.contains_key(&run.turn) {
                return Ok(Outcome::Lacking(vec![KEY.into()]));
            }
            world.start(run, *limits)?;
            Outcome::Done
        }
        Ask::Stop(turn) => {
            world.stop(*turn);
            Outcome::Done
        }
        Ask::Collect(agent) => {
            world.alone(*agent, "its work was collected")?;
            let (head, unresolved) = world.git.collect(*agent);
            Outcome::Collected {
                head: oid(head),
                changed: true,
                unresolved: names(&unresolved),
            }
        }
        Ask::Trial {
            initiative,
            task,
            head,
            known,
        } => try_merge(world, *initiative, *task, *head, *known),
        Ask::Gate(result) => gate(world, *result),
        Ask::Advance {
            initiative,
            task,
            attempt,
            old,
            new,
            gated,
        } => {
            let branch = Branch::Integration(*initiative);
            if *gated && !world.gated.contains(new) {
                return Err(Broken::new(format!(
                    "every tree on the integration branch passed its gates: commit {new} did not"
                )));
            }
            let moved = world.git.advance(branch, *old, *new, (*task, *attempt));
            world.watch_branch(*initiative)?;
            moved_to(world, moved, *task, *new)
        }
        Ask::Release(agent) => {
            world.alone(*agent, "its worktree was taken away")?;
            world.git.release(*agent);
            Outcome::Done
        }
        Ask::Land(id, mode) => land(world, *id, *mode),
        Ask::Nothing => Outcome::Done,
    })
}

fn names<'f>(files: impl IntoIterator<Item = &'f File>) -> Vec<String> {
    files.into_iter().map(|file| format!("f{file}")).collect()
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed {
        why: why.into(),
        hint: None,
        passing: false,
    }
}

fn cut(world: &mut World, id: InitiativeId, known: Option<CommitNo>) -> Outcome {
    let base = world.git.head(Branch::Base).unwrap_or(0);
    match world.git.head(Branch::Integration(id)) {
        None => {
            world.git.set_head(Branch::Integration(id), base);
            Outcome::Cut(oid(base))
        }
        Some(tip) if tip == base || known == Some(tip) => Outcome::Cut(oid(tip)),
        Some(_) => failed("the branch is not cw's"),
    }
}

fn sync(world: &mut World, id: InitiativeId) -> Outcome {
    let branch = Branch::Integration(id);
    let base = world.git.head(Branch::Base).unwrap_or(0);
    let tip = match world.git.head(branch) {
        None => base,
        Some(tip) if world.git.contains(tip, base) => tip,
        Some(tip) if world.git.contains(base, tip) => base,
        Some(tip) => world.git.trial(tip, base).unwrap_or(tip),
    };
    world.git.set_head(branch, tip);
    Outcome::Cut(oid(tip))
}

fn prepare(
    world: &mut World,
    agent: AgentId,
    initiative: InitiativeId,
    bounce: bool,
    base: Option<Oid>,
) -> Outcome {
    let Some(tip) = world.git.head(Branch::Integration(initiative)) else {
        return failed("there is no integration branch");
    };
    let (mut head, fresh) = world.git.house(agent, tip);
    let mut conflicts = Vec::new();
    if bounce {
        let (merged, files) = world.git.merge_into(agent, tip);
        head = merged;
        conflicts = names(&files);
    }
    Outcome::Prepared {
        head: oid(head),
        base: base.unwrap_or_else(|| oid(tip)),
        conflicts,
        fresh,
    }
}

fn try_merge(
    world: &mut World,
    initiative: InitiativeId,
    task: TaskId,
    head: CommitNo,
    known: Option<CommitNo>,
) -> Outcome {
    let Some(tip) = world.git.head(Branch::Integration(initiative)) else {
        return Outcome::Held {
            why: "the branch is gone".into(),
            found: None,
        };
    };
    if known.is_some_and(|known| known != tip) {
        return Outcome::Held {
            why: format!("the branch was moved to {tip}"),
            found: Some(oid(tip)),
        };
    }
    if world.git.contains(tip, head) {
        world.merged.insert(task, Some(tip));
        return Outcome::AlreadyIn { base: oid(tip) };
    }
    match world.git.trial(tip, head) {
        Ok(result) => Outcome::Tried {
            base: oid(tip),
            result: oid(result),
        },
        Err(conflicts) => Outcome::Conflicted {
            base: oid(tip),
            conflicts: names(&conflicts),
        },
    }
}

fn gate(world: &mut World, result: CommitNo) -> Outcome {
    let passed = world.gate_passes();
    if passed {
        world.gated.insert(result);
    }
    Outcome::Gated(GateReport {
        command: "check".into(),
        passed,
        code: Some(i32::from(!passed)),
        output: String::new(),
    })
}

fn moved_to(world: &mut World, moved: Moved, task: TaskId, new: CommitNo) -> Outcome {
    match moved {
        Moved::Done => {
            world.merged.insert(task, Some(new));
            Outcome::Advanced
        }
        Moved::ByOthers(now) => Outcome::Moved {
            now: now.map(oid),
            foreign: true,
        },
    }
}

fn land(world: &mut World, id: InitiativeId, mode: LandMode) -> Outcome {
    let Some(tip) = world.git.head(Branch::Integration(id)) else {
        return failed("there is no integration branch");
    };
    let base = world.git.head(Branch::Base).unwrap_or(0);
    let landed = if world.git.contains(base, tip) {
        base
    } else if world.git.contains(tip, base) {
        tip
    } else if mode == LandMode::FastForward {
        return failed("the base has commits of its own");
    } else {
        match world.git.trial(base, tip) {
            Ok(commit) => commit,
            Err(_) => return failed("it conflicts with the base"),
        }
    };
    world.git.set_head(Branch::Base, landed);
    Outcome::Landed {
        commit: oid(landed),
    }
}
