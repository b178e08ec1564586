use super::super::recordings::{args, exit, launch, line, order, read, reader, verdict};
use super::*;

#[test]
fn permissions_become_its_approval_mode_and_a_resume_names_the_session() {
    let resumed = TurnOrder {
        resume: true,
        permissions: Permissions::Bypass,
        ..order("gemini")
    };
    let words = args(&launch(&resumed));
    assert!(
        words.contains(&"--approval-mode=yolo".to_owned())
            && words.contains(&"--resume=5e55".to_owned())
    );
    let fresh = launch(&order("gemini"));
    assert!(args(&fresh).contains(&"--approval-mode=auto_edit".to_owned()));
    assert!(!args(&fresh).iter().any(|word| word.starts_with("--resume")));
    assert!(
        fresh
            .env
            .contains(&("GEMINI_CLI_NO_RELAUNCH", "true".into()))
    );
}

#[test]
fn an_unknown_session_is_told_by_the_exit_code_of_a_resume() {
    let unknown = reader("gemini", true).verdict(&exit(42));
    assert_eq!(unknown, Verdict::SessionUnknown);
    let fresh = reader("gemini", false).verdict(&exit(42));
    assert!(matches!(fresh, Verdict::Failed { .. }));
}

#[test]
fn the_summary_is_what_was_said_last_without_a_tool_between() {
    let say = |text: &str| {
        format!(r#"{{"type":"message","role":"assistant","content":"{text}","delta":true}}"#)
    };
    let lines = [
        say("one"),
        r#"{"type":"tool_use"}"#.into(),
        say("t"),
        say("wo"),
        r#"{"type":"result","status":"success"}"#.into(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(
        matches!(verdict("gemini", false, &lines, 0), Verdict::Done { summary, .. } if summary == "two")
    );
}

#[test]
fn a_refused_tool_is_told_by_its_name() {
    let refused = r#"{"type":"tool_result","tool_id":"run_shell_command__x_1","status":"error","error":{"type":"policy_violation","message":"Tool execution denied by policy."}}"#;
    let events = read(&mut *reader("gemini", false), &[line(0, refused)]);
    assert_eq!(
        events,
        [AgentEvent::ToolDenied {
            name: "run_shell_command".into()
        }]
    );
}

#[test]
fn an_error_in_the_result_is_the_reason() {
    let failed = r#"{"type":"result","status":"error","error":{"type":"Error","message":"[API Error: quota exceeded]"}}"#;
    assert!(matches!(
        verdict("gemini", false, &[failed], 1),
        Verdict::Limit { .. }
    ));
}
