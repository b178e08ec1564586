//! `cw.toml`: its text to settings, with the line of whatever is wrong. It decides what a key may
//! hold and refuses to know where the text comes from or whether it is trusted.

mod document;
mod keys;
mod nearest;

use cw_core::domain::config::{AgentConfig, Config, KNOWN_KINDS};
use cw_core::ports::settings::SettingsError;

use self::document::{Item, Section, Text};
use self::keys::{AGENT, LIMITS, ROOT};
use self::nearest::nearest;
use crate::checksum::checksum;

/// The largest text, in bytes.
pub const MOST: usize = 256 * 1024;

/// The commented file that `cw init` writes where there is none.
pub const TEMPLATE: &str = include_str!("template.toml");

/// The line of [`TEMPLATE`] that names the base.
const BASE: &str = "base = \"main\"";

const PERMISSIONS: &[&str] = &["ask", "accept-edits", "bypass"];

/// The commented file with this base branch.
#[must_use]
pub fn template(base: &str) -> String {
    let named = format!("base = {}", toml::Value::from(base));
    TEMPLATE.replacen(BASE, &named, 1)
}

/// A short name for exactly this text, to show and to compare; no proof against forgery.
#[must_use]
pub fn digest(text: &str) -> String {
    checksum(text.as_bytes())
}

/// Reads settings, and warns of keys that are not acted on yet.
///
/// # Errors
/// When the text is no TOML, or holds an unknown key or an impossible value.
pub fn parse(text: &str) -> Result<(Config, Vec<String>), SettingsError> {
    if text.len() > MOST {
        return Err(SettingsError {
            what: "cw.toml is too large".into(),
            cause: Some(format!(
                "it has {} bytes, at most {MOST} are read",
                text.len()
            )),
            hint: Some("longer commands go into scripts that it names".into()),
        });
    }
    let text = Text(text);
    let table = text.table()?;
    let root = Section::root(text, table.get_ref());
    let mut warnings = Vec::new();
    root.check(ROOT, &mut warnings)?;
    let mut config = Config::default();
    if let Some(base) = root.get("base") {
        config.base = Some(branch(&base)?);
    }
    agents(&root, &mut config, &mut warnings)?;
    if let Some(section) = root.section("worktree", keys::WORKTREE, &mut warnings)? {
        worktree(&section, &mut config)?;
    }
    if let Some(section) = root.section("gates", keys::GATES, &mut warnings)? {
        section.set("commands", &mut config.gates, Item::texts)?;
        section.set("timeout", &mut config.gate_timeout, Item::some_time)?;
    }
    if let Some(section) = root.section("limits", LIMITS, &mut warnings)? {
        limits(&section, &mut config)?;
    }
    if let Some(section) = root.section("files", keys::FILES, &mut warnings)? {
        section.set("dir", &mut config.files_dir, folder)?;
        if let Some(item) = section.get("settle") {
            item.time()?;
        }
    }
    Ok((config, warnings))
}

fn worktree(section: &Section<'_>, config: &mut Config) -> Result<(), SettingsError> {
    section.set("copy", &mut config.copy, Item::texts)?;
    section.set("setup", &mut config.setup, Item::texts)?;
    section.set("pool", &mut config.pool, |item| item.number(0, 1_000))?;
    if let Some(item) = section.get("sparse") {
        item.texts()?;
    }
    if let Some(item) = section.get("max_disk") {
        item.text()?;
    }
    Ok(())
}

fn limits(section: &Section<'_>, config: &mut Config) -> Result<(), SettingsError> {
    section.set("budget_usd", &mut config.budget, |item| {
        item.dollars().map(Some)
    })?;
    section.set("turn_timeout", &mut config.turn_timeout, |item| {
        item.some_time()
    })?;
    section.set("stall", &mut config.stall, Item::some_time)?;
    section.set("attempts", &mut config.attempts, |item| {
        item.number(1, 1_000)
    })?;
    section.set("bounces", &mut config.bounces, |item| item.number(0, 1_000))?;
    section.set("keep_logs", &mut config.keep_logs, Item::time)
}

fn agents(
    root: &Section<'_>,
    config: &mut Config,
    warnings: &mut Vec<String>,
) -> Result<(), SettingsError> {
    let Some(item) = root.get("agents") else {
        return Ok(());
    };
    let section = item.section()?;
    section.set("max", &mut config.max_agents, |item| item.number(1, 1_000))?;
    for (name, item) in section.items() {
        if matches!(name, "max" | "default") {
            continue;
        }
        if !item.is_table() {
            return Err(section.unknown(name, &["max", "default"]));
        }
        let read = agent(name, &item, warnings)?;
        config.agents.insert(name.to_owned(), read);
    }
    match section.get("default") {
        Some(item) => {
            config.default_agent = default_agent(&item, config)?;
            Ok(())
        }
        None => Ok(()),
    }
}

