//! Starts programs for the chores: the one place that does. Every program runs at the repository's root.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a chore stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure(String);

/// What a chore ends with.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The failure of an operation on a file or a program, named by what was tried.
    pub(crate) fn of(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask
        .parent()
        .expect("xtask stands in a folder of the repository")
        .to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf, Failure> {
    let metadata = output(cargo_command().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|error| Failure::of("cargo metadata", error))?;
    let folder = metadata["target_directory"].as_str().map(PathBuf::from);
    folder.ok_or_else(|| Failure::new("cargo names no target folder"))
}

/// A command at the repository's root.
#[expect(
    clippy::disallowed_methods,
    reason = "the chores' one door to other programs"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs this chore.
pub(crate) fn cargo_command() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs cargo with `arguments` and then `rest`, its output going where this chore's goes.
pub(crate) fn cargo(arguments: &[&str], rest: &[String]) -> Outcome {
    status(cargo_command().args(arguments).args(rest))
}

/// Runs a command; anything but success is a failure that names it.
pub(crate) fn status(command: &mut Command) -> Outcome {
    let shown = shown(command);
    eprintln!("» {shown}");
    let status = command
        .status()
        .map_err(|error| Failure::of(&shown, error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::of(shown, status))
    }
}

/// What a command prints; anything but success is a failure with its stderr.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let shown = shown(command);
    let output = command
        .output()
        .map_err(|error| Failure::of(&shown, error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!(
            "{shown}: {}\n{}",
            output.status,
            stderr.trim_end()
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as it is told to a person: the program's own name and its arguments.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let words = std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy);
    words.collect::<Vec<_>>().join(" ")
}
