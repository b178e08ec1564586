//! Merges of 20 files through the lane, beside the git commands that any merge without a worktree takes.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::call::{Events, call};
use super::report::{Figure, Row};
use super::repository::{Size, git, git_command};
use super::sample::{Samples, timed};
use super::stage::{Stage, independent, quietly, settle};
use super::{Bench, Tried};

/// Files that each task changes.
const FILES: usize = 20;
/// Merges that wait for the lane together, in each round.
const BATCH: usize = 8;

/// Where the git commands merge by hand what the lane merges.
const BY_HAND: &str = "refs/heads/by-hand";

/// What was measured, round by round.
#[derive(Default)]
struct Times {
    together: Samples,
    alone: Samples,
    plain: Samples,
    synced: Samples,
    whole: Samples,
}

/// Measures it.
///
/// # Errors
/// When `cw` or git say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let tasks = (BATCH + 1) * bench.options.rounds;
    let stage = Stage::new(bench, Size::Medium, &script(), 8)?;
    let plan = stage.plan(&independent("Merged", "- review: human\n", tasks))?;
    stage.cw(&["plan", "apply", &plan])?;
    stage.cw(&["initiative", "start", "merged"])?;
    stage.wait_for("review", tasks)?;
    let heads = heads(&stage, tasks)?;
    git(
        &stage.repo,
        &["update-ref", BY_HAND, "cw/merged/integration"],
    )?;
    git(
        &stage.repo,
        &["branch", "in-worktree", "cw/merged/integration"],
    )?;
    let tree = stage.file("in-worktree");
    git(
        &stage.repo,
        &[
            "worktree",
            "add",
            "-q",
            &tree.to_string_lossy(),
            "in-worktree",
        ],
    )?;
    let mut times = Times::default();
    for (round, heads) in heads.chunks(BATCH + 1).enumerate() {
        measure_round(&stage, &tree, round * (BATCH + 1), heads, &mut times)?;
    }
    Ok(figure(&times))
}

/// One round: the tasks from `first` on, whose work stands at `heads`.
fn measure_round(
    stage: &Stage,
    tree: &Path,
    first: usize,
    heads: &[String],
    times: &mut Times,
) -> Tried<()> {
    let (batch, last) = heads.split_at(BATCH);
    let ids: Vec<String> = (first..=first + BATCH)
        .map(|task| format!("merged-{task}"))
        .collect();
    times
        .plain
        .add(timed(|| by_hand(&stage.repo, BY_HAND, batch, &[]))?.0 / share());
    by_hand(&stage.repo, BY_HAND, last, &[])?;
    times
        .together
        .add(through_the_lane(stage, &ids[..BATCH])? / share());
    times.alone.add(through_the_lane(stage, &ids[BATCH..])?);
    git(&stage.repo, &["update-ref", "refs/heads/synced", "main"])?;
    let fsync = ["-c", "core.fsync=committed"];
    times
        .synced
        .add(timed(|| by_hand(&stage.repo, "refs/heads/synced", batch, &fsync))?.0 / share());
    let merge = ["merge", "-q", "--no-ff", "-m", "Merge", &last[0]];
    times
        .whole
        .add(timed(|| quietly(&mut git_command(tree, &merge)))?.0);
    Ok(())
}

fn figure(times: &Times) -> Figure {
    let Times {
        together,
        alone,
        plain,
        synced,
        whole,
    } = times;
    let mut figure = Figure::new(
        "merge",
        "A merge of 20 files through the lane, medium repository, no gate",
    );
    for (what, ours, limit, target) in [
        (
            "one alone, from the approval's call to `task.merged` ÷ `rev-parse` + `merge-tree` + `commit-tree` + `update-ref`",
            alone,
            plain,
            Some(1.5),
        ),
        (
            "one of 8 that wait, their worktrees being taken away beside it ÷ the same",
            together,
            plain,
            Some(1.5),
        ),
        (
            "the same git commands with `core.fsync=committed` ÷ without",
            synced,
            plain,
            None,
        ),
        ("one alone ÷ a full merge in a worktree", alone, whole, None),
    ] {
        figure.row(Row::ratio(what, ours, limit, target));
    }
    figure.note(format!(
        "Tasks are held by `review: human`; {BATCH} are approved over the socket at once, and the time from the first call to \
         the last `task.merged` as a reader of the event stream sees it is divided by {BATCH}. It holds the trial merge, the \
         commit, the branch's move with the record under `refs/cw/merged/`, all written through to the disk, and two durable \
         decisions each. Of {BATCH} that wait, the worktrees of those merged are taken away beside it; before one alone that \
         is over."
    ));
    figure.note("The limit merges the same commits into another branch, one git command after the other, nothing synced.");
    figure
}

