//! Thousands of seeded runs of the decisions, and proof that a run finds what is put in on purpose.

use cw_testkit::simulator::{self, Failure, Mutant, Report, Setup};

fn holds(from: u64, seeds: u64, most: usize) -> Report {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let setup = Setup {
        most,
        ..Setup::default()
    };
    let report = simulator::run(from, seeds, threads, setup);
    let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    assert_eq!(report.seeds, seeds);
    report
}

#[test]
fn plans_of_five_to_fifty_tasks_keep_every_invariant_and_end() {
    let report = holds(1, 2_000, 50);
    for what in MET {
        let times = report.met.get(*what).copied().unwrap_or(0);
        assert!(times >= 20, "'{what}' was met {times} times only");
    }
}

/// What runs have to meet often, or they prove nothing.
const MET: &[&str] = &[
    "agent.kept-out",
    "agent.nudged",
    "agent.parked",
    "agent.stop-requested",
    "agent.values-missed",
    "branch moved by hand",
    "done and not recorded",
    "effect.delayed",
    "initiative.budget-exceeded",
    "initiative.budget-raised",
    "initiative.paused",
    "initiative.updated",
    "merge.bounced",
    "merge.gate-failed",
    "merge.held",
    "message.answered",
    "message.withdrawn",
    "project.held",
    "save failed",
    "server killed",
    "signal came twice",
    "task.added",
    "task.budget-raised",
    "task.cancelled",
    "task.changed",
    "task.failed",
    "task.parked",
    "task.rejected",
    "task.retried",
    "task.retry-scheduled",
    "task.review-requested",
    "task.skipped",
];

#[test]
fn larger_plans_keep_every_invariant_and_end() {
    holds(1_000_000, 200, 200);
}

/// The first failure among these seeds.
fn first_failure(mutant: Mutant, seeds: u64) -> Failure {
    let setup = |seed| Setup {
        seed,
        mutant: Some(mutant),
        ..Setup::default()
    };
    let mut failures = (1..=seeds).filter_map(|seed| simulator::run_one(setup(seed)).err());
    *failures.next().expect("a run finds the fault")
}

#[test]
fn effects_saved_apart_from_what_wants_them_are_found() {
    let failure = first_failure(Mutant::EffectsApart, 20);
    assert!(
        failure.broken.contains("nothing is under way for it"),
        "{failure}"
    );
}

#[test]
fn a_counter_that_is_not_counted_down_is_found() {
    let failure = first_failure(Mutant::CounterKept, 20);
    assert!(failure.broken.contains("blockers"), "{failure}");
}

#[test]
fn a_branch_moved_without_looking_where_it_is_is_found() {
    let failure = first_failure(Mutant::BlindAdvance, 200);
    assert!(
        failure.broken.contains("never loses what was on it"),
        "{failure}"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    let mutant = |seed| Setup {
        seed,
        mutant: Some(Mutant::CounterKept),
        ..Setup::default()
    };
    for seed in 1..20 {
        assert_eq!(
            simulator::run_one(mutant(seed)),
            simulator::run_one(mutant(seed))
        );
    }
}
