//! An initiative's life: started, paused, cancelled, finished, landed.

use crate::domain::effect::{Effect, EffectKind, LandMode};
use crate::domain::event::Value;
use crate::domain::hierarchy::{Initiative, InitiativeStatus, Task, TaskState};
use crate::domain::ids::{InitiativeId, TaskId, TurnId};
use crate::domain::txn::{About, Txn};
use crate::domain::work::{Agent, Turn};

use super::signal::{Outcome, Refusal, Reply, StartFacts};
use super::{dispatch, task, tasks, turn};

/// Starts an initiative; one that is active stays so.
pub(super) fn start(tx: &mut Txn, id: InitiativeId, facts: &StartFacts) -> Result<Reply, Refusal> {
    let initiative = tx.get::<Initiative>(id);
    match initiative.status {
        InitiativeStatus::Active => {
            cut(tx, id);
            return Ok(Reply::Done);
        }
        InitiativeStatus::Paused => return resume(tx, id),
        InitiativeStatus::Draft => {}
        status => return Err(over(&initiative.slug, status)),
    }
    check_facts(initiative, facts)?;
    activate(tx, id);
    cut(tx, id);
    tx.tell("initiative.started", About::Initiative(id), []);
    tasks::tell_due(tx, id);
    tasks::end_or_reopen(tx, id);
    Ok(Reply::Done)
}

/// Has the integration branch made, unless it is there or being made.
pub(super) fn cut(tx: &mut Txn, id: InitiativeId) {
    let initiative = tx.get::<Initiative>(id);
    let kind = match initiative.tip {
        Some(_) if initiative.adhoc => EffectKind::SyncAdhoc(id),
        _ => EffectKind::CutBranch(id),
    };
    if !initiative.cut && tx.pending(kind).is_none() {
        tx.want(kind);
    }
}

/// Refuses a start from a base that is not there, or over a branch that is somebody else's.
pub(super) fn check_facts(initiative: &Initiative, facts: &StartFacts) -> Result<(), Refusal> {
    if facts.base.is_none() {
        return Err(Refusal::state(format!(
            "the base branch '{}' does not exist",
            initiative.base
        ))
        .because("an initiative starts from the commit that its base is at")
        .hint(
            "create the branch, or name another with `- base:` in the plan or `base` in cw.toml",
        ));
    }
    if !initiative.cut && facts.branch.is_some() {
        return Err(Refusal::state(format!(
            "the branch '{}' exists and is not cw's",
            initiative.branch()
        ))
        .because("its work would be mixed with what is there")
        .hint("rename or delete that branch, or give the initiative another `- id:`"));
    }
    Ok(())
}

/// Marks an initiative as active from now on.
pub(super) fn activate(tx: &mut Txn, id: InitiativeId) {
    let now = tx.now;
    tx.change::<Initiative>(id, |initiative| {
        initiative.status = InitiativeStatus::Active;
        initiative.started_at = initiative.started_at.or(Some(now));
    });
}

/// The refusal for an initiative that is over.
pub(super) fn over(slug: &str, status: InitiativeStatus) -> Refusal {
    let word = status_word(status);
    Refusal::state(format!("initiative '{slug}' is {word}"))
        .hint("give the new work another `- id:` (or another title)")
}

/// The word users see.
#[must_use]
pub(super) fn status_word(status: InitiativeStatus) -> &'static str {
    match status {
        InitiativeStatus::Draft => "draft",
        InitiativeStatus::Active => "active",
        InitiativeStatus::Paused => "paused",
        InitiativeStatus::Finished => "finished",
        InitiativeStatus::Landed => "landed",
        InitiativeStatus::Cancelled => "cancelled",
    }
}

pub(super) fn pause(tx: &mut Txn, id: InitiativeId) -> Result<Reply, Refusal> {
    let initiative = tx.get::<Initiative>(id);
    match initiative.status {
        InitiativeStatus::Paused => Ok(Reply::Done),
        InitiativeStatus::Active => {
            tx.change::<Initiative>(id, |initiative| {
                initiative.status = InitiativeStatus::Paused;
            });
            tx.tell("initiative.paused", About::Initiative(id), []);
            Ok(Reply::Done)
        }
        status => Err(Refusal::state(format!(
            "initiative '{}' is {}",
            initiative.slug,
            status_word(status)
        ))
        .because("only an active one can be paused")),
    }
}

pub(super) fn resume(tx: &mut Txn, id: InitiativeId) -> Result<Reply, Refusal> {
    let initiative = tx.get::<Initiative>(id);
    match initiative.status {
        InitiativeStatus::Active => Ok(Reply::Done),
        InitiativeStatus::Paused => {
            activate(tx, id);
            cut(tx, id);
            tx.tell("initiative.resumed", About::Initiative(id), []);
            tasks::tell_due(tx, id);
            Ok(Reply::Done)
        }
        status => Err(Refusal::state(format!(
            "initiative '{}' is {}",
            initiative.slug,
            status_word(status)
        ))
        .because("only a paused one can go on")
        .hint(match status {
            InitiativeStatus::Draft => {
                format!("`cw initiative start {}` starts it", initiative.slug)
            }
            _ => format!(
                "`cw initiative show {}` tells how it ended",
                initiative.slug
            ),
        })),
    }
}

