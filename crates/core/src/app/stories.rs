//! What becomes of a task when several things happen to it at once.

use super::scene::{Scene, oid};
use super::{Call, Command, Outcome, Output, Sight, Signal};
use crate::domain::hierarchy::{Project, Task, TaskState};
use crate::domain::ids::AgentId;
use crate::domain::status::TaskStatus;
use crate::domain::time::Timestamp;
use crate::domain::work::{
    Agent, GateReport, Message, MessageStatus, Party, StopReason, Turn, TurnKind, TurnState,
    Verdict,
};

const MINUTE: i64 = 60_000;

fn agent(scene: &Scene) -> AgentId {
    scene.turn().agent
}

fn ask(scene: &mut Scene) {
    let call = Call::Ask {
        text: "which?".into(),
        options: Vec::new(),
        key: None,
    };
    let asker = agent(scene);
    scene.decide(Signal::Call(asker, call));
}

fn pass(scene: &mut Scene, minutes: i64) {
    scene.now += minutes * MINUTE;
    scene.decide(Signal::Tick);
}

fn prepared() -> Outcome {
    Outcome::Prepared {
        head: oid(),
        base: oid(),
        conflicts: Vec::new(),
        fresh: false,
    }
}

#[test]
fn a_users_stop_goes_before_one_that_time_brought() {
    for verdict in [Verdict::Done, Verdict::Stopped] {
        let mut scene = Scene::new();
        pass(&mut scene, 20);
        assert_eq!(scene.turn().stop, Some(StopReason::Stalled));
        scene.command(Command::StopAgent(agent(&scene)));
        scene.end(verdict);
        assert_eq!(scene.status(), TaskStatus::Parked);
        let task = scene.state.all::<Task>().next().unwrap();
        assert_eq!(task.state, TaskState::Parked { resume_at: None });
    }
}

#[test]
fn an_agent_stopped_while_its_limit_lasts_goes_on_only_when_told() {
    let mut scene = Scene::new();
    let until = Timestamp(scene.now + 10 * MINUTE);
    scene.end(Verdict::Limit { until: Some(until) });
    scene.command(Command::StopAgent(agent(&scene)));
    pass(&mut scene, 60);
    assert_eq!(scene.status(), TaskStatus::Parked);
    scene.command(Command::ResumeAgent(agent(&scene)));
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn a_limit_that_is_over_already_is_not_tried_again_at_once() {
    let mut scene = Scene::new();
    scene.end(Verdict::Limit {
        until: Some(Timestamp(0)),
    });
    scene.decide(Signal::Tick);
    assert_eq!(scene.status(), TaskStatus::Parked);
    pass(&mut scene, 1);
    assert_eq!(scene.status(), TaskStatus::Running);
}

#[test]
fn a_question_does_not_keep_a_hanging_program_alive_for_ever() {
    let mut scene = Scene::new();
    ask(&mut scene);
    pass(&mut scene, 4);
    assert_eq!(scene.turn().stop, None, "it waits");
    pass(&mut scene, 60);
    assert_eq!(scene.turn().stop, Some(StopReason::Unanswered));
    scene.end(Verdict::Stopped);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}

#[test]
fn who_waited_for_an_answer_is_not_silent_since_before_it() {
    let mut scene = Scene::new();
    pass(&mut scene, 6);
    ask(&mut scene);
    pass(&mut scene, 4);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    pass(&mut scene, 1);
    assert_eq!(scene.turn().stop, None);
}

#[test]
fn nobody_is_silent_while_nobody_listens() {
    for signal in [Signal::Started, Signal::Woke] {
        let mut scene = Scene::new();
        scene.now += 20 * MINUTE;
        scene.decide(signal);
        pass(&mut scene, 1);
        assert_eq!(scene.turn().stop, None);
        pass(&mut scene, 20);
        assert_eq!(scene.turn().stop, Some(StopReason::Stalled));
    }
}

#[test]
fn a_question_outlives_the_crash_of_its_agent() {
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Crashed);
    assert_eq!(scene.status(), TaskStatus::Waiting);
    let question: Message = scene.messages()[0].clone();
    assert_eq!(question.status, MessageStatus::Open);
    scene.answer(question.id, "this");
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}

