//! A host for tests whose server is a thread that gives canned answers over a real socket.

use crate::host::Host;
use cw_wire::ErrorView;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Answers the nth request (from 0), given whole.
type Answer = dyn Fn(usize, &str) -> String + Send + Sync;

/// The host.
pub(crate) struct Canned {
    pub(crate) socket: PathBuf,
    answer: Arc<Answer>,
    heard: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Canned {
    /// Builds a host whose server does not run yet.
    pub(crate) fn new(answer: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (answer, heard): (Arc<Answer>, _) = (Arc::new(answer), Arc::default());
        Self {
            socket: folder.path().join("s"),
            answer,
            heard,
            folder,
        }
    }

    /// Runs the server: one request to a connection.
    pub(crate) fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        let (answer, heard) = (Arc::clone(&self.answer), Arc::clone(&self.heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
                std::thread::spawn(move || serve(stream, &*answer, &heard));
            }
        });
    }

    /// The requests so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(mut stream: UnixStream, answer: &Answer, heard: &Mutex<Vec<String>>) {
    let mut bytes = [0; 4096];
    let Ok(n @ 1..) = stream.read(&mut bytes) else {
        return;
    };
    let request = String::from_utf8_lossy(&bytes[..n]).into_owned();
    let nth = {
        let mut heard = heard.lock().unwrap();
        heard.push(request.clone());
        heard.len() - 1
    };
    let _ = stream.write_all(answer(nth, &request).as_bytes());
}

/// A response with a JSON body.
pub(crate) fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A stream of events.
pub(crate) fn events(events: &[String]) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let frames: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    format!("{head}: hello\n\n{frames}")
}

/// An event as JSON.
pub(crate) fn event(seq: u64, kind: &str) -> String {
    serde_json::json!({
        "seq": seq, "at": "2026-11-23T10:00:00Z", "type": kind, "project": null,
        "initiative": "accounts", "task": "login", "agent": null, "data": {},
    })
    .to_string()
}

impl Host for Canned {
    fn version(&self) -> &'static str {
        "9.9"
    }
    fn program(&self) -> PathBuf {
        PathBuf::from("/bin/cw")
    }
    fn socket(&self) -> PathBuf {
        self.socket.clone()
    }
    fn logs(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn start_server(&self, _listen: Option<&str>) -> Result<(), ErrorView> {
        self.listen();
        Ok(())
    }
    fn serve(&self, _listen: Option<&str>, _stop_agents: bool) -> Result<(), ErrorView> {
        Ok(())
    }
    fn shim(&self, _args: &[OsString]) -> u8 {
        7
    }
    fn page(&self, _command: &str, _text: &str) -> io::Result<()> {
        Ok(())
    }
    fn demo_repository(&self, _dir: &Path) -> Result<(), ErrorView> {
        Ok(())
    }
    fn at_home(&self, _home: &Path) -> Box<dyn Host> {
        Box::new(Self::new(|_, _| String::new()))
    }
}