fn default_agent(item: &Item<'_>, config: &Config) -> Result<String, SettingsError> {
    let name = item.text()?;
    match config.agent(name) {
        Some(agent) if agent.lacks_command() => Err(item.wrong(format!(
            "the kind `{}` has no program of its own: write [agents.{name}] with a `command`",
            agent.kind
        ))),
        Some(_) => Ok(name.to_owned()),
        None => {
            let known = config.agents.keys().map(String::as_str);
            Err(item.no_choice(
                "there is no such agent",
                known.chain(KNOWN_KINDS.iter().copied()),
            ))
        }
    }
}

fn agent(
    name: &str,
    item: &Item<'_>,
    warnings: &mut Vec<String>,
) -> Result<AgentConfig, SettingsError> {
    if !is_agent_name(name) {
        return Err(
            item.wrong("an agent's name has letters, digits, `-`, `_` and `.`, 64 at most".into())
        );
    }
    let section = item.section()?;
    section.check(AGENT, warnings)?;
    let mut agent = AgentConfig {
        kind: kind(name, item, &section)?,
        ..AgentConfig::default()
    };
    section.set("command", &mut agent.command, command)?;
    if agent.lacks_command() {
        let help = format!("write `command = [\"./agent.sh\"]` under [agents.{name}]");
        return Err(SettingsError {
            hint: Some(help),
            ..item.wrong(format!(
                "the kind `{}` has no program of its own: write a `command`",
                agent.kind
            ))
        });
    }
    section.set("model", &mut agent.model, |item| {
        item.text().map(|m| Some(m.to_owned()))
    })?;
    if let Some(item) = section.get("permissions") {
        let word = item.one_of("there are no such permissions", PERMISSIONS)?;
        agent.permissions = Some(word);
    }
    section.set("allow", &mut agent.allow, Item::texts)?;
    section.set("repo_settings", &mut agent.repo_settings, Item::flag)?;
    section.set("env", &mut agent.env, Item::variables)?;
    section.set("pass_env", &mut agent.pass_env, |item| {
        item.variable_names()
    })?;
    Ok(agent)
}

fn kind(name: &str, item: &Item<'_>, section: &Section<'_>) -> Result<String, SettingsError> {
    match section.get("kind") {
        Some(kind) => kind.one_of("there is no such kind", KNOWN_KINDS),
        None if KNOWN_KINDS.contains(&name) => Ok(name.to_owned()),
        None => {
            let near = nearest(name, KNOWN_KINDS.iter().copied()).unwrap_or("claude");
            let help = format!("write a kind under [agents.{name}], such as `kind = \"{near}\"`");
            Err(SettingsError {
                hint: Some(help),
                ..item.wrong(format!(
                    "`kind` is missing, and `{name}` is no kind itself: one of {}",
                    KNOWN_KINDS.join(", ")
                ))
            })
        }
    }
}

fn is_agent_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A text is one program; a list is a program and its arguments.
fn command(item: &Item<'_>) -> Result<Vec<String>, SettingsError> {
    if item.is_list() {
        let words = item.words()?;
        match words.first() {
            Some(program) if !program.is_empty() => Ok(words),
            _ => Err(item.wrong("a command names a program first".into())),
        }
    } else {
        item.text().map(|program| vec![program.to_owned()])
    }
}

fn branch(item: &Item<'_>) -> Result<String, SettingsError> {
    let name = item.text()?;
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    if name.starts_with('-') || name.contains("..") || name.contains(is_odd) {
        return Err(item.wrong("this cannot be the name of a branch".into()));
    }
    Ok(name.to_owned())
}

/// A folder inside the repository.
fn folder(item: &Item<'_>) -> Result<String, SettingsError> {
    use std::path::{Component, Path};
    let path = item.text()?;
    let mut parts = Path::new(path).components().peekable();
    let first = parts.peek().copied();
    let inside = parts.all(|part| matches!(part, Component::Normal(_)));
    if !inside || first == Some(Component::Normal(".git".as_ref())) {
        return Err(item.wrong(
            "it is a folder below the repository's root, without `..`, and not git's own".into(),
        ));
    }
    Ok(path.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
