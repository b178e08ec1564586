//! How each kind of agent program is started against a scripted model: its words, its settings and its environment.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Home, claude_or_skip, or_skip};

/// A program that is ready to be started by its kind's driver.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The kind of its driver.
    pub kind: &'static str,
    /// Program and leading arguments.
    pub program: Vec<String>,
    /// What its environment needs.
    pub env: Vec<(String, String)>,
}

/// Makes a pinned program ready in a home under `root`; `None` where it is not installed. The names are those of the list:
/// `claude`, `codex`, `gemini`, `opencode`, `claude-acp` and `codex-acp`.
pub fn ready_or_skip(name: &str, root: &Path, base_url: &str) -> io::Result<Option<Ready>> {
    let Some(path) = or_skip(name) else {
        return Ok(None);
    };
    let home = Home::create(root)?;
    let native = vec![text(&path)];
    let node = vec!["node".to_owned(), text(&path)];
    let ready = match name {
        "claude" => Some(("claude", native, home.claude_env(base_url))),
        "codex" => Some(("codex", native, codex(root, base_url)?)),
        "gemini" => Some(("gemini", node, gemini(root, base_url)?)),
        "opencode" => Some(("opencode", native, opencode(root, base_url)?)),
        "claude-acp" => claude_or_skip().map(|claude| {
            let mut env = home.claude_env(base_url);
            // How often it tries again is its driver's to say.
            env.retain(|(name, _)| name != "CLAUDE_CODE_MAX_RETRIES");
            env.push(("CLAUDE_CODE_EXECUTABLE".to_owned(), text(&claude)));
            ("acp", node, env)
        }),
        "codex-acp" => match or_skip("codex") {
            Some(codex_path) => {
                let mut env = codex(root, base_url)?;
                env.push(("CODEX_PATH".to_owned(), text(&codex_path)));
                Some(("acp", node, env))
            }
            None => None,
        },
        _ => None,
    };
    Ok(ready.map(|(kind, program, env)| Ready { kind, program, env }))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn settings(path: PathBuf, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

fn env(root: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let home = [("HOME", text(root))];
    let home = home.map(|(name, value)| (name.to_owned(), value));
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    home.into_iter().chain(more).collect()
}

fn codex(root: &Path, base_url: &str) -> io::Result<Vec<(String, String)>> {
    let folder = root.join("codex");
    let config = format!(
        "model = \"scripted\"\nmodel_provider = \"scripted\"\n[model_providers.scripted]\nname = \"scripted\"\n\
         base_url = \"{base_url}/v1\"\nenv_key = \"SCRIPTED_KEY\"\nwire_api = \"responses\"\nrequest_max_retries = 0\n\
         stream_max_retries = 0\n"
    );
    settings(folder.join("config.toml"), &config)?;
    Ok(env(
        root,
        &[("CODEX_HOME", &text(&folder)), ("SCRIPTED_KEY", "test")],
    ))
}

fn gemini(root: &Path, base_url: &str) -> io::Result<Vec<(String, String)>> {
    let config = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"disableAutoUpdate": true, "disableUpdateNag": true},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
    });
    settings(root.join(".gemini/settings.json"), &config.to_string())?;
    Ok(env(
        root,
        &[
            ("GEMINI_API_KEY", "test"),
            ("GOOGLE_GEMINI_BASE_URL", base_url),
        ],
    ))
}

fn opencode(root: &Path, base_url: &str) -> io::Result<Vec<(String, String)>> {
    let config = json!({
        "model": "scripted/scripted", "small_model": "scripted/scripted", "autoupdate": false, "share": "disabled",
        "provider": {"scripted": {
            "npm": "@ai-sdk/openai-compatible", "name": "scripted",
            "options": {"baseURL": format!("{base_url}/v1"), "apiKey": "test"},
            "models": {"scripted": {"name": "scripted"}},
        }},
    });
    settings(
        root.join(".config/opencode/opencode.json"),
        &config.to_string(),
    )?;
    let folder = |name: &str| text(&root.join(name));
    Ok(env(
        root,
        &[
            ("XDG_CONFIG_HOME", &folder(".config")),
            ("XDG_DATA_HOME", &folder(".data")),
            ("XDG_CACHE_HOME", &folder(".cache")),
            ("XDG_STATE_HOME", &folder(".state")),
            ("OPENCODE_DISABLE_MODELS_FETCH", "true"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "true"),
        ],
    ))
}
