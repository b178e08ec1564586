//! The guard before the TCP listener: a bearer token, and a Host and an Origin that are this
//! machine's own, so that a page in a browser reaches nothing by a name that it chose.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use cw_wire::handshake::MCP_PATH;

/// What callers over TCP must show.
#[derive(Clone)]
pub struct Guard {
    token: Arc<str>,
    host: Arc<str>,
}

/// Whose token a caller shows.
#[derive(PartialEq, Eq, Debug)]
enum Shown {
    /// The listener's.
    Own,
    /// That of an agent, which is still to be looked up.
    Agents,
}

impl Guard {
    /// Guards a listener on `address` with `token`, which is written to a file for this user alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(address: &str, token: &str, file: &Path) -> std::io::Result<Self> {
        let _ = std::fs::remove_file(file);
        let mut open = std::fs::OpenOptions::new();
        let mut opened = open.write(true).create_new(true).mode(0o600).open(file)?;
        writeln!(opened, "{token}")?;
        Ok(Self {
            token: token.into(),
            host: name_of(address).into(),
        })
    }

    /// The name that the listener goes by, as it was typed.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn lets_in(&self, path: &str, headers: &HeaderMap) -> Result<Shown, &'static str> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let own = |name: &str| ["localhost", "127.0.0.1", "[::1]", &self.host].contains(&name);
        if !text(header::HOST).is_some_and(|host| own(name_of(host))) {
            return Err("the Host header does not name this server");
        }
        let origin = headers
            .get(header::ORIGIN)
            .map(|_| text(header::ORIGIN).unwrap_or(""));
        let of_page = origin.map(|origin| {
            origin
                .split_once("://")
                .map_or("", |(_, host)| name_of(host))
        });
        if of_page.is_some_and(|name| !own(name)) {
            return Err("the page that asks is not this server's own");
        }
        let shown = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if path == MCP_PATH && shown.is_some() {
            return Ok(Shown::Agents);
        }
        if !shown.is_some_and(|shown| same(shown.as_bytes(), self.token.as_bytes())) {
            return Err("a bearer token is wanted");
        }
        Ok(Shown::Own)
    }
}

/// Lets a request through when it shows the token and comes from where it may.
pub async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    match guard.lets_in(request.uri().path(), request.headers()) {
        // The tools look at it themselves.
        Ok(Shown::Agents) => next.run(request).await,
        Ok(Shown::Own) => {
            // The token has told who it is; behind here only agents have tokens.
            request.headers_mut().remove(header::AUTHORIZATION);
            next.run(request).await
        }
        Err(why) => (StatusCode::UNAUTHORIZED, why).into_response(),
    }
}

/// The host of `host:port`.
fn name_of(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => address,
    }
}

/// Compares without telling by its time where the first difference is.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pairs: &[(&str, &str)]) -> Result<Shown, &'static str> {
        at("/rpc/task.list", pairs)
    }

    fn at(path: &str, pairs: &[(&str, &str)]) -> Result<Shown, &'static str> {
        let guard = Guard {
            token: "secret".into(),
            host: "10.0.0.7".into(),
        };
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        guard.lets_in(path, &headers)
    }

    #[test]
    fn a_token_a_known_host_and_no_foreign_page_are_wanted() {
        let token = ("authorization", "Bearer secret");
        assert_eq!(answer(&[("host", "127.0.0.1:7000"), token]), Ok(Shown::Own));
        assert_eq!(answer(&[("host", "10.0.0.7:7000"), token]), Ok(Shown::Own));
        assert_eq!(
            answer(&[
                ("host", "localhost"),
                ("origin", "http://localhost:7000"),
                token
            ]),
            Ok(Shown::Own)
        );
        assert!(answer(&[("host", "127.0.0.1:7000")]).is_err());
        assert!(
            answer(&[
                ("host", "127.0.0.1:7000"),
                ("authorization", "Bearer secret2")
            ])
            .is_err()
        );
        assert!(answer(&[("host", "evil.example:7000"), token]).is_err());
        assert!(
            answer(&[
                ("host", "localhost"),
                ("origin", "https://evil.example"),
                token
            ])
            .is_err()
        );
        assert!(answer(&[("host", "localhost"), ("origin", "null"), token]).is_err());
        assert!(answer(&[token]).is_err());
    }

    #[test]
    fn only_the_tools_are_open_to_the_tokens_of_agents() {
        let agents = ("authorization", "Bearer of an agent");
        let host = ("host", "localhost:7000");
        assert_eq!(at(MCP_PATH, &[host, agents]), Ok(Shown::Agents));
        assert!(at(MCP_PATH, &[host]).is_err());
        assert!(at(MCP_PATH, &[("host", "evil.example"), agents]).is_err());
        assert!(at("/rpc/me.task", &[host, agents]).is_err());
    }
}
