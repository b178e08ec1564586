//! Commands of the project itself (gates, setup) through the shell: bounded output, a time limit,
//! and nothing left behind, also not by a server that died while one ran.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use cw_core::ports::commands::{CommandError, CommandOrder, CommandReport, Commands};

use super::{environ, procs, spawn};

/// Marks every process of a command by the folder that it works in.
const MARKER: &str = "CW_COMMAND_IN";
/// How much of the end of the output is reported, in bytes.
const TAIL: usize = 32 * 1024;
/// How long processes that do not even obey a kill are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs commands through `sh`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shell;

impl Commands for Shell {
    fn run(&self, order: &CommandOrder) -> Result<CommandReport, CommandError> {
        let failed = |what: &str, err: &std::io::Error| CommandError {
            what: what.to_owned(),
            why: err.to_string(),
        };
        // Whatever a server that died meanwhile left running here would work in the same files.
        end_all(&order.cwd);
        let (reader, writer) = std::io::pipe().map_err(|err| failed("making a pipe", &err))?;
        let mut env: Vec<(OsString, OsString)> = environ::public(std::env::vars_os()).collect();
        env.extend(
            order
                .env
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        env.push((MARKER.into(), order.cwd.clone().into()));
        let log = match &order.log {
            Some(path) => Some(File::create(path).map_err(|err| failed("opening the log", &err))?),
            None => None,
        };
        let mut child = spawn::shell(&order.line, &order.cwd, env, writer)
            .map_err(|err| failed(&format!("starting `sh` in {}", order.cwd.display()), &err))?;
        let output = tail_of(reader, log);
        let (ended, end) = channel();
        std::thread::spawn(move || {
            let _ = ended.send(child.wait());
        });
        let (status, timed_out) = match end.recv_timeout(order.timeout) {
            Ok(status) => (status.ok(), false),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                end_all(&order.cwd);
                (end.recv_timeout(PATIENCE).ok().and_then(Result::ok), true)
            }
        };
        end_all(&order.cwd);
        Ok(CommandReport {
            code: status.and_then(|status| status.code()),
            timed_out,
            output: output.recv_timeout(PATIENCE).unwrap_or_default(),
        })
    }
}

/// Reads to the end in a thread of its own; the end of what was read comes as text.
fn tail_of(mut reader: PipeReader, mut log: Option<File>) -> Receiver<String> {
    let (send, tail) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut piece = [0; 8192];
        while let Ok(read @ 1..) = reader.read(&mut piece) {
            if let Some(log) = &mut log {
                let _ = log.write_all(&piece[..read]);
            }
            kept.extend_from_slice(&piece[..read]);
            if kept.len() > 2 * TAIL {
                kept.drain(..kept.len() - TAIL);
            }
        }
        kept.drain(..kept.len().saturating_sub(TAIL));
        let _ = send.send(String::from_utf8_lossy(&kept).into_owned());
    });
    tail
}

/// Ends every process of a command that worked in this folder.
fn end_all(cwd: &Path) {
    let until = Instant::now() + PATIENCE;
    let mut known = BTreeSet::new();
    loop {
        let found = procs::with_descendants(procs::marked(MARKER, cwd));
        if found.is_empty() || Instant::now() > until {
            return;
        }
        procs::strike(&found, &mut known);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str, timeout: Duration) -> (CommandReport, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let order = CommandOrder {
            cwd: dir.path().to_owned(),
            line: line.to_owned(),
            env: Vec::new(),
            timeout,
            log: None,
        };
        (Shell.run(&order).unwrap(), dir)
    }

    #[test]
    fn the_exit_code_and_both_outputs_are_reported() {
        let (report, _dir) = run("echo out; echo err >&2; exit 3", Duration::from_secs(60));
        assert_eq!((report.code, report.timed_out), (Some(3), false));
        assert_eq!(report.output, "out\nerr\n");
    }

    #[test]
    fn only_the_end_of_much_output_is_kept() {
        let (report, _dir) = run("yes | head -c 1000000; echo last", Duration::from_secs(60));
        assert_eq!(report.output.len(), TAIL);
        assert!(report.output.ends_with("last\n"));
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_its_tree() {
        let (report, dir) = run("setsid sleep 1000 & sleep 1000", Duration::from_millis(200));
        assert!(report.timed_out);
        assert_eq!(procs::marked(MARKER, dir.path()).len(), 0);
    }

    #[test]
    fn what_a_command_leaves_running_ends_with_it() {
        // Many times: what is just becoming another program is the hardest to see.
        for _ in 0..50 {
            let (report, dir) = run("setsid sleep 1000 & echo done", Duration::from_secs(60));
            assert_eq!((report.code, report.output.as_str()), (Some(0), "done\n"));
            assert_eq!(procs::marked(MARKER, dir.path()).len(), 0);
        }
    }

    #[test]
    fn private_variables_do_not_reach_commands() {
        let (report, _dir) = run("env | grep -c '^GIT_' || true", Duration::from_secs(60));
        assert_eq!(report.output, "0\n");
    }
}
