//! All that is outside the server: the repository, the programs that run, and the record of what
//! really happened, which the server's own account is held against.

use std::collections::{BTreeMap, BTreeSet};

use cw_core::app::Outcome;
use cw_core::domain::effect::EffectKind;
use cw_core::domain::held::Owner;
use cw_core::domain::ids::{AgentId, InitiativeId, MessageId, TaskId, TurnId};
use cw_core::domain::work::{TurnKind, Verdict};

use super::Broken;
use super::agents::{Act, Run, RunState, Temper, script};
use super::chance::Chance;
use super::git::{Branch, CommitNo, Git};

/// How many agents may live at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// In the project.
    pub(super) project: u32,
    /// In the initiative, if it has a limit of its own.
    pub(super) own: Option<u32>,
}

/// The outside world of one run.
pub(super) struct World {
    /// The repository.
    pub(super) git: Git,
    /// Every run that ever began.
    pub(super) runs: BTreeMap<TurnId, Run>,
    /// Those of them that live.
    pub(super) alive: BTreeSet<TurnId>,
    /// Runs that began or ended since somebody looked.
    pub(super) news: Vec<TurnId>,
    /// Trees that passed their gates.
    pub(super) gated: BTreeSet<CommitNo>,
    /// What is merged, skipped or approved, by what the world saw; with the commit, if any.
    pub(super) merged: BTreeMap<TaskId, Option<CommitNo>>,
    /// What each task waited for when it was begun.
    pub(super) begun: BTreeMap<TaskId, Vec<TaskId>>,
    /// How often the answer or note of this number was given to its agent.
    pub(super) delivered: BTreeMap<u64, u32>,
    /// Questions whose answer the server took, and its number.
    pub(super) answered: BTreeMap<MessageId, u64>,
    /// Whose values the server has in its memory.
    pub(super) keys: BTreeSet<Owner>,
    /// Where each integration branch was last.
    tips: BTreeMap<InitiativeId, CommitNo>,
    /// The dice of the world.
    pub(super) chance: Chance,
    /// How wild it is.
    pub(super) temper: Temper,
    /// Programs tell real costs.
    pub(super) priced: bool,
}

