//! Making worktrees, side by side, again, and after a killed git.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;

use cw_core::ports::workspaces::{Cut, CutBranch, GateCheckout, Workspaces};

use super::world::{BRANCH, KEPT, World, git_in, odd_name, try_git, write};

#[test]
fn a_worktree_is_made_once_and_found_again() {
    let world = World::new();
    let first = world.prepare();
    assert!(first.fresh);
    assert_eq!(first.head, world.oid("main"));
    assert_eq!(
        fs::read_to_string(world.soho().join("b.txt")).unwrap(),
        "b\n"
    );
    assert_eq!(world.agent(["status", "--porcelain"]), "");
    assert_eq!(
        world.agent(["symbolic-ref", "HEAD"]),
        format!("refs/heads/{BRANCH}")
    );

    write(&world.soho(), "b.txt", "agent\n");
    let second = world.again().prepare(&world.ask_prepare()).unwrap();
    assert!(
        second.fresh,
        "no turn was collected, its setup may still be owed"
    );
    assert_eq!(
        fs::read_to_string(world.soho().join("b.txt")).unwrap(),
        "agent\n",
        "work in progress stays"
    );
    world.collect();
    assert!(!world.prepare().fresh);
}

#[test]
fn untracked_files_are_copied_and_nothing_else() {
    let world = World::new();
    world.write(".gitignore", ".env*\n");
    world.commit("ignore");
    world.write(".env", "SECRET=1\n");
    world.write("other.txt", "untracked\n");
    world.write("deep/.env", "not at the root\n");
    symlink("/etc/hostname", world.repo.join(".env.link")).unwrap();
    fs::write(odd_name(&world.repo), "odd").unwrap();
    let mut ask = world.ask_prepare();
    ask.copy.push("caf*".into());
    let prepared = world.ws.prepare(&ask).unwrap();
    assert_eq!(prepared.copied.len(), 2, "{:?}", prepared.copied);
    assert_eq!(
        fs::read_to_string(world.soho().join(".env")).unwrap(),
        "SECRET=1\n"
    );
    assert_eq!(fs::read_to_string(odd_name(&world.soho())).unwrap(), "odd");
    assert!(!world.soho().join("other.txt").exists());
    assert!(!world.soho().join("deep").exists());
    assert!(world.soho().join(".env.link").symlink_metadata().is_err());
}

#[test]
fn patterns_that_leave_the_repository_are_refused() {
    let world = World::new();
    for pattern in ["../x", "/etc/passwd", "a/../../x", ":(top)x", ""] {
        let mut ask = world.ask_prepare();
        ask.copy = vec![pattern.into()];
        assert!(world.ws.prepare(&ask).is_err(), "{pattern}");
    }
}

#[test]
fn a_copied_file_never_goes_through_a_symlink_of_the_branch() {
    let world = World::new();
    fs::create_dir(world.base().join("outside")).unwrap();
    symlink(world.base().join("outside"), world.repo.join("config")).unwrap();
    let start = world.commit("a link");
    fs::remove_file(world.repo.join("config")).unwrap();
    world.write("config/secret", "s");
    let mut ask = world.ask_prepare();
    ask.start = start;
    ask.copy = vec!["config/*".into()];
    world.ws.prepare(&ask).unwrap();
    assert!(!world.base().join("outside/secret").exists());
}

#[test]
fn twenty_worktrees_are_made_at_once_on_a_tracked_base() {
    let world = World::new();
    let origin = world.base().join("origin.git");
    git_in(&world.base(), &["init", "--quiet", "--bare", "origin.git"]);
    world.git(["remote", "add", "origin", origin.to_str().unwrap()]);
    world.git(["push", "--quiet", "--set-upstream", "origin", "main"]);
    world.git(["config", "branch.autoSetupMerge", "always"]);
    let start = world.oid("origin/main");
    let others = [world.again(), world.again()];
    thread::scope(|scope| {
        for n in 0..20 {
            let (ws, start, world) = (&others[n % 2], start.clone(), &world);
            scope.spawn(move || {
                let mut ask = world.ask_prepare();
                (ask.path, ask.branch, ask.start) = (
                    world.worktree(&format!("a{n}")),
                    format!("cw/accounts/agent/a{n}"),
                    start,
                );
                ws.prepare(&ask).unwrap();
            });
        }
    });
    assert_eq!(world.ws.worktrees(&world.repo).unwrap().len(), 20);
    assert!(
        world
            .ws
            .worktrees(&world.repo)
            .unwrap()
            .iter()
            .all(|w| !w.dirty)
    );
    assert!(
        !try_git(
            &world.repo,
            &["config", "branch.cw/accounts/agent/a0.remote"]
        ),
        "nothing is tracked"
    );
}

