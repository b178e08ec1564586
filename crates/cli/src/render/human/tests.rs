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
    drawn_at(None, draw)
}

/// Draws a page on a terminal of this width.
fn drawn_at(width: Option<usize>, draw: impl FnOnce(&mut Page)) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_428_300);
    let mut page = Page::new(Style { colour: false }, width, now);
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
    mail      failed   -        -      The mail (exit 3 …)
    ");
}

#[test]
fn costs_are_added_up_under_their_figures() {
    let list: cw_wire::cost::CostList = read(json!({
        "costs": [
            {"key": "accounts", "project": "shop", "turns": 12, "tokens": 1_250_000,
             "cost_usd": 7.25, "budget_usd": 20.0},
            {"key": "adhoc", "project": "shop", "turns": 3, "tokens": 900, "cost_usd": 0.0},
        ],
        "total": {"turns": 15, "tokens": 1_250_900, "cost_usd": 7.25},
    }));
    let by = cw_wire::cost::CostBy::Initiative;
    insta::assert_snapshot!(drawn(|page| cost::list(&list, by, page)), @r"
    INITIATIVE  TURNS  TOKENS   COST  BUDGET
    accounts       12    1.2M  $7.25  $20.00
    adhoc           3     900  $0.00       -
    total          15    1.3M  $7.25
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
      cw message answer 12 1  (1-2, or your own text)
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
    insta::assert_snapshot!(drawn(|page| run::summary(&all, Some("cw run a.md"), page)), @r"
    Accounts: failed in 1m 15s, $1.25
      tasks        1 failed, 2 merged
      failed       mail: exit 3
      question     Which hash? …
                   cw message answer 12 1  (1-2, or your own text)
      review       sign-off
                   cw task approve accounts/sign-off
      branch       cw/accounts/integration
      next         cw task retry accounts/mail
                   cw task skip accounts/mail
    ");
}

#[test]
fn a_summary_of_a_run_that_waits_names_what_failed_and_what_holds() {
    let failed: Vec<Value> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|id| json!({"id": id, "title": "T", "status": "failed", "error": null}))
        .collect();
    let progress: cw_wire::run::RunProgressView = read(json!({
        "initiative": initiative(), "outcome": "waits-for-user",
        "counts": {"merged": 2, "failed": 5, "parked": 2}, "agents": [], "questions": [],
        "reviews": ["sign-off"], "seq": 7, "failed": failed, "held": true, "elapsed_s": 75.0,
    }));
    let all = run::Summary::new(&progress, "waits-for-user", 6);
    insta::assert_snapshot!(drawn(|page| run::summary(&all, Some("cw run a.md"), page)), @r"
    Accounts: waits for user in 1m 15s, $1.25
      tasks        5 failed, 2 merged, 2 parked
      failed       a
      failed       b
      failed       c
                   and 2 more: cw task list -i accounts -s failed,cancelled
      review       sign-off
                   cw task approve accounts/sign-off
      parked       2 tasks
                   cw agent resume NAME lets a stopped one go on at once
      held         dispatch is held: nothing new starts
                   cw resume lets it go on
      branch       cw/accounts/integration
      next         cw task retry accounts/a accounts/b accounts/c
                   cw task skip accounts/a accounts/b accounts/c
                   cw run a.md   (goes on where it was)
    ");
    // Where nothing goes on after the command, none is offered.
    let bare = drawn(|page| run::summary(&all, None, page));
    assert!(!bare.contains("cw task"), "{bare}");
    let left = run::Summary::new(&progress, "interrupted", 130);
    let left = drawn(|page| run::summary(&left, Some("cw run a.md"), page));
    assert!(!left.contains("next"), "{left}");
}

#[test]
fn what_was_answered_and_landed_is_told_in_a_line() {
    let mut asked = question();
    asked.answer = Some("bcrypt\nwith cost 12".into());
    assert_eq!(
        drawn(|page| message::answered(&[asked], page)),
        "answered 12: bcrypt …\n"
    );
    let mut landed = initiative();
    landed.tip = Some("5d6e7f80123456789".into());
    assert_eq!(
        drawn(|page| initiative::landed(&[landed], false, page)),
        "landed accounts: main is at 5d6e7f801, with 2 tasks of cw/accounts/integration\n"
    );
}

#[test]
fn a_task_that_waits_for_the_user_ends_with_the_commands_that_help() {
    let detail = |status: &str, more: Value| -> cw_wire::task::TaskDetail {
        let mut all = serde_json::to_value(task("mail", status, &more)).unwrap();
        let rest = json!({
            "prompt": "Send it", "model": null, "touches": [], "verify": [], "review": "none",
            "budget_usd": null, "timeout_s": null, "max_attempts": 3, "summary": null,
            "messages": [],
        });
        all.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        read(all)
    };
    let failed = detail(
        "failed",
        json!({"error": "exit 3\nmore", "note": "exit 3\nmore"}),
    );
    let failed = drawn(|page| task::detail(&failed, page));
    assert_eq!(failed.matches("exit 3").count(), 1, "{failed}");
    assert!(
        failed.ends_with("  next         cw task retry accounts/mail\n               cw task skip accounts/mail\n"),
        "{failed}"
    );
    let review = drawn(|page| task::detail(&detail("review", json!({})), page));
    assert!(
        review.contains("  next         cw task diff accounts/mail\n"),
        "{review}"
    );
    assert!(
        review.contains("cw task approve accounts/mail\n"),
        "{review}"
    );
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

#[test]
fn a_server_that_was_stopped_is_told_from_one_that_did_not_run() {
    let ended = |pid| cw_wire::ServerStatus {
        pid,
        ..cw_wire::ServerStatus::default()
    };
    let shown = |pid| drawn(|page| server::ended(&ended(pid), page));
    assert_eq!(shown(Some(7)), "stopped (process 7)\n");
    assert_eq!(shown(None), "stopped\n");
}

#[test]
fn an_initiative_shows_its_phases_and_plans() {
    let part = |id: &str, status: &str, phase: &str, plan: &str| {
        let place = json!({"phase": phase, "plan": plan});
        serde_json::to_value(task(id, status, &place)).unwrap()
    };
    let mut all = serde_json::to_value(initiative()).unwrap();
    let more = json!({
        "text": "", "max_agents": null, "budget_usd": null, "items": [
            part("users", "merged", "storage", "tables"),
            part("sessions", "skipped", "storage", "tables"),
            part("index", "failed", "storage", "tables"),
            part("dump", "running", "storage", "backup"),
            part("login", "blocked", "pages", "forms"),
            part("vacuum", "ready", "storage", "backup"),
        ],
    });
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let shown = drawn(|page| initiative::detail(&read(all), page));
    let outline: Vec<_> = shown
        .lines()
        .skip_while(|line| !line.contains("phase"))
        .take_while(|line| !line.is_empty())
        .collect();
    insta::assert_snapshot!(outline.join("\n"), @r"
      phase        storage
        plan       tables · merged 2 of 3
        plan       backup · merged 0 of 2
      phase        pages
        plan       forms · merged 0 of 1
    ");
}

#[test]
fn what_is_asked_ends_where_the_terminal_ends() {
    let mut asked = question();
    asked.body = "Which of the two hashes is the one to use here?\n  - both are there".into();
    asked.options[0] = "argon2, which is slower but stronger".into();
    let all = inbox(vec![asked]);
    insta::assert_snapshot!(drawn_at(Some(36), |page| message::inbox(&all, page)), @r"
    12  question from soho to user ·
      login · 5m ago · open
        Which of the two hashes is the
        one to use here?
          - both are there
        1. argon2, which is slower but
           stronger
        2. bcrypt
      cw message answer 12 1  (1-2, or
        your own text)
    ");
}

#[test]
fn a_summary_ends_where_the_terminal_ends() {
    let progress: cw_wire::run::RunProgressView = read(json!({
        "initiative": initiative(), "outcome": "failed", "counts": {"merged": 2, "cancelled": 2},
        "agents": [], "questions": [], "reviews": [], "seq": 7, "elapsed_s": 75.0, "failed": [
            {"id": "sz", "title": "Size", "status": "cancelled", "error": null},
            {"id": "mail", "title": "Mail", "status": "failed",
             "error": "the gate did not pass: cargo test"},
        ],
    }));
    let all = run::Summary::new(&progress, "failed", 1);
    insta::assert_snapshot!(drawn_at(Some(40), |page| run::summary(&all, None, page)), @r"
    Accounts: failed in 1m 15s, $1.25
      tasks        2 cancelled, 2 merged
      cancelled    sz
      failed       mail: the gate did not
                   pass: cargo test
      branch       cw/accounts/integration
    ");
}
