//! Who the agent is: by the environment, or by that of the processes above. Some programs start
//! tool servers without the environment that they were given themselves.

use cw_wire::handshake::{SOCKET_VARIABLE, TOKEN_VARIABLE};
use std::path::PathBuf;

/// How many processes above are looked at.
const DEPTH: usize = 16;

/// An agent, and the way to its server.
pub(super) struct Identity {
    pub(super) token: String,
    pub(super) socket: PathBuf,
}

/// The agent that this process belongs to.
pub(super) fn identity() -> Option<Identity> {
    let own = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(token), Some(socket)) = (own(TOKEN_VARIABLE), own(SOCKET_VARIABLE)) {
        let socket = socket.into();
        return Some(Identity { token, socket });
    }
    let mut pid = std::os::unix::process::parent_id();
    for _ in 0..DEPTH {
        // Only Linux shows it; elsewhere there is nothing to read.
        if let Some(found) = in_environment(&std::fs::read(format!("/proc/{pid}/environ")).ok()?) {
            return Some(found);
        }
        pid = parent(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    }
    None
}

fn in_environment(environment: &[u8]) -> Option<Identity> {
    let value = |name: &str| {
        let mut parts = environment.split(|byte| *byte == 0);
        let found = parts.find_map(|part| part.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        found.and_then(|value| String::from_utf8(value.to_vec()).ok())
    };
    Some(Identity {
        token: value(TOKEN_VARIABLE)?,
        socket: value(SOCKET_VARIABLE)?.into(),
    })
}

/// The parent, by a process's line of state.
fn parent(stat: &str) -> Option<u32> {
    // The name, in parentheses, may hold anything; state and parent follow the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
    (parent > 1).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_the_token_and_the_socket_are_wanted() {
        let found = in_environment(b"A=b\0CW_TOKEN=t\0CW_SOCKET=/s\0").unwrap();
        assert_eq!((found.token.as_str(), found.socket), ("t", "/s".into()));
        assert!(in_environment(b"A=b\0CW_TOKEN=t\0").is_none());
        assert!(in_environment(b"").is_none());
    }

    #[test]
    fn a_name_with_parentheses_hides_no_parent() {
        assert_eq!(parent("7 (a) b) S 42 7 7"), Some(42));
        assert_eq!(parent("7 (a) S 1 7 7"), None);
        assert_eq!(parent("7"), None);
    }
}
