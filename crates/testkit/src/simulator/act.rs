//! An agent's next step.

use cw_core::app::{Call, NewTask, Output, Refusal, Reply, Sight, Signal};
use cw_core::domain::ids::{MessageId, TurnId};
use cw_core::domain::money::Usd;
use cw_core::domain::time::Timestamp;
use cw_core::domain::work::{Agent, Message, MessageStatus, Party, Verdict};

use super::Broken;
use super::agenda::Item;
use super::agents::{Act, Run, RunState};
use super::plans;
use super::run::Sim;
use super::server::Receipt;
use super::user::spec;

impl Sim {
    /// Tells the server what runs did that began or ended, as far as it listens.
    pub(super) fn hear(&mut self) {
        while let Some(turn) = self.world.news.pop() {
            let Some(run) = self.world.runs.get(&turn) else {
                continue;
            };
            match &run.state {
                RunState::Alive if !run.followed => {
                    let pause = self.chance.millis(20, 1500);
                    self.agenda.after(pause, Item::Agent(turn));
                }
                RunState::Alive => {}
                RunState::Over(verdict) if run.followed && self.server.is_some() => {
                    let ended = Signal::Seen(
                        turn,
                        Sight::Ended {
                            verdict: verdict.clone(),
                            summary: Some("did it".into()),
                        },
                    );
                    self.deliver(ended);
                }
                RunState::Over(_) => {}
            }
        }
    }

    /// Has a signal reach the server after a while, now and then twice.
    pub(super) fn deliver(&mut self, signal: Signal) {
        if !self.world.temper.calm && self.chance.hits(60) {
            let pause = self.chance.millis(1, 12_000);
            self.met("signal came twice");
            self.agenda
                .after(pause, Item::Deliver(Box::new(signal.clone())));
        }
        let pause = self.chance.millis(1, 400);
        self.agenda.after(pause, Item::Deliver(Box::new(signal)));
    }

    /// The next step of a run.
    pub(super) fn act(&mut self, turn: TurnId) -> Result<(), Broken> {
        let Some(run) = self.world.runs.get_mut(&turn) else {
            return Ok(());
        };
        if run.state != RunState::Alive {
            return Ok(());
        }
        let Some(act) = run.acts.pop_front() else {
            return Ok(());
        };
        let calls = matches!(
            act,
            Act::Ask | Act::AskAndWait(_) | Act::Wait(..) | Act::Say | Act::Tell | Act::AddTask
        );
        if calls && self.server.is_none() {
            run.acts.push_front(act);
            self.agenda.after(1000, Item::Agent(turn));
            return Ok(());
        }
        let run = run.clone();
        self.note(|| format!("turn {turn} of agent {}: {act:?}", run.agent));
        match act {
            Act::Write(file) => self.writes(&run, file, false)?,
            Act::Resolve => self.resolves(&run)?,
            Act::Print => self.prints(turn),
            Act::Ask => self.asks(&run, None)?,
            Act::AskAndWait(polls) => return self.asks(&run, Some(polls)),
            Act::Wait(message, polls) => return self.waits(&run, message, polls),
            Act::Say => self.says(&run)?,
            Act::Tell => {
                let call = if self.chance.hits(500) {
                    Call::Progress("half of it".into())
                } else {
                    Call::Done("all of it".into())
                };
                let _told = self.call(run.agent, call)?;
            }
            Act::AddTask => self.adds(&run)?,
            Act::Hang => return Ok(()),
            Act::End(verdict) => {
                self.world.end(turn, verdict);
                return Ok(());
            }
        }
        self.next_act(turn);
        Ok(())
    }

    fn next_act(&mut self, turn: TurnId) {
        let pause = self.chance.millis(50, 3000);
        self.agenda.after(pause, Item::Agent(turn));
    }

    fn writes(&mut self, run: &Run, file: u32, resolves: bool) -> Result<(), Broken> {
        if self.world.git.write(run.agent, file, resolves) {
            return Ok(());
        }
        Err(Broken::new(format!(
            "an agent keeps its worktree while it works: turn {} of agent {} has none",
            run.turn, run.agent
        )))
    }

    fn resolves(&mut self, run: &Run) -> Result<(), Broken> {
        let tree = self.world.git.worktrees.get(&run.agent);
        let files: Vec<u32> = tree
            .and_then(|tree| tree.merging.as_ref())
            .map(|merging| merging.unresolved.iter().copied().collect())
            .unwrap_or_default();
        for file in files {
            if self.world.temper.calm || !self.chance.hits(150) {
                self.writes(run, file, true)?;
            }
        }
        Ok(())
    }

