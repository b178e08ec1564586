//! Source files as the chores read them: where they are, and which of their lines are production code. It judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{self, Failure};

/// A Rust file of the workspace.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the repository's root, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// The text without `#[cfg(test)]` items.
    pub(crate) fn production(&self) -> String {
        without_tests(&self.text)
    }

    /// Whether the whole file is test code: a `tests.rs`, or a file in a folder of tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }
}

/// All Rust files under `crates` and `xtask`, sorted by path.
pub(crate) fn all() -> Result<Vec<Source>, Failure> {
    let root = run::root();
    let mut paths = Vec::new();
    for folder in ["crates", "xtask"] {
        walk(&root.join(folder), &mut paths)?;
    }
    paths.sort();
    paths.into_iter().map(|path| read(&root, &path)).collect()
}

fn read(root: &Path, path: &Path) -> Result<Source, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::of(path.display(), error))?;
    let path = path
        .strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/");
    Ok(Source { path, text })
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::of(folder.display(), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            if entry.file_name() != "target" {
                walk(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Drops each item under `#[cfg(test)]`. Formatted code is assumed: an item ends at the `}` of its own indentation.
fn without_tests(text: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push(line);
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let item = lines
            .by_ref()
            .find(|line| !line.trim_start().starts_with("#["));
        if item.is_some_and(|item| item.trim_end().ends_with('{')) {
            lines.by_ref().find(|line| *line == end);
        }
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_are_no_production_code() {
        let text = "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        assert_eq!(without_tests(text), "fn a() {}\nfn c() {}");
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_takes_no_following_lines_with_it() {
        assert_eq!(
            without_tests("#[cfg(test)]\nmod tests;\nfn c() {\n}"),
            "fn c() {\n}"
        );
    }

    #[test]
    fn files_of_tests_are_known_by_their_path() {
        let named = |path: &str| Source {
            path: path.to_owned(),
            text: String::new(),
        };
        assert!(named("crates/core/src/domain/plan/tests.rs").is_test());
        assert!(named("crates/cw/tests/demo.rs").is_test());
        assert!(!named("crates/testkit/src/model/mod.rs").is_test());
    }
}
