//! The server.

use crate::render::page::Page;
use crate::render::style::Tone;
use crate::render::{amount, escape};
use cw_wire::ServerStatus;

/// Draws how it stands.
pub(crate) fn status(status: &ServerStatus, page: &mut Page) {
    if !status.running {
        return page.faint("no server runs");
    }
    let word = page.style.paint(Tone::Good, "running");
    let pid = status
        .pid
        .map(|pid| format!(", process {pid}"))
        .unwrap_or_default();
    let up = status
        .uptime_s
        .map(|s| format!(", up {}", amount::duration(s as f64)));
    let version = status
        .version
        .as_ref()
        .map(|v| format!(", version {}", escape::line(v)));
    page.line(format!(
        "{word}{pid}{}{}",
        up.unwrap_or_default(),
        version.unwrap_or_default()
    ));
    page.maybe("socket", status.socket.as_deref());
    page.maybe("listen", status.listen.as_deref());
    page.field("projects", &status.projects.to_string());
    page.field("agents", &format!("{} at work", status.agents));
}

/// Draws that it was stopped.
pub(crate) fn ended(ended: &ServerStatus, page: &mut Page) {
    match ended.pid {
        Some(pid) => page.line(format!("stopped (process {pid})")),
        None => page.line("stopped"),
    }
}
