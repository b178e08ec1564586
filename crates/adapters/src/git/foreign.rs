//! Repositories that an agent made or worked in inside its worktree: what only they hold is
//! fetched into ours, under refs of kept work, before they go to the trash. One that does not give
//! all of it is set aside whole, where nothing is ever deleted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;

use super::error::GitError;
use super::repo::{Repo, path_of};
use super::root::{Root, discard_into};
use super::worktree::Tree;

/// A submodule's folder may hold those of its own submodules; so deep they are looked for.
const DEPTH: usize = 8;

/// So many beginnings of a shallow history are looked at.
const MANY_ROOTS: usize = 1000;

/// What is to become of a repository that is about to go.
pub(super) enum Fate {
    /// It holds nothing that is not elsewhere.
    Nothing,
    /// What only it held stands below this ref now.
    Fetched(String),
    /// It could not be read, or not whole: it must not be thrown away.
    Precious,
}

impl Repo<'_> {
    /// Keeps what another repository holds and none of its remotes has: branches, tags, notes, its
    /// stash, its HEAD.
    pub(super) fn keep_commits_of(&self, git_dir: &Path, prefix: &str) -> Result<Fate, GitError> {
        if !git_dir.join("objects").is_dir() {
            return Ok(Fate::Nothing);
        }
        // What is missing there is not fetched by a program that its configuration may name.
        let inside = || {
            let git = self.door.at(git_dir).inside(git_dir, None);
            git.env("GIT_NO_LAZY_FETCH", "1")
        };
        let fetched = shallow_roots(git_dir);
        let not_fetched = || inside().args(["rev-list", "-n1", "--ignore-missing"]);
        let all = ["--all", "--not", "--remotes"];
        let mut holds = not_fetched().args(&fetched).args(all).run()?;
        if holds.code == 0 && holds.stdout.is_empty() {
            // A submodule's HEAD is on no branch.
            let head = ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"];
            let head = inside().args(head).run()?;
            if head.code != 0 {
                return Ok(Fate::Nothing);
            }
            let own = ["HEAD", "--not", "--remotes", "--"];
            holds = not_fetched().args(&fetched).args(own).run()?;
        }
        match (holds.code, holds.stdout.is_empty()) {
            (0, true) => return Ok(Fate::Nothing),
            (0, false) => {}
            _ => return Ok(Fate::Precious),
        }
        let folder = format!("{prefix}/repository-{}", self.next_folder(prefix)?);
        let fetch = [
            "-c",
            "protocol.file.allow=always",
            "-c",
            // Gives also what no ref leads to.
            "protocol.version=2",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
        ];
        let all = format!("+refs/*:{folder}/*");
        let fetch = |what: &[&str]| self.git().args(fetch).arg(git_dir).args(what).run();
        // What each of them brought is looked at, not what git says of it: a shallow repository
        // gives nothing and no error.
        fetch(&[&all, "^refs/remotes/*"])?;
        fetch(&[&format!("+HEAD:{folder}/HEAD")])?;
        let mut wanted = refs_of(inside())?;
        for (n, entry) in stash_of(inside())?.into_iter().enumerate() {
            let name = format!("stashed/{n}");
            fetch(&[&format!("+{entry}:{folder}/{name}")])?;
            wanted.push((name, entry));
        }
        let head = inside()
            .args(["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])
            .run()?;
        let came: BTreeMap<String, String> = self
            .kept(&folder)?
            .into_iter()
            .map(|(name, oid)| (name, oid.as_str().to_owned()))
            .collect();
        let here = |name: &str, oid: &str| {
            came.get(&format!("{folder}/{name}"))
                .is_some_and(|is| is == oid)
        };
        let whole = wanted.iter().all(|(name, oid)| here(name, oid))
            && (head.code != 0 || here("HEAD", head.line().trim()));
        Ok(if whole {
            Fate::Fetched(folder)
        } else {
            Fate::Precious
        })
    }

    /// Keeps what a repository holds whose folder is about to be thrown away. A `.git` that is no
    /// folder leads to one that stays.
    pub(super) fn keep_repository(
        &self,
        root: &Root,
        git_dir: &Path,
        prefix: &str,
    ) -> Result<Option<String>, GitError> {
        if !fs::symlink_metadata(git_dir).is_ok_and(|found| found.is_dir()) {
            return Ok(None);
        }
        match self.keep_commits_of(git_dir, prefix)? {
            Fate::Nothing => Ok(None),
            Fate::Fetched(name) => Ok(Some(name)),
            Fate::Precious => root.set_aside(git_dir).map(Some),
        }
    }

    fn next_folder(&self, prefix: &str) -> Result<usize, GitError> {
        let start = format!("{prefix}/repository-");
        let number = |(name, _): &(String, _)| {
            let rest = name.strip_prefix(&start)?;
            rest.split('/').next()?.parse::<usize>().ok()
        };
        let kept = self.kept(prefix)?;
        Ok(kept.iter().filter_map(number).max().unwrap_or(0) + 1)
    }
}

/// Where a shallow repository's history begins, as what is to be left out: that was fetched, so it
/// is elsewhere.
fn shallow_roots(git_dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(git_dir.join("shallow")).unwrap_or_default();
    let oid = |line: &str| Oid::new(line.trim()).ok();
    let roots = text.lines().filter_map(oid).take(MANY_ROOTS);
    roots.map(|oid| format!("^{oid}")).collect()
}

/// The entries of a repository's stash but the newest: its ref leads to that alone.
fn stash_of(git: super::door::Git<'_>) -> Result<Vec<String>, GitError> {
    let list = ["rev-list", "--walk-reflogs", "refs/stash", "--"];
    // Without a stash, that is an error.
    let output = git.args(list).run()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().skip(1).map(str::to_owned).collect())
}

