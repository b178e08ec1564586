//! How commits are made: message, trailers, identity, time. Nothing of it reads a worktree.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::CommitMessage;

use super::door::Git;
use super::error::GitError;
use super::repo::{Repo, oid_of};

/// A message is cut here: it may hold what an agent said.
const LONG_MESSAGE: usize = 64 * 1024;
const LONG_LINE: usize = 1_000;

/// How long a configured identity is taken for granted: a merge need not ask for it each time.
const REMEMBERED: Duration = Duration::from_secs(20);

/// So many commits' trees are remembered.
const MANY_TREES: usize = 1_000;

/// What need not be asked of git each time.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The identities configured in repositories, by git folder, for a short while.
    identities: Mutex<HashMap<PathBuf, (Instant, Identity)>>,
    /// The trees of commits made here, which never change.
    trees: Mutex<HashMap<Oid, Oid>>,
}

/// In whose name commits are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) email: String,
}

impl Repo<'_> {
    /// The identity that the user configured, or that of `cw`.
    pub(super) fn identity(&self) -> Result<Identity, GitError> {
        let known = || {
            self.memory
                .identities
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some((_, identity)) = known()
            .get(&self.common)
            .filter(|(asked, _)| asked.elapsed() < REMEMBERED)
        {
            return Ok(identity.clone());
        }
        let identity = self.configured_identity()?;
        known().insert(self.common.clone(), (Instant::now(), identity.clone()));
        Ok(identity)
    }

    fn configured_identity(&self) -> Result<Identity, GitError> {
        let output = self
            .git()
            .args(["config", "-z", "--get-regexp", r"^user\.(name|email)$"])
            .one_of(&[0, 1])?;
        let mut identity = Identity {
            name: "cw".into(),
            email: "cw@localhost".into(),
        };
        for part in output.parts() {
            let text = String::from_utf8_lossy(part);
            match text.split_once('\n') {
                Some(("user.name", value)) if !value.trim().is_empty() => {
                    value.clone_into(&mut identity.name);
                }
                Some(("user.email", value)) if !value.trim().is_empty() => {
                    value.clone_into(&mut identity.email);
                }
                _ => {}
            }
        }
        let said = self.door.user.clone();
        identity.name = said.name.unwrap_or(identity.name);
        identity.email = said.email.unwrap_or(identity.email);
        Ok(identity)
    }

    /// Makes a commit; the same arguments make the same one.
    pub(super) fn make_commit(
        &self,
        tree: &Oid,
        parents: &[Oid],
        message: &CommitMessage,
        at: Timestamp,
    ) -> Result<Oid, GitError> {
        let mut git = self.git().args(["commit-tree", tree.as_str()]);
        for parent in parents {
            git = git.args(["-p", parent.as_str()]);
        }
        let git = signed_as(git.args(["-F", "-"]), &self.identity()?, at);
        let commit = oid_of(&git.input(compose(message).into_bytes()).succeed()?)?;
        let mut trees = self.trees();
        if trees.len() >= MANY_TREES {
            trees.clear();
        }
        trees.insert(commit.clone(), tree.clone());
        Ok(commit)
    }

    /// The tree of a commit that was made here not long ago.
    pub(super) fn known_tree(&self, commit: &Oid) -> Option<Oid> {
        self.trees().get(commit).cloned()
    }

    fn trees(&self) -> MutexGuard<'_, HashMap<Oid, Oid>> {
        let trees = &self.memory.trees;
        trees.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sets author and committer of what the command commits.
pub(super) fn signed_as<'d>(git: Git<'d>, who: &Identity, at: Timestamp) -> Git<'d> {
    let date = format!("@{} +0000", at.0.div_euclid(1_000).max(0));
    git.env("GIT_AUTHOR_NAME", &who.name)
        .env("GIT_AUTHOR_EMAIL", &who.email)
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_NAME", &who.name)
        .env("GIT_COMMITTER_EMAIL", &who.email)
        .env("GIT_COMMITTER_DATE", &date)
}

/// The whole text of a message: the trailers are a paragraph of their own at the end, so that
/// nothing in the body passes for one.
pub(super) fn compose(message: &CommitMessage) -> String {
    let line = |text: &str| -> String {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        flat.replace('\0', "").chars().take(LONG_LINE).collect()
    };
    let subject = line(&message.subject);
    let mut text = if subject.is_empty() {
        "cw".to_owned()
    } else {
        subject
    };
    let body = message.body.replace(['\0', '\r'], "");
    let body: String = body.trim().chars().take(LONG_MESSAGE).collect();
    if !body.is_empty() {
        text.push_str("\n\n");
        text.push_str(&body);
    }
    if !message.trailers.is_empty() {
        text.push('\n');
    }
    for (name, value) in &message.trailers {
        text.push_str(&format!("\n{name}: {}", line(value)));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_stand_in_a_paragraph_of_their_own() {
        let message = CommitMessage {
            subject: "Users\n table".into(),
            body: "text\r\nCw-Task: forged".into(),
            trailers: vec![
                ("Cw-Task".into(), "a\nCw-Agent: b".into()),
                ("Cw-Agent".into(), "soho".into()),
            ],
        };
        assert_eq!(
            compose(&message),
            "Users table\n\ntext\nCw-Task: forged\n\nCw-Task: a Cw-Agent: b\nCw-Agent: soho\n"
        );
    }

    #[test]
    fn an_empty_message_still_has_a_subject() {
        assert_eq!(compose(&CommitMessage::default()), "cw\n");
    }
}
