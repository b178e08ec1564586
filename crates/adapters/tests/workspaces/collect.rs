//! The end of a turn, in every state in which an agent may leave its worktree.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use cw_core::ports::workspaces::Workspaces;

use super::world::{BRANCH, KEPT, World, git_in, odd_name, try_git, write};

#[test]
fn uncommitted_work_is_committed_with_trailers_in_the_users_name() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "a.txt", "changed\n");
    write(&world.soho(), "sub/new.txt", "new\n");
    fs::remove_file(world.soho().join("b.txt")).unwrap();
    let collected = world.collect_twice();
    assert!(collected.ahead && collected.committed && collected.is_resolved());
    assert_eq!(collected.head, world.oid(BRANCH));
    assert_eq!(world.files(BRANCH), ["a.txt", "sub/new.txt"]);
    assert_eq!(
        world.git(["log", "-1", "--format=%an %ae %cn %ce %ct", BRANCH]),
        "Ada ada@example.org Ada ada@example.org 1700000000"
    );
    let trailers = world.git(["log", "-1", "--format=%(trailers)", BRANCH]);
    assert_eq!(
        trailers.trim(),
        "Cw-Task: users\nCw-Agent: soho\nCw-Initiative: accounts"
    );
    assert_eq!(world.agent(["status", "--porcelain"]), "");
}

#[test]
fn without_an_identity_the_commits_are_cws() {
    let world = World::new();
    world.git(["config", "--unset", "user.name"]);
    world.git(["config", "--unset", "user.email"]);
    world.prepare();
    write(&world.soho(), "n.txt", "n");
    world.collect();
    assert_eq!(
        world.git(["log", "-1", "--format=%an <%ae>", BRANCH]),
        "cw <cw@localhost>"
    );
}

#[test]
fn a_turn_that_changed_nothing_leaves_the_branch_where_it_is() {
    let world = World::new();
    world.prepare();
    let collected = world.collect_twice();
    assert!(!collected.ahead && !collected.committed);
    assert_eq!(collected.head, world.oid("main"));
}

#[test]
fn the_users_hooks_and_signing_stay_out_of_it() {
    let world = World::new();
    world.git(["config", "commit.gpgSign", "true"]);
    world.write(".git/hooks/reference-transaction", "#!/bin/sh\nexit 1\n");
    let hook = world.repo.join(".git/hooks/reference-transaction");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    world.prepare();
    write(&world.soho(), "n.txt", "n");
    assert!(world.collect().committed);
}

#[test]
fn every_kind_of_file_is_taken_as_it_is() {
    let world = World::new();
    world.write(".gitignore", "*.log\n");
    world.commit("ignore");
    world.git(["config", "core.autocrlf", "input"]);
    world.git(["config", "core.safecrlf", "true"]);
    world.prepare();
    let soho = world.soho();
    fs::write(odd_name(&soho), "odd").unwrap();
    symlink("/nowhere", soho.join("link")).unwrap();
    write(&soho, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(soho.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    write(&soho, "locked.txt", "unreadable");
    fs::set_permissions(soho.join("locked.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    write(&soho, "crlf.txt", "a\r\nb\r\n");
    write(&soho, "x.log", "ignored");
    fs::remove_file(soho.join("a.txt")).unwrap();
    write(&soho, "a.txt/now/a/folder", "f");
    let collected = world.collect_twice();
    let listed = world.git(["ls-tree", "-r", "-z", BRANCH]);
    assert!(
        listed.contains("120000") && listed.contains("100755"),
        "{listed}"
    );
    let names = world.files(BRANCH);
    assert_eq!(names.len(), 8, "{names:?} {:?}", collected.notes);
    assert!(
        names.iter().any(|n| n == "locked.txt") && names.iter().any(|n| n == "a.txt/now/a/folder")
    );
    assert!(!names.iter().any(|n| n == "x.log"));
}

#[test]
fn a_file_that_git_cannot_name_does_not_stop_the_others() {
    let world = World::new();
    world.prepare();
    for n in 0..5 {
        write(&world.soho(), &format!("f{n}.txt"), "x");
    }
    write(&world.soho(), "git~1", "a name that git refuses");
    let collected = world.collect_twice();
    assert_eq!(world.files(BRANCH).len(), 7);
    assert_eq!(
        world.show(&collected.kept[0], "file-1"),
        "a name that git refuses"
    );
    assert!(
        collected.notes.iter().any(|note| note.contains("git~1")),
        "{:?}",
        collected.notes
    );
}

#[test]
fn copied_files_are_never_committed() {
    let world = World::new();
    world.write(".env", "SECRET=1\n");
    world.write(".env.local", "SECRET=2\n");
    world.prepare();
    write(&world.soho(), ".env.local", "changed by the agent\n");
    write(&world.soho(), "work.txt", "w");
    world.agent(["add", "-A"]);
    world.collect_twice();
    assert_eq!(world.files(BRANCH), ["a.txt", "b.txt", "work.txt"]);
    assert!(world.soho().join(".env").exists());
}

#[test]
fn the_work_taken_is_a_detached_head() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "one.txt", "1");
    world.agent(["add", "-A"]);
    world.agent(["commit", "--quiet", "-m", "one"]);
    let one = world.oid(BRANCH);
    world.agent(["checkout", "--quiet", "--detach", "main"]);
    write(&world.soho(), "two.txt", "2");
    world.agent(["add", "-A"]);
    world.agent(["commit", "--quiet", "-m", "two"]);
    write(&world.soho(), "three.txt", "3");
    let collected = world.collect_twice();
    assert_eq!(
        world.files(BRANCH),
        ["a.txt", "b.txt", "three.txt", "two.txt"]
    );
    assert_eq!(collected.kept.len(), 1);
    assert_eq!(
        world.oid(&collected.kept[0]),
        one,
        "what the branch was is kept"
    );
    assert_eq!(
        world.agent(["symbolic-ref", "HEAD"]),
        format!("refs/heads/{BRANCH}")
    );
    assert_eq!(world.agent(["status", "--porcelain"]), "");
}

#[test]
fn the_work_taken_is_another_branch_which_stays_where_it_is() {
    let world = World::new();
    world.prepare();
    world.agent(["switch", "--quiet", "--create", "feature"]);
    write(&world.soho(), "one.txt", "1");
    let collected = world.collect_twice();
    assert_eq!(world.files(BRANCH), ["a.txt", "b.txt", "one.txt"]);
    assert_eq!(world.oid("feature"), world.oid("main"));
    assert!(collected.notes.iter().any(|note| note.contains("feature")));
}

#[test]
fn a_branch_that_the_agent_deleted_comes_back_with_its_work() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "one.txt", "1");
    world.agent(["add", "-A"]);
    world.agent(["commit", "--quiet", "-m", "one"]);
    let one = world.oid(BRANCH);
    world.agent(["update-ref", "-d", &format!("refs/heads/{BRANCH}")]);
    assert_eq!(world.collect_twice().head, one);
}

