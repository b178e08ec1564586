//! Measured times and what is said of them: medians and tails, never means.

use std::time::{Duration, Instant};

/// Seconds, as they were measured.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64());
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Their sum.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.0.iter().sum()
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The one that this share of them does not exceed, between its neighbours; NaN when there is none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer samples than a float can count"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else {
            return f64::NAN;
        };
        let place = share.clamp(0.0, 1.0) * last as f64;
        let (low, part) = (place.floor() as usize, place.fract());
        let high = sorted[(low + 1).min(last)];
        sorted[low] + (high - sorted[low]) * part
    }

    /// Each divided by the limit that was measured beside it.
    #[must_use]
    pub fn over(&self, limit: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&limit.0)
                .map(|(ours, limit)| ours / limit)
                .collect(),
        )
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// How long something took.
pub fn timed<T, E>(what: impl FnOnce() -> Result<T, E>) -> Result<(Duration, T), E> {
    let begun = Instant::now();
    let done = what()?;
    Ok((begun.elapsed(), done))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        values.iter().copied().collect()
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert!((of(&[3.0, 1.0, 2.0]).median() - 2.0).abs() < 1e-9);
        assert!((of(&[4.0, 1.0, 2.0, 3.0]).median() - 2.5).abs() < 1e-9);
        assert!(of(&[]).median().is_nan());
    }

    #[test]
    fn a_tail_lies_between_its_neighbours() {
        let hundred: Samples = (0..=100).map(f64::from).collect();
        assert!((hundred.quantile(0.95) - 95.0).abs() < 1e-9);
        assert!((of(&[0.0, 10.0]).quantile(0.95) - 9.5).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratios = of(&[2.0, 30.0]).over(&of(&[1.0, 10.0]));
        assert_eq!(ratios, of(&[2.0, 3.0]));
    }
}
