//! A small world: one repository with a first commit, a folder of worktrees, a home of its own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cw_adapters::git::{Door, GitWorkspaces, User};
use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{
    Advance, Advanced, Collect, Collected, CommitMessage, MergeInto, MergedInto, Prepare, Prepared,
    Release, Trial, Trialled, Workspaces,
};
use tempfile::TempDir;

pub(crate) const AT: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const BRANCH: &str = "cw/accounts/agent/soho";
pub(crate) const INTEGRATION: &str = "cw/accounts/integration";
/// Does what `$SCRIPT` says.
pub(crate) const SCRIPTED_GIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripted-git");
pub(crate) const KEPT: &str = "refs/cw/kept/accounts/soho";

pub(crate) struct World {
    folder: TempDir,
    pub(crate) ws: GitWorkspaces,
    pub(crate) repo: PathBuf,
}

impl World {
    /// A repository with one commit on `main`: `a.txt` and `b.txt`.
    pub(crate) fn new() -> Self {
        let world = Self::empty();
        world.write("a.txt", "one\ntwo\nthree\n");
        world.write("b.txt", "b\n");
        world.commit("first");
        world
    }

    /// A repository without commits; the user is Ada.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(base.join("home")).unwrap();
        let world = Self {
            ws: workspaces(&base, User::default()),
            repo: base.join("repo"),
            folder,
        };
        fs::create_dir_all(&world.repo).unwrap();
        world.git(["init", "--quiet", "--initial-branch=main"]);
        world.git(["config", "user.name", "Ada"]);
        world.git(["config", "user.email", "ada@example.org"]);
        world
    }

    pub(crate) fn base(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    /// Another process's view of the same folders.
    pub(crate) fn again(&self) -> GitWorkspaces {
        self.as_user(User::default())
    }

    /// The same folders, used by somebody who says who they are.
    pub(crate) fn as_user(&self, user: User) -> GitWorkspaces {
        workspaces(&self.base(), user)
    }

    pub(crate) fn soho(&self) -> PathBuf {
        self.worktree("soho")
    }

    pub(crate) fn worktree(&self, name: &str) -> PathBuf {
        self.base().join("worktrees/p").join(name)
    }

    /// The folder in which git remembers soho's worktree.
    pub(crate) fn admin(&self) -> PathBuf {
        self.repo.join(".git/worktrees/soho")
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        write(&self.repo, path, text);
    }

    pub(crate) fn git<const N: usize>(&self, args: [&str; N]) -> String {
        git_in(&self.repo, &args)
    }

    /// Runs git as an agent would, in soho's worktree.
    pub(crate) fn agent<const N: usize>(&self, args: [&str; N]) -> String {
        git_in(&self.soho(), &args)
    }

    pub(crate) fn commit(&self, subject: &str) -> Oid {
        self.git(["add", "-A"]);
        self.git(["commit", "--quiet", "-m", subject]);
        self.oid("HEAD")
    }

    pub(crate) fn oid(&self, revision: &str) -> Oid {
        Oid::new(self.git(["rev-parse", revision])).unwrap()
    }

    /// A commit on top of `parent` that changes one file, made without any worktree.
    pub(crate) fn commit_on(&self, parent: &Oid, path: &str, text: impl AsRef<[u8]>) -> Oid {
        let index = self.base().join("scratch-index");
        let _old = fs::remove_file(&index);
        let env = [("GIT_INDEX_FILE", index.to_str().unwrap())];
        let git = |args: &[&str], input: &[u8]| text_of(&run(&self.repo, args, &env, input));
        git(&["read-tree", parent.as_str()], b"");
        let blob = git(&["hash-object", "-w", "--stdin"], text.as_ref());
        git(
            &[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("100644,{blob},{path}"),
            ],
            b"",
        );
        let tree = git(&["write-tree"], b"");
        Oid::new(git(
            &["commit-tree", &tree, "-p", parent.as_str(), "-m", path],
            b"",
        ))
        .unwrap()
    }

    /// The content of a file in a commit.
    pub(crate) fn show(&self, revision: &str, path: &str) -> String {
        self.git(["show", &format!("{revision}:{path}")])
    }

    /// The paths in a commit.
    pub(crate) fn files(&self, revision: &str) -> Vec<String> {
        self.git(["ls-tree", "-r", "--name-only", revision])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn ask_prepare(&self) -> Prepare {
        Prepare {
            repo: self.repo.clone(),
            path: self.soho(),
            branch: BRANCH.into(),
            start: self.oid("main"),
            copy: vec![".env*".into()],
            kept: KEPT.into(),
            at: AT,
        }
    }

    pub(crate) fn prepare(&self) -> Prepared {
        self.ws.prepare(&self.ask_prepare()).unwrap()
    }

    pub(crate) fn ask_collect(&self) -> Collect {
        Collect {
            repo: self.repo.clone(),
            path: self.soho(),
            branch: BRANCH.into(),
            base: self.oid("main"),
            message: message("Work"),
            at: AT,
            kept: KEPT.into(),
        }
    }

    pub(crate) fn collect(&self) -> Collected {
        self.ws.collect(&self.ask_collect()).unwrap()
    }

    /// Collects, and collects again in another process: the second finds nothing to do.
    pub(crate) fn collect_twice(&self) -> Collected {
        let first = self.collect();
        let second = self.again().collect(&self.ask_collect()).unwrap();
        assert_eq!(second.head, first.head);
        assert_eq!(second.unresolved, first.unresolved);
        assert_eq!(second.merge_dropped, first.merge_dropped);
        assert!(!second.committed);
        first
    }

    pub(crate) fn ask_merge_into(&self, tip: &Oid) -> MergeInto {
        MergeInto {
            repo: self.repo.clone(),
            path: self.soho(),
            branch: BRANCH.into(),
            tip: tip.clone(),
            message: message("Merge the tip"),
            at: AT,
            kept: KEPT.into(),
        }
    }

    pub(crate) fn merge_into(&self, tip: &Oid) -> MergedInto {
        self.ws.merge_into(&self.ask_merge_into(tip)).unwrap()
    }

    pub(crate) fn ask_trial(&self, tip: &Oid, head: &Oid) -> Trial {
        Trial {
            repo: self.repo.clone(),
            tip: tip.clone(),
            head: head.clone(),
            message: message("Merge"),
            at: AT,
        }
    }

    pub(crate) fn trial(&self, tip: &Oid, head: &Oid) -> Trialled {
        self.ws.trial(&self.ask_trial(tip, head)).unwrap()
    }

    /// The commit that a trial made.
    pub(crate) fn merged(&self, tip: &Oid, head: &Oid) -> Oid {
        match self.trial(tip, head) {
            Trialled::Clean { commit, .. } => commit,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn ask_advance(&self, old: &Oid, new: &Oid) -> Advance {
        Advance {
            repo: self.repo.clone(),
            branch: INTEGRATION.into(),
            old: old.clone(),
            new: new.clone(),
            merged_ref: "refs/cw/merged/p/accounts/users/1".into(),
        }
    }

    pub(crate) fn advance(&self, old: &Oid, new: &Oid) -> Advanced {
        self.ws.advance(&self.ask_advance(old, new)).unwrap()
    }

    pub(crate) fn ask_release(&self) -> Release {
        Release {
            repo: self.repo.clone(),
            path: self.soho(),
            branch: BRANCH.into(),
            kept: KEPT.into(),
            unmerged: false,
            at: AT,
        }
    }
}

fn workspaces(base: &Path, user: User) -> GitWorkspaces {
    let door = Door::default()
        .user(user)
        .environment("HOME", base.join("home"))
        .environment("GIT_CONFIG_NOSYSTEM", "1");
    GitWorkspaces::new(door, &base.join("worktrees")).unwrap()
}

pub(crate) fn message(subject: &str) -> CommitMessage {
    let trailers = [
        ("Cw-Task", "users"),
        ("Cw-Agent", "soho"),
        ("Cw-Initiative", "accounts"),
    ];
    CommitMessage {
        subject: subject.into(),
        body: String::new(),
        trailers: trailers.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    }
}

pub(crate) fn write(folder: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A path whose name is not UTF-8.
pub(crate) fn odd_name(folder: &Path) -> PathBuf {
    folder.join(OsStr::from_bytes(b"caf\xe9 \n\"x\".txt"))
}

pub(crate) fn git_in(folder: &Path, args: &[&str]) -> String {
    text_of(&run(folder, args, &[], b""))
}

/// Runs git and lets it fail.
pub(crate) fn try_git(folder: &Path, args: &[&str]) -> bool {
    run(folder, args, &[], b"").status.success()
}

fn text_of(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .trim_end_matches('\n')
        .to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests play the user and the agent, who run git themselves"
)]
fn run(folder: &Path, args: &[&str], env: &[(&str, &str)], input: &[u8]) -> Output {
    use std::io::Write;
    let mut command = Command::new("git");
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_"))
    {
        command.env_remove(name);
    }
    command.args([
        "-c",
        "user.name=Agent",
        "-c",
        "user.email=agent@example.org",
        "-c",
        "protocol.file.allow=always",
    ]);
    command.args([
        "-c",
        "init.defaultBranch=main",
        "-c",
        "core.quotePath=false",
    ]);
    command
        .args(args)
        .current_dir(folder)
        .envs(env.iter().copied());
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_EDITOR", "true");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}
