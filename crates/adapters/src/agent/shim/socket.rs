//! The shim's ear: a socket in the run folder that takes one command per line and answers each
//! with `ok …` or `err …`. Commands: `stdin NUMBER JSON-STRING`, `close-stdin`, `interrupt`,
//! `stop WHY`, `watch`. A watcher hears `grew OUT ERR` when output grew, `still` now and then, and
//! `exit` when the run is over; the end of the stream means: look at the folder.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::control::Control;
use super::stdin::Gate;
use super::{STACK, interrupt};

/// A command may be this long, in bytes.
const COMMAND_CAP: u64 = 64 << 20;

/// Connections at once.
const CONNECTIONS: usize = 32;

/// Steps in which a watcher is told of growth; what comes in between is told together.
const COALESCE: Duration = Duration::from_millis(10);

/// A silent watcher is asked whether it is still there.
const STILL: Duration = Duration::from_secs(30);

/// What commands act on.
pub(super) struct Desk {
    pub(super) control: Arc<Control>,
    pub(super) gate: Arc<Gate>,
    pub(super) pid: u32,
}

/// Takes connections for as long as the process lives.
pub(super) fn listen(listener: &UnixListener, desk: &Arc<Desk>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (desk, counter) = (Arc::clone(desk), Arc::clone(&open));
        let thread = std::thread::Builder::new()
            .name("connection".into())
            .stack_size(STACK);
        let started = thread.spawn(move || {
            // A connection that breaks is its owner's loss.
            let _ = desk.serve(&stream);
            counter.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Desk {
    fn serve(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_write_timeout(Some(STILL))?;
        let mut reader = BufReader::with_capacity(1024, stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            (&mut reader)
                .take(COMMAND_CAP)
                .read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok(());
            }
            let command = String::from_utf8_lossy(&line);
            let command = command.trim_end();
            if command == "watch" {
                return self.watch(stream);
            }
            let answer = match self.obey(command) {
                Ok(detail) => format!("ok{detail}\n"),
                Err(why) => format!("err {why}\n"),
            };
            (&mut &*stream).write_all(answer.as_bytes())?;
        }
    }

    fn obey(&self, command: &str) -> Result<String, String> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        match verb {
            "stdin" => {
                let (number, text) = rest.split_once(' ').ok_or("stdin NUMBER JSON-STRING")?;
                let number = number.parse().map_err(|_| "not a number")?;
                let line = serde_json::from_str(text).map_err(|_| "not a JSON string")?;
                self.gate.pass(number, line)?;
                Ok(format!(" {number}"))
            }
            "close-stdin" => {
                self.gate.close();
                Ok(String::new())
            }
            "interrupt" => {
                interrupt(&self.control, self.pid);
                Ok(String::new())
            }
            "stop" => {
                self.control
                    .ask_stop(if rest.is_empty() { "asked" } else { rest });
                Ok(String::new())
            }
            _ => Err("no such command".into()),
        }
    }

    fn watch(&self, stream: &UnixStream) -> io::Result<()> {
        let mut to = stream;
        let mut told = None;
        loop {
            self.control.wait(STILL, |facts| {
                facts.over || Some((facts.out, facts.err)) != told
            });
            let facts = self.control.facts();
            let now = (facts.out, facts.err);
            let news = match told {
                Some(before) if before == now => "still\n".to_owned(),
                _ => format!("grew {} {}\n", now.0, now.1),
            };
            told = Some(now);
            to.write_all(news.as_bytes())?;
            if facts.over {
                return to.write_all(b"exit\n");
            }
            std::thread::sleep(COALESCE);
        }
    }
}
