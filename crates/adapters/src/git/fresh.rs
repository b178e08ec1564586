//! A repository made anew out of a folder, for demonstrations.

use std::path::Path;

use cw_core::ports::workspaces::WorkspaceError;

use super::door::Door;
use super::error::GitError;

/// Makes a repository (branch `main`) out of `dir`, with its files in one commit.
///
/// # Errors
/// When git refuses.
pub fn repository(door: &Door, dir: &Path) -> Result<(), WorkspaceError> {
    make(door, dir).map_err(|error| error.explain("the repository cannot be made"))
}

fn make(door: &Door, dir: &Path) -> Result<(), GitError> {
    let git = || door.at(dir);
    git()
        .args(["init", "--quiet", "--initial-branch=main"])
        .succeed()?;
    git().args(["config", "user.name", "Demo"]).succeed()?;
    git()
        .args(["config", "user.email", "demo@localhost"])
        .succeed()?;
    git().args(["add", "--all"]).succeed()?;
    git()
        .args(["commit", "--quiet", "--message=Begin"])
        .succeed()?;
    Ok(())
}
