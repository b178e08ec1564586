//! The client against a small server that gives canned answers over a real socket.

use super::*;
use crate::host::Host;
use cw_wire::project::ProjectListing;
use cw_wire::{Scope, TaskList};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// A host whose server is a thread with canned answers.
struct Canned {
    socket: PathBuf,
    answers: Vec<&'static str>,
    heard: Arc<Mutex<Vec<String>>>,
    folder: PathBuf,
}

impl Canned {
    fn new(name: &str, answers: &[&'static str]) -> Self {
        let folder = std::env::temp_dir().join(format!("cw-client-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let heard = Arc::default();
        Self {
            socket: folder.join("s"),
            answers: answers.to_vec(),
            heard,
            folder,
        }
    }

    /// Answers one request per connection, in order.
    fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        let (answers, heard) = (self.answers.clone(), Arc::clone(&self.heard));
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut bytes = [0; 4096];
                let n = stream.read(&mut bytes).unwrap();
                heard
                    .lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&bytes[..n]).into_owned());
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
    }

    fn client(&self, autostart: Autostart) -> Client<'_> {
        Client::new(self, self.socket.clone(), Some("t0ken".into()), autostart)
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Host for Canned {
    fn version(&self) -> &'static str {
        "9.9"
    }
    fn program(&self) -> PathBuf {
        PathBuf::from("/bin/cw")
    }
    fn socket(&self) -> PathBuf {
        self.socket.clone()
    }
    fn logs(&self) -> PathBuf {
        self.folder.clone()
    }
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn start_server(&self, _listen: Option<&str>) -> Result<(), ErrorView> {
        self.listen();
        Ok(())
    }
    fn serve(&self, _listen: Option<&str>) -> Result<(), ErrorView> {
        Ok(())
    }
    fn shim(&self, _args: &[OsString]) -> u8 {
        0
    }
    fn page(&self, _command: &str, _text: &str) -> io::Result<()> {
        Ok(())
    }
    fn demo_repository(&self, _dir: &Path) -> Result<(), ErrorView> {
        Ok(())
    }
    fn at_home(&self, _home: &Path) -> Box<dyn Host> {
        Box::new(Self::new("home", &[]))
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

const PROJECTS: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 29\r\n\r\n{\"projects\":[],\"warnings\":[]}";
const HANGS_UP: &str = "";

fn list(client: &Client<'_>) -> Outcome<cw_wire::project::ProjectList> {
    wait(client.call::<ProjectListing>(&Scope {
        dir: Some("/r".into()),
        all: false,
    }))
}

#[test]
fn a_call_says_who_calls_and_in_which_protocol() {
    let host = Canned::new("call", &[PROJECTS]);
    host.listen();
    assert!(
        list(&host.client(Autostart::Never))
            .unwrap()
            .projects
            .is_empty()
    );
    let heard = host.heard().remove(0);
    let expected = [
        "POST /rpc/project.list HTTP/1.1\r\n",
        "cw-protocol: 1\r\n",
        "cw-version: 9.9\r\n",
        "authorization: Bearer t0ken\r\n",
        "\r\n\r\n{\"dir\":\"/r\",\"all\":false}",
    ];
    for part in expected {
        assert!(heard.contains(part), "{part:?} in {heard}");
    }
}

#[test]
fn a_server_is_started_where_none_runs_and_only_when_that_is_wanted() {
    let host = Canned::new("autostart", &[PROJECTS]);
    for autostart in [Autostart::Refused, Autostart::Never] {
        let failure = list(&host.client(autostart)).unwrap_err();
        assert!(failure.is(ErrorCode::Unreachable), "{failure:?}");
    }
    assert!(list(&host.client(Autostart::Yes)).is_ok());
}

#[test]
fn an_error_of_the_server_arrives_as_it_was_sent() {
    let body = r#"{"error":{"code":"refused","message":"no","cause":null,"hint":"cw trust"}}"#;
    let answer = format!(
        "HTTP/1.1 409 Conflict\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let host = Canned::new("error", &[answer.leak()]);
    host.listen();
    let expected = ErrorView::new(ErrorCode::Refused, "no").hint("cw trust");
    assert_eq!(
        list(&host.client(Autostart::Never)).unwrap_err(),
        expected.into()
    );
}

#[test]
fn a_query_that_was_cut_off_is_sent_again_and_a_command_is_not() {
    let host = Canned::new("query", &[HANGS_UP, PROJECTS]);
    host.listen();
    assert!(list(&host.client(Autostart::Never)).is_ok());
    assert_eq!(host.heard().len(), 2);

    let host = Canned::new("command", &[HANGS_UP, PROJECTS]);
    host.listen();
    let input = Scope::default();
    let client = host.client(Autostart::Never);
    let failure = wait(client.call::<cw_wire::project::ProjectPause>(&input)).unwrap_err();
    assert!(failure.is(ErrorCode::Unreachable), "{failure:?}");
    assert_eq!(host.heard().len(), 1);
}

#[test]
fn an_answer_that_does_not_fit_hints_at_the_version() {
    let host = Canned::new(
        "garbled",
        &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"],
    );
    host.listen();
    let client = host.client(Autostart::Never);
    let failure: Outcome<TaskList> =
        wait(client.call::<cw_wire::task::TaskListing>(&cw_wire::task::TaskListInput::default()));
    let failure = failure.unwrap_err();
    assert!(failure.is(ErrorCode::Version), "{failure:?}");
}

#[test]
fn events_come_one_by_one_until_the_stream_ends() {
    let event = |seq: u64| {
        format!(
            "data: {{\"seq\":{seq},\"at\":\"t\",\"type\":\"task.merged\",\"project\":null,\
             \"initiative\":null,\"task\":\"a\",\"agent\":null,\"data\":{{}}}}\n\n"
        )
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let answer = format!("{head}: hello\n\n{}{}", event(1), event(2));
    let host = Canned::new("events", &[answer.leak()]);
    host.listen();
    let client = host.client(Autostart::Never);
    let query = cw_wire::event::EventQuery {
        after: 3,
        dir: Some("/a b".into()),
        ..cw_wire::event::EventQuery::default()
    };
    let seqs = wait(async {
        let mut stream = client.events(&query).await.unwrap();
        let mut seqs = Vec::new();
        while let Some(event) = stream.next().await.unwrap() {
            seqs.push(event.seq);
        }
        seqs
    });
    assert_eq!(seqs, [1, 2]);
    assert!(host.heard()[0].starts_with("GET /events?after=3&dir=/a%20b&follow=0 HTTP/1.1"));
}