fn share() -> u32 {
    u32::try_from(BATCH).unwrap_or(1)
}

/// Adds a line to each of 20 files that no other task changes.
fn script() -> String {
    let folder = "src/part$(printf %03d $((n / 16)))/group$(printf %02d $((n % 16)))";
    format!(
        "#!/bin/sh\nn=${{CW_TASK##*-}}\nfor f in \"{folder}\"/*.txt; do echo \"task $n\" >> \"$f\"; done\n\
         git add -A && git commit -q -m \"Task $n\"\n"
    )
}

/// The commits that wait for approval, by task.
fn heads(stage: &Stage, tasks: usize) -> Tried<Vec<String>> {
    let list = stage.json(&["task", "list"])?;
    let rows = list["tasks"].as_array().ok_or("no tasks in the list")?;
    let mut heads = vec![String::new(); tasks];
    for row in rows {
        let number = row["id"]
            .as_str()
            .and_then(|id| id.rsplit('-').next())
            .and_then(|n| n.parse::<usize>().ok());
        let branch = row["branch"]
            .as_str()
            .ok_or_else(|| format!("{row} has no branch"))?;
        if let Some(head) = number.and_then(|number| heads.get_mut(number)) {
            *head = git(&stage.repo, &["rev-parse", branch])?;
        }
    }
    let changed = git(&stage.repo, &["diff", "--name-only", "main", &heads[0]])?
        .lines()
        .count();
    if changed == FILES {
        Ok(heads)
    } else {
        Err(format!("a task changed {changed} files instead of {FILES}"))
    }
}

/// From the first approval's call to the last merge; gives the time once the worktrees are gone too, so that taking them
/// away does not slow what is measured next.
fn through_the_lane(stage: &Stage, ids: &[String]) -> Tried<Duration> {
    let seen = last_event(stage)?;
    let mut merged = Events::open(&stage.socket(), seen)?;
    let mut released = Events::open(&stage.socket(), seen)?;
    let dir = stage.repo.to_string_lossy();
    settle();
    let begun = Instant::now();
    for id in ids {
        let input = json!({ "dir": dir, "id": id });
        call(&stage.socket(), "task.approve", &input)?;
    }
    for _ in ids {
        merged.next("task.merged")?;
    }
    let took = begun.elapsed();
    for _ in ids {
        released.next("worktree.released")?;
    }
    Ok(took)
}

fn last_event(stage: &Stage) -> Tried<u64> {
    let text = stage.cw(&["events", "--json"])?;
    let last = text.lines().last().unwrap_or_default();
    let event: serde_json::Value =
        serde_json::from_str(last).map_err(|error| format!("{last}: {error}"))?;
    event["seq"]
        .as_u64()
        .ok_or_else(|| format!("{last} has no number"))
}

/// What any merge without a worktree takes, one after the other.
fn by_hand(repo: &Path, branch: &str, heads: &[String], config: &[&str]) -> Tried<()> {
    let run = |words: &[&str]| {
        let all: Vec<&str> = config.iter().chain(words).copied().collect();
        git(repo, &all)
    };
    for head in heads {
        let tip = run(&["rev-parse", branch])?;
        let tree = run(&["merge-tree", "--write-tree", &tip, head])?;
        let commit = run(&["commit-tree", "-p", &tip, "-p", head, "-m", "Merge", &tree])?;
        run(&["update-ref", branch, &commit, &tip])?;
    }
    Ok(())
}
