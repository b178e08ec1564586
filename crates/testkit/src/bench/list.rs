//! `cw task list` from a cold client, 1,000 tasks, beside `git --version`: the least that a program of this kind costs.

use super::report::{Figure, Row};
use super::repository::{Size, git_command};
use super::sample::{Samples, timed};
use super::stage::{Stage, independent, quietly};
use super::{Bench, Tried};

/// Pairs measured in each round: each is over in milliseconds.
const PAIRS: usize = 10;

/// Measures it.
///
/// # Errors
/// When `cw` or git say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let stage = Stage::new(bench, Size::Small, "#!/bin/sh\n", 4)?;
    let plan = stage.plan(&independent("Listed", "", 1_000))?;
    stage.cw(&["plan", "apply", &plan])?;
    let (mut limit, mut human, mut json) =
        (Samples::default(), Samples::default(), Samples::default());
    let (mut version, mut loader) = (Samples::default(), Samples::default());
    for _ in 0..bench.options.rounds * PAIRS {
        limit.add(timed(|| quietly(&mut git_command(&stage.repo, &["--version"])))?.0);
        human.add(timed(|| quietly(&mut stage.command(&["task", "list"])))?.0);
        json.add(timed(|| quietly(&mut stage.command(&["task", "list", "--json"])))?.0);
        version.add(timed(|| quietly(&mut stage.command(&["--version"])))?.0);
        loader.add(timed(|| quietly(&mut std::process::Command::new("true")))?.0);
    }
    let mut figure = Figure::new("list", "A list of 1,000 tasks");
    figure.row(Row::ratio(
        "`cw task list` ÷ `git --version`",
        &human,
        &limit,
        Some(3.0),
    ));
    figure.row(Row::ratio(
        "`cw task list --json` ÷ `git --version`",
        &json,
        &limit,
        Some(3.0),
    ));
    figure.row(Row::ratio(
        "`cw --version` ÷ `git --version`",
        &version,
        &limit,
        None,
    ));
    figure.row(Row::ratio(
        "`git --version` ÷ `true`",
        &limit,
        &loader,
        None,
    ));
    figure.note(format!("Each is a fresh process, the server runs; {PAIRS} of each in every round, one after the other."));
    Ok(figure)
}
