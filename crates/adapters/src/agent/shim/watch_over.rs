//! One run from the start of the program to its record: starts the agent, sets the threads to
//! work, waits for the program's end, ends what is left of its tree, writes down how it ended.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use cw_core::ports::agents::Stream;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::super::order::ShimOrder;
use super::super::procs;
use super::super::run_folder::{ExitRecord, LOCK, STARTED, StartedRecord, log_name};
use super::super::spawn;
use super::cgroup::Cgroup;
use super::control::Control;
use super::keeper::Keeper;
use super::socket::{Desk, listen};
use super::stdin::Gate;
use super::{Journal, STACK, interrupt, make_tmp, open_socket, os, put, report, tree, write_exit};

/// How long the keepers may go on once nobody is left who could write: somebody outside the tree
/// may hold the other end.
const DRAIN: Duration = Duration::from_secs(2);

/// How often the run folder is looked for.
const LOOK: Duration = Duration::from_secs(10);

/// Tries to write the record, with a pause of a fifth of a second between them.
const RECORD_TRIES: u32 = 3000;

/// Runs the order to its end.
pub(super) fn run(
    mut order: ShimOrder,
    group: Option<Cgroup>,
    started: &mut StartedRecord,
    journal: &Journal,
) -> io::Result<()> {
    let mut record = ExitRecord {
        version: started.version,
        run: started.run.clone(),
        started_ms: started.at_ms,
        ..ExitRecord::default()
    };
    let control = Arc::new(Control::default());
    heed_signals(&control)?;
    make_tmp();
    let logs = [log(Stream::Out)?, log(Stream::Err)?];
    let socket = open_socket(journal);
    let child = match start(&order) {
        Ok(child) => child,
        Err(err) => {
            let program = order.program.as_os().display();
            record.errno = err.raw_os_error();
            record.spawn_error = Some(format!("{program}: {err}"));
            write_down(&mut record, journal);
            report(0);
            if let Some(group) = group {
                group.remove();
            }
            return Ok(());
        }
    };
    let pid = child.id();
    started.pid = Some(pid);
    put(STARTED, &serde_json::to_vec(started)?)
        .unwrap_or_else(|err| journal.note(&format!("no process id in {STARTED}: {err}")));
    report(0);
    let gate = Arc::new(Gate::default());
    gate.give(std::mem::take(&mut order.stdin.0));
    if !order.keep_stdin_open {
        gate.close();
    }
    let grace = [order.interrupt_ms, order.terminate_ms].map(Duration::from_millis);
    let caps = (order.line_cap, order.output_cap);
    drop(order);
    set_to_work(child, logs, caps, &control, &gate)?;
    if let Some(socket) = socket {
        let desk = Arc::new(Desk {
            control: Arc::clone(&control),
            gate,
            pid,
        });
        thread("listener", move || listen(&socket, &desk))?;
    }
    let group = Arc::new(group);
    let (hand, of) = (Arc::clone(&control), Arc::clone(&group));
    thread("stopper", move || {
        take_in(&hand, of.as_ref().as_ref(), pid);
        stop_when_asked(&hand, pid, grace, of.as_ref().as_ref());
    })?;

    let status = wait_for(pid);
    record.stopped = control.change(|facts| {
        facts.ended = true;
        facts.stop.clone()
    });
    finish(
        &mut record,
        status,
        &control,
        group.as_ref().as_ref(),
        pid,
        journal,
    );
    Ok(())
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new()
        .name(name.into())
        .stack_size(STACK)
        .spawn(work)
        .map(drop)
}

fn log(stream: Stream) -> io::Result<File> {
    File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(log_name(stream))
}

fn start(order: &ShimOrder) -> io::Result<Child> {
    let args = order.args.iter().map(super::super::order::Text::as_os);
    let env = order
        .env
        .iter()
        .map(|(name, value)| (name.as_os(), value.as_os()));
    spawn::agent(order.program.as_os(), args, env, order.cwd.as_os())
}

/// A hangup means nothing here; a request to end means to stop the tree.
fn heed_signals(control: &Arc<Control>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let control = Arc::clone(control);
    thread("signals", move || {
        for signal in signals.forever() {
            if signal != SIGHUP {
                control.ask_stop("signal");
            }
        }
    })
}

