//! The real Claude Code, driven by the scripted model: it works, commits and resumes without any network.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program it is about"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use cw_testkit::model::{Answer, Model, Request, Table};
use cw_testkit::programs::{self, Home};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

const SESSION: &str = "7b1f3a52-6c0e-4f6e-9d5b-2f6f0c1d9e01";

fn session(number: u8) -> String {
    format!("--session-id=7b1f3a52-6c0e-4f6e-9d5b-2f6f0c1d9e{number:02}")
}

/// A repository, a home for the program and the program itself.
struct Bench {
    _folder: TempDir,
    program: PathBuf,
    repository: PathBuf,
    home: Home,
}

impl Bench {
    fn new(program: PathBuf) -> Self {
        let folder = TempDir::new().unwrap();
        let repository = folder.path().join("repository");
        std::fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "--quiet", "--initial-branch=main"]);
        git(&repository, &["config", "user.name", "Ada"]);
        git(&repository, &["config", "user.email", "ada@example.org"]);
        git(
            &repository,
            &["commit", "--quiet", "--allow-empty", "--message=begin"],
        );
        let home = Home::create(&folder.path().join("home")).unwrap();
        Self {
            _folder: folder,
            program,
            repository,
            home,
        }
    }

    /// Starts a turn of the program and prompts it; `session` is `--session-id=…` or `--resume=…`.
    fn start(&self, model: &Model, scenario: &str, session: &str, prompt: &str) -> Turn {
        let mut child = self
            .home
            .claude_command(&self.program, &self.repository, &model.base_url(scenario))
            .args([
                "-p",
                "--input-format=stream-json",
                "--output-format=stream-json",
                "--verbose",
            ])
            .args([
                "--permission-prompt-tool=stdio",
                "--permission-mode=acceptEdits",
            ])
            .args([
                "--allowedTools=Bash(git *)",
                "--setting-sources=",
                "--strict-mcp-config",
                session,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut turn = Turn {
            child,
            stdin,
            stdout,
        };
        turn.send(&json!({
            "type": "user", "session_id": "", "parent_tool_use_id": null,
            "message": { "role": "user", "content": prompt },
        }));
        turn
    }

    /// A turn that needs nothing but its prompt and succeeds.
    fn turn(&self, model: &Model, session: &str, prompt: &str) -> Vec<Value> {
        let (lines, status) = self.start(model, "offline", session, prompt).finish();
        assert!(status.success(), "{status}\n{lines:#?}");
        lines
    }
}

/// A running turn of the program.
struct Turn {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Turn {
    fn send(&mut self, line: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Reads on until a line of this type, and returns it.
    fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stdout.read_line(&mut line).unwrap(),
                0,
                "it ended without {kind}"
            );
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["type"] == kind {
                return line;
            }
        }
    }

    /// Ends the input and reads to the end.
    fn finish(mut self) -> (Vec<Value>, ExitStatus) {
        drop(self.stdin.take());
        let lines = self
            .stdout
            .lines()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        let lines = lines.collect();
        (lines, self.child.wait().unwrap())
    }
}

fn git(repository: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(repository)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn result(lines: &[Value]) -> &Value {
    lines
        .iter()
        .rfind(|line| line["type"] == "result")
        .expect("the program prints a result")
}

#[test]
fn claude_writes_commits_and_resumes_against_the_scripted_model() {
    let Some(program) = programs::claude_or_skip() else {
        return;
    };
    let bench = Bench::new(program);
    let commit = "git add -A && git commit --quiet --message='add hello'";
    let script = Table::new()
        .on(
            "add a greeting",
            [
                Answer::text("I will write it.").then(Answer::write("hello.txt", "hello\n")),
                Answer::bash(commit),
                Answer::text("It is committed."),
            ],
        )
        .on("what did you do", [Answer::text("I added hello.txt.")]);
    let model = Model::start(script).unwrap();

    let lines = bench.turn(&model, &session(1), "Please add a greeting.");
    assert_eq!(result(&lines)["is_error"], false, "{lines:#?}");
    assert_eq!(result(&lines)["result"], "It is committed.");
    assert_eq!(result(&lines)["session_id"], SESSION);
    assert_eq!(git(&bench.repository, &["show", "HEAD:hello.txt"]), "hello");
    assert_eq!(
        git(&bench.repository, &["log", "-1", "--format=%an %s"]),
        "Ada add hello"
    );
    let results: Vec<_> = model.requests("offline").last().unwrap().tool_results();
    assert_eq!(
        results
            .iter()
            .map(|result| result.is_error)
            .collect::<Vec<_>>(),
        [false, false]
    );

    let lines = bench.turn(
        &model,
        &format!("--resume={SESSION}"),
        "And what did you do?",
    );
    assert_eq!(result(&lines)["result"], "I added hello.txt.");
    assert_eq!(result(&lines)["session_id"], SESSION);
    let prompts = model.requests("offline").last().unwrap().prompts();
    assert_eq!(prompts, ["Please add a greeting.", "And what did you do?"]);
}

#[test]
fn claude_asks_its_question_and_takes_the_answer() {
    let Some(program) = programs::claude_or_skip() else {
        return;
    };
    let bench = Bench::new(program);
    let model = Model::start(|request: &Request| match request.tool_results().first() {
        None => Answer::ask("Which hash?", &["argon2", "bcrypt"]),
        Some(answered) => Answer::text(&format!("I heard: {}", answered.text)),
    })
    .unwrap();

    let mut turn = bench.start(&model, "question", &session(2), "Hash the passwords.");
    let asked = turn.wait_for("control_request");
    assert_eq!(asked["request"]["tool_name"], "AskUserQuestion");
    let mut input = asked["request"]["input"].clone();
    input["answers"] = json!({ "Which hash?": "bcrypt" });
    let decision = json!({ "behavior": "allow", "updatedInput": input });
    let response =
        json!({ "subtype": "success", "request_id": asked["request_id"], "response": decision });
    turn.send(&json!({ "type": "control_response", "response": response }));
    let (lines, _) = turn.finish();

    let said = result(&lines)["result"].as_str().unwrap();
    assert!(
        said.starts_with("I heard:") && said.contains("bcrypt"),
        "{said}"
    );
}

#[test]
fn an_error_of_the_model_reaches_the_result() {
    let Some(program) = programs::claude_or_skip() else {
        return;
    };
    let bench = Bench::new(program);
    let model =
        Model::start(|_: &Request| Answer::error(400, "invalid_request_error", "no")).unwrap();
    let (lines, status) = bench.start(&model, "error", &session(3), "Go on.").finish();
    assert_eq!(status.code(), Some(1));
    assert_eq!(result(&lines)["is_error"], true);
    assert_eq!(result(&lines)["api_error_status"], 400);
}

#[test]
fn a_stalled_model_keeps_the_program_waiting_until_it_is_ended() {
    let Some(program) = programs::claude_or_skip() else {
        return;
    };
    let bench = Bench::new(program);
    let (asked, was_asked) = mpsc::channel();
    let model = Model::start(move |_: &Request| {
        let _ = asked.send(());
        Answer::text("This never").stalled()
    })
    .unwrap();
    let turn = bench.start(&model, "stall", &session(4), "Go on.");
    was_asked.recv().unwrap();
    rustix::process::kill_process(Pid::from_child(&turn.child), Signal::TERM).unwrap();
    let (lines, status) = turn.finish();
    assert!(
        lines.iter().all(|line| line["type"] != "result"),
        "{lines:#?}"
    );
    assert!(
        status.code() == Some(143) || status.signal() == Some(15),
        "{status}"
    );
}
