//! Work in places where git does not look by itself.

use std::fs;
use std::path::Path;

use cw_core::ports::workspaces::{GateCheckout, MergedInto, Workspaces};

use super::world::{BRANCH, KEPT, World, git_in, write};

/// The text of every file that stands under the refs of kept work.
fn kept(world: &World) -> Vec<String> {
    let kept = world.ws.kept(&world.repo, KEPT).unwrap();
    let mut found = Vec::new();
    for one in kept {
        for file in world.files(&one.name) {
            found.push(world.show(&one.name, &file));
        }
    }
    found
}

/// A world whose repository has a submodule `lib`.
fn with_submodule() -> World {
    let world = World::new();
    let lib = world.base().join("lib");
    git_in(&world.base(), &["init", "--quiet", "lib"]);
    write(&lib, "l.txt", "l");
    git_in(&lib, &["add", "-A"]);
    git_in(&lib, &["commit", "--quiet", "-m", "l"]);
    world.git(["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
    world.commit("with a submodule");
    world
}

#[test]
fn marks_in_the_index_hide_no_work() {
    for mark in ["--assume-unchanged", "--skip-worktree"] {
        let world = World::new();
        world.prepare();
        world.agent(["update-index", mark, "a.txt"]);
        write(&world.soho(), "a.txt", "hidden\n");
        let collected = world.collect_twice();
        assert!(collected.committed && collected.ahead, "{mark}");
        assert_eq!(world.show(BRANCH, "a.txt"), "hidden");
        write(&world.soho(), "a.txt", "hidden again\n");
        world.agent(["update-index", mark, "a.txt"]);
        let released = world.ws.release(&world.ask_release()).unwrap();
        assert_eq!(world.show(&released.kept[0], "a.txt"), "hidden again");
    }
}

#[test]
fn agents_and_gates_see_the_whole_tree_of_a_sparse_checkout() {
    let world = World::new();
    world.write("in/a", "a");
    world.write("out/b", "b");
    world.commit("two folders");
    world.git(["sparse-checkout", "set", "--cone", "in"]);
    assert!(!world.repo.join("out").exists());
    world.prepare();
    assert_eq!(fs::read_to_string(world.soho().join("out/b")).unwrap(), "b");
    write(&world.soho(), "out/b", "changed");
    world.collect_twice();
    assert_eq!(world.show(BRANCH, "out/b"), "changed");
    let gate = world.worktree("gate");
    let ask = GateCheckout {
        repo: world.repo.clone(),
        path: gate.clone(),
        commit: world.oid(BRANCH),
        copy: Vec::new(),
    };
    world.ws.gate_checkout(&ask).unwrap();
    assert_eq!(fs::read_to_string(gate.join("out/b")).unwrap(), "changed");
    assert!(!world.repo.join("out").exists(), "the user's own stays");
}

#[test]
fn an_agent_that_makes_its_worktree_sparse_loses_nothing() {
    let world = World::new();
    world.write("in/a", "a");
    world.write("out/b", "b");
    world.commit("two folders");
    world.prepare();
    world.agent(["sparse-checkout", "set", "--cone", "in"]);
    write(&world.soho(), "out/b", "changed");
    write(&world.soho(), "out/new", "new");
    world.collect();
    assert_eq!(world.show(BRANCH, "out/b"), "changed");
    assert_eq!(world.show(BRANCH, "out/new"), "new");
    assert_eq!(world.show(BRANCH, "in/a"), "a");
}

#[test]
fn files_in_the_folder_of_a_submodule_that_is_not_there_are_kept() {
    let world = with_submodule();
    world.prepare();
    write(&world.soho(), "lib/precious.txt", "precious");
    let collected = world.collect();
    assert_eq!(kept(&world), ["precious"]);
    assert_eq!(collected.notes.len(), 1, "{:?}", collected.notes);
    assert!(world.files(BRANCH).iter().any(|f| f == "lib"));
}

#[test]
fn commits_made_in_a_submodule_outlive_the_worktree() {
    let world = with_submodule();
    world.prepare();
    world.agent(["submodule", "--quiet", "update", "--init"]);
    assert!(
        world
            .ws
            .release(&world.ask_release())
            .unwrap()
            .kept
            .is_empty()
    );

    world.prepare();
    world.agent(["submodule", "--quiet", "update", "--init"]);
    let sub = world.soho().join("lib");
    write(&sub, "l.txt", "changed");
    git_in(&sub, &["commit", "--quiet", "-am", "in the submodule"]);
    let made = git_in(&sub, &["rev-parse", "HEAD"]);
    world.collect();
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(released.kept.len(), 1, "{:?}", released.kept);
    assert_eq!(world.git(["cat-file", "-t", &made]), "commit");
    let refs = world.git(["for-each-ref", "--format=%(objectname)", KEPT]);
    assert!(refs.lines().any(|oid| oid == made), "{refs}");
}

#[test]
fn commits_of_a_repository_made_over_the_worktree_are_kept() {
    let world = World::new();
    world.prepare();
    fs::remove_file(world.soho().join(".git")).unwrap();
    git_in(&world.soho(), &["init", "--quiet"]);
    write(&world.soho(), "one.txt", "1");
    git_in(&world.soho(), &["add", "one.txt"]);
    git_in(&world.soho(), &["commit", "--quiet", "-m", "own"]);
    let own = git_in(&world.soho(), &["rev-parse", "HEAD"]);
    fs::remove_file(world.soho().join("one.txt")).unwrap();
    world.collect();
    let refs = world.git(["for-each-ref", "--format=%(objectname)", KEPT]);
    assert!(refs.lines().any(|oid| oid == own), "{refs}");
}

#[test]
fn commits_of_a_detached_head_outlive_their_folder() {
    let world = World::new();
    world.prepare();
    world.agent(["checkout", "--quiet", "--detach"]);
    write(&world.soho(), "work.txt", "w");
    world.agent(["add", "-A"]);
    world.agent(["commit", "--quiet", "-m", "detached"]);
    let head = git_in(&world.soho(), &["rev-parse", "HEAD"]);
    fs::remove_dir_all(world.soho()).unwrap();
    let collected = world.collect_twice();
    assert_eq!(collected.head.as_str(), head);
    assert!(collected.ahead);
    assert_eq!(world.oid(BRANCH).as_str(), head);
}

#[test]
fn commits_that_only_a_log_knows_are_kept_when_the_folder_is_gone() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "work.txt", "w");
    world.agent(["add", "-A"]);
    world.agent(["commit", "--quiet", "-m", "lost"]);
    let lost = world.oid(BRANCH);
    world.agent(["reset", "--quiet", "--hard", "HEAD^"]);
    fs::remove_dir_all(world.soho()).unwrap();
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(released.kept.len(), 1);
    assert_eq!(world.oid(&released.kept[0]), lost);
}

