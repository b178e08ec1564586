//! A simulator: the real decisions over a small world, with a seeded schedule of signals, delays,
//! outcomes that come late or twice, faults, and crashes between any two steps. It checks what
//! must be true of every state, and that all comes to its end.
//!
//! The same seed is the same run. It knows neither git nor processes nor files: the ports' real
//! sides have tests of their own.

mod act;
mod agenda;
mod agents;
mod chance;
mod git;
mod perform;
mod plans;
mod run;
mod server;
mod store;
mod user;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use run::Sim;

/// Something that must never be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken(String);

impl Broken {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// A fault put in on purpose, which a run must find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// Effects are saved in a second step after the rows that want them.
    EffectsApart,
    /// A task's count of blockers is not counted down.
    CounterKept,
    /// The integration branch is moved without looking where it is.
    BlindAdvance,
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Where all chance comes from.
    pub seed: u64,
    /// The most tasks of a plan; now and then a plan has more than 50 when this allows it.
    pub most: usize,
    /// A fault put in on purpose.
    pub mutant: Option<Mutant>,
    /// How many of the last things that happened are told of a run that fails.
    pub trail: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 1,
            most: 50,
            mutant: None,
            trail: 30,
        }
    }
}

/// A run that found something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The most tasks of its plan.
    pub most: usize,
    /// The step at which it was seen.
    pub step: u64,
    /// What must not be.
    pub broken: String,
    /// The last things that happened.
    pub trail: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {} fails at step {}: {}",
            self.seed, self.step, self.broken
        )?;
        for line in &self.trail {
            writeln!(f, "  {line}")?;
        }
        write!(
            f,
            "again: cargo run --release -p cw-testkit --bin simulate -- --seeds 1 --from {} --tasks {}",
            self.seed, self.most
        )
    }
}

/// What came of many runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// How many were run.
    pub seeds: u64,
    /// Things that happened in all of them.
    pub steps: u64,
    /// Signals that were decided in all of them.
    pub decisions: u64,
    /// How often each kind of event was told, and how often the schedule did something of its own
    /// (`server killed`, `save failed`, `branch moved by hand`): runs that meet nothing prove nothing.
    pub met: BTreeMap<String, u64>,
    /// What was found, by seed; the first few.
    pub failures: Vec<Failure>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.decisions += other.decisions;
        for (what, times) in other.met {
            *self.met.entry(what).or_default() += times;
        }
        self.failures.extend(other.failures);
    }
}

/// How many failures are enough.
const ENOUGH: usize = 5;

/// Runs one seed to its end.
///
/// # Errors
/// What it found, with its trail: the run is repeated with everything looked at in each step.
pub fn run_one(setup: Setup) -> Result<Report, Box<Failure>> {
    let mut sim = Sim::new(setup, false);
    let first = guarded(&mut sim);
    let Err(broken) = first else {
        return Ok(sim.report());
    };
    let mut again = Sim::new(setup, true);
    // Looked at in each step, it is seen where it arises.
    let (sim, broken) = match guarded(&mut again) {
        Err(earlier) => (again, earlier),
        Ok(()) => (sim, broken),
    };
    Err(Box::new(Failure {
        seed: setup.seed,
        most: setup.most,
        step: sim.steps,
        broken: broken.0,
        trail: sim.trail.into_iter().flatten().collect(),
    }))
}

fn guarded(sim: &mut Sim) -> Result<(), Broken> {
    catch_unwind(AssertUnwindSafe(|| sim.run())).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("no words");
        Err(Broken::new(format!("a decision never panics: {text}")))
    })
}

/// Runs `seeds` seeds from `from` on, over so many threads, and stops after a few failures;
/// the rest of what to run is as `setup` says.
#[must_use]
pub fn run(from: u64, seeds: u64, threads: usize, setup: Setup) -> Report {
    let next = AtomicU64::new(from);
    let report = Mutex::new(Report::default());
    let work = || {
        let mut own = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(seeds) {
                break;
            }
            match run_one(Setup { seed, ..setup }) {
                Ok(one) => own.add(one),
                Err(failure) => {
                    own.seeds += 1;
                    let mut all = report.lock().expect("no thread panics here");
                    all.failures.push(*failure);
                    if all.failures.len() >= ENOUGH {
                        next.store(u64::MAX / 2, Ordering::Relaxed);
                    }
                }
            }
        }
        let mut all = report.lock().expect("no thread panics here");
        all.add(own);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut report = report.into_inner().expect("no thread panics here");
    report.failures.sort_by_key(|failure| failure.seed);
    report
}
