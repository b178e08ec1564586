//! Agents that behave in ways that a shell script cannot.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, exit};

/// Plays the agent called `what` and never returns.
pub fn play(what: &str) -> ! {
    match what {
        "walkers" => walkers(),
        "walk" => walk(),
        "rename" => rename(),
        "renamed" => renamed(),
        "claude" => claude(true),
        "claude-stays" => claude(false),
        _ => exit(99),
    }
}

fn again(what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["agent", what])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Sets processes going that start their successor in a session of its own and end, for ever.
fn walkers() -> ! {
    let mut children: Vec<_> = (0..4).map(|_| again("walk").spawn().unwrap()).collect();
    println!("walking");
    std::io::stdout().flush().unwrap();
    for child in &mut children {
        child.wait().unwrap();
    }
    loop {
        std::thread::park();
    }
}

fn walk() -> ! {
    let _ = rustix::process::setsid();
    let _ = again("walk").process_group(0).spawn();
    exit(0)
}

/// Becomes a program that looks like a thread of the kernel, in words and in name.
fn rename() -> ! {
    let mut command = again("renamed");
    let failed = command.arg0("[kworker/u8:3]").env_clear().exec();
    panic!("{failed}")
}

fn renamed() -> ! {
    let _ = rustix::process::setsid();
    let _ = rustix::thread::set_name(c"kworker/u8:3");
    loop {
        std::thread::park();
    }
}

/// Speaks like Claude Code: asks for a permission, says what it was answered, and how many lines
/// it was sent in all until its input ended.
fn claude(goes: bool) -> ! {
    let mut lines = std::io::stdin().lock().lines();
    let (hello, prompt) = (
        lines.next().unwrap().unwrap(),
        lines.next().unwrap().unwrap(),
    );
    assert!(hello.contains("initialize") && prompt.contains("\"role\":\"user\""));
    say(r#"{"type":"system","subtype":"init","session_id":"abc"}"#);
    say(concat!(
        r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","#,
        r#""tool_name":"Bash","input":{"command":"ls"}}}"#
    ));
    let answer = lines.next().unwrap().unwrap();
    let verdict = if answer.contains("\"allow\"") {
        "allowed"
    } else {
        "denied"
    };
    say(&format!(
        r#"{{"type":"result","is_error":false,"terminal_reason":"completed","result":"{verdict}"}}"#
    ));
    let more = lines.count();
    say(&format!("more lines: {more}"));
    if goes {
        exit(0);
    }
    loop {
        std::thread::park();
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}
