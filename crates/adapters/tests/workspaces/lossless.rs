//! Work in places where git does not look by itself.

use std::fs;
use std::path::Path;

use cw_core::ports::workspaces::{GateCheckout, MergedInto, Workspaces};

use super::world::{BRANCH, KEPT, World, git_in, write};

/// The text of every file that stands under the refs of kept work.
pub(crate) fn kept(world: &World) -> Vec<String> {
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
pub(crate) fn with_submodule() -> World {
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

/// A world whose agent made a repository of its own over its worktree, with a commit of `one.txt`.
fn with_a_repository_over_it() -> World {
    let world = World::new();
    world.prepare();
    fs::remove_file(world.soho().join(".git")).unwrap();
    git_in(&world.soho(), &["init", "--quiet"]);
    write(&world.soho(), "one.txt", "1");
    git_in(&world.soho(), &["add", "one.txt"]);
    git_in(&world.soho(), &["commit", "--quiet", "-m", "own"]);
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
    let world = with_a_repository_over_it();
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

pub(crate) fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

pub(crate) fn all_refs(world: &World) -> String {
    world.git(["for-each-ref", "--format=%(objectname) %(refname)", KEPT])
}

#[test]
fn a_repository_made_over_the_worktree_gives_its_stash_and_tags_too() {
    let world = with_a_repository_over_it();
    write(&world.soho(), "one.txt", "stashed");
    git_in(&world.soho(), &["stash", "--quiet"]);
    let stashed = git_in(&world.soho(), &["rev-parse", "refs/stash"]);
    git_in(&world.soho(), &["tag", "-a", "-m", "t", "v1"]);
    let tag = git_in(&world.soho(), &["rev-parse", "refs/tags/v1"]);
    let collected = world.collect();
    let refs = all_refs(&world);
    assert!(refs.contains(&stashed) && refs.contains(&tag), "{refs}");
    assert!(
        collected.notes.iter().any(|note| note.contains("kept as")),
        "{:?}",
        collected.notes
    );
}

#[test]
fn a_repository_that_cannot_be_fetched_is_set_aside_and_holds_nothing_up() {
    let world = with_submodule();
    let lib = world.base().join("lib");
    write(&lib, "l.txt", "second");
    git_in(&lib, &["commit", "--quiet", "-am", "second"]);
    world.prepare();
    // A shallow clone gives nothing to a fetch, and no error.
    let url = format!("file://{}", lib.display());
    let sub = world.soho().join("lib");
    fs::remove_dir(&sub).unwrap();
    git_in(
        &world.soho(),
        &["clone", "--quiet", "--depth", "1", &url, "lib"],
    );
    write(&sub, "l.txt", "made in a shallow one");
    git_in(&sub, &["commit", "--quiet", "-am", "shallow"]);
    let made = git_in(&sub, &["rev-parse", "HEAD"]);

    world.collect();
    let released = world.ws.release(&world.ask_release()).unwrap();
    let aside = released.kept.iter().find(|kept| kept.ends_with("/.kept"));
    let aside = aside.unwrap_or_else(|| panic!("{:?}", released.kept));
    let repository = fs::read_dir(aside).unwrap().next().unwrap().unwrap().path();
    assert_eq!(git_in(&repository, &["rev-parse", "HEAD"]), made);
    assert_eq!(git_in(&repository, &["cat-file", "-t", &made]), "commit");
}

#[test]
fn a_broken_repository_made_over_the_worktree_holds_no_collection_up() {
    let world = with_a_repository_over_it();
    let blob = git_in(&world.soho(), &["rev-parse", "HEAD:one.txt"]);
    let object = format!(".git/objects/{}/{}", &blob[..2], &blob[2..]);
    fs::remove_file(world.soho().join(object)).unwrap();
    let collected = world.collect();
    assert_eq!(world.show(BRANCH, "one.txt"), "1");
    assert!(
        collected.kept.iter().any(|kept| kept.ends_with("/.kept")),
        "{:?}",
        collected.kept
    );
}

#[test]
fn work_in_a_submodule_that_was_not_committed_outlives_the_worktree() {
    let world = with_submodule();
    world.prepare();
    world.agent(["submodule", "--quiet", "update", "--init"]);
    write(&world.soho(), "lib/l.txt", "edited");
    write(&world.soho(), "lib/new.txt", "new");
    world.collect();
    world.ws.release(&world.ask_release()).unwrap();
    let kept = kept(&world);
    assert!(
        kept.contains(&"edited".into()) && kept.contains(&"new".into()),
        "{kept:?}"
    );
}

#[test]
fn a_submodule_whose_repository_stands_in_the_worktree_keeps_its_commits() {
    let world = World::new();
    world.prepare();
    let lib = world.base().join("lib");
    git_in(&world.base(), &["init", "--quiet", "lib"]);
    write(&lib, "l.txt", "l");
    git_in(&lib, &["add", "-A"]);
    git_in(&lib, &["commit", "--quiet", "-m", "l"]);
    let sub = world.soho().join("sub");
    git_in(
        &world.soho(),
        &["clone", "--quiet", lib.to_str().unwrap(), "sub"],
    );
    world.agent(["submodule", "--quiet", "add", lib.to_str().unwrap(), "sub"]);
    write(&sub, "l.txt", "inside");
    git_in(&sub, &["commit", "--quiet", "-am", "inside"]);
    let made = git_in(&sub, &["rev-parse", "HEAD"]);
    assert!(sub.join(".git").is_dir());
    let collected = world.collect();
    assert_eq!(collected.notes, [""; 0]);
    let link = world.git(["ls-tree", BRANCH, "sub"]);
    assert!(link.contains(&format!("160000 commit {made}")), "{link}");
    world.ws.release(&world.ask_release()).unwrap();
    assert!(all_refs(&world).contains(&made));
}

#[test]
fn a_name_in_the_configuration_does_not_change_how_the_index_is_read() {
    let world = World::new();
    world.write(".gitignore", "dist/\n");
    world.commit("ignore");
    world.git(["remote", "add", "origin", "https://example.org/sha256-simd"]);
    world.prepare();
    write(&world.soho(), "dist/o", "forced");
    world.agent(["add", "-f", "dist/o"]);
    world.collect_twice();
    assert_eq!(world.show(BRANCH, "dist/o"), "forced");
}

#[test]
fn a_split_index_hides_no_conflict() {
    let world = World::new();
    world.write("bin", "base\0");
    world.commit("binary");
    let tip = world.commit_on(&world.oid("main"), "bin", "theirs\0");
    world.prepare();
    world.agent(["config", "core.splitIndex", "true"]);
    world.agent(["update-index", "--split-index"]);
    write(&world.soho(), "bin", "ours\0");
    world.collect();
    assert!(matches!(
        world.merge_into(&tip),
        MergedInto::Conflicted { .. }
    ));
    assert_eq!(world.collect().unresolved, ["bin"]);
}

#[test]
fn a_folder_that_became_a_link_is_taken_as_one() {
    let world = World::new();
    for n in 0..20 {
        world.write(&format!("d/{n}"), "in the folder");
    }
    world.commit("a folder");
    let elsewhere = world.base().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    write(&elsewhere, "0", "outside");
    world.prepare();
    fs::remove_dir_all(world.soho().join("d")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.soho().join("d")).unwrap();
    let collected = world.collect_twice();
    assert_eq!(collected.notes, [""; 0]);
    assert_eq!(world.show(BRANCH, "d"), elsewhere.to_str().unwrap());
    assert_eq!(kept(&world), [""; 0]);
}

#[test]
fn a_repository_in_the_place_of_a_tracked_file_is_kept_at_once() {
    let world = World::new();
    world.prepare();
    fs::remove_file(world.soho().join("a.txt")).unwrap();
    git_in(&world.soho(), &["init", "--quiet", "a.txt"]);
    write(&world.soho().join("a.txt"), "x.txt", "inside");
    let collected = world.collect();
    assert_eq!(kept(&world), ["inside"]);
    assert_eq!(collected.notes.len(), 1, "{:?}", collected.notes);
}

#[test]
fn a_merge_that_was_cut_off_is_undone_where_files_became_folders() {
    let world = World::new();
    world.write("gone", "a file");
    world.write("dir/x", "in a folder");
    world.commit("both");
    world.prepare();
    let other = world.base().join("other");
    let path = other.to_str().unwrap();
    world.git(["worktree", "add", "--quiet", "-b", "other", path, "main"]);
    git_in(&other, &["rm", "--quiet", "-r", "gone", "dir"]);
    write(&other, "gone/y", "now a folder");
    write(&other, "dir", "now a file");
    git_in(&other, &["add", "-A"]);
    git_in(&other, &["commit", "--quiet", "-m", "swapped"]);
    let record = format!("{} {}", world.oid("main"), world.oid("other"));
    fs::write(world.admin().join("cw-merging"), record).unwrap();
    world.collect();
    assert_eq!(read(&world.soho(), "gone"), "a file");
    assert_eq!(read(&world.soho(), "dir/x"), "in a folder");
}

#[test]
fn the_next_turn_begins_without_what_a_cut_off_merge_left() {
    let world = World::new();
    world.prepare();
    let tip = world.commit_on(&world.oid("main"), "theirs.txt", "theirs");
    let record = format!("{} {tip}", world.oid("main"));
    fs::write(world.admin().join("cw-merging"), record).unwrap();
    world.prepare();
    write(&world.soho(), "work.txt", "work of the turn");
    world.collect_twice();
    assert_eq!(world.show(BRANCH, "work.txt"), "work of the turn");
}

#[test]
fn a_number_that_an_agent_chose_for_a_branch_ends_no_keeping() {
    let world = World::new();
    world.prepare();
    fs::remove_file(world.soho().join(".git")).unwrap();
    git_in(
        &world.soho(),
        &["init", "--quiet", "-b", "18446744073709551615"],
    );
    write(&world.soho(), "one.txt", "1");
    git_in(&world.soho(), &["add", "one.txt"]);
    git_in(&world.soho(), &["commit", "--quiet", "-m", "own"]);
    world.collect();
    for n in 0..2 {
        write(&world.soho(), "left.txt", n.to_string());
        world.ws.release(&world.ask_release()).unwrap();
        world.prepare();
    }
    assert!(all_refs(&world).contains("/2"));
}
