//! The settings of a project as decisions need them. Reading `cw.toml` is an adapter's business.

use std::collections::BTreeMap;
use std::time::Duration;

use super::money::Usd;

/// What `cw.toml` says, with the defaults filled in.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The branch that initiatives start from unless their plan names one; `None`: the branch
    /// that was checked out at `cw init`.
    pub base: Option<String>,
    /// How many agents may have a live turn at once in this project.
    pub max_agents: u32,
    /// The agent that tasks without one get.
    pub default_agent: String,
    /// Agents by the name that plans use.
    pub agents: BTreeMap<String, AgentConfig>,
    /// Untracked files (globs) that a fresh worktree is given.
    pub copy: Vec<String>,
    /// Commands run once in each fresh worktree.
    pub setup: Vec<String>,
    /// Worktrees kept warm.
    pub pool: u32,
    /// Commands that must exit 0 on the merged tree.
    pub gates: Vec<String>,
    /// The longest that one gate command may take.
    pub gate_timeout: Duration,
    /// Money one initiative may use.
    pub budget: Option<Usd>,
    /// The longest that one turn may take.
    pub turn_timeout: Duration,
    /// The longest that a turn may be silent.
    pub stall: Duration,
    /// Turns a task may fail before it is given up.
    pub attempts: u32,
    /// Bounces of a task before a person is asked.
    pub bounces: u32,
    /// How long the output of ended turns is kept.
    pub keep_logs: Duration,
    /// The file folder, relative to the repository's root.
    pub files_dir: String,
}

/// One `[agents.NAME]` table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AgentConfig {
    /// The kind of agent program: `claude`, `script`, …
    pub kind: String,
    /// Program and arguments; empty means the kind's own program.
    pub command: Vec<String>,
    /// The model to ask for.
    pub model: Option<String>,
    /// What the agent may do without asking: `ask`, `accept-edits` or `bypass`.
    pub permissions: Option<String>,
    /// Tools that are allowed without asking.
    pub allow: Vec<String>,
    /// Environment variables set for the program.
    pub env: BTreeMap<String, String>,
    /// Environment variables taken from whoever starts the work.
    pub pass_env: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base: None,
            max_agents: 4,
            default_agent: "claude".into(),
            agents: BTreeMap::new(),
            copy: Vec::new(),
            setup: Vec::new(),
            pool: 0,
            gates: Vec::new(),
            gate_timeout: Duration::from_secs(15 * 60),
            budget: None,
            turn_timeout: Duration::from_secs(45 * 60),
            stall: Duration::from_secs(10 * 60),
            attempts: 3,
            bounces: 3,
            keep_logs: Duration::from_secs(30 * 24 * 3600),
            files_dir: ".cw".into(),
        }
    }
}

/// Kinds that need no table of their own to be named in a plan.
pub const KNOWN_KINDS: &[&str] = &["claude", "codex", "gemini", "opencode", "acp", "script"];

impl Config {
    /// The agent named `name`: its table, or the bare kind of that name.
    #[must_use]
    pub fn agent(&self, name: &str) -> Option<AgentConfig> {
        self.agents.get(name).cloned().or_else(|| {
            KNOWN_KINDS.contains(&name).then(|| AgentConfig {
                kind: name.to_owned(),
                ..AgentConfig::default()
            })
        })
    }
}
