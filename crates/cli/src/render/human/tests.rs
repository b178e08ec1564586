//! How pages look, by example.

use super::*;
use crate::render::page::Page;
use crate::render::style::Style;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Draws a page as of 2026-11-23T10:05:00Z.
fn drawn(draw: impl FnOnce(&mut Page)) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_428_300);
    let mut page = Page::new(Style { colour: false }, None, now);
    draw(&mut page);
    page.finish()
}

fn task(id: &str, status: &str, more: &Value) -> cw_wire::TaskView {
    let mut all = json!({
        "id": id, "title": format!("The {id}"), "initiative": "accounts", "phase": "storage",
        "plan": "tables", "kind": "work", "status": status, "after": [], "waits_for": [],
        "agent": null, "agent_kind": "claude", "attempts": 0, "bounces": 0, "priority": "normal",
        "commit": null, "branch": null, "cost_usd": 0.0, "tokens": 0, "resume_at": null,
        "error": null,
    });
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    read(all)
}

fn question() -> cw_wire::MessageView {
    read(json!({
        "id": "12", "kind": "question", "from": "soho", "to": "user", "task": "login",
        "body": "Which hash?\nBoth are there.", "options": ["argon2", "bcrypt"],
        "status": "open", "answer": null, "created_at": "2026-11-23T10:00:00Z",
    }))
}

fn initiative() -> cw_wire::InitiativeView {
    read(json!({
        "id": "accounts", "title": "Accounts", "status": "finished", "base": "main",
        "branch": "cw/accounts/integration", "cost_usd": 1.25,
        "tasks": { "total": 3, "merged": 2, "failed": 1, "running": 0, "waiting": 0 },
    }))
}

#[test]
fn a_list_of_tasks_says_what_each_waits_for() {
    let tasks = [
        task(
            "users",
            "merged",
            &json!({"agent": "gastown", "cost_usd": 0.5}),
        ),
        task(
            "sessions",
            "parked",
            &json!({"resume_at": "2026-11-23T11:05:00Z", "bounces": 2}),
        ),
        task(
            "login",
            "blocked",
            &json!({"waits_for": ["a", "b", "c", "d", "e"]}),
        ),
        task(
            "mail",
            "failed",
            &json!({"error": "exit 3\nand more\u{1b}[2J"}),
        ),
    ];
    insta::assert_snapshot!(drawn(|page| task::list(&tasks, page)), @r"
    TASK      STATUS   AGENT    COST   TITLE
    users     merged   gastown  $0.50  The users
    sessions  parked   -        -      The sessions (resumes in 1h; 2 bounces)
    login     blocked  -        -      The login (after a, b, c and 2 more)
    mail      failed   -        -      The mail (exit 3)
    ");
}

fn inbox(messages: Vec<cw_wire::MessageView>) -> cw_wire::message::InboxView {
    cw_wire::message::InboxView {
        messages,
        reviews: Vec::new(),
    }
}

#[test]
fn the_inbox_shows_how_to_approve() {
    let waits = cw_wire::message::InboxView {
        messages: Vec::new(),
        reviews: vec![
            task("users", "review", &json!({})),
            task("go", "review", &json!({"kind": "approval"})),
        ],
    };
    insta::assert_snapshot!(drawn(|page| message::inbox(&waits, page)), @r#"
    accounts/users  review · The users
      cw task diff accounts/users
      cw task approve accounts/users
      cw task reject accounts/users --text "…"

    accounts/go  review · The go
      cw task approve accounts/go
      cw task reject accounts/go --text "…"
    "#);
}

#[test]
fn the_inbox_shows_how_to_answer() {
    insta::assert_snapshot!(drawn(|page| message::inbox(&inbox(vec![question()]), page)), @r"
    12  question from soho to user · login · 5m ago · open
        Which hash?
        Both are there.
        1. argon2
        2. bcrypt
      cw message answer 12 <1-2 or your own text>
    ");
    assert_eq!(
        drawn(|page| message::inbox(&inbox(Vec::new()), page)),
        "nothing waits for you\n"
    );
}

#[test]
fn a_summary_says_what_failed_and_what_comes_next() {
    let progress: cw_wire::run::RunProgressView = read(json!({
        "initiative": initiative(), "outcome": "failed", "counts": {"merged": 2, "failed": 1},
        "agents": [], "questions": [question()], "reviews": ["sign-off"], "seq": 7,
        "failed": [{"id": "mail", "title": "Mail", "status": "failed", "error": "exit 3"}],
        "elapsed_s": 75.0,
    }));
    let all = run::Summary::new(&progress, "failed", 1);
    insta::assert_snapshot!(drawn(|page| run::summary(&all, page)), @r"
    Accounts: failed in 1m 15s, $1.25
      tasks        1 failed, 2 merged
      failed       mail: exit 3
      question     Which hash? (cw message answer 12 <1-2 or your own text>)
      review       sign-off (cw task approve sign-off)
      branch       cw/accounts/integration
      next         cw task retry mail, or cw task skip mail
    ");
}

#[test]
fn an_applied_plan_says_what_changed() {
    let applied: cw_wire::plan_call::PlanApplied = read(json!({
        "initiatives": [initiative()], "dry_run": true, "created": ["a"], "updated": ["b"],
        "unchanged": ["c", "d"], "gone": ["e"], "warnings": [],
    }));
    insta::assert_snapshot!(drawn(|page| plan::applied(&applied, page)), @r"
    accounts  Accounts
      + a
      ~ b
      - e  no longer in the file; it stays
    would be 1 new, 1 changed, 2 unchanged
    ");
}

#[test]
fn a_server_that_does_not_run_says_so() {
    let status = cw_wire::ServerStatus::default();
    assert_eq!(
        drawn(|page| server::status(&status, page)),
        "no server runs\n"
    );
}