#[test]
fn a_registration_that_a_killed_git_left_half_made_is_mended() {
    for leave in [
        "nothing but the folder",
        "no HEAD",
        "initializing",
        "no checkout",
        "half a checkout",
    ] {
        let world = World::new();
        world.git([
            "worktree",
            "add",
            "--quiet",
            "--no-checkout",
            "-b",
            BRANCH,
            world.soho().to_str().unwrap(),
        ]);
        match leave {
            "nothing but the folder" => fs::remove_dir_all(world.admin()).unwrap(),
            "no HEAD" => fs::remove_file(world.admin().join("HEAD")).unwrap(),
            "initializing" => fs::write(world.admin().join("locked"), "initializing").unwrap(),
            "half a checkout" => {
                fs::write(world.soho().join("a.txt"), "on").unwrap();
                fs::write(world.admin().join("index.lock"), "").unwrap();
            }
            _ => {}
        }
        let prepared = world.ws.prepare(&world.ask_prepare()).unwrap();
        assert!(prepared.fresh, "{leave}");
        assert_eq!(world.agent(["status", "--porcelain"]), "", "{leave}");
        assert_eq!(
            fs::read_to_string(world.soho().join("a.txt")).unwrap(),
            "one\ntwo\nthree\n",
            "{leave}"
        );
    }
}

#[test]
fn a_worktree_that_was_deleted_by_hand_is_made_again_with_its_work() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "new.txt", "work");
    let head = world.collect().head;
    fs::remove_dir_all(world.soho()).unwrap();
    let prepared = world.prepare();
    assert_eq!(prepared.head, head);
    assert_eq!(
        fs::read_to_string(world.soho().join("new.txt")).unwrap(),
        "work"
    );
}

#[test]
fn files_in_the_worktrees_place_are_kept_before_it_is_made() {
    let world = World::new();
    write(&world.soho(), "found.txt", "whose is this?");
    let prepared = world.prepare();
    assert_eq!(prepared.kept.len(), 1);
    assert_eq!(world.show(&prepared.kept[0], "found.txt"), "whose is this?");
    assert!(!world.soho().join("found.txt").exists());
}

#[test]
fn a_branch_with_work_is_checked_out_as_it_is_and_one_without_moves_to_the_start() {
    let world = World::new();
    let first = world.oid("main");
    let work = world.commit_on(&first, "w.txt", "w");
    world.git(["branch", BRANCH, work.as_str()]);
    world.git(["branch", "cw/accounts/agent/idle", first.as_str()]);
    world.write("c.txt", "c");
    world.commit("second");
    assert_eq!(world.prepare().head, work);
    let mut ask = world.ask_prepare();
    (ask.path, ask.branch) = (world.worktree("idle"), "cw/accounts/agent/idle".into());
    assert_eq!(world.ws.prepare(&ask).unwrap().head, world.oid("main"));
}

#[test]
fn worktrees_of_others_are_never_touched() {
    let world = World::new();
    world.git(["branch", BRANCH]);
    let users = world.base().join("review");
    world.git([
        "worktree",
        "add",
        "--quiet",
        users.to_str().unwrap(),
        BRANCH,
    ]);
    let refused = world.ws.prepare(&world.ask_prepare()).unwrap_err();
    assert!(refused.hint.contains("switch --detach"), "{refused:?}");
    assert!(users.join("a.txt").exists());

    let mut ask = world.ask_release();
    ask.path = users.clone();
    assert!(world.ws.release(&ask).is_err());
    // Also not one that somebody put below our folder.
    let guest = world.worktree("guest");
    world.git([
        "worktree",
        "add",
        "--quiet",
        "-b",
        "guest",
        guest.to_str().unwrap(),
    ]);
    ask.path = guest.clone();
    assert!(world.ws.release(&ask).is_err());
    assert!(guest.join("a.txt").exists());
}

