//! Taking worktrees away without losing anything.

use std::fs;

use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::Workspaces;

use super::world::{BRANCH, KEPT, World, git_in, write};

#[test]
fn what_a_worktree_holds_is_kept_and_its_branch_stays() {
    let world = World::new();
    world.write(".gitignore", "*.log\n");
    world.commit("ignore");
    world.write(".env", "SECRET=1\n");
    world.prepare();
    write(&world.soho(), "a.txt", "changed\n");
    write(&world.soho(), "new.txt", "new\n");
    write(&world.soho(), "x.log", "ignored\n");
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(released.kept.len(), 1);
    assert_eq!(
        world.files(&released.kept[0]),
        [".gitignore", "a.txt", "b.txt", "new.txt"]
    );
    assert!(!world.soho().exists() && !world.admin().exists());
    assert_eq!(world.oid(BRANCH), world.oid("main"));
    assert_eq!(
        world
            .git(["worktree", "list", "--porcelain"])
            .matches("worktree ")
            .count(),
        1
    );

    let again = world.again().release(&world.ask_release()).unwrap();
    assert!(again.kept.is_empty());
    assert_eq!(world.ws.kept(&world.repo, KEPT).unwrap().len(), 1);
    world
        .ws
        .empty_trash(&world.repo, Timestamp(i64::MAX))
        .unwrap();
    assert!(world.prepare().fresh, "the same place can be used again");
}

#[test]
fn a_clean_worktree_leaves_nothing_behind() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "work.txt", "w");
    world.collect();
    assert!(
        world
            .ws
            .release(&world.ask_release())
            .unwrap()
            .kept
            .is_empty()
    );
}

#[test]
fn a_copied_file_that_the_agent_changed_is_its_work() {
    let world = World::new();
    world.write(".env", "SECRET=1\n");
    world.prepare();
    write(&world.soho(), ".env", "changed\n");
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(world.show(&released.kept[0], ".env"), "changed");
}

#[test]
fn commits_that_no_branch_leads_to_are_kept() {
    let world = World::new();
    world.prepare();
    let commit = |name: &str| {
        write(&world.soho(), name, name);
        world.agent(["add", "-A"]);
        world.agent(["commit", "--quiet", "-m", name]);
        world.oid(BRANCH)
    };
    commit("one");
    let two = commit("two");
    world.agent(["reset", "--quiet", "--hard", "main"]);
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(released.kept.len(), 1);
    assert_eq!(world.oid(&released.kept[0]), two);
}

#[test]
fn nested_repositories_and_a_merge_under_way_are_kept() {
    let world = World::new();
    let other = world.commit_on(&world.oid("main"), "a.txt", "theirs\n");
    world.prepare();
    write(&world.soho(), "a.txt", "ours\n");
    world.collect();
    world.merge_into(&other);
    git_in(&world.soho(), &["init", "--quiet", "nested"]);
    write(&world.soho(), "nested/n.txt", "n");
    let kept = world.ws.release(&world.ask_release()).unwrap().kept;
    assert_eq!(world.files(&kept[0]), ["n.txt"]);
    assert!(world.show(&kept[1], "a.txt").contains("<<<<<<<"));
    assert_eq!(
        world.git(["rev-parse", &format!("{}^2", kept[1])]),
        other.as_str()
    );
}

#[test]
fn a_release_that_died_half_way_is_finished() {
    let world = World::new();
    world.prepare();
    fs::rename(world.soho(), world.base().join("worktrees/moved")).unwrap();
    world.ws.release(&world.ask_release()).unwrap();
    assert!(!world.admin().exists());

    world.prepare();
    write(&world.soho(), "work.txt", "w");
    fs::remove_dir_all(world.admin()).unwrap();
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(world.show(&released.kept[0], "work.txt"), "w");
    assert!(!world.soho().exists());
}

#[test]
fn a_locked_worktree_stays() {
    let world = World::new();
    world.prepare();
    world.git(["worktree", "lock", world.soho().to_str().unwrap()]);
    let error = world.ws.release(&world.ask_release()).unwrap_err();
    assert!(error.hint.contains("unlock"), "{error:?}");
    assert!(world.soho().join("a.txt").exists());
}

#[test]
fn dead_worktrees_of_others_are_not_pruned() {
    let world = World::new();
    let users = world.base().join("on-a-stick");
    world.git([
        "worktree",
        "add",
        "--quiet",
        "-b",
        "users",
        users.to_str().unwrap(),
    ]);
    fs::rename(&users, world.base().join("unplugged")).unwrap();
    world.prepare();
    world.ws.release(&world.ask_release()).unwrap();
    assert!(world.repo.join(".git/worktrees/on-a-stick").exists());
}
