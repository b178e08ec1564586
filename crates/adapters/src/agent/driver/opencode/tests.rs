use super::super::recordings::{args, launch, line, order, read, reader, verdict};
use super::*;

#[test]
fn permissions_become_rules_and_a_resume_names_the_session() {
    let fresh = launch(&order("opencode"));
    assert!(
        fresh
            .env
            .iter()
            .any(|(name, rules)| *name == "OPENCODE_PERMISSION"
                && rules.contains(r#""bash":"deny""#))
    );
    assert!(
        fresh
            .env
            .contains(&("OPENCODE_DISABLE_PROJECT_CONFIG", "true".into()))
    );
    let resumed = TurnOrder {
        resume: true,
        permissions: Permissions::Bypass,
        ..order("opencode")
    };
    let launch = launch(&resumed);
    let words = args(&launch);
    assert!(words.contains(&"--auto".to_owned()) && words.contains(&"--session=5e55".to_owned()));
    assert!(
        !launch
            .env
            .iter()
            .any(|(name, _)| *name == "OPENCODE_PERMISSION")
    );
}

#[test]
fn what_is_allowed_becomes_patterns_behind_the_refusal_of_the_rest() {
    let allow = |allow: &[&str], permissions| {
        let order = TurnOrder {
            allow: allow.iter().map(|rule| (*rule).to_owned()).collect(),
            permissions,
            ..order("opencode")
        };
        rules(&order).map(|rules| rules.to_string())
    };
    let some = allow(
        &["bash(git *)", "bash(cargo *)", "webfetch"],
        Permissions::AcceptEdits,
    );
    assert_eq!(
        some.as_deref(),
        Some(
            r#"{"bash":{"*":"deny","cargo *":"allow","git *":"allow"},"edit":"allow","webfetch":"allow"}"#
        )
    );
    let whole = allow(&["bash", "bash(git *)"], Permissions::Ask);
    assert_eq!(whole.as_deref(), Some(r#"{"bash":"allow","edit":"deny"}"#));
    assert_eq!(allow(&["bash"], Permissions::Bypass), None);
}

#[test]
fn an_error_lies_deep_and_a_step_after_it_goes_on() {
    let error =
        r#"{"type":"error","error":{"name":"APIError","data":{"message":"Too Many Requests"}}}"#;
    assert!(matches!(
        verdict("opencode", false, &[error], 1),
        Verdict::Limit { .. }
    ));
    let bare = r#"{"type":"error","error":{"name":"UnknownError"}}"#;
    assert!(
        matches!(verdict("opencode", false, &[bare], 0), Verdict::Failed { why, .. } if why == "UnknownError")
    );
    let stop = r#"{"type":"step_finish","part":{"reason":"stop"}}"#;
    assert!(matches!(
        verdict(
            "opencode",
            false,
            &[error, r#"{"type":"step_start"}"#, stop],
            0
        ),
        Verdict::Done { .. }
    ));
}

#[test]
fn a_step_that_stopped_for_another_reason_is_no_success() {
    let cut = r#"{"type":"step_finish","part":{"reason":"length"}}"#;
    assert!(
        matches!(verdict("opencode", false, &[cut], 0), Verdict::Failed { why, .. } if why.contains("length"))
    );
}

#[test]
fn cost_and_a_refused_tool_are_told() {
    let step = r#"{"type":"step_finish","part":{"reason":"tool-calls","cost":0.25,"tokens":{"input":3,"output":1,"reasoning":1,"cache":{"read":5}}}}"#;
    let tool = r#"{"type":"tool_use","part":{"tool":"bash","state":{"status":"error","error":"The user has specified a rule which prevents you from using this specific tool call."}}}"#;
    let events = read(
        &mut *reader("opencode", false),
        &[line(0, step), line(9, tool)],
    );
    assert!(
        matches!(&events[0], AgentEvent::Usage { micro_usd: 250_000, tokens } if tokens.total() == 10)
    );
    assert!(events.contains(&AgentEvent::ToolDenied {
        name: "bash".into()
    }));
}
