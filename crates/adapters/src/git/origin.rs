//! Where a commit or a line came from: what git itself says of it.

use std::path::Path;

use cw_core::domain::oid::Oid;
use cw_core::domain::time::Timestamp;
use cw_core::ports::workspaces::{Origin, OriginOf};

use super::door::{Door, Output};
use super::error::GitError;
use super::repo::resolve;

/// The longest line that is told.
const LONG_LINE: usize = 1_000;

pub(super) fn origin(door: &Door, dir: &Path, ask: &OriginOf) -> Result<Option<Origin>, GitError> {
    let found = match ask {
        OriginOf::Revision(revision) => {
            resolve(door.at(dir), revision)?.map(|commit| (commit, None))
        }
        OriginOf::Line { path, line, at } => {
            let at = match at {
                Some(revision) => match resolve(door.at(dir), revision)? {
                    Some(commit) => Some(commit),
                    None => return Ok(None),
                },
                None => None,
            };
            blame(door, dir, path, *line, at.as_ref())?
        }
    };
    match found {
        Some((commit, line)) => describe(door, dir, commit, line).map(Some),
        None => Ok(None),
    }
}

/// The commit that a line was last changed by, and its text. Uncommitted lines have none.
fn blame(
    door: &Door,
    dir: &Path,
    path: &str,
    line: u32,
    at: Option<&Oid>,
) -> Result<Option<(Oid, Option<String>)>, GitError> {
    let range = format!("{line},{line}");
    let output = door
        .at(dir)
        .args(["blame", "--porcelain", "-L", &range])
        .args(at.map(Oid::as_str))
        .args(["--", path])
        .run()?;
    if output.code != 0 {
        let none = [
            "no such path",
            "has only",
            "no matches",
            "cannot stat",
            "is outside",
        ];
        return if none.iter().any(|words| output.stderr.contains(words)) {
            Ok(None)
        } else {
            Err(output.failure())
        };
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.split(' ').next().unwrap_or_default();
    if first.bytes().all(|b| b == b'0') {
        return Ok(None);
    }
    let commit = Oid::new(first).map_err(|_| output.unreadable())?;
    let line = text.lines().find_map(|line| line.strip_prefix('\t'));
    let line = line.map(|line| line.chars().take(LONG_LINE).collect());
    Ok(Some((commit, line)))
}

fn describe(
    door: &Door,
    dir: &Path,
    commit: Oid,
    line: Option<String>,
) -> Result<Origin, GitError> {
    let format = "--format=%s%x00%ct%x00%(trailers:only,unfold)";
    let output = door
        .at(dir)
        .args(["show", "--no-patch", "--no-show-signature", format])
        .args([commit.as_str(), "--"])
        .succeed()?;
    let (subject, at, trailers) = parts(&output)?;
    Ok(Origin {
        commit,
        subject,
        at,
        trailers,
        line,
    })
}

type Parts = (String, Timestamp, Vec<(String, String)>);

fn parts(output: &Output) -> Result<Parts, GitError> {
    let text = output.line();
    let mut fields = text.splitn(3, '\0');
    let subject = fields.next().unwrap_or_default().to_owned();
    let seconds: i64 = fields
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .ok_or_else(|| output.unreadable())?;
    let trailers = fields.next().unwrap_or_default().lines();
    let trailers = trailers.filter_map(|line| line.split_once(':'));
    let trailers = trailers
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    Ok((subject, Timestamp(seconds.saturating_mul(1000)), trailers))
}
