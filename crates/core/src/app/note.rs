//! Notes for an agent at work, handed to its program while the turn lives.
//!
//! One note after the other is handed over, so that they arrive in the order in which they were
//! said. Only what the program says that it has taken in counts as read: the rest is mail for the
//! next turn. Answers do not come this way: whoever asked waits for them in the call that asked, or
//! was told to end its turn.

use crate::domain::effect::{Effect, EffectKind};
use crate::domain::ids::{AgentId, MessageId, TurnId};
use crate::domain::txn::Txn;
use crate::domain::work::{Message, MessageKind, MessageStatus, Party, Turn, TurnState};

use super::dispatch;
use super::signal::Outcome;

/// The turn of an agent whose program takes notes now.
fn listener(tx: &Txn, agent: AgentId) -> Option<TurnId> {
    let turn = tx.get::<Turn>(tx.state().index().open_turn(agent)?);
    let live = matches!(turn.state, TurnState::Starting | TurnState::Running);
    (live && turn.listens && turn.stop.is_none()).then_some(turn.id)
}

/// Hands the oldest note that waits to the agent's program, unless one is on its way.
pub(super) fn pass_next(tx: &mut Txn, agent: AgentId) {
    let Some(turn) = listener(tx, agent) else {
        return;
    };
    let mail: Vec<MessageId> = tx.state().index().mail(agent).collect();
    let on_its_way = |id: &MessageId| tx.pending(EffectKind::Pass(*id)).is_some();
    if mail.iter().any(on_its_way) {
        return;
    }
    let waits = |id: &MessageId| {
        let message = tx.get::<Message>(*id);
        message.kind == MessageKind::Note
            && message.to == Party::Agent(agent)
            && message.passed != Some(turn)
    };
    if let Some(id) = mail.into_iter().find(waits) {
        tx.change::<Message>(id, |message| message.passed = Some(turn));
        tx.want(EffectKind::Pass(id));
    }
}

/// Takes in what came of handing a note over. A program that takes none any more gets the rest
/// with its next turn.
pub(super) fn passed(tx: &mut Txn, effect: &Effect, id: MessageId, outcome: Outcome) {
    let Some(turn) = tx.get::<Message>(id).passed else {
        return tx.done(effect.id);
    };
    if let Outcome::Failed { why, passing, .. } = outcome {
        if passing && dispatch::try_later(tx, effect, &why) {
            return;
        }
        // What may have come through all the same is believed when the program says that it did.
        if !passing {
            tx.change::<Message>(id, |message| message.passed = None);
        }
        tx.change::<Turn>(turn, |turn| turn.listens = false);
    }
    tx.done(effect.id);
    let agent = tx.get::<Turn>(turn).agent;
    pass_next(tx, agent);
}

/// An agent has read a note by itself: what was to hand it over does so no more, and the next one
/// is handed over.
pub(super) fn drop_pass(tx: &mut Txn, agent: AgentId, id: MessageId) {
    if let Some(effect) = tx.pending(EffectKind::Pass(id)) {
        tx.done(effect);
        pass_next(tx, agent);
    }
}

/// Takes in what a program says of the notes that it was handed.
pub(super) fn heard(tx: &mut Txn, turn: &Turn, listens: bool, taken: &[MessageId]) {
    for id in taken {
        let fits = |message: &Message| {
            message.passed == Some(turn.id)
                && message.to == Party::Agent(turn.agent)
                && message.delivered.is_none()
        };
        if tx.state().get::<Message>(*id).is_some_and(fits) {
            tx.change::<Message>(*id, |message| {
                message.delivered = Some(turn.id);
                message.status = MessageStatus::Read;
            });
        }
    }
    // What may have come through to a program that took no more is not to be overtaken.
    let unsure = |id| tx.get::<Message>(id).passed == Some(turn.id);
    if listens && !turn.listens && !tx.state().index().mail(turn.agent).any(unsure) {
        tx.change::<Turn>(turn.id, |turn| turn.listens = true);
        pass_next(tx, turn.agent);
    }
}

#[cfg(test)]
mod tests;
