//! Landing on the base, and the ad-hoc branch brought up to it.

use std::fs;

use cw_core::domain::effect::LandMode;
use cw_core::domain::oid::Oid;
use cw_core::ports::workspaces::{Land, Landed, SyncBranch, Synced, Workspaces};

use super::world::{AT, World, message, write};

const ADHOC: &str = "cw/adhoc/integration";

fn land(world: &World, tip: &Oid, mode: LandMode) -> Landed {
    let ask = Land {
        repo: world.repo.clone(),
        base: "main".into(),
        tip: tip.clone(),
        mode,
        message: message("Land"),
        at: AT,
    };
    world.ws.land(&ask).unwrap()
}

#[test]
fn a_clean_checkout_goes_forward_with_its_branch() {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), "c.txt", "c\n");
    world.write("untracked.txt", "mine");
    assert_eq!(
        land(&world, &tip, LandMode::FastForward),
        Landed::Landed {
            commit: tip.clone()
        }
    );
    assert_eq!(fs::read_to_string(world.repo.join("c.txt")).unwrap(), "c\n");
    assert_eq!(world.git(["status", "--porcelain"]), "?? untracked.txt");
    assert_eq!(
        land(&world, &tip, LandMode::FastForward),
        Landed::Already { commit: tip }
    );
}

#[test]
fn a_base_that_is_checked_out_nowhere_is_moved() {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), "c.txt", "c\n");
    world.git(["switch", "--quiet", "--create", "elsewhere"]);
    assert_eq!(
        land(&world, &tip, LandMode::FastForward),
        Landed::Landed {
            commit: tip.clone()
        }
    );
    assert_eq!(world.oid("main"), tip);
    assert!(!world.repo.join("c.txt").exists());
}

#[test]
fn changes_in_the_checkout_are_not_risked() {
    let world = World::new();
    let main = world.oid("main");
    let tip = world.commit_on(&main, "c.txt", "c\n");
    let dirty = |files: &[&str]| Landed::Dirty {
        path: world.repo.clone(),
        files: files.iter().map(|f| (*f).to_owned()).collect(),
    };
    world.write("b.txt", "mine\n");
    assert_eq!(land(&world, &tip, LandMode::FastForward), dirty(&["b.txt"]));
    world.git(["checkout", "--quiet", "b.txt"]);
    world.write("c.txt", "mine, untracked\n");
    assert_eq!(land(&world, &tip, LandMode::FastForward), dirty(&["c.txt"]));
    world.write(".git/info/exclude", "c.txt\n");
    assert_eq!(
        land(&world, &tip, LandMode::FastForward),
        dirty(&["c.txt"]),
        "ignored, but the user's"
    );
    assert_eq!(
        fs::read_to_string(world.repo.join("c.txt")).unwrap(),
        "mine, untracked\n"
    );
    assert_eq!(world.oid("main"), main);
    fs::remove_file(world.repo.join("c.txt")).unwrap();
    write(&world.repo, ".git/MERGE_HEAD", format!("{main}\n"));
    assert_eq!(
        land(&world, &tip, LandMode::FastForward),
        Landed::Busy {
            path: world.repo.clone(),
            operation: "merge".into()
        }
    );
}

#[test]
fn a_base_with_commits_of_its_own_needs_a_merge() {
    let world = World::new();
    let main = world.oid("main");
    let tip = world.commit_on(&main, "c.txt", "c\n");
    world.write("d.txt", "d\n");
    world.commit("own");
    assert_eq!(
        land(&world, &tip, LandMode::FastForward),
        Landed::NotFastForward
    );
    let Landed::Landed { commit } = land(&world, &tip, LandMode::MergeCommit) else {
        panic!()
    };
    assert_eq!(world.oid("main"), commit);
    assert!(world.repo.join("c.txt").exists() && world.repo.join("d.txt").exists());
    assert_eq!(world.git(["status", "--porcelain"]), "");
    let other = world.commit_on(&main, "d.txt", "other\n");
    assert_eq!(
        land(&world, &other, LandMode::MergeCommit),
        Landed::Conflict {
            paths: vec!["d.txt".into()]
        }
    );
}

#[test]
fn the_adhoc_branch_follows_its_base() {
    let world = World::new();
    let sync = |to: &Oid| {
        let ask = SyncBranch {
            repo: world.repo.clone(),
            branch: ADHOC.into(),
            to: to.clone(),
            message: message("Sync"),
            at: AT,
        };
        world.ws.sync_branch(&ask).unwrap()
    };
    let one = world.oid("main");
    assert_eq!(sync(&one), Synced::Moved { tip: one.clone() });
    assert_eq!(sync(&one), Synced::UpToDate { tip: one.clone() });
    let two = world.commit_on(&one, "c.txt", "c");
    assert_eq!(sync(&two), Synced::Moved { tip: two.clone() });
    let own = world.commit_on(&two, "own.txt", "o");
    world.git(["branch", "--force", ADHOC, own.as_str()]);
    let three = world.commit_on(&two, "d.txt", "d");
    let Synced::Moved { tip } = sync(&three) else {
        panic!()
    };
    assert_eq!(sync(&three), Synced::UpToDate { tip: tip.clone() });
    assert_eq!(world.git(["rev-parse", &format!("{tip}^1")]), own.as_str());
    let four = world.commit_on(&three, "own.txt", "conflict");
    assert_eq!(
        sync(&four),
        Synced::Conflict {
            paths: vec!["own.txt".into()]
        }
    );
    assert_eq!(world.oid(ADHOC), tip);
}
