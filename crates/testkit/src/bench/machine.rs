//! What the figures were measured on.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The machine, as far as it matters.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Machine {
    /// The processor.
    pub cpu: String,
    /// Its cores, as far as this program may use them.
    pub cores: usize,
    /// Memory.
    pub memory: String,
    /// The system's kernel.
    pub kernel: String,
    /// The file system that the work was done on.
    pub file_system: String,
    /// git.
    pub git: String,
    /// The database.
    pub sqlite: String,
}

/// Looks at the machine; `dir` is where the work is done.
#[must_use]
pub fn describe(dir: &Path, sqlite: &str) -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let line = |text: &str, key: &str| {
        let found = text.lines().find(|line| line.starts_with(key));
        let value = found.and_then(|line| line.split_once(':'));
        value.map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
    };
    Machine {
        cpu: line(&read("/proc/cpuinfo"), "model name"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory: line(&read("/proc/meminfo"), "MemTotal"),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        file_system: file_system(&read("/proc/mounts"), dir),
        git: said("git", &["--version"]),
        sqlite: sqlite.to_owned(),
    }
}

/// The date, and the runnable processes over the last minute.
#[must_use]
pub fn moment() -> (String, String) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load
        .split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned();
    (said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), load)
}

/// The type and the options of what `dir` is mounted on.
fn file_system(mounts: &str, dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let fields = mounts
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let above = fields.filter(|fields| fields.len() > 3 && dir.starts_with(fields[1]));
    let nearest = above.max_by_key(|fields| fields[1].len());
    nearest.map_or_else(
        || "unknown".to_owned(),
        |fields| format!("{} ({})", fields[2], fields[3]),
    )
}

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "/dev/a / ext4 rw,discard 0 0\ntmpfs /usr tmpfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/usr")), "tmpfs (rw)");
        assert_eq!(
            file_system(mounts, Path::new("/nowhere")),
            "ext4 (rw,discard)"
        );
    }
}
