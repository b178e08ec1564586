//! The settings file of a project, and the time.

use std::path::Path;

use thiserror::Error;

use crate::domain::config::Config;
use crate::domain::time::Timestamp;

/// What is wrong with a settings file, for a person to read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}")]
pub struct SettingsError {
    /// What is wrong, with line and key where known.
    pub what: String,
    /// Why.
    pub cause: Option<String>,
    /// What helps.
    pub hint: Option<String>,
}

/// Reads `cw.toml` in the user's own checkout.
pub trait Settings: Send + Sync {
    /// The text of the file in this folder; `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, root: &Path) -> Result<Option<String>, SettingsError>;

    /// Writes a commented file where there is none, and gives back its text.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write_template(&self, root: &Path, base: &str) -> Result<String, SettingsError>;

    /// What the text says, and warnings about keys that are not acted on.
    ///
    /// # Errors
    /// When it is not what a settings file looks like.
    fn parse(&self, text: &str) -> Result<(Config, Vec<String>), SettingsError>;

    /// A short name for exactly this text.
    fn digest(&self, text: &str) -> String;

    /// Keeps the file folder out of the repository's commits.
    ///
    /// # Errors
    /// When it cannot be written.
    fn exclude(&self, git_dir: &Path, folder: &str) -> Result<(), SettingsError>;
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
}
