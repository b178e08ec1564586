//! The user: first somebody who tries everything at the wrong moment, in the end somebody who
//! answers, approves and tries again until all is done.

use cw_core::app::{
    ANSWER_AGAIN, ANSWER_GIVE_UP, ANSWER_GO_ON, ANSWER_SKIP, ANSWER_STOP, ANSWER_WITHOUT, Command,
    NewTask, StartFacts, TaskEdit,
};
use cw_core::domain::effect::LandMode;
use cw_core::domain::held::missed;
use cw_core::domain::hierarchy::{
    Initiative, InitiativeStatus, Project, Task, TaskSpec, TaskState,
};
use cw_core::domain::ids::{AgentId, InitiativeId, MessageId, ProjectId, TaskId};
use cw_core::domain::plan::{PlanDocument, Priority, Review, TaskKind};
use cw_core::domain::state::State;
use cw_core::domain::status::{TaskStatus, task_status};
use cw_core::domain::work::{Agent, Message, MessageStatus, Party, Quandary, Turn};

use super::chance::Chance;
use super::git::{Branch, Git, oid};
use super::plans;

/// The variable whose value the user's agents want.
pub(super) const KEY: &str = "KEY";

/// What the user knows.
pub(super) struct User {
    /// The dice of the user.
    pub(super) chance: Chance,
    /// The plans as they were last written.
    pub(super) plans: Vec<PlanDocument>,
    fresh: usize,
    number: u64,
}

impl User {
    /// A user with these plans.
    #[must_use]
    pub(super) fn new(seed: u64, plans: Vec<PlanDocument>) -> Self {
        Self {
            chance: Chance::new(seed, 3),
            plans,
            fresh: 1000,
            number: 0,
        }
    }

    /// A number that marks a text, to see where it gets to.
    pub(super) fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// A number for a task that nobody has thought of before.
    pub(super) fn fresh(&mut self) -> usize {
        self.fresh += 1;
        self.fresh
    }

    fn row<T: Copy>(&mut self, rows: impl Iterator<Item = T>) -> Option<T> {
        let rows: Vec<T> = rows.collect();
        self.chance.pick(&rows)
    }

    fn task(&mut self, state: &State) -> Option<TaskId> {
        // Later ones are more often at some interesting point than the first.
        let open = |task: &&Task| !matches!(task.state, TaskState::Merged { .. });
        self.row(state.all::<Task>().filter(open).map(|task| task.id))
    }

    fn agent(&mut self, state: &State) -> Option<AgentId> {
        let (all, ago) = (state.all::<Agent>(), self.chance.below(8));
        all.rev().map(|agent| agent.id).nth(ago)
    }

    /// An agent with a turn, whatever it is at.
    fn busy(&mut self, state: &State) -> Option<AgentId> {
        let turns = state.index().open_turns();
        self.row(turns.filter_map(|turn| Some(state.get::<Turn>(turn)?.agent)))
    }

    fn initiative(&mut self, state: &State) -> Option<InitiativeId> {
        self.row(state.all::<Initiative>().map(|row| row.id))
    }

    /// Something to do now, sensible or not, in a shell that has the key set or not.
    pub(super) fn wild(&mut self, state: &State, git: &Git) -> Option<Command> {
        let command = self.idea(state, git)?;
        let begins = matches!(
            command,
            Command::Start(..)
                | Command::Spawn { .. }
                | Command::Unhold(_)
                | Command::RetryTask(_)
                | Command::ResumeAgent(_)
        );
        Some(if begins && self.chance.hits(300) {
            passing(command)
        } else {
            command
        })
    }

