//! The law of a finite sample.

use crate::error::{Error, Result};

/// Values beyond this have no finite variance in `f64`.
const LARGEST: f64 = 1e150;

/// The empirical law of the values that a neural function took on random networks.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Empirical {
    sorted: Vec<f64>,
    undefined: usize,
}

impl Empirical {
    /// From values, and the number of networks on which the function had no value.
    ///
    /// # Errors
    /// [`Error::Shape`] for no values; [`Error::Invalid`] naming a value that is not finite;
    /// [`Error::Overflow`] for a value whose square exceeds the range.
    pub fn new(mut values: Vec<f64>, undefined: usize) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::shape(
                "the sample",
                format!("no values ({undefined} networks have none)"),
                "at least one value",
            ));
        }
        if let Some(i) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::invalid(
                format!("values[{i}]"),
                values[i],
                "a finite number",
            ));
        }
        let largest = values.iter().fold(0.0, |m: f64, value| m.max(value.abs()));
        if largest > LARGEST {
            return Err(Error::Overflow {
                quantity: "the second moment of the sample".to_owned(),
                log: 2.0 * largest.ln(),
                limit: 2.0 * LARGEST.ln(),
            });
        }
        values.sort_unstable_by(f64::total_cmp);
        Ok(Self {
            sorted: values,
            undefined,
        })
    }

    /// The values, in increasing order.
    pub fn values(&self) -> &[f64] {
        &self.sorted
    }

    /// The number of networks on which the function had no value (dead networks have no correlation).
    pub fn undefined(&self) -> usize {
        self.undefined
    }

    /// The mean and its standard error (infinite for a single value).
    pub fn mean(&self) -> (f64, f64) {
        moments(&self.sorted)
    }

    /// $(\mathbb E (X - x)^2)^{1/2}$ and its standard error by the delta method (infinite for a single
    /// value).
    pub fn l2_error(&self, x: f64) -> (f64, f64) {
        // scaled by the largest deviation, so that squares stay in range
        let largest = self
            .sorted
            .iter()
            .fold(0.0, |m: f64, value| m.max((value - x).abs()));
        if largest == 0.0 {
            return (0.0, 0.0);
        }
        let squares: Vec<f64> = self
            .sorted
            .iter()
            .map(|value| ((value - x) / largest).powi(2))
            .collect();
        let (mean, error) = moments(&squares);
        let root = mean.sqrt();
        (largest * root, largest * error / (2.0 * root))
    }

    /// The median of $|X - x|$: the quantile of order ½, as [`Law::median`](super::Law::median).
    pub fn median_error(&self, x: f64) -> f64 {
        let mut errors: Vec<f64> = self.sorted.iter().map(|value| (value - x).abs()).collect();
        let rank = rank(0.5, errors.len());
        *errors.select_nth_unstable_by(rank, f64::total_cmp).1
    }

    /// The variance (of the empirical law).
    pub fn variance(&self) -> f64 {
        self.l2_error(self.mean().0).0.powi(2)
    }

    /// The quantile of order $u \in [0, 1]$: the least value with at least the fraction $u$ of the values at
    /// or below it.
    pub(super) fn quantile(&self, u: f64) -> f64 {
        self.sorted[rank(u, self.sorted.len())]
    }

    /// The number of values $\le x$, or $< x$.
    pub(super) fn count(&self, x: f64, inclusive: bool) -> usize {
        self.sorted
            .partition_point(|value| if inclusive { *value <= x } else { *value < x })
    }
}

/// The place of the quantile of order $u$ among `count` values in increasing order.
fn rank(u: f64, count: usize) -> usize {
    let rank = (u * count as f64).ceil() as usize;
    rank.clamp(1, count) - 1
}

/// Mean and standard error.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|value| value / count).sum::<f64>();
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = if values.len() > 1 {
        (squares / (count - 1.0) / count).sqrt()
    } else {
        f64::INFINITY
    };
    (mean, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Law;

    #[test]
    fn the_median_error_from_zero_of_positive_values_is_their_median() {
        for count in 1..8 {
            let values: Vec<f64> = (1..=count).map(f64::from).collect();
            let sample = Empirical::new(values, 0).unwrap();
            assert_eq!(sample.median_error(0.0), sample.quantile(0.5));
            assert_eq!(
                Law::Empirical(sample.clone()).median(),
                sample.quantile(0.5)
            );
        }
    }
}
