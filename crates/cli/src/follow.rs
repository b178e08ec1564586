//! Follows a run to its end: events as they come, progress, questions, the summary.
//!
//! It owns when to look and what to print. Whether a run is over is the server's word.

use crate::client::{EventStream, is_gone};
use crate::commands::events::reopen;
use crate::failure::{Exit, Failure, Outcome};
use crate::render::human::run::{Summary, exit_code, summary};
use crate::render::live::{self, Live};
use crate::render::{escape, human, json};
use crate::session::Session;
use cw_wire::event::EventQuery;
use cw_wire::message::{AnswerInput, MessageAnswer};
use cw_wire::run::{RunOutcome, RunProgress, RunProgressInput, RunProgressView};
use cw_wire::task::TaskShow;
use cw_wire::{ErrorCode, EventView, MessageView, Target, TaskStatus, TaskView};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long after an event to look, so that a burst costs one look.
const SETTLE: Duration = Duration::from_millis(60);
/// How often to look without an event: on a terminal, and elsewhere.
const LOOK_LIVE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_secs(5);

/// Answers a question by itself, after a pause in which it can be read.
pub(crate) type Answerer = fn(&MessageView) -> Option<(String, Duration)>;

/// What is followed.
pub(crate) struct Followed {
    /// The initiative's id.
    pub(crate) initiative: String,
    /// Only this task of it.
    pub(crate) task: Option<String>,
    /// The number of the last event before it began.
    pub(crate) after: u64,
    /// End when everything left waits for the user.
    pub(crate) exit_when_waiting: bool,
    /// Who answers questions, if not the user.
    pub(crate) answerer: Option<Answerer>,
    /// The commands that go on with it; none where nothing goes on after this command.
    pub(crate) onward: Option<Onward>,
}

/// The commands with which whoever stops following goes on.
#[derive(Debug, Clone)]
pub(crate) struct Onward {
    /// Follows again.
    pub(crate) follow: String,
    /// Stops what is at work.
    pub(crate) stop: String,
}

/// Follows one task to its end.
pub(crate) fn task(session: &Session<'_>, task: &TaskView, after: u64) -> Outcome {
    let id = escape::line(&task.initiative);
    let agent = task.agent.as_deref().map(escape::line);
    let followed = Followed {
        initiative: task.initiative.clone(),
        task: Some(task.id.clone()),
        after,
        exit_when_waiting: false,
        answerer: None,
        onward: Some(Onward {
            follow: format!("cw events --follow -i {id}"),
            stop: format!("cw agent stop {}", agent.as_deref().unwrap_or("NAME")),
        }),
    };
    run(session, followed)
}

/// Follows a run to its end and shows its summary.
pub(crate) fn run(session: &Session<'_>, followed: Followed) -> Outcome {
    let query = EventQuery {
        after: followed.after,
        follow: 1,
        dir: session.dir()?,
        initiative: Some(followed.initiative.clone()),
    };
    let live = session.out.error_terminal && !session.out.json && !session.out.quiet;
    let mut follower = Follower {
        session,
        followed,
        query,
        live: live.then(|| Live::new(session.out)),
        told: BTreeSet::new(),
        last: None,
    };
    let end = session.block_on(follower.follow());
    if let Some(live) = &follower.live {
        live.clear();
    }
    follower.live = None;
    follower.finish(end?)
}

struct Follower<'s, 'a> {
    session: &'s Session<'a>,
    followed: Followed,
    query: EventQuery,
    live: Option<Live>,
    told: BTreeSet<String>,
    last: Option<RunProgressView>,
}

/// How following ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Over(RunOutcome),
    Interrupted,
}

impl Follower<'_, '_> {
    /// Follows until it is over or the user leaves, whatever is waited for just then.
    async fn follow(&mut self) -> Outcome<End> {
        tokio::select! {
            outcome = self.until_over() => outcome.map(End::Over),
            _ = tokio::signal::ctrl_c() => Ok(End::Interrupted),
        }
    }

    async fn until_over(&mut self) -> Outcome<RunOutcome> {
        let mut stream = self.session.client.events(&self.query).await?;
        self.session.client.leave_stopped();
        let pace = if self.live.is_some() { LOOK_LIVE } else { LOOK };
        let mut due = Instant::now();
        loop {
            tokio::select! {
                next = stream.next() => {
                    self.take(next, &mut stream).await?;
                    due = due.min(Instant::now() + SETTLE);
                }
                () = tokio::time::sleep_until(due) => {
                    if let Some(outcome) = self.look().await? {
                        return Ok(outcome);
                    }
                    due = Instant::now() + pace;
                }
            }
        }
    }

    async fn take(
        &mut self,
        next: Outcome<Option<EventView>>,
        stream: &mut EventStream,
    ) -> Outcome<()> {
        match next {
            Ok(Some(event)) => self.event(&event),
            Err(failure) if !is_gone(&failure) => Err(failure),
            Ok(None) | Err(_) => {
                *stream = self.reopen().await?;
                Ok(())
            }
        }
    }

    /// Waits for a server that has gone, and says so.
    async fn reopen(&self) -> Outcome<EventStream> {
        let told = Cell::new(false);
        let gone = || {
            told.set(true);
            self.tell("the server has gone; the agents go on. Waiting for it (Ctrl-C leaves) …");
        };
        let opened = reopen(&self.session.client, &self.query, gone).await;
        if told.get() && opened.is_ok() {
            self.tell("the server is back");
        }
        opened.map_err(|failure| match (failure, &self.followed.onward) {
            (Failure::Error(error), Some(onward)) if error.code == ErrorCode::Unreachable => {
                let follow = &onward.follow;
                let hint = format!("`{follow}` starts it again and goes on where it was");
                error.hint(hint).into()
            }
            (failure, _) => failure,
        })
    }

