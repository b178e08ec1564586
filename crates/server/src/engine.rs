//! The one thread that decides. It takes signals as they come, decides all that are waiting,
//! saves them in one transaction, and only then answers, publishes and has effects performed.
//! What is not saved did not happen: when saving fails, the state is read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use cw_core::app::{Refusal, Reply, Signal, decide};
use cw_core::domain::config::Config;
use cw_core::domain::effect::Effect;
use cw_core::domain::ids::{Ids, ProjectId};
use cw_core::domain::state::State;
use cw_core::domain::time::Timestamp;
use cw_core::domain::txn::Commit;
use cw_core::ports::settings::Clock;
use cw_core::ports::store::{Fence, Store, StoreError};
use thiserror::Error;
use tokio::sync::{oneshot, watch};

/// The most signals that share one transaction.
const BATCH: usize = 512;
/// Time that passed unseen for longer than this was slept through.
const SLEPT: Duration = Duration::from_secs(60);
/// How often turns under way are looked at for timeouts.
const TICK: Duration = Duration::from_secs(1);

/// Why a signal was not taken in.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum EngineError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be saved; nothing happened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is ending.
    #[error("the server is ending")]
    Ending,
}

/// A look at the saved state.
type Look = Box<dyn FnOnce(&State) + Send>;
type Answer = oneshot::Sender<Result<Reply, EngineError>>;

enum Job {
    Signal(Box<Signal>, Answer),
    Read(Look),
    Config(ProjectId, Arc<Config>),
    End,
}

/// Hands effects on once the decision that wanted them is saved.
pub trait Hands: Send {
    /// Has these effects performed; `state` is what was saved.
    fn perform(&mut self, state: &State, effects: Vec<Effect>);
}

/// Speaks to the engine; cheap to copy.
#[derive(Clone)]
pub struct Engine {
    jobs: Sender<Job>,
    saved: watch::Receiver<u64>,
}

impl Engine {
    /// Has a signal decided; comes back once it is saved.
    ///
    /// # Errors
    /// When the decision is no, or could not be saved.
    pub async fn decide(&self, signal: Signal) -> Result<Reply, EngineError> {
        self.submit(signal)?
            .await
            .unwrap_or(Err(EngineError::Ending))
    }

    /// As [`Engine::decide`], for threads.
    ///
    /// # Errors
    /// When the decision is no, or could not be saved.
    pub fn decide_blocking(&self, signal: Signal) -> Result<Reply, EngineError> {
        self.submit(signal)?
            .blocking_recv()
            .unwrap_or(Err(EngineError::Ending))
    }

    fn submit(
        &self,
        signal: Signal,
    ) -> Result<oneshot::Receiver<Result<Reply, EngineError>>, EngineError> {
        let (answer, wait) = oneshot::channel();
        self.jobs
            .send(Job::Signal(Box::new(signal), answer))
            .map_err(|_| EngineError::Ending)?;
        Ok(wait)
    }

    /// Looks at the saved state.
    ///
    /// # Errors
    /// When the server is ending.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (send, wait) = oneshot::channel();
        let job = Job::Read(Box::new(move |state| {
            // A caller that has gone away does not mind.
            let _ = send.send(look(state));
        }));
        self.jobs.send(job).map_err(|_| EngineError::Ending)?;
        wait.await.map_err(|_| EngineError::Ending)
    }

    /// Gives the engine the settings that decisions about a project follow from now on.
    pub fn configure(&self, project: ProjectId, config: Arc<Config>) {
        let _ = self.jobs.send(Job::Config(project, config));
    }

    /// Follows the number of the last saved event.
    #[must_use]
    pub fn saved(&self) -> watch::Receiver<u64> {
        self.saved.clone()
    }

    /// Has the engine end once it has saved what it is at.
    pub fn end(&self) {
        let _ = self.jobs.send(Job::End);
    }
}

/// What the engine works with.
pub struct Parts {
    /// Where decisions are saved.
    pub store: Box<dyn Store>,
    /// The lease that this server holds.
    pub fence: Fence,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Box<dyn Ids + Send>,
    /// The settings of each project.
    pub configs: BTreeMap<ProjectId, Arc<Config>>,
}

/// Starts the engine over `state`; `hands` is made from the way to speak to it.
///
/// # Errors
/// When the system has no thread to give.
pub fn start<H: Hands + 'static>(
    parts: Parts,
    state: State,
    hands: impl FnOnce(&Engine) -> H,
) -> std::io::Result<(Engine, JoinHandle<()>)> {
    let (jobs, inbox) = channel();
    let (publish, saved) = watch::channel(state.last_seq());
    let engine = Engine { jobs, saved };
    let hands = Box::new(hands(&engine));
    let mut desk = Desk {
        ticked_at: parts.clock.now(),
        parts,
        state,
        inbox,
        publish,
        hands,
    };
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || {
            let _fuse = Fuse;
            desk.run();
        })?;
    Ok((engine, thread))
}

