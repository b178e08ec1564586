//! Following turns: a thread per live turn reads what its program prints and tells the engine,
//! a second's worth at a time.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cw_core::app::{Asked, Output, Retrying, Sight, Signal, Want};
use cw_core::domain::ids::{MessageId, TurnId};
use cw_core::domain::money::{Usd, add_tokens};
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::Verdict;
use cw_core::ports::agents::{
    self, AgentEvent, Agents, Answer, Batch, Ending, Follow, Permissions, ReplyTo,
};
use cw_core::ports::settings::Clock;

use crate::engine::{Engine, EngineError};

/// The stack of a follower's thread.
const STACK: usize = 256 * 1024;
/// What was read is told at most this often.
const PACE: Duration = Duration::from_secs(1);
/// How long an internal sender waits before it says again what could not be saved.
const AGAIN: Duration = Duration::from_millis(500);

/// Starts followers, one for each turn; cheap to copy.
#[derive(Clone)]
pub struct Followers {
    agents: Arc<dyn Agents>,
    clock: Arc<dyn Clock>,
    following: Arc<Mutex<BTreeSet<TurnId>>>,
}

impl Followers {
    /// Followers over these programs.
    #[must_use]
    pub fn new(agents: Arc<dyn Agents>, clock: Arc<dyn Clock>) -> Self {
        Self {
            agents,
            clock,
            following: Arc::default(),
        }
    }