#[test]
fn an_orphan_branch_does_not_lose_the_work_before_it() {
    let world = World::new();
    world.prepare();
    world.agent(["checkout", "--quiet", "--orphan", "fresh"]);
    write(&world.soho(), "one.txt", "1");
    world.collect_twice();
    assert_eq!(world.files(BRANCH), ["a.txt", "b.txt", "one.txt"]);
}

#[test]
fn a_merge_of_the_agents_own_is_finished_with_both_parents() {
    let world = World::new();
    let main = world.oid("main");
    let other = world.commit_on(&main, "a.txt", "theirs\n");
    world.prepare();
    write(&world.soho(), "a.txt", "ours\n");
    world.agent(["commit", "--quiet", "-am", "ours"]);
    assert!(!try_git(
        &world.soho(),
        &["merge", "--quiet", other.as_str()]
    ));
    // With markers it is held as it is …
    let held = world.collect_twice();
    assert_eq!(held.unresolved, ["a.txt"]);
    assert!(world.show(&held.kept[0], "a.txt").contains("<<<<<<<"));
    assert!(world.admin().join("MERGE_HEAD").exists());
    // … without, it is a merge.
    write(&world.soho(), "a.txt", "both\n");
    let collected = world.collect_twice();
    assert!(collected.is_resolved());
    assert_eq!(
        world.git(["rev-parse", &format!("{BRANCH}^2")]),
        other.as_str()
    );
    assert!(!world.admin().join("MERGE_HEAD").exists());
}

#[test]
fn a_rebase_under_way_gives_what_is_there_and_keeps_the_branch() {
    let world = World::new();
    let main = world.oid("main");
    let other = world.commit_on(&main, "a.txt", "theirs\n");
    world.prepare();
    write(&world.soho(), "one.txt", "1");
    world.agent(["add", "-A"]);
    world.agent(["commit", "--quiet", "-m", "one"]);
    write(&world.soho(), "a.txt", "ours\n");
    world.agent(["commit", "--quiet", "-am", "two"]);
    let before = world.oid(BRANCH);
    assert!(!try_git(
        &world.soho(),
        &["rebase", "--quiet", other.as_str()]
    ));
    write(&world.soho(), "a.txt", "both\n");
    let collected = world.collect_twice();
    assert_eq!(world.show(BRANCH, "a.txt"), "both");
    assert_eq!(world.oid(&collected.kept[0]), before);
    assert!(collected.notes.iter().any(|note| note.contains("rebase")));
    assert!(!world.admin().join("rebase-merge").exists());
}

