//! The keys of `cw.toml`, and which of them this version acts on.

/// At the top.
pub(super) const ROOT: &[&str] = &["base", "agents", "worktree", "gates", "limits", "files"];
/// Of each `[agents.NAME]`.
pub(super) const AGENT: &[&str] = &[
    "kind",
    "command",
    "model",
    "permissions",
    "allow",
    "repo_settings",
    "env",
    "pass_env",
];
/// Of `[worktree]`.
pub(super) const WORKTREE: &[&str] = &["copy", "setup", "pool", "max_disk", "sparse"];
/// Of `[gates]`.
pub(super) const GATES: &[&str] = &["commands", "timeout"];
/// Of `[limits]`.
pub(super) const LIMITS: &[&str] = &[
    "budget_usd",
    "turn_timeout",
    "stall",
    "attempts",
    "bounces",
    "keep_logs",
];
/// Of `[files]`.
pub(super) const FILES: &[&str] = &["dir", "settle"];

/// Every section's own keys, to tell where a misplaced one belongs.
pub(super) const SECTIONS: &[(&str, &[&str])] = &[
    ("[agents]", &["max", "default"]),
    ("[agents.NAME]", AGENT),
    ("[worktree]", WORKTREE),
    ("[gates]", GATES),
    ("[limits]", LIMITS),
    ("[files]", FILES),
];

/// Keys that are read and checked, and otherwise without effect in this version.
pub(super) const NOT_ACTED_ON: &[&str] = &[
    "worktree.pool",
    "worktree.max_disk",
    "worktree.sparse",
    "limits.keep_logs",
    "files.dir",
    "files.settle",
];