#[test]
fn markers_are_found_under_another_name() {
    let world = World::new();
    let tip = world.commit_on(&world.oid("main"), "a.txt", "one\ntheirs\n");
    world.prepare();
    write(&world.soho(), "a.txt", "one\nours\n");
    world.collect();
    assert!(matches!(
        world.merge_into(&tip),
        MergedInto::Conflicted { .. }
    ));
    world.agent(["add", "a.txt"]);
    world.agent(["mv", "a.txt", "renamed.txt"]);
    world.agent(["commit", "--quiet", "-m", "moved"]);
    assert_eq!(world.collect().unresolved, ["renamed.txt"]);
    write(&world.soho(), "renamed.txt", "one\nboth\n");
    let collected = world.collect();
    assert!(collected.is_resolved(), "{:?}", collected.unresolved);
    assert_eq!(world.show(BRANCH, "renamed.txt"), "one\nboth");
}

#[test]
fn a_changed_copy_makes_room_for_the_tips_file_and_is_kept() {
    let world = World::new();
    world.write(".env", "mine\n");
    world.prepare();
    write(&world.soho(), ".env", "changed by the agent\n");
    write(&world.soho(), "work.txt", "w");
    world.collect();
    let tip = world.commit_on(&world.oid("main"), ".env", "shared\n");
    let merged = world.merge_into(&tip);
    assert!(matches!(merged, MergedInto::Clean { .. }), "{merged:?}");
    assert_eq!(read(&world.soho(), ".env"), "shared\n");
    assert_eq!(kept(&world), ["changed by the agent"]);
}

#[test]
fn what_was_written_after_a_merge_that_was_cut_off_is_kept() {
    let world = World::new();
    world.prepare();
    let tip = world.commit_on(&world.oid("main"), "theirs.txt", "theirs");
    // A merge began here, and its maker died before it touched anything.
    let record = format!("{} {tip}", world.oid("main"));
    fs::write(world.admin().join("cw-merging"), record).unwrap();
    write(&world.soho(), "a.txt", "tracked work\n");
    write(&world.soho(), "theirs.txt", "untracked work");
    world.collect();
    let kept = kept(&world);
    assert!(kept.contains(&"tracked work".into()), "{kept:?}");
    assert!(kept.contains(&"untracked work".into()), "{kept:?}");
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}
