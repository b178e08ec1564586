//! Whether a container holds this process: what an agent may then break is not the user's own
//! machine. It looks at the marks that container engines leave.

use std::path::Path;

/// The variable by which whoever set the sandbox up says so; `0` says that there is none.
const SAID: &str = "IS_SANDBOX";

/// Words in the control group of a process inside a container.
const ENGINES: &[&str] = &[
    "docker",
    "containerd",
    "kubepods",
    "libpod",
    "lxc",
    "garden",
];

/// Whether a container holds this process.
#[must_use]
pub fn holds_us() -> bool {
    let said = std::env::var(SAID).ok();
    let marks = ["/.dockerenv", "/run/.containerenv"];
    let marked = marks.iter().any(|mark| Path::new(mark).exists());
    let groups = std::fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    judge(said.as_deref(), marked, &groups)
}

/// What is said goes before what is seen.
fn judge(said: Option<&str>, marked: bool, groups: &str) -> bool {
    match said {
        Some("1") => true,
        Some("0") => false,
        _ => marked || ENGINES.iter().any(|engine| groups.contains(engine)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_goes_before_what_is_seen() {
        assert!(judge(Some("1"), false, ""));
        assert!(!judge(Some("0"), true, "0::/docker/1f"));
        assert!(judge(None, true, ""));
        assert!(judge(None, false, "0::/kubepods/besteffort/pod1"));
        assert!(judge(Some(""), false, "1:name=systemd:/docker/1f\n"));
        assert!(!judge(None, false, "0::/init.scope\n"));
    }
}
