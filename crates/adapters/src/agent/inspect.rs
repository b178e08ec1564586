//! The real side of the port `Inspect`: asks a program for its version, within a time and with
//! nothing left behind, and adds up what the processes of a run take.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cw_core::ports::agents::{RunId, RunState};
use cw_core::ports::commands::{CommandOrder, Commands};
use cw_core::ports::inspect::{Inspect, Program, TreeUse, Version};

use super::environ::MARKER;
use super::{Shell, ShimAgents, driver, procs, state_of, tested};

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(15);

/// What keeps programs from looking for newer ones, and from starting themselves again.
const QUIET: &[(&str, &str)] = &[
    ("DISABLE_AUTOUPDATER", "1"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "true"),
    ("GEMINI_CLI_NO_RELAUNCH", "true"),
];

impl Inspect for ShimAgents {
    fn version(&self, program: &Program) -> Option<Version> {
        let driver = driver::driver(&program.kind)?;
        let mut words = own_words(program)?;
        words.push("--version".into());
        let line = quoted(&words)?;
        let line = match driver.greeting() {
            Some(hello) => format!("printf '%s\\n' {} | {line}", quoted(&[hello.into()])?),
            None => line,
        };
        let folder = Folder::make(&self.setup.runs)?;
        let quiet = QUIET.iter().map(|(name, value)| (*name, *value));
        let own = program.env.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
        let order = CommandOrder {
            cwd: folder.0.clone(),
            line,
            env: quiet
                .chain(own)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            timeout: PATIENCE,
            log: None,
        };
        let said = Shell.run(&order).ok()?.output;
        let (name, number) = tested::found_in(&said)?;
        // Whatever speaks the protocol is known by the name that it gives itself.
        let name = match driver.greeting() {
            Some(_) => name.unwrap_or_default(),
            None => program.kind.clone(),
        };
        Some(Version {
            number,
            tested: tested::versions(&name),
        })
    }

    fn usage(&self, run: &RunId) -> Option<TreeUse> {
        let folder = self.folder(run);
        let RunState::Alive { .. } = state_of(&folder).ok()? else {
            return None;
        };
        let tree = procs::with_descendants(procs::marked(MARKER, folder.marker()));
        let used = tree.iter().filter_map(procs::usage);
        let sum = used.fold(TreeUse::default(), |sum, (cpu, bytes)| TreeUse {
            cpu: sum.cpu + cpu,
            bytes: sum.bytes + bytes,
            processes: sum.processes + 1,
        });
        (sum.processes > 0).then_some(sum)
    }

    fn interface(&self, program: &Program, session: &str) -> Option<Vec<OsString>> {
        // The program named its session: its name must not become a flag.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if session.is_empty() || session.starts_with('-') || !session.chars().all(plain) {
            return None;
        }
        let opening = driver::driver(&program.kind)?.interface(session)?;
        let mut words = own_words(program)?;
        words.extend(opening.into_iter().map(OsString::from));
        Some(words)
    }
}

/// The program's words; `None` where a kind has no program of its own.
fn own_words(program: &Program) -> Option<Vec<OsString>> {
    if !program.words.is_empty() {
        return Some(program.words.clone());
    }
    let own = !matches!(program.kind.as_str(), "script" | "acp");
    own.then(|| vec![program.kind.clone().into()])
}

/// Words for a shell; `None` where they are no text.
fn quoted(words: &[OsString]) -> Option<String> {
    let words: Option<Vec<String>> = words
        .iter()
        .map(|word| Some(format!("'{}'", word.to_str()?.replace('\'', "'\\''"))))
        .collect();
    words.map(|words| words.join(" "))
}

/// A folder that is taken away again. Processes are known by it, so nobody else may have it.
struct Folder(PathBuf);

impl Folder {
    fn make(under: &Path) -> Option<Self> {
        let name = |n: u32| under.join(format!(".version-{n}"));
        let made = (0..1000)
            .map(name)
            .find(|path| std::fs::create_dir(path).is_ok());
        made.map(Self)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Setup;
    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        agents: ShimAgents,
    }

    fn bench() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let agents = ShimAgents::new(Setup {
            cw: "/bin/false".into(),
            runs: dir.path().join("runs"),
            bin: dir.path().join("bin"),
            cgroups: false,
        });
        Bench {
            agents: agents.unwrap(),
            dir,
        }
    }

    impl Bench {
        fn version(&self, kind: &str, script: &str) -> Option<Version> {
            let path = self.dir.path().join("it's a program");
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            self.agents.version(&Program {
                kind: kind.into(),
                words: vec![path.into()],
                env: vec![("WHICH".into(), "9.9".into())],
            })
        }
    }

    #[test]
    fn a_program_is_asked_and_compared() {
        let bench = bench();
        let tested = bench.version("codex", "echo codex-cli 0.169.0").unwrap();
        assert!(tested.is_tested());
        let other = bench
            .version("codex", "echo \"codex-cli $WHICH $1\"")
            .unwrap();
        assert_eq!((other.number.as_str(), other.is_tested()), ("9.9", false));
        assert_eq!(bench.version("codex", "echo none"), None);
        let hello = r#"read line; case "$line" in *initialize*) echo '{"id":1,"result":{"agentInfo":{"name":"x","version":"1.0.0"}}}';; esac"#;
        let acp = bench.version("acp", hello).unwrap();
        assert_eq!((acp.number.as_str(), acp.tested.len()), ("1.0.0", 0));
        let left = std::fs::read_dir(bench.dir.path().join("runs")).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn programs_without_a_version_or_an_interface_have_none() {
        let bench = bench();
        let of = |kind: &str| Program {
            kind: kind.into(),
            ..Program::default()
        };
        assert_eq!(bench.agents.version(&of("script")), None);
        assert_eq!(bench.agents.version(&of("telepathy")), None);
        for kind in ["script", "acp"] {
            assert_eq!(bench.agents.interface(&of(kind), "s"), None);
        }
        assert_eq!(bench.agents.interface(&of("claude"), "--yolo"), None);
        assert_eq!(bench.agents.interface(&of("claude"), "a b"), None);
        let words = |kind: &str| bench.agents.interface(&of(kind), "s1").unwrap();
        assert_eq!(words("claude"), ["claude", "--resume", "s1"]);
        assert_eq!(words("codex"), ["codex", "resume", "s1"]);
        assert_eq!(words("gemini"), ["gemini", "--resume", "s1"]);
        assert_eq!(words("opencode"), ["opencode", "--session", "s1"]);
    }
}
