//! The words on the command line of the benchmarks.

use std::path::PathBuf;

use super::Tried;

/// How to call it.
pub const USAGE: &str = "usage: cargo xtask bench [--quick] [--large] [--only NAME]… [--rounds N] [--json FILE]
                         [--write FILE | --no-write] [--dir DIR] [--cw PATH]

  --quick      3 rounds and smaller amounts: whether it works, not what it takes
  --large      a repository of 57,000 files too
  --only NAME  list, spawn, merge, decisions, tasks, serving, slot, answer, shim or adopt; may be repeated
  --json FILE  the report as JSON too
  --write FILE the figures go between the markers of this file (default: BENCHMARKS.md; not with --quick)
  --dir DIR    where repositories and databases are put (default: the folder for temporary files)";

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Figures to measure; empty means all.
    pub only: Vec<String>,
    /// Interleaved rounds.
    pub rounds: usize,
    /// Smaller amounts.
    pub quick: bool,
    /// The large repository too.
    pub large: bool,
    /// Where the report goes as JSON.
    pub json: Option<PathBuf>,
    /// Whose marked part is replaced.
    pub write: Option<PathBuf>,
    /// Where the work is done.
    pub dir: PathBuf,
    /// The `cw` that is measured.
    pub cw: PathBuf,
}

impl Options {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A text for whoever wrote them.
    pub fn read(mut words: impl Iterator<Item = String>) -> Tried<Self> {
        let mut options = Self {
            only: Vec::new(),
            rounds: 9,
            quick: false,
            large: false,
            json: None,
            write: Some("BENCHMARKS.md".into()),
            dir: std::env::temp_dir(),
            cw: "target/release/cw".into(),
        };
        let (mut rounds, mut named) = (None, false);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--quick" => options.quick = true,
                "--large" => options.large = true,
                "--only" => options.only.push(value()?),
                "--rounds" => {
                    let text = value()?;
                    let number: usize = text
                        .parse()
                        .map_err(|_| format!("--rounds wants a number, not '{text}'"))?;
                    rounds = Some(number.max(1));
                }
                "--json" => options.json = Some(value()?.into()),
                "--write" => {
                    named = true;
                    options.write = Some(value()?.into());
                }
                "--no-write" => options.write = None,
                "--dir" => options.dir = value()?.into(),
                "--cw" => options.cw = value()?.into(),
                _ => return Err(format!("unknown option '{word}'\n{USAGE}")),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 3 } else { 9 });
        if options.quick && !named {
            options.write = None;
        }
        Ok(options)
    }

    /// `full`, or `quick` when it is to be quick.
    #[must_use]
    pub fn amount(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Tried<Options> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn a_quick_look_does_not_replace_the_figures() {
        let quick = read(&["--quick"]).unwrap();
        assert_eq!((quick.rounds, quick.write), (3, None));
        assert!(
            read(&["--quick", "--write", "x.md"])
                .unwrap()
                .write
                .is_some()
        );
        assert_eq!(read(&[]).unwrap().rounds, 9);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        assert!(read(&["--quik"]).unwrap_err().contains("--quik"));
        assert!(read(&["--rounds", "many"]).is_err());
        assert!(read(&["--only"]).is_err());
    }
}
