//! How long files are, net of tests. A file that passes the limit holds two things.

use std::collections::BTreeMap;

use crate::run::{Failure, Outcome};
use crate::source::{self, Source};

const LISTED: usize = 400;
const LIMIT: usize = 600;

/// Lists long files and the lines of each crate; fails for a file over the limit.
pub(crate) fn check() -> Outcome {
    let sources = source::all()?;
    let mut sizes: Vec<(usize, &str)> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| (net(source), &*source.path))
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    for (lines, path) in sizes.iter().filter(|(lines, _)| *lines > LISTED) {
        println!("{lines:>6}  {path}");
    }
    for (folder, totals) in per_crate(&sources) {
        println!(
            "{:>6}  {folder} (and {} of tests)",
            totals.code, totals.tests
        );
    }
    let over: Vec<_> = sizes
        .iter()
        .filter(|(lines, _)| *lines > LIMIT)
        .map(|(_, path)| *path)
        .collect();
    if over.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "over {LIMIT} lines net of tests, split: {}",
        over.join(", ")
    )))
}

#[derive(Default)]
struct Totals {
    code: usize,
    tests: usize,
}

fn per_crate(sources: &[Source]) -> BTreeMap<String, Totals> {
    let mut crates: BTreeMap<String, Totals> = BTreeMap::new();
    for source in sources {
        let depth = if source.path.starts_with("crates/") {
            2
        } else {
            1
        };
        let folder = source
            .path
            .split('/')
            .take(depth)
            .collect::<Vec<_>>()
            .join("/");
        let all = source.text.lines().count();
        let code = if source.is_test() { 0 } else { net(source) };
        let totals = crates.entry(folder).or_default();
        totals.code += code;
        totals.tests += all - code;
    }
    crates
}

fn net(source: &Source) -> usize {
    source.production().lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_per_crate_with_tests_apart() {
        let file = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let sources = [
            file(
                "crates/core/src/a.rs",
                "fn a() {}\nfn b() {}\n#[cfg(test)]\nmod tests;\n",
            ),
            file("crates/core/src/tests.rs", "fn t() {}\n"),
            file("xtask/src/main.rs", "fn main() {}\n"),
        ];
        let totals = per_crate(&sources);
        assert_eq!(
            (totals["crates/core"].code, totals["crates/core"].tests),
            (2, 3)
        );
        assert_eq!((totals["xtask"].code, totals["xtask"].tests), (1, 0));
    }
}
