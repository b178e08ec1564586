//! The same plan with and without `kill -9`: the end is the same, and nothing half done is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Dice, PATIENCE, Stage, rounds};

/// Twelve tasks in three phases and five plans: two that edit the same line, one whose first
/// merge a gate refuses, one that leaves its work uncommitted, one that fails for good. The two
/// come to the same line also when one of them starts late, from where the other is merged.
const PLAN: &str = "# Storm
## One
### Base
#### Seed

sleep 0.2; mkdir -p src; echo seed > src/seed; git add -A; git commit -qm seed

#### Shared

printf 'a\\n' > shared; git add shared; git commit -qm shared

### Doomed
#### Doomed
- attempts: 1

sleep 0.2; exit 9

#### After doomed

echo never > never

#### After that

echo never > never2

## Two
### Left
- after: base
#### Left line

sleep 0.2; { echo left; grep right shared; } > new; mv new shared; git commit -qam left

#### Left file

sleep 0.1; echo left > left

### Right
- after: base
#### Right line

sleep 0.2; { grep left shared; echo right; } > new; mv new shared; git commit -qam right

#### Gated

sleep 0.1; echo gated > gated; touch poison

## Three
### End
- after: left, right
#### Collect

sleep 0.1; cat left gated > both

#### Rename

git mv both all; git commit -qm rename

#### Last

sleep 0.1; echo last > last
";

/// Solves a conflict the same way whoever came first, and takes the poison out.
const ON_BOUNCE: &str = "
if [ -e poison ]; then git rm -qf poison || rm -f poison; fi
if grep -q '^<<<<<<<' shared; then printf 'left\\nright\\n' > shared; fi
";

fn storm() -> Stage {
    let stage = Stage::bare();
    stage.configure("[gates]\ncommands = [\"test ! -e poison\"]\n[limits]\nattempts = 30\n");
    stage.tool("on-bounce.sh", ON_BOUNCE);
    stage.cw(&["init", "--trust"]).expect(0);
    let plan = stage.plan(PLAN);
    stage.cw(&["plan", "apply", &plan]).expect(0);
    stage.cw(&["initiative", "start", "storm"]).expect(0);
    stage
}

/// What the end is judged by: the tree, the statuses, the order of merges as far as it is given.
#[derive(Debug, PartialEq)]
struct End {
    tree: String,
    statuses: BTreeMap<String, String>,
}

fn over(stage: &Stage) -> Option<End> {
    let ran = stage.cw(&["task", "list", "--json"]);
    if ran.code != 0 {
        return None;
    }
    let list: serde_json::Value = serde_json::from_str(&ran.out).ok()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let tasks = list["tasks"].as_array()?;
    let statuses: BTreeMap<String, String> = tasks
        .iter()
        .map(|task| Some((text(&task["id"])?, text(&task["status"])?)))
        .collect::<Option<_>>()?;
    let still = |status: &String| ["merged", "failed", "blocked"].contains(&status.as_str());
    if statuses.values().all(still)
        && statuses["last"] == "merged"
        && statuses["doomed"] == "failed"
    {
        return Some(End {
            tree: stage.git(&["ls-tree", "-r", "cw/storm/integration"]),
            statuses,
        });
    }
    None
}

