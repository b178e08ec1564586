//! Merges of 20 files through the lane, beside the git commands that any merge without a worktree takes.

use std::path::Path;
use std::time::Instant;

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

/// Measures it.
///
/// # Errors
/// When `cw` or git say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let rounds = bench.options.rounds;
    let tasks = (BATCH + 1) * rounds;
    let stage = Stage::new(bench, Size::Medium, &script(), 8)?;
    let plan = stage.plan(&independent("Merged", "- review: human\n", tasks))?;
    stage.cw(&["plan", "apply", &plan])?;
    stage.cw(&["initiative", "start", "merged"])?;
    stage.wait_for("review", tasks)?;
    let heads = heads(&stage, tasks)?;
    let raw_branch = "refs/heads/by-hand";
    git(
        &stage.repo,
        &["update-ref", raw_branch, "cw/merged/integration"],
    )?;
    git(
        &stage.repo,
        &["branch", "in-worktree", "cw/merged/integration"],
    )?;
    let tree = stage.file("in-worktree").to_string_lossy().into_owned();
    git(
        &stage.repo,
        &["worktree", "add", "-q", &tree, "in-worktree"],
    )?;

    let mut times: [Samples; 5] = Default::default();
    let [together, alone, plain, synced, whole] = &mut times;
    for round in 0..rounds {
        let first = round * (BATCH + 1);
        let batch = &heads[first..first + BATCH];
        let ids: Vec<String> = (first..first + BATCH)
            .map(|task| format!("merged-{task}"))
            .collect();
        plain.add(timed(|| by_hand(&stage.repo, raw_branch, batch, &[]))?.0 / share());
        together.add(through_the_lane(&stage, &ids)?.div_f64(f64::from(share())));
        alone.add(through_the_lane(
            &stage,
            &[format!("merged-{}", first + BATCH)],
        )?);
        git(
            &stage.repo,
            &["update-ref", "refs/heads/synced", "cw/merged/integration"],
        )?;
        let last = &heads[first + BATCH..=first + BATCH];
        by_hand(&stage.repo, raw_branch, last, &[])?;
        let fsync = ["-c", "core.fsync=committed"];
        synced.add(timed(|| by_hand(&stage.repo, "refs/heads/synced", batch, &fsync))?.0 / share());
        let merge = [
            "merge",
            "-q",
            "--no-ff",
            "-m",
            "Merge",
            &heads[first + BATCH],
        ];
        whole.add(timed(|| quietly(&mut git_command(Path::new(&tree), &merge)))?.0);
    }
    let mut figure = Figure::new(
        "merge",
        "A merge of 20 files through the lane, medium repository, no gate",
    );
    figure.row(Row::ratio(
        "one of 8 that wait ÷ `rev-parse` + `merge-tree` + `commit-tree` + `update-ref`",
        together,
        plain,
        Some(1.5),
    ));
    figure.row(Row::ratio(
        "one alone, from the approval's call to `task.merged` ÷ the same",
        alone,
        plain,
        None,
    ));
    figure.row(Row::ratio(
        "the same git commands with `core.fsync=committed` ÷ without",
        synced,
        plain,
        None,
    ));
    figure.row(Row::ratio(
        "one of 8 that wait ÷ a full merge in a worktree",
        together,
        whole,
        None,
    ));
    figure.note(format!(
        "Tasks are held by `review: human`; {BATCH} are approved over the socket at once, and the time from the first call to \
         the last `task.merged` as a reader of the event stream sees it is divided by {BATCH}. It holds the trial merge, the \
         commit, the branch's move with the record under `refs/cw/merged/`, all written through to the disk, and two durable \
         decisions each. Taking the worktrees away goes on beside it."
    ));
    figure.note("The limit merges the same commits into another branch, one git command after the other, nothing synced.");
    Ok(figure)
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

fn through_the_lane(stage: &Stage, ids: &[String]) -> Tried<std::time::Duration> {
    let seen = last_event(stage)?;
    let mut events = Events::open(&stage.socket(), seen)?;
    let dir = stage.repo.to_string_lossy();
    settle();
    let begun = Instant::now();
    for id in ids {
        call(
            &stage.socket(),
            "task.approve",
            &json!({ "dir": dir, "id": id }),
        )?;
    }
    for _ in ids {
        events.next("task.merged")?;
    }
    let took = begun.elapsed();
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
