//! The order as it travels from the server to a shim: one JSON document on the shim's standard
//! input. It holds secrets and is never written to disk; what people may read of it is.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the document. A shim refuses any other.
pub(super) const VERSION: u32 = 1;

/// A line longer than this is cut, in bytes.
pub(super) const LINE_CAP: u64 = 4 << 20;

/// Output beyond this is dropped, in bytes of each of the two logs: no turn fills a disk.
pub(super) const OUTPUT_CAP: u64 = 256 << 20;

/// An order may be this long, in bytes.
pub(super) const ORDER_CAP: u64 = 256 << 20;

/// Everything a shim needs to know.
#[derive(Serialize, Deserialize)]
pub(super) struct ShimOrder {
    pub(super) version: u32,
    /// The name of the run.
    pub(super) run: String,
    pub(super) program: Text,
    pub(super) args: Vec<Text>,
    pub(super) cwd: Text,
    /// The whole environment of the agent.
    pub(super) env: Vec<(Text, Text)>,
    /// What the agent is given on standard input at once.
    pub(super) stdin: Text,
    /// Standard input stays open for more lines.
    pub(super) keep_stdin_open: bool,
    pub(super) interrupt_ms: u64,
    pub(super) terminate_ms: u64,
    pub(super) line_cap: u64,
    pub(super) output_cap: u64,
    /// Put the agent into a control group of its own, where that is possible.
    pub(super) cgroup: bool,
}

/// The part of an order that people may read: `order.json`.
#[derive(Serialize)]
pub(super) struct PublicOrder<'a> {
    version: u32,
    run: &'a str,
    program: &'a Text,
    args: &'a [Text],
    cwd: &'a Text,
    env_names: Vec<&'a Text>,
    stdin_bytes: usize,
    interrupt_ms: u64,
    terminate_ms: u64,
}

impl ShimOrder {
    /// The order without what is nobody's business.
    pub(super) fn public(&self) -> PublicOrder<'_> {
        PublicOrder {
            version: self.version,
            run: &self.run,
            program: &self.program,
            args: &self.args,
            cwd: &self.cwd,
            env_names: self.env.iter().map(|(name, _)| name).collect(),
            stdin_bytes: self.stdin.0.len(),
            interrupt_ms: self.interrupt_ms,
            terminate_ms: self.terminate_ms,
        }
    }
}

/// Bytes that are nearly always UTF-8: a JSON string then, else an array of numbers.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<u8>);

impl Text {
    /// The bytes as the system's string.
    pub(super) fn as_os(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl From<OsString> for Text {
    fn from(text: OsString) -> Self {
        Self(text.into_vec())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(&self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => to.collect_seq(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Bytes(Vec<u8>),
        }
        Ok(Self(match Form::deserialize(from)? {
            Form::Text(text) => text.into_bytes(),
            Form::Bytes(bytes) => bytes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> ShimOrder {
        let text = |s: &str| Text(s.as_bytes().to_vec());
        ShimOrder {
            version: VERSION,
            run: "7".into(),
            program: text("/bin/true"),
            args: vec![Text(vec![0xff, b'a'])],
            cwd: text("/"),
            env: vec![(text("KEY"), text("s3cret"))],
            stdin: text("do it"),
            keep_stdin_open: false,
            interrupt_ms: 1,
            terminate_ms: 1,
            line_cap: LINE_CAP,
            output_cap: OUTPUT_CAP,
            cgroup: true,
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_survive_the_journey() {
        let sent = serde_json::to_vec(&order()).unwrap();
        let got: ShimOrder = serde_json::from_slice(&sent).unwrap();
        assert_eq!(got.args[0].0, vec![0xff, b'a']);
        assert_eq!(got.stdin.0, b"do it");
    }

    #[test]
    fn the_public_part_names_variables_but_not_their_values() {
        let shown = serde_json::to_string(&order().public()).unwrap();
        assert!(
            shown.contains("KEY") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
}
