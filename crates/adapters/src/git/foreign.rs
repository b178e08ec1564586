//! Repositories that an agent made or worked in inside its worktree: what only they hold is
//! fetched into ours, under refs of kept work, before they go to the trash.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::repo::Repo;
use super::worktree::Tree;

/// A submodule's folder may hold those of its own submodules; so deep they are looked for.
const DEPTH: usize = 8;

impl Repo<'_> {
    /// Keeps the commits of another repository that none of its remotes has. One that cannot be
    /// read holds nothing that git could give back.
    pub(super) fn keep_commits_of(
        &self,
        git_dir: &Path,
        prefix: &str,
    ) -> Result<Option<String>, GitError> {
        let inside = || self.door.at(git_dir).inside(git_dir, None);
        let own = ["rev-list", "-n1", "--all", "--not", "--remotes"];
        let mut holds = inside().args(own).run()?;
        if holds.code == 0 && holds.stdout.is_empty() {
            // A submodule's HEAD is on no branch.
            let head = ["rev-list", "-n1", "HEAD", "--not", "--remotes", "--"];
            holds = inside().args(head).run()?;
        }
        if holds.code != 0 || holds.stdout.is_empty() {
            return Ok(None);
        }
        let folder = format!("{prefix}/repository-{}", self.next_folder(prefix)?);
        let fetch = [
            "-c",
            "protocol.file.allow=always",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
        ];
        let (heads, head) = (
            format!("+refs/heads/*:{folder}/heads/*"),
            format!("+HEAD:{folder}/HEAD"),
        );
        self.git().args(fetch).arg(git_dir).arg(heads).succeed()?;
        // Where HEAD is on a branch without commits there is nothing more.
        let _on_a_branch = self.git().args(fetch).arg(git_dir).arg(head).run()?;
        Ok(Some(folder))
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

impl Tree<'_> {
    /// Keeps what was committed in submodules: their git folders go with this worktree's.
    pub(super) fn keep_submodules(&self, prefix: &str) -> Result<Vec<String>, GitError> {
        let mut found = Vec::new();
        git_folders(&self.admin.join("modules"), DEPTH, &mut found);
        let kept = found
            .iter()
            .map(|folder| self.repo.keep_commits_of(folder, prefix));
        kept.filter_map(Result::transpose).collect()
    }
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
