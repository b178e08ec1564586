//! The one door through which a pager is started.

use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};

/// Shows a text through a pager command line, as git does: through the shell.
#[expect(clippy::disallowed_methods, reason = "this is the pager's door")]
pub(crate) fn page(command: &str, text: &str) -> std::io::Result<()> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("LESSCHARSET", "utf-8")
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(text.as_bytes()) {
            // The reader has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            result => result?,
        }
    }
    let status = child.wait()?;
    if status.code() == Some(127) {
        return Err(std::io::Error::new(
            ErrorKind::NotFound,
            format!("'{command}' cannot be started"),
        ));
    }
    Ok(())
}