fn set_to_work(
    mut child: Child,
    logs: [File; 2],
    (line_cap, output_cap): (u64, u64),
    control: &Arc<Control>,
    gate: &Arc<Gate>,
) -> io::Result<()> {
    let [out_log, err_log] = logs;
    let none = || io::Error::other("the program has no pipe");
    let out = child.stdout.take().ok_or_else(none)?;
    let err = child.stderr.take().ok_or_else(none)?;
    let stdin = child.stdin.take().ok_or_else(none)?;
    keep(
        out,
        Stream::Out,
        Keeper::new(out_log, line_cap, output_cap),
        control,
    )?;
    keep(
        err,
        Stream::Err,
        Keeper::new(err_log, line_cap, output_cap),
        control,
    )?;
    let gate = Arc::clone(gate);
    thread("stdin", move || gate.serve(stdin))
}

fn keep(
    from: impl Read + Send + 'static,
    stream: Stream,
    keeper: Keeper,
    control: &Arc<Control>,
) -> io::Result<()> {
    let control = Arc::clone(control);
    thread("keeper", move || {
        let cut = keeper.keep_all(from, &mut |length| control.grew(stream, length));
        control.change(|facts| {
            facts.keepers_done += 1;
            facts.output_cut |= cut;
        });
    })
}

/// Puts the program and what it has started by now into its group.
fn take_in(control: &Control, group: Option<&Cgroup>, pid: u32) {
    let Some(group) = group else { return };
    control.unless_ended(|| group.take_in(pid));
    for seen in procs::descendants(std::process::id()) {
        control.unless_ended(|| group.take_in(seen.pid));
    }
}

/// Whether the run folder was deleted: nobody can find the run then, to stop it or to take its work.
fn is_abandoned() -> bool {
    matches!(Path::new(LOCK).try_exists(), Ok(false))
}

/// Interrupt, terminate, kill: each after the patience for the one before.
fn stop_when_asked(control: &Control, pid: u32, grace: [Duration; 2], group: Option<&Cgroup>) {
    if !control.wait_for_stop(LOOK, is_abandoned) {
        return;
    }
    interrupt(control, pid);
    if control.wait(grace[0], |facts| facts.ended) {
        return;
    }
    tree::signal_all(Signal::TERM);
    if control.wait(grace[1], |facts| facts.ended) {
        return;
    }
    let mut known = std::collections::BTreeSet::new();
    loop {
        tree::strike(group, &mut known);
        if control.wait(Duration::from_millis(5), |facts| facts.ended) {
            return;
        }
    }
}

/// Waits for the program itself and takes note of every orphan that ends before it.
fn wait_for(pid: u32) -> Option<WaitStatus> {
    let wanted = i32::try_from(pid).ok().and_then(Pid::from_raw);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if Some(ended) == wanted => return Some(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

fn finish(
    record: &mut ExitRecord,
    status: Option<WaitStatus>,
    control: &Control,
    group: Option<&Cgroup>,
    pid: u32,
    journal: &Journal,
) {
    record.code = status.and_then(WaitStatus::exit_status);
    record.signal = status.and_then(WaitStatus::terminating_signal);
    record.leftovers = tree::end_all(group, pid).unwrap_or_else(|killed| {
        journal.note("some processes would not die");
        killed
    });
    if !control.wait(DRAIN, |facts| facts.keepers_done == 2) {
        journal.note("somebody outside the tree holds the output open");
    }
    (record.cpu_ms, record.peak_bytes) = os::used_by_children();
    record.output_cut = control.facts().output_cut;
    write_down(record, journal);
    control.change(|facts| facts.over = true);
    if let Some(group) = group {
        group.remove();
    }
}

fn write_down(record: &mut ExitRecord, journal: &Journal) {
    record.ended_ms = os::now_ms();
    for attempt in 0..RECORD_TRIES {
        match write_exit(record) {
            Ok(()) => return,
            Err(_) if is_abandoned() => return,
            Err(err) if attempt == 0 => journal.note(&format!("no record yet: {err}")),
            Err(_) => {}
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
