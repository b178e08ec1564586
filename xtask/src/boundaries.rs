//! Who may depend on whom. The picture in ARCHITECTURE.md stays true because this list is compared with `cargo metadata`:
//! a new dependency is written here, in the same commit, or the check fails.

use serde_json::Value;

use crate::run::{self, Failure, Outcome};
use crate::{doors, source};

/// What each crate may depend on, and with what else it may be tested.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("cw-core", &["petgraph", "thiserror"], &["proptest"]),
    ("cw-wire", &["schemars", "serde", "serde_json"], &[]),
    (
        "cw-adapters",
        &[
            "cw-core",
            "jiff",
            "libc",
            "memchr",
            "rusqlite",
            "rustix",
            "serde",
            "serde_json",
            // Tells the whole input of a tool from any other.
            "sha2",
            "signal-hook",
            "tempfile",
            "thiserror",
            "toml",
            "tracing",
            "uuid",
        ],
        &["cw-testkit", "libtest-mimic", "proptest"],
    ),
    (
        "cw-server",
        &[
            "cw-core",
            "cw-wire",
            "axum",
            "http-body-util",
            "hyper",
            "hyper-util",
            "jiff",
            // The tools of agents, over HTTP; their schemas.
            "rmcp",
            "schemars",
            "serde",
            "serde_json",
            // What changed in a cw.toml that was trusted before, as a unified diff.
            "similar",
            "thiserror",
            "tokio",
            "tracing",
            "tracing-appender",
            "tracing-subscriber",
        ],
        &["cw-testkit", "tempfile"],
    ),
    (
        "cw-cli",
        &[
            "cw-wire",
            "clap",
            "clap_complete",
            "http-body-util",
            "hyper",
            "hyper-util",
            "indicatif",
            "jiff",
            "rustix",
            "schemars",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "unicode-width",
        ],
        &["insta", "tempfile"],
    ),
    (
        "cw",
        &[
            "cw-adapters",
            "cw-cli",
            "cw-core",
            "cw-server",
            "cw-wire",
            "rustix",
            "tracing",
        ],
        &["cw-testkit", "serde_json", "tempfile"],
    ),
    (
        "cw-testkit",
        // The adapters and the database only with the feature `bench`: the benchmarks' binary measures the real store.
        &[
            "cw-adapters",
            "cw-core",
            "cw-wire",
            "axum",
            "hyper",
            "rusqlite",
            "rustix",
            "serde",
            "serde_json",
            "tempfile",
            "tokio",
        ],
        &[],
    ),
    ("xtask", &["serde_json"], &[]),
];

/// Compares the workspace with the list, and the sources with the doors.
pub(crate) fn check() -> Outcome {
    let metadata = run::output(run::cargo_command().args([
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| Failure::of("cargo metadata", error))?;
    let mut wrong = forbidden_edges(&metadata);
    for source in source::all()? {
        wrong.extend(doors::violations(&source));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(wrong.join("\n  ")))
    }
}

fn forbidden_edges(metadata: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        let Some((_, normal, dev)) = ALLOWED.iter().find(|(allowed, _, _)| *allowed == name) else {
            wrong.push(format!("{name} has no line in xtask/src/boundaries.rs"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let wanted = text(&dependency["name"]);
            let for_tests = dependency["kind"] == "dev" && dev.contains(&wanted);
            if !for_tests && !normal.contains(&wanted) {
                wrong.push(format!(
                    "{name} must not depend on {wanted} (xtask/src/boundaries.rs says what it may)"
                ));
            }
        }
    }
    wrong
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace(name: &str, dependency: &str, kind: Option<&str>) -> Value {
        json!({ "packages": [{ "name": name, "dependencies": [{ "name": dependency, "kind": kind }] }] })
    }

    #[test]
    fn the_core_may_not_reach_outside() {
        assert_eq!(
            forbidden_edges(&workspace("cw-core", "tokio", None)).len(),
            1
        );
        assert_eq!(
            forbidden_edges(&workspace("cw-core", "petgraph", None)).len(),
            0
        );
    }

    #[test]
    fn the_command_line_never_knows_the_core() {
        assert_eq!(
            forbidden_edges(&workspace("cw-cli", "cw-core", None)).len(),
            1
        );
        assert_eq!(
            forbidden_edges(&workspace("cw-cli", "cw-core", Some("dev"))).len(),
            1
        );
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        assert_eq!(
            forbidden_edges(&workspace("cw", "cw-testkit", None)).len(),
            1
        );
        assert_eq!(
            forbidden_edges(&workspace("cw", "cw-testkit", Some("dev"))).len(),
            0
        );
    }

    #[test]
    fn a_crate_that_nobody_listed_is_refused() {
        assert_eq!(
            forbidden_edges(&workspace("cw-other", "serde", None)).len(),
            1
        );
    }
}
