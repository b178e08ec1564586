//! The server's ring in small: decide, save, perform, and be killed between any two of these.

use std::sync::Arc;

use cw_core::app::{Call, Command, Refusal, Reply, Signal, decide};
use cw_core::domain::ids::{AgentId, MessageId, TaskId, TurnId};
use cw_core::domain::state::{Key, Row, State};
use cw_core::domain::time::Timestamp;
use cw_core::domain::txn::Commit;
use cw_core::domain::work::{Turn, TurnState};
use cw_core::ports::store::{Fence, Store};

use super::agenda::Item;
use super::agents::Act;
use super::perform::{Job, perform};
use super::run::Sim;
use super::{Broken, Mutant};

/// What is true once a decision is saved.
#[derive(Clone, Debug)]
pub(super) enum Receipt {
    /// The server listens to this turn.
    Follow(TurnId),
    /// What waits for this task may go on.
    Satisfied(TaskId),
    /// The question has the answer of this number.
    Answered(MessageId, u64),
    /// The agent has asked, and waits so many steps.
    Asked(TurnId, MessageId, u32),
    /// The agent has its answer.
    Took(TurnId, String),
}

impl Receipt {
    fn agent(&self) -> Option<TurnId> {
        match self {
            Self::Asked(turn, ..) | Self::Took(turn, _) => Some(*turn),
            _ => None,
        }
    }
}

/// The running server.
pub(super) struct Server {
    pub(super) state: State,
    fence: Fence,
    batch: Vec<Commit>,
    receipts: Vec<Receipt>,
    /// What goes wrong with this batch: it will not be saved. Its signals come again.
    doomed: Option<Vec<Signal>>,
}

impl Server {
    /// Nothing is decided that is not stored.
    pub(super) fn is_saved(&self) -> bool {
        self.batch.is_empty() && self.receipts.is_empty()
    }
}

impl Sim {
    /// Starts the server over what is stored.
    pub(super) fn restart(&mut self) -> Result<(), Broken> {
        let broken = |error: cw_core::ports::store::StoreError| Broken::new(error.to_string());
        let fence = self.ledger.take_lease("simulator").map_err(broken)?;
        let state = self.load()?;
        self.watch.reset(&state);
        for turn in self.world.runs.keys() {
            if state.get::<Turn>(*turn).is_none() {
                return Err(Broken::new(format!(
                    "no run without a row: run {turn} has none"
                )));
            }
        }
        let under_way: Vec<TurnId> = state
            .index()
            .open_turns()
            .filter(|turn| {
                state
                    .get::<Turn>(*turn)
                    .is_some_and(|turn| turn.state == TurnState::Running)
            })
            .collect();
        self.server = Some(Server {
            state,
            fence,
            batch: Vec::new(),
            receipts: Vec::new(),
            doomed: None,
        });
        self.agenda.after(10, Item::Tick);
        for turn in under_way {
            self.follow(turn);
        }
        let _told = self.decide(Signal::Started)?;
        self.flush()
    }

    fn load(&mut self) -> Result<State, Broken> {
        let loaded = self
            .ledger
            .load()
            .map_err(|error| Broken::new(error.to_string()))?;
        let mut state = State::from_rows(loaded.rows, loaded.last_seq);
        if let Some(project) = self.project {
            state.set_config(project, Arc::clone(&self.config));
        }
        Ok(state)
    }

    /// Kills the server: what is not saved did not happen, what it was performing is done or not.
    pub(super) fn crash(&mut self) -> Result<(), Broken> {
        let Some(server) = self.server.take() else {
            return Ok(());
        };
        self.met("server killed");
        self.note(|| "the server is killed".into());
        self.ledger.crash();
        self.world.keys.clear();
        self.unheard(&server.receipts);
        for run in self.world.runs.values_mut() {
            run.followed = false;
        }
        for job in self.agenda.end_server() {
            if self.chance.hits(500) {
                self.met("done and not recorded");
                self.note(|| format!("done, and not recorded: {:?}", job.effect.kind));
                perform(&mut self.world, &job)?;
            }
        }
        let pause = self.chance.millis(50, 3000);
        self.agenda.after(pause, Item::Restart);
        Ok(())
    }

