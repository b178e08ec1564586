//! What the server itself takes: memory and processor time, with agents that print and with agents that are silent.

use std::time::{Duration, Instant};

use super::report::{Figure, Row};
use super::repository::{Size, git_command};
use super::sample::{Samples, timed};
use super::stage::{Stage, independent, quietly, wait};
use super::{Bench, Tried};

/// The first word that makes the benchmark's own program act as an agent; see [`act`].
pub const ACT: &str = "act-as-agent";
/// Lines a second that a talking agent prints.
const LINES: u32 = 50;

/// How long what was begun goes on.
const SETTLED: Duration = Duration::from_secs(3);
/// The system counts processor time in hundredths of a second.
const TICKS: f64 = 100.0;

/// Prints as many lines a second as the file `$STAGE/pace` says, until that file goes away.
///
/// # Errors
/// When it is not called by a benchmark.
pub fn act() -> Tried<()> {
    use std::io::Write as _;
    let stage = std::env::var_os("STAGE").ok_or("this is for benchmarks")?;
    let path = std::path::Path::new(&stage).join("pace");
    let mut out = std::io::stdout();
    let (mut line, mut pace) = (0_u64, 0);
    loop {
        if pace == 0 || line.is_multiple_of(u64::from(LINES)) {
            match std::fs::read_to_string(&path) {
                Ok(text) => pace = text.trim().parse::<u32>().unwrap_or(0),
                Err(_) => return Ok(()),
            }
        }
        if pace == 0 {
            std::thread::sleep(Duration::from_secs(1));
            continue;
        }
        line += 1;
        let text = format!(
            "line {line}: reading, thinking, writing a file, and telling about it at some length for the log\n"
        );
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| error.to_string())?;
        std::thread::sleep(Duration::from_secs(1) / pace);
    }
}

/// Measures it.
///
/// # Errors
/// When `cw` says no, or the system does not tell.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let mut figure = Figure::new("serving", "The server's memory and processor time");
    let span = Duration::from_secs(if bench.options.quick { 5 } else { 30 });
    for agents in [50, bench.options.amount(200, 50)] {
        if agents == 50 && !figure.rows.is_empty() {
            break;
        }
        with(bench, agents, span, &mut figure)?;
    }
    figure.note(format!(
        "Each agent prints {LINES} lines of 90 bytes a second; sampled over {} s. Memory is what /proc says of the server's \
         process: RSS is all that is mapped, PSS its share of it. Processor time is that of \
         its threads, ended ones too, in hundredths of a second over the span. Shims and agents are processes of their own and not in it.",
        span.as_secs()
    ));
    Ok(figure)
}

fn with(bench: &Bench, agents: usize, span: Duration, figure: &mut Figure) -> Tried<()> {
    let stage = Stage::bare(bench, Size::Small)?;
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    pace(&stage, 0)?;
    stage.register(&[&me.to_string_lossy(), ACT], agents)?;
    let pid = stage.server()?;
    let fresh = Look::at(pid)?;
    start(&stage, agents)?;
    let silent = over(pid, span)?;
    let list = if agents == 50 {
        Some(agent_list(bench, &stage)?)
    } else {
        None
    };
    pace(&stage, LINES)?;
    std::thread::sleep(SETTLED);
    let talking = over(pid, span)?;
    std::fs::remove_file(stage.file("pace")).map_err(|error| error.to_string())?;
    stage.wait_for("merged", agents)?;
    stage.wait_for_quiet()?;
    std::thread::sleep(SETTLED);
    let after = over(pid, span)?;
    if let Some(list) = list {
        figure.row(list);
        figure.row(Row::amount(
            "fresh server, no agent: RSS",
            fresh.rss_mb,
            "MB",
            None,
        ));
    }
    // The target was set for 200 agents; half a percent for 50 silent ones, and for none.
    let most = (agents == 200).then_some(80.0);
    let idle = (agents == 50).then_some(0.5);
    let core = "% of a core";
    for (what, value, unit, target) in [
        ("talking: RSS, the most seen", talking.rss_mb, "MB", most),
        ("talking: PSS, the most seen", talking.pss_mb, "MB", most),
        ("talking: processor time", talking.cpu, core, None),
        ("silent: processor time", silent.cpu, core, idle),
        (
            "silent: time of programs it started",
            silent.children,
            "s",
            Some(0.0),
        ),
        ("gone again: processor time", after.cpu, core, Some(0.5)),
        ("gone again: RSS", after.rss_mb, "MB", None),
    ] {
        figure.row(Row::amount(
            &format!("{agents} agents {what}"),
            value,
            unit,
            target,
        ));
    }
    Ok(())
}