fn nothing_half_done(stage: &Stage) {
    stage.wait("worktrees of merged tasks to go", || {
        let worktrees = stage.git(&["worktree", "list", "--porcelain"]);
        // Only the checkout, the gate's and that of the task that failed for good may be left.
        let left = worktrees
            .lines()
            .filter(|line| line.starts_with("branch refs/heads/cw/"))
            .count();
        (left <= 1).then_some(())
    });
    let locks: Vec<_> = walk(&stage.repo.join(".git"))
        .into_iter()
        .filter(|path| path.ends_with(".lock") && !path.contains("cw-"))
        .collect();
    assert_eq!(locks, Vec::<String>::new());
    stage.git(&["fsck", "--strict", "--no-dangling"]);
    stage.git(&["status"]);
    let merged = stage.git(&["for-each-ref", "--format=%(refname)", "refs/cw/merged"]);
    assert_eq!(merged.lines().count(), 9, "{merged}");
    let branch = "cw/storm/integration";
    let order = stage.git(&[
        "log",
        "--first-parent",
        "--reverse",
        "--format=%(trailers:key=Cw-Task,valueonly,separator=)",
        branch,
    ]);
    let order: Vec<&str> = order.lines().filter(|line| !line.is_empty()).collect();
    let at = |task: &str| order.iter().position(|merged| *merged == task).unwrap();
    for (before, after) in [
        ("seed", "shared"),
        ("shared", "left-line"),
        ("shared", "right-line"),
        ("left-line", "left-file"),
        ("right-line", "gated"),
        ("left-file", "collect"),
        ("gated", "collect"),
        ("collect", "rename"),
        ("rename", "last"),
    ] {
        assert!(at(before) < at(after), "{order:?}");
    }
    assert_eq!(order.len(), 9);
    let report = stage.cw(&["doctor", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    let problems: Vec<_> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "problem")
        .collect();
    assert_eq!(problems, Vec::<&serde_json::Value>::new());
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|entry| {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path())
            } else {
                vec![entry.path().display().to_string()]
            }
        })
        .collect()
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn end_without_kills() -> End {
    let stage = storm();
    let end = stage.wait("the storm to be over", || over(&stage));
    nothing_half_done(&stage);
    end
}

#[test]
fn the_server_killed_again_and_again_comes_to_the_same_end() {
    let expected = end_without_kills();
    let mut dice = Dice(7);
    let (wanted, mut kills) = (rounds(), 0);
    while kills < wanted {
        let stage = storm();
        let end = stage.wait("the storm to be over", || {
            if kills < wanted {
                // A random moment: this wait is the fault that is injected, not a hope for progress.
                std::thread::sleep(Duration::from_millis(20 + dice.below(250)));
                kill(server_of(&stage)?);
                kills += 1;
            }
            over(&stage)
        });
        assert_eq!(end, expected);
        nothing_half_done(&stage);
    }
}

#[test]
fn git_killed_again_and_again_comes_to_the_same_end() {
    let expected = end_without_kills();
    let mut dice = Dice(11);
    let (wanted, mut kills) = (rounds(), 0);
    let mut until = Instant::now() + PATIENCE;
    while kills < wanted {
        assert!(Instant::now() < until, "git was killed {kills} times only");
        let (stage, before) = (storm(), kills);
        while kills < wanted && Instant::now() < until && over(&stage).is_none() {
            kills += kill_gits(&stage, &mut dice, Duration::from_millis(300));
        }
        if kills > before {
            until = Instant::now() + PATIENCE;
        }
        let end = stage.wait("the storm to be over", || over(&stage));
        assert_eq!(end, expected);
        nothing_half_done(&stage);
    }
}

fn server_of(stage: &Stage) -> Option<u32> {
    let pid = std::fs::read_to_string(stage.home.join("home.lock")).ok()?;
    pid.trim().parse().ok()
}

/// Watches the server's children for a while and kills a third of the gits among them.
fn kill_gits(stage: &Stage, dice: &mut Dice, span: Duration) -> usize {
    let Some(server) = server_of(stage) else {
        return 0;
    };
    let (mut kills, mut seen) = (0, None);
    let began = Instant::now();
    while began.elapsed() < span {
        let git = git_child_of(server);
        if let Some(fresh) = git.filter(|_| git != seen)
            && dice.below(3) == 0
        {
            kill(fresh);
            kills += 1;
        }
        seen = git;
    }
    kills
}

fn git_child_of(server: u32) -> Option<u32> {
    let children = std::fs::read_dir(format!("/proc/{server}/task")).ok()?;
    for task in children.flatten() {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in listed.split_whitespace() {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.trim() == "git" {
                return pid.parse().ok();
            }
        }
    }
    None
}
