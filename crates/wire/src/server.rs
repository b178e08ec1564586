//! The server itself.

use crate::procedure::procedures;
use crate::scope::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

procedures! {
    /// Tells how the server stands.
    Query Status = "server.status": Nothing => ServerStatus;
    /// Ends the server; agents go on. Answers before it ends.
    Command Stop = "server.stop": Nothing => ServerStatus;
}

/// How the server stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerStatus {
    /// Whether one runs.
    pub running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// Its version.
    pub version: Option<String>,
    /// The path of its socket.
    pub socket: Option<String>,
    /// The TCP address it listens on besides.
    pub listen: Option<String>,
    /// How long it has been up, seconds.
    pub uptime_s: Option<u64>,
    /// How many agents are at work.
    pub agents: u32,
    /// How many projects are registered.
    pub projects: u32,
    /// The protocol it speaks.
    #[serde(default)]
    pub protocol: Option<u32>,
    /// The number of the last event.
    #[serde(default)]
    pub seq: Option<u64>,
}
