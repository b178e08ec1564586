//! Live progress on a terminal: a line per agent at work, a bar over all.
//!
//! It owns how much fits: the bar stays in sight and on one line, whatever the terminal's size.

use super::foot::Foot;
use super::output::Output;
use super::page::Page;
use super::style::{Style, Tone};
use super::table::{cut, width};
use super::{amount, escape};
use cw_wire::AgentView;
use cw_wire::run::RunProgressView;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How often the moving parts move, all of them at once.
const TICK: Duration = Duration::from_millis(120);
/// The moving part at the head of an agent's line.
const FRAMES: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠴", "⠦", "⠧", "⠇"];
/// How wide the bar and the columns of names become at most, and the bar at least.
const BAR: usize = 24;
const LEAST_BAR: usize = 6;
const NAME: usize = 16;
const TASK: usize = 28;
/// The size taken for a terminal that does not tell its own.
const SIZE: (usize, usize) = (80, 24);

/// What is shown while a run is followed.
pub(crate) struct Live {
    /// One member of many lines: they are drawn together, on one tick.
    lines: ProgressBar,
    shown: Arc<Mutex<Option<Shown>>>,
}

/// How it stood when it was looked at last.
struct Shown {
    progress: RunProgressView,
    now: SystemTime,
}

impl Live {
    /// Starts with nothing.
    pub(crate) fn new(out: Output) -> Self {
        let shown: Arc<Mutex<Option<Shown>>> = Arc::default();
        let seen = Arc::clone(&shown);
        let draw = move |state: &ProgressState, to: &mut dyn Write| {
            let shown = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Shown { progress, now }) = &*shown {
                let place = Place {
                    size: out.error_size().unwrap_or(SIZE),
                    frame: (state.elapsed().as_millis() / TICK.as_millis()) as usize,
                    style: out.error_style(),
                };
                // What draws here writes to memory.
                let _ = to.write_str(&picture(progress, *now, &place));
            }
        };
        let style = ProgressStyle::with_template("{picture}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let foot = ProgressDrawTarget::term_like_with_hz(Box::new(Foot::new(out)), 20);
        let lines =
            ProgressBar::with_draw_target(None, foot).with_style(style.with_key("picture", draw));
        lines.enable_steady_tick(TICK);
        Self { lines, shown }
    }

    /// Takes the lines away, lets something be written, and shows them below it.
    pub(crate) fn above(&self, write: impl FnOnce()) {
        self.lines.suspend(write);
    }

    /// Shows how far it is.
    pub(crate) fn update(&self, progress: &RunProgressView, now: SystemTime) {
        let progress = progress.clone();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown { progress, now });
        self.lines.tick();
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self) {
        self.lines.finish_and_clear();
    }
}

/// Where and when a picture is drawn.
struct Place {
    /// Columns and rows.
    size: (usize, usize),
    frame: usize,
    style: Style,
}

/// All lines: at most two less of agents than there are rows, and the bar.
fn picture(progress: &RunProgressView, now: SystemTime, place: &Place) -> String {
    let (columns, rows) = place.size;
    // Some room is left for the `^C` that the terminal echoes behind the last line.
    let columns = columns.saturating_sub(3);
    let room = rows.saturating_sub(2).max(1);
    let all = progress.agents.len();
    let named = if all > room { room - 1 } else { all };
    let mut lines = draw_agents(&progress.agents[..named], now, columns, place);
    if all > named {
        let more = cut(&format!("  … and {} more", all - named), columns);
        lines.push(place.style.paint(Tone::Faint, &more));
    }
    lines.push(draw_total(progress, columns, place.style));
    lines.join("\n")
}

