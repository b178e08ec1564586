//! The project's chores: `cargo xtask <step>`. Routes to one module per step and reports the outcome; it knows no code of
//! the project but what `cargo metadata` and the source files say.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore reports to the terminal"
)]

mod boundaries;
mod doors;
mod install;
mod run;
mod sizes;
mod source;
mod suite;

use std::process::ExitCode;
use std::time::Instant;

use run::{Failure, Outcome};

const USAGE: &str = "usage: cargo xtask <step>

  check        format, boundaries, sizes, lints and unit tests: the quick loop
  test         [--rounds N] [words for the test runner]: everything: installs what the tests need, then all checks and all
               tests; those that kill something over and over go N rounds (20)
  install      only that: the programs that the tests need, pinned, into the cache folder
  boundaries   who may depend on whom, and where a lint may be lifted
  sizes        lines per file, net of tests: over 400 is listed, over 600 fails
  simulate     [--seeds N] [--from S]: seeded schedules of signals, faults and crashes
  fuzz         [--seconds N]: each reader of agent programs against anything, for as long
  bench        the benchmarks, as ratios to the physical limit of this machine";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((step, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let outcome = route(step, rest);
    match outcome {
        Ok(()) => {
            eprintln!("xtask {step}: done in {:.0?}", begun.elapsed());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("xtask {step}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn route(step: &str, rest: &[String]) -> Outcome {
    match step {
        "check" => check(),
        "test" => test(rest),
        "install" => install::everything(),
        "boundaries" => boundaries::check(),
        "sizes" => sizes::check(),
        "simulate" => simulate(rest),
        "fuzz" => fuzz(rest),
        "bench" => bench(rest),
        _ => Err(Failure::new(format!("no such step\n{USAGE}"))),
    }
}

fn check() -> Outcome {
    static_checks()?;
    suite::unit().map(|counts| println!("{counts}"))
}

/// Everything. The last line on stdout tells the counts, whatever else failed before it stopped.
fn test(rest: &[String]) -> Outcome {
    install::everything()?;
    static_checks()?;
    let counts = suite::all(rest)?;
    println!("{counts}");
    counts.verdict()
}

fn static_checks() -> Outcome {
    run::cargo(&["fmt", "--all", "--check"], &[])?;
    boundaries::check()?;
    sizes::check()?;
    run::cargo(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features=cw-testkit/bench",
            "--quiet",
            "--",
            "--deny=warnings",
        ],
        &[],
    )
}

/// Hands over to the test kit's benchmarks with the `cw` that people would run.
fn bench(rest: &[String]) -> Outcome {
    run::cargo(&["build", "--release", "--package=cw"], &[])?;
    let cw = run::target_folder()?.join("release/cw");
    run::cargo(
        &[
            "run",
            "--release",
            "--package=cw-testkit",
            "--features=bench",
            "--bin=bench",
            "--",
            "--cw",
            &cw.to_string_lossy(),
        ],
        rest,
    )
}

/// Runs the readers' fuzz tests, all at once, for longer than the ordinary tests do.
fn fuzz(rest: &[String]) -> Outcome {
    let seconds = match rest {
        [] => "60",
        [flag, seconds] if flag == "--seconds" && seconds.parse::<u32>().is_ok() => seconds,
        _ => return Err(Failure::new(format!("fuzz takes --seconds N\n{USAGE}"))),
    };
    run::status(
        run::cargo_command()
            .args([
                "test",
                "--release",
                "--package=cw-adapters",
                "--lib",
                "fuzz::",
            ])
            .env("CW_FUZZ_SECONDS", seconds),
    )
}

/// Hands over to the test kit's simulator, built with optimisation: millions of steps want it.
fn simulate(rest: &[String]) -> Outcome {
    run::cargo(
        &[
            "run",
            "--release",
            "--package=cw-testkit",
            "--bin=simulate",
            "--",
        ],
        rest,
    )
}
