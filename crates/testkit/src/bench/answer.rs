//! From `cw message answer` to the agent's first byte: of one that waits in `cw ask`, and of one that has ended and is
//! resumed with the answer.

use std::process::Command;
use std::time::Duration;

use super::report::{Figure, Row};
use super::repository::Size;
use super::sample::Samples;
use super::stage::{Stage, now, quietly, settle, stamp, wait};
use super::{Bench, Commits, Tried};

/// Asks and stays, or asks and goes, as its prompt says; looks at the clock once it is answered.
const SCRIPT: &str = r#"#!/bin/sh
said=$(cat)
note() { at=$(date +%s%N); echo "$at" > "$STAGE/stamp.new"; mv "$STAGE/stamp.new" "$STAGE/stamp"; }
case "$CW_TURN $said" in
answer*) note ;;
*stay*) cw ask "Which one?" --wait 5m > /dev/null && note ;;
*go*) cw ask "Which one?" --no-wait > /dev/null; exit 75 ;;
*) note ;;
esac
"#;

/// Measures it.
///
/// # Errors
/// When `cw` says no.
pub fn measure(bench: &Bench) -> Tried<Figure> {
    let stage = Stage::new(bench, Size::Small, SCRIPT, 4)?;
    let mut commit = (bench.disk.commit)(&stage.file("limit.db"))?;
    let (mut stays, mut goes) = <(Samples, Samples)>::default();
    let (mut call, mut resume) = <(Samples, Samples)>::default();
    for round in 0..=bench.options.rounds {
        let (called, started) = by_hand(&stage, &mut commit)?;
        let (stayed, gone) = (asked(&stage, "stay")?, asked(&stage, "go")?);
        // The first of each warms caches and makes the ad-hoc initiative.
        if round > 0 {
            stays.add(stayed);
            goes.add(gone);
            call.add(called);
            resume.add(called + started);
        }
    }
    let mut figure = Figure::new(
        "answer",
        "From `cw message answer` to the agent's first byte",
    );
    figure.row(Row::ratio(
        "an agent that waits in `cw ask` ÷ `cw --version` + one FULL commit",
        &stays,
        &call,
        None,
    ));
    figure.row(Row::ratio(
        "a parked agent that is resumed ÷ `cw --version` + one FULL commit + start",
        &goes,
        &resume,
        None,
    ));
    figure.note(
        "The clock starts before `cw message answer` is executed; the script looks at it as its first act after the answer. \
         By hand: the same program started to print its version, a row committed, the same script started.",
    );
    Ok(figure)
}

/// How long calling `cw` and a commit take, and how long a start.
fn by_hand(stage: &Stage, commit: &mut Commits) -> Tried<(Duration, Duration)> {
    settle();
    let begun = now()?;
    quietly(&mut stage.command(&["--version"]))?;
    commit()?;
    let called = now()?.saturating_sub(begun);
    let begun = now()?;
    quietly(Command::new(stage.file("agent.sh")).env("STAGE", &stage.root))?;
    Ok((called, stamp(stage)?.saturating_sub(begun)))
}

/// Has an agent ask, and answers once it stays or is gone.
fn asked(stage: &Stage, how: &str) -> Tried<Duration> {
    quietly(&mut stage.command(&["spawn", how]))?;
    let wanted = if how == "stay" { "waiting" } else { "parked" };
    let id = wait("the question", Duration::from_millis(10), || {
        let agents = stage.json(&["agent", "list"])?;
        let agents = agents["agents"].as_array().ok_or("no agents in the list")?;
        let messages = stage.json(&["message", "list"])?;
        let messages = messages["messages"]
            .as_array()
            .ok_or("no messages in the list")?;
        let open = messages.iter().find(|message| message["status"] == "open");
        let there = agents.iter().any(|agent| agent["status"] == wanted);
        Ok(open
            .filter(|_| there)
            .map(|message| message["id"].to_string()))
    })?;
    settle();
    let begun = now()?;
    quietly(&mut stage.command(&["message", "answer", id.trim_matches('"'), "this one"]))?;
    let first = stamp(stage)?.saturating_sub(begun);
    wait("the agent to end", Duration::from_millis(10), || {
        Ok((stage.count("waiting")? + stage.count("running")? == 0).then_some(()))
    })?;
    stage.wait_for_quiet()?;
    Ok(first)
}
