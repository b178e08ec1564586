//! What an agent program did, as lines for a person: its words as they are, all else short.

use cw_core::ports::agents::AgentEvent;

/// The lines that tell an event; none when it says nothing to a person.
#[must_use]
pub fn lines(event: &AgentEvent) -> Vec<String> {
    match event {
        AgentEvent::Text { text } | AgentEvent::Log { text, .. } => {
            text.lines().map(str::to_owned).collect()
        }
        AgentEvent::ToolUse { name, detail } => {
            vec![format!("▸ {name} {detail}").trim_end().to_owned()]
        }
        AgentEvent::ToolDenied { name } => vec![format!("✗ {name} was refused")],
        AgentEvent::Question { questions, .. } => questions
            .iter()
            .map(|question| format!("? {}", question.text))
            .collect(),
        AgentEvent::PermissionRequest { tool, detail, .. } => {
            vec![format!("? may it use {tool}: {detail}")]
        }
        AgentEvent::LimitReached { .. } => vec!["· a usage limit was reached".to_owned()],
        AgentEvent::Retrying { delay, why } => {
            vec![format!(
                "· waits {} s and tries again: {why}",
                delay.as_secs()
            )]
        }
        AgentEvent::Notice { text } => vec![format!("· {text}")],
        AgentEvent::TookIn { .. } => vec!["· read a message".to_owned()],
        AgentEvent::Result { ok: true, .. } => vec!["· done".to_owned()],
        AgentEvent::Result { ok: false, summary } => {
            vec![format!("· ended with an error: {summary}")]
        }
        // The note that tells of it is a line of its own.
        AgentEvent::OutputCut
        | AgentEvent::SessionStarted { .. }
        | AgentEvent::Usage { .. }
        | AgentEvent::Listens
        | AgentEvent::RequestWithdrawn { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_and_the_rest_is_short() {
        let text = |text: &str| AgentEvent::Text { text: text.into() };
        assert_eq!(lines(&text("one\ntwo")), ["one", "two"]);
        let tool = AgentEvent::ToolUse {
            name: "Bash".into(),
            detail: "git commit".into(),
        };
        assert_eq!(lines(&tool), ["▸ Bash git commit"]);
        assert_eq!(
            lines(&AgentEvent::Result {
                ok: true,
                summary: "said before".into()
            }),
            ["· done"]
        );
        assert!(lines(&AgentEvent::SessionStarted { id: "1".into() }).is_empty());
    }
}
