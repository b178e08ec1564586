use super::*;
use crate::app::scene::Scene;
use crate::app::{Call, Command, Output, Sight, Signal};
use crate::domain::work::{TurnKind, Verdict};

fn failed(passing: bool) -> Outcome {
    Outcome::Failed {
        why: "standard input is closed".into(),
        hint: None,
        passing,
    }
}

fn tell(scene: &mut Scene, text: &str) -> MessageId {
    let agent = scene.turn().agent;
    scene.command(Command::Say(agent, text.into()));
    scene.messages().last().unwrap().id
}

fn hear(scene: &mut Scene, listens: bool, taken: &[MessageId]) {
    let output = Output {
        listens,
        taken: taken.to_vec(),
        ..Output::default()
    };
    let turn = scene.turn().id;
    scene.decide(Signal::Seen(turn, Sight::Output(output)));
}

/// A scene whose agent's program takes notes while it works.
fn listening() -> Scene {
    let mut scene = Scene::new();
    hear(&mut scene, true, &[]);
    scene
}

fn on_its_way(scene: &Scene) -> Option<EffectKind> {
    scene.wanted("pass").map(|effect| effect.kind)
}

#[test]
fn a_program_that_has_not_shown_that_it_listens_is_told_at_the_next_turn() {
    let mut scene = Scene::new();
    tell(&mut scene, "mind the step");
    assert_eq!(on_its_way(&scene), None);
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().kind, TurnKind::Message);
    scene.begin();
    assert_eq!(scene.turn().prompt, "mind the step");
}

#[test]
fn what_was_said_before_it_listened_is_handed_over_once_it_does() {
    let mut scene = Scene::new();
    let first = tell(&mut scene, "first");
    hear(&mut scene, true, &[]);
    assert_eq!(on_its_way(&scene), Some(EffectKind::Pass(first)));
}

#[test]
fn a_note_that_was_taken_in_comes_once() {
    let mut scene = listening();
    let id = tell(&mut scene, "mind the step");
    assert_eq!(on_its_way(&scene), Some(EffectKind::Pass(id)));
    scene.perform("pass", Outcome::Done);
    let turn = scene.turn().id;
    hear(&mut scene, false, &[id]);
    let told = scene.messages()[0].clone();
    assert_eq!(told.delivered, Some(turn));
    assert_eq!(told.status, MessageStatus::Read);
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().id, turn, "no further turn is needed");
}

#[test]
fn a_note_that_was_handed_over_and_not_taken_in_is_mail_for_the_next_turn() {
    for verdict in [Verdict::Done, Verdict::Crashed] {
        let mut scene = listening();
        tell(&mut scene, "mind the step");
        scene.perform("pass", Outcome::Done);
        scene.end(verdict);
        if scene.wanted("prepare").is_none() {
            scene.now += 60 * 60 * 1_000;
            scene.decide(Signal::Tick);
        }
        scene.begin();
        assert!(scene.turn().prompt.contains("mind the step"));
        // What the old program says now changes nothing: it is over.
        assert_eq!(scene.messages()[0].delivered, Some(scene.turn().id));
    }
}

#[test]
fn notes_are_handed_over_one_after_the_other() {
    let mut scene = listening();
    let first = tell(&mut scene, "one");
    let second = tell(&mut scene, "two");
    assert_eq!(on_its_way(&scene), Some(EffectKind::Pass(first)));
    scene.perform("pass", failed(true));
    assert_eq!(on_its_way(&scene), Some(EffectKind::Pass(first)));
    scene.perform("pass", Outcome::Done);
    assert_eq!(on_its_way(&scene), Some(EffectKind::Pass(second)));
    scene.perform("pass", Outcome::Done);
    assert_eq!(on_its_way(&scene), None);
    hear(&mut scene, false, &[first, second]);
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().number, 1);
}

#[test]
fn a_program_that_takes_no_more_gets_the_rest_in_order_with_its_next_turn() {
    let mut scene = listening();
    tell(&mut scene, "one");
    tell(&mut scene, "two");
    scene.perform("pass", failed(false));
    assert_eq!(on_its_way(&scene), None);
    scene.end(Verdict::Done);
    scene.begin();
    let prompt = scene.turn().prompt;
    let (one, two) = (prompt.find("one").unwrap(), prompt.find("two").unwrap());
    assert!(one < two, "{prompt}");
}

#[test]
fn nothing_is_handed_to_a_program_that_is_being_stopped() {
    let mut scene = listening();
    let agent = scene.turn().agent;
    scene.command(Command::StopAgent(agent));
    tell(&mut scene, "one");
    assert_eq!(on_its_way(&scene), None);
}

#[test]
fn an_answer_does_not_come_as_a_note() {
    let mut scene = listening();
    let agent = scene.turn().agent;
    let ask = Call::Ask {
        text: "which?".into(),
        options: Vec::new(),
        key: None,
    };
    scene.decide(Signal::Call(agent, ask));
    scene.answer(scene.messages()[0].id, "this");
    assert_eq!(on_its_way(&scene), None);
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().kind, TurnKind::Answer);
}

