//! Talking with a command that runs: all three pipes at once, a limit on what it writes and how
//! long it takes, the end of its whole process group when it oversteps.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::STDERR_TAIL;

/// How often a command that neither writes nor ends is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How a command came to its end.
pub(super) enum End {
    Exited(ExitStatus),
    OutOfTime,
    Overrun,
}

/// What a command left.
pub(super) struct Ran {
    pub(super) end: End,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// A command at work.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) deadline: Instant,
}

impl Running {
    /// Talks with it until it ends; whatever else ends the talk ends it too.
    pub(super) fn finish(mut self, input: Option<Vec<u8>>, limit: usize) -> io::Result<Ran> {
        let talked = self.talk(input, limit);
        if !matches!(
            talked,
            Ok(Ran {
                end: End::Exited(_),
                ..
            })
        ) {
            self.kill();
        }
        talked
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _reaped = self.child.wait();
    }

    fn talk(&mut self, input: Option<Vec<u8>>, limit: usize) -> io::Result<Ran> {
        let mut writer = self
            .child
            .stdin
            .take()
            .zip(input)
            .map(|(pipe, bytes)| Writer {
                pipe,
                bytes,
                done: 0,
            });
        let mut stdout = Reader::new(self.child.stdout.take());
        let mut stderr = Reader::new(self.child.stderr.take());
        for fd in [
            writer.as_ref().map(|w| w.pipe.as_fd()),
            stdout.fd(),
            stderr.fd(),
        ]
        .into_iter()
        .flatten()
        {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        let mut exited = None;
        while exited.is_none()
            && (stdout.pipe.is_some() || stderr.pipe.is_some() || writer.is_some())
        {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Ran {
                    end: End::OutOfTime,
                    stdout: stdout.bytes,
                    stderr: stderr.bytes,
                });
            }
            if !wait_ready(writer.as_ref(), &stdout, &stderr, left.min(LOOK))? {
                // A grandchild may keep the pipes open long after git is gone.
                exited = self.child.try_wait()?;
            }
            writer = writer.map(Writer::step).transpose()?.flatten();
            stdout.drain()?;
            stderr.drain()?;
            let excess = stderr.bytes.len().saturating_sub(4 * STDERR_TAIL);
            stderr.bytes.drain(..excess);
            if stdout.bytes.len() > limit {
                stdout.bytes.truncate(limit);
                return Ok(Ran {
                    end: End::Overrun,
                    stdout: stdout.bytes,
                    stderr: stderr.bytes,
                });
            }
        }
        drop(writer);
        let end = match exited {
            Some(status) => End::Exited(status),
            None => self.leave()?,
        };
        Ok(Ran {
            end,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
        })
    }

    fn leave(&mut self) -> io::Result<End> {
        let mut pause = Duration::from_micros(100);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(End::Exited(status));
            }
            if Instant::now() >= self.deadline {
                return Ok(End::OutOfTime);
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        }
    }
}

struct Writer {
    pipe: std::process::ChildStdin,
    bytes: Vec<u8>,
    done: usize,
}

impl Writer {
    /// Writes what fits; `None` when all is written or nobody reads any more.
    fn step(mut self) -> io::Result<Option<Self>> {
        while self.done < self.bytes.len() {
            match self.pipe.write(&self.bytes[self.done..]) {
                Ok(n) => self.done += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Some(self)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    }
}

struct Reader<R> {
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read + AsFd> Reader<R> {
    fn new(pipe: Option<R>) -> Self {
        Self {
            pipe,
            bytes: Vec::new(),
        }
    }

    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, at most a megabyte at a time, so that limits are looked at between.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 64 * 1024];
        for _ in 0..16 {
            let Some(pipe) = &mut self.pipe else {
                return Ok(());
            };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(n) => self.bytes.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn wait_ready<A: Read + AsFd, B: Read + AsFd>(
    writer: Option<&Writer>,
    stdout: &Reader<A>,
    stderr: &Reader<B>,
    limit: Duration,
) -> io::Result<bool> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
    fds.extend(writer.map(|w| PollFd::from_borrowed_fd(w.pipe.as_fd(), PollFlags::OUT)));
    fds.extend(
        stdout
            .fd()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
    );
    fds.extend(
        stderr
            .fd()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
    );
    let limit = Timespec::try_from(limit).unwrap_or_default();
    match poll(&mut fds, Some(&limit)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(e) => Err(e.into()),
    }
}
