//! Money and tokens as plans, limits and bills name them. Owns reading and writing of amounts, and
//! sums that a store can hold whatever a program told; refuses to know currencies other than the US dollar, and floating point beyond the edge.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

/// Micro-dollars in a dollar.
const MICRO: u64 = 1_000_000;

/// The largest amount that can be written: a billion dollars.
const MOST: u64 = 1_000_000_000 * MICRO;

/// What sums end at: the largest number that a store can hold.
const LARGEST_SUM: u64 = i64::MAX as u64;

/// Adds up tokens that programs told, to the most that a store can hold.
#[must_use]
pub fn add_tokens(sum: u64, more: u64) -> u64 {
    sum.saturating_add(more).min(LARGEST_SUM)
}

/// An amount of US dollars, in micro-dollars.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Usd(pub u64);

/// The text does not say an amount of dollars.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "an amount is dollars such as `$20` or `$0.50`, with six decimals at most, up to $1000000000"
)]
pub struct NotMoney;

impl Usd {
    /// The largest amount that can be written, and that a single bill can come to.
    pub const MOST: Self = Self(MOST);

    /// Converts a number of dollars; `None` when it is negative, not finite or too large.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the range is checked first and is far below 2^53"
    )]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let micro = (dollars * MICRO as f64).round();
        (0.0..=MOST as f64)
            .contains(&micro)
            .then_some(Self(micro as u64))
    }

    /// Converts to a number of dollars, for JSON.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "amounts are far below 2^53 micro-dollars"
    )]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / MICRO as f64
    }
}

impl FromStr for Usd {
    type Err = NotMoney;

    /// Reads `$20`, `20` or `$0.50`.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let number = text.strip_prefix('$').unwrap_or(text).trim();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        if decimals.len() > 6 || !is_digits(whole) || !is_digits(decimals) {
            return Err(NotMoney);
        }
        let whole: u64 = whole.parse().map_err(|_| NotMoney)?;
        let micro: u64 = format!("{decimals:0<6}").parse().map_err(|_| NotMoney)?;
        let amount = whole
            .checked_mul(MICRO)
            .and_then(|w| w.checked_add(micro))
            .ok_or(NotMoney)?;
        if amount > MOST {
            Err(NotMoney)
        } else {
            Ok(Self(amount))
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for Usd {
    /// Writes whole dollars as `$20`, others with at least two decimals: `$0.50`, `$0.000125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micro) = (self.0 / MICRO, self.0 % MICRO);
        if micro == 0 {
            return write!(f, "${whole}");
        }
        let digits = format!("{micro:06}");
        let (cents, rest) = digits.split_at(2);
        write!(f, "${whole}.{cents}{}", rest.trim_end_matches('0'))
    }
}

impl Add for Usd {
    type Output = Self;

    /// The sum, or the largest one that a store can hold.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(LARGEST_SUM))
    }
}

impl Usd {
    /// What is left when `other` is taken away: never less than nothing.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_with_and_without_the_sign() {
        for (text, micro) in [
            ("$20", 20_000_000),
            ("20", 20_000_000),
            ("$0.50", 500_000),
            ("$0.5", 500_000),
            ("0.000001", 1),
            ("$ 3", 3_000_000),
            ("$1000000000", MOST),
        ] {
            assert_eq!(text.parse(), Ok(Usd(micro)), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "$",
            "-1",
            "$-1",
            "1e3",
            "1,000",
            "$.5",
            "5.",
            "0.0000001",
            "1000000000.000001",
            "20 USD",
            "٣",
            "+1",
        ] {
            assert_eq!(text.parse::<Usd>(), Err(NotMoney), "{text}");
        }
    }

    #[test]
    fn dollars_from_json_keep_their_micro_dollars() {
        assert_eq!(Usd::from_dollars(0.1), Some(Usd(100_000)));
        assert_eq!(Usd::from_dollars(-0.1), None);
        assert_eq!(Usd::from_dollars(f64::NAN), None);
        assert_eq!(Usd::from_dollars(f64::INFINITY), None);
        assert!((Usd(1_234_567).dollars() - 1.234_567).abs() < 1e-12);
    }

    #[test]
    fn sums_do_not_overflow() {
        assert_eq!(
            [Usd(1), Usd(u64::MAX)].into_iter().sum::<Usd>(),
            Usd(LARGEST_SUM)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micro in 0..=MOST) {
            prop_assert_eq!(Usd(micro).to_string().parse(), Ok(Usd(micro)));
        }
    }
}
