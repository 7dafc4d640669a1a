//! Counts in bins.

use crate::{Error, Result, error};

/// Counts of a stream of numbers in bins of equal width, and of what lies below and above them.
///
/// ```
/// use neural_limits::ensemble::Histogram;
/// let mut histogram = Histogram::new(0.0, 1.0, 4)?;
/// [-0.1, 0.0, 0.3, 0.99, 1.0].into_iter().for_each(|x| histogram.push(x));
/// assert_eq!(histogram.counts(), [1, 1, 0, 1]);
/// assert_eq!((histogram.below(), histogram.above()), (1, 1));
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
    below: u64,
    above: u64,
}

impl Histogram {
    /// Of `bins` bins $[\text{low} + kh, \text{low} + (k+1)h)$ up to `high`.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless `low` and `high` are finite, `low < high`, and there are from 1 to 10⁹ bins.
    pub fn new(low: f64, high: f64, bins: usize) -> Result<Self> {
        error::finite("low", low)?;
        if !(error::finite("high", high)? > low && (high - low).is_finite()) {
            let expected = format!("a number > low = {low}, at a finite distance");
            return Err(Error::invalid("high", high, expected));
        }
        Ok(Self {
            low,
            high,
            counts: vec![0; error::size("bins", bins)?],
            below: 0,
            above: 0,
        })
    }

    /// One more number.
    pub fn push(&mut self, x: f64) {
        if x < self.low {
            self.below += 1;
        } else if x < self.high {
            let bins = self.counts.len();
            let bin = ((x - self.low) / (self.high - self.low) * bins as f64) as usize;
            self.counts[bin.min(bins - 1)] += 1;
        } else {
            self.above += 1;
        }
    }

    /// The number of numbers in each bin.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many were less than `low`.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// How many were `high` or more (or not a number).
    pub fn above(&self) -> u64 {
        self.above
    }

    /// The ends of the bins, one more than there are bins.
    pub fn edges(&self) -> Vec<f64> {
        let bins = self.counts.len();
        let edge = |k: usize| self.low + (self.high - self.low) * (k as f64 / bins as f64);
        (0..=bins).map(edge).collect()
    }
}
