use super::super::recordings::{args, launch, line, order, read, reader, verdict};
use super::*;
use cw_core::ports::agents::Billed;

#[test]
fn its_sandbox_knows_both_folders_of_git() {
    let words = args(&launch(&order("codex")));
    let roots =
        r#"sandbox_workspace_write.writable_roots=["/repo/.git/worktrees/a \"b\"","/repo/.git"]"#;
    assert!(words.contains(&roots.to_owned()), "{words:?}");
    assert!(words.contains(&"sandbox_mode=\"workspace-write\"".to_owned()));
    assert_eq!(
        (words[0].as_str(), &words[words.len() - 2..]),
        ("exec", &["--".to_owned(), "-".to_owned()][..])
    );
}

#[test]
fn a_resume_names_the_session_behind_the_guard() {
    let resumed = TurnOrder {
        resume: true,
        permissions: Permissions::Bypass,
        ..order("codex")
    };
    let words = args(&launch(&resumed));
    assert_eq!(words[..2], ["exec", "resume"]);
    assert_eq!(words[words.len() - 3..], ["--", "5e55", "-"]);
    assert!(words.contains(&"--dangerously-bypass-approvals-and-sandbox".to_owned()));
}

#[test]
fn the_tokens_of_a_resumed_session_are_those_of_its_new_turn() {
    let completed = |input: u64| {
        format!(
            r#"{{"type":"turn.completed","usage":{{"input_tokens":{input},"cached_input_tokens":100,"output_tokens":20}}}}"#
        )
    };
    let used = |before: u64, resume: bool, input: u64| {
        let order = TurnOrder {
            resume,
            billed: Billed {
                tokens: before,
                ..Billed::default()
            },
            ..order("codex")
        };
        let memo = launch(&order).memo;
        let mut reader = Codex.reader(resume, order.permissions, &memo);
        // The same totals again bring nothing new.
        let lines = [completed(input), completed(input)];
        let events = lines.iter().flat_map(|text| {
            let reading = reader.line(Stream::Out, &line(0, text));
            reading.events
        });
        let tokens = events.map(|event| match event {
            AgentEvent::Usage { tokens, .. } => tokens.total(),
            _ => 0,
        });
        tokens.sum::<u64>()
    };
    assert_eq!(used(360, true, 460), 120);
    assert_eq!(used(360, false, 460), 480);
    assert_eq!(used(1000, true, 460), 480, "not the session's");
}

#[test]
fn reasons_of_a_failed_turn_are_told_apart() {
    let failed = |why: &str| {
        let event = format!(r#"{{"type":"turn.failed","error":{{"message":"{why}"}}}}"#);
        verdict("codex", true, &[&event], 1)
    };
    assert!(matches!(
        failed("You've hit your usage limit. Try again later."),
        Verdict::Limit { .. }
    ));
    assert!(matches!(
        failed("unexpected status 401 Unauthorized"),
        Verdict::Auth { .. }
    ));
    assert!(matches!(
        failed("stream disconnected"),
        Verdict::Failed { fatal: false, .. }
    ));
}

#[test]
fn a_declined_command_is_told_with_the_success() {
    let declined =
        r#"{"type":"item.completed","item":{"type":"command_execution","status":"declined"}}"#;
    let done = verdict(
        "codex",
        false,
        &[declined, r#"{"type":"turn.completed"}"#],
        0,
    );
    assert!(matches!(done, Verdict::Done { denied, .. } if denied == ["command_execution"]));
}

#[test]
fn what_came_from_the_cache_is_counted_once() {
    let completed = r#"{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":7,"output_tokens":2}}"#;
    let events = read(&mut *reader("codex", false), &[line(0, completed)]);
    let AgentEvent::Usage { tokens, .. } = &events[0] else {
        panic!()
    };
    assert_eq!(
        (tokens.input, tokens.cache_read, tokens.total()),
        (3, 7, 12)
    );
}
