//! Decisions over a plan of 100,000 tasks: in memory, and saved one by one beside one durable commit of one row.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cw_core::app::{Command, Outcome, Reply, Sight, Signal, StartFacts, decide};
use cw_core::domain::config::{AgentConfig, Config};
use cw_core::domain::effect::{Effect, EffectKind};
use cw_core::domain::ids::{Ids, ProjectId, Uid};
use cw_core::domain::oid::Oid;
use cw_core::domain::plan::{Initiative, Phase, Plan, PlanDocument, Task};
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::txn::Commit;
use cw_core::domain::work::Verdict;
use cw_core::ports::store::{Fence, Store};

use super::report::{Figure, Row, short};
use super::sample::Samples;
use super::{Bench, Tried};

/// Tasks in each line of work: its own order, beside the other lines.
const LINE: usize = 100;
/// Agents at once.
const AGENTS: u32 = 8;

/// Measures it.
///
/// # Errors
/// When the core or the store say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let most = bench.options.amount(100_000, 10_000);
    let merges = bench.options.amount(2_000, 200);
    let mut figure = Figure::new(
        "decisions",
        &format!("Decisions over a plan of {} tasks", thousands(most)),
    );
    let memory = in_memory(most)?;
    figure.row(memory.applied);
    figure.row(memory.rate);
    figure.row(memory.each);
    let dir = tempfile::Builder::new()
        .prefix("cw-bench-")
        .tempdir_in(&bench.options.dir);
    let dir = dir.map_err(|error| error.to_string())?;
    let mut medians = Vec::new();
    for tasks in [most / 10, most] {
        let place = dir.path().join(tasks.to_string());
        std::fs::create_dir(&place).map_err(|error| error.to_string())?;
        let durable = durably(bench, &place, tasks, merges)?;
        let (p50, p99) = (durable.merged.median(), durable.merged.quantile(0.99));
        let commit = durable.commit.median();
        let what = format!(
            "{} tasks: done and merged → next task chosen, durably ÷ one FULL commit of one row",
            thousands(tasks)
        );
        let ratio = |what: String, value: f64, target: f64| {
            let mut row = Row::ratio(&what, &once(value), &once(commit), Some(target));
            row.p95 = None;
            row
        };
        figure.row(ratio(format!("{what}, p50"), p50, 3.0));
        figure.row(ratio(format!("{what}, p99"), p99, 8.0));
        figure.row(
            ratio(
                "… of which deciding alone, p50".to_owned(),
                durable.decided.median(),
                3.0,
            )
            .aimed(None),
        );
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = durable.decisions as f64 / durable.took.as_secs_f64();
        figure.row(Row::amount(
            &format!("{} tasks: decisions each saved alone", thousands(tasks)),
            rate,
            "per second",
            None,
        ));
        medians.push(p50 / commit);
    }
    figure.row(
        Row {
            what: format!("{} ÷ {} tasks, p50", thousands(most), thousands(most / 10)),
            value: Some(medians[1] / medians[0]),
            ..Row::default()
        }
        .aimed(Some(1.5)),
    );
    figure.note(format!(
        "Lines of {LINE} tasks, {AGENTS} agents at once; every effect comes back done at once, those of the lane first, so a task takes a decision each for \
         its worktree, its start, its end, its collection, its trial, the branch's move and the worktree's release. \"Done and \
         merged\" is the decision that takes the branch's move in: it merges the task, counts down what waits, chooses the next \
         task and asks for its worktree. The commit of one row is measured in between, in a database of its own beside it \
         (WAL, `synchronous=FULL`). {} merges each.",
        thousands(merges)
    ));
    Ok(figure)
}

fn once(value: f64) -> Samples {
    std::iter::once(value).collect()
}

fn thousands(number: usize) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1_000, number % 1_000)
    }
}

struct InMemory {
    applied: Row,
    rate: Row,
    each: Row,
}

