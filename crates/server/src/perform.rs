//! Performing effects: each step over the ports, and what came of it in the core's words. It
//! decides nothing; a step that was done before finds its work done.

use std::path::Path;
use std::sync::Arc;

use cw_core::app::Outcome;
use cw_core::domain::oid::Oid;
use cw_core::domain::work::GateReport;
use cw_core::ports::agents::{Agents, AgentsError, RunState};
use cw_core::ports::commands::{CommandOrder, Commands};
use cw_core::ports::workspaces::{
    Advance, Advanced, Collect, Cut, CutBranch, Land, Landed, MergedInto, Release, Synced,
    Trialled, WorkspaceError, Workspaces,
};

use crate::secrets::Secrets;
use crate::work::{CutWork, GateWork, PrepareWork, StartWork, TrialWork, Work, sync_ask};

/// The ports that effects are performed over.
#[derive(Clone)]
pub struct Ports {
    /// Git.
    pub workspaces: Arc<dyn Workspaces>,
    /// Agent programs.
    pub agents: Arc<dyn Agents>,
    /// Gates and setup commands.
    pub commands: Arc<dyn Commands>,
    /// Values that are kept in memory only.
    pub secrets: Secrets,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed {
            why: failure.why,
            hint: failure.hint,
            passing: failure.passing,
        }
    }
}

struct Failure {
    why: String,
    hint: Option<String>,
    passing: bool,
}

fn failed(why: impl Into<String>) -> Failure {
    Failure {
        why: why.into(),
        hint: None,
        passing: false,
    }
}

impl From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        let why = if error.cause.is_empty() {
            error.what
        } else {
            format!("{}: {}", error.what, error.cause)
        };
        Self {
            why,
            hint: (!error.hint.is_empty()).then_some(error.hint),
            passing: error.transient,
        }
    }
}

impl From<AgentsError> for Failure {
    fn from(error: AgentsError) -> Self {
        let passing = matches!(
            error,
            AgentsError::System { .. } | AgentsError::Unstoppable { .. }
        );
        Self {
            why: error.to_string(),
            hint: None,
            passing,
        }
    }
}

impl Ports {
    /// Does what is asked for.
    #[must_use]
    pub fn perform(&self, work: Work) -> Outcome {
        let done = match work {
            Work::Cut(work) => self.cut(&work),
            Work::Sync(work) => self.sync(&work),
            Work::Prepare(work) => self.prepare(&work),
            Work::Start(work) => self.start(*work),
            Work::Stop(run, why) => self
                .agents
                .stop(&run, why)
                .map(|_| Outcome::Done)
                .map_err(Failure::from),
            Work::Reply(work) => self
                .agents
                .answer(&work.run, &work.kind, work.to, &work.answer)
                .map(|()| Outcome::Done)
                .map_err(Failure::from),
            Work::Pass(work) => self
                .agents
                .tell(&work.run, &work.kind, work.number, &work.text)
                .map(|()| Outcome::Done)
                .map_err(Failure::from),
            Work::Collect(ask) => self.collect(&ask),
            Work::Trial(work) => self.trial(*work),
            Work::Gate(work) => self.gate(&work),
            Work::Advance(ask) => self.advance(&ask),
            Work::Release(ask) => self.release(&ask),
            Work::Land(ask) => self.land(&ask),
            Work::Nothing(outcome) => Ok(outcome),
        };
        done.unwrap_or_else(Outcome::from)
    }

    fn base(&self, work: &CutWork) -> Result<Oid, Failure> {
        self.workspaces
            .resolve(&work.repo, &format!("refs/heads/{}", work.base))?
            .ok_or_else(|| failed(format!("the base branch '{}' does not exist", work.base)))
    }

    fn cut(&self, work: &CutWork) -> Result<Outcome, Failure> {
        let at = self.base(work)?;
        let ask = CutBranch {
            repo: work.repo.clone(),
            branch: work.branch.clone(),
            at: at.clone(),
            expected: work.known.clone(),
        };
        match self.workspaces.cut_branch(&ask)? {
            Cut::Created => Ok(Outcome::Cut(at)),
            Cut::Already { tip } => Ok(Outcome::Cut(tip)),
            Cut::Foreign { tip } => Err(failed(format!(
                "the branch '{}' exists at {} and is not cw's",
                work.branch,
                tip.short()
            ))),
            Cut::Blocked { by } => Err(failed(format!(
                "the branch '{by}' leaves no room for '{}'",
                work.branch
            ))),
        }
    }