impl World {
    /// A world of these dice.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, 2);
        let shared = u32::try_from(chance.between(2, 12)).unwrap_or(2);
        Self {
            git: Git::default(),
            runs: BTreeMap::new(),
            alive: BTreeSet::new(),
            news: Vec::new(),
            gated: BTreeSet::new(),
            merged: BTreeMap::new(),
            begun: BTreeMap::new(),
            delivered: BTreeMap::new(),
            answered: BTreeMap::new(),
            keys: BTreeSet::new(),
            tips: BTreeMap::new(),
            chance,
            temper: Temper {
                calm: false,
                shared,
            },
            priced: false,
        }
    }

    /// Whether performing this goes wrong before anything is done.
    pub(super) fn fault(&mut self, kind: EffectKind) -> Option<Outcome> {
        if self.temper.calm || !self.chance.hits(25) {
            return None;
        }
        // What a person would have to mend by hand is rarer than what passes.
        let passing = match kind {
            EffectKind::Release(_) | EffectKind::StopTurn(_) => true,
            EffectKind::Collect(_) => !self.chance.hits(50),
            _ => !self.chance.hits(200),
        };
        Some(Outcome::Failed {
            why: "the disk hiccuped".into(),
            hint: None,
            passing,
        })
    }

    /// Whether a gate says yes.
    pub(super) fn gate_passes(&mut self) -> bool {
        self.temper.calm || !self.chance.hits(120)
    }

    /// Starts a run, unless its run folder says that it was begun.
    ///
    /// # Errors
    /// When a run begins that must not.
    pub(super) fn start(&mut self, run: &Run, limits: Limits) -> Result<(), Broken> {
        if self.runs.contains_key(&run.turn) {
            return Ok(());
        }
        if !self.git.worktrees.contains_key(&run.agent) {
            let what = format!("turn {} began without a worktree", run.turn);
            return Err(Broken::new(what));
        }
        self.alone(run.agent, "another turn of it began")?;
        let siblings = self.alive.iter().filter_map(|turn| self.runs.get(turn));
        let siblings = siblings.filter(|other| other.initiative == run.initiative);
        let (all, own) = (self.alive.len(), siblings.count());
        if all >= limits.project as usize || limits.own.is_some_and(|most| own >= most as usize) {
            return Err(Broken::new(format!(
                "limits on agents at once: one more beside {all} ({own} of the initiative), {limits:?}"
            )));
        }
        self.check_order(run)?;
        let mut run = run.clone();
        run.acts = script(&mut self.chance, self.temper, run.task);
        let unknown = Act::End(Verdict::SessionUnknown);
        if run.resumes && run.acts.back() == Some(&unknown) {
            // It knows no such session: it reads nothing and does nothing.
            run.acts = [unknown].into();
        } else if !run.is_kept_out() {
            self.deliver(&run.prompt)?;
        }
        self.alive.insert(run.turn);
        self.news.push(run.turn);
        self.runs.insert(run.turn, run);
        Ok(())
    }

    /// No task runs before what it waits for is merged, and it sees that work.
    fn check_order(&self, run: &Run) -> Result<(), Broken> {
        let before = self.begun.get(&run.task).map_or(&[][..], Vec::as_slice);
        let head = self.git.head(Branch::Agent(run.agent)).unwrap_or(0);
        for task in before {
            let Some(commit) = self.merged.get(task) else {
                return Err(Broken::new(format!(
                    "no task runs before its predecessors are merged: task {} ran before task {task}",
                    run.task
                )));
            };
            let sees = commit.is_none_or(|commit| self.git.contains(head, commit));
            if run.kind == TurnKind::Start && !sees {
                return Err(Broken::new(format!(
                    "a task starts at the tip and sees what it waited for: task {} of initiative {} \
                     does not see task {task}",
                    run.task, run.initiative
                )));
            }
        }
        Ok(())
    }

    /// Takes note of every answer and note that a text carries.
    ///
    /// # Errors
    /// When one comes twice.
    pub(super) fn deliver(&mut self, text: &str) -> Result<(), Broken> {
        for part in text.split('«').skip(1) {
            let Some(number) = part.split('»').next().and_then(|part| part.parse().ok()) else {
                continue;
            };
            let times = self.delivered.entry(number).or_default();
            *times += 1;
            if *times > 1 {
                return Err(Broken::new(format!(
                    "every answer is delivered exactly once: number {number} came {times} times"
                )));
            }
        }
        Ok(())
    }

    /// Stops a run with its whole tree; returns when nothing of it is left.
    pub(super) fn stop(&mut self, turn: TurnId) {
        let Some(run) = self
            .runs
            .get(&turn)
            .filter(|run| self.alive.contains(&run.turn))
        else {
            return;
        };
        let unknown = Act::End(Verdict::SessionUnknown);
        // It never got as far as to read what it was told.
        let lost = run.resumes && run.acts.front() == Some(&unknown);
        // Who was not let in has heard nothing, however it ends.
        let verdict = match run.acts.back() {
            _ if lost => Verdict::SessionUnknown,
            Some(Act::End(verdict)) if run.is_kept_out() => verdict.clone(),
            _ => Verdict::Stopped,
        };
        self.end(turn, verdict);
    }

    /// A run's process comes to its end.
    pub(super) fn end(&mut self, turn: TurnId, verdict: Verdict) {
        if let Some(run) = self.runs.get_mut(&turn)
            && self.alive.remove(&turn)
        {
            run.state = RunState::Over(verdict);
            self.news.push(turn);
        }
    }

    /// Nothing may happen to a worktree that a program works in.
    ///
    /// # Errors
    /// When one does.
    pub(super) fn alone(&self, agent: AgentId, what: &str) -> Result<(), Broken> {
        let busy = self
            .alive
            .iter()
            .find(|turn| self.runs.get(turn).is_some_and(|run| run.agent == agent));
        match busy {
            Some(turn) => Err(Broken::new(format!(
                "at most one live turn per agent and worktree: {what} while turn {turn} of agent {agent} lives"
            ))),
            None => Ok(()),
        }
    }

    /// An integration branch only moves forward.
    ///
    /// # Errors
    /// When it lost what it had.
    pub(super) fn watch_branch(&mut self, id: InitiativeId) -> Result<(), Broken> {
        let Some(now) = self.git.head(Branch::Integration(id)) else {
            return Ok(());
        };
        let lost = self
            .tips
            .insert(id, now)
            .filter(|before| !self.git.contains(now, *before));
        match lost {
            Some(before) => Err(Broken::new(format!(
                "the integration branch never loses what was on it: {before} is not in {now}"
            ))),
            None => Ok(()),
        }
    }

    /// Somebody moves an integration branch, forward or back again.
    pub(super) fn move_by_hand(&mut self, id: InitiativeId, to: CommitNo) {
        self.git.set_head(Branch::Integration(id), to);
        self.tips.insert(id, to);
    }
}
