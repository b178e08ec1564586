//! Agents that cannot go on until the user has done something outside: logged in, handed values
//! over anew. The user is told once; the turns wait in their queue and start by themselves when
//! what holds them is gone.

use std::collections::BTreeSet;

use crate::domain::event::Value;
use crate::domain::held::{self, Hold, Owner, PassedEnv};
use crate::domain::hierarchy::{Initiative, Project, Task};
use crate::domain::ids::{InitiativeId, MessageId, ProjectId, TaskId, TurnId};
use crate::domain::status::{TaskStatus, task_status};
use crate::domain::txn::{About, Txn};
use crate::domain::work::{
    Agent, Message, MessageKind, MessageStatus, Party, Quandary, Turn, TurnKind, TurnState,
};

use super::message::{self, Draft};
use super::signal::{Command, Refusal, Reply};
use super::{command, ending, tasks, turn};

/// The answer that has agents try again to get in.
pub const ANSWER_GO_ON: &str = "go on";
/// The answer that has agents do without values that are gone.
pub const ANSWER_WITHOUT: &str = "go on without them";

/// Whose values a command brought, and which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handed {
    /// What they are for.
    pub owner: Owner,
    /// Their names.
    pub names: Vec<String>,
    /// They take the place of all that were there before.
    pub anew: bool,
}

/// A program was not let in: no agent of its table starts a turn until the user has looked.
pub(super) fn shut(tx: &mut Txn, turn: &Turn, why: &str) {
    if turn.tokens == 0 && !turn.worked {
        // What it was to be told at its start, nobody has heard.
        turn::undeliver_first(tx, turn);
    }
    let agent = tx.get::<Agent>(turn.agent).clone();
    let why = tasks::bounded(why);
    tx.tell(
        "agent.kept-out",
        About::Agent(agent.id),
        [("error", Value::Text(why.clone()))],
    );
    let known = tx.state().index().held_by(agent.project, &agent.config);
    if known.is_none() {
        let body = format!(
            "Agent '{}' was not let in: {why}. No agent of '{}' starts until you say so: log in, \
             then `cw resume` (in a shell that has the key, where one is passed on) or answer \
             this.",
            agent.name, agent.config
        );
        let draft = Draft {
            about: Some(Quandary::Login),
            holds: Some(agent.config.clone()),
            ..question(agent.project, body, &[ANSWER_GO_ON])
        };
        ask(tx, draft);
    }
}

/// A turn whose program was not let in is over: it is not lost, and not tried again by itself.
pub(super) fn kept_out(tx: &mut Txn, turn: &Turn, why: &str) {
    let why = tasks::bounded(why);
    tx.change::<Task>(turn.task, |task| task.error = Some(why));
    again(tx, turn);
}

/// Queues the turn that does what this one could not.
fn again(tx: &mut Txn, turn: &Turn) {
    let agent = turn.agent;
    match turn::bounce_owed(tx, agent) {
        Some(merge) => turn::queue(tx, agent, TurnKind::Bounce, Some(merge)),
        None => {
            let kind = turn::next_mail(tx, agent).unwrap_or(TurnKind::Retry);
            turn::queue(tx, agent, kind, None)
        }
    };
}

fn question(project: ProjectId, body: String, options: &[&str]) -> Draft {
    Draft {
        project,
        key: None,
        initiative: None,
        task: None,
        kind: MessageKind::Question,
        from: Party::Cw,
        to: Party::User,
        body,
        options: options.iter().map(ToString::to_string).collect(),
        about: None,
        holds: None,
        request: None,
    }
}

fn ask(tx: &mut Txn, draft: Draft) {
    let (project, body) = (draft.project, draft.body.clone());
    let options = draft.options.clone();
    let id = message::put(tx, draft);
    tx.tell(
        "message.asked",
        About::Project(project),
        [
            ("message", id.0.into()),
            ("body", body.into()),
            ("options", options.into()),
        ],
    );
}

/// The user has something begin or go on: agents that were not let in try again.
pub(super) fn let_go(tx: &mut Txn, project: ProjectId) {
    let open: Vec<MessageId> = tx.state().index().holds_of(project).collect();
    for id in open {
        close(tx, id, ANSWER_GO_ON);
    }
}