pub(super) fn cancel(tx: &mut Txn, id: InitiativeId) -> Result<Reply, Refusal> {
    let initiative = tx.get::<Initiative>(id);
    match initiative.status {
        InitiativeStatus::Cancelled => return Ok(Reply::Done),
        InitiativeStatus::Landed => return Err(over(&initiative.slug, initiative.status)),
        _ => {}
    }
    let open: Vec<TaskId> = tx
        .state()
        .tasks_of(id)
        .filter(|task| !task.state.is_closed())
        .map(|task| task.id)
        .collect();
    // First, or it would count as finished with its last task.
    let now = tx.now;
    tx.change::<Initiative>(id, |initiative| {
        initiative.status = InitiativeStatus::Cancelled;
        initiative.ended_at = Some(now);
    });
    for task in open {
        task::cancel(tx, task)?;
    }
    tx.tell("initiative.cancelled", About::Initiative(id), []);
    Ok(Reply::Done)
}

pub(super) fn land(tx: &mut Txn, id: InitiativeId, mode: LandMode) -> Result<Reply, Refusal> {
    let initiative = tx.get::<Initiative>(id);
    let slug = initiative.slug.clone();
    let ready = match initiative.status {
        InitiativeStatus::Landed => return Ok(Reply::Done),
        InitiativeStatus::Finished => true,
        InitiativeStatus::Active if initiative.adhoc => initiative.open == 0,
        _ => false,
    };
    if !ready {
        let open: Vec<String> = tx
            .state()
            .tasks_of(id)
            .filter(|task| !task.state.is_closed())
            .take(5)
            .map(|task: &Task| task.spec.slug.clone())
            .collect();
        return Err(
            Refusal::state(format!("initiative '{slug}' is not finished"))
                .because(format!(
                    "{} of its tasks are open: {}{}",
                    initiative.open,
                    open.join(", "),
                    if initiative.open as usize > open.len() {
                        " …"
                    } else {
                        ""
                    }
                ))
                .hint("wait for them, or take them out with `cw task skip` or `cw task cancel`"),
        );
    }
    if let Some(pending) = tx.pending(EffectKind::Land(id, mode)) {
        return Ok(Reply::Effect(pending));
    }
    Ok(Reply::Effect(tx.want(EffectKind::Land(id, mode))))
}

/// Takes in what came of cutting, syncing or landing.
pub(super) fn performed(tx: &mut Txn, effect: &Effect, outcome: Outcome) {
    match (effect.kind, outcome) {
        (EffectKind::CutBranch(id) | EffectKind::SyncAdhoc(id), Outcome::Cut(tip)) => {
            tx.done(effect.id);
            let text = tip.to_string();
            tx.change::<Initiative>(id, |initiative| {
                initiative.cut = true;
                initiative.tip = Some(tip);
                initiative.lane_held = None;
            });
            tx.tell(
                "initiative.branch-cut",
                About::Initiative(id),
                [("commit", text.into())],
            );
        }
        (
            EffectKind::CutBranch(id) | EffectKind::SyncAdhoc(id),
            Outcome::Failed { why, passing, .. },
        ) => {
            if passing && dispatch::try_later(tx, effect, &why) {
                return;
            }
            tx.done(effect.id);
            not_cut(tx, id, &why);
        }
        (EffectKind::Land(id, _), Outcome::Landed { commit }) => {
            tx.done(effect.id);
            let (adhoc, now) = (tx.get::<Initiative>(id).adhoc, tx.now);
            if !adhoc {
                tx.change::<Initiative>(id, |initiative| {
                    initiative.status = InitiativeStatus::Landed;
                    initiative.ended_at = initiative.ended_at.or(Some(now));
                });
            }
            tx.tell(
                "initiative.landed",
                About::Initiative(id),
                [("commit", commit.to_string().into())],
            );
        }
        (EffectKind::Land(id, _), Outcome::Failed { why, .. }) => {
            tx.done(effect.id);
            tx.tell(
                "initiative.land-refused",
                About::Initiative(id),
                [("error", Value::Text(why))],
            );
        }
        _ => tx.done(effect.id),
    }
}

/// Without its branch nothing of an initiative can go on: its tasks say why. A branch that could
/// only not be brought up to its base is there.
fn not_cut(tx: &mut Txn, id: InitiativeId, why: &str) {
    let there = tx.get::<Initiative>(id).tip.is_some();
    if there {
        tx.change::<Initiative>(id, |initiative| initiative.cut = true);
    } else {
        fail_all(tx, id, why);
    }
    tx.tell(
        "initiative.branch-refused",
        About::Initiative(id),
        [("error", Value::Text(tasks::bounded(why)))],
    );
}

fn fail_all(tx: &mut Txn, id: InitiativeId, why: &str) {
    let why = format!("the integration branch could not be made: {why}");
    let queued: Vec<TurnId> = tx.state().index().queued_turns().collect();
    for turn in queued {
        let agent = tx.get::<Turn>(turn).agent;
        if tx.get::<Agent>(agent).initiative == id {
            turn::give_up(tx, turn, &why);
        }
    }
    let waiting: Vec<TaskId> = tx
        .state()
        .tasks_of(id)
        .filter(|task| matches!(task.state, TaskState::Todo { .. }) && task.blockers == 0)
        .map(|task| task.id)
        .collect();
    for task in waiting {
        tasks::fail(tx, task, &why);
    }
}
