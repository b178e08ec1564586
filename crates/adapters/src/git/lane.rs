//! The merge lane: whether work merges, and moving the integration branch. No worktree is touched.

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{
    Advance, Advanced, CommitMessage, Cut, CutBranch, Trial, Trialled,
};

use super::error::GitError;
use super::refs::Change;
use super::repo::{Repo, branch_ref, shown};

/// What git says about one merge, at most.
const MANY_MESSAGES: usize = 50;
const LONG_MESSAGE: usize = 500;

/// A merge without a worktree.
pub(super) enum Merge {
    Clean {
        tree: Oid,
    },
    Conflict {
        paths: Vec<String>,
        messages: Vec<String>,
    },
}

impl Repo<'_> {
    /// Merges two commits. Git's exit code does not tell a conflict from a bad name; that it names
    /// a tree does. The attributes are those of `ours`, not of whatever is checked out.
    pub(super) fn merge_trees(&self, ours: &Oid, theirs: &Oid) -> Result<Merge, GitError> {
        let merge = [
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--messages",
            ours.as_str(),
            theirs.as_str(),
        ];
        let output = self
            .git()
            .option(format!("--attr-source={ours}"))
            .args(merge)
            .run()?;
        if output.code != 0 && output.stderr.contains("unrelated histories") {
            return Ok(Merge::Conflict {
                paths: Vec::new(),
                messages: vec!["the histories have no commit in common".into()],
            });
        }
        if !matches!(output.code, 0 | 1) {
            return Err(output.failure());
        }
        let mut parts = output.stdout.split(|b| *b == 0);
        let tree = parts
            .next()
            .and_then(|part| Oid::new(String::from_utf8_lossy(part)).ok());
        let tree = tree.ok_or_else(|| output.unreadable())?;
        if output.code == 0 {
            return Ok(Merge::Clean { tree });
        }
        let paths = shown(parts.by_ref().take_while(|part| !part.is_empty()));
        Ok(Merge::Conflict {
            paths,
            messages: messages(parts),
        })
    }

    /// Merges two commits into a third; `None` with the conflict when they do not merge.
    pub(super) fn merge_commits(
        &self,
        ours: &Oid,
        theirs: &Oid,
        message: &CommitMessage,
        at: Timestamp,
    ) -> Result<Trialled, GitError> {
        let merge = self.merge_trees(ours, theirs)?;
        self.commit_merge(merge, ours, theirs, message, at)
    }

    /// Makes the commit of a merge of two commits that came out clean.
    fn commit_merge(
        &self,
        merge: Merge,
        ours: &Oid,
        theirs: &Oid,
        message: &CommitMessage,
        at: Timestamp,
    ) -> Result<Trialled, GitError> {
        match merge {
            Merge::Conflict { paths, messages } => Ok(Trialled::Conflict { paths, messages }),
            Merge::Clean { tree } => {
                let commit =
                    self.make_commit(&tree, &[ours.clone(), theirs.clone()], message, at)?;
                Ok(Trialled::Clean { tree, commit })
            }
        }
    }
}

/// Reads records of: number of paths, the paths, a kind, a text.
fn messages<'m>(mut parts: impl Iterator<Item = &'m [u8]>) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < MANY_MESSAGES {
        let count = parts
            .next()
            .and_then(|n| std::str::from_utf8(n).ok()?.parse::<usize>().ok());
        let Some(count) = count else { break };
        let Some(text) = parts.by_ref().nth(count.saturating_add(1)) else {
            break;
        };
        let text = String::from_utf8_lossy(text);
        let text = text.trim();
        if !text.starts_with("Auto-merging ") {
            found.push(text.chars().take(LONG_MESSAGE).collect());
        }
    }
    found
}

/// Tries to merge work into the integration tip.
pub(super) fn trial(repo: &Repo<'_>, ask: &Trial) -> Result<Trialled, GitError> {
    let merge = repo.merge_trees(&ask.tip, &ask.head)?;
    // What is in already merges into what the tip holds: only then git has to be asked.
    let brings = match &merge {
        Merge::Clean { tree } => repo
            .known_tree(&ask.tip)
            .is_some_and(|known| known != *tree),
        Merge::Conflict { .. } => true,
    };
    if !brings && repo.is_ancestor(&ask.head, &ask.tip)? {
        return Ok(Trialled::AlreadyIn);
    }
    repo.commit_merge(merge, &ask.tip, &ask.head, &ask.message, ask.at)
}