#[test]
fn a_session_that_never_began_is_told_its_task_before_anything_else() {
    let mut scene = Scene::unbegun();
    scene.perform(
        "prepare",
        Outcome::Failed {
            why: "no room".into(),
            hint: None,
            passing: false,
        },
    );
    assert_eq!(scene.status(), TaskStatus::Failed);
    scene.command(Command::Say(agent(&scene), "try again".into()));
    scene.perform("prepare", prepared());
    let prompt = scene.turn().prompt;
    assert!(prompt.contains("do it"), "{prompt}");
    assert!(prompt.contains("try again"), "{prompt}");
}

#[test]
fn a_session_that_is_not_known_any_more_loses_no_mail() {
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Asked);
    let id = scene.messages()[0].id;
    scene.answer(id, "the blue one");
    scene.begin();
    assert!(scene.turn().resumes);
    scene.end(Verdict::SessionUnknown);
    scene.perform("prepare", prepared());
    let prompt = scene.turn().prompt;
    assert!(!scene.turn().resumes);
    for part in ["do it", "which?", "the blue one", "This is a new session"] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
}

#[test]
fn a_bounce_that_was_stopped_before_it_began_is_still_a_bounce() {
    let mut scene = Scene::new();
    scene.end(Verdict::Done);
    let tried = Outcome::Tried {
        base: oid(),
        result: oid(),
    };
    scene.gate("make check");
    scene.perform("trial", tried);
    scene.perform(
        "gate",
        Outcome::Gated(GateReport {
            command: "make check".into(),
            passed: false,
            code: Some(1),
            output: "no".into(),
        }),
    );
    assert_eq!(scene.turn().kind, TurnKind::Bounce);
    let merge = scene.turn().merge;
    scene.command(Command::StopAgent(agent(&scene)));
    let failed = Outcome::Failed {
        why: "a moment".into(),
        hint: None,
        passing: true,
    };
    if scene.wanted("prepare").is_some() {
        scene.perform("prepare", failed);
        scene.now += MINUTE;
        scene.decide(Signal::Tick);
        scene.perform("prepare", prepared());
    }
    assert_eq!(scene.status(), TaskStatus::Parked);
    scene.command(Command::ResumeAgent(agent(&scene)));
    let turn = scene.turn();
    assert_eq!((turn.kind, turn.merge), (TurnKind::Bounce, merge));
}

#[test]
fn a_bounce_whose_program_could_not_be_started_is_still_a_bounce() {
    let mut scene = Scene::new();
    scene.end(Verdict::Done);
    scene.perform(
        "trial",
        Outcome::Conflicted {
            base: oid(),
            conflicts: vec!["a.txt".into()],
        },
    );
    let (task, merge) = (scene.turn().task, scene.turn().merge);
    let prepared = Outcome::Prepared {
        head: oid(),
        base: oid(),
        conflicts: vec!["a.txt".into()],
        fresh: false,
    };
    scene.perform("prepare", prepared);
    scene.perform(
        "start-turn",
        Outcome::Failed {
            why: "no such program".into(),
            hint: None,
            passing: false,
        },
    );
    assert_eq!(scene.status(), TaskStatus::Failed);
    scene.command(Command::RetryTask(task));
    let turn = scene.turn();
    assert_eq!((turn.kind, turn.merge), (TurnKind::Bounce, merge));
}

#[test]
fn what_an_agent_has_taken_in_does_not_come_again_when_it_is_kept_out() {
    let mut scene = Scene::new();
    ask(&mut scene);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    let asker = agent(&scene);
    scene.decide(Signal::Call(asker, Call::TookAnswer(id)));
    let refused = || Verdict::Auth { why: "401".into() };
    scene.end(refused());
    assert!(scene.messages()[0].delivered.is_some(), "it was taken");

    // Nor what a prompt brought to a program that went to work on it.
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Asked);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    scene.begin();
    let turn = scene.turn().id;
    let output = Output {
        worked: true,
        ..Output::default()
    };
    scene.decide(Signal::Seen(turn, Sight::Output(output)));
    scene.end(refused());
    assert!(scene.messages()[0].delivered.is_some(), "it was read");
}

#[test]
fn a_bounce_that_lacked_values_and_was_stopped_is_still_a_bounce() {
    let mut scene = Scene::new();
    scene.end(Verdict::Done);
    let conflicts = vec!["a.txt".to_owned()];
    let conflicted = Outcome::Conflicted {
        base: oid(),
        conflicts: conflicts.clone(),
    };
    scene.perform("trial", conflicted);
    let merge = scene.turn().merge;
    let prepared = Outcome::Prepared {
        head: oid(),
        base: oid(),
        conflicts,
        fresh: false,
    };
    scene.perform("prepare", prepared);
    let worker = agent(&scene);
    scene.command(Command::StopAgent(worker));
    scene.perform("start-turn", Outcome::Lacking(vec!["KEY".into()]));
    scene.command(Command::ResumeAgent(worker));
    let turn = scene.turn();
    assert_eq!((turn.kind, turn.merge), (TurnKind::Bounce, merge));
}

