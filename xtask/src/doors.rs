//! Where code may reach outside: what the core may not name, and the files that may lift one of the lints that guard
//! processes, clocks, output and panics.

use crate::source::Source;

/// Standard modules that the core may not name: it decides, it does not touch.
const OUTSIDE: &[&str] = &[
    "env",
    "fs",
    "io",
    "net",
    "os",
    "process",
    "thread",
    "time::Instant",
    "time::SystemTime",
];

/// The lints that only a door may lift.
const GUARDED: &[&str] = &[
    "clippy::disallowed_methods",
    "clippy::disallowed_types",
    "clippy::print_stderr",
    "clippy::print_stdout",
    "clippy::unwrap_used",
    "unsafe_code",
];

/// The doors: a lint, and the file or folder that may lift it. The lints' reasons stand at the place.
const DOORS: &[(&str, &str)] = &[
    (
        "clippy::disallowed_methods",
        "crates/adapters/src/agent/spawn.rs",
    ),
    ("clippy::disallowed_methods", "crates/adapters/src/clock.rs"),
    (
        "clippy::disallowed_methods",
        "crates/adapters/src/git/door.rs",
    ),
    ("clippy::disallowed_methods", "crates/cw/src/background.rs"),
    ("clippy::disallowed_methods", "crates/cw/src/pager.rs"),
    ("clippy::disallowed_methods", "xtask/src/run.rs"),
    ("clippy::print_stderr", "crates/cli/src/"),
    ("clippy::print_stderr", "xtask/src/main.rs"),
    ("clippy::print_stdout", "crates/cli/src/"),
    ("clippy::print_stdout", "xtask/src/main.rs"),
    ("unsafe_code", "crates/adapters/src/agent/shim/os.rs"),
];

/// What a source file does that it may not.
pub(crate) fn violations(source: &Source) -> Vec<String> {
    if source.is_test() || source.path.starts_with("crates/testkit/") {
        return Vec::new();
    }
    let code = without_comments(&source.production());
    let mut wrong = Vec::new();
    if source.path.starts_with("crates/core/") {
        for name in OUTSIDE.iter().filter(|name| names_std(&code, name)) {
            wrong.push(format!(
                "{}: the core must not name std::{name}",
                source.path
            ));
        }
    }
    for lint in lifted(&code) {
        if !DOORS
            .iter()
            .any(|(door, path)| *door == lint && source.path.starts_with(path))
        {
            wrong.push(format!(
                "{}: only a door may lift {lint} (xtask/src/doors.rs lists them)",
                source.path
            ));
        }
    }
    wrong
}

fn without_comments(code: &str) -> String {
    let kept = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    kept.collect::<Vec<_>>().join("\n")
}

/// Whether the code names `std::<path>`, also through a group such as `use std::{fs, time::{Duration, Instant}}`.
fn names_std(code: &str, path: &str) -> bool {
    code.match_indices("std::")
        .any(|(at, prefix)| reaches(&code[at + prefix.len()..], path))
}

/// Whether `tree`, the text behind a `::`, begins with `path` or with a group that holds it.
fn reaches(tree: &str, path: &str) -> bool {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        return members(group)
            .into_iter()
            .any(|member| reaches(member, path));
    }
    let (first, rest) = path.split_once("::").unwrap_or((path, ""));
    let Some(behind) = tree.strip_prefix(first) else {
        return false;
    };
    if behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return false;
    }
    rest.is_empty()
        || behind
            .trim_start()
            .strip_prefix("::")
            .is_some_and(|behind| reaches(behind, rest))
}

/// The members of a group, up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                found.push(&group[from..at]);
                from = at + 1;
            }
            '}' if depth == 0 => {
                found.push(&group[from..at]);
                return found;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// The guarded lints that `expect` and `allow` attributes name.
fn lifted(code: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for attribute in ["[expect(", "[allow("] {
        for (at, _) in code.match_indices(attribute) {
            let inside = code[at..].split(']').next().unwrap_or_default();
            found.extend(GUARDED.iter().filter(|lint| inside.contains(*lint)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_core_names_nothing_outside() {
        for code in [
            "use std::fs;",
            "fn f() { std::process::exit(1) }",
            "use std::{collections::BTreeMap, net::IpAddr};",
            "use std::time::{Duration, Instant};",
            "use std::{\n    time::{\n        SystemTime,\n    },\n};",
        ] {
            assert_eq!(
                violations(&file("crates/core/src/a.rs", code)).len(),
                1,
                "{code}"
            );
        }
    }

    #[test]
    fn pure_parts_of_the_standard_library_are_fine() {
        for code in [
            "use std::time::Duration;",
            "use std::{fmt, iter};",
            "// std::fs is not for us",
            "use std::future;",
        ] {
            assert_eq!(
                violations(&file("crates/core/src/a.rs", code)),
                [""; 0],
                "{code}"
            );
        }
    }

    #[test]
    fn a_lint_is_lifted_at_its_door_only() {
        let code =
            "#[expect(\n    clippy::disallowed_methods,\n    reason = \"the door\"\n)]\nfn f() {}";
        assert_eq!(
            violations(&file("crates/adapters/src/git/door.rs", code)),
            [""; 0]
        );
        assert_eq!(
            violations(&file("crates/adapters/src/git/merge.rs", code)).len(),
            1
        );
    }

    #[test]
    fn tests_may_lift_what_they_like() {
        let code = "#[cfg(test)]\n#[allow(clippy::unwrap_used)]\nmod tests {\n}";
        assert_eq!(violations(&file("crates/core/src/a.rs", code)), [""; 0]);
        assert_eq!(
            violations(&file(
                "crates/cw/tests/a.rs",
                "#![expect(clippy::unwrap_used)]"
            )),
            [""; 0]
        );
    }
}
