//! Live progress on a terminal: a line per agent at work, a bar over all.

use super::page::Page;
use super::style::{Style, Tone};
use super::table::cut;
use super::{amount, escape};
use cw_wire::AgentView;
use cw_wire::run::RunProgressView;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// How often the moving parts move.
const TICK: Duration = Duration::from_millis(120);

/// The lines at the terminal's end that are drawn again and again, on standard error.
pub(crate) struct Live {
    all: MultiProgress,
    total: ProgressBar,
    agents: BTreeMap<String, ProgressBar>,
}

impl Live {
    /// Starts with an empty bar.
    pub(crate) fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{bar:24.green/dim} {pos}/{len}  {msg}"));
        Self {
            all,
            total,
            agents: BTreeMap::new(),
        }
    }

    /// Prints a line above.
    pub(crate) fn line(&self, text: &str) {
        // A terminal that has gone is noticed where results are written.
        let _ = self.all.println(text);
    }

    /// Shows how far it is.
    pub(crate) fn update(&mut self, progress: &RunProgressView, now: SystemTime) {
        let here = |name: &String| progress.agents.iter().any(|agent| agent.name == *name);
        for (_, gone) in self.agents.extract_if(.., |name, _| !here(name)) {
            gone.finish_and_clear();
            self.all.remove(&gone);
        }
        for agent in &progress.agents {
            let line = self.agents.entry(agent.name.clone()).or_insert_with(|| {
                let line = self
                    .all
                    .insert_before(&self.total, ProgressBar::new_spinner());
                line.set_style(style("{spinner:.cyan} {wide_msg}"));
                line.enable_steady_tick(TICK);
                line
            });
            line.set_message(draw_agent(agent, now));
        }
        let tasks = progress.initiative.tasks;
        self.total.set_length(u64::from(tasks.total));
        self.total.set_position(u64::from(tasks.merged));
        self.total.set_message(draw_total(progress));
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self) {
        for line in self.agents.values() {
            line.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// An agent's line: name, task, time, cost, what it does.
fn draw_agent(agent: &AgentView, now: SystemTime) -> String {
    let name = cut(&escape::line(&agent.name), 14);
    let task = cut(&escape::line(agent.task.as_deref().unwrap_or("-")), 24);
    let time = agent
        .started_at
        .as_deref()
        .and_then(|at| amount::since(at, now));
    let time = time.map(amount::duration).unwrap_or_default();
    let cost = if agent.cost_usd > 0.0 {
        amount::money(agent.cost_usd)
    } else {
        String::new()
    };
    let activity = agent.activity.as_deref().map(escape::first_line);
    let activity = activity.unwrap_or_else(|| agent.status.to_string());
    format!("{name:<14} {task:<24} {time:>7} {cost:>7}  {activity}")
}

fn draw_total(progress: &RunProgressView) -> String {
    let tasks = progress.initiative.tasks;
    let mut parts = vec!["merged".to_owned()];
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
    parts.push(amount::money(progress.initiative.cost_usd));
    parts.join(" · ")
}

/// A question as it comes, with the command that answers it.
pub(crate) fn question(message: &cw_wire::MessageView, style: Style) -> String {
    let task = message
        .task
        .as_ref()
        .map(|task| format!(" ({})", escape::line(task)));
    let head = format!(
        "? {}{} asks:",
        escape::line(&message.from),
        task.unwrap_or_default()
    );
    let mut page = Page::new(style, None, SystemTime::UNIX_EPOCH);
    page.line(style.paint(Tone::Attention, &head));
    page.text(&message.body);
    for (at, option) in message.options.iter().enumerate() {
        page.line(format!("    {}. {}", at + 1, escape::line(option)));
    }
    if let Some(command) = super::human::message::command(message) {
        page.line(format!("  answer with: {command}"));
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cw_wire::{MessageKind, MessageStatus, MessageView};

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
            project: None,
            initiative: None,
        };
        insta::assert_snapshot!(question(&message, Style { colour: false }), @r"
        ? gastown (login) asks:
            Which hash?^[[2J
            1. argon2
            2. bcrypt
          answer with: cw message answer 12 <1-2 or your own text>
        ");
    }
}
