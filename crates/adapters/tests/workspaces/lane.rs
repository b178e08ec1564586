//! The merge lane: trials, and the moves of the integration branch.

use cw_core::ports::workspaces::{Advanced, Trialled, Workspaces};

use super::world::{INTEGRATION, World, git_in};

#[test]
fn a_trial_makes_the_same_merge_commit_each_time() {
    let world = World::new();
    let main = world.oid("main");
    let (tip, head) = (
        world.commit_on(&main, "a.txt", "tip\n"),
        world.commit_on(&main, "b.txt", "head\n"),
    );
    let first = world.trial(&tip, &head);
    assert_eq!(
        world.again().trial(&world.ask_trial(&tip, &head)).unwrap(),
        first
    );
    let Trialled::Clean { tree, commit } = first else {
        panic!("{first:?}")
    };
    assert_eq!(
        world.git(["rev-parse", &format!("{commit}^1"), &format!("{commit}^2")]),
        format!("{tip}\n{head}")
    );
    assert_eq!(world.oid(&format!("{commit}^{{tree}}")), tree);
    assert_eq!(world.show(commit.as_str(), "a.txt"), "tip");
    assert_eq!(
        world.git(["log", "-1", "--format=%an %ct", commit.as_str()]),
        "Ada 1700000000"
    );
}

#[test]
fn work_on_top_of_the_tip_still_gets_a_merge_commit() {
    let world = World::new();
    let main = world.oid("main");
    let head = world.commit_on(&main, "b.txt", "head\n");
    let merged = world.merged(&main, &head);
    assert_ne!(merged, head);
    assert_eq!(
        world.git(["rev-parse", &format!("{merged}^2")]),
        head.as_str()
    );
    assert_eq!(world.trial(&merged, &head), Trialled::AlreadyIn);
}

#[test]
fn a_conflict_names_its_files() {
    let world = World::new();
    let main = world.oid("main");
    let (tip, head) = (
        world.commit_on(&main, "a.txt", "tip\n"),
        world.commit_on(&main, "a.txt", "head\n"),
    );
    let Trialled::Conflict { paths, messages } = world.trial(&tip, &head) else {
        panic!()
    };
    assert_eq!(paths, ["a.txt"]);
    assert_eq!(messages, ["CONFLICT (content): Merge conflict in a.txt"]);
}

#[test]
fn a_commit_that_does_not_exist_is_no_conflict() {
    let world = World::new();
    let main = world.oid("main");
    let nowhere = "0123456789".repeat(4).parse().unwrap();
    let error = world
        .ws
        .trial(&world.ask_trial(&main, &nowhere))
        .unwrap_err();
    assert!(!error.transient, "{error:?}");
}

#[test]
fn the_attributes_of_the_tip_decide_not_those_of_the_checkout() {
    let world = World::new();
    world.write(".gitattributes", "a.txt merge=union\n");
    let base = world.commit("union");
    let (tip, head) = (
        world.commit_on(&base, "a.txt", "tip\n"),
        world.commit_on(&base, "a.txt", "head\n"),
    );
    world.write(".gitattributes", "a.txt merge=binary\n");
    assert!(matches!(world.trial(&tip, &head), Trialled::Clean { .. }));
}

#[test]
fn histories_without_a_common_commit_do_not_merge() {
    let world = World::new();
    let main = world.oid("main");
    let tree = world.git(["write-tree"]);
    let orphan = world
        .git(["commit-tree", &tree, "-m", "orphan"])
        .parse()
        .unwrap();
    assert!(matches!(
        world.trial(&main, &orphan),
        Trialled::Conflict { .. }
    ));
}

#[test]
fn the_branch_moves_once_and_the_merge_is_recorded() {
    let world = World::new();
    let main = world.oid("main");
    world.git(["branch", INTEGRATION]);
    let merged = world.merged(&main, &world.commit_on(&main, "c.txt", "c"));
    assert_eq!(world.advance(&main, &merged), Advanced::Moved);
    assert_eq!(world.oid(INTEGRATION), merged);
    assert_eq!(world.oid("refs/cw/merged/p/accounts/users/1"), merged);
    assert_eq!(
        world
            .again()
            .advance(&world.ask_advance(&main, &merged))
            .unwrap(),
        Advanced::Already
    );
    // Also when the branch has gone on since.
    let next = world.commit_on(&merged, "d.txt", "d");
    world.git([
        "update-ref",
        &format!("refs/heads/{INTEGRATION}"),
        next.as_str(),
    ]);
    assert_eq!(world.advance(&main, &merged), Advanced::Already);
    assert_eq!(world.oid(INTEGRATION), next);
}

#[test]
fn a_branch_that_moved_by_other_hands_is_left_there() {
    let world = World::new();
    let main = world.oid("main");
    let merged = world.merged(&main, &world.commit_on(&main, "c.txt", "c"));
    assert_eq!(
        world.advance(&main, &merged),
        Advanced::MovedByOthers { now: None }
    );
    let others = world.commit_on(&main, "x.txt", "x");
    world.git(["branch", INTEGRATION, others.as_str()]);
    assert_eq!(
        world.advance(&main, &merged),
        Advanced::MovedByOthers {
            now: Some(others.clone())
        }
    );
    assert_eq!(world.oid(INTEGRATION), others);
    assert_eq!(world.git(["for-each-ref", "refs/cw/merged"]), "");
}

#[test]
fn a_branch_that_is_checked_out_is_not_moved() {
    let world = World::new();
    let main = world.oid("main");
    world.git(["branch", INTEGRATION]);
    let review = world.base().join("review");
    world.git([
        "worktree",
        "add",
        "--quiet",
        review.to_str().unwrap(),
        INTEGRATION,
    ]);
    let merged = world.merged(&main, &world.commit_on(&main, "c.txt", "c"));
    assert_eq!(
        world.advance(&main, &merged),
        Advanced::CheckedOut {
            path: review.clone()
        }
    );
    git_in(&review, &["switch", "--quiet", "--detach"]);
    assert_eq!(world.advance(&main, &merged), Advanced::Moved);
}

#[test]
fn the_lock_that_a_killed_git_left_on_a_ref_is_mended() {
    let world = World::new();
    let main = world.oid("main");
    world.git(["branch", INTEGRATION]);
    world.write(&format!(".git/refs/heads/{INTEGRATION}.lock"), "");
    world.write(".git/refs/cw/merged/p/accounts/users/1.lock", "");
    let merged = world.merged(&main, &world.commit_on(&main, "c.txt", "c"));
    // One lock at a time is met and mended; a second try meets the other.
    let first = world.ws.advance(&world.ask_advance(&main, &merged));
    let moved = first.or_else(|e| {
        if e.transient {
            world.ws.advance(&world.ask_advance(&main, &merged))
        } else {
            Err(e)
        }
    });
    assert_eq!(moved.unwrap(), Advanced::Moved);
}

#[test]
fn a_lock_that_somebody_holds_is_respected() {
    let world = World::new();
    let main = world.oid("main");
    world.git(["branch", INTEGRATION]);
    let merged = world.merged(&main, &world.commit_on(&main, "c.txt", "c"));
    let lock = world
        .repo
        .join(format!(".git/refs/heads/{INTEGRATION}.lock"));
    let held = std::fs::File::create(&lock).unwrap();
    let error = world
        .ws
        .advance(&world.ask_advance(&main, &merged))
        .unwrap_err();
    assert!(error.transient, "{error:?}");
    assert!(lock.exists());
    drop(held);
    assert_eq!(world.advance(&main, &merged), Advanced::Moved);
}