/// A server whose engine has panicked decides nothing any more: it ends, so that the next one
/// takes over from what is saved.
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the engine has panicked; the server ends");
            std::process::abort();
        }
    }
}

struct Desk {
    parts: Parts,
    state: State,
    inbox: Receiver<Job>,
    publish: watch::Sender<u64>,
    hands: Box<dyn Hands>,
    /// When time itself was looked at last.
    ticked_at: Timestamp,
}

/// What one round of deciding has to save and to say.
#[derive(Default)]
struct Round {
    commits: Vec<Commit>,
    answers: Vec<(Answer, Result<Reply, EngineError>)>,
    reads: Vec<Look>,
    ends: bool,
}

impl Desk {
    fn run(&mut self) {
        for (project, config) in &self.parts.configs {
            self.state.set_config(*project, config.clone());
        }
        loop {
            let mut round = Round::default();
            let patience = self.patience();
            match self.inbox.recv_timeout(patience) {
                Ok(job) => {
                    // Whoever asks without a pause does not hold up time.
                    if patience.is_zero() {
                        self.tick(&mut round);
                    }
                    self.take(&mut round, job);
                }
                Err(RecvTimeoutError::Timeout) => self.tick(&mut round),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while round.commits.len() < BATCH && !round.ends {
                let Ok(job) = self.inbox.try_recv() else {
                    break;
                };
                self.take(&mut round, job);
            }
            let ends = round.ends;
            self.save(round);
            if ends {
                return;
            }
        }
    }

    fn tick(&mut self, round: &mut Round) {
        let now = self.parts.clock.now();
        // While an agent works time is looked at every second; where a minute is missing, the
        // machine slept or stood still.
        if now.since(self.ticked_at) > SLEPT {
            self.decide(round, Signal::Woke, None);
        }
        self.ticked_at = now;
        self.decide(round, Signal::Tick, None);
    }

    /// How long nothing needs to happen if nobody says anything.
    fn patience(&self) -> Duration {
        let (index, now) = (self.state.index(), self.parts.clock.now());
        let since = now.since(self.ticked_at);
        let due = index.next_due().map(|at| {
            at.since(now)
                .max(Duration::from_millis(1).saturating_sub(since))
        });
        let watches = index
            .open_turns()
            .next()
            .map(|_| TICK.saturating_sub(since));
        due.into_iter()
            .chain(watches)
            .min()
            .unwrap_or(Duration::from_secs(3600))
    }

    fn take(&mut self, round: &mut Round, job: Job) {
        match job {
            Job::Signal(signal, answer) => self.decide(round, *signal, Some(answer)),
            Job::Read(look) => round.reads.push(look),
            Job::Config(project, config) => {
                self.parts.configs.insert(project, config.clone());
                self.state.set_config(project, config);
                // What could not go on without settings may go on now.
                self.decide(round, Signal::Tick, None);
            }
            Job::End => round.ends = true,
        }
    }

    fn decide(&mut self, round: &mut Round, signal: Signal, answer: Option<Answer>) {
        let now: Timestamp = self.parts.clock.now();
        let result = decide(&mut self.state, signal, now, &mut *self.parts.ids);
        let result = result.map(|(reply, commit)| {
            if !commit.is_empty() {
                round.commits.push(commit);
            }
            reply
        });
        if let Some(answer) = answer {
            round
                .answers
                .push((answer, result.map_err(EngineError::from)));
        }
    }

    fn save(&mut self, round: Round) {
        let saved = match round.commits.as_slice() {
            [] => Ok(()),
            commits => self.parts.store.save(self.parts.fence, commits),
        };
        match saved {
            Ok(()) => {
                self.publish.send_replace(self.state.last_seq());
                let effects: Vec<Effect> = round
                    .commits
                    .into_iter()
                    .flat_map(|commit| commit.perform)
                    .collect();
                if !effects.is_empty() {
                    self.hands.perform(&self.state, effects);
                }
                for (answer, result) in round.answers {
                    let _ = answer.send(result);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a decision could not be saved; nothing of it happened");
                self.reload();
                for (answer, result) in round.answers {
                    let _ = answer.send(result.and(Err(EngineError::Store(error.clone()))));
                }
            }
        }
        for look in round.reads {
            look(&self.state);
        }
    }

    /// Goes back to what is saved. Until that can be read nothing is decided.
    fn reload(&mut self) {
        loop {
            match self.parts.store.load() {
                Ok(loaded) => {
                    self.state = State::from_rows(loaded.rows, loaded.last_seq);
                    for (project, config) in &self.parts.configs {
                        self.state.set_config(*project, config.clone());
                    }
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the saved state cannot be read; trying again");
                    std::thread::sleep(Duration::from_millis(500));
                }
            }
        }
    }
}
