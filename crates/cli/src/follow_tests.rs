//! Following runs that canned servers tell of.

use super::*;
use crate::canned::{Canned, event, events, response};
use crate::render::output::Output;
use serde_json::json;
use std::path::Path;

/// How a run stands, perhaps with a question.
fn progress(outcome: &str, asks: bool) -> String {
    let question = json!({
        "id": "12", "kind": "question", "from": "soho", "to": "user", "task": "login",
        "body": "Which hash?", "options": ["argon2"], "status": "open", "answer": null,
        "created_at": "2026-11-23T10:00:00Z",
    });
    let body = json!({
        "initiative": {
            "id": "accounts", "title": "Accounts", "status": "active", "base": "main",
            "branch": "cw/accounts/integration", "cost_usd": 0.0,
            "tasks": { "total": 1, "merged": 0, "failed": 0, "running": 1, "waiting": 0 },
        },
        "outcome": outcome, "counts": {}, "agents": [], "failed": [], "reviews": [], "seq": 1,
        "questions": if asks { vec![question] } else { vec![] },
        "elapsed_s": 1.0,
    });
    response("200 OK", &body.to_string())
}

fn follow(host: &Canned, exit_when_waiting: bool, answerer: Option<Answerer>) -> Outcome {
    host.listen();
    let out = Output::new(false, true, false);
    let session = Session::beside(host, out, Path::new("/"))?;
    let followed = Followed {
        initiative: "accounts".into(),
        task: None,
        after: 0,
        exit_when_waiting,
        answerer,
        onward: Some(Onward {
            follow: "cw run p.md".into(),
            stop: "cw agent stop --all".into(),
        }),
    };
    run(&session, followed)
}

fn ends(outcome: &'static str, exit_when_waiting: bool) -> Exit {
    let host = Canned::new(move |_, request| {
        if request.starts_with("GET") {
            events(&[event(1, "task.merged")])
        } else {
            progress(outcome, false)
        }
    });
    follow(&host, exit_when_waiting, None).unwrap()
}

#[test]
fn a_run_ends_with_the_exit_code_of_its_outcome() {
    assert_eq!(ends("finished", false), Exit::DONE);
    assert_eq!(ends("failed", false), Exit::FAILED);
    assert_eq!(ends("waits-for-user", true), Exit::WAITS);
}

#[test]
fn a_question_is_answered_once_by_whoever_answers() {
    let host = Canned::new(|nth, request| {
        if request.starts_with("GET") {
            // A stream that breaks off is opened again; meanwhile it is looked at all the same.
            return events(&[event(nth as u64, "task.started")]);
        }
        if request.contains("message.answer") {
            return response("200 OK", r#"{"messages":[]}"#);
        }
        progress(if nth > 6 { "finished" } else { "working" }, true)
    });
    let answerer: Answerer = |question| Some((question.options[0].clone(), Duration::ZERO));
    assert_eq!(follow(&host, false, Some(answerer)).unwrap(), Exit::DONE);
    let answers: Vec<_> = host
        .heard()
        .into_iter()
        .filter(|r| r.contains("message.answer"))
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(
        answers[0].contains(r#""id":"12","text":"argon2""#),
        "{}",
        answers[0]
    );
}
