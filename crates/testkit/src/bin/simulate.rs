//! Runs seeds of the simulator: `simulate [--seeds N] [--from S] [--tasks MAX] [--threads T]
//! [--trail LINES] [--met]`; `--met` tells how often what happened.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers"
)]

use std::process::ExitCode;
use std::time::Instant;

use cw_testkit::simulator::{self, Setup};

struct Options {
    seeds: u64,
    from: u64,
    tasks: usize,
    threads: usize,
    trail: usize,
    met: bool,
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seeds: 10_000,
        from: 1,
        tasks: 50,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        trail: Setup::default().trail,
        met: false,
    };
    while let Some(word) = words.next() {
        if word == "--met" {
            options.met = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("{word} wants a number"))?;
        let number: u64 = value
            .parse()
            .map_err(|_| format!("{word} wants a number, not '{value}'"))?;
        let small = usize::try_from(number).map_err(|error| error.to_string())?;
        match word.as_str() {
            "--seeds" => options.seeds = number,
            "--from" => options.from = number,
            "--tasks" => options.tasks = small,
            "--trail" => options.trail = small,
            "--threads" => options.threads = small.max(1),
            _ => return Err(format!("unknown option '{word}'")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    // A panic is told with its seed; where it came from is told by RUST_BACKTRACE as ever.
    let began = Instant::now();
    let report = simulator::run(
        options.from,
        options.seeds,
        options.threads,
        Setup {
            most: options.tasks,
            trail: options.trail,
            ..Setup::default()
        },
    );
    let took = began.elapsed().as_secs_f64();
    for failure in &report.failures {
        println!("{failure}\n");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = report.seeds as f64 / took;
    println!(
        "{} seeds, {} steps, {} decisions in {took:.1} s: {rate:.0} seeds/s, {:.0} on each of {} threads; {} failed",
        report.seeds,
        report.steps,
        report.decisions,
        rate / options.threads as f64,
        options.threads,
        report.failures.len()
    );
    if options.met {
        for (what, times) in &report.met {
            println!("{times:>10}  {what}");
        }
    }
    if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
