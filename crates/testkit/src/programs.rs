//! The real agent programs that tests drive: where they are installed and how they are started cut off from the
//! developer's own account. It installs nothing; `cargo xtask test` does, from the same list (`programs.txt`).

mod kinds;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use kinds::{Ready, ready_or_skip};

/// The pinned programs, one line per platform.
const PINNED: &str = include_str!("../programs.txt");

/// The path of the pinned Claude Code, where it is installed for this platform.
pub fn claude() -> Option<PathBuf> {
    installed("claude")
}

/// The same, for a test; see [`or_skip`].
pub fn claude_or_skip() -> Option<PathBuf> {
    or_skip("claude")
}

/// The path of a pinned program, for a test: without the program the test is skipped with a message, or fails where
/// `CW_REQUIRE_PROGRAMS=1` says that every program has to be there.
pub fn or_skip(name: &str) -> Option<PathBuf> {
    let found = installed(name);
    if found.is_none() {
        let what =
            format!("{name} is not installed for the tests; `cargo xtask install` installs it");
        assert!(
            env::var_os("CW_REQUIRE_PROGRAMS").is_none_or(|v| v != "1"),
            "{what}"
        );
        eprintln!("skipped: {what}");
    }
    found
}

/// A home for one run of an agent program: its settings, its temporary files and nothing of the person who runs the tests.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// Makes the folders of a home under `root`.
    pub fn create(root: &Path) -> io::Result<Self> {
        for folder in ["config", "tmp"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The environment with which Claude Code talks to a scripted model at `base_url` and to nobody else.
    pub fn claude_env(&self, base_url: &str) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut env: Vec<(String, String)> = [
            ("ANTHROPIC_API_KEY", "test"),
            ("ANTHROPIC_BASE_URL", base_url),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
            ("CLAUDE_CODE_MAX_RETRIES", "0"),
            ("DISABLE_AUTOUPDATER", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        env.push(("PATH".to_owned(), env::var("PATH").unwrap_or_default()));
        env.push(("HOME".to_owned(), text(self.root.clone())));
        env.push((
            "CLAUDE_CONFIG_DIR".to_owned(),
            text(self.root.join("config")),
        ));
        env.push(("TMPDIR".to_owned(), text(self.root.join("tmp"))));
        env
    }

    /// A command for `program` in `folder`, with that environment alone.
    pub fn claude_command(&self, program: &Path, folder: &Path, base_url: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.claude_env(base_url))
            .current_dir(folder);
        command
    }
}

/// The folder under which test programs are cached: outside the tree, shared by all checkouts.
fn cache_folder() -> Option<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME")?).join(".cache"),
    };
    Some(base.join("codewalk-tests"))
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = cache_folder()?.join(place(name, env::consts::OS, env::consts::ARCH)?);
    path.is_file().then_some(path)
}

/// Where a pinned program stands, relative to the cache folder.
fn place(name: &str, os: &str, arch: &str) -> Option<PathBuf> {
    PINNED.lines().find_map(
        |line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [n, version, o, a, package, file]
                if n == name && [os, "*"].contains(&o) && [arch, "*"].contains(&a) =>
            {
                Some(
                    Path::new(&format!("{name}-{version}"))
                        .join("node_modules")
                        .join(folder_of(package))
                        .join(file),
                )
            }
            _ => None,
        },
    )
}

/// The folder of a package: its name without the version that may follow.
fn folder_of(package: &str) -> &str {
    match package.rfind('@') {
        Some(at) if at > 0 => &package[..at],
        _ => package,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_may_name_its_version_and_a_line_every_platform() {
        let codex = place("codex", "linux", "x86_64").unwrap();
        let expected =
            "codex-0.169.0/node_modules/@openai/codex/vendor/x86_64-unknown-linux-musl/bin/codex";
        assert_eq!(codex, Path::new(expected));
        let gemini = place("gemini", "macos", "aarch64").unwrap();
        assert!(gemini.ends_with("@google/gemini-cli/bundle/gemini.js"));
    }

    #[test]
    fn a_pinned_program_stands_in_a_folder_of_its_name_and_version() {
        let path = place("claude", "linux", "x86_64").unwrap();
        let expected = "claude-2.1.330/node_modules/@anthropic-ai/claude-code-linux-x64/claude";
        assert_eq!(path, Path::new(expected));
    }

    #[test]
    fn a_platform_without_a_pin_has_no_program() {
        assert_eq!(place("claude", "plan9", "x86_64"), None);
    }

    #[test]
    fn the_environment_of_a_home_holds_no_other_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(folder.path()).unwrap();
        let command = home.claude_command(Path::new("claude"), folder.path(), "http://127.0.0.1:1");
        let names: Vec<_> = command
            .get_envs()
            .map(|(name, _)| name.to_string_lossy())
            .collect();
        assert_eq!(names.len(), 10, "{names:?}");
        assert!(names.iter().any(|name| name == "ANTHROPIC_BASE_URL"));
    }
}
