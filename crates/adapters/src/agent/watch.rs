//! Follows one run to its end, for a thread of its own with a small stack. Reads the whole output
//! from its first line, so that the reader knows what was before, but tells only what lies behind
//! the stored offsets; what must be sent to the program is numbered by the place of the line that
//! asked for it, so that the shim passes it on once, however often the output is read.

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use cw_core::domain::time::Timestamp;
use cw_core::ports::agents::{
    AgentEvent, AgentsError, Batch, Ending, Follow, LineForm, LogLine, Observed, Offsets, RunState,
    Stream, Verdict,
};

use super::client::{self, Ear};
use super::driver::{Driver, LINGERED, Reaction, Reader};
use super::orphans;
use super::run_folder::{RunFolder, TMP};

/// Lines that answer output are numbered from here on.
pub(super) const REPLIES_FROM: u64 = 1 << 62;

/// Output read at once, in bytes.
const WINDOW: usize = 512 << 10;

/// A run is looked at this often even if it says nothing.
const LOOK: Duration = Duration::from_secs(30);

/// Whoever is told may gather this long before passing it on; then it is asked once more.
const PACE: Duration = Duration::from_secs(1);

struct Watch<'a> {
    folder: &'a RunFolder,
    reader: Box<dyn Reader>,
    /// Read so far.
    at: Offsets,
    /// Told before.
    from: Offsets,
    last_output_at: Option<Timestamp>,
    pid: Option<u32>,
    /// Since when the program should be gone.
    idle_since: Option<Instant>,
    /// When something was read last, until [`PACE`] has gone by with nothing new.
    fresh_since: Option<Instant>,
}

/// Follows the run in `folder`; see [`cw_core::ports::agents::Agents::follow`].
pub(super) fn follow(
    folder: &RunFolder,
    driver: &dyn Driver,
    follow: &Follow,
    on: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<Ending, AgentsError> {
    let mut watch = Watch {
        folder,
        reader: driver.reader(follow.resume, follow.permissions, &folder.memo()),
        at: Offsets::default(),
        from: follow.from,
        last_output_at: None,
        pid: None,
        idle_since: None,
        fresh_since: None,
    };
    let mut ear = Ear::open(folder.dir());
    loop {
        // The state comes first: what is read after the end is everything.
        let state = folder
            .state()
            .map_err(|err| failed("reading the run folder", &err))?;
        match state {
            RunState::NeverBegan => return Ok(Ending::NeverBegan),
            RunState::Crashed => orphans::end(folder).map_err(|left| AgentsError::Unstoppable {
                run: follow.run.clone(),
                left,
            })?,
            RunState::Alive { pid } => watch.pid = pid,
            RunState::Finished(_) => {}
        }
        let over = !matches!(state, RunState::Alive { .. });
        let read = watch
            .read_all(over, on)
            .map_err(|err| failed("reading output", &err))?;
        if read.is_break() {
            return Ok(Ending::LeftAlone);
        }
        if over {
            return Ok(watch.end(state));
        }
        if !ear.hears() {
            ear = Ear::open(folder.dir());
        }
        let patience = watch.patience(follow.linger);
        ear.wait(watch.unless_fresh(patience));
    }
}

fn failed(doing: &str, err: &io::Error) -> AgentsError {
    AgentsError::System {
        doing: doing.to_owned(),
        why: err.to_string(),
    }
}

impl Watch<'_> {
    /// Reads what there is, in portions, and tells each.
    fn read_all(
        &mut self,
        over: bool,
        on: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let before = self.at;
        let gathered = self
            .fresh_since
            .is_some_and(|since| since.elapsed() >= PACE);
        let told = self.read_and_tell(over, on)?;
        if self.at != before {
            self.fresh_since = Some(Instant::now());
        } else if gathered {
            self.fresh_since = None;
        }
        Ok(told)
    }

    fn read_and_tell(
        &mut self,
        over: bool,
        on: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        loop {
            let mut batch = Batch::default();
            let more = self.read_some(over, &mut batch)?;
            if more && self.at.out <= self.from.out && self.at.err <= self.from.err {
                // All of it was told before.
                continue;
            }
            batch.offsets = Offsets {
                out: self.at.out.max(self.from.out),
                err: self.at.err.max(self.from.err),
            };
            batch.last_output_at = self.last_output_at;
            batch.pid = self.pid;
            if on(batch).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if !more {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn read_some(&mut self, over: bool, batch: &mut Batch) -> io::Result<bool> {
        let (out, out_next) = self
            .folder
            .read_lines(Stream::Out, self.at.out, WINDOW, over)?;
        self.at.out = out_next;
        for line in &out {
            self.take(Stream::Out, line, self.from.out, over, batch);
        }
        let (err, err_next) = self
            .folder
            .read_lines(Stream::Err, self.at.err, WINDOW, over)?;
        self.at.err = err_next;
        for line in &err {
            self.take(Stream::Err, line, self.from.err, over, batch);
        }
        Ok(!(out.is_empty() && err.is_empty()))
    }

    fn take(&mut self, stream: Stream, line: &LogLine, told: u64, over: bool, batch: &mut Batch) {
        let reading = self.reader.line(stream, line);
        self.last_output_at = self.last_output_at.max(Some(line.at));
        self.idle_since = None;
        if line.offset >= told {
            let events = reading
                .events
                .into_iter()
                .map(|event| Observed { at: line.at, event });
            batch.events.extend(events);
            if line.form == LineForm::Note {
                // The one thing that a shim has to say.
                let (at, event) = (line.at, AgentEvent::OutputCut);
                batch.events.push(Observed { at, event });
            }
        }
        if let Some(reaction) = reading.reaction.filter(|_| !over) {
            self.react(&reaction, line.offset);
        }
    }

    /// A shim that cannot be reached is about to end, or the program will be found silent.
    fn react(&self, reaction: &Reaction, offset: u64) {
        let command = match reaction {
            Reaction::Send(line) => stdin_command(REPLIES_FROM + offset, line),
            Reaction::CloseStdin => "close-stdin".to_owned(),
            Reaction::Stop(why) => format!("stop {why}"),
        };
        let _ = client::tell(self.folder.dir(), &command);
    }

    /// How long to wait for news; ends a program that stays on after its end.
    fn patience(&mut self, linger: Duration) -> Duration {
        if !self.reader.should_go() {
            self.idle_since = None;
            return LOOK;
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        let left = linger.saturating_sub(since.elapsed());
        if left.is_zero() {
            let _ = client::tell(self.folder.dir(), &format!("stop {LINGERED}"));
            return LOOK;
        }
        left.min(LOOK)
    }

    /// Shortens a wait where something may have been gathered that nobody was told of.
    fn unless_fresh(&self, patience: Duration) -> Duration {
        match self.fresh_since {
            Some(since) => PACE.saturating_sub(since.elapsed()).min(patience),
            None => patience,
        }
    }

    fn end(&self, state: RunState) -> Ending {
        // What the program left there is nobody's any more.
        let _ = std::fs::remove_dir_all(self.folder.dir().join(TMP));
        match state {
            RunState::Finished(exit) => Ending::Over {
                verdict: self.reader.verdict(&exit),
                exit: Some(exit),
            },
            _ => Ending::Over {
                verdict: Verdict::Crashed,
                exit: None,
            },
        }
    }
}

/// The command that passes a line to standard input.
pub(super) fn stdin_command(number: u64, line: &str) -> String {
    format!("stdin {number} {}", serde_json::Value::from(line))
}