/// The whole plan from its reading to its last merge.
fn in_memory(tasks: usize) -> Tried<InMemory> {
    let mut ring = Ring::new();
    let begun = Instant::now();
    ring.begin(tasks, &mut |_| Ok(()))?;
    let applied = begun.elapsed();
    let (mut each, begun) = (Samples::default(), Instant::now());
    let mut made = 0_u64;
    while let Some(step) = ring.step()? {
        made += 1;
        if step.merged {
            each.add(step.took);
        }
    }
    let took = begun.elapsed();
    if each.count() != tasks {
        return Err(format!("{} of {tasks} tasks were merged", each.count()));
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = made as f64 / took.as_secs_f64();
    let mut slowest = Row::time("in memory: merged → next task chosen, p50", &each);
    slowest.limit = format!("p99 {} µs", short(each.quantile(0.99) * 1e6));
    Ok(InMemory {
        applied: Row::time(
            "in memory: the plan is taken in and started",
            &once(applied.as_secs_f64()),
        ),
        rate: Row::amount(
            "in memory: decisions, from the first to the last merge",
            rate,
            "per second",
            None,
        ),
        each: slowest,
    })
}

struct Durable {
    merged: Samples,
    decided: Samples,
    commit: Samples,
    decisions: u64,
    took: Duration,
}

/// The first merges of the plan, each decision saved before the next.
fn durably(bench: &Bench, dir: &Path, tasks: usize, merges: usize) -> Tried<Durable> {
    let mut store = (bench.disk.store)(&dir.join("cw.db"))?;
    let mut commit = (bench.disk.commit)(&dir.join("limit.db"))?;
    let fence = store
        .take_lease("bench")
        .map_err(|error| error.to_string())?;
    let mut ring = Ring::new();
    ring.begin(tasks, &mut |commit| save(&mut *store, fence, commit))?;
    let mut durable = Durable {
        merged: Samples::default(),
        decided: Samples::default(),
        commit: Samples::default(),
        decisions: 0,
        took: Duration::ZERO,
    };
    while durable.merged.count() < merges {
        let Some(step) = ring.step()? else {
            return Err("the plan came to its end".to_owned());
        };
        let begun = Instant::now();
        save(&mut *store, fence, step.commit)?;
        let took = step.took + begun.elapsed();
        durable.decisions += 1;
        durable.took += took;
        if step.merged {
            durable.merged.add(took);
            durable.decided.add(step.took);
            let begun = Instant::now();
            commit()?;
            durable.commit.add(begun.elapsed());
        }
    }
    Ok(durable)
}

fn save(store: &mut dyn Store, fence: Fence, commit: Commit) -> Tried<()> {
    store
        .save(fence, &[commit])
        .map_err(|error| error.to_string())
}

/// The server's ring with nothing outside: every effect is done when it is looked at.
struct Ring {
    state: State,
    ids: Counted,
    now: i64,
    effects: VecDeque<Effect>,
    ended: VecDeque<Signal>,
    commits: u64,
}

struct Step {
    took: Duration,
    merged: bool,
    commit: Commit,
}

impl Ring {
    fn new() -> Self {
        Self {
            state: State::from_rows(Vec::new(), 0),
            ids: Counted(0),
            now: 1_700_000_000_000,
            effects: VecDeque::new(),
            ended: VecDeque::new(),
            commits: 0,
        }
    }

    /// Takes the plan in and starts it.
    fn begin(&mut self, tasks: usize, saved: &mut dyn FnMut(Commit) -> Tried<()>) -> Tried<()> {
        let register = Command::Register {
            root: "/bench".into(),
            name: "bench".into(),
            base: "main".into(),
        };
        let (reply, commit) = self.decide(Signal::Command(register))?;
        saved(commit)?;
        let Reply::Project(project) = reply else {
            return Err(format!("registering came to {reply:?}"));
        };
        self.state.set_config(project, Arc::new(config()));
        let (_, commit) = self.decide(Signal::Command(apply(project, tasks, oid(0)?)))?;
        saved(commit)
    }

    /// Performs the next effect and decides what follows; nothing when all is done.
    fn step(&mut self) -> Tried<Option<Step>> {
        let signal = match self.ended.pop_front() {
            Some(signal) => signal,
            None => match self.effects.pop_front() {
                Some(effect) => self.perform(effect)?,
                None => return Ok(None),
            },
        };
        let merged = matches!(&signal, Signal::Performed(effect, _) if matches!(effect.kind, EffectKind::Advance(_)));
        let begun = Instant::now();
        let (_, commit) = self.decide(signal)?;
        Ok(Some(Step {
            took: begun.elapsed(),
            merged,
            commit,
        }))
    }

    fn decide(&mut self, signal: Signal) -> Tried<(Reply, Commit)> {
        self.now += 1;
        let decided = decide(&mut self.state, signal, Timestamp(self.now), &mut self.ids);
        let (reply, commit) = decided.map_err(|refusal| refusal.to_string())?;
        for effect in &commit.perform {
            match effect.kind {
                // The lane keeps up with the agents, as long as it is free.
                EffectKind::Trial(_) | EffectKind::Advance(_) => {
                    self.effects.push_front(effect.clone());
                }
                _ => self.effects.push_back(effect.clone()),
            }
        }
        Ok((reply, commit))
    }

    fn perform(&mut self, effect: Effect) -> Tried<Signal> {
        let outcome = match effect.kind {
            EffectKind::CutBranch(_) => Outcome::Cut(oid(0)?),
            EffectKind::Prepare(_) => Outcome::Prepared {
                head: oid(self.commits)?,
                base: oid(self.commits)?,
                conflicts: Vec::new(),
                fresh: true,
            },
            EffectKind::StartTurn(turn) => {
                let sight = Sight::Ended {
                    verdict: Verdict::Done,
                    summary: None,
                };
                self.ended.push_back(Signal::Seen(turn, sight));
                Outcome::Done
            }
            EffectKind::Collect(_) => Outcome::Collected {
                head: self.commit()?,
                changed: true,
                unresolved: Vec::new(),
            },
            EffectKind::Trial(_) => Outcome::Tried {
                base: oid(self.commits)?,
                result: self.commit()?,
            },
            EffectKind::Advance(_) => Outcome::Advanced,
            _ => Outcome::Done,
        };
        Ok(Signal::Performed(effect, outcome))
    }

    fn commit(&mut self) -> Tried<Oid> {
        self.commits += 1;
        oid(self.commits)
    }
}

fn oid(number: u64) -> Tried<Oid> {
    Oid::new(format!("{number:040x}")).map_err(|error| error.to_string())
}

fn config() -> Config {
    let script = AgentConfig {
        kind: "script".into(),
        command: vec!["true".into()],
        ..AgentConfig::default()
    };
    Config {
        max_agents: AGENTS,
        default_agent: "bench".into(),
        agents: [("bench".to_owned(), script)].into(),
        ..Config::default()
    }
}

fn apply(project: ProjectId, tasks: usize, base: Oid) -> Command {
    let plans = (0..tasks.div_ceil(LINE)).map(|line| Plan {
        id: format!("line-{line}"),
        title: format!("Line {line}"),
        tasks: (line * LINE..tasks.min((line + 1) * LINE))
            .map(|task| Task {
                id: format!("task-{task}"),
                title: format!("Task {task}"),
                text: "What has to be done, in a sentence or two, as people write it down.\n"
                    .into(),
                ..Task::default()
            })
            .collect(),
        ..Plan::default()
    });
    let phase = Phase {
        id: "work".into(),
        title: "Work".into(),
        plans: plans.collect(),
        ..Phase::default()
    };
    let initiative = Initiative {
        id: "bench".into(),
        title: "Bench".into(),
        ..Initiative::default()
    };
    Command::Apply {
        project,
        plan: Box::new(PlanDocument {
            initiative,
            phases: vec![phase],
        }),
        agent: None,
        max_agents: None,
        dry_run: false,
        start: Some(StartFacts {
            base: Some(base),
            branch: None,
        }),
    }
}

/// Ids that count up.
struct Counted(u64);

impl Ids for Counted {
    fn uid(&mut self) -> Uid {
        self.0 += 1;
        Uid(format!("{:032x}", self.0))
    }

    fn session(&mut self) -> String {
        self.0 += 1;
        format!("{:036x}", self.0)
    }

    fn secret(&mut self) -> String {
        self.0 += 1;
        format!("{:064x}", self.0)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_comes_to_its_end_with_every_task_merged() {
        let mut ring = Ring::new();
        ring.begin(250, &mut |_| Ok(())).unwrap();
        let mut merged = 0;
        while let Some(step) = ring.step().unwrap() {
            merged += usize::from(step.merged);
        }
        assert_eq!(merged, 250);
    }
}
