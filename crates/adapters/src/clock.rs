//! The one place where time, ids and chance come from.

use cw_core::domain::ids::{Ids, Uid};
use cw_core::domain::time::Timestamp;
use cw_core::ports::settings::Clock;
use uuid::Uuid;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// Ids and chance from the system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    fn uid(&mut self) -> Uid {
        Uid(Uuid::now_v7().simple().to_string())
    }

    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    fn session(&mut self) -> String {
        Uuid::new_v4().hyphenated().to_string()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    fn secret(&mut self) -> String {
        format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
    }

    #[expect(clippy::disallowed_methods, reason = "this is where chance comes from")]
    fn below(&mut self, end: usize) -> usize {
        let drawn = Uuid::new_v4().as_u128() % end.max(1) as u128;
        usize::try_from(drawn).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_once_and_chance_stays_below_its_end() {
        let mut ids = RandomIds;
        assert_ne!(ids.uid(), ids.uid());
        assert_eq!(ids.uid().0.len(), 32);
        assert_eq!(ids.session().len(), 36);
        assert_eq!(ids.secret().len(), 64);
        assert!((0..100).all(|_| ids.below(3) < 3));
        assert_eq!(ids.below(0), 0);
    }
}