/// The agents' lines: name, task, time, cost, what it does; columns as wide as what they hold.
fn draw_agents(
    agents: &[AgentView],
    now: SystemTime,
    columns: usize,
    place: &Place,
) -> Vec<String> {
    let costs = agents.iter().any(|agent| agent.cost_usd > 0.0);
    let rows: Vec<[String; 4]> = agents
        .iter()
        .map(|agent| {
            let started = agent.started_at.as_deref();
            let time = started.and_then(|at| amount::since(at, now));
            [
                cut(&escape::line(&agent.name), NAME),
                cut(&escape::line(agent.task.as_deref().unwrap_or("-")), TASK),
                time.map(amount::duration).unwrap_or_default(),
                if costs {
                    amount::money(agent.cost_usd)
                } else {
                    String::new()
                },
            ]
        })
        .collect();
    let widest = |at: usize| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2), widest(3)];
    let frame = FRAMES[place.frame % FRAMES.len()];
    let frame = place.style.paint(Tone::Active, frame);
    rows.iter()
        .zip(agents)
        .map(|(row, agent)| {
            let [name, task, time, cost] = row;
            let mut line = format!("{}  {}  ", padded(name, widths[0]), padded(task, widths[1]));
            for (text, wide) in [(time, widths[2]), (cost, widths[3])] {
                if wide > 0 {
                    line.push_str(&" ".repeat(wide - width(text)));
                    line.push_str(&format!("{text}  "));
                }
            }
            line.push_str(&activity(agent));
            format!(
                "{frame} {}",
                cut(line.trim_end(), columns.saturating_sub(2))
            )
        })
        .collect()
}

fn activity(agent: &AgentView) -> String {
    let told = agent.activity.as_deref().map(escape::first_line);
    told.unwrap_or_else(|| agent.status.to_string())
}

fn padded(text: &str, wide: usize) -> String {
    format!("{text}{}", " ".repeat(wide.saturating_sub(width(text))))
}

/// The bar with what stands where. The bar gives way first, then what is said last.
fn draw_total(progress: &RunProgressView, columns: usize, style: Style) -> String {
    let tasks = progress.initiative.tasks;
    let mut parts = parts(progress);
    let mut text = parts.join(" · ");
    while parts.len() > 1 && width(&text) + LEAST_BAR + 1 > columns {
        parts.pop();
        text = parts.join(" · ");
    }
    let room = columns.saturating_sub(width(&text) + 1).min(BAR);
    if room < LEAST_BAR {
        return cut(&text, columns);
    }
    let (merged, total) = (tasks.merged as usize, tasks.total.max(1) as usize);
    let done = (room * merged / total).min(room);
    let done = style.paint(Tone::Good, &"█".repeat(done))
        + &style.paint(Tone::Faint, &"░".repeat(room - done));
    format!("{done} {text}")
}

/// What is said beside the bar, what matters most first.
fn parts(progress: &RunProgressView) -> Vec<String> {
    let tasks = progress.initiative.tasks;
    let mut parts = vec![format!("{}/{} merged", tasks.merged, tasks.total)];
    if progress.held {
        parts.push("held: cw resume".to_owned());
    }
    for (n, word) in [
        (tasks.running, "running"),
        (tasks.waiting, "waiting"),
        (tasks.failed, "failed"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {word}"));
        }
    }
    parts.push(amount::duration(progress.elapsed_s));
    if progress.initiative.cost_usd > 0.0 {
        parts.push(amount::money(progress.initiative.cost_usd));
    }
    parts
}

