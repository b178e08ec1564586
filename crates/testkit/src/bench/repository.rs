//! Repositories to work on: the same files and history every time, of the sizes that people have.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Tried;

/// A size of repository.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// As ripgrep.
    Small,
    /// As cargo.
    Medium,
    /// As a large company's.
    Large,
}

/// Commits before the last.
const HISTORY: usize = 20;
/// Files in one folder.
const FOLDER: usize = 20;

impl Size {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// How many files it has.
    #[must_use]
    pub fn files(self) -> usize {
        match self {
            Self::Small => 230,
            Self::Medium => 3_000,
            Self::Large => 57_000,
        }
    }

    /// The path of one of its files.
    #[must_use]
    pub fn path(self, file: usize) -> String {
        format!(
            "src/part{:03}/group{:02}/file{:02}.txt",
            file / FOLDER / 16,
            file / FOLDER % 16,
            file % FOLDER
        )
    }
}

/// Makes a repository with `main` checked out.
///
/// # Errors
/// When git says no.
pub fn create(dir: &Path, size: Size) -> Tried<()> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    git(dir, &["init", "-q", "-b", "main"])?;
    for (key, value) in [
        ("user.name", "Dev"),
        ("user.email", "dev@example.org"),
        // Neither side is to meet the other's housekeeping in the background.
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
    ] {
        git(dir, &["config", key, value])?;
    }
    let mut import = Command::new("git");
    import
        .args(["fast-import", "--quiet"])
        .current_dir(dir)
        .stdin(Stdio::piped());
    let mut child = import.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(&stream(size))
            .map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("git fast-import: {status}"));
    }
    git(dir, &["reset", "-q", "--hard", "main"]).map(drop)
}

/// The whole history for `git fast-import`.
fn stream(size: Size) -> Vec<u8> {
    let mut out = Vec::new();
    let mut dice = Dice(size.files() as u64);
    for commit in 0..=HISTORY {
        let message = format!("Commit {commit}\n");
        let at = 1_700_000_000 + commit * 3600;
        let head = format!(
            "commit refs/heads/main\ncommitter Dev <dev@example.org> {at} +0000\ndata {}\n",
            message.len()
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(message.as_bytes());
        for file in 0..size.files() {
            // The first commit brings every file, each later one changes every seventeenth.
            if commit == 0 || (file + commit) % 17 == 0 {
                let text = text(&mut dice, file);
                out.extend_from_slice(
                    format!("M 100644 inline {}\ndata {}\n", size.path(file), text.len())
                        .as_bytes(),
                );
                out.extend_from_slice(text.as_bytes());
                out.push(b'\n');
            }
        }
    }
    out
}

/// Lines of words: some 5 KB, at times much more, as source code is.
fn text(dice: &mut Dice, file: usize) -> String {
    let lines = match dice.below(20) {
        0 => 600 + dice.below(600),
        1..=6 => 10 + dice.below(30),
        _ => 40 + dice.below(160),
    };
    let mut text = format!("file {file}\n");
    for line in 0..lines {
        text.push_str(&format!(
            "{line:4}  let value_{:x} = call_{}({:x});\n",
            dice.below(0xffff),
            dice.below(40),
            dice.below(0xff_ffff)
        ));
    }
    text
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A git command with a plain environment.
#[must_use]
pub fn git_command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(words).current_dir(dir).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null());
    command
}

/// Runs git; what it printed, without the last line end.
///
/// # Errors
/// When it says no.
pub fn git(dir: &Path, words: &[&str]) -> Tried<String> {
    let output = git_command(dir, words)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "git {words:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_the_same_every_time() {
        assert_eq!(stream(Size::Small), stream(Size::Small));
        let dir = tempfile::tempdir().unwrap();
        create(dir.path(), Size::Small).unwrap();
        assert_eq!(git(dir.path(), &["ls-files"]).unwrap().lines().count(), 230);
        assert_eq!(
            git(dir.path(), &["rev-list", "--count", "main"]).unwrap(),
            "21"
        );
        assert_eq!(git(dir.path(), &["status", "--porcelain"]).unwrap(), "");
    }
}
