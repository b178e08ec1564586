//! What folders are, previews, lists.

use std::fs;

use cw_adapters::git::{Door, GitWorkspaces};
use cw_core::ports::workspaces::{Diff, DiffForm, Inspection, Preview, Repository, Workspaces};

use super::world::{BRANCH, SCRIPTED_GIT, World, git_in, odd_name, write};

fn found(world: &World, folder: &std::path::Path) -> Repository {
    match world.ws.inspect(folder).unwrap() {
        Inspection::Repository(repository) => repository,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_is_recognised() {
    let world = World::new();
    fs::create_dir(world.base().join("plain")).unwrap();
    git_in(&world.base(), &["init", "--quiet", "--bare", "bare.git"]);
    assert_eq!(
        world.ws.inspect(&world.base().join("plain")).unwrap(),
        Inspection::NotARepository
    );
    assert_eq!(
        world.ws.inspect(&world.base().join("bare.git")).unwrap(),
        Inspection::Bare
    );
    fs::create_dir(world.repo.join("sub")).unwrap();
    let repository = found(&world, &world.repo.join("sub"));
    assert_eq!(repository.root, world.repo);
    assert_eq!(repository.git_dir, world.repo.join(".git"));
    assert_eq!(repository.branch.as_deref(), Some("main"));
    assert_eq!(repository.head, Some(world.oid("main")));
    assert!(!repository.linked && !repository.cw_branch_in_the_way);
    assert_eq!(found(&world, &world.repo.join(".git")).root, world.repo);
}

#[test]
fn unusual_states_are_told() {
    let world = World::empty();
    let repository = found(&world, &world.repo);
    assert_eq!(
        (repository.head, repository.branch.as_deref()),
        (None, Some("main"))
    );
    let world = World::new();
    world.git(["branch", "cw"]);
    assert!(found(&world, &world.repo).cw_branch_in_the_way);
    let linked = world.base().join("linked");
    world.git([
        "worktree",
        "add",
        "--quiet",
        "-b",
        "other",
        linked.to_str().unwrap(),
    ]);
    let repository = found(&world, &linked);
    assert!(repository.linked);
    assert_eq!(
        (repository.root, repository.branch.as_deref()),
        (world.repo.clone(), Some("main"))
    );
    world.git(["checkout", "--quiet", "--detach"]);
    assert_eq!(found(&world, &world.repo).branch, None);
}

#[test]
fn an_old_git_is_told() {
    let world = World::new();
    let old = Door::default()
        .program(SCRIPTED_GIT)
        .environment("SCRIPT", "echo git version 2.30.2");
    let ws = GitWorkspaces::new(old, &world.base().join("w")).unwrap();
    assert!(
        matches!(ws.inspect(&world.repo).unwrap(), Inspection::GitTooOld { found, .. } if found == "2.30.2")
    );
    let ws = GitWorkspaces::new(
        Door::default().program("/no/such/git"),
        &world.base().join("w"),
    )
    .unwrap();
    assert!(
        ws.inspect(&world.repo)
            .unwrap_err()
            .hint
            .contains("install git")
    );
}

#[test]
fn revisions_are_resolved_to_commits() {
    let world = World::new();
    world.git(["tag", "-a", "-m", "v1", "v1"]);
    let main = world.oid("main");
    assert_eq!(
        world.ws.resolve(&world.repo, "v1").unwrap(),
        Some(main.clone())
    );
    assert_eq!(
        world.ws.resolve(&world.repo, &main.as_str()[..8]).unwrap(),
        Some(main.clone())
    );
    for nothing in [
        "",
        "nope",
        "--all",
        "main:a.txt",
        "a\0b",
        "-h",
        &"1".repeat(40),
    ] {
        assert_eq!(
            world.ws.resolve(&world.repo, nothing).unwrap(),
            None,
            "{nothing}"
        );
    }
    assert_eq!(
        world.ws.branch_tip(&world.repo, "main").unwrap(),
        Some(main.clone())
    );
    assert_eq!(world.ws.branch_tip(&world.repo, "nope").unwrap(), None);
    assert_eq!(
        world.ws.checked_out_at(&world.repo, "main").unwrap(),
        Some(world.repo.clone())
    );
    let next = world.commit_on(&main, "c", "c");
    assert_eq!(
        world.ws.commits_between(&world.repo, &main, &next).unwrap(),
        1
    );
    assert!(world.ws.is_ancestor(&world.repo, &main, &next).unwrap());
    assert!(!world.ws.is_ancestor(&world.repo, &next, &main).unwrap());
}

fn preview(world: &World, tip: &str, head: &str, form: DiffForm, limit: usize) -> Diff {
    let (repo, tip, head) = (world.repo.clone(), world.oid(tip), world.oid(head));
    world
        .ws
        .preview(&Preview {
            repo,
            tip,
            head,
            form,
            colour: false,
            paths: vec![],
            limit,
        })
        .unwrap()
}

#[test]
fn a_preview_shows_what_a_merge_would_bring() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "a.txt", "one\nTWO\nthree\n");
    fs::write(odd_name(&world.soho()), "odd").unwrap();
    world.collect();
    world.write("b.txt", "only on the tip\n");
    world.commit("tip");
    let diff = preview(&world, "main", BRANCH, DiffForm::Patch, 1 << 20);
    let text = String::from_utf8_lossy(&diff.text).into_owned();
    assert!(text.contains("+TWO") && !text.contains("b.txt"), "{text}");
    assert!(!diff.truncated && !diff.conflicting);
    let cut = preview(&world, "main", BRANCH, DiffForm::Patch, 10);
    assert!(cut.truncated && cut.text.len() == 10);
    let names = preview(&world, "main", BRANCH, DiffForm::Names, 1 << 20);
    assert!(String::from_utf8_lossy(&names.text).contains("M\ta.txt"));
    world.write("a.txt", "conflict\n");
    world.commit("conflict");
    let diff = preview(&world, "main", BRANCH, DiffForm::Stat, 1 << 20);
    assert!(diff.conflicting && String::from_utf8_lossy(&diff.text).contains("a.txt"));
}

#[test]
fn our_worktrees_are_listed_and_no_others() {
    let world = World::new();
    world.write(".env", "S\n");
    world.git([
        "worktree",
        "add",
        "--quiet",
        "-b",
        "users",
        world.base().join("users").to_str().unwrap(),
    ]);
    world.prepare();
    let list = || world.ws.worktrees(&world.repo).unwrap();
    assert_eq!(list().len(), 1);
    let only = list().remove(0);
    assert_eq!(
        (only.path, only.branch.as_deref()),
        (world.soho(), Some(BRANCH))
    );
    assert!(
        !only.dirty && !only.missing && only.bytes > 0,
        "a copied file is no change"
    );
    write(&world.soho(), "new.txt", "n");
    assert!(list()[0].dirty);
    fs::remove_dir_all(world.soho()).unwrap();
    assert!(list()[0].missing);
}