fn close(tx: &mut Txn, id: MessageId, answer: &str) {
    let now = tx.now;
    let project = tx.get::<Message>(id).project;
    tx.change::<Message>(id, |message| {
        message.status = MessageStatus::Answered;
        message.answer = Some(answer.to_owned());
        message.answered_at = Some(now);
    });
    tx.tell(
        "message.answered",
        About::Project(project),
        [("message", id.0.into()), ("answer", answer.into())],
    );
}

/// Decides a command that brought the values of these variables. What waits for them in its
/// project gets them, and so does what the command begins.
pub(super) fn pass(tx: &mut Txn, names: &[String], inner: Command) -> Result<Reply, Refusal> {
    let mut handed = Vec::new();
    if let Some(project) = concerned(tx, &inner) {
        let logins = lets_go(&inner) || answers_login(tx, &inner);
        handed = waiting(tx, project, names, logins);
    }
    if let Some(task) = single(tx, &inner) {
        // All that its agent wants, and not only what it has lost.
        let owner = Owner::Task(task);
        handed.retain(|one: &Handed| one.owner != owner);
        handed.push(some(owner, wanted_by(tx, task, names)));
    }
    handed.retain(|one| !one.names.is_empty());
    for one in &handed {
        note(tx, one);
    }
    let begins = begun(&inner);
    let reply = command::route(tx, inner)?;
    let owner = begins.or(match &reply {
        Reply::Applied(applied) => applied.initiative.map(Owner::Initiative),
        Reply::Spawned(task, _) => Some(Owner::Task(*task)),
        _ => None,
    });
    if let Some(owner) = owner.filter(|_| !names.is_empty()) {
        handed.retain(|one| one.owner != owner);
        let one = Handed {
            anew: true,
            ..some(owner, names.to_vec())
        };
        note(tx, &one);
        handed.push(one);
    }
    settle(tx);
    Ok(Reply::Passed(handed, Box::new(reply)))
}

fn some(owner: Owner, names: Vec<String>) -> Handed {
    Handed {
        owner,
        names,
        anew: false,
    }
}

fn note(tx: &mut Txn, handed: &Handed) {
    change(tx, handed.owner, |passed| {
        passed.give(&handed.names, handed.anew);
    });
}

fn change(tx: &mut Txn, owner: Owner, change: impl FnOnce(&mut PassedEnv)) {
    match owner {
        Owner::Initiative(id) => tx.change::<Initiative>(id, |row| change(&mut row.passed)),
        Owner::Task(id) => tx.change::<Task>(id, |row| change(&mut row.passed)),
    }
}

/// The project that a command is about, if it may bring values.
pub(super) fn concerned(tx: &Txn, command: &Command) -> Option<ProjectId> {
    let of_initiative = |id: InitiativeId| tx.get::<Initiative>(id).project;
    match command {
        Command::Apply { project, .. } | Command::Spawn { project, .. } => Some(*project),
        Command::Unhold(project) => Some(*project),
        Command::Start(id, _) | Command::Resume(id) => Some(of_initiative(*id)),
        Command::RetryTask(id) => Some(of_initiative(tx.get::<Task>(*id).initiative)),
        Command::ResumeAgent(id) => Some(tx.get::<Agent>(*id).project),
        Command::Answer(id, _) => Some(tx.get::<Message>(*id).project),
        _ => None,
    }
}

/// The task that alone is to go on with what was brought.
fn single(tx: &Txn, command: &Command) -> Option<TaskId> {
    match command {
        Command::RetryTask(id) => Some(*id),
        Command::ResumeAgent(id) => Some(tx.get::<Agent>(*id).task),
        _ => None,
    }
}

fn begun(command: &Command) -> Option<Owner> {
    match command {
        Command::Start(id, _) => Some(Owner::Initiative(*id)),
        _ => None,
    }
}

/// Whether agents that were not let in try again after this command.
pub(super) fn lets_go(command: &Command) -> bool {
    matches!(
        command,
        Command::Apply { start: Some(_), .. }
            | Command::Spawn { .. }
            | Command::Start(..)
            | Command::Resume(_)
            | Command::Unhold(_)
            | Command::RetryTask(_)
            | Command::ResumeAgent(_)
    )
}

fn answers_login(tx: &Txn, command: &Command) -> bool {
    match command {
        Command::Answer(id, _) => tx.get::<Message>(*id).about == Some(Quandary::Login),
        _ => false,
    }
}

