//! Events, one to a line.

use crate::render::amount::{self, Clock};
use crate::render::escape;
use crate::render::style::{Style, Tone};
use crate::render::table::cut;
use crate::render::wrap::columns;
use cw_wire::EventView;

/// The width beyond which what belongs to an event is cut, where no terminal sets one.
const DATA_WIDTH: usize = 120;

/// Draws one as a line without its end, which ends where the terminal ends.
pub(crate) fn line(event: &EventView, style: Style, width: Option<usize>, clock: &Clock) -> String {
    let seq = style.paint(Tone::Faint, &format!("{:>6}", event.seq));
    let at = style.paint(Tone::Faint, &clock.show(&event.at));
    let kind = escape::line(&event.kind);
    let whom: Vec<String> = [&event.project, &event.initiative, &event.task, &event.agent]
        .into_iter()
        .flatten()
        .map(|name| escape::line(name))
        .collect();
    let data = match &event.data {
        serde_json::Value::Object(fields) if fields.is_empty() => String::new(),
        serde_json::Value::Null => String::new(),
        data => escape::line(&data.to_string()),
    };
    let head = format!("{seq}  {at}  {kind:<22}  ");
    let room = width.map(|width| width.saturating_sub(columns(&head)));
    let mut whom = whom.join(" ");
    if let Some(room) = room {
        whom = cut(&whom, room);
    }
    let left = room.map_or(DATA_WIDTH, |room| room.saturating_sub(columns(&whom) + 2));
    // An ellipsis alone tells nothing.
    let data = if left > 1 {
        cut(&data, left)
    } else {
        String::new()
    };
    let data = style.paint(Tone::Faint, &data);
    format!("{head}{whom}  {data}").trim_end().to_owned()
}

/// Tells an event of a run in words; none for what is not worth a line.
pub(crate) fn story(event: &EventView) -> Option<String> {
    let who = event
        .task
        .as_deref()
        .or(event.agent.as_deref())
        .or(event.initiative.as_deref());
    let told = telling(event)?;
    Some(format!("{}: {told}", escape::line(who.unwrap_or("cw"))))
}

fn telling(event: &EventView) -> Option<String> {
    let agent = event
        .agent
        .as_deref()
        .map_or_else(|| "its agent".to_owned(), escape::line);
    let text = |key| words(&event.data, key);
    let because = |head: &str, key| match words(&event.data, key) {
        Some(why) => format!("{head}: {why}"),
        None => head.to_owned(),
    };
    Some(match event.kind.as_str() {
        "agent.turn-started" => match text("kind").as_deref() {
            None | Some("start") => format!("{agent} starts"),
            Some(kind) => format!("{agent} goes on ({kind})"),
        },
        "agent.retrying" => {
            let after = event.data["in_s"].as_u64().unwrap_or(0);
            let head = format!("{agent} waits for its API and tries again in {after} s");
            because(&head, "error")
        }
        "agent.kept-out" => because(&format!("{agent} was not let in"), "error"),
        "agent.nudged" => because(&format!("{agent} is nudged"), "error"),
        "agent.output-cut" => format!("{agent} has printed more than is kept; the rest is dropped"),
        "agent.reported-done" => because("done", "summary"),
        "agent.stopped" => format!("{agent} stopped{}", resumed(event)),
        "merge.bounced" => match text("conflicts") {
            Some(files) => format!("handed back to its agent, in conflict: {files}"),
            None => "handed back to its agent".to_owned(),
        },
        "merge.gate-failed" => because("a gate said no", "gate"),
        "merge.held" => because("the merge lane holds", "why"),
        "message.answered" => because("answered", "answer"),
        "message.sent" => format!("{agent} says: {}", text("body")?),
        "task.merged" if event.data["unchanged"] == true => "merged, it changed nothing".to_owned(),
        "task.parked" => because("parked", "why") + &resumed(event),
        "task.retry-scheduled" => because("another attempt follows", "error"),
        "task.review-requested" => match (&event.initiative, &event.task) {
            (Some(initiative), Some(task)) => {
                let id = escape::line(&format!("{initiative}/{task}"));
                format!("waits for your approval: cw task approve {id}")
            }
            _ => "waits for your approval".to_owned(),
        },
        "task.budget-raised" | "initiative.budget-raised" => {
            format!("its budget is {} now", dollars(event, "budget_usd"))
        }
        "task.budget-exceeded" | "initiative.budget-exceeded" => format!(
            "over its budget: {} of {} used",
            dollars(event, "spent_usd"),
            dollars(event, "budget_usd")
        ),
        "task.rejected" => because("rejected", "text"),
        "initiative.land-refused" | "initiative.branch-refused" => because("refused", "error"),
        "task.started"
        | "initiative.started"
        | "initiative.created"
        | "initiative.branch-cut"
        | "initiative.updated" => return None,
        other => {
            let (noun, verb) = other.split_once('.')?;
            if !matches!(noun, "task" | "initiative") {
                return None;
            }
            because(&escape::line(verb).replace('-', " "), "error")
        }
    })
}

