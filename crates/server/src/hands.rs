//! From saved effects to lanes and back: each effect goes into its lane with what it needs, and
//! its outcome comes back as a signal.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use cw_core::app::{Outcome, Signal};
use cw_core::domain::effect::{Effect, EffectKind};
use cw_core::domain::ids::EffectId;
use cw_core::domain::state::State;
use cw_core::ports::settings::Clock;

use crate::engine::{Engine, Hands};
use crate::follow::{Followers, say};
use crate::lanes::{Lane, Lanes};
use crate::outcomes::Outcomes;
use crate::perform::Ports;
use crate::work::{self, Places};

/// Performs effects in lanes.
pub struct Performers {
    /// Where outcomes go.
    pub engine: Engine,
    /// What effects are performed over.
    pub ports: Ports,
    /// Folders.
    pub places: Places,
    /// Lanes.
    pub lanes: Lanes,
    /// Followers of turns.
    pub followers: Followers,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who waits for which outcome.
    pub outcomes: Outcomes,
    /// Effects under way, so that none is performed twice at once.
    pub under_way: Arc<Mutex<BTreeSet<(EffectId, EffectKind)>>>,
}

impl Hands for Performers {
    fn perform(&mut self, state: &State, effects: Vec<Effect>) {
        for effect in effects {
            self.submit(state, effect);
        }
    }
}

impl Performers {
    fn submit(&self, state: &State, effect: Effect) {
        let found = work::lane(state, effect.kind).zip(work::work(
            state,
            &self.places,
            effect.kind,
            self.clock.now(),
        ));
        let key = (effect.id, effect.kind);
        if !self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key)
        {
            return;
        }
        self.outcomes.forget(effect.id);
        let follow = match effect.kind {
            EffectKind::StartTurn(turn) => work::follow(state, turn).map(|follow| (turn, follow)),
            _ => None,
        };
        let (engine, ports) = (self.engine.clone(), self.ports.clone());
        let (followers, outcomes) = (self.followers.clone(), self.outcomes.clone());
        let under_way = self.under_way.clone();
        let Some((lane, work)) = found else {
            let why = "what it is about cannot be found".to_owned();
            let outcome = Outcome::Failed {
                why,
                hint: None,
                passing: false,
            };
            // Not from here: the engine would wait for itself.
            return self.lanes.submit(Lane::Stops, move || {
                report(&engine, &outcomes, &under_way, effect, outcome);
            });
        };
        self.lanes.submit(lane, move || {
            tracing::debug!(
                effect = effect.kind.word(),
                subject = effect.kind.subject(),
                "performing"
            );
            let outcome =
                catch_unwind(AssertUnwindSafe(|| ports.perform(work))).unwrap_or_else(|_| {
                    Outcome::Failed {
                        why: "a fault of cw; see the server's log".into(),
                        hint: None,
                        passing: true,
                    }
                });
            let begun = !matches!(outcome, Outcome::Failed { .. });
            let saved = report(&engine, &outcomes, &under_way, effect, outcome);
            if let Some((turn, follow)) = follow.filter(|_| begun && saved) {
                followers.follow(&engine, turn, follow);
            }
        });
    }
}

fn report(
    engine: &Engine,
    outcomes: &Outcomes,
    under_way: &Mutex<BTreeSet<(EffectId, EffectKind)>>,
    effect: Effect,
    outcome: Outcome,
) -> bool {
    if let Outcome::Failed { why, .. } | Outcome::Held { why, .. } = &outcome {
        tracing::warn!(
            effect = effect.kind.word(),
            subject = effect.kind.subject(),
            why,
            "not done"
        );
    }
    let key = (effect.id, effect.kind);
    // Before the outcome is told: once it is, the same effect may be wanted again.
    under_way
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&key);
    let saved = say(engine, &Signal::Performed(effect, outcome.clone()));
    outcomes.tell(key.0, outcome);
    saved
}
