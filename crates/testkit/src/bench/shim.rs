//! What stands between the server and an agent's program: the memory of a shim, and what a line costs that goes through it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cw_core::ports::agents::{Agents, Grace, Permissions, RunId, RunState, TurnOrder};

use super::report::{Figure, Row};
use super::sample::{Samples, timed};
use super::serving::megabytes;
use super::stage::{PATIENCE, quietly, settle};
use super::{Bench, Tried};

/// Bytes of a line, its end included.
const LINE: usize = 200;

/// Agents that say nothing. They are two, so that the pages of the program itself are shared, as they are with a server.
const SILENT: [&str; 2] = ["silent", "silent-too"];

/// Measures it.
///
/// # Errors
/// When the shim or the system say no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let told = |error: std::io::Error| error.to_string();
    let dir = tempfile::Builder::new()
        .prefix("cw-bench-")
        .tempdir_in(&bench.options.dir)
        .map_err(told)?;
    let world = World {
        agents: (bench.disk.agents)(&bench.options.cw, dir.path())?,
        dir: dir.path().to_owned(),
    };
    let lines = bench.options.amount(1_000_000, 500_000);
    let text = world.dir.join("lines");
    write_lines(&text, lines).map_err(told)?;
    let figure = with(bench, &world, &text, lines);
    for silent in SILENT {
        // Whatever came of it, the silent ones end.
        let _ = world.agents.stop(&id(silent)?, "over");
    }
    figure
}

fn with(bench: &Bench, world: &World, text: &Path, lines: usize) -> Tried<Figure> {
    for silent in SILENT {
        world.start(silent, &["sleep", "100000"])?;
    }
    let silent = private(world.shim(SILENT[0])?)?;
    let (mut ours, mut limit, mut most) = (Samples::default(), Samples::default(), 0.0_f64);
    for round in 0..bench.options.rounds {
        let out = world.dir.join("out");
        let pipe = format!("cat '{}' | cat > '{}'", text.display(), out.display());
        settle();
        limit.add(timed(|| quietly(Command::new("sh").args(["-c", &pipe])))?.0);
        std::fs::remove_file(&out).map_err(|error| error.to_string())?;
        settle();
        let (took, memory) = world.stream(&format!("stream-{round}"), text)?;
        ours.add(took);
        most = most.max(memory);
    }
    let mut figure = Figure::new("shim", "The shim: its memory, and its cost per line");
    figure.row(Row::ratio(
        &format!("{lines} lines of {LINE} bytes through the shim ÷ `… | cat > file`"),
        &ours,
        &limit,
        Some(2.0),
    ));
    figure.row(Row::amount(
        "a silent agent's shim: private memory",
        silent,
        "MB",
        Some(3.0),
    ));
    figure.row(Row::amount(
        "while the lines come: private memory, the most seen",
        most,
        "MB",
        Some(3.0),
    ));
    figure.note(
        "The agent's program is `cat` of a file on both sides. From the order to the record of the exit, the shim's own start \
         and end included; each line is kept with its time. Private memory: what /proc says that no other process shares.",
    );
    Ok(figure)
}

fn write_lines(path: &Path, lines: usize) -> std::io::Result<()> {
    let mut to = std::io::BufWriter::new(std::fs::File::create(path)?);
    for number in 0..lines {
        writeln!(to, "{number:>width$}", width = LINE - 1)?;
    }
    to.flush()
}

fn private(pid: u64) -> Tried<f64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .map_err(|error| error.to_string())?;
    Ok(megabytes(&rollup, "Private_Clean:") + megabytes(&rollup, "Private_Dirty:"))
}

fn id(run: &str) -> Tried<RunId> {
    RunId::new(run).ok_or_else(|| format!("{run} is no run"))
}

struct World {
    agents: Box<dyn Agents>,
    dir: PathBuf,
}

impl World {
    /// Starts a program behind a shim, in a folder of its own.
    fn start(&self, run: &str, program: &[&str]) -> Tried<()> {
        let cwd = self.dir.join(run);
        std::fs::create_dir(&cwd).map_err(|error| error.to_string())?;
        let order = TurnOrder {
            run: id(run)?,
            kind: "script".into(),
            program: program.iter().map(Into::into).collect(),
            cwd,
            env: Vec::new(),
            prompt: String::new(),
            session: None,
            billed: Default::default(),
            repo_settings: false,
            resume: false,
            model: None,
            permissions: Permissions::AcceptEdits,
            allow: Vec::new(),
            tools: false,
            task: "bench".into(),
            agent: "bench".into(),
            turn: "start".into(),
            token: String::new(),
            socket: "/nowhere".into(),
            grace: Grace {
                interrupt: Duration::from_secs(1),
                terminate: Duration::from_secs(1),
            },
        };
        let started = self.agents.start(&order).map_err(|error| error.to_string());
        started.map(drop)
    }

    fn shim(&self, run: &str) -> Tried<u64> {
        let path = self.dir.join("runs").join(run).join("started.json");
        let text = std::fs::read(path).map_err(|error| error.to_string())?;
        let started: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        started["shim_pid"]
            .as_u64()
            .ok_or_else(|| "no shim".to_owned())
    }

    /// Has all of a file go through a shim: how long that takes, and the most private memory seen.
    fn stream(&self, run: &str, text: &Path) -> Tried<(Duration, f64)> {
        let (name, begun) = (id(run)?, Instant::now());
        self.start(run, &["cat", &text.to_string_lossy()])?;
        let shim = self.shim(run)?;
        let mut most = 0.0_f64;
        loop {
            match self
                .agents
                .state(&name)
                .map_err(|error| error.to_string())?
            {
                RunState::Finished(exit) if exit.code == Some(0) => break,
                RunState::Alive { .. } if begun.elapsed() < PATIENCE => {}
                other => return Err(format!("{other:?}")),
            }
            // One that is gone has no memory any more.
            most = most.max(private(shim).unwrap_or(0.0));
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = begun.elapsed();
        std::fs::remove_dir_all(self.dir.join("runs").join(run))
            .map_err(|error| error.to_string())?;
        Ok((took, most))
    }
}
