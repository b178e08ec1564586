//! Speaks with a shim through the socket in its run folder, from the server's side.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::run_folder::SOCKET;

/// The longest path that fits a socket's address, in bytes, with the zero at its end.
const PATH_CAP: usize = 100;

/// How long a shim may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What became of a command.
pub(super) enum Told {
    /// It was taken.
    Done,
    /// It was not, and why.
    Refused(String),
}

fn connect(dir: &Path) -> io::Result<UnixStream> {
    let path = dir.join(SOCKET);
    if path.as_os_str().as_bytes().len() < PATH_CAP || !cfg!(target_os = "linux") {
        return UnixStream::connect(path);
    }
    let dir = File::open(dir)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd()))
}

/// Gives one command and waits for its answer.
pub(super) fn tell(dir: &Path, command: &str) -> io::Result<Told> {
    let stream = connect(dir)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    (&stream).write_all(format!("{command}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::with_capacity(256, &stream)
        .take(4096)
        .read_line(&mut answer)?;
    match answer
        .trim_end()
        .split_once(' ')
        .unwrap_or((answer.trim_end(), ""))
    {
        ("ok", _) => Ok(Told::Done),
        ("err", why) => Ok(Told::Refused(why.to_owned())),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Hears when a run's output grows or the run ends. Without a socket it only lets time pass.
pub(super) struct Ear {
    stream: Option<UnixStream>,
}

/// How often a run is looked at that cannot be heard.
const POLL: Duration = Duration::from_millis(100);

impl Ear {
    /// Listens to the shim of `dir`, if it can be reached.
    pub(super) fn open(dir: &Path) -> Self {
        let stream = connect(dir).and_then(|stream| {
            stream.set_write_timeout(Some(ANSWER))?;
            (&stream).write_all(b"watch\n")?;
            Ok(stream)
        });
        Self {
            stream: stream.ok(),
        }
    }

    /// Whether there is something to listen to.
    pub(super) fn hears(&self) -> bool {
        self.stream.is_some()
    }

    /// Returns when there is news, or after `patience`, or soon when nothing can be heard.
    pub(super) fn wait(&mut self, patience: Duration) {
        let Some(stream) = &self.stream else {
            std::thread::sleep(patience.min(POLL));
            return;
        };
        let mut news = [0; 4096];
        let patience = patience.max(Duration::from_millis(1));
        let heard = stream
            .set_read_timeout(Some(patience))
            .and_then(|()| (&*stream).read(&mut news));
        match heard {
            Ok(0) => self.stream = None,
            Ok(_) => {}
            Err(err) => match err.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted => {}
                _ => self.stream = None,
            },
        }
    }
}