/// Starts as many agents and waits until what that leaves to do is over.
fn start(stage: &Stage, agents: usize) -> Tried<()> {
    let plan = stage.plan(&independent("Served", "", agents))?;
    stage.cw(&["plan", "apply", &plan])?;
    stage.cw(&["initiative", "start", "served"])?;
    wait(
        &format!("{agents} agents to run"),
        Duration::from_millis(200),
        || {
            let list = stage.json(&["agent", "list"])?;
            let rows = list["agents"].as_array().ok_or("no agents in the list")?;
            let running = rows.iter().filter(|row| row["status"] == "running");
            Ok((running.count() >= agents).then_some(()))
        },
    )?;
    std::thread::sleep(SETTLED);
    Ok(())
}

fn pace(stage: &Stage, lines: u32) -> Tried<()> {
    let (new, path) = (stage.file("pace.new"), stage.file("pace"));
    std::fs::write(&new, lines.to_string())
        .and_then(|()| std::fs::rename(&new, &path))
        .map_err(|error| error.to_string())
}

fn agent_list(bench: &Bench, stage: &Stage) -> Tried<Row> {
    let (mut ours, mut limit) = (Samples::default(), Samples::default());
    for _ in 0..bench.options.rounds * 5 {
        limit.add(timed(|| quietly(&mut git_command(&stage.repo, &["worktree", "list"])))?.0);
        ours.add(timed(|| quietly(&mut stage.command(&["agent", "list"])))?.0);
    }
    Ok(Row::ratio(
        "`cw agent list` with 50 agents ÷ `git worktree list`",
        &ours,
        &limit,
        Some(3.0),
    ))
}

/// What the system says of a process at one moment.
struct Look {
    rss_mb: f64,
    ticks: u64,
    children_ticks: u64,
}

impl Look {
    fn at(pid: u32) -> Tried<Self> {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{name}"))
                .map_err(|error| error.to_string())
        };
        let stat = read("stat")?;
        let behind = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = behind.split_whitespace().collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or(0)
        };
        Ok(Self {
            rss_mb: megabytes(&read("status")?, "VmRSS:"),
            // utime and stime, then those of children that ended, counted from the field behind the name.
            ticks: ticks(11) + ticks(12),
            children_ticks: ticks(13) + ticks(14),
        })
    }
}

/// A number of kilobytes that /proc tells behind a key, in megabytes; 0 without it.
#[expect(clippy::cast_precision_loss, reason = "kilobytes, for people")]
#[must_use]
pub fn megabytes(text: &str, key: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) as f64 / 1024.0
}

/// What a process took over a span.
struct Took {
    rss_mb: f64,
    pss_mb: f64,
    cpu: f64,
    children: f64,
}

#[expect(clippy::cast_precision_loss, reason = "ticks of seconds, for people")]
fn over(pid: u32, span: Duration) -> Tried<Took> {
    let (begun, first) = (Instant::now(), Look::at(pid)?);
    let (mut rss_mb, mut pss_mb) = (first.rss_mb, 0.0_f64);
    while begun.elapsed() < span {
        std::thread::sleep(Duration::from_secs(1));
        let rollup =
            std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        rss_mb = rss_mb.max(megabytes(&rollup, "Rss:"));
        pss_mb = pss_mb.max(megabytes(&rollup, "Pss:"));
    }
    let (took, last) = (begun.elapsed().as_secs_f64(), Look::at(pid)?);
    Ok(Took {
        rss_mb: rss_mb.max(last.rss_mb),
        pss_mb,
        cpu: last.ticks.saturating_sub(first.ticks) as f64 / TICKS / took * 100.0,
        children: last.children_ticks.saturating_sub(first.children_ticks) as f64 / TICKS,
    })
}
