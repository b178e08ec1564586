//! From an agent's exit to the start of the next one on its slot, beside the least that this can take.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::report::{Figure, Row};
use super::repository::{Size, git_command};
use super::sample::{Samples, timed};
use super::stage::{Stage, independent, now, quietly, settle};
use super::{Bench, Commits, Tried};

/// Its first act is to look at the clock, its last one too.
const SCRIPT: &str = "#!/bin/sh\nbegan=$(date +%s%N)\ncat > /dev/null\necho \"$CW_TASK\" > \"$CW_TASK.txt\"\n\
     printf '%s %s\\n' \"$began\" \"$(date +%s%N)\" >> \"$STAGE/stamps\"\n";

/// Agents one after the other in one round.
const AGENTS: usize = 5;

/// Measures it.
///
/// # Errors
/// When `cw` or git say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let stage = Stage::new(bench, Size::Small, SCRIPT, 1)?;
    let mut commit = (bench.disk.commit)(&stage.file("limit.db"))?;
    let (mut ours, mut least, mut cold) = <(Samples, Samples, Samples)>::default();
    for round in 0..=bench.options.rounds {
        let (start, add) = by_hand(&stage, round, &mut commit)?;
        let gaps = by_cw(&stage, round)?;
        // The first round warms caches.
        for gap in gaps.into_iter().filter(|_| round > 0) {
            ours.add(gap);
            least.add(start);
            cold.add(start + add);
        }
    }
    let mut figure = Figure::new(
        "slot",
        "From an agent's exit to the next start on its slot, small repository",
    );
    figure.row(Row::ratio(
        "exit → next first byte, cold worktree ÷ `git worktree add` + start + one FULL commit",
        &ours,
        &cold,
        None,
    ));
    figure.row(Row::ratio(
        "… ÷ start + one FULL commit",
        &ours,
        &least,
        None,
    ));
    figure.note(format!(
        "One slot, {AGENTS} agents one after the other in each round. The script looks at the clock first and last; in between \
         lie its exit, the collection of its work, the choice of the next task, that one's worktree and its start. By hand: the \
         same script started, a row committed, and a worktree added, alone."
    ));
    Ok(figure)
}

/// How long a start and a commit take, and how long a worktree.
fn by_hand(stage: &Stage, round: usize, commit: &mut Commits) -> Tried<(Duration, Duration)> {
    let name = format!("by-hand-{round}");
    let path = stage.file(&name).to_string_lossy().into_owned();
    let words = [
        "worktree",
        "add",
        "-q",
        "--no-track",
        "-b",
        &name,
        &path,
        "main",
    ];
    settle();
    let (add, ()) = timed(|| quietly(&mut git_command(&stage.repo, &words)))?;
    let begun = now()?;
    commit()?;
    quietly(
        Command::new(stage.file("agent.sh"))
            .current_dir(&path)
            .env("STAGE", &stage.root)
            .env("CW_TASK", &name),
    )?;
    let stamps = stamps(&stage.file("stamps"))?;
    let first = stamps.first().ok_or("the script left no stamp")?.0;
    Ok((first.saturating_sub(begun), add))
}

/// The gaps between agents that follow each other.
fn by_cw(stage: &Stage, round: usize) -> Tried<Vec<Duration>> {
    let plan = stage.plan(&independent(&format!("Slot{round}"), "", AGENTS))?;
    settle();
    stage.cw(&["run", &plan])?;
    stage.wait_for_quiet()?;
    let stamps = stamps(&stage.file("stamps"))?;
    let gaps = stamps
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].1));
    Ok(gaps.collect())
}

/// When each script began and ended, in order; the notes are taken away.
fn stamps(path: &Path) -> Tried<Vec<(Duration, Duration)>> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    std::fs::remove_file(path).map_err(|error| error.to_string())?;
    let time = |word: &str| word.parse().map(Duration::from_nanos);
    let both = |line: &str| {
        let (began, ended) = line.split_once(' ')?;
        Some((time(began).ok()?, time(ended).ok()?))
    };
    let mut stamps: Vec<_> = text.lines().filter_map(both).collect();
    stamps.sort_unstable();
    Ok(stamps)
}
