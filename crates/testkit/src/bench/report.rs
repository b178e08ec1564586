//! Figures as they are told: a table for people between the markers of BENCHMARKS.md, and JSON.

use std::path::Path;

use serde::Serialize;

use super::Tried;
use super::machine::Machine;
use super::sample::Samples;

/// The block that tells the machine.
const MACHINE: &str = "machine";

/// All that one run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// On what.
    pub machine: Machine,
    /// What.
    pub figures: Vec<Figure>,
}

/// One figure: a few lines about the same thing.
#[derive(Debug, Default, Serialize)]
pub struct Figure {
    /// The name that `--only` takes.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Measured lines.
    pub rows: Vec<Row>,
    /// How it was measured, and what has to be known.
    pub notes: Vec<String>,
    /// Why there is no figure.
    pub failed: Option<String>,
    /// Rounds measured.
    pub rounds: usize,
    /// How long the measuring took.
    pub took_s: f64,
    /// When it began.
    pub at: String,
    /// How busy the machine was before: runnable processes over the last minute.
    pub load: String,
}

/// One measured line.
#[derive(Debug, Default, Serialize)]
pub struct Row {
    /// What was measured, over what limit.
    pub what: String,
    /// What `cw` took, with its unit.
    pub ours: String,
    /// The limit, with its unit.
    pub limit: String,
    /// The ratio of the two, or the amount itself where there is no limit.
    pub value: Option<f64>,
    /// Its 95th percentile over the rounds.
    pub p95: Option<f64>,
    /// What it should not exceed.
    pub target: Option<f64>,
    /// Whether it does not.
    pub met: Option<bool>,
}

impl Row {
    /// The median of the ratios of times measured round by round.
    #[must_use]
    pub fn ratio(what: &str, ours: &Samples, limit: &Samples, target: Option<f64>) -> Self {
        let ratios = ours.over(limit);
        Self {
            what: what.to_owned(),
            ours: seconds(ours.median()),
            limit: seconds(limit.median()),
            value: Some(ratios.median()),
            p95: Some(ratios.quantile(0.95)),
            ..Self::default()
        }
        .aimed(target)
    }

    /// A time beside which nothing was measured.
    #[must_use]
    pub fn time(what: &str, ours: &Samples) -> Self {
        Self {
            what: what.to_owned(),
            ours: seconds(ours.median()),
            ..Self::default()
        }
    }

    /// An amount that is held against its target as it is.
    #[must_use]
    pub fn amount(what: &str, value: f64, unit: &str, target: Option<f64>) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{} {unit}", short(value)),
            value: Some(value),
            ..Self::default()
        }
        .aimed(target)
    }

    /// The same with what it should not exceed.
    #[must_use]
    pub fn aimed(mut self, target: Option<f64>) -> Self {
        self.target = target;
        self.met = target
            .zip(self.value)
            .map(|(target, value)| value <= target);
        self
    }

    fn markdown(&self) -> String {
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), short);
        let target = self
            .target
            .map_or_else(|| "–".to_owned(), |target| format!("≤ {}", short(target)));
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        let text = |text: &str| {
            if text.is_empty() {
                "–".to_owned()
            } else {
                text.to_owned()
            }
        };
        format!(
            "| {} | {} | {} | {} | {} | {target} | {met} |",
            self.what,
            text(&self.ours),
            text(&self.limit),
            number(self.value),
            number(self.p95)
        )
    }
}

impl Figure {
    /// A figure to which lines are added.
    #[must_use]
    pub fn new(name: &str, title: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            ..Self::default()
        }
    }

    /// A figure that could not be measured.
    #[must_use]
    pub fn failed(name: &str, why: &str) -> Self {
        Self {
            failed: Some(why.to_owned()),
            ..Self::new(name, name)
        }
    }

    /// Adds a line.
    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds what has to be known.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The figure for people.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("### {} (`--only {}`)\n\n", self.title, self.name);
        if let Some(why) = &self.failed {
            return text + &format!("Not measured: {why}\n");
        }
        text.push_str("| what | cw | limit | ratio or amount | p95 | target | met |\n|---|---|---|---|---|---|---|\n");
        for row in &self.rows {
            text.push_str(&row.markdown());
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&format!("\n- {note}"));
        }
        text + &format!(
            "\n- {}: {} rounds in {:.0} s; load before it {}.\n",
            self.at, self.rounds, self.took_s, self.load
        )
    }
}

impl Machine {
    /// The machine for people.
    #[must_use]
    pub fn markdown(&self) -> String {
        format!(
            "{}, {} cores, {} of memory, Linux {}, {}, {}, SQLite {}.",
            self.cpu, self.cores, self.memory, self.kernel, self.file_system, self.git, self.sqlite
        )
    }
}

impl Report {
    /// The report for people.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = self.machine.markdown() + "\n";
        for figure in &self.figures {
            text.push('\n');
            text.push_str(&figure.markdown());
        }
        text
    }

    /// Puts the machine and each figure that was measured between its markers in a file; all else stays.
    ///
    /// # Errors
    /// When the file cannot be read or written, or has no markers.
    pub fn write(&self, path: &Path) -> Tried<()> {
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut text = std::fs::read_to_string(path).map_err(told)?;
        let figures = self
            .figures
            .iter()
            .map(|figure| (figure.name.as_str(), figure.markdown()));
        for (name, block) in std::iter::once((MACHINE, self.machine.markdown())).chain(figures) {
            text = between(&text, name, &block)
                .ok_or_else(|| format!("{}: the markers of '{name}' are gone", path.display()))?;
        }
        std::fs::write(path, text).map_err(told)
    }
}

fn between(text: &str, name: &str, block: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- bench: {name} -->"),
        format!("<!-- end: {name} -->"),
    );
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}{begin}\n{}\n{end}{after}",
        block.trim_end()
    ))
}

/// A span of time in the unit that reads best.
#[must_use]
pub fn seconds(value: f64) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value < 1e-3 {
        format!("{} µs", short(value * 1e6))
    } else if value < 1.0 {
        format!("{} ms", short(value * 1e3))
    } else {
        format!("{} s", short(value))
    }
}

/// A number with as many digits as mean something.
#[must_use]
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_the_markers_stays() {
        let text = "by hand\n<!-- bench: list -->\nold\n<!-- end: list -->\nby hand too\n";
        let new = between(text, "list", "new\n").unwrap();
        assert_eq!(
            new,
            "by hand\n<!-- bench: list -->\nnew\n<!-- end: list -->\nby hand too\n"
        );
        assert_eq!(between(text, "spawn", "new"), None);
    }

    #[test]
    fn a_target_is_met_or_not() {
        let row = |value| Row::amount("x", value, "MB", Some(80.0)).met;
        assert_eq!((row(80.0), row(80.1)), (Some(true), Some(false)));
        assert_eq!(Row::amount("x", 1.0, "MB", None).met, None);
    }

    #[test]
    fn times_are_told_in_the_unit_that_reads_best() {
        assert_eq!(seconds(0.000_25), "250 µs");
        assert_eq!(seconds(0.043), "43.0 ms");
        assert_eq!(seconds(2.5), "2.50 s");
    }
}
