//! One run from its seed: the schedule, the faults, and the end that it has to come to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use cw_core::app::{Command, Outcome, Reply, Signal};
use cw_core::domain::config::{AgentConfig, Config};
use cw_core::domain::effect::EffectKind;
use cw_core::domain::hierarchy::{Initiative, Task};
use cw_core::domain::ids::ProjectId;

use super::agenda::{Agenda, Item};
use super::chance::{Chance, SeededIds};
use super::git::Branch;
use super::perform::perform;
use super::server::{Receipt, Server};
use super::store::Ledger;
use super::user::{KEY, User, facts};
use super::watch::{self, Watch};
use super::world::World;
use super::{Broken, Mutant, Report, Setup, plans};

/// One run.
pub(super) struct Sim {
    pub(super) mutant: Option<Mutant>,
    pub(super) chance: Chance,
    pub(super) ids: SeededIds,
    pub(super) agenda: Agenda,
    pub(super) ledger: Ledger,
    pub(super) server: Option<Server>,
    pub(super) world: World,
    pub(super) user: User,
    pub(super) watch: Watch,
    pub(super) config: Arc<Config>,
    pub(super) project: Option<ProjectId>,
    pub(super) decisions: u64,
    pub(super) steps: u64,
    pub(super) trail: Option<VecDeque<String>>,
    every_step: bool,
    most_told: usize,
    own: BTreeMap<&'static str, u64>,
    calm_at: i64,
    calm_steps: u64,
    next_look: u64,
    tends: u32,
}

impl Sim {
    pub(super) fn new(setup: Setup, traced: bool) -> Self {
        let mut chance = Chance::new(setup.seed, 1);
        let tasks = match chance.below(12) {
            0 => chance.between(1, 5),
            1 if setup.most > 50 => chance.between(51, setup.most),
            _ => chance.between(5, setup.most.clamp(5, 50)),
        };
        let mut ideas = Chance::new(setup.seed, 4);
        let two = chance.hits(150);
        let mut documents = vec![plans::draw(&mut ideas, "alpha", tasks)];
        if two {
            documents.push(plans::draw(&mut ideas, "beta", 4));
        }
        let mut money = Chance::new(setup.seed, 6);
        let priced = money.hits(400);
        if priced {
            for plan in &mut documents {
                plans::limit(&mut money, plan);
            }
        }
        let small = |chance: &mut Chance, most| u32::try_from(chance.between(1, most)).unwrap_or(1);
        let script = AgentConfig {
            kind: "script".into(),
            pass_env: vec![KEY.into()],
            ..AgentConfig::default()
        };
        let config = Config {
            agents: [("script".to_owned(), script)].into(),
            max_agents: small(&mut chance, 8),
            default_agent: if priced { "claude" } else { "script" }.into(),
            budget: (priced && money.hits(400)).then(|| plans::cents(&mut money, 900)),
            gates: if chance.hits(700) {
                vec!["check".into()]
            } else {
                Vec::new()
            },
            turn_timeout: Duration::from_secs(60),
            stall: Duration::from_secs(20),
            attempts: small(&mut chance, 3),
            bounces: small(&mut chance, 3),
            ..Config::default()
        };
        let mut world = World::new(setup.seed);
        world.git.blind = setup.mutant == Some(Mutant::BlindAdvance);
        world.priced = priced;
        let wild = chance.millis(10_000, 60_000 + 8_000 * tasks);
        Self {
            mutant: setup.mutant,
            ids: SeededIds(Chance::new(setup.seed, 5)),
            agenda: Agenda::default(),
            ledger: Ledger::new(setup.mutant == Some(Mutant::EffectsApart)),
            server: None,
            world,
            user: User::new(setup.seed, documents),
            watch: Watch::default(),
            config: Arc::new(config),
            project: None,
            decisions: 0,
            steps: 0,
            trail: traced.then(VecDeque::new),
            every_step: traced,
            most_told: setup.trail,
            own: BTreeMap::new(),
            calm_at: wild,
            calm_steps: 0,
            next_look: 0,
            tends: 0,
            chance,
        }
    }

    /// Runs to the end.
    pub(super) fn run(&mut self) -> Result<(), Broken> {
        self.begin()?;
        while let Some(item) = self.agenda.next() {
            self.steps += 1;
            if !self.world.temper.calm && self.agenda.now >= self.calm_at {
                self.world.temper.calm = true;
                self.note(|| "nothing goes wrong any more".into());
            }
            self.happen(item)?;
            self.hear();
            if self.world.temper.calm && self.has_ended()? {
                return Ok(());
            }
        }
        Err(Broken::new("the agenda is empty"))
    }

