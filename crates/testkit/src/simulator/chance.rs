//! Chance from a seed: the same seed throws the same dice, on every machine. It also is where the
//! core's ids come from.

use cw_core::domain::ids::{Ids, Uid};

/// A source of numbers that follow from a seed alone (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The dice of this seed; `stream` tells several of one seed apart.
    #[must_use]
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self(seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from((u128::from(self.next()) * end as u128) >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A span of time in milliseconds.
    pub(super) fn millis(&mut self, low: usize, high: usize) -> i64 {
        i64::try_from(self.between(low, high)).unwrap_or(0)
    }

    /// Yes, once in a thousand times `per_mille`.
    pub(super) fn hits(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    /// One of these, if there are any.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len())])
    }
}

/// The core's ids, from dice of their own.
#[derive(Debug)]
pub(super) struct SeededIds(pub(super) Chance);

impl Ids for SeededIds {
    fn uid(&mut self) -> Uid {
        Uid(format!("{:016x}{:016x}", self.0.next(), self.0.next()))
    }

    fn session(&mut self) -> String {
        format!("{:016x}", self.0.next())
    }

    fn secret(&mut self) -> String {
        format!("{:016x}", self.0.next())
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }
}