#[test]
fn an_integration_branch_is_cut_once_and_a_strangers_is_left_alone() {
    let world = World::new();
    let (main, repo) = (world.oid("main"), world.repo.clone());
    let mut ask = CutBranch {
        repo,
        branch: "cw/accounts/integration".into(),
        at: main.clone(),
        expected: None,
    };
    assert_eq!(world.ws.cut_branch(&ask).unwrap(), Cut::Created);
    assert_eq!(
        world.ws.cut_branch(&ask).unwrap(),
        Cut::Already { tip: main.clone() }
    );
    let moved = world.commit_on(&main, "x", "x");
    world.git([
        "branch",
        "--force",
        "cw/accounts/integration",
        moved.as_str(),
    ]);
    assert_eq!(
        world.ws.cut_branch(&ask).unwrap(),
        Cut::Foreign { tip: moved.clone() }
    );
    ask.expected = Some(moved.clone());
    assert_eq!(
        world.ws.cut_branch(&ask).unwrap(),
        Cut::Already { tip: moved }
    );
    world.git(["branch", "cw/billing"]);
    ask.branch = "cw/billing/integration".into();
    assert_eq!(
        world.ws.cut_branch(&ask).unwrap(),
        Cut::Blocked {
            by: "cw/billing".into()
        }
    );
    ask.branch = "cw/accounts".into();
    assert_eq!(
        world.ws.cut_branch(&ask).unwrap(),
        Cut::Blocked {
            by: "cw/accounts/integration".into()
        }
    );
}

#[test]
fn a_gates_worktree_holds_exactly_the_commit_and_keeps_ignored_caches() {
    let world = World::new();
    world.write(".gitignore", "target/\n");
    let one = world.commit("one");
    let two = world.commit_on(&one, "c.txt", "c");
    let path = world.worktree("gate-accounts");
    let gate = |commit| GateCheckout {
        repo: world.repo.clone(),
        path: path.clone(),
        commit,
        copy: vec![],
    };
    world.ws.gate_checkout(&gate(two.clone())).unwrap();
    assert!(path.join("c.txt").exists());
    // What a gate may leave: changes, files, a branch, a repository, a killed git.
    write(&path, "target/cache", "warm");
    write(&path, "a.txt", "changed");
    write(&path, "left/over.txt", "x");
    git_in(&path, &["init", "--quiet", "nested"]);
    git_in(&path, &["switch", "--quiet", "--create", "gates-own"]);
    write(&world.repo, ".git/worktrees/gate-accounts/index.lock", "");
    for _ in 0..2 {
        world.ws.gate_checkout(&gate(one.clone())).unwrap();
        assert_eq!(git_in(&path, &["rev-parse", "HEAD"]), one.as_str());
        assert_eq!(git_in(&path, &["status", "--porcelain"]), "");
        assert!(
            !path.join("c.txt").exists()
                && !path.join("left").exists()
                && !path.join("nested").exists()
        );
        assert!(path.join("target/cache").exists());
    }
    assert_eq!(
        world.oid("gates-own"),
        two,
        "a branch that the gate made does not move"
    );
    fs::write(
        world.repo.join(".git/worktrees/gate-accounts/index"),
        "garbage",
    )
    .unwrap();
    world.ws.gate_checkout(&gate(two)).unwrap();
    assert_eq!(git_in(&path, &["status", "--porcelain"]), "");
}

#[test]
fn leftovers_are_kept_under_the_agents_own_prefix() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "work.txt", "unsaved");
    // Somebody pruned it while it could not be seen.
    fs::remove_dir_all(world.admin()).unwrap();
    let prepared = world.prepare();
    assert!(prepared.kept.iter().all(|name| name.starts_with(KEPT)));
    assert_eq!(world.show(&prepared.kept[0], "work.txt"), "unsaved");
}
