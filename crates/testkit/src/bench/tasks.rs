//! 1,000 trivial tasks done and merged, 8 agents at once, beside a shell loop that does the same git commands one after the
//! other.

use std::process::Command;
use std::time::Duration;

use super::report::{Figure, Row};
use super::repository::{Size, git};
use super::sample::{Samples, timed};
use super::stage::{Stage, independent, quietly, settle};
use super::{Bench, Tried};

/// Agents at once.
const AGENTS: usize = 8;

/// Writes one file of its own.
const SCRIPT: &str = "#!/bin/sh\ncat > /dev/null\necho \"work of $CW_TASK\" > \"$CW_TASK.txt\"\n";

/// From the first task of a share to its last, as anybody would write it.
const LOOP: &str = r#"#!/bin/sh
set -e
repo=$1 trees=$2 first=$3 count=$4
n=$first
while [ "$n" -lt $((first + count)) ]; do
  tree=$trees/loop-$n
  git -C "$repo" worktree add -q --no-track -b "loop/agent-$n" "$tree" loop-integration
  (cd "$tree" && CW_TASK=loop-$n "$STAGE/agent.sh" < /dev/null)
  git -C "$tree" add -A
  git -C "$tree" commit -q -m "Task $n"
  tip=$(git -C "$repo" rev-parse loop-integration)
  head=$(git -C "$tree" rev-parse HEAD)
  merged=$(git -C "$repo" merge-tree --write-tree "$tip" "$head")
  commit=$(git -C "$repo" commit-tree -p "$tip" -p "$head" -m "Merge task $n" "$merged")
  git -C "$repo" update-ref refs/heads/loop-integration "$commit" "$tip"
  git -C "$repo" worktree remove "$tree"
  n=$((n + 1))
done
"#;

/// Measures it.
///
/// # Errors
/// When `cw` or git say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let stage = Stage::new(bench, Size::Small, SCRIPT, AGENTS)?;
    stage.program("loop.sh", LOOP)?;
    let rounds = bench.options.rounds;
    let share = bench.options.amount(112, 16);
    let (mut ours, mut limit) = (Samples::default(), Samples::default());
    for round in 0..rounds {
        // Each plan starts from the base, so the loop does too.
        git(&stage.repo, &["branch", "-f", "loop-integration", "main"])?;
        let loops = by_hand(&stage, round * share, share)?;
        let took = by_cw(&stage, &format!("Round{round}"), share)?;
        eprintln!("  {} of {rounds}: {took:.1?} beside {loops:.1?}", round + 1);
        limit.add(loops);
        ours.add(took);
    }
    let mut figure = Figure::new(
        "tasks",
        "Trivial tasks done and merged, 8 agents at once, small repository",
    );
    figure.row(Row::ratio(
        &format!(
            "{} tasks in {rounds} plans of {share} ÷ a shell loop",
            rounds * share
        ),
        &ours,
        &limit,
        Some(0.7),
    ));
    if !bench.options.quick {
        let first = rounds * share;
        // Half before, half after on top of it: what drifts meanwhile is the same for both.
        git(&stage.repo, &["branch", "-f", "loop-integration", "main"])?;
        let before = by_hand(&stage, first, 500)?;
        let thousand = by_cw(&stage, "Thousand", 1_000)?;
        let after = by_hand(&stage, first + 500, 500)?;
        let one = |took: Duration| std::iter::once(took.as_secs_f64()).collect::<Samples>();
        figure.row(Row::ratio(
            "1,000 tasks in one plan ÷ a shell loop (once, half of the loop before and half after)",
            &one(thousand),
            &one(before + after),
            Some(0.7),
        ));
    }
    figure.note(
        "The loop does `worktree add`, the same program, `add`, `commit`, `rev-parse`, `merge-tree`, `commit-tree`, \
         `update-ref`, `worktree remove`, nothing synced. `cw run` is timed from its call to its end, its start of the \
         initiative and its checks included; every commit and every branch's move is written through to the disk.",
    );
    Ok(figure)
}

fn by_hand(stage: &Stage, first: usize, count: usize) -> Tried<Duration> {
    let mut command = Command::new(stage.file("loop.sh"));
    command
        .arg(&stage.repo)
        .arg(&stage.root)
        .arg(first.to_string())
        .arg(count.to_string());
    command
        .env("STAGE", &stage.root)
        .env("HOME", &stage.repo)
        .env("GIT_CONFIG_NOSYSTEM", "1");
    settle();
    Ok(timed(|| quietly(&mut command))?.0)
}

fn by_cw(stage: &Stage, title: &str, count: usize) -> Tried<Duration> {
    let plan = stage.plan(&independent(title, "", count))?;
    settle();
    let (took, _) = timed(|| stage.cw(&["run", &plan]))?;
    stage.wait_for_quiet()?;
    let branch = format!("cw/{}/integration", title.to_lowercase());
    let merged = git(&stage.repo, &["diff", "--name-only", "main", &branch])?
        .lines()
        .count();
    if merged == count {
        Ok(took)
    } else {
        Err(format!("{merged} of {count} tasks are on {branch}"))
    }
}
