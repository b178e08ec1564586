//! Bounces: the tip merged into the worktree, and whether its conflicts are gone.

use std::fs;

use cw_core::domain::oid::Oid;
use cw_core::ports::workspaces::{MergedInto, Workspaces};

use super::world::{BRANCH, KEPT, World, write};

/// A worktree whose work changes `path` to `ours`, and a tip that changes it to `theirs`.
fn conflicting(path: &str, ours: &[u8], theirs: &[u8]) -> (World, Oid) {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), path, theirs);
    world.prepare();
    write(&world.soho(), path, ours);
    world.collect();
    (world, tip)
}

fn conflicted(paths: &[&str]) -> MergedInto {
    MergedInto::Conflicted {
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
    }
}

#[test]
fn a_clean_merge_is_committed() {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), "c.txt", "c");
    world.prepare();
    write(&world.soho(), "a.txt", "ours\n");
    world.collect();
    let merged = world.merge_into(&tip);
    assert_eq!(
        merged,
        MergedInto::Clean {
            head: world.oid(BRANCH)
        }
    );
    assert_eq!(
        world.git(["rev-parse", &format!("{BRANCH}^2")]),
        tip.as_str()
    );
    assert_eq!(
        world
            .git([
                "log",
                "-1",
                "--format=%an %(trailers:key=Cw-Task,valueonly)",
                BRANCH
            ])
            .trim(),
        "Ada users"
    );
    assert_eq!(world.merge_into(&tip), merged);
}

#[test]
fn a_conflict_stands_in_the_worktree_with_markers_until_it_is_resolved() {
    let (world, tip) = conflicting("a.txt", b"one\nours\n", b"one\ntheirs\n");
    let before = world.oid(BRANCH);
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
    assert_eq!(
        world
            .again()
            .merge_into(&world.ask_merge_into(&tip))
            .unwrap(),
        conflicted(&["a.txt"])
    );
    let text = fs::read_to_string(world.soho().join("a.txt")).unwrap();
    assert!(
        text.contains("<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> "),
        "{text}"
    );

    let untouched = world.collect_twice();
    assert_eq!(untouched.unresolved, ["a.txt"]);
    assert_eq!(untouched.head, before);
    assert_eq!(
        world.merge_into(&tip),
        conflicted(&["a.txt"]),
        "the next bounce finds it as it was"
    );

    write(&world.soho(), "a.txt", "one\nboth\n");
    let resolved = world.collect_twice();
    assert!(resolved.is_resolved());
    assert_eq!(
        world.git(["rev-parse", &format!("{BRANCH}^2")]),
        tip.as_str()
    );
}

#[test]
fn a_line_of_a_marker_that_was_forgotten_is_seen() {
    let (world, tip) = conflicting("a.txt", b"one\nours\n", b"one\ntheirs\n");
    world.merge_into(&tip);
    write(&world.soho(), "a.txt", "one\nours\n=======\ntheirs\n");
    assert_eq!(world.collect_twice().unresolved, ["a.txt"]);
}

#[test]
fn markers_that_the_agent_committed_are_seen_now_and_at_the_next_bounce() {
    let (world, tip) = conflicting("a.txt", b"one\nours\n", b"one\ntheirs\n");
    world.merge_into(&tip);
    world.agent(["commit", "--quiet", "-am", "done!"]);
    assert_eq!(world.collect_twice().unresolved, ["a.txt"]);
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
    let newer = world.commit_on(&tip, "c.txt", "c");
    assert_eq!(world.merge_into(&newer), conflicted(&["a.txt"]));
    assert_eq!(world.collect_twice().unresolved, ["a.txt"]);
    write(&world.soho(), "a.txt", "one\nboth\n");
    assert!(world.collect_twice().is_resolved());
}

#[test]
fn a_file_about_markers_is_no_conflict() {
    let about = b"<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> other\n";
    let (world, tip) = conflicting("a.txt", &[about, &b"ours\n"[..]].concat(), b"theirs\n");
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
    assert!(!world.collect().is_resolved());
    write(&world.soho(), "a.txt", [about, &b"both\n"[..]].concat());
    assert!(world.collect_twice().is_resolved());
}

