//! How refs are changed: several at once, each with the value it must have before; and the refs
//! that keep what is on no branch.

use cw_core::domain::oid::Oid;

use super::error::GitError;
use super::locks::mend_ref_lock;
use super::repo::Repo;

/// One change of a ref.
pub(super) enum Change<'c> {
    /// It must not exist.
    Create { name: &'c str, new: &'c Oid },
    /// It must stand at `old`.
    Move {
        name: &'c str,
        old: &'c Oid,
        new: &'c Oid,
    },
}

impl Change<'_> {
    fn line(&self) -> String {
        match self {
            Self::Create { name, new } => format!("create {name}\0{new}\0"),
            Self::Move { name, old, new } => format!("update {name}\0{new}\0{old}\0"),
        }
    }
}

impl Repo<'_> {
    /// Makes all changes or none. A lock that a killed git left on one of the refs is mended once;
    /// the caller looks at the refs when it is refused.
    pub(super) fn change_refs(&self, changes: &[Change<'_>], why: &str) -> Result<(), GitError> {
        match self.try_change_refs(changes, why) {
            Err(e) => match e.lock_in_the_way() {
                Some(lock) if self.is_lock_of(&lock, changes) => {
                    mend_ref_lock(&lock)?;
                    self.try_change_refs(changes, why)
                }
                _ => Err(e),
            },
            done => done,
        }
    }

    fn try_change_refs(&self, changes: &[Change<'_>], why: &str) -> Result<(), GitError> {
        let lines: String = changes.iter().map(Change::line).collect();
        let input = format!("start\0{lines}prepare\0commit\0").into_bytes();
        let message = format!("cw: {why}");
        self.git()
            .args(["update-ref", "-m", &message, "--stdin", "-z"])
            .input(input)
            .succeed()
            .map(drop)
    }

    fn is_lock_of(&self, lock: &std::path::Path, changes: &[Change<'_>]) -> bool {
        changes.iter().any(|change| {
            let (Change::Create { name, .. } | Change::Move { name, .. }) = change;
            lock.ends_with(format!("{name}.lock")) && lock.starts_with(&self.common)
        })
    }

    /// Sees to it that `commit` stands under `prefix`; gives the ref's name.
    pub(super) fn keep(&self, prefix: &str, commit: &Oid) -> Result<String, GitError> {
        let kept = self.kept(prefix)?;
        if let Some((name, _)) = kept.iter().find(|(_, oid)| oid == commit) {
            return Ok(name.clone());
        }
        // Below the prefix there may be refs that an agent named.
        let start = format!("{prefix}/");
        let number = |name: &str| name.strip_prefix(&start)?.parse::<u32>().ok();
        let last = kept.iter().filter_map(|(name, _)| number(name)).max();
        let next = u64::from(last.unwrap_or(0)) + 1;
        let name = format!("{prefix}/{next}");
        self.change_refs(
            &[Change::Create {
                name: &name,
                new: commit,
            }],
            "keep",
        )?;
        Ok(name)
    }

    /// What is kept under `prefix`, oldest first.
    pub(super) fn kept(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        let pattern = format!("{}/", prefix.trim_end_matches('/'));
        if !pattern.starts_with("refs/cw/kept/") {
            return Err(GitError::refused(
                format!("{prefix} is no place for kept work"),
                "",
            ));
        }
        let output = self
            .git()
            .args([
                "for-each-ref",
                "--sort=version:refname",
                "--format=%(refname) %(objectname)",
                &pattern,
            ])
            .succeed()?;
        let line = |line: &str| {
            let (name, oid) = line.split_once(' ')?;
            Some((name.to_owned(), Oid::new(oid).ok()?))
        };
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|text| line(text).ok_or_else(|| output.unreadable()))
            .collect()
    }
}