    fn idea(&mut self, state: &State, git: &Git) -> Option<Command> {
        let project = state.all::<Project>().next()?.id;
        let text = |number: u64| format!("a word «{number}»");
        Some(match self.chance.below(100) {
            0..=19 => return self.answer(state),
            20..=27 => Command::Approve(self.review(state)?),
            28..=30 => Command::Reject(self.review(state)?, text(self.number())),
            31 => Command::Pause(self.initiative(state)?),
            32..=38 => Command::Resume(self.initiative(state)?),
            39..=43 => Command::CancelTask(self.task(state)?),
            44..=45 => Command::SkipTask(self.task(state)?),
            46..=54 => Command::RetryTask(self.task(state)?),
            55..=56 => Command::StopAgent(self.agent(state)?),
            57..=58 => Command::StopAgent(self.busy(state)?),
            59..=63 => Command::ResumeAgent(self.agent(state)?),
            64..=69 => Command::Say(self.agent(state)?, text(self.number())),
            70..=73 => Command::AddTask(self.add(state)?),
            74..=78 => return self.reapply(project),
            79 => Command::Hold(project),
            80..=85 => Command::Unhold(project),
            86..=88 => Command::Integrate(self.agent(state)?),
            89 => Command::StopAll(Some(project)),
            90..=91 => Command::RemoveAgent(self.agent(state)?),
            92..=94 => Command::EditTask(self.task(state)?, self.edit()),
            95..=96 => Command::Spawn {
                project,
                prompt: "look around".into(),
                agent: None,
                name: None,
                model: None,
                facts: facts(state, git, None),
            },
            97 if self.chance.hits(100) => Command::Cancel(self.initiative(state)?),
            98 => Command::Land(self.initiative(state)?, LandMode::FastForward),
            _ => {
                let id = self.initiative(state)?;
                Command::Start(id, facts(state, git, Some(id)))
            }
        })
    }

    fn review(&mut self, state: &State) -> Option<TaskId> {
        let waits = |task: &&Task| task_status(state, task) == TaskStatus::Review;
        self.row(state.all::<Task>().filter(waits).map(|task| task.id))
    }

    fn answer(&mut self, state: &State) -> Option<Command> {
        let open =
            |message: &&Message| message.status == MessageStatus::Open && message.to == Party::User;
        let id = self.row(state.all::<Message>().filter(open).map(|row| row.id))?;
        Some(self.answer_to(state, id))
    }

    fn answer_to(&mut self, state: &State, id: MessageId) -> Command {
        let about = state.get::<Message>(id).and_then(|row| row.about);
        let bounced = about == Some(Quandary::Bounces);
        match about {
            Some(Quandary::Budget) => return Command::Answer(id, self.word_about_money()),
            Some(Quandary::Login) => return Command::Answer(id, ANSWER_GO_ON.to_owned()),
            Some(Quandary::Values) => return Command::Answer(id, ANSWER_WITHOUT.to_owned()),
            _ => {}
        }
        let text = match self.chance.below(8) {
            0..=4 if bounced => ANSWER_AGAIN.to_owned(),
            5 if bounced => ANSWER_SKIP.to_owned(),
            6 if bounced => ANSWER_GIVE_UP.to_owned(),
            _ => format!("so «{}»", self.number()),
        };
        Command::Answer(id, text)
    }

    fn word_about_money(&mut self) -> String {
        match self.chance.below(8) {
            0..=4 => "1".to_owned(),
            5 => plans::cents(&mut self.chance, 300).to_string(),
            6 => ANSWER_STOP.to_owned(),
            _ => "whatever it takes".to_owned(),
        }
    }

    fn add(&mut self, state: &State) -> Option<NewTask> {
        let initiative = self.initiative(state)?;
        let plan = self.plans.iter().find(|plan| {
            state
                .get::<Initiative>(initiative)
                .is_some_and(|row| row.slug == plan.initiative.id)
        });
        let line = plan.and_then(|plan| {
            let phase = &plan.phases[self.chance.below(plan.phases.len())];
            let line = &phase.plans[self.chance.below(phase.plans.len())];
            self.chance.hits(500).then(|| line.id.clone())
        });
        let after = plan.map(|plan| plans::names(&mut self.chance, plan));
        let after = after.filter(|_| self.chance.hits(300));
        let slug = format!("task-{}", self.fresh());
        Some(NewTask {
            initiative,
            plan: line,
            spec: spec(slug, after),
            by: None,
        })
    }

