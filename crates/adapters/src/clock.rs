//! Time, ids and chance as the system gives them: the one place that asks for them.

use cw_core::domain::ids::{Ids, Uid};
use cw_core::domain::time::Timestamp;
use cw_core::ports::settings::Clock;
use uuid::Uuid;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the only clock; all others take the time as an argument"
    )]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// Ids and chance from the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the only source of ids")]
    fn uid(&mut self) -> Uid {
        Uid(Uuid::now_v7().simple().to_string())
    }

    fn session(&mut self) -> String {
        random().hyphenated().to_string()
    }

    fn secret(&mut self) -> String {
        format!("{}{}", random().simple(), random().simple())
    }

    fn below(&mut self, end: usize) -> usize {
        let (_, low) = random().as_u64_pair();
        // The two highest bits are the UUID's variant; the rest is chance.
        let chance = usize::try_from(low & (u64::MAX >> 2)).unwrap_or(usize::MAX);
        chance.checked_rem(end).unwrap_or(0)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only source of chance"
)]
fn random() -> Uuid {
    Uuid::new_v4()
}

/// The first and last times that are written: the years 0 and 9999, as RFC 3339 has them.
const WRITTEN: (i64, i64) = (-62_167_219_200_000, 253_402_207_199_999);

/// Writes a time as RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn format_timestamp(at: Timestamp) -> String {
    let millisecond = at.0.clamp(WRITTEN.0, WRITTEN.1);
    let at = jiff::Timestamp::from_millisecond(millisecond).unwrap_or_default();
    format!("{at:.3}")
}

/// Reads a time as RFC 3339, with any offset.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_763_949_600_123, "2025-11-24T02:00:00.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format_timestamp(Timestamp(ms)), text);
            assert_eq!(parse_timestamp(text), Some(Timestamp(ms)));
        }
        assert_eq!(
            parse_timestamp("2025-11-24T03:00:00+01:00"),
            Some(Timestamp(1_763_949_600_000))
        );
        assert_eq!(parse_timestamp("yesterday"), None);
        assert_eq!(
            format_timestamp(Timestamp(i64::MAX)),
            "9999-12-30T21:59:59.999Z"
        );
        assert_eq!(
            format_timestamp(Timestamp(i64::MIN)),
            "0000-01-01T00:00:00.000Z"
        );
    }

    #[test]
    fn the_clock_stands_in_this_century() {
        assert!(SystemClock.now() > parse_timestamp("2020-01-01T00:00:00Z").unwrap());
    }

    #[test]
    fn ids_have_their_forms_and_come_once() {
        let mut ids = RandomIds;
        let (uid, session, secret) = (ids.uid().0, ids.session(), ids.secret());
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        assert!(uid.len() == 32 && is_hex(&uid), "{uid}");
        assert!(secret.len() == 64 && is_hex(&secret), "{secret}");
        assert_eq!(Uuid::parse_str(&session).unwrap().get_version_num(), 4);
        assert_eq!(session.len(), 36);
        assert_ne!(uid, ids.uid().0);
        assert_ne!(session, ids.session());
        assert_ne!(secret, ids.secret());
    }

    #[test]
    fn chance_reaches_every_number_below_the_end() {
        let mut ids = RandomIds;
        let mut seen = [false; 7];
        for _ in 0..2_000 {
            seen[ids.below(7)] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(ids.below(1), 0);
    }
}
