//! The client against a small server that gives canned answers over a real socket.

use super::*;
use crate::canned::{Canned, event, events, response};
use cw_wire::project::ProjectListing;
use cw_wire::{Scope, TaskList};

fn client(host: &Canned, autostart: Autostart) -> Client<'_> {
    Client::new(host, host.socket.clone(), Some("t0ken".into()), autostart)
}

fn projects() -> String {
    response("200 OK", r#"{"projects":[],"warnings":[]}"#)
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

fn list(client: &Client<'_>) -> Outcome<cw_wire::project::ProjectList> {
    wait(client.call::<ProjectListing>(&Scope {
        dir: Some("/r".into()),
        all: false,
    }))
}

#[test]
fn a_call_says_who_calls_and_in_which_protocol() {
    let host = Canned::new(|_, _| projects());
    host.listen();
    assert!(
        list(&client(&host, Autostart::Never))
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
    let host = Canned::new(|_, _| projects());
    for autostart in [Autostart::Refused, Autostart::Never] {
        let failure = list(&client(&host, autostart)).unwrap_err();
        assert!(failure.is(ErrorCode::Unreachable), "{failure:?}");
        assert!(is_unsent(&failure), "it may be sent again: {failure:?}");
    }
    assert!(list(&client(&host, Autostart::Yes)).is_ok());
}

#[test]
fn an_error_of_the_server_arrives_as_it_was_sent() {
    let body = r#"{"error":{"code":"refused","message":"no","cause":null,"hint":"cw trust"}}"#;
    let host = Canned::new(move |_, _| response("409 Conflict", body));
    host.listen();
    let expected = ErrorView::new(ErrorCode::Refused, "no").hint("cw trust");
    assert_eq!(
        list(&client(&host, Autostart::Never)).unwrap_err(),
        expected.into()
    );
}

fn hangs_up_once(nth: usize, _: &str) -> String {
    if nth == 0 { String::new() } else { projects() }
}

#[test]
fn a_query_that_was_cut_off_is_sent_again_and_a_command_is_not() {
    let host = Canned::new(hangs_up_once);
    host.listen();
    assert!(list(&client(&host, Autostart::Never)).is_ok());
    assert_eq!(host.heard().len(), 2);

    let host = Canned::new(hangs_up_once);
    host.listen();
    let input = Scope::default();
    let client = client(&host, Autostart::Never);
    let failure = wait(client.call::<cw_wire::project::ProjectPause>(&input)).unwrap_err();
    assert!(failure.is(ErrorCode::Unreachable), "{failure:?}");
    assert!(!is_unsent(&failure), "it may have arrived: {failure:?}");
    assert_eq!(host.heard().len(), 1);
}

#[test]
fn an_answer_that_does_not_fit_hints_at_the_version() {
    let host = Canned::new(|_, _| response("200 OK", "{}"));
    host.listen();
    let client = client(&host, Autostart::Never);
    let failure: Outcome<TaskList> =
        wait(client.call::<cw_wire::task::TaskListing>(&cw_wire::task::TaskListInput::default()));
    let failure = failure.unwrap_err();
    assert!(failure.is(ErrorCode::Version), "{failure:?}");
}

#[test]
fn events_come_one_by_one_until_the_stream_ends() {
    let log = [event(1, "task.started"), event(2, "task.merged")];
    let host = Canned::new(move |_, _| events(&log));
    host.listen();
    let client = client(&host, Autostart::Never);
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
