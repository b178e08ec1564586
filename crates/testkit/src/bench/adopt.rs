//! `kill -9` of the server with 50 agents at work, until another one has adopted all and answers.

use std::time::Duration;

use super::report::{Figure, Row};
use super::repository::Size;
use super::sample::Samples;
use super::stage::{Stage, independent, now, settle, wait};
use super::{Bench, Tried};

/// Agents at work.
const AGENTS: usize = 50;
/// Says something, and works on until it is stopped.
const SCRIPT: &str = "#!/bin/sh\necho at work\nexec sleep 100000\n";

/// Measures it.
///
/// # Errors
/// When `cw` says no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let stage = Stage::new(bench, Size::Small, SCRIPT, AGENTS)?;
    let plan = stage.plan(&independent("Adopted", "", AGENTS))?;
    stage.cw(&["plan", "apply", &plan])?;
    stage.cw(&["initiative", "start", "adopted"])?;
    let at_work = || {
        let pids = pids(&stage)?;
        Ok((pids.len() == AGENTS).then_some(pids))
    };
    let before = wait("the agents to run", Duration::from_millis(100), at_work)?;
    let (mut ready, mut told) = <(Samples, Samples)>::default();
    for _ in 0..bench.options.rounds {
        let server = stage.server()?;
        settle();
        let begun = now()?;
        kill(server)?;
        stage.cw(&["server", "start"])?;
        ready.add(now()?.saturating_sub(begun));
        let after = wait(
            "the agents to be adopted",
            Duration::from_millis(5),
            at_work,
        )?;
        told.add(now()?.saturating_sub(begun));
        if after != before {
            return Err("other processes run than before".into());
        }
    }
    let mut figure = Figure::new("adopt", "`kill -9` of the server with 50 agents at work");
    for (what, samples, target) in [
        ("killed → the next one answers", &ready, Some(500.0)),
        (
            "killed → `cw agent list` shows all 50 at work, with their processes",
            &told,
            Some(500.0),
        ),
    ] {
        let mut row = Row::amount(what, samples.median() * 1e3, "ms", target);
        row.p95 = Some(samples.quantile(0.95) * 1e3);
        figure.row(row);
    }
    figure.note(
        "From before the signal to the end of `cw server start`, and of the first list that shows every agent. A server has a \
         follower begun for each run before it answers; what was printed meanwhile may still be unread.",
    );
    Ok(figure)
}

fn kill(pid: u32) -> Tried<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or("no process")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)
        .map_err(|error| error.to_string())
}

/// The processes of the agents that run, in order.
fn pids(stage: &Stage) -> Tried<Vec<u64>> {
    let list = stage.json(&["agent", "list"])?;
    let rows = list["agents"].as_array().ok_or("no agents in the list")?;
    let running = rows.iter().filter(|row| row["status"] == "running");
    let mut pids: Vec<u64> = running.filter_map(|row| row["pid"].as_u64()).collect();
    pids.sort_unstable();
    Ok(pids)
}