    fn edit(&mut self) -> TaskEdit {
        let after = self
            .chance
            .hits(500)
            .then(|| plans::names(&mut self.chance, &self.plans[0]));
        TaskEdit {
            title: Some("Another title".into()),
            priority: Some(Priority::High),
            after: after.map(Some),
            ..TaskEdit::default()
        }
    }

    fn reapply(&mut self, project: ProjectId) -> Option<Command> {
        let at = self.chance.below(self.plans.len());
        let fresh = self.fresh();
        let mut plan = plans::change(&mut self.chance, &self.plans[at], fresh);
        if plan.initiative.budget.is_some() && self.chance.hits(400) {
            plan.initiative.budget = Some(plans::cents(&mut self.chance, 900));
        }
        Some(Command::Apply {
            project,
            plan: Box::new(plan),
            agent: None,
            max_agents: None,
            dry_run: false,
            start: None,
        })
    }

    /// Everything that is owed, so that all can go on.
    pub(super) fn tend(&mut self, state: &State, git: &Git) -> Vec<Command> {
        let mut all = Vec::new();
        for project in state.all::<Project>() {
            let holds = state.all::<Initiative>().any(|row| row.lane_held.is_some());
            if project.held || holds {
                all.push(Command::Unhold(project.id));
            }
            if !missed(state, project.id).is_empty() && self.chance.hits(700) {
                all.push(passing(Command::Unhold(project.id)));
            }
        }
        for row in state.all::<Initiative>() {
            match row.status {
                InitiativeStatus::Draft | InitiativeStatus::Paused => {
                    all.push(Command::Start(row.id, facts(state, git, Some(row.id))));
                }
                InitiativeStatus::Active if !row.cut => {
                    all.push(Command::Start(row.id, facts(state, git, Some(row.id))));
                }
                _ => {}
            }
        }
        let open = state
            .all::<Message>()
            .filter(|message| message.status == MessageStatus::Open && message.to == Party::User);
        for message in open.map(|message| message.id).collect::<Vec<_>>() {
            all.push(self.answer_to(state, message));
        }
        for task in state.all::<Task>() {
            all.extend(self.mend(state, task));
        }
        all
    }

    fn mend(&mut self, state: &State, task: &Task) -> Option<Command> {
        if task_status(state, task) == TaskStatus::Review {
            return Some(Command::Approve(task.id));
        }
        Some(match task.state {
            TaskState::Failed if self.chance.hits(850) => Command::RetryTask(task.id),
            TaskState::Failed | TaskState::Cancelled => Command::SkipTask(task.id),
            TaskState::Parked { resume_at: None } => Command::RetryTask(task.id),
            TaskState::Working => {
                let turn = state.index().open_turn(task.agent?)?;
                // A stop that could not be carried out is asked for again.
                state.get::<Turn>(turn)?.stop?;
                Command::StopAgent(task.agent?)
            }
            _ => return None,
        })
    }
}

/// The command of a user whose shell has the key set.
fn passing(command: Command) -> Command {
    Command::Passing(vec![KEY.to_owned()], Box::new(command))
}

/// What is found in the repository before a start.
#[must_use]
pub(super) fn facts(state: &State, git: &Git, id: Option<InitiativeId>) -> StartFacts {
    let adhoc = || state.all::<Initiative>().find(|row| row.adhoc);
    let id = id.or_else(|| adhoc().map(|row| row.id));
    StartFacts {
        base: git.head(Branch::Base).map(oid),
        branch: id.and_then(|id| git.head(Branch::Integration(id))).map(oid),
    }
}

/// A task as somebody adds it.
#[must_use]
pub(super) fn spec(slug: String, after: Option<Vec<String>>) -> TaskSpec {
    TaskSpec {
        title: slug.clone(),
        slug,
        text: String::new(),
        after,
        kind: TaskKind::Work,
        agent: None,
        model: None,
        priority: Priority::Normal,
        touches: Vec::new(),
        verify: Vec::new(),
        review: Review::None,
        budget: None,
        timeout: None,
        attempts: None,
    }
}
