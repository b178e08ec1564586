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
    /// Whether the agent settings that the repository brings along are loaded.
    pub repo_settings: bool,
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

/// Kinds that have no program of their own: without a command they would run the prompt itself.
const NEED_COMMAND: &[&str] = &["acp", "script"];

impl AgentConfig {
    /// Whether it names no program and its kind has none.
    #[must_use]
    pub fn lacks_command(&self) -> bool {
        self.command.is_empty() && NEED_COMMAND.contains(&&*self.kind)
    }
}

/// Why no work can be given to an agent of some name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentFault {
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub hint: String,
}

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

    /// The kind of the agent named `name`.
    #[must_use]
    pub fn kind<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let bare = || KNOWN_KINDS.contains(&name).then_some(name);
        let table = self.agents.get(name).map(|agent| agent.kind.as_str());
        table.or_else(bare)
    }

    /// Why the agent named `name` cannot work; `None` when it can.
    #[must_use]
    pub fn agent_fault(&self, name: &str) -> Option<AgentFault> {
        let Some(agent) = self.agent(name) else {
            let known: Vec<&str> = self.agents.keys().map(String::as_str).collect();
            let known = match known.as_slice() {
                [] => "it has none".to_owned(),
                known => known.join(", "),
            };
            return Some(AgentFault {
                what: format!("there is no agent '{name}'"),
                hint: format!(
                    "name a kind ({}) or a table of cw.toml: {known}",
                    KNOWN_KINDS.join(", ")
                ),
            });
        };
        agent.lacks_command().then(|| AgentFault {
            what: format!(
                "the agent '{name}' has no command, and the kind `{}` has no program of its own",
                agent.kind
            ),
            hint: format!("write [agents.{name}] with a `command` in cw.toml"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_cannot_work_is_told_with_what_helps() {
        let mut config = Config::default();
        assert_eq!(config.agent_fault("claude"), None);
        let fault = config.agent_fault("cluade").unwrap();
        assert!(fault.what.contains("no agent 'cluade'") && fault.hint.contains("it has none"));
        for kind in ["script", "acp"] {
            let fault = config.agent_fault(kind).unwrap();
            assert!(fault.what.contains("no command"), "{fault:?}");
            assert!(
                fault.hint.contains(&format!("[agents.{kind}]")),
                "{fault:?}"
            );
        }
        let agent = AgentConfig {
            kind: "script".into(),
            command: vec!["./agent.sh".into()],
            ..AgentConfig::default()
        };
        config.agents.insert("script".into(), agent);
        assert_eq!(config.agent_fault("script"), None);
        assert!(config.agent_fault("x").unwrap().hint.ends_with(": script"));
    }
}
