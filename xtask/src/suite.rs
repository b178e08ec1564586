//! Runs the tests, with cargo-nextest where it is installed and `cargo test` where not, and counts what they did.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{self, Failure, Outcome};

/// How long a shim may take to end after its tests.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// How many tests there were.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Success when tests ran and none failed.
    pub(crate) fn verdict(self) -> Outcome {
        match self {
            Self { failed: 1.., .. } => Err(Failure::new(format!("{} failed", self.failed))),
            Self { passed: 0, .. } => Err(Failure::new("no test ran")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The unit tests alone.
pub(crate) fn unit() -> Result<Counts, Failure> {
    let counts = tests(&["--lib", "--bins"], &[], false, None)?;
    counts.verdict().map(|()| counts)
}

/// Every test of the workspace; a test that needs a program fails without it. `--rounds N` has the
/// tests that do the same over and over do it so often.
pub(crate) fn all(rest: &[String]) -> Result<Counts, Failure> {
    let (rounds, rest) = take_rounds(rest)?;
    tests(&["--lib", "--bins", "--tests"], &rest, true, rounds)
}

/// Takes `--rounds N` out of the words.
fn take_rounds(words: &[String]) -> Result<(Option<u32>, Vec<String>), Failure> {
    let mut rest = words.to_vec();
    let Some(at) = rest.iter().position(|word| word == "--rounds") else {
        return Ok((None, rest));
    };
    rest.remove(at);
    let number = (at < rest.len()).then(|| rest.remove(at));
    match number.and_then(|text| text.parse().ok()) {
        Some(rounds @ 1..) => Ok((Some(rounds), rest)),
        _ => Err(Failure::new("--rounds takes a number from 1 on")),
    }
}

fn tests(
    targets: &[&str],
    rest: &[String],
    require_programs: bool,
    rounds: Option<u32>,
) -> Result<Counts, Failure> {
    let nextest = run::output(run::cargo_command().args(["nextest", "--version"])).is_ok();
    let mut command = run::cargo_command();
    if nextest {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--status-level=slow",
            "--color=never",
        ]);
    } else {
        command.args(["test", "--workspace", "--no-fail-fast", "--color=never"]);
    }
    command.args(targets).args(rest);
    if let Some(rounds) = rounds {
        command.env("CW_TEST_ROUNDS", rounds.to_string());
        if nextest {
            command.arg("--profile=rounds");
        }
    }
    if require_programs {
        command.env("CW_REQUIRE_PROGRAMS", "1");
    }
    let (counts, success) = if nextest {
        with_nextest(&mut command)
    } else {
        with_cargo(&mut command)
    }?;
    if !success && counts.failed == 0 {
        return Err(Failure::new("the tests could not be run to their end"));
    }
    match left_over().as_slice() {
        [] => Ok(counts),
        left => Err(Failure::new(format!(
            "processes are left over from tests: {}",
            left.join("; ")
        ))),
    }
}

/// Orphans that stay: a shim gives its lock back, which is waited for, a moment before it ends.
fn left_over() -> Vec<String> {
    let end = Instant::now() + LAST_BREATH;
    loop {
        let found = orphans();
        if found.is_empty() || Instant::now() >= end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Shims of this user whose run folder is gone: whoever started them has ended without them. Where
/// there is no `/proc`, none are seen.
fn orphans() -> Vec<String> {
    let own = owner(Path::new("/proc/self"));
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let shim = |entry: std::fs::DirEntry| {
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).into_owned();
        let mut words = words.split('\0').skip(1);
        let (word, folder) = (words.next()?, words.next()?);
        let gone = word == "shim" && !Path::new(folder).exists();
        (gone && owner(&entry.path()) == own)
            .then(|| format!("{} shim {folder}", entry.file_name().to_string_lossy()))
    };
    entries.filter_map(shim).collect()
}

/// The user that a process belongs to.
fn owner(process: &Path) -> Option<u32> {
    Some(std::fs::metadata(process).ok()?.uid())
}

fn with_nextest(command: &mut Command) -> Result<(Counts, bool), Failure> {
    let shown = run::shown(command);
    eprintln!("» {shown}");
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::of(&shown, error))?;
    let mut counts = Counts::default();
    let stderr = child.stderr.take().expect("stderr is piped");
    for line in BufReader::new(stderr).lines() {
        let line = line.map_err(|error| Failure::of(&shown, error))?;
        eprintln!("{line}");
        if let Some(told) = nextest_summary(&line) {
            counts = told;
        }
    }
    let status = child.wait().map_err(|error| Failure::of(&shown, error))?;
    Ok((counts, status.success()))
}

fn with_cargo(command: &mut Command) -> Result<(Counts, bool), Failure> {
    let shown = run::shown(command);
    eprintln!("» {shown}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::of(&shown, error))?;
    let mut counts = Counts::default();
    let stdout = child.stdout.take().expect("stdout is piped");
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|error| Failure::of(&shown, error))?;
        println!("{line}");
        if let Some(told) = cargo_summary(&line) {
            counts.passed += told.passed;
            counts.failed += told.failed;
            counts.skipped += told.skipped;
        }
    }
    let status = child.wait().map_err(|error| Failure::of(&shown, error))?;
    Ok((counts, status.success()))
}

/// Reads `Summary [   0.3s] 9/10 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 3 skipped`.
fn nextest_summary(line: &str) -> Option<Counts> {
    let (_, told) = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once("run: ")?;
    let failed = count(told, "failed") + count(told, "timed out") + count(told, "exec failed");
    Some(Counts {
        passed: count(told, "passed"),
        failed,
        skipped: count(told, "skipped"),
    })
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s`.
fn cargo_summary(line: &str) -> Option<Counts> {
    let (_, told) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(Counts {
        passed: count(told, "passed"),
        failed: count(told, "failed"),
        skipped: count(told, "ignored"),
    })
}

/// The number that stands before `what` in a list of counts.
fn count(told: &str, what: &str) -> u64 {
    let parts = told.split([',', ';']).map(str::trim);
    let number = parts
        .filter_map(|part| part.split_once(' '))
        .find(|(_, rest)| {
            rest.strip_prefix(what)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        });
    number
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nextest_summary_is_read_with_all_kinds_of_failure() {
        let line = "     Summary [   0.3s] 9/10 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(
            nextest_summary(line),
            Some(Counts {
                passed: 6,
                failed: 3,
                skipped: 3
            })
        );
        assert_eq!(nextest_summary("        PASS [   0.3s] cw a_test"), None);
    }

    #[test]
    fn a_line_of_cargo_test_is_read() {
        let line = "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s";
        assert_eq!(
            cargo_summary(line),
            Some(Counts {
                passed: 3,
                failed: 2,
                skipped: 1
            })
        );
    }

    #[test]
    fn the_number_of_rounds_is_taken_out_of_the_words() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let taken = take_rounds(&words("-p cw --rounds 500 kills"));
        assert_eq!(taken, Ok((Some(500), words("-p cw kills"))));
        assert_eq!(take_rounds(&words("kills")), Ok((None, words("kills"))));
        for bad in ["--rounds", "--rounds 0", "--rounds many"] {
            assert!(take_rounds(&words(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_run_without_a_test_is_no_success() {
        assert!(Counts::default().verdict().is_err());
        assert!(
            Counts {
                passed: 1,
                ..Counts::default()
            }
            .verdict()
            .is_ok()
        );
        assert!(
            Counts {
                passed: 1,
                failed: 1,
                skipped: 0
            }
            .verdict()
            .is_err()
        );
    }
}