/// The names among `names` that a task's agent wants.
fn wanted_by(tx: &Txn, task: TaskId, names: &[String]) -> Vec<String> {
    let state = tx.state();
    let task = tx.get::<Task>(task);
    let project = tx.get::<Initiative>(task.initiative).project;
    let table = held::table(state, task);
    let agent = table.and_then(|table| state.config(project)?.agent(&table));
    let wanted = agent.map(|agent| agent.pass_env).unwrap_or_default();
    let wanted = |name: &&String| wanted.contains(name);
    names.iter().filter(wanted).cloned().collect()
}

/// What in a project waits for values of these names: what was given them and lost them, and,
/// where those that were not let in are to try again, what is held by that.
fn waiting(tx: &Txn, project: ProjectId, names: &[String], logins: bool) -> Vec<Handed> {
    let mut handed: Vec<Handed> = held::losers(tx.state(), project)
        .into_iter()
        .map(|(owner, lost)| {
            let mine = |name: &&String| lost.contains(name);
            some(owner, names.iter().filter(mine).cloned().collect())
        })
        .collect();
    if !logins || !tx.state().index().holds(project) {
        return handed;
    }
    for task in tx.state().all::<Task>() {
        let initiative = tx.get::<Initiative>(task.initiative);
        if initiative.project != project || task.state.is_closed() {
            continue;
        }
        let waits = task_status(tx.state(), task) == TaskStatus::Waiting;
        if !waits || !matches!(held::hold(tx.state(), task), Some(Hold::Login(_))) {
            continue;
        }
        let owner = if initiative.adhoc {
            Owner::Task(task.id)
        } else {
            Owner::Initiative(initiative.id)
        };
        let names = wanted_by(tx, task.id, names);
        match handed.iter_mut().find(|one| one.owner == owner) {
            Some(one) => one.names.extend(names),
            None => handed.push(some(owner, names)),
        }
    }
    for one in &mut handed {
        one.names.sort();
        one.names.dedup();
    }
    handed
}

/// A server has started: the values that the one before it kept are gone.
pub(super) fn lose(tx: &mut Txn) {
    let initiatives: Vec<InitiativeId> = tx
        .state()
        .all::<Initiative>()
        .filter(|row| row.is_open() && !row.passed.given.is_empty())
        .map(|row| row.id)
        .collect();
    let tasks: Vec<TaskId> = tx
        .state()
        .all::<Task>()
        .filter(|task| !task.state.is_closed() && !task.passed.given.is_empty())
        .map(|task| task.id)
        .collect();
    for id in initiatives {
        change(tx, Owner::Initiative(id), |passed| passed.lose(|_| true));
    }
    for id in tasks {
        change(tx, Owner::Task(id), |passed| passed.lose(|_| true));
    }
}

/// A program could not be started because values that it was given are not there: its turn waits
/// for them.
pub(super) fn lacking(tx: &mut Txn, id: TurnId, names: &[String]) {
    let turn = tx.get::<Turn>(id).clone();
    turn::unheard(tx, id);
    if turn.stop.is_some() {
        return ending::end(tx, id, crate::domain::work::Verdict::Stopped);
    }
    tx.change::<Turn>(id, |turn| {
        turn.state = TurnState::Queued;
        turn.prompt = String::new();
        turn.started_at = None;
    });
    tx.tell(
        "agent.values-missed",
        About::Agent(turn.agent),
        [("names", names.to_vec().into())],
    );
    let initiative = tx.get::<Task>(turn.task).initiative;
    for owner in [Owner::Task(turn.task), Owner::Initiative(initiative)] {
        change(tx, owner, |passed| {
            let known = passed.lost.clone();
            passed.lose(|name| names.contains(name) || known.contains(name));
        });
    }
}

/// Tells the user of each project what is waited for, once something waits.
pub(super) fn tell_of_losses(tx: &mut Txn) {
    for project in starving(tx) {
        let names = held::missed(tx.state(), project);
        if names.is_empty() {
            continue;
        }
        let draft = Draft {
            about: Some(Quandary::Values),
            ..question(project, of_losses(&names), &[ANSWER_WITHOUT])
        };
        ask(tx, draft);
    }
}

fn of_losses(names: &[String]) -> String {
    let names = names.join(", ");
    format!(
        "The values of {names} were kept in the server's memory only and went with its \
         restart. The agents that were given them start no turn without: run `cw resume` \
         (or run, spawn or start something) in a shell that has them set."
    )
}

