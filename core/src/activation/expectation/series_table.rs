//! The Hermite series of a function at several variances, for many pairs among them.

use super::panels::Panels;
use super::{Function, HermiteSeries};
use crate::covariance::Parity;

/// The terms that a series may leave out, relative to its norm.
const TOLERANCE: f64 = 5e-13;

/// A series at every variance.
#[derive(Debug)]
pub struct SeriesTable {
    variances: Vec<f64>,
    series: Vec<HermiteSeries>,
    /// Beyond it in absolute value the terms that were left out count: 1 for smooth functions.
    largest_correlation: f64,
}

impl SeriesTable {
    /// Of a function, its kinks and its parity; a variance of 0 has no correlation with anything. `None` for
    /// a function that is too steep at these variances.
    pub fn new(
        f: Function<'_>,
        kinks: &[f64],
        parity: Parity,
        variances: impl Iterator<Item = f64>,
    ) -> Option<Self> {
        let variances = distinct(variances);
        if kinks.is_empty() {
            return Some(Self {
                series: HermiteSeries::smooth(f, &variances, parity, TOLERANCE)?,
                variances,
                largest_correlation: 1.0,
            });
        }
        let one = |&q: &f64| {
            let panels = Panels::new(f, q, kinks, TOLERANCE).ok()?;
            let terms = HermiteSeries::LONGEST;
            Some((q, HermiteSeries::piecewise(f, &panels, parity, terms)))
        };
        let (variances, series) = variances.iter().filter_map(one).unzip();
        Some(Self {
            series,
            variances,
            largest_correlation: TOLERANCE.powf(1.0 / HermiteSeries::LONGEST as f64),
        })
    }

    /// The series at a variance.
    pub fn at(&self, q: f64) -> Option<&HermiteSeries> {
        let index = self.variances.binary_search_by(|x| x.total_cmp(&q)).ok()?;
        Some(&self.series[index])
    }

    /// Whether the series hold for a pair.
    pub fn reaches(&self, epsilon: f64) -> bool {
        (1.0 - epsilon).abs() <= self.largest_correlation
    }
}

/// The positive ones, each once, in order.
pub fn distinct(variances: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut variances: Vec<f64> = variances.filter(|&q| q > 0.0).collect();
    variances.dedup();
    variances.sort_unstable_by(f64::total_cmp);
    variances.dedup();
    variances
}