    fn event(&mut self, event: &EventView) -> Outcome<()> {
        self.query.after = self.query.after.max(event.seq);
        let mine = self.followed.task.is_none() || self.followed.task == event.task;
        if !mine {
            return Ok(());
        }
        if self.session.out.json {
            return self.session.out.write(&json::line(event)?);
        }
        if let Some(story) = human::event::story(event) {
            self.say(&story);
        }
        Ok(())
    }

    /// Tells a part of the story; as JSON the events themselves tell it.
    fn say(&self, text: &str) {
        if !self.session.out.json {
            self.tell(text);
        }
    }

    fn tell(&self, text: &str) {
        match &self.live {
            Some(live) => live.above(|| self.session.out.note(text)),
            None => self.session.out.note(text),
        }
    }

    /// Shows a question, to those who want nothing but results too: it waits for them.
    fn urge(&self, text: &str) {
        match &self.live {
            Some(live) => live.above(|| self.session.out.urge(text)),
            None if self.session.out.json => {}
            None => self.session.out.urge(text),
        }
    }

    /// Looks how it stands; returns the outcome once there is one.
    async fn look(&mut self) -> Outcome<Option<RunOutcome>> {
        let input = RunProgressInput {
            dir: self.query.dir.clone(),
            initiative: self.followed.initiative.clone(),
        };
        let progress = match self.session.client.call::<RunProgress>(&input).await {
            Ok(progress) => progress,
            // The stream notices too, and decides how long to wait.
            Err(failure) if is_gone(&failure) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        if let Some(live) = &mut self.live {
            live.update(&progress, self.session.host.now());
        }
        for question in &progress.questions {
            self.question(question).await?;
        }
        let outcome = match &self.followed.task {
            Some(task) => self.task_outcome(task).await?,
            None => progress.outcome,
        };
        self.last = Some(progress);
        Ok(match outcome {
            RunOutcome::Working => None,
            RunOutcome::WaitsForUser if !self.followed.exit_when_waiting => None,
            over => Some(over),
        })
    }

    async fn task_outcome(&self, task: &str) -> Outcome<RunOutcome> {
        let id = format!("{}/{task}", self.followed.initiative);
        let target = Target {
            dir: self.query.dir.clone(),
            id,
        };
        let shown = self.session.client.call::<TaskShow>(&target).await?;
        Ok(match shown.task.view.status {
            TaskStatus::Merged | TaskStatus::Skipped => RunOutcome::Finished,
            TaskStatus::Failed | TaskStatus::Cancelled => RunOutcome::Failed,
            _ => RunOutcome::Working,
        })
    }

    async fn question(&mut self, question: &MessageView) -> Outcome<()> {
        // What is about no task holds the agents of all.
        let task = question.task.as_ref();
        let mine =
            task.is_none_or(|task| self.followed.task.as_ref().is_none_or(|own| own == task));
        if !mine || !self.told.insert(question.id.clone()) {
            return Ok(());
        }
        let out = &self.session.out;
        let theirs = self.followed.answerer.is_none();
        let asked = live::question(question, out.error_style(), out.error_width(), theirs);
        self.urge(asked.trim_end());
        let answer = self
            .followed
            .answerer
            .and_then(|answerer| answerer(question));
        let Some((text, pause)) = answer else {
            return Ok(());
        };
        tokio::time::sleep(pause).await;
        self.say(&format!(
            "  answered by the demo itself: {}",
            escape::line(&text)
        ));
        let input = AnswerInput {
            dir: self.query.dir.clone(),
            id: question.id.clone(),
            text: Some(text),
            option: None,
            env: Default::default(),
        };
        self.session
            .client
            .call::<MessageAnswer>(&input)
            .await
            .map(|_| ())
    }

    /// Shows what came between the last event and the end, and the summary.
    fn finish(&mut self, end: End) -> Outcome {
        let (word, exit) = match end {
            End::Over(outcome) => {
                match self.session.block_on(self.rest()) {
                    // The outcome stands, with or without the last lines of the story.
                    Err(failure) if !is_gone(&failure) => return Err(failure),
                    _ => {}
                }
                (outcome.as_str(), exit_code(outcome))
            }
            End::Interrupted => {
                self.part();
                ("interrupted", Exit::INTERRUPTED)
            }
        };
        if let Some(progress) = self.last.as_ref().filter(|_| self.followed.task.is_none()) {
            let all = Summary::new(progress, word, exit.0);
            let follow = self.followed.onward.as_ref().map(|on| on.follow.as_str());
            self.session
                .show(&all, |all, page| summary(all, follow, page))?;
        }
        Ok(exit)
    }

    /// Tells who leaves what goes on, and how to come back.
    fn part(&self) {
        let Some(Onward { follow, stop }) = &self.followed.onward else {
            return;
        };
        let id = escape::line(&self.followed.initiative);
        self.session.out.note(&format!(
            "interrupted; the agents go on.\n  follow  {follow}\n  \
             hold    cw initiative pause {id}\n  stop    {stop}"
        ));
    }

    async fn rest(&mut self) -> Outcome<()> {
        let query = EventQuery {
            follow: 0,
            ..self.query.clone()
        };
        let mut stream = self.session.client.events(&query).await?;
        while let Some(event) = stream.next().await? {
            self.event(&event)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
