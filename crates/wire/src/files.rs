//! The file folder's state.

use crate::procedure::procedures;
use crate::scope::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Tells how the file folders stand.
    Query FilesStatus = "files.status": Scope => FolderList;
}

/// A list of file folders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FolderList {
    /// The folders.
    pub folders: Vec<FolderView>,
}

/// A project's file folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FolderView {
    /// The project's name.
    pub project: String,
    /// The folder's path.
    pub path: String,
    /// Whether it is kept up.
    pub enabled: bool,
    /// How many files mirror something.
    pub files: u32,
    /// The files that could not be read, or changed on both sides.
    pub problems: Vec<FolderProblem>,
    /// How many changes of the folder are not taken over yet.
    pub pending: u32,
    /// When it was last looked at whole, RFC 3339.
    pub scanned_at: Option<String>,
}

/// A file that needs a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FolderProblem {
    /// Its path within the folder.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}