    /// Follows a turn, unless it is followed already.
    pub fn follow(&self, engine: &Engine, turn: TurnId, follow: Follow) {
        if !self.lock().insert(turn) {
            return;
        }
        let (this, engine) = (self.clone(), engine.clone());
        let thread = std::thread::Builder::new()
            .name(format!("turn-{turn}"))
            .stack_size(STACK);
        let started = thread.spawn(move || {
            let watched = catch_unwind(AssertUnwindSafe(|| this.watch(&engine, turn, &follow)));
            if watched.is_err() {
                this.give_up(&engine, turn, &follow);
            }
            this.lock().remove(&turn);
        });
        if let Err(error) = started {
            tracing::error!(%error, %turn, "no thread to follow a turn");
            self.lock().remove(&turn);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<TurnId>> {
        self.following
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A fault while following must not leave a turn shown as running for ever.
    fn give_up(&self, engine: &Engine, turn: TurnId, follow: &Follow) {
        self.end(turn, follow);
        let why = "a fault of cw while following it; see the server's log".to_owned();
        let verdict = Verdict::Failed { why, fatal: false };
        say(
            engine,
            &Signal::Seen(
                turn,
                Sight::Ended {
                    verdict,
                    summary: None,
                },
            ),
        );
    }

    /// Ends a program that cannot be followed, however often that takes: a turn that is told as
    /// ended makes room for the next one of its session.
    fn end(&self, turn: TurnId, follow: &Follow) {
        while let Err(error) = self.agents.stop(&follow.run, "fault") {
            tracing::error!(%error, %turn, "a turn that cannot be followed could not be stopped");
            std::thread::sleep(AGAIN);
        }
    }

    fn watch(&self, engine: &Engine, turn: TurnId, follow: &Follow) {
        let mut reader = Reader {
            output: Output {
                read: (follow.from.out, follow.from.err),
                ..Output::default()
            },
            fresh: false,
            told_at: Timestamp::default(),
        };
        let ending = self.agents.follow(follow, &mut |batch| {
            for (reply, answer) in reader.read(batch, follow.permissions) {
                if let Err(error) = self
                    .agents
                    .answer(&follow.run, &follow.kind, reply, &answer)
                {
                    tracing::warn!(%error, %turn, "an answer did not reach the program");
                }
            }
            let now = self.clock.now();
            let output = &reader.output;
            let owed = !output.asked.is_empty()
                || !output.withdrawn.is_empty()
                || output.listens
                || !output.taken.is_empty();
            if reader.fresh && (owed || now.since(reader.told_at) >= PACE) {
                reader.told_at = now;
                if !say(engine, &Signal::Seen(turn, Sight::Output(reader.take()))) {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        let (verdict, summary) = match ending {
            Ok(Ending::LeftAlone) => return,
            Ok(Ending::Over { verdict, .. }) => judge(verdict),
            Ok(Ending::NeverBegan) => {
                // Its folder may have been taken away from under it.
                self.end(turn, follow);
                (Verdict::Crashed, None)
            }
            Err(error) => {
                tracing::error!(%error, %turn, "a turn cannot be followed");
                self.end(turn, follow);
                let why = error.to_string();
                (Verdict::Failed { why, fatal: false }, None)
            }
        };
        if reader.fresh && !say(engine, &Signal::Seen(turn, Sight::Output(reader.take()))) {
            return;
        }
        say(
            engine,
            &Signal::Seen(turn, Sight::Ended { verdict, summary }),
        );
    }
}

/// Says something to the engine until it is saved; `false` when the server ends first.
pub fn say(engine: &Engine, signal: &Signal) -> bool {
    loop {
        match engine.decide_blocking(signal.clone()) {
            Ok(_) | Err(EngineError::Refused(_)) => return true,
            Err(EngineError::Ending) => return false,
            Err(EngineError::Store(_)) => std::thread::sleep(AGAIN),
        }
    }
}

/// What was read and not told yet.
struct Reader {
    output: Output,
    fresh: bool,
    told_at: Timestamp,
}

impl Reader {
    fn take(&mut self) -> Output {
        self.fresh = false;
        let read = self.output.read;
        std::mem::replace(
            &mut self.output,
            Output {
                read,
                ..Output::default()
            },
        )
    }

    /// Takes a batch in; gives back what has to be answered at once.
    fn read(&mut self, batch: Batch, permissions: Permissions) -> Vec<(ReplyTo, Answer)> {
        let read = (batch.offsets.out, batch.offsets.err);
        let news = read != self.output.read
            || (batch.pid.is_some() && self.output.pid.is_none() && self.told_at.0 == 0);
        self.fresh |= news || !batch.events.is_empty();
        self.output.read = read;
        self.output.at = batch.last_output_at.or(self.output.at);
        self.output.pid = batch.pid.or(self.output.pid);
        batch
            .events
            .into_iter()
            .filter_map(|observed| self.event(observed.event, permissions))
            .collect()
    }

    fn event(&mut self, event: AgentEvent, permissions: Permissions) -> Option<(ReplyTo, Answer)> {
        match event {
            AgentEvent::SessionStarted { id } => self.output.session = Some(id),
            AgentEvent::Text { text } | AgentEvent::Log { text, .. } => self.activity(&text),
            AgentEvent::ToolUse { name, detail } => {
                self.output.worked = true;
                self.activity(&format!("{name} {detail}"));
            }
            AgentEvent::Retrying { delay, why } => {
                let (s, after) = (delay.as_secs_f64().round(), delay);
                self.activity(&format!("the API fails ({why}); tries again in {s} s"));
                self.output.retrying = Some(Retrying { why, after });
            }
            AgentEvent::OutputCut => {
                self.output.cut = true;
                self.activity("has printed more than is kept");
            }
            AgentEvent::Usage { micro_usd, tokens } => {
                self.output.cost += Usd(micro_usd);
                self.output.tokens = add_tokens(self.output.tokens, tokens.total());
            }
            AgentEvent::Question {
                reply,
                request,
                questions,
            } => {
                let parts = questions.into_iter().map(|one| (one.text, one.options));
                self.ask(reply, request, Want::Answers(parts.collect()));
            }
            AgentEvent::PermissionRequest {
                reply,
                request,
                tool,
                detail,
                digest,
            } if permissions == Permissions::Ask => {
                let want = Want::Tool {
                    tool,
                    detail,
                    digest,
                };
                self.ask(reply, request, want);
            }
            AgentEvent::PermissionRequest { reply, tool, .. } => {
                let why = format!(
                    "'{tool}' is not among what cw.toml allows (agents.….allow). Do without it."
                );
                return Some((reply, Answer::Deny { why }));
            }
            AgentEvent::Listens => self.output.listens = true,
            AgentEvent::TookIn { number } => self.output.taken.push(MessageId(number)),
            AgentEvent::RequestWithdrawn { request } => self.output.withdrawn.push(request),
            _ => {}
        }
        None
    }

    fn ask(&mut self, reply: ReplyTo, name: String, want: Want) {
        let reply = reply.0;
        self.output.asked.push(Asked { reply, name, want });
    }

    fn activity(&mut self, text: &str) {
        const MOST: usize = 120;
        if let Some(line) = text.lines().rev().find(|line| !line.trim().is_empty()) {
            self.output.activity = Some(
                line.trim()
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(MOST)
                    .collect(),
            );
        }
    }
}

/// How a turn came out, in the core's words, and the program's last words.
fn judge(verdict: agents::Verdict) -> (Verdict, Option<String>) {
    let with = |why: String, hint: Option<String>| match hint {
        Some(hint) => format!("{why} ({hint})"),
        None => why,
    };
    let verdict = match verdict {
        agents::Verdict::Done { summary, denied } => {
            let last = last_words(&summary, &denied);
            return (Verdict::Done, (!last.is_empty()).then_some(last));
        }
        agents::Verdict::Asked => Verdict::Asked,
        agents::Verdict::Failed { why, hint, fatal } => Verdict::Failed {
            why: with(why, hint),
            fatal,
        },
        agents::Verdict::Limit { until, .. } => Verdict::Limit { until },
        agents::Verdict::Auth { why, hint } => Verdict::Auth {
            why: with(why, Some(hint)),
        },
        agents::Verdict::SessionUnknown => Verdict::SessionUnknown,
        agents::Verdict::SessionTaken => Verdict::Failed {
            why: "the session had been begun before".into(),
            fatal: false,
        },
        agents::Verdict::Stopped { .. } => Verdict::Stopped,
        agents::Verdict::Crashed => Verdict::Crashed,
    };
    (verdict, None)
}

/// What a program said in the end, and what it had to do without.
fn last_words(summary: &str, denied: &[String]) -> String {
    let refused = (!denied.is_empty()).then(|| format!("It was refused: {}.", denied.join(", ")));
    let said = Some(summary.trim().to_owned()).filter(|said| !said.is_empty());
    let parts: Vec<String> = said.into_iter().chain(refused).collect();
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_name_what_was_refused() {
        let denied = ["Write".to_owned(), "Bash".to_owned()];
        assert_eq!(
            last_words("Tried.\n", &denied),
            "Tried.\n\nIt was refused: Write, Bash."
        );
        assert_eq!(last_words(" ", &[]), "");
        assert_eq!(last_words("Made it.", &[]), "Made it.");
    }
}
