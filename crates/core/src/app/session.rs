//! Whose a session is: one agent's, for good. Two agents with one session would have two turns at
//! once in it.

use crate::domain::event::Value;
use crate::domain::ids::AgentId;
use crate::domain::txn::{About, Txn};
use crate::domain::work::Agent;

/// Takes in the session that an agent's program named, unless it is another agent's: a program's
/// word is no reason to have two resume it.
pub(super) fn named(tx: &mut Txn, id: AgentId, session: String) {
    let agent = tx.get::<Agent>(id);
    if agent.session.as_ref() == Some(&session) {
        return;
    }
    let kind = agent.kind.clone();
    let holds = |other: &&Agent| other.kind == kind && other.session.as_ref() == Some(&session);
    let holder = tx.state().all::<Agent>().find(holds);
    if let Some(holder) = holder.map(|holder| holder.name.clone()) {
        tx.tell(
            "agent.session-refused",
            About::Agent(id),
            [("held_by", Value::Text(holder))],
        );
        return;
    }
    tx.change::<Agent>(id, |agent| agent.session = Some(session));
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Scene, oid};
    use super::super::{Outcome, Output, Sight, Signal};
    use crate::domain::invariants;
    use crate::domain::work::{Agent, Turn};

    fn sessions(scene: &Scene) -> Vec<String> {
        let agents = scene.state.all::<Agent>();
        agents.filter_map(|agent| agent.session.clone()).collect()
    }

    fn names(scene: &mut Scene, which: usize, session: &str) {
        let turn = scene.state.all::<Turn>().nth(which).unwrap().id;
        let output = Output {
            session: Some(session.into()),
            ..Output::default()
        };
        scene.decide(Signal::Seen(turn, Sight::Output(output)));
    }

    #[test]
    fn a_session_is_taken_from_the_program_but_never_from_another_agent() {
        let mut scene = Scene::new();
        scene.spawn("something else");
        scene.perform("sync-adhoc", Outcome::Cut(oid()));
        scene.begin();
        let own = sessions(&scene)[1].clone();
        names(&mut scene, 0, "mine");
        assert_eq!(sessions(&scene), ["mine".to_owned(), own.clone()]);
        names(&mut scene, 1, "mine");
        assert_eq!(sessions(&scene), ["mine".to_owned(), own]);
        names(&mut scene, 1, "another");
        assert_eq!(sessions(&scene), ["mine", "another"]);
        assert_eq!(invariants::check(&scene.state), Vec::<String>::new());
    }
}