#[test]
fn a_word_of_another_agent_is_told_as_one() {
    let mut scene = Scene::new();
    scene.spawn("another");
    scene.perform("sync-adhoc", Outcome::Cut(oid()));
    scene.perform("prepare", prepared());
    let mut agents = scene.state.all::<Agent>().map(|agent| agent.id);
    let (first, other) = (agents.next().unwrap(), agents.next().unwrap());
    drop(agents);
    let say = Call::Say {
        to: Party::Agent(first),
        text: "delete the tests".into(),
        key: None,
    };
    scene.decide(Signal::Call(other, say));
    let turn = scene.state.all::<Turn>().next().unwrap().id;
    let ended = Sight::Ended {
        verdict: Verdict::Done,
        summary: None,
    };
    scene.decide(Signal::Seen(turn, ended));
    let collected = Outcome::Collected {
        head: oid(),
        changed: false,
        unresolved: Vec::new(),
    };
    scene.perform("collect", collected);
    scene.perform("prepare", prepared());
    let prompt = scene.turn().prompt;
    assert!(prompt.contains("Another agent says"), "{prompt}");
}

#[test]
fn a_stop_that_failed_is_carried_out_at_once_when_it_is_asked_for_again() {
    let mut scene = Scene::new();
    scene.command(Command::StopAgent(agent(&scene)));
    scene.perform(
        "stop-turn",
        Outcome::Failed {
            why: "2 processes are left".into(),
            hint: None,
            passing: true,
        },
    );
    assert!(scene.wanted("stop-turn").unwrap().not_before.is_some());
    scene.command(Command::StopAgent(agent(&scene)));
    assert_eq!(scene.wanted("stop-turn").unwrap().not_before, None);
}

#[test]
fn no_word_is_taken_that_nobody_would_read() {
    let mut scene = Scene::new();
    scene.spawn("another");
    let mut agents = scene.state.all::<Agent>().map(|agent| agent.id);
    let (first, other) = (agents.next().unwrap(), agents.next().unwrap());
    drop(agents);
    let turn = scene.state.all::<Turn>().next().unwrap().id;
    let ended = Sight::Ended {
        verdict: Verdict::Done,
        summary: None,
    };
    scene.decide(Signal::Seen(turn, ended));
    scene.perform(
        "collect",
        Outcome::Collected {
            head: oid(),
            changed: true,
            unresolved: Vec::new(),
        },
    );
    assert_eq!(scene.status(), TaskStatus::Merging);
    let text = "one more thing".to_owned();
    let by_user = Signal::Command(Command::Say(first, text.clone()));
    let to = Party::Agent(first);
    let by_agent = Signal::Call(
        other,
        Call::Say {
            to,
            text,
            key: None,
        },
    );
    for signal in [by_user, by_agent] {
        let refusal = scene.refused(signal);
        assert!(refusal.cause.unwrap().contains("is being merged"));
    }
    assert_eq!(scene.messages(), []);
}

#[test]
fn a_word_to_a_stopped_agent_sets_nobody_else_going() {
    let mut scene = Scene::new();
    let first = agent(&scene);
    scene.command(Command::StopAll(None));
    scene.end(Verdict::Stopped);
    let held = |scene: &Scene| scene.state.get::<Project>(scene.project).unwrap().held;
    assert!(held(&scene));
    scene.command(Command::Say(first, "later".into()));
    assert!(held(&scene));
    scene.command(Command::ResumeAgent(first));
    assert!(!held(&scene));
}

#[test]
fn no_turn_begins_before_what_its_task_waits_for_now() {
    let mut scene = Scene::new();
    scene.end(Verdict::Failed {
        why: "exit 1".into(),
        fatal: true,
    });
    let task = scene.turn().task;
    scene.wait_for_another(task);
    scene.command(Command::RetryTask(task));
    scene.command(Command::StopAgent(agent(&scene)));
    scene.command(Command::ResumeAgent(agent(&scene)));
    assert_eq!(scene.status(), TaskStatus::Blocked);
    let of_it = |turn: &&Turn| turn.task == task;
    let mut turns = scene.state.all::<Turn>().filter(of_it);
    assert!(turns.all(|turn| !turn.state.is_open()));
}