/// The refs of a repository below `refs/`, without those of its remotes, and where they stand.
fn refs_of(git: super::door::Git<'_>) -> Result<Vec<(String, String)>, GitError> {
    let list = ["for-each-ref", "--format=%(refname) %(objectname)"];
    let output = git.args(list).succeed()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let pair = |line: &str| {
        let (name, oid) = line.split_once(' ')?;
        Some((name.strip_prefix("refs/")?.to_owned(), oid.to_owned()))
    };
    let own = text.lines().filter_map(pair);
    Ok(own
        .filter(|(name, _)| !name.starts_with("remotes/"))
        .collect())
}

impl Tree<'_> {
    /// Keeps what was done in submodules: commits (their git folders go with this worktree's, or
    /// stand in it), and files that were not committed. Says where.
    pub(super) fn keep_submodules(
        &self,
        root: &Root,
        prefix: &str,
        at: Timestamp,
    ) -> Result<Vec<String>, GitError> {
        let mut kept = Vec::new();
        let mut found = Vec::new();
        git_folders(&self.admin.join("modules"), DEPTH, &mut found);
        for folder in found {
            match self.repo.keep_commits_of(&folder, prefix)? {
                Fate::Nothing => {}
                Fate::Fetched(name) => kept.push(name),
                Fate::Precious => {
                    let aside = self.repo.common.join("cw-kept");
                    discard_into(&aside, &folder, &name_of(&folder))?;
                    kept.push(aside.display().to_string());
                }
            }
        }
        if !self.is_present() || !self.is_whole() {
            return Ok(kept);
        }
        let links = self.index().map(|index| self.links(index)).transpose()?;
        for link in links.unwrap_or_default() {
            let folder = self.path.join(path_of(&link));
            let own = folder.join(".git");
            if fs::symlink_metadata(&own).is_err() {
                continue;
            }
            if self.is_touched(&folder)? {
                let (base, nested) = (&self.path, [link]);
                let found =
                    self.repo
                        .keep_nested(&self.admin, base, &nested, Some(root), (prefix, at))?;
                kept.extend(found);
            } else {
                kept.extend(self.repo.keep_repository(root, &own, prefix)?);
            }
        }
        Ok(kept)
    }

    /// Whether a submodule holds files that its commit has not. Its files are read under our
    /// configuration: its own may name programs that would be run (`git status` runs filters).
    fn is_touched(&self, folder: &Path) -> Result<bool, GitError> {
        let (tree, nested) = self.repo.folder_tree(&self.admin, folder)?;
        let head = ["rev-parse", "--quiet", "--verify", "HEAD^{tree}"];
        let head = self.repo.door.at(folder).args(head).run()?;
        Ok(!nested.is_empty() || head.code != 0 || head.line().trim() != tree.as_str())
    }
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn git_folders(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("HEAD").is_file() && folder.join("objects").is_dir() {
        found.push(folder.to_owned());
        return git_folders(&folder.join("modules"), depth.saturating_sub(1), found);
    }
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            git_folders(&entry.path(), depth - 1, found);
        }
    }
}