#[test]
fn nested_repositories_are_kept_aside_and_reported() {
    let world = World::new();
    world.prepare();
    let soho = world.soho();
    git_in(&soho, &["init", "--quiet", "empty"]);
    write(&soho, "empty/e.txt", "e");
    git_in(&soho, &["init", "--quiet", "full"]);
    write(&soho, "full/f.txt", "f");
    git_in(&soho.join("full"), &["add", "-A"]);
    git_in(&soho.join("full"), &["commit", "--quiet", "-m", "f"]);
    git_in(&soho, &["init", "--quiet", "full/deeper"]);
    write(&soho, "full/deeper/d.txt", "d");
    git_in(&soho, &["init", "--quiet", "staged"]);
    write(&soho, "staged/s.txt", "s");
    git_in(&soho.join("staged"), &["add", "-A"]);
    git_in(&soho.join("staged"), &["commit", "--quiet", "-m", "s"]);
    world.agent(["add", "staged"]);
    write(&soho, "work.txt", "w");
    let collected = world.collect_twice();
    assert_eq!(world.files(BRANCH), ["a.txt", "b.txt", "work.txt"]);
    let mut kept: Vec<String> = collected
        .kept
        .iter()
        .flat_map(|name| world.files(name))
        .collect();
    kept.sort();
    assert_eq!(kept, ["d.txt", "e.txt", "f.txt", "s.txt"]);
    assert_eq!(collected.notes.len(), 3, "{:?}", collected.notes);
    assert!(soho.join("full/.git").is_dir());
}

#[test]
fn submodules_are_left_alone() {
    let world = World::new();
    git_in(&world.base(), &["init", "--quiet", "lib"]);
    write(&world.base(), "lib/l.txt", "l");
    git_in(&world.base().join("lib"), &["add", "-A"]);
    git_in(&world.base().join("lib"), &["commit", "--quiet", "-m", "l"]);
    let lib = world.base().join("lib");
    world.git(["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
    world.commit("with a submodule");
    world.prepare();
    write(&world.soho(), "work.txt", "w");
    let collected = world.collect_twice();
    assert!(collected.notes.is_empty(), "{:?}", collected.notes);
    assert!(world.files(BRANCH).iter().any(|f| f == "lib"));
}

#[test]
fn what_a_killed_git_or_an_agent_broke_is_mended() {
    let world = World::new();
    world.prepare();
    for broken in [
        "index.lock",
        "HEAD.lock",
        ".git",
        ".git folder",
        "index",
        "branch lock",
    ] {
        match broken {
            ".git" => fs::remove_file(world.soho().join(".git")).unwrap(),
            ".git folder" => {
                fs::remove_file(world.soho().join(".git")).unwrap();
                git_in(&world.soho(), &["init", "--quiet"]);
            }
            "index" => fs::write(world.admin().join("index"), "garbage").unwrap(),
            "branch lock" => world.write(&format!(".git/refs/heads/{BRANCH}.lock"), ""),
            lock => fs::write(world.admin().join(lock), "").unwrap(),
        }
        write(&world.soho(), &format!("{broken}.txt"), broken);
        let collected = world.collect();
        assert!(collected.committed, "{broken}");
        assert_eq!(world.show(BRANCH, &format!("{broken}.txt")), broken);
        assert_eq!(world.agent(["status", "--porcelain"]), "", "{broken}");
    }
}

#[test]
fn a_worktree_that_is_gone_leaves_the_branch() {
    let world = World::new();
    world.prepare();
    write(&world.soho(), "one.txt", "1");
    let head = world.collect().head;
    fs::remove_dir_all(world.soho()).unwrap();
    let collected = world.collect_twice();
    assert_eq!(collected.head, head);
    assert!(collected.ahead);
}

#[test]
fn everything_deleted_is_a_change_like_any_other() {
    let world = World::new();
    world.prepare();
    for name in ["a.txt", "b.txt", ".git"] {
        fs::remove_file(world.soho().join(name)).unwrap();
    }
    assert!(world.collect_twice().committed);
    assert!(world.files(BRANCH).is_empty());
}

#[test]
fn a_commit_whose_maker_died_before_saying_so_is_not_made_twice() {
    let world = World::new();
    world.prepare();
    world.agent(["checkout", "--quiet", "--detach"]);
    write(&world.soho(), "one.txt", "1");
    let first = world.collect();
    // As it was when the branch had moved and HEAD had not.
    world.agent(["checkout", "--quiet", "--detach", "main"]);
    write(&world.soho(), "one.txt", "1");
    let mut ask = world.ask_collect();
    ask.at.0 += 60_000;
    use cw_core::ports::workspaces::Workspaces;
    let second = world.ws.collect(&ask).unwrap();
    assert_eq!(second.head, first.head);
    assert!(world.ws.kept(&world.repo, KEPT).unwrap().is_empty());
}

#[test]
fn who_the_user_says_to_be_goes_before_what_is_configured() {
    let world = World::new();
    let user = cw_adapters::git::User {
        name: Some("Grace".into()),
        email: None,
    };
    let ws = world.as_user(user);
    ws.prepare(&world.ask_prepare()).unwrap();
    write(&world.soho(), "work.txt", "w");
    ws.collect(&world.ask_collect()).unwrap();
    let who = world.git(["log", "-1", "--format=%an <%ae>", BRANCH]);
    assert_eq!(who, "Grace <ada@example.org>");
}