/// Takes back questions of this module that nothing waits for any more, and those about other
/// values than are missed now. Costs nothing while none is open.
pub(super) fn withdraw(tx: &mut Txn) {
    let state = tx.state();
    let mut idle: Vec<MessageId> = Vec::new();
    for project in state.all::<Project>().map(|row| row.id) {
        if state.config(project).is_none() {
            continue;
        }
        let asked = state.index().values_asked(project);
        idle.extend(asked.filter(|id| !is_missed(tx, project, *id)));
        let logins = state.index().holds_of(project);
        idle.extend(logins.filter(|id| !holds_any(tx, project, *id)));
    }
    for id in idle {
        let project = tx.get::<Message>(id).project;
        tx.change::<Message>(id, |message| message.status = MessageStatus::Read);
        tx.tell(
            "message.withdrawn",
            About::Project(project),
            [("message", id.0.into())],
        );
    }
}

/// Whether what is missed is what a question names, and something waits for it.
fn is_missed(tx: &Txn, project: ProjectId, question: MessageId) -> bool {
    let state = tx.state();
    let names = held::missed(state, project);
    if names.is_empty() || of_losses(&names) != tx.get::<Message>(question).body {
        return false;
    }
    // What waits for a login as well shows only once that is settled.
    state.index().holds(project) || {
        let mut losers = held::losers(state, project).into_iter();
        losers.any(|(owner, _)| match owner {
            // What is not begun stands at the end.
            Owner::Initiative(id) => state
                .tasks_of(id)
                .rev()
                .any(|task| held::starves(state, task)),
            Owner::Task(id) => held::starves(state, tx.get::<Task>(id)),
        })
    }
}

/// Whether an agent of the table that a question holds has, or may get, something to do.
fn holds_any(tx: &Txn, project: ProjectId, question: MessageId) -> bool {
    let state = tx.state();
    let table = tx.get::<Message>(question).holds.clone();
    let mut open = state
        .all::<Initiative>()
        .filter(|row| row.project == project && row.is_open());
    open.any(|row| {
        let mut tasks = state.tasks_of(row.id).rev();
        tasks.any(|task| !task.state.is_closed() && held::table(state, task) == table)
    })
}

/// The projects where something waits for values and nobody was told.
fn starving(tx: &Txn) -> BTreeSet<ProjectId> {
    let state = tx.state();
    let mut found = BTreeSet::new();
    for owner in state.index().losers() {
        let (initiative, lost) = match owner {
            Owner::Initiative(id) => (id, &tx.get::<Initiative>(id).passed.lost),
            Owner::Task(id) => {
                let task = tx.get::<Task>(id);
                (task.initiative, &task.passed.lost)
            }
        };
        let initiative = tx.get::<Initiative>(initiative);
        let project = initiative.project;
        let told = found.contains(&project) || state.index().values_asked(project).is_some();
        if told || !initiative.is_open() || !held::is_wanted(state, project, lost) {
            continue;
        }
        if held::any_starves(state, owner) {
            found.insert(project);
        }
    }
    found
}

/// Takes questions back that have settled themselves.
fn settle(tx: &mut Txn) {
    let projects: Vec<ProjectId> = tx.state().all::<Project>().map(|row| row.id).collect();
    for project in projects {
        if held::missed(tx.state(), project).is_empty()
            && let Some(id) = tx.state().index().values_asked(project)
        {
            close(tx, id, "handed over");
        }
    }
}

/// The user answers a question of this module.
pub(super) fn answered(
    tx: &mut Txn,
    about: Quandary,
    project: ProjectId,
    answer: &str,
) -> Result<(), Refusal> {
    let missing = held::missed(tx.state(), project);
    if about != Quandary::Values || missing.is_empty() {
        return Ok(());
    }
    if answer != ANSWER_WITHOUT {
        return Err(Refusal::state(format!(
            "{} not set in this shell",
            match missing.as_slice() {
                [one] => format!("{one} is"),
                several => format!("{} are", several.join(", ")),
            }
        ))
        .because("the agents wait for the values")
        .hint(format!(
            "answer in a shell that has them set, or answer '{ANSWER_WITHOUT}'"
        )));
    }
    for (owner, _) in held::losers(tx.state(), project) {
        change(tx, owner, PassedEnv::forgo);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