/// Moves the integration branch and records the merge.
pub(super) fn advance(repo: &Repo<'_>, ask: &Advance) -> Result<Advanced, GitError> {
    if !ask.branch.starts_with("cw/") || !ask.merged_ref.starts_with("refs/cw/merged/") {
        return Err(GitError::refused(
            format!("{} and {} are not cw's", ask.branch, ask.merged_ref),
            "",
        ));
    }
    repo.locks.exclusive(&repo.branches_lock(), |_| {
        if let Some(path) = repo.checked_out_at(&ask.branch)? {
            let before = advanced_before(repo, ask)?;
            return Ok(before.unwrap_or(Advanced::CheckedOut { path }));
        }
        let branch = branch_ref(&ask.branch);
        let changes = [
            Change::Move {
                name: &branch,
                old: &ask.old,
                new: &ask.new,
            },
            Change::Create {
                name: &ask.merged_ref,
                new: &ask.new,
            },
        ];
        match repo.change_refs(&changes, "merge") {
            Ok(()) => Ok(Advanced::Moved),
            // The refs say why: done before, somebody was faster, or it is a failure of its own.
            Err(e) => advanced_before(repo, ask)?.ok_or(e),
        }
    })
}

/// How things stand when the refs are not as they must be for the move.
fn advanced_before(repo: &Repo<'_>, ask: &Advance) -> Result<Option<Advanced>, GitError> {
    let [tip, merged] = repo.ref_values([&branch_ref(&ask.branch), &ask.merged_ref])?;
    if merged.is_none() && tip.as_ref() == Some(&ask.old) && ask.old != ask.new {
        return Ok(None);
    }
    if let Some(merged) = merged.as_ref().filter(|merged| **merged != ask.new) {
        return Err(GitError::refused(
            format!("{} records another merge: {merged}", ask.merged_ref),
            "",
        ));
    }
    let contains = match &tip {
        Some(tip) => repo.is_ancestor(&ask.new, tip)?,
        None => false,
    };
    if contains {
        if merged.is_none() {
            repo.change_refs(
                &[Change::Create {
                    name: &ask.merged_ref,
                    new: &ask.new,
                }],
                "merge",
            )?;
        }
        return Ok(Some(Advanced::Already));
    }
    Ok(Some(Advanced::MovedByOthers { now: tip }))
}

/// Creates an integration branch.
pub(super) fn cut(repo: &Repo<'_>, ask: &CutBranch) -> Result<Cut, GitError> {
    if !ask.branch.starts_with("cw/") {
        return Err(GitError::refused(
            format!("{} is no branch of cw", ask.branch),
            "",
        ));
    }
    repo.locks.exclusive(&repo.branches_lock(), |_| {
        if let Some(found) = cut_before(repo, ask)? {
            return Ok(found);
        }
        let name = branch_ref(&ask.branch);
        match repo.change_refs(
            &[Change::Create {
                name: &name,
                new: &ask.at,
            }],
            "cut",
        ) {
            Ok(()) => Ok(Cut::Created),
            Err(e) => cut_before(repo, ask)?.ok_or(e),
        }
    })
}

fn cut_before(repo: &Repo<'_>, ask: &CutBranch) -> Result<Option<Cut>, GitError> {
    if let Some(tip) = repo.tip(&ask.branch)? {
        let known = tip == ask.at || ask.expected.as_ref() == Some(&tip);
        return Ok(Some(if known {
            Cut::Already { tip }
        } else {
            Cut::Foreign { tip }
        }));
    }
    let ends = ask
        .branch
        .match_indices('/')
        .map(|(at, _)| &ask.branch[..at]);
    for above in ends {
        if repo.tip(above)?.is_some() {
            return Ok(Some(Cut::Blocked {
                by: above.to_owned(),
            }));
        }
    }
    let below = format!("{}/", branch_ref(&ask.branch));
    let output = repo
        .git()
        .args([
            "for-each-ref",
            "--count=1",
            "--format=%(refname:lstrip=2)",
            &below,
        ])
        .succeed()?;
    let by = output.line();
    Ok((!by.is_empty()).then_some(Cut::Blocked { by }))
}