/// An amount of an event's data.
fn dollars(event: &EventView, key: &str) -> String {
    amount::money(event.data[key].as_f64().unwrap_or_default())
}

/// The command that lets a stopped agent go on, for what tells of one.
fn resumed(event: &EventView) -> String {
    let by_hand = event.data["why"]
        .as_str()
        .is_none_or(|why| why.contains("stopped"));
    match event.agent.as_deref().filter(|_| by_hand) {
        Some(agent) => format!(" (cw agent resume {} lets it go on)", escape::line(agent)),
        None => String::new(),
    }
}

/// A text, or several, of an event's data: one line, bounded.
fn words(data: &serde_json::Value, key: &str) -> Option<String> {
    let text = match &data[key] {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(all) => {
            let texts: Vec<_> = all.iter().filter_map(|one| one.as_str()).collect();
            texts.join(", ")
        }
        _ => return None,
    };
    let text = cut(&escape::first_line(&text), DATA_WIDTH);
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
        let lines = [
            told("task.merged", json!({})),
            told("task.merged", json!({"unchanged": true})),
            told(
                "merge.bounced",
                json!({"conflicts": ["a.txt", "b\x1b.txt"]}),
            ),
            told("agent.turn-started", json!({"kind": "bounce"})),
            told("task.failed", json!({"error": "exit 3\nmore"})),
            told("merge.gate-failed", json!({"gate": "cargo test"})),
        ];
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        login: merged
        login: merged, it changed nothing
        login: handed back to its agent, in conflict: a.txt, b^[.txt
        login: soho goes on (bounce)
        login: failed: exit 3 …
        login: a gate said no: cargo test
        ");
        assert_eq!(told("agent.progressed", json!({"text": "x"})), None);
        assert_eq!(told("worktree.kept", json!({})), None);
    }

    #[test]
    fn an_event_is_one_line() {
        let day = "2026-11-23T12:00:00Z".parse::<jiff::Timestamp>().unwrap();
        let clock = Clock::new(day.try_into().unwrap(), jiff::tz::TimeZone::UTC);
        let line = line(
            &event("task.failed", json!({"error": "a\nb"})),
            Style { colour: false },
            None,
            &clock,
        );
        assert_eq!(
            line,
            r#"     7  10:20:30  task.failed             accounts login soho  {"error":"a\nb"}"#
        );
    }
    #[test]
    fn an_event_ends_where_the_terminal_ends() {
        let clock = Clock::new(std::time::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
        let long = event("task.failed", json!({"error": "\u{6f22}".repeat(90)}));
        for colour in [false, true] {
            for width in [60, 80, 81, 132, 200] {
                let line = line(&long, Style { colour }, Some(width), &clock);
                assert!(columns(&line) <= width, "{width}: {line}");
                assert!(columns(&line) + 2 >= width || width < 80, "{width}: {line}");
                assert!(width < 80 || line.contains('\u{2026}'), "{width}: {line}");
            }
        }
    }
}