#[test]
fn what_a_program_claims_of_other_messages_is_not_believed() {
    let mut scene = Scene::new();
    let id = tell(&mut scene, "one");
    hear(&mut scene, false, &[id, MessageId(999)]);
    assert_eq!(scene.messages()[0].delivered, None);
}

#[test]
fn a_note_that_was_read_by_a_call_is_not_handed_over_as_well() {
    let mut scene = listening();
    let first = tell(&mut scene, "one");
    let second = tell(&mut scene, "two");
    let agent = scene.turn().agent;
    scene.decide(Signal::Call(agent, Call::TookMessages(vec![first])));
    assert_eq!(on_its_way(&scene), Some(EffectKind::Pass(second)));
    scene.decide(Signal::Call(agent, Call::TookMessages(vec![second])));
    assert_eq!(on_its_way(&scene), None);
    scene.end(Verdict::Done);
    assert_eq!(scene.turn().number, 1);
}

#[test]
fn a_note_whose_handing_over_may_have_failed_is_believed_to_be_taken_in() {
    let mut scene = listening();
    let first = tell(&mut scene, "one");
    while on_its_way(&scene).is_some() {
        scene.perform("pass", failed(true));
    }
    tell(&mut scene, "two");
    hear(&mut scene, true, &[]);
    assert_eq!(on_its_way(&scene), None, "the first is not overtaken");
    let turn = scene.turn().id;
    hear(&mut scene, false, &[first]);
    assert_eq!(scene.messages()[0].delivered, Some(turn));
    scene.end(Verdict::Done);
    scene.begin();
    assert!(!scene.turn().prompt.contains("one"));
}

#[test]
fn a_note_to_oneself_is_refused() {
    let mut scene = Scene::new();
    let agent = scene.turn().agent;
    let say = Call::Say {
        to: Party::Agent(agent),
        text: "go on".into(),
        key: None,
    };
    let refusal = scene.refused(Signal::Call(agent, say));
    assert!(refusal.what.contains("oneself"), "{refusal:?}");
    assert_eq!(scene.messages(), []);
}

/// What may happen to notes, in any order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Say,
    Listen,
    Pass,
    PassFails,
    PassFailsForGood,
    Take,
    EndTurn,
}

/// A program that takes in what it is handed in the order in which it came.
#[derive(Default)]
struct Program {
    line: Vec<MessageId>,
    seen: Vec<MessageId>,
}

impl Program {
    fn step(&mut self, scene: &mut Scene, step: Step) {
        match step {
            Step::Say => {
                tell(scene, "a note");
            }
            Step::Listen => hear(scene, true, &[]),
            Step::Pass | Step::PassFails | Step::PassFailsForGood => self.pass(scene, step),
            Step::Take if self.line.is_empty() => {}
            Step::Take => {
                let next = self.line.remove(0);
                self.seen.push(next);
                hear(scene, false, &[next]);
            }
            Step::EndTurn => self.end(scene),
        }
    }

    fn pass(&mut self, scene: &mut Scene, step: Step) {
        let Some(EffectKind::Pass(id)) = on_its_way(scene) else {
            return;
        };
        let of = scene.state.get::<Message>(id).unwrap().passed;
        match step {
            // The run that it was for is over: nobody takes it.
            _ if of != Some(scene.turn().id) => scene.perform("pass", failed(false)),
            Step::Pass => {
                self.line.push(id);
                scene.perform("pass", Outcome::Done);
            }
            Step::PassFails => scene.perform("pass", failed(true)),
            _ => scene.perform("pass", failed(false)),
        }
    }

    /// Ends the turn if something is left for another one, which brings it.
    fn end(&mut self, scene: &mut Scene) {
        let agent = scene.turn().agent;
        let mail: Vec<MessageId> = scene.state.index().mail(agent).collect();
        if !mail.is_empty() {
            self.line.clear();
            scene.end(Verdict::Done);
            scene.begin();
            self.seen.extend(mail);
        }
    }
}

fn any_step() -> impl proptest::strategy::Strategy<Value = Step> {
    use Step::{EndTurn, Listen, Pass, PassFails, PassFailsForGood, Say, Take};
    let steps = vec![
        Say,
        Say,
        Say,
        Listen,
        Pass,
        Pass,
        PassFails,
        PassFailsForGood,
        Take,
        Take,
        EndTurn,
    ];
    proptest::sample::select(steps)
}

proptest::proptest! {
    #[test]
    fn every_note_is_seen_once_and_in_order(
        steps in proptest::collection::vec(any_step(), 0..60)
    ) {
        let mut scene = Scene::new();
        let mut program = Program::default();
        for step in steps {
            program.step(&mut scene, step);
        }
        program.end(&mut scene);
        let said: Vec<MessageId> = scene.messages().iter().map(|message| message.id).collect();
        proptest::prop_assert_eq!(program.seen, said);
    }
}
