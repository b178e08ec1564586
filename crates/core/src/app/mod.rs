//! The use cases: load, decide, save. [`decide`] is the only door; it takes the live state and a
//! signal and gives back what is to be saved, or says no and leaves the state as it was.

mod apply;
mod budget;
mod call;
mod command;
mod dispatch;
mod ending;
mod find;
mod held;
mod initiative;
mod lane;
mod message;
mod note;
mod progress;
mod quiet;
mod request;
#[cfg(test)]
mod scene;
mod session;
mod signal;
mod spawn;
#[cfg(test)]
mod stories;
mod task;
mod tasks;
mod turn;
mod wiring;
mod written;

pub use budget::ANSWER_STOP;
pub use find::{find_agent, find_initiative, find_message, find_project, find_task};
pub use held::{ANSWER_GO_ON, ANSWER_WITHOUT, Handed};
pub use message::{ANSWER_AGAIN, ANSWER_GIVE_UP, ANSWER_SKIP};
pub use progress::{Prospect, prospect};
pub use request::{ALLOW, ALLOW_ALWAYS, ALLOW_PROJECT, DENY, PATIENCE, lasts};
pub use signal::{
    Applied, Asked, Call, Command, NewTask, Outcome, Output, Refusal, RefusalKind, Reply, Retrying,
    Sight, Signal, StartFacts, TaskEdit, Want,
};
pub use written::written;

use crate::domain::ids::Ids;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::txn::{Commit, Txn};

/// Decides what follows from `signal` at `now`. A dry run is decided like any other signal, so
/// that it is refused where the real one would be, and then taken back.
///
/// # Errors
/// A [`Refusal`] says why not; the state is then as it was.
pub fn decide(
    state: &mut State,
    signal: Signal,
    now: Timestamp,
    ids: &mut dyn Ids,
) -> Result<(Reply, Commit), Refusal> {
    let only_asks = matches!(
        &signal,
        Signal::Command(Command::Apply { dry_run: true, .. })
    );
    let mut tx = Txn::begin(state, ids, now);
    match route(&mut tx, signal) {
        Ok(reply) if only_asks => {
            tx.undo();
            Ok((reply.without_new_rows(), Commit::default()))
        }
        Ok(reply) => {
            lane::run(&mut tx);
            dispatch::run(&mut tx);
            held::withdraw(&mut tx);
            held::tell_of_losses(&mut tx);
            Ok((reply, tx.finish()))
        }
        Err(refusal) => {
            tx.undo();
            Err(refusal)
        }
    }
}

fn route(tx: &mut Txn, signal: Signal) -> Result<Reply, Refusal> {
    match signal {
        Signal::Command(command) => command::route(tx, command),
        Signal::Call(agent, call) => call::route(tx, agent, call),
        Signal::Performed(effect, outcome) => {
            turn::performed(tx, &effect, outcome);
            Ok(Reply::Done)
        }
        Signal::Seen(turn, sight) => {
            turn::seen(tx, turn, sight);
            Ok(Reply::Done)
        }
        Signal::Woke => {
            tx.watch_anew();
            Ok(Reply::Done)
        }
        Signal::Started => {
            tx.watch_anew();
            held::lose(tx);
            dispatch::pick_up(tx);
            Ok(Reply::Done)
        }
        Signal::Tick => {
            dispatch::tick(tx);
            Ok(Reply::Done)
        }
    }
}
