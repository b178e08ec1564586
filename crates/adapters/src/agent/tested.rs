//! The versions of agent programs that `cw` is tested with, and how a version is found in what a
//! program says. Starts nothing.

use serde_json::Value;

use super::driver::clip_line;

/// Programs by the name that they have, or are pinned under, and the versions that were tested.
const TESTED: &[(&str, &[&str])] = &[
    ("claude", &["2.1.330"]),
    ("codex", &["0.169.0"]),
    ("gemini", &["0.61.0"]),
    ("opencode", &["1.18.33"]),
    ("@agentclientprotocol/claude-agent-acp", &["0.49.0"]),
    ("@agentclientprotocol/codex-acp", &["2.6.0"]),
];

/// A longest number or name, in bytes.
const CAP: usize = 80;

/// The tested versions of a program.
pub(super) fn versions(name: &str) -> Vec<String> {
    let known = TESTED.iter().find(|(known, _)| *known == name);
    let known = known.map_or(&[][..], |(_, versions)| versions);
    known.iter().map(|version| (*version).to_owned()).collect()
}

/// The version in a program's words, with the name that it gives itself.
pub(super) fn found_in(said: &str) -> Option<(Option<String>, String)> {
    said.lines().find_map(introduced).or_else(|| {
        said.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let number = words.find_map(number)?;
            let name = line.split_whitespace().next();
            let name = name.filter(|name| self::number(name).is_none());
            Some((name.map(|name| clip_line(name, CAP)), number))
        })
    })
}

/// A program of the Agent Client Protocol says who it is in its answer to the greeting.
fn introduced(line: &str) -> Option<(Option<String>, String)> {
    let answer: Value = serde_json::from_str(line).ok()?;
    let info = &answer["result"]["agentInfo"];
    let name = info["name"].as_str().map(|name| clip_line(name, CAP));
    Some((name, clip_line(info["version"].as_str()?, CAP)))
}

/// A word that is a version: it begins with two numbers at least, perhaps behind a `v`.
fn number(word: &str) -> Option<String> {
    let word = word.trim_start_matches('(');
    let word = word.strip_prefix('v').unwrap_or(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    let end = word.find(|c| !plain(c)).unwrap_or(word.len());
    let bare = &word[..end];
    let mut parts = bare.split('.');
    let numbers = parts
        .by_ref()
        .take(2)
        .filter(|part| part.parse::<u32>().is_ok());
    (numbers.count() == 2).then(|| clip_line(bare, CAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tests install.
    const PINNED: &str = include_str!("../../../testkit/programs.txt");

    #[test]
    fn the_tested_versions_are_those_that_the_tests_install() {
        let pinned = PINNED.lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for line in pinned {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, version, _, _, package, _] = words[..] else {
                panic!("{line}")
            };
            let name = if name.ends_with("-acp") {
                package
            } else {
                name
            };
            assert_eq!(versions(name), [version], "{line}");
            count += 1;
        }
        assert!(count >= TESTED.len());
        assert!(versions("x").is_empty());
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let found = |said| found_in(said).map(|(_, number)| number);
        assert_eq!(found("2.1.330 (Claude Code)\n").as_deref(), Some("2.1.330"));
        let codex = "WARNING: proceeding (see /tmp/x.y)\ncodex-cli 0.169.0\n";
        assert_eq!(found(codex).as_deref(), Some("0.169.0"));
        assert_eq!(found("v1.2.3-beta.1").as_deref(), Some("1.2.3-beta.1"));
        for nothing in ["", "error: unknown option", "127 errors", "{}", "1.x"] {
            assert_eq!(found(nothing), None, "{nothing}");
        }
        let hello = r#"{"id":1,"result":{"agentInfo":{"name":"@agentclientprotocol/claude-agent-acp","version":"0.49.0"}}}"#;
        let (name, number) = found_in(hello).unwrap();
        assert_eq!(
            (versions(&name.unwrap()), number),
            (vec!["0.49.0".into()], "0.49.0".into())
        );
        let long = format!("1.2.{}", "9".repeat(500));
        assert!(found(&long).unwrap().len() < 100);
    }
}
