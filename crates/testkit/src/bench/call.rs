//! Speaks to the server over its socket without starting a program for it: one call, or the stream of events.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use cw_wire::handshake::{EVENTS_PATH, PROTOCOL, PROTOCOL_HEADER, RPC_PATH};
use serde_json::Value;

use super::Tried;
use super::stage::PATIENCE;

/// Calls a procedure.
///
/// # Errors
/// When the server cannot be reached or says no.
pub fn call(socket: &Path, procedure: &str, input: &Value) -> Tried<()> {
    let body = input.to_string();
    let head = format!(
        "POST {RPC_PATH}{procedure} HTTP/1.1\r\nHost: cw\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = connect(socket)?;
    stream
        .write_all(head.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .map_err(|error| error.to_string())?;
    let first = answer.lines().next().unwrap_or_default();
    if first.contains(" 200 ") {
        Ok(())
    } else {
        Err(format!("{procedure}: {answer}"))
    }
}

/// The events from now on, as they come.
pub struct Events(BufReader<UnixStream>);

impl Events {
    /// Opens the stream behind event number `after`.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn open(socket: &Path, after: u64) -> Tried<Self> {
        let mut stream = connect(socket)?;
        let head = format!(
            "GET {EVENTS_PATH}?after={after}&follow=1 HTTP/1.1\r\nHost: cw\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n\r\n"
        );
        stream
            .write_all(head.as_bytes())
            .map_err(|error| error.to_string())?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The next event of this kind.
    ///
    /// # Errors
    /// When the stream ends, or nothing comes for long.
    pub fn next(&mut self, kind: &str) -> Tried<Value> {
        loop {
            let mut line = String::new();
            let read = self
                .0
                .read_line(&mut line)
                .map_err(|error| format!("waiting for {kind}: {error}"))?;
            if read == 0 {
                return Err(format!("the events ended before {kind}"));
            }
            // The sizes of chunks stand on lines of their own; a server's event never spans two chunks.
            let Some(text) = line.strip_prefix("data: ") else {
                continue;
            };
            let event: Value =
                serde_json::from_str(text.trim()).map_err(|error| format!("{text}: {error}"))?;
            if event["type"] == kind {
                return Ok(event);
            }
        }
    }
}

fn connect(socket: &Path) -> Tried<UnixStream> {
    let stream =
        UnixStream::connect(socket).map_err(|error| format!("{}: {error}", socket.display()))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    Ok(stream)
}