#[test]
fn a_change_against_a_removal_is_not_resolved_by_doing_nothing() {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), "a.txt", "theirs\n");
    world.prepare();
    fs::remove_file(world.soho().join("a.txt")).unwrap();
    world.collect();
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
    assert_eq!(world.collect_twice().unresolved, ["a.txt"]);
    world.agent(["rm", "--quiet", "a.txt"]);
    assert!(world.collect_twice().is_resolved());
    assert_eq!(world.files(BRANCH), ["b.txt"]);
}

#[test]
fn binary_files_in_conflict_are_not_resolved_by_doing_nothing() {
    let (world, tip) = conflicting("x.bin", b"\0ours", b"\0theirs");
    assert_eq!(world.merge_into(&tip), conflicted(&["x.bin"]));
    assert_eq!(world.collect_twice().unresolved, ["x.bin"]);
    write(&world.soho(), "x.bin", b"\0both");
    assert!(world.collect_twice().is_resolved());
}

#[test]
fn a_merge_that_the_agent_dropped_is_noticed() {
    let (world, tip) = conflicting("a.txt", b"one\nours\n", b"one\ntheirs\n");
    world.merge_into(&tip);
    world.agent(["merge", "--abort"]);
    let collected = world.collect_twice();
    assert!(collected.merge_dropped && !collected.is_resolved());
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
}

#[test]
fn an_older_merge_is_cleared_away_only_after_it_was_kept() {
    let (world, tip) = conflicting("a.txt", b"one\nours\n", b"one\ntheirs\n");
    world.merge_into(&tip);
    write(&world.soho(), "a.txt", "<<<<<<< half way\n");
    write(&world.soho(), "new.txt", "made on the way");
    let newer = world.commit_on(&tip, "a.txt", "one\nnewer\n");
    assert_eq!(world.merge_into(&newer), conflicted(&["a.txt"]));
    assert!(
        fs::read_to_string(world.soho().join("a.txt"))
            .unwrap()
            .contains("newer")
    );
    let kept = world.ws.kept(&world.repo, KEPT).unwrap();
    let kept = &kept.last().unwrap().name;
    assert_eq!(world.show(kept, "a.txt"), "<<<<<<< half way");
    assert_eq!(world.show(kept, "new.txt"), "made on the way");
}

#[test]
fn a_merge_that_a_killed_git_left_half_made_is_made_again() {
    let (world, tip) = conflicting("a.txt", b"one\nours\n", b"one\ntheirs\n");
    let tip = world.commit_on(&tip, "c.txt", "c\n");
    let head = world.oid(BRANCH);
    // The files are there, the rest is not.
    write(&world.admin(), "cw-merging", format!("{head} {tip}"));
    write(&world.admin(), "index.lock", "");
    write(&world.soho(), "c.txt", "half");
    write(&world.soho(), "a.txt", "<<<<<<< HEAD\n");
    let collected = world.collect();
    assert_eq!(collected.head, head, "half a merge is not the agent's work");
    write(&world.admin(), "cw-merging", format!("{head} {tip}"));
    write(&world.soho(), "c.txt", "half");
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
    assert_eq!(
        fs::read_to_string(world.soho().join("c.txt")).unwrap(),
        "c\n"
    );
}

#[test]
fn work_that_was_not_collected_is_committed_before_the_merge() {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), "a.txt", "theirs\n");
    world.prepare();
    write(&world.soho(), "a.txt", "ours\n");
    assert_eq!(world.merge_into(&tip), conflicted(&["a.txt"]));
    assert_eq!(world.show(BRANCH, "a.txt"), "ours");
}

#[test]
fn a_copied_file_gives_way_to_one_of_the_tip() {
    let world = World::new();
    world.write(".env", "SECRET=1\n");
    world.prepare();
    let tip = world.commit_on(&world.oid("main"), ".env", "tracked\n");
    assert!(matches!(world.merge_into(&tip), MergedInto::Clean { .. }));
    assert_eq!(
        fs::read_to_string(world.soho().join(".env")).unwrap(),
        "tracked\n"
    );
}
