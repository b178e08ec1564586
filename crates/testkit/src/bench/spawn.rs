//! From `cw spawn` to the first byte of its agent, beside `git worktree add` and starting the same program by hand.

use std::process::Command;
use std::time::Duration;

use super::report::{Figure, Row};
use super::repository::{Size, git_command};
use super::sample::Samples;
use super::stage::{Stage, now, quietly, settle, stamp};
use super::{Bench, Tried};

/// Writes down when it began, and ends.
const SCRIPT: &str = "#!/bin/sh\nat=$(date +%s%N)\necho \"$at\" > \"$STAGE/stamp.new\"\nmv \"$STAGE/stamp.new\" \"$STAGE/stamp\"\n";

/// Measures it.
///
/// # Errors
/// When `cw` or git say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let mut figure = Figure::new(
        "spawn",
        "From `cw spawn` to the first byte of a `script` agent",
    );
    let sizes = [Size::Small, Size::Medium, Size::Large];
    let wanted = 2 + usize::from(bench.options.large);
    for size in &sizes[..wanted] {
        let stage = Stage::new(bench, *size, SCRIPT, 4)?;
        let (mut ours, mut raw, mut adds, mut returned) = (
            Samples::default(),
            Samples::default(),
            Samples::default(),
            Samples::default(),
        );
        for round in 0..=bench.options.rounds {
            let by_hand = by_hand(&stage, round)?;
            let by_cw = by_cw(&stage, round)?;
            // The first of each warms caches and makes the ad-hoc initiative.
            if round > 0 {
                raw.add(by_hand.first_byte);
                adds.add(by_hand.returned);
                ours.add(by_cw.first_byte);
                returned.add(by_cw.returned);
            }
        }
        let word = size.word();
        figure.row(Row::ratio(
            &format!("{word}: `cw spawn` → first byte ÷ `git worktree add` + start, cold worktree"),
            &ours,
            &raw,
            Some(1.1),
        ));
        figure.row(Row::ratio(
            &format!("{word}: … ÷ `git worktree add` alone"),
            &ours,
            &adds,
            None,
        ));
        figure.row(Row::time(
            &format!("{word}: `cw spawn` returns (the task is stored)"),
            &returned,
        ));
    }
    figure.note(
        "First byte: the script's first act is `date +%s%N`; the clock starts before `cw spawn` or `git worktree add -b` \
         is executed. The same script on both sides. Every worktree is fresh. Nothing is deleted meanwhile, and what was written before is on the disk (`sync`) when a clock starts.",
    );
    figure.note("No worktree was kept warm.");
    Ok(figure)
}

struct Times {
    first_byte: Duration,
    returned: Duration,
}

fn by_hand(stage: &Stage, round: usize) -> Tried<Times> {
    let (path, branch) = (
        stage.file(&format!("by-hand-{round}")),
        format!("by-hand-{round}"),
    );
    let path = path.to_string_lossy().into_owned();
    settle();
    let begun = now()?;
    quietly(&mut git_command(
        &stage.repo,
        &[
            "worktree",
            "add",
            "-q",
            "--no-track",
            "-b",
            &branch,
            &path,
            "main",
        ],
    ))?;
    let returned = now()?.saturating_sub(begun);
    quietly(
        Command::new(stage.file("agent.sh"))
            .current_dir(&path)
            .env("STAGE", &stage.root),
    )?;
    let first_byte = stamp(stage)?.saturating_sub(begun);
    Ok(Times {
        first_byte,
        returned,
    })
}

fn by_cw(stage: &Stage, round: usize) -> Tried<Times> {
    settle();
    let begun = now()?;
    quietly(&mut stage.command(&["spawn", "Say when you began"]))?;
    let returned = now()?.saturating_sub(begun);
    let first_byte = stamp(stage)?.saturating_sub(begun);
    stage.wait_for("merged", round + 1)?;
    stage.wait_for_quiet()?;
    Ok(Times {
        first_byte,
        returned,
    })
}
