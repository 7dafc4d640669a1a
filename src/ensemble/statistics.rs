//! What is known of the samples drawn so far.

use nalgebra::DMatrix;

use super::controlled::Controlled;
use super::{Histogram, Moments, QuantileSketch, too_large};
use crate::{Error, Result};

/// Numbers beyond this have no finite variance in `f64`.
const LARGEST: f64 = 1e150;

/// Mean, covariance, extremes, quantiles and histograms of the samples of an [`Ensemble`](super::Ensemble),
/// in memory that does not grow with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    moments: Moments,
    undefined: u64,
    /// The least and the greatest of each number, and its sketch, without control variates.
    each: Vec<(f64, f64, QuantileSketch)>,
    histograms: Vec<(usize, Histogram)>,
}

impl Statistics {
    pub(super) fn new(
        numbers: usize,
        controls: usize,
        histograms: Vec<(usize, Histogram)>,
    ) -> Self {
        let one = (f64::INFINITY, f64::NEG_INFINITY, QuantileSketch::default());
        Self {
            moments: Moments::new(numbers),
            undefined: 0,
            each: vec![one; numbers - controls],
            histograms,
        }
    }

    pub(super) fn push(&mut self, sample: &[f64]) -> Result<()> {
        for (i, x) in sample.iter().enumerate() {
            if !x.is_finite() {
                let argument = format!("number {i} of a sample");
                return Err(Error::invalid(argument, x, "a finite number"));
            }
            if x.abs() > LARGEST {
                return Err(Error::Overflow {
                    quantity: format!("the second moment of number {i}"),
                    log: 2.0 * x.abs().ln(),
                    limit: 2.0 * LARGEST.ln(),
                });
            }
        }
        self.moments.push(sample)?;
        for ((least, greatest, sketch), x) in self.each.iter_mut().zip(sample) {
            *least = least.min(*x);
            *greatest = greatest.max(*x);
            sketch.push(*x)?;
        }
        for (i, histogram) in &mut self.histograms {
            histogram.push(sample[*i]);
        }
        Ok(())
    }

    pub(super) fn push_undefined(&mut self) {
        self.undefined += 1;
    }

    /// $d$, control variates included.
    pub(super) fn numbers(&self) -> usize {
        self.moments.dimension()
    }

    /// The number of samples that have a value.
    pub fn count(&self) -> u64 {
        self.moments.count()
    }

    /// The number of samples that have none (dead networks have no correlation).
    pub fn undefined(&self) -> u64 {
        self.undefined
    }

    /// Both together.
    pub fn drawn(&self) -> u64 {
        self.count() + self.undefined
    }

    /// Index `i`, with at least `fewest` samples.
    fn checked(&self, i: usize, fewest: u64) -> Result<usize> {
        if i >= self.each.len() {
            return Err(too_large(i, self.each.len()));
        }
        if self.count() < fewest {
            return Err(Error::undefined(
                format!("a statistic of number {i}"),
                format!("{} samples have a value, {fewest} are needed", self.count()),
            ));
        }
        Ok(i)
    }

    /// The mean of number `i`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an index that is too large; [`Error::Undefined`] for too few samples, here one.
    pub fn mean(&self, i: usize) -> Result<f64> {
        Ok(self.moments.mean()[self.checked(i, 1)?])
    }

    /// The variance of number `i`, without bias: $\sum_k (x_k - \bar x)^2/(N - 1)$.
    ///
    /// # Errors
    /// As [`mean`](Self::mean), for two samples.
    pub fn variance(&self, i: usize) -> Result<f64> {
        let i = self.checked(i, 2)?;
        Ok(self.moments.squares()[(i, i)] / (self.count() - 1) as f64)
    }

    /// The covariances of all numbers, without bias.
    ///
    /// # Errors
    /// [`Error::Undefined`] for less than two samples.
    pub fn covariance(&self) -> Result<DMatrix<f64>> {
        self.checked(0, 2)?;
        let size = self.each.len();
        let squares = self.moments.squares();
        Ok(squares.view((0, 0), (size, size)) / (self.count() - 1) as f64)
    }

    /// The standard error of the mean of number `i`.
    ///
    /// # Errors
    /// As [`variance`](Self::variance).
    pub fn standard_error(&self, i: usize) -> Result<f64> {
        Ok((self.variance(i)? / self.count() as f64).sqrt())
    }

    /// The least value of number `i`.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn least(&self, i: usize) -> Result<f64> {
        Ok(self.each[self.checked(i, 1)?].0)
    }

    /// The greatest value of number `i`.
    ///
    /// # Errors
    /// As [`mean`](Self::mean).
    pub fn greatest(&self, i: usize) -> Result<f64> {
        Ok(self.each[self.checked(i, 1)?].1)
    }

    /// The quantile of order $u$ of number `i`, with the relative error of a [`QuantileSketch`].
    ///
    /// # Errors
    /// As [`mean`](Self::mean), and [`QuantileSketch::quantile`].
    pub fn quantile(&self, i: usize, u: f64) -> Result<f64> {
        let (least, greatest, sketch) = &self.each[self.checked(i, 1)?];
        Ok(sketch.quantile(u)?.clamp(*least, *greatest))
    }

    /// The histograms of the ensemble, each with the index of its number.
    pub fn histograms(&self) -> &[(usize, Histogram)] {
        &self.histograms
    }

    /// The mean of number `i` with the ensemble's control variates.
    ///
    /// # Errors
    /// As [`mean`](Self::mean), for two samples more than there are controls.
    pub fn controlled(&self, i: usize) -> Result<Controlled> {
        let controls = self.each.len()..self.numbers();
        let i = self.checked(i, 2 + controls.len() as u64)?;
        Ok(Controlled::new(&self.moments, i, controls))
    }

    /// The standard error of [`controlled`](Self::controlled), infinite where there are too few samples.
    pub(super) fn controlled_error(&self, i: usize) -> Result<f64> {
        match self.controlled(i) {
            Ok(controlled) => Ok(controlled.standard_error),
            Err(Error::Undefined { .. }) => Ok(f64::INFINITY),
            Err(error) => Err(error),
        }
    }
}