    fn sync(&self, work: &CutWork) -> Result<Outcome, Failure> {
        let to = self.base(work)?;
        match self.workspaces.sync_branch(&sync_ask(work, to))? {
            Synced::UpToDate { tip } | Synced::Moved { tip } => Ok(Outcome::Cut(tip)),
            // Work goes on from where the branch is; landing will tell what has to be solved.
            Synced::Conflict { paths } => {
                tracing::warn!(
                    ?paths,
                    branch = work.branch,
                    "the branch does not merge with its base"
                );
                let tip = self.workspaces.branch_tip(&work.repo, &work.branch)?;
                tip.map(Outcome::Cut)
                    .ok_or_else(|| failed("the branch is gone"))
            }
            Synced::CheckedOut { path } => Err(failed(checked_out(&work.branch, &path))),
        }
    }

    fn prepare(&self, work: &PrepareWork) -> Result<Outcome, Failure> {
        let mut ask = work.prepare.clone();
        let tip = self.workspaces.branch_tip(&ask.repo, &work.integration)?;
        if let Some(tip) = &tip {
            ask.start = tip.clone();
        }
        let prepared = self.workspaces.prepare(&ask)?;
        if prepared.fresh {
            for line in &work.setup {
                self.set_up(work, line)?;
            }
        }
        let base = work.base.clone().unwrap_or_else(|| ask.start.clone());
        let mut head = prepared.head;
        let mut conflicts = Vec::new();
        if let Some(mut bounce) = work.bounce.clone() {
            if let Some(tip) = tip {
                bounce.tip = tip;
            }
            match self.workspaces.merge_into(&bounce)? {
                MergedInto::Clean { head: merged } => head = merged,
                MergedInto::Conflicted { paths } => conflicts = paths,
            }
        }
        Ok(Outcome::Prepared {
            head,
            base,
            conflicts,
            fresh: prepared.fresh,
        })
    }

    fn set_up(&self, work: &PrepareWork, line: &str) -> Result<(), Failure> {
        let order = CommandOrder {
            cwd: work.prepare.path.clone(),
            line: line.to_owned(),
            env: Vec::new(),
            timeout: work.setup_timeout,
            log: None,
        };
        let report = self
            .commands
            .run(&order)
            .map_err(|error| failed(error.to_string()))?;
        if report.code == Some(0) {
            return Ok(());
        }
        Err(failed(format!(
            "the setup command '{line}' failed: {}",
            last_line(&report.output)
        )))
    }

    fn start(&self, work: StartWork) -> Result<Outcome, Failure> {
        let mut order = work.order;
        let values = self.secrets.of(work.task, work.initiative, &work.pass_env);
        let missing = |name: &&String| !values.contains_key(*name);
        let lacking: Vec<String> = work.given.iter().filter(missing).cloned().collect();
        // A program that was begun before has them.
        if !lacking.is_empty() && self.agents.state(&order.run)? == RunState::NeverBegan {
            return Ok(Outcome::Lacking(lacking));
        }
        let values = values.into_iter();
        order
            .env
            .extend(values.map(|(name, value)| (name.into(), value.into())));
        self.agents.start(&order)?;
        Ok(Outcome::Done)
    }

    fn collect(&self, ask: &Collect) -> Result<Outcome, Failure> {
        let collected = self.workspaces.collect(ask)?;
        for note in &collected.notes {
            tracing::warn!(worktree = %ask.path.display(), note, "collecting");
        }
        let mut unresolved = collected.unresolved.clone();
        if collected.merge_dropped && unresolved.is_empty() {
            unresolved.push("(the merge of the integration branch was undone)".into());
        }
        Ok(Outcome::Collected {
            head: collected.head,
            changed: collected.ahead,
            unresolved,
        })
    }

    fn trial(&self, work: TrialWork) -> Result<Outcome, Failure> {
        let mut ask = work.trial;
        let Some(tip) = self.workspaces.branch_tip(&ask.repo, &work.branch)? else {
            return Ok(Outcome::Held {
                found: None,
                why: format!(
                    "the branch '{}' is gone; `git branch` it back, then `cw resume`",
                    work.branch
                ),
            });
        };
        if let Some(known) = work.known.filter(|known| *known != tip) {
            return Ok(Outcome::Held {
                why: moved(&work.branch, &known, &tip),
                found: Some(tip),
            });
        }
        ask.tip = tip.clone();
        Ok(match self.workspaces.trial(&ask)? {
            Trialled::AlreadyIn => Outcome::AlreadyIn { base: tip },
            Trialled::Clean { commit, .. } => Outcome::Tried {
                base: tip,
                result: commit,
            },
            Trialled::Conflict { paths, .. } => Outcome::Conflicted {
                base: tip,
                conflicts: paths,
            },
        })
    }