    fn begin(&mut self) -> Result<(), Broken> {
        self.restart()?;
        let register = Command::Register {
            root: "/repository".into(),
            name: "repository".into(),
            base: "main".into(),
        };
        if let Ok(Reply::Project(id)) = self.decide(Signal::Command(register))? {
            self.project = Some(id);
        }
        self.flush()?;
        let (Some(project), Some(server)) = (self.project, &mut self.server) else {
            return Err(Broken::new("no project was registered"));
        };
        server.state.set_config(project, Arc::clone(&self.config));
        for plan in self.user.plans.clone() {
            let at_once = self.chance.hits(800);
            let start = self.server.as_ref().filter(|_| at_once);
            let start = start.map(|server| facts(&server.state, &self.world.git, None));
            self.command(Command::Apply {
                project,
                plan: Box::new(plan),
                agent: None,
                max_agents: None,
                dry_run: false,
                start,
            })?;
        }
        self.agenda.after(700, Item::User);
        let hand = self.chance.millis(3_000, 60_000);
        self.agenda.after(hand, Item::Hand);
        let crash = self.chance.millis(500, 30_000);
        self.agenda.after(crash, Item::Crash);
        Ok(())
    }

    fn happen(&mut self, item: Item) -> Result<(), Broken> {
        // What was decided may share its transaction with the next decision, or be lost.
        if !matches!(item, Item::Deliver(_) | Item::Crash) {
            self.flush()?;
        }
        match item {
            Item::Perform(job) => {
                let outcome = perform(&mut self.world, &job)?;
                self.note(|| format!("performed {:?}", job.effect.kind));
                self.deliver(Signal::Performed(job.effect, outcome));
            }
            Item::Deliver(signal) if self.server.is_some() => self.take_in(*signal)?,
            Item::Deliver(_) => {}
            Item::Agent(turn) => self.act(turn)?,
            Item::User => self.user_acts()?,
            Item::Hand => self.hand_moves(),
            Item::Tick => self.tick()?,
            Item::Crash => {
                if !self.world.temper.calm {
                    self.crash()?;
                    let next = self.chance.millis(2_000, 60_000);
                    self.agenda.after(next, Item::Crash);
                }
            }
            Item::Restart => self.restart()?,
        }
        self.look()
    }