#[test]
fn a_branch_that_could_not_be_cut_is_tried_again_when_something_is_to_go_on() {
    let mut scene = Scene::uncut();
    scene.perform(
        "cut-branch",
        Outcome::Failed {
            why: "a branch stands in the way".into(),
            hint: None,
            passing: false,
        },
    );
    assert_eq!(scene.status(), TaskStatus::Failed);
    let agent = scene.state.all::<Agent>().next().unwrap().id;
    scene.command(Command::Say(agent, "now".into()));
    assert!(scene.wanted("cut-branch").is_some());
    scene.perform("cut-branch", Outcome::Cut(oid()));
    assert_eq!(scene.turn().state, TurnState::Preparing);
}

#[test]
fn an_agents_note_sets_no_failed_task_going() {
    let mut scene = Scene::new();
    scene.end(Verdict::Failed {
        why: "exit 1".into(),
        fatal: true,
    });
    let failed = agent(&scene);
    scene.spawn("another");
    let other = agent(&scene);
    assert_ne!(failed, other);
    let to = Party::Agent(failed);
    let (text, key) = ("go on".to_owned(), None);
    scene.decide(Signal::Call(other, Call::Say { to, text, key }));
    let of_failed = |turn: &&Turn| turn.agent == failed;
    assert_eq!(scene.state.all::<Turn>().filter(of_failed).count(), 1);
}

#[test]
fn a_call_that_comes_again_is_one_message() {
    let mut scene = Scene::new();
    let asker = agent(&scene);
    let question = |text: &str| Call::Ask {
        text: text.into(),
        options: Vec::new(),
        key: Some("call-1".into()),
    };
    let first = scene.decide(Signal::Call(asker, question("which?")));
    // Also once it was answered, and after the turn that asked.
    assert_eq!(scene.decide(Signal::Call(asker, question("which?"))), first);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    scene.end(Verdict::Asked);
    assert_eq!(scene.decide(Signal::Call(asker, question("which?"))), first);
    assert_eq!(scene.messages().len(), 1);

    let note = || Call::Say {
        to: Party::User,
        text: "mind this".into(),
        key: Some("call-2".into()),
    };
    let said = scene.decide(Signal::Call(asker, note()));
    assert_eq!(scene.decide(Signal::Call(asker, note())), said);
    assert_eq!(scene.messages().len(), 2);

    // A name is its agent's own.
    scene.spawn("another");
    scene.begin();
    let other = agent(&scene);
    assert_ne!(scene.decide(Signal::Call(other, question("and I?"))), first);
}

#[test]
fn an_answer_that_was_handed_over_and_not_taken_comes_with_the_next_turn() {
    let mut scene = Scene::new();
    ask(&mut scene);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    // Whoever waited for it was killed before it could say so.
    scene.end(Verdict::Crashed);
    pass(&mut scene, 60);
    scene.begin();
    assert!(scene.turn().prompt.contains("this"));
    assert_eq!(scene.messages()[0].delivered, Some(scene.turn().id));
    let asker = agent(&scene);
    scene.decide(Signal::Call(asker, Call::TookMessages(vec![id])));
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().number, 2, "it comes once");
}

#[test]
fn an_answer_comes_once_and_a_question_that_is_withdrawn_takes_none() {
    let mut scene = Scene::new();
    ask(&mut scene);
    let id = scene.messages()[0].id;
    scene.answer(id, "this");
    let twice = scene.refuses(Command::Answer(id, "that".into()));
    assert_eq!(twice.cause.as_deref(), Some("its answer: this"));
    ask(&mut scene);
    let task = scene.turn().task;
    scene.command(Command::CancelTask(task));
    let late = scene.messages()[1].id;
    let late = scene.refuses(Command::Answer(late, "that".into()));
    assert_eq!(late.cause.as_deref(), Some("its task was cancelled"));
    assert!(late.hint.is_some());
}

#[test]
fn an_answer_that_no_program_read_is_brought_again_whatever_ended_its_turn() {
    let mut scene = Scene::new();
    ask(&mut scene);
    scene.end(Verdict::Asked);
    let id = scene.messages()[0].id;
    scene.answer(id, "this one");
    scene.begin();
    assert!(scene.messages()[0].delivered.is_some());
    scene.command(Command::StopAgent(agent(&scene)));
    scene.end(Verdict::SessionUnknown);
    assert_eq!(scene.messages()[0].delivered, None);
    scene.command(Command::ResumeAgent(agent(&scene)));
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}
