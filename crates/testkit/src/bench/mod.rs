//! The benchmarks: what `cw` takes for its work, as ratios to the physical limit measured in the same run. They work on
//! the real `cw` binary as a user would, and on the core directly where only decisions count. They assert nothing: how
//! long something takes on a machine is a figure, not a test.

pub mod adopt;
pub mod answer;
pub mod call;
pub mod decisions;
pub mod list;
pub mod machine;
pub mod merge;
pub mod options;
pub mod report;
pub mod repository;
pub mod sample;
pub mod serving;
pub mod shim;
pub mod slot;
pub mod spawn;
pub mod stage;
pub mod tasks;

use std::path::Path;
use std::time::Instant;

use cw_core::ports::agents::Agents;
use cw_core::ports::store::Store;

use options::Options;
use report::{Figure, Report};

/// What a step of a benchmark comes to; the text says why there is no figure.
pub type Tried<T> = Result<T, String>;

/// Makes one small row durable each time it is called.
pub type Commits = Box<dyn FnMut() -> Tried<()>>;

/// What the benchmarks need of the real adapters, given by the binary that knows them.
pub struct Disk {
    /// Agent programs behind shims of this `cw`, with their run folders under `runs` of a folder.
    pub agents: fn(&Path, &Path) -> Tried<Box<dyn Agents>>,
    /// Opens the store of `cw` at a path.
    pub store: fn(&Path) -> Tried<Box<dyn Store>>,
    /// Opens a database with one table at a path; each call of what comes back commits one small row durably.
    pub commit: fn(&Path) -> Tried<Commits>,
    /// The version of the database.
    pub version: String,
}

/// What every figure is measured with.
pub struct Bench {
    /// What was asked for.
    pub options: Options,
    /// The real store.
    pub disk: Disk,
}

type Measure = fn(&Bench) -> Tried<Figure>;

/// The figures by the name that `--only` takes.
pub const FIGURES: &[(&str, Measure)] = &[
    ("list", list::measure),
    ("spawn", spawn::measure),
    ("merge", merge::measure),
    ("decisions", decisions::measure),
    ("tasks", tasks::measure),
    ("serving", serving::measure),
    ("slot", slot::measure),
    ("answer", answer::measure),
    ("shim", shim::measure),
    ("adopt", adopt::measure),
];

impl Bench {
    /// Measures what was asked for. A figure that fails is told with its reason and does not hold up the others.
    ///
    /// # Errors
    /// When `--only` names no figure.
    pub fn run(&self) -> Tried<Report> {
        let only = &self.options.only;
        if let Some(unknown) = only
            .iter()
            .find(|name| FIGURES.iter().all(|(known, _)| known != name))
        {
            let known: Vec<_> = FIGURES.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "there is no figure '{unknown}'; there are: {}",
                known.join(", ")
            ));
        }
        let mut report = Report {
            machine: machine::describe(&self.options.dir, &self.disk.version),
            figures: Vec::new(),
        };
        for (name, measure) in FIGURES {
            if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
                continue;
            }
            eprintln!("» {name}");
            let (begun, (at, load)) = (Instant::now(), machine::moment());
            let mut figure = measure(self).unwrap_or_else(|why| Figure::failed(name, &why));
            figure.took_s = begun.elapsed().as_secs_f64();
            (figure.at, figure.load) = (at, load);
            figure.rounds = self.options.rounds;
            eprintln!("{}", figure.markdown());
            report.figures.push(figure);
        }
        Ok(report)
    }
}
