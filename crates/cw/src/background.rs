//! A server in the background: this program started once more, on its own, and waited for until
//! its socket answers.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cw_adapters::agent::scope;
use cw_adapters::home::Home;
use cw_wire::{ErrorCode, ErrorView};

/// Tells a server that nobody watches its terminal.
const MARK: &str = "CW_BACKGROUND";
/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(3);

/// Whether this process was started as a server in the background.
pub(crate) fn is_background() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Starts a server and waits until it answers.
pub(crate) fn start(
    home: &Home,
    home_variable: Option<&OsStr>,
    listen: Option<&str>,
) -> Result<(), ErrorView> {
    home.create()
        .map_err(|error| unreachable(&error.to_string(), "choose another folder with CW_HOME"))?;
    let said = home.logs().join("server.out");
    let scope = scope();
    match start_behind(
        scope.unwrap_or_default(),
        home,
        &said,
        home_variable,
        listen,
    ) {
        // What helps to end whole trees must not keep a server from coming up.
        Err(_) if scope.is_some() => start_behind(&[], home, &said, home_variable, listen),
        done => done,
    }
}

fn start_behind(
    words: &[&str],
    home: &Home,
    said: &Path,
    home_variable: Option<&OsStr>,
    listen: Option<&str>,
) -> Result<(), ErrorView> {
    let mut child = spawn(words, said, home_variable, listen).map_err(|error| {
        unreachable(
            &format!("the server cannot be started: {error}"),
            "`cw serve` shows more",
        )
    })?;
    let until = Instant::now() + PATIENCE;
    loop {
        if UnixStream::connect(home.socket()).is_ok() {
            return Ok(());
        }
        if let Ok(Some(_)) = child.try_wait() {
            // Another one may have been faster: then it answers in a moment.
            return wait_for_other(home, said);
        }
        if Instant::now() > until {
            return Err(unreachable(
                &last_words(said),
                "`cw server logs` shows more",
            ));
        }
        std::thread::sleep(LOOK);
    }
}

fn wait_for_other(home: &Home, said: &Path) -> Result<(), ErrorView> {
    let words = last_words(said);
    if words.contains("runs already") {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if UnixStream::connect(home.socket()).is_ok() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }
    Err(unreachable(
        &words,
        "`cw serve` starts it in the foreground and shows more",
    ))
}

#[expect(clippy::disallowed_methods, reason = "this is the server's door")]
fn spawn(
    words: &[&str],
    said: &Path,
    home_variable: Option<&OsStr>,
    listen: Option<&str>,
) -> std::io::Result<Child> {
    let out = File::create(said)?;
    let program = crate::host::program();
    let mut command = match words {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command.arg("serve").env(MARK, "1").current_dir("/");
    if let Some(home) = home_variable {
        command.env("CW_HOME", std::path::absolute(home)?);
    }
    if let Some(address) = listen {
        command.args(["--listen", address]);
    }
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
}

/// The end of what a server said before it gave up.
fn last_words(said: &Path) -> String {
    let mut text = String::new();
    if let Ok(file) = File::open(said) {
        let _ = file.take(16 * 1024).read_to_string(&mut text);
    }
    let words: Vec<&str> = text
        .lines()
        .map(|line| {
            line.trim_start_matches("error: ")
                .trim_start_matches("cause: ")
        })
        .filter(|line| !line.starts_with("hint:") && !line.trim().is_empty())
        .collect();
    let last = words.len().saturating_sub(3);
    if words.is_empty() {
        "it said nothing".to_owned()
    } else {
        words[last..].join("; ")
    }
}

fn unreachable(cause: &str, hint: &str) -> ErrorView {
    ErrorView::new(ErrorCode::Unreachable, "the server does not come up")
        .cause(cause)
        .hint(hint)
}
