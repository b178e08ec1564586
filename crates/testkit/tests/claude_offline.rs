//! The real Claude Code, driven by the scripted model: it works, commits and resumes without any network.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program it is about"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cw_testkit::model::{Answer, Model, Table};
use cw_testkit::programs::{self, Home};
use serde_json::{Value, json};
use tempfile::TempDir;

const SESSION: &str = "7b1f3a52-6c0e-4f6e-9d5b-2f6f0c1d9e01";

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

    fn file(&self, name: &str) -> String {
        self.repository.join(name).to_string_lossy().into_owned()
    }

    /// One turn of the program; `session` is `--session-id=…` or `--resume=…`. Returns what it printed.
    fn turn(&self, model: &Model, session: &str, prompt: &str) -> Vec<Value> {
        let mut child = self
            .home
            .claude_command(&self.program, &self.repository, &model.base_url("offline"))
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
        let message = json!({
            "type": "user", "session_id": "", "parent_tool_use_id": null,
            "message": { "role": "user", "content": prompt },
        });
        writeln!(child.stdin.take().unwrap(), "{message}").unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}\n{text}", output.status);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
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
                Answer::text("I will write it.")
                    .then(Answer::write(&bench.file("hello.txt"), "hello\n")),
                Answer::bash(commit),
                Answer::text("It is committed."),
            ],
        )
        .on("what did you do", [Answer::text("I added hello.txt.")]);
    let model = Model::start(script).unwrap();

    let lines = bench.turn(
        &model,
        &format!("--session-id={SESSION}"),
        "Please add a greeting.",
    );
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
