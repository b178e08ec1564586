//! Events, one to a line.

use crate::render::style::{Style, Tone};
use crate::render::table::cut;
use crate::render::{amount, escape};
use cw_wire::EventView;

/// The width beyond which what belongs to an event is cut.
const DATA_WIDTH: usize = 120;

/// Draws one as a line without its end.
pub(crate) fn line(event: &EventView, style: Style) -> String {
    let seq = style.paint(Tone::Faint, &format!("{:>6}", event.seq));
    let at = style.paint(Tone::Faint, &amount::clock(&event.at));
    let kind = escape::line(&event.kind);
    let whom: Vec<String> = [&event.project, &event.initiative, &event.task, &event.agent]
        .into_iter()
        .flatten()
        .map(|name| escape::line(name))
        .collect();
    let data = match &event.data {
        serde_json::Value::Object(fields) if fields.is_empty() => String::new(),
        serde_json::Value::Null => String::new(),
        data => cut(&escape::line(&data.to_string()), DATA_WIDTH),
    };
    let data = style.paint(Tone::Faint, &data);
    format!("{seq}  {at}  {kind:<22}  {}  {data}", whom.join(" "))
        .trim_end()
        .to_owned()
}

/// Tells an event of a run in words; none for what is not worth a line.
pub(crate) fn story(event: &EventView) -> Option<String> {
    let (noun, verb) = event.kind.split_once('.')?;
    let noisy = [
        "output",
        "progressed",
        "usage",
        "activity",
        "worked",
        "spent",
    ];
    if noisy.iter().any(|word| verb.contains(word))
        || matches!(noun, "effect" | "file" | "worktree")
    {
        return None;
    }
    let verb = escape::line(verb).replace('-', " ");
    let noun = escape::line(noun);
    let task = event.task.as_deref().map(escape::line);
    let agent = event.agent.as_deref().map(escape::line);
    let who = match (noun.as_str(), task, agent) {
        ("agent", Some(task), Some(agent)) => format!("{agent} ({task})"),
        ("agent", None, Some(agent)) => agent,
        (_, Some(task), _) => task,
        (_, None, Some(agent)) => agent,
        _ => escape::line(event.initiative.as_deref().unwrap_or_default()),
    };
    let noun = if noun == "task" || noun == "agent" {
        String::new()
    } else {
        format!("{noun} ")
    };
    let detail = detail(&event.data).map(|text| format!(" ({text})"));
    Some(format!("{who}: {noun}{verb}{}", detail.unwrap_or_default()))
}

/// The one thing of an event's data that a person wants to know.
fn detail(data: &serde_json::Value) -> Option<String> {
    let keys = ["error", "reason", "conflicts", "gate", "title", "summary"];
    let value = keys
        .iter()
        .find_map(|key| data.get(key).filter(|value| !value.is_null()))?;
    let text = match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(all) => {
            let texts: Vec<_> = all.iter().filter_map(|one| one.as_str()).collect();
            texts.join(", ")
        }
        _ => return None,
    };
    let text = cut(&escape::first_line(&text), 80);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, data: serde_json::Value) -> EventView {
        EventView {
            seq: 7,
            at: "2026-11-23T10:20:30Z".into(),
            kind: kind.into(),
            project: None,
            initiative: Some("accounts".into()),
            task: Some("login".into()),
            agent: Some("soho".into()),
            data,
        }
    }

    #[test]
    fn events_are_told_in_words() {
        let told = |kind, data| story(&event(kind, data));
        assert_eq!(told("task.merged", json!({})).unwrap(), "login: merged");
        assert_eq!(
            told(
                "merge.bounced",
                json!({"conflicts": ["a.txt", "b\x1b.txt"]})
            )
            .unwrap(),
            "login: merge bounced (a.txt, b^[.txt)"
        );
        assert_eq!(
            told("agent.turn-ended", json!({})).unwrap(),
            "soho (login): turn ended"
        );
        assert_eq!(told("agent.output", json!({})), None);
    }

    #[test]
    fn an_event_is_one_line() {
        let line = line(
            &event("task.failed", json!({"error": "a\nb"})),
            Style { colour: false },
        );
        assert_eq!(
            line,
            r#"     7  10:20:30  task.failed             accounts login soho  {"error":"a\nb"}"#
        );
    }
}
