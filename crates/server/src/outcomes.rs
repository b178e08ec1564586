//! Callers that wait for what comes of an effect: landing, removing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cw_core::app::Outcome;
use cw_core::domain::ids::EffectId;
use tokio::sync::oneshot;

#[derive(Default)]
struct Board {
    waiting: HashMap<EffectId, Vec<oneshot::Sender<Outcome>>>,
    /// Outcomes that came before anybody asked, newest last; a handful is enough.
    early: Vec<(EffectId, Outcome)>,
}

/// Who waits for which outcome; cheap to copy.
#[derive(Clone, Default)]
pub struct Outcomes {
    board: Arc<Mutex<Board>>,
}

impl Outcomes {
    /// Waits for the outcome of an effect; `None` when the server ends first.
    pub async fn wait(&self, id: EffectId) -> Option<Outcome> {
        let wait = {
            let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = board.early.iter().rposition(|(early, _)| *early == id) {
                return Some(board.early.remove(at).1);
            }
            let (send, wait) = oneshot::channel();
            board.waiting.entry(id).or_default().push(send);
            wait
        };
        wait.await.ok()
    }

    /// Forgets what came of an earlier effect of this number: numbers come again.
    pub fn forget(&self, id: EffectId) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.early.retain(|(early, _)| *early != id);
    }

    /// Tells everybody who waits for it.
    pub fn tell(&self, id: EffectId, outcome: Outcome) {
        const EARLY: usize = 64;
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        match board.waiting.remove(&id) {
            Some(waiting) => {
                for one in waiting {
                    let _ = one.send(outcome.clone());
                }
            }
            None => {
                board.early.push((id, outcome));
                if board.early.len() > EARLY {
                    board.early.remove(0);
                }
            }
        }
    }
}
