//! Each step with each of its git commands killed in turn, in the middle and at the end: done
//! again, it succeeds, and the end is the same as if nothing had happened.

use std::fs;

use cw_adapters::git::{Door, GitWorkspaces};
use cw_core::ports::workspaces::{
    Advanced, GateCheckout, MergedInto, Prepare, WorkspaceError, Workspaces,
};

use super::world::{AT, BRANCH, INTEGRATION, KEPT, SCRIPTED_GIT, World, git_in, write};

/// A git that dies in the call with this number: after a moment, or when all is done.
fn dying(world: &World, call: usize, when: &str) -> GitWorkspaces {
    let base = world.base();
    let _old = fs::remove_file(base.join("calls"));
    let die = match when {
        "at the end" => "git \"$@\"",
        _ => "timeout --signal=KILL 0.0015 git \"$@\"",
    };
    let script = format!(
        "n=$(($(cat $CALLS 2>/dev/null || echo 0) + 1)); echo $n > $CALLS; \
         if [ $n = {call} ]; then {die} >/dev/null 2>&1; kill -9 $$; fi; exec git \"$@\""
    );
    let door = Door::default()
        .program(SCRIPTED_GIT)
        .environment("SCRIPT", script)
        .environment("CALLS", base.join("calls"))
        .environment("HOME", base.join("home"))
        .environment("GIT_CONFIG_NOSYSTEM", "1");
    GitWorkspaces::new(door, &base.join("worktrees")).unwrap()
}

/// How many commands the dying git was asked for.
fn calls(world: &World) -> usize {
    fs::read_to_string(world.base().join("calls"))
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// Kills each git command of `step` in turn and does the step again; `check` looks at the world
/// and at what the second try said.
fn each_killed<T>(
    set_up: impl Fn() -> World,
    step: impl Fn(&World, &GitWorkspaces) -> Result<T, WorkspaceError>,
    check: impl Fn(&World, T),
) {
    for when in ["in the middle", "at the end"] {
        for call in 1.. {
            let world = set_up();
            match step(&world, &dying(&world, call, when)) {
                Ok(done) => {
                    check(&world, done);
                    // Either all of its commands had their turn, or it went on by itself.
                    if calls(&world) < call {
                        break;
                    }
                }
                Err(e) => {
                    assert!(e.transient, "call {call} killed {when}: {e:?}");
                    match step(&world, &world.again()) {
                        Ok(done) => check(&world, done),
                        Err(e) => panic!("call {call} killed {when}, then: {e:?}"),
                    }
                }
            }
        }
    }
}

fn clean(world: &World) {
    assert_eq!(world.agent(["status", "--porcelain"]), "");
    assert_eq!(
        world.agent(["symbolic-ref", "HEAD"]),
        format!("refs/heads/{BRANCH}")
    );
    let fsck = world.git(["fsck", "--no-dangling", "--no-progress"]);
    assert_eq!(fsck, "");
}

#[test]
fn preparing() {
    each_killed(
        || {
            let world = World::new();
            world.write(".env", "S\n");
            world
        },
        |world, ws| ws.prepare(&world.ask_prepare()),
        |world, prepared| {
            assert_eq!(prepared.head, world.oid("main"));
            assert!(prepared.kept.is_empty(), "{:?}", prepared.kept);
            assert_eq!(prepared.copied, [".env"]);
            assert_eq!(world.agent(["status", "--porcelain"]), "?? .env");
        },
    );
}

#[test]
fn collecting() {
    each_killed(
        || {
            let world = World::new();
            world.prepare();
            world.agent(["checkout", "--quiet", "--detach"]);
            write(&world.soho(), "a.txt", "changed\n");
            write(&world.soho(), "new.txt", "new\n");
            world
        },
        |world, ws| ws.collect(&world.ask_collect()),
        |world, collected| {
            assert!(collected.is_resolved() && collected.ahead);
            assert_eq!(
                world.oid(&format!("{BRANCH}^")),
                world.oid("main"),
                "one commit"
            );
            assert_eq!(world.files(BRANCH), ["a.txt", "b.txt", "new.txt"]);
            assert!(world.ws.kept(&world.repo, KEPT).unwrap().is_empty());
            clean(world);
        },
    );
}

#[test]
fn bouncing() {
    each_killed(
        || {
            let world = World::new();
            world.prepare();
            write(&world.soho(), "a.txt", "ours\n");
            world.collect();
            let tip = world.commit_on(&world.oid("main"), "a.txt", "theirs\n");
            let tip = world.commit_on(&tip, "c.txt", "c\n");
            world.git(["branch", INTEGRATION, tip.as_str()]);
            world
        },
        |world, ws| ws.merge_into(&world.ask_merge_into(&world.oid(INTEGRATION))),
        |world, merged| {
            assert_eq!(
                merged,
                MergedInto::Conflicted {
                    paths: vec!["a.txt".into()]
                }
            );
            assert_eq!(
                world.git(["rev-list", "--count", &format!("main..{BRANCH}")]),
                "1"
            );
            assert_eq!(world.agent(["status", "--porcelain"]), "UU a.txt\nA  c.txt");
            write(&world.soho(), "a.txt", "both\n");
            assert!(world.collect().is_resolved());
            assert_eq!(world.files(BRANCH), ["a.txt", "b.txt", "c.txt"]);
            clean(world);
        },
    );
}

#[test]
fn advancing() {
    each_killed(
        || {
            let world = World::new();
            let main = world.oid("main");
            world.git(["branch", INTEGRATION]);
            let merged = world.merged(&main, &world.commit_on(&main, "c.txt", "c"));
            world.git(["update-ref", "refs/test/merged", merged.as_str()]);
            world
        },
        |world, ws| {
            ws.advance(&world.ask_advance(&world.oid("main"), &world.oid("refs/test/merged")))
        },
        |world, advanced| {
            assert!(
                matches!(advanced, Advanced::Moved | Advanced::Already),
                "{advanced:?}"
            );
            assert_eq!(world.oid(INTEGRATION), world.oid("refs/test/merged"));
            assert_eq!(
                world.oid("refs/cw/merged/p/accounts/users/1"),
                world.oid(INTEGRATION)
            );
        },
    );
}

#[test]
fn releasing() {
    each_killed(
        || {
            let world = World::new();
            world.prepare();
            write(&world.soho(), "new.txt", "new\n");
            world
        },
        |world, ws| ws.release(&world.ask_release()),
        |world, _| {
            let kept = world.ws.kept(&world.repo, KEPT).unwrap();
            assert_eq!(kept.len(), 1);
            assert_eq!(world.files(&kept[0].name), ["a.txt", "b.txt", "new.txt"]);
            assert!(!world.soho().exists() && !world.admin().exists());
            world
                .ws
                .prepare(&Prepare {
                    at: AT,
                    ..world.ask_prepare()
                })
                .unwrap();
        },
    );
}

#[test]
fn checking_out_for_a_gate() {
    each_killed(
        World::new,
        |world, ws| {
            let path = world.worktree("gate");
            ws.gate_checkout(&GateCheckout {
                repo: world.repo.clone(),
                path,
                commit: world.oid("main"),
                copy: vec![],
            })
        },
        |world, ()| {
            let gate = world.worktree("gate");
            assert_eq!(git_in(&gate, &["status", "--porcelain"]), "");
            assert!(gate.join("a.txt").exists());
        },
    );
}