    fn gate(&self, work: &GateWork) -> Result<Outcome, Failure> {
        self.workspaces.gate_checkout(&work.checkout)?;
        let mut last = GateReport {
            command: String::new(),
            passed: true,
            code: Some(0),
            output: String::new(),
        };
        for line in &work.commands {
            let order = CommandOrder {
                cwd: work.checkout.path.clone(),
                line: line.clone(),
                env: Vec::new(),
                timeout: work.timeout,
                log: None,
            };
            let report = self
                .commands
                .run(&order)
                .map_err(|error| failed(error.to_string()))?;
            let mut output = report.output;
            if report.timed_out {
                output.push_str(&format!(
                    "\n(ended after {} s: gates.timeout)",
                    work.timeout.as_secs()
                ));
            }
            last = GateReport {
                command: line.clone(),
                passed: report.code == Some(0) && !report.timed_out,
                code: report.code,
                output,
            };
            if !last.passed {
                break;
            }
        }
        Ok(Outcome::Gated(last))
    }

    fn advance(&self, ask: &Advance) -> Result<Outcome, Failure> {
        Ok(match self.workspaces.advance(ask)? {
            Advanced::Moved | Advanced::Already => Outcome::Advanced,
            Advanced::MovedByOthers { now } => Outcome::Moved { now, foreign: true },
            Advanced::CheckedOut { path } => Outcome::Held {
                why: checked_out(&ask.branch, &path),
                found: None,
            },
        })
    }

    fn release(&self, ask: &Release) -> Result<Outcome, Failure> {
        let released = self.workspaces.release(ask)?;
        if !released.kept.is_empty() {
            tracing::info!(kept = ?released.kept, "kept what was not on the branch");
        }
        Ok(Outcome::Done)
    }

    fn land(&self, ask: &Land) -> Result<Outcome, Failure> {
        let refused = |why: String, hint: &str| Failure {
            why,
            hint: Some(hint.into()),
            passing: false,
        };
        match self.workspaces.land(ask)? {
            Landed::Landed { commit } | Landed::Already { commit } => {
                Ok(Outcome::Landed { commit })
            }
            Landed::Dirty { path, files } => Err(refused(
                format!(
                    "the checkout of '{}' at {} has changes: {}",
                    ask.base,
                    path.display(),
                    some(&files)
                ),
                "commit or stash them, then land again",
            )),
            Landed::Busy { path, operation } => Err(refused(
                format!(
                    "the checkout of '{}' at {} is in the middle of a {operation}",
                    ask.base,
                    path.display()
                ),
                "finish or abort it, then land again",
            )),
            Landed::NotFastForward => Err(refused(
                format!(
                    "'{}' has commits that the integration branch has not",
                    ask.base
                ),
                &format!(
                    "`cw initiative land {} --merge` makes a merge commit",
                    slug(ask)
                ),
            )),
            Landed::Conflict { paths } => Err(refused(
                format!(
                    "the integration branch conflicts with '{}' in {}",
                    ask.base,
                    some(&paths)
                ),
                "merge the base into the integration branch by hand, solve the conflicts, then `cw resume` and land",
            )),
            Landed::NoBase => Err(refused(
                format!("the branch '{}' does not exist", ask.base),
                "create it, then land again",
            )),
        }
    }
}

/// The initiative that is landed, as the commit of a merge would name it.
fn slug(ask: &Land) -> &str {
    let mut trailers = ask.message.trailers.iter();
    let named = trailers.find(|(name, _)| name == "Cw-Initiative");
    named.map_or("INITIATIVE", |(_, slug)| slug)
}

fn checked_out(branch: &str, path: &Path) -> String {
    format!(
        "'{branch}' is checked out at {}; `git -C {} switch --detach` lets the lane go on",
        path.display(),
        path.display()
    )
}

fn moved(branch: &str, known: &Oid, now: &Oid) -> String {
    format!(
        "'{branch}' was moved by somebody else, from {} to {}; move it back, or accept it with `cw resume`",
        known.short(),
        now.short()
    )
}

fn some(paths: &[String]) -> String {
    let mut shown = paths.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if paths.len() > 5 {
        shown.push_str(&format!(" and {} more", paths.len() - 5));
    }
    shown
}

fn last_line(text: &str) -> &str {
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no output")
}