    fn take_in(&mut self, signal: Signal) -> Result<(), Broken> {
        let begun = match &signal {
            Signal::Performed(effect, outcome) => match (effect.kind, outcome) {
                (EffectKind::StartTurn(_), Outcome::Failed { .. }) => None,
                (EffectKind::StartTurn(turn), _) => Some(turn),
                _ => None,
            },
            _ => None,
        };
        let _told = self.decide(signal)?;
        if let Some(turn) = begun {
            self.once_saved(Receipt::Follow(turn));
        }
        if self.chance.hits(700) {
            self.flush()?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Broken> {
        let Some(server) = &self.server else {
            return Ok(());
        };
        let index = server.state.index();
        let due = index.next_due().is_some_and(|at| at.0 <= self.agenda.now);
        if due || index.open_turns().next().is_some() {
            let _told = self.decide(Signal::Tick)?;
            self.flush()?;
        }
        let pause = self.chance.millis(500, 5_000);
        self.agenda.after(pause, Item::Tick);
        Ok(())
    }

    fn user_acts(&mut self) -> Result<(), Broken> {
        let calm = self.world.temper.calm;
        let pause = self.chance.millis(500, if calm { 5_000 } else { 4_000 });
        self.agenda.after(pause, Item::User);
        let Some(server) = &self.server else {
            return Ok(());
        };
        if calm {
            self.tends += 1;
            let all = self.user.tend(&server.state, &self.world.git);
            for command in all {
                self.command(command)?;
            }
        } else if let Some(command) = self.user.wild(&server.state, &self.world.git) {
            let reapplied = match &command {
                Command::Apply { plan, .. } => Some(plan.clone()),
                _ => None,
            };
            let done = self.command(command)?;
            if let Some(plan) = reapplied.filter(|_| done) {
                let known = self.user.plans.iter_mut();
                for old in known.filter(|old| old.initiative.id == plan.initiative.id) {
                    *old = (*plan).clone();
                }
            }
        }
        Ok(())
    }

    /// Somebody commits on an integration branch, and may take it back.
    fn hand_moves(&mut self) {
        if self.world.temper.calm {
            return;
        }
        let next = self.chance.millis(2_000, 40_000);
        self.agenda.after(next, Item::Hand);
        let rows = self.server.iter().flat_map(|server| server.state.all());
        let ids: Vec<_> = rows
            .filter(|row: &&Initiative| row.cut)
            .map(|row| row.id)
            .collect();
        let Some(id) = self.chance.pick(&ids) else {
            return;
        };
        let Some(tip) = self.world.git.head(Branch::Integration(id)) else {
            return;
        };
        let file = u32::try_from(self.chance.below(self.world.temper.shared as usize)).unwrap_or(0);
        let moved = self.world.git.stranger(tip, file);
        self.world.move_by_hand(id, moved);
        self.met("branch moved by hand");
        self.note(|| format!("a stranger moves the branch of {id} to {moved}"));
    }

    /// Looks at everything: at each step when traced, else as often as time allows.
    fn look(&mut self) -> Result<(), Broken> {
        if !self.every_step && self.steps < self.next_look {
            return Ok(());
        }
        let Some(server) = &self.server else {
            return Ok(());
        };
        let rows = server.state.tables();
        let size = rows.turns.len() + rows.tasks.len() + rows.merges.len() + rows.messages.len();
        self.next_look = self.steps + 8 + size as u64;
        let saved = server.is_saved();
        watch::all(&server.state, &mut self.ledger, &self.world, saved)
    }

    fn has_ended(&mut self) -> Result<bool, Broken> {
        self.calm_steps += 1;
        let Some(server) = &self.server else {
            return Ok(false);
        };
        let tasks = server.state.tables().tasks.len() as u64;
        if self.calm_steps > 3_000 + 120 * tasks {
            return Err(self.stuck());
        }
        if !self.calm_steps.is_multiple_of(16) || !server.is_saved() {
            return Ok(false);
        }
        if self.agenda.is_quiet()
            && let Some(hope) = watch::false_hope(&server.state)
        {
            return Err(Broken::new(hope));
        }
        if !watch::is_over(&server.state, &self.world) || !self.agenda.is_quiet() {
            return Ok(false);
        }
        watch::all(&server.state, &mut self.ledger, &self.world, true)?;
        watch::at_the_end(&server.state, &self.world)?;
        Ok(true)
    }

    fn stuck(&mut self) -> Broken {
        let Some(server) = &self.server else {
            return Broken::new("all comes to an end: the server is down");
        };
        let state = &server.state;
        let open = state.all::<Task>().filter(|task| !task.state.is_closed());
        let tasks: Vec<String> = open
            .take(4)
            .map(|task| {
                let turn = task.agent.and_then(|agent| state.index().open_turn(agent));
                let turn = turn.and_then(|turn| state.get::<cw_core::domain::work::Turn>(turn));
                format!(
                    "{} {:?} blockers {} turn {:?}",
                    task.spec.slug,
                    task.state,
                    task.blockers,
                    turn.map(|turn| (turn.id, turn.kind, &turn.state, turn.stop))
                )
            })
            .collect();
        let initiatives: Vec<String> = state
            .all::<Initiative>()
            .map(|row| {
                format!(
                    "{} {:?} cut {} held {:?}",
                    row.slug, row.status, row.cut, row.lane_held
                )
            })
            .collect();
        let effects: Vec<_> = state.tables().effects.values().take(4).collect();
        Broken::new(format!(
            "all comes to an end: {} still open after {} quiet steps: {tasks:?}; {initiatives:?}; effects {effects:?}",
            tasks.len(),
            self.calm_steps
        ))
    }

    /// What came of this run.
    pub(super) fn report(&self) -> Report {
        let told = self.ledger.told.iter();
        let own = self
            .own
            .iter()
            .map(|(what, times)| (String::from(*what), *times));
        Report {
            seeds: 1,
            steps: self.steps,
            decisions: self.decisions,
            met: told
                .map(|(kind, times)| (kind.to_string(), *times))
                .chain(own)
                .collect(),
            failures: Vec::new(),
        }
    }

    /// Counts something that the schedule did.
    pub(super) fn met(&mut self, what: &'static str) {
        *self.own.entry(what).or_default() += 1;
    }

    /// Adds a line to what is told when a run fails.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trail) = &mut self.trail {
            if trail.len() >= self.most_told {
                trail.pop_front();
            }
            let mut line = format!("{:>7} {:>8} ms  {}", self.steps, self.agenda.now, line());
            if let Some((end, _)) = line.char_indices().nth(400) {
                line.truncate(end);
            }
            trail.push_back(line);
        }
    }

    /// Adds a signal to what is told.
    pub(super) fn tell(&mut self, signal: &Signal) {
        self.note(|| format!("{signal:?}"));
    }
}
