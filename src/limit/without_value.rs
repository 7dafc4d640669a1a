//! Networks on which a function has no value, such as the correlation of a dead network.
//!
//! Comparisons and claims have one rule for them: **they count as far**, so that a function does not
//! converge where they stay, and every report says how many they are. From a number $x$ they are as far as
//! the farthest value, and at least $|x|$ (or the unit of distances); for a law they are at $+\infty$.

use crate::Result;
use crate::law::{Empirical, Law};

/// Where $+\infty$ is: no value is beyond it.
const INFINITY: f64 = 1e150;

/// $|X - x|$ of all networks, those without a value included; `unit` is the least distance of these.
pub(crate) fn distances_from(x: f64, values: &[f64], without: usize, unit: f64) -> Vec<f64> {
    let mut distances: Vec<f64> = values.iter().map(|value| (value - x).abs()).collect();
    let farthest = distances.iter().fold(unit.abs(), |far, d| far.max(*d));
    let far = if farthest > 0.0 { farthest } else { 1.0 };
    distances.resize(distances.len() + without, far);
    distances
}

/// $(\mathbb E |X - x|^2)^{1/2}$ of a sample and its standard error.
pub(crate) fn l2_error(sample: &Empirical, x: f64) -> Result<(f64, f64)> {
    match sample.undefined() {
        0 => Ok(sample.l2_error(x)),
        without => {
            let distances = distances_from(x, sample.values(), without, x);
            Ok(Empirical::new(distances, 0)?.l2_error(0.0))
        }
    }
}

/// The median of $|X - x|$.
pub(crate) fn median_error(sample: &Empirical, x: f64) -> Result<f64> {
    let distances = distances_from(x, sample.values(), sample.undefined(), x);
    Ok(Law::Empirical(Empirical::new(distances, 0)?).median())
}

/// The law in which networks without a value are at $+\infty$.
pub(crate) fn at_infinity(values: &[f64], without: usize) -> Result<Empirical> {
    let mut values = values.to_vec();
    values.resize(values.len() + without, INFINITY);
    Empirical::new(values, 0)
}
