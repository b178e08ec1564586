//! How a client and a server find out that they speak the same protocol.
//!
//! The client sends both headers with every request; a server of another protocol answers with
//! the error `version` and the hint to restart it.

/// The version of every shape in this crate; it rises when one changes incompatibly.
pub const PROTOCOL: u32 = 1;

/// The header that carries [`PROTOCOL`].
pub const PROTOCOL_HEADER: &str = "cw-protocol";

/// The header that carries the program's own version, for messages and logs.
pub const VERSION_HEADER: &str = "cw-version";

/// The path under which procedures are called: `POST /rpc/<name>`.
pub const RPC_PATH: &str = "/rpc/";

/// The path of the event stream.
pub const EVENTS_PATH: &str = "/events";

/// The path of the Model Context Protocol over HTTP, for agents.
pub const MCP_PATH: &str = "/mcp";

/// The header that names a call of a tool: made again, it says nothing anew.
pub const KEY_HEADER: &str = "cw-key";

/// The header that says how many seconds a question may block.
pub const WAIT_HEADER: &str = "cw-wait";

/// The header of a caller that says with `me.took` what has reached its agent.
pub const ACKS_HEADER: &str = "cw-acks";

/// The field of a tool's result (in its `_meta`) that lists the messages it hands over.
pub const HANDED_FIELD: &str = "cw/messages";

/// The environment variable that carries an agent's token.
pub const TOKEN_VARIABLE: &str = "CW_TOKEN";

/// The environment variable that carries the path of the server's socket.
pub const SOCKET_VARIABLE: &str = "CW_SOCKET";
