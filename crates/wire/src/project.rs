//! Projects: registering a repository, trusting its configuration, holding dispatch.

use crate::procedure::procedures;
use crate::scope::{Place, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

procedures! {
    /// Registers a repository; writes a commented `cw.toml` if there is none.
    Command ProjectInit = "project.init": InitInput => ProjectList;
    /// Lists the registered projects.
    Query ProjectListing = "project.list": Scope => ProjectList;
    /// Shows `cw.toml` as it is on disk and whether it is trusted.
    Query ProjectConfig = "project.config": Place => ConfigView;
    /// Trusts `cw.toml` as it is on disk.
    Command ProjectTrust = "project.trust": TrustInput => ProjectList;
    /// Names the environment variables that the project's agents want from the caller.
    Query WantedEnv = "project.wanted-env": Place => WantedEnvOutput;
    /// Holds dispatch in a project.
    Command ProjectPause = "project.pause": Scope => ProjectList;
    /// Goes on with dispatch in a project.
    Command ProjectResume = "project.resume": ResumeInput => ProjectList;
}

/// The input of `project.init`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InitInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// Trust a `cw.toml` that is already there.
    pub trust: bool,
}

/// The input of `project.resume`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResumeInput {
    /// An absolute folder; the server finds the repository around it.
    pub dir: Option<String>,
    /// Every project, whatever `dir` says.
    pub all: bool,
    /// The values of the names under `pass_env`; kept in memory only.
    pub env: BTreeMap<String, String>,
}

/// The input of `project.trust`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrustInput {
    /// An absolute folder in the repository.
    pub dir: Option<String>,
    /// The hash of what was shown; refused when the file has another by now.
    pub hash: Option<String>,
    /// The user has confirmed that its agents may work without asking, outside a container too.
    pub bypass: bool,
}

/// A list of projects, and what a change of them has to say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectList {
    /// The projects.
    pub projects: Vec<ProjectView>,
    /// What the user should know.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A registered repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectView {
    /// Its name, unique on this machine.
    pub name: String,
    /// The repository's root.
    pub root: String,
    /// The branch that initiatives start from by default.
    pub base: String,
    /// Whether dispatch is held.
    pub paused: bool,
    /// Whether `cw.toml`, as it is on disk, is trusted.
    pub trusted: bool,
    /// Whether this call has written a fresh `cw.toml`.
    #[serde(default)]
    pub wrote_config: bool,
    /// Whether this call has registered it.
    #[serde(default)]
    pub created: bool,
    /// The path of `cw.toml`.
    #[serde(default)]
    pub config: Option<String>,
    /// The file folder's path.
    #[serde(default)]
    pub files: Option<String>,
}

/// `cw.toml` as it is on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigView {
    /// Its path.
    pub path: String,
    /// Whether it exists.
    pub exists: bool,
    /// Its text.
    pub text: String,
    /// The hash of its text, to be sent back with `project.trust`.
    pub hash: String,
    /// Whether this very text is trusted.
    pub trusted: bool,
    /// What differs from the text trusted before, as a unified diff; null when none was.
    pub diff: Option<String>,
    /// Agents that would work without asking where no container holds them: to be confirmed.
    #[serde(default)]
    pub bypass: Vec<String>,
}

/// The output of `project.wanted-env`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WantedEnvOutput {
    /// The names under `pass_env`.
    pub names: Vec<String>,
}