/// A question as it comes, with the command that answers it where the user is to.
pub(crate) fn question(
    message: &cw_wire::MessageView,
    style: Style,
    width: Option<usize>,
    theirs: bool,
) -> String {
    let task = message
        .task
        .as_ref()
        .map(|task| format!(" ({})", escape::line(task)));
    let head = format!(
        "? {}{} asks:",
        escape::line(&message.from),
        task.unwrap_or_default()
    );
    let mut page = Page::new(style, width, SystemTime::UNIX_EPOCH);
    page.prose(style.paint(Tone::Attention, &head));
    page.text(&message.body);
    for (at, option) in message.options.iter().enumerate() {
        page.item(&format!("    {}. ", at + 1), option);
    }
    if let Some(command) = super::human::message::command(message).filter(|_| theirs) {
        page.prose(format!("  answer with: {command}"));
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cw_wire::{MessageKind, MessageStatus, MessageView};
    use serde_json::json;

    const PLAIN: Style = Style { colour: false };

    fn agent(name: &str, task: &str, activity: &str, cost: f64) -> serde_json::Value {
        json!({
            "name": name, "kind": "claude", "status": "running", "task": task, "session": null,
            "pid": null, "worktree": null, "branch": null, "turns": 1,
            "started_at": "1970-01-01T00:00:00Z", "last_output_at": null, "cost_usd": cost,
            "tokens": 0, "activity": activity,
        })
    }

    fn progress(agents: &[serde_json::Value], held: bool) -> RunProgressView {
        serde_json::from_value(json!({
            "initiative": {
                "id": "a", "title": "A", "status": "active", "base": "main", "branch": "b",
                "cost_usd": 0.0, "tasks": {
                    "total": 12, "merged": 3, "failed": 1, "running": 2, "waiting": 1,
                },
            },
            "outcome": "working", "counts": {}, "agents": agents, "questions": [], "failed": [],
            "reviews": [], "held": held, "seq": 1, "elapsed_s": 75.0,
        }))
        .unwrap()
    }

    fn drawn(progress: &RunProgressView, size: (usize, usize)) -> String {
        let place = Place {
            size,
            frame: 0,
            style: PLAIN,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(12);
        let picture = picture(progress, now, &place);
        assert!(
            picture.lines().all(|line| width(line) < size.0),
            "{picture}"
        );
        assert!(picture.lines().count() < size.1, "{picture}");
        picture
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let agents = [
            agent("soho", "ログイン", "reads the schema\nand more", 0.0),
            agent(
                "gastown",
                "users",
                "writes a migration for the users table",
                0.0,
            ),
        ];
        insta::assert_snapshot!(drawn(&progress(&agents, false), (62, 24)), @r"
        ⠋ soho     ログイン  12s  reads the schema …
        ⠋ gastown  users     12s  writes a migration for the users…
        ███░░░░░░░░░ 3/12 merged · 2 running · 1 waiting · 1 failed
        ");
        let dear = [agent("soho", "login", "reads", 1.5), agents[1].clone()];
        insta::assert_snapshot!(drawn(&progress(&dear, false), (62, 24)), @r"
        ⠋ soho     login  12s  $1.50  reads
        ⠋ gastown  users  12s  $0.00  writes a migration for the u…
        ███░░░░░░░░░ 3/12 merged · 2 running · 1 waiting · 1 failed
        ");
    }

    #[test]
    fn the_bar_stays_in_sight_and_on_one_line_however_small_the_terminal() {
        let agents: Vec<_> = (0..9)
            .map(|n| agent(&format!("a{n}"), "t", "x", 0.0))
            .collect();
        insta::assert_snapshot!(drawn(&progress(&agents, true), (42, 6)), @r"
        ⠋ a0  t  12s  x
        ⠋ a1  t  12s  x
        ⠋ a2  t  12s  x
          … and 6 more
        ██░░░░░░░ 3/12 merged · held: cw resume
        ");
        for columns in 10..90 {
            let picture = drawn(&progress(&agents, true), (columns, 4));
            assert!(columns < 22 || picture.contains("3/12 merged"), "{picture}");
        }
    }

    #[test]
    fn a_question_shows_the_command_that_answers_it() {
        let message = MessageView {
            id: "12".into(),
            kind: MessageKind::Question,
            from: "gastown".into(),
            to: "user".into(),
            task: Some("login".into()),
            body: "Which hash?\x1b[2J".into(),
            options: vec!["argon2".into(), "bcrypt".into()],
            status: MessageStatus::Open,
            answer: None,
            created_at: "2026-11-23T10:00:00Z".into(),
            answered_at: None,
            revoked: false,
            project: None,
            initiative: None,
        };
        assert!(!question(&message, PLAIN, None, false).contains("cw message"));
        insta::assert_snapshot!(question(&message, PLAIN, None, true), @r"
        ? gastown (login) asks:
            Which hash?^[[2J
            1. argon2
            2. bcrypt
          answer with: cw message answer 12 1  (1-2, or your own text)
        ");
    }
}