    fn prints(&mut self, turn: TurnId) {
        let at = Some(Timestamp(self.agenda.now));
        let cost = if self.world.priced {
            plans::cents(&mut self.chance, 90)
        } else {
            Usd(5)
        };
        let listens = self.server.is_some();
        let Some(run) = self.world.runs.get_mut(&turn) else {
            return;
        };
        run.printed += 10;
        if run.followed && listens {
            let output = Output {
                read: (run.printed, 0),
                at,
                pid: Some(7),
                activity: Some("thinks".into()),
                cost,
                tokens: 3,
                ..Output::default()
            };
            self.deliver(Signal::Seen(turn, Sight::Output(output)));
        }
    }

    /// Asks; with `waits` the next step comes once the question is saved.
    fn asks(&mut self, run: &Run, waits: Option<u32>) -> Result<(), Broken> {
        let call = Call::Ask {
            text: "which one?".into(),
            options: Vec::new(),
            key: self.call_name(run),
        };
        let Some(Ok(Reply::Message(id))) = self.calls_twice(run, call)? else {
            if waits.is_some() {
                self.next_act(run.turn);
            }
            return Ok(());
        };
        if let Some(polls) = waits {
            self.once_saved(Receipt::Asked(run.turn, id, polls));
        }
        Ok(())
    }

    fn waits(&mut self, run: &Run, id: MessageId, polls: u32) -> Result<(), Broken> {
        self.flush()?;
        let message = self
            .server
            .as_ref()
            .and_then(|server| server.state.get::<Message>(id))
            .cloned();
        let answer = message.as_ref().and_then(|message| message.answer.clone());
        if let Some(answer) = answer.filter(|_| {
            message
                .as_ref()
                .is_some_and(|message| message.delivered.is_none())
        }) {
            if let Some(Ok(_)) = self.call(run.agent, Call::TookAnswer(id))? {
                self.once_saved(Receipt::Took(run.turn, answer));
            } else {
                self.next_act(run.turn);
            }
            return Ok(());
        }
        let open = message.is_some_and(|message| message.status == MessageStatus::Open);
        if let Some(live) = self.world.runs.get_mut(&run.turn).filter(|_| open) {
            if polls == 0 {
                live.acts = [Act::End(Verdict::Asked)].into();
            } else {
                live.acts.push_front(Act::Wait(id, polls - 1));
            }
        }
        self.next_act(run.turn);
        Ok(())
    }

    fn says(&mut self, run: &Run) -> Result<(), Broken> {
        let others: Vec<_> = self
            .server
            .iter()
            .flat_map(|server| server.state.all::<Agent>().rev().take(6))
            .map(|agent| agent.id)
            .collect();
        let to = match self.chance.pick(&others) {
            Some(other) if self.chance.hits(700) => Party::Agent(other),
            _ => Party::User,
        };
        let text = format!("mind this «{}»", self.user.number());
        let call = Call::Say {
            to,
            text,
            key: self.call_name(run),
        };
        let _heard = self.calls_twice(run, call)?;
        Ok(())
    }

    /// A name that no other call of the agent has.
    fn call_name(&self, run: &Run) -> Option<String> {
        Some(format!("{}-{}", run.turn, self.agenda.now))
    }

    /// Makes a call as one does who never heard of the first time.
    fn calls_twice(
        &mut self,
        run: &Run,
        call: Call,
    ) -> Result<Option<Result<Reply, Refusal>>, Broken> {
        let first = self.call(run.agent, call.clone())?;
        let again = self.call(run.agent, call)?;
        match (&first, again) {
            (Some(Ok(one)), Some(Ok(two))) if *one != two => Err(Broken::new(format!(
                "a call made again says nothing anew: {one:?}, then {two:?}"
            ))),
            _ => Ok(first),
        }
    }

    fn adds(&mut self, run: &Run) -> Result<(), Broken> {
        let slug = format!("task-{}", self.user.fresh());
        let after = self.chance.hits(600).then(Vec::new);
        let new = NewTask {
            initiative: run.initiative,
            plan: None,
            spec: spec(slug, after),
            by: None,
        };
        let _heard = self.call(run.agent, Call::AddTask(Box::new(new)))?;
        Ok(())
    }
}
