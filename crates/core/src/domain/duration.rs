//! Spans of time as people write them: `45s`, `30m`, `1h30m`. Owns reading and writing of them;
//! refuses to know what time it is.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The units, largest first, and their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest span that can be written: ten years.
const MOST: u64 = 3_650 * 86_400;

/// A span of whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seconds(pub u64);

/// The text does not say a span of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a time is written like `45s`, `30m`, `1h30m` or `2d`, up to 3650d")]
pub struct NotDuration;

impl FromStr for Seconds {
    type Err = NotDuration;

    /// Reads numbers with units, largest unit first and each unit once. A bare number is refused:
    /// `30` could be seconds or minutes.
    fn from_str(text: &str) -> Result<Self, NotDuration> {
        let mut rest = text;
        let mut total = 0_u64;
        let mut units = UNITS.iter();
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| NotDuration)?;
            let unit = rest[digits..].chars().next().ok_or(NotDuration)?;
            let (_, seconds) = units.find(|(name, _)| *name == unit).ok_or(NotDuration)?;
            let part = number.checked_mul(*seconds).ok_or(NotDuration)?;
            total = total
                .checked_add(part)
                .filter(|sum| *sum <= MOST)
                .ok_or(NotDuration)?;
            rest = &rest[digits + unit.len_utf8()..];
        }
        if text.is_empty() {
            Err(NotDuration)
        } else {
            Ok(Self(total))
        }
    }
}

impl fmt::Display for Seconds {
    /// Writes `1h30m`, `45s`; no span is `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (name, seconds) in UNITS {
            if rest >= seconds {
                write!(f, "{}{name}", rest / seconds)?;
                rest %= seconds;
            }
        }
        if self.0 == 0 {
            f.write_str("0s")
        } else {
            Ok(())
        }
    }
}

impl From<Seconds> for Duration {
    fn from(span: Seconds) -> Self {
        Self::from_secs(span.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [
            ("45s", 45),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("2h", 7_200),
            ("1d1s", 86_401),
            ("90m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "30",
            "m",
            "-1m",
            "1.5h",
            "30m1h",
            "1m1m",
            "1 h",
            "1w",
            "3651d",
            "99999999999999999999s",
            "1м",
            "٣m",
        ] {
            assert_eq!(text.parse::<Seconds>(), Err(NotDuration), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=MOST) {
            prop_assert_eq!(Seconds(seconds).to_string().parse(), Ok(Seconds(seconds)));
        }
    }
}
