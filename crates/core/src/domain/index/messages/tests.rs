use crate::domain::ids::{AgentId, MessageId, ProjectId, TurnId};
use crate::domain::state::{Row, State};
use crate::domain::time::Timestamp;
use crate::domain::work::{ALLOW_PROJECT, Message, MessageKind, MessageStatus, Party, Request};

/// A permission that an agent asks for by a call of its own name.
fn permission(id: u64) -> Message {
    Message {
        id: MessageId(id),
        project: ProjectId(1),
        task: None,
        initiative: None,
        kind: MessageKind::Permission,
        from: Party::Agent(AgentId(1)),
        to: Party::User,
        body: "May I?".into(),
        options: Vec::new(),
        status: MessageStatus::Open,
        answer: None,
        delivered: None,
        passed: None,
        key: Some(format!("call {id}")),
        revoked: false,
        about: None,
        holds: None,
        request: Some(Request {
            turn: TurnId(3),
            reply: id,
            name: format!("r{id}"),
            tool: "Bash".into(),
            digest: "digest".into(),
            parts: 1,
        }),
        created_at: Timestamp(1),
        answered_at: None,
    }
}

fn found(state: &State) -> (Vec<MessageId>, Vec<MessageId>) {
    let lasting = state.index().lasting(ProjectId(1), "Bash").collect();
    (lasting, state.index().delivered_by(TurnId(3)).collect())
}

#[test]
fn messages_are_found_by_request_call_turn_and_what_they_allow_for_good() {
    let mut state = State::from_rows((1..=2).map(permission).map(Row::Message), 0);
    let index = state.index();
    assert_eq!(index.requested(TurnId(3), 2), Some(MessageId(2)));
    assert_eq!(index.requested(TurnId(4), 2), None);
    assert_eq!(index.said(AgentId(1), "call 1"), Some(MessageId(1)));
    assert_eq!(index.said(AgentId(2), "call 1"), None);
    assert_eq!(found(&state), (vec![], vec![]));

    let answered = Message {
        status: MessageStatus::Answered,
        answer: Some(ALLOW_PROJECT.into()),
        delivered: Some(TurnId(3)),
        ..permission(2)
    };
    let before = state.clone();
    let old = state.put(Row::Message(answered.clone())).unwrap();
    assert_eq!(found(&state), (vec![MessageId(2)], vec![MessageId(2)]));
    let other = state.index().lasting(ProjectId(1), "Edit");
    assert_eq!(other.count(), 0);
    let revoked = Message {
        revoked: true,
        ..answered
    };
    state.put(Row::Message(revoked));
    assert_eq!(found(&state), (vec![], vec![MessageId(2)]));
    state.put(old);
    assert!(state == before, "taken back");
}
