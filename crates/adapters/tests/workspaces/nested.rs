//! What agents make behind the back of git's own look: links to elsewhere, repositories of their
//! own; none of it is lost, run or led astray by.

use std::fs;
use std::path::Path;

use cw_core::ports::workspaces::Workspaces;

use super::lossless::{all_refs, kept, read, with_submodule};
use super::world::{BRANCH, World, git_in, write};

#[test]
fn undoing_a_merge_removes_nothing_behind_a_link() {
    let world = World::new();
    world.prepare();
    let tip = world.commit_on(&world.oid("main"), "dir/file", "theirs");
    let elsewhere = world.base().join("elsewhere");
    write(&elsewhere, "file", "of the user");
    std::os::unix::fs::symlink(&elsewhere, world.soho().join("dir")).unwrap();
    world.collect();
    let record = format!("{} {tip}", world.oid(BRANCH));
    fs::write(world.admin().join("cw-merging"), record).unwrap();
    world.collect();
    assert_eq!(read(&elsewhere, "file"), "of the user");
}

#[test]
fn room_for_a_merge_is_made_from_nothing_behind_a_link() {
    let world = World::new();
    world.write("conf/.env", "mine\n");
    let mut ask = world.ask_prepare();
    ask.copy = vec!["conf/.env".into()];
    world.ws.prepare(&ask).unwrap();
    assert_eq!(read(&world.soho(), "conf/.env"), "mine\n");
    fs::remove_dir_all(world.soho().join("conf")).unwrap();
    std::os::unix::fs::symlink(world.repo.join("conf"), world.soho().join("conf")).unwrap();
    let tip = world.commit_on(&world.oid("main"), "conf/.env", "shared\n");
    let _whatever_comes_of_it = world.ws.merge_into(&world.ask_merge_into(&tip));
    assert_eq!(read(&world.repo, "conf/.env"), "mine\n");
}

/// A repository of the agent's own in its worktree, with two commits, of which no branch has the
/// second, and nothing of either in its checkout.
fn nested_repository(folder: &Path) -> [String; 2] {
    write(folder, "one.txt", "1");
    git_in(folder, &["init", "--quiet"]);
    git_in(folder, &["add", "-A"]);
    git_in(folder, &["commit", "--quiet", "-m", "one"]);
    let one = git_in(folder, &["rev-parse", "HEAD"]);
    git_in(folder, &["checkout", "--quiet", "--detach"]);
    write(folder, "two.txt", "2");
    git_in(folder, &["add", "-A"]);
    git_in(folder, &["commit", "--quiet", "-m", "two"]);
    let two = git_in(folder, &["rev-parse", "HEAD"]);
    git_in(folder, &["rm", "--quiet", "-r", "."]);
    write(folder, "left.txt", "left");
    [one, two]
}

#[test]
fn commits_of_repositories_nested_in_a_worktree_outlive_it() {
    for registered in [true, false] {
        let world = World::new();
        world.prepare();
        let outer = nested_repository(&world.soho().join("mine"));
        let inner = nested_repository(&world.soho().join("mine/deep/own"));
        world.collect();
        if !registered {
            fs::remove_dir_all(world.admin()).unwrap();
        }
        world.ws.release(&world.ask_release()).unwrap();
        let refs = all_refs(&world);
        for made in outer.iter().chain(&inner) {
            assert!(refs.contains(made), "{made} {registered} {refs}");
        }
    }
}

#[test]
fn every_entry_of_the_stash_of_a_nested_repository_is_kept() {
    let world = World::new();
    world.prepare();
    let own = world.soho().join("mine");
    nested_repository(&own);
    git_in(&own, &["add", "-A"]);
    git_in(&own, &["commit", "--quiet", "-m", "three"]);
    for n in 0..3 {
        write(&own, "left.txt", n.to_string());
        git_in(&own, &["stash", "--quiet"]);
    }
    let stashed = git_in(&own, &["log", "-g", "--format=%H", "refs/stash"]);
    assert_eq!(stashed.lines().count(), 3);
    world.ws.release(&world.ask_release()).unwrap();
    let refs = all_refs(&world);
    for entry in stashed.lines() {
        assert!(refs.contains(entry), "{entry} {refs}");
    }
}

#[test]
fn a_shallow_submodule_that_nobody_worked_in_is_not_set_aside() {
    let world = with_submodule();
    let lib = world.base().join("lib");
    write(&lib, "l.txt", "second");
    git_in(&lib, &["commit", "--quiet", "-am", "second"]);
    git_in(&lib, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let url = format!("file://{}", lib.display());
    // By its path it would be copied whole.
    world.git(["config", "submodule.lib.url", &url]);
    world.prepare();
    let update = ["submodule", "--quiet", "update", "--init", "--depth", "1"];
    world.agent(update);
    let shallow = world.admin().join("modules/lib/shallow");
    assert!(shallow.exists(), "no shallow one was made");
    let released = world.ws.release(&world.ask_release()).unwrap();
    assert_eq!(released.kept, [""; 0]);
}

#[test]
fn no_filter_of_an_agents_repository_is_run() {
    let world = with_submodule();
    world.prepare();
    world.agent(["submodule", "--quiet", "update", "--init"]);
    let (sub, ran) = (world.soho().join("lib"), world.base().join("ran"));
    let filter = format!("touch {}; cat", ran.display());
    git_in(&sub, &["config", "filter.own.clean", &filter]);
    write(&sub, ".gitattributes", "* filter=own\n");
    // As long as it was: git looks into it.
    write(&sub, "l.txt", "e");
    world.ws.release(&world.ask_release()).unwrap();
    assert!(!ran.exists(), "an agent's command was run");
    assert!(kept(&world).contains(&"e".into()));
}