    /// Agents whose calls came to nothing call again.
    fn unheard(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            let Some(turn) = receipt.agent() else {
                continue;
            };
            if let (Receipt::Asked(_, _, polls), Some(run)) =
                (receipt, self.world.runs.get_mut(&turn))
            {
                run.acts.push_front(Act::AskAndWait(*polls));
            }
            self.agenda.after(1000, Item::Agent(turn));
        }
    }

    /// Has a signal decided. A refusal changes nothing.
    pub(super) fn decide(&mut self, signal: Signal) -> Result<Result<Reply, Refusal>, Broken> {
        let now = Timestamp(self.agenda.now);
        // A server that cannot save its first decision does not start.
        let may_fail = self.project.is_some() && signal != Signal::Started;
        let fails = !self.world.temper.calm && may_fail && self.chance.hits(3);
        self.tell(&signal);
        let Some(server) = &mut self.server else {
            return Err(Broken::new("the simulator asked a dead server"));
        };
        if fails && server.is_saved() {
            server.doomed = Some(Vec::new());
        }
        if let Some(again) = &mut server.doomed
            && matches!(signal, Signal::Performed(..) | Signal::Seen(..))
        {
            again.push(signal.clone());
        }
        self.decisions += 1;
        let mut commit = match decide(&mut server.state, signal, now, &mut self.ids) {
            Ok((reply, commit)) if commit.is_empty() => return Ok(Ok(reply)),
            Ok((reply, commit)) => (reply, commit),
            Err(refusal) => {
                self.note(|| format!("  refused: {refusal}"));
                return Ok(Err(refusal));
            }
        };
        let tampered =
            self.mutant == Some(Mutant::CounterKept) && keep_counter(self, &mut commit.1);
        let (reply, commit) = commit;
        if let Some(server) = &mut self.server {
            self.watch
                .step(&server.state, &self.ledger, &mut self.world, &commit)?;
            server.batch.push(commit);
        }
        if tampered {
            self.flush()?;
            let state = self.load()?;
            if let Some(server) = &mut self.server {
                server.state = state;
            }
        }
        Ok(Ok(reply))
    }

    /// Adds what is true once the batch is saved.
    pub(super) fn once_saved(&mut self, receipt: Receipt) {
        if let Some(server) = &mut self.server {
            server.receipts.push(receipt);
        }
    }

    /// Saves what was decided, and only then lets anything follow from it.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let batch = std::mem::take(&mut server.batch);
        let receipts = std::mem::take(&mut server.receipts);
        let doomed = server.doomed.take();
        if batch.is_empty() && receipts.is_empty() {
            return Ok(());
        }
        if let Some(again) = doomed {
            return self.not_saved(&receipts, again);
        }
        self.ledger
            .save(server.fence, &batch)
            .map_err(|error| Broken::new(format!("events without gaps: {error}")))?;
        for effect in batch.into_iter().flat_map(|commit| commit.perform) {
            let job = Job::of(&server.state, effect);
            let pause = self.chance.millis(5, 900);
            self.agenda.after(pause, Item::Perform(Box::new(job)));
        }
        for receipt in receipts {
            self.receive(receipt)?;
        }
        Ok(())
    }

    fn not_saved(&mut self, receipts: &[Receipt], again: Vec<Signal>) -> Result<(), Broken> {
        self.met("save failed");
        self.note(|| "the disk is full: nothing is saved".into());
        let state = self.load()?;
        self.watch.reset(&state);
        if let Some(server) = &mut self.server {
            server.state = state;
        }
        self.unheard(receipts);
        for signal in again {
            self.agenda.after(500, Item::Deliver(Box::new(signal)));
        }
        Ok(())
    }

    fn receive(&mut self, receipt: Receipt) -> Result<(), Broken> {
        match receipt {
            Receipt::Follow(turn) => self.follow(turn),
            Receipt::Satisfied(task) => {
                self.world.merged.entry(task).or_insert(None);
            }
            Receipt::Answered(message, number) => {
                if self.world.answered.insert(message, number).is_some() {
                    return Err(Broken::new(format!(
                        "every question is answered exactly once: message {message} was answered again"
                    )));
                }
            }
            Receipt::Asked(turn, message, polls) => {
                if let Some(run) = self.world.runs.get_mut(&turn) {
                    run.acts.push_front(Act::Wait(message, polls));
                }
                self.agenda.after(300, Item::Agent(turn));
            }
            Receipt::Took(turn, answer) => {
                self.world.deliver(&answer)?;
                self.agenda.after(300, Item::Agent(turn));
            }
        }
        Ok(())
    }

    fn follow(&mut self, turn: TurnId) {
        if let Some(run) = self.world.runs.get_mut(&turn)
            && !run.followed
        {
            run.followed = true;
            self.world.news.push(turn);
        }
    }

    /// What an agent asks the server for; `None` when nobody hears it.
    pub(super) fn call(
        &mut self,
        agent: AgentId,
        call: Call,
    ) -> Result<Option<Result<Reply, Refusal>>, Broken> {
        if self.server.is_none() {
            return Ok(None);
        }
        if matches!(call, Call::AddTask(_)) {
            self.watch.forget_orders();
        }
        self.decide(Signal::Call(agent, call)).map(Some)
    }

    /// What the user asks the server for.
    pub(super) fn command(&mut self, command: Command) -> Result<bool, Broken> {
        let plain = match &command {
            Command::Passing(_, inner) => inner,
            other => other,
        };
        let receipt = match plain {
            Command::SkipTask(task) => Some(Receipt::Satisfied(*task)),
            Command::Approve(task) => self.approval(*task),
            Command::Answer(message, text) => {
                let number = text.split(['«', '»']).nth(1).and_then(|n| n.parse().ok());
                number.map(|number| Receipt::Answered(*message, number))
            }
            Command::Apply { .. }
            | Command::AddTask(_)
            | Command::EditTask(..)
            | Command::Spawn { .. } => {
                self.watch.forget_orders();
                None
            }
            _ => None,
        };
        let skips = match &command {
            Command::Answer(message, text) if text == cw_core::app::ANSWER_SKIP => {
                let row = self.server.as_ref();
                row.and_then(|server| server.state.get::<cw_core::domain::work::Message>(*message))
                    .and_then(|message| message.task)
            }
            _ => None,
        };
        let receipts: Vec<Receipt> = receipt
            .into_iter()
            .chain(skips.map(Receipt::Satisfied))
            .collect();
        let claims = receipts.iter().filter_map(|receipt| match receipt {
            Receipt::Satisfied(task) => Some(*task),
            _ => None,
        });
        self.watch.claimed = claims.collect();
        let reply = self.decide(Signal::Command(command))?;
        let done = reply.is_ok();
        if let Ok(Reply::Passed(handed, _)) = reply {
            let owners = handed.into_iter().map(|one| one.owner);
            self.world.keys.extend(owners);
        }
        self.watch.claimed.clear();
        if done {
            for receipt in receipts {
                self.once_saved(receipt);
            }
        }
        self.flush()?;
        Ok(done)
    }

    /// An approval that is given counts as merged; the approval of work does not.
    fn approval(&self, task: TaskId) -> Option<Receipt> {
        use cw_core::domain::hierarchy::Task;
        use cw_core::domain::plan::TaskKind;
        let row = self.server.as_ref()?.state.get::<Task>(task)?;
        (row.spec.kind == TaskKind::Approval).then_some(Receipt::Satisfied(task))
    }
}

/// Puts back the count of a task that was just counted down (a mutant).
fn keep_counter(sim: &mut Sim, commit: &mut Commit) -> bool {
    let mut tampered = false;
    for row in &mut commit.put {
        let Row::Task(task) = row else { continue };
        let Some(Row::Task(was)) = sim.ledger.row(Key::Task(task.id)) else {
            continue;
        };
        if task.blockers < was.blockers && sim.chance.hits(200) {
            task.blockers = was.blockers;
            tampered = true;
        }
    }
    tampered
}
