//! The dense sampler: weights drawn one by one.

use nalgebra::DMatrix;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::Initialization;
use crate::summation::dot;

/// Adds `scale` times $W F + b$ to `y` (n × m) for features $F$ (`features`, fan-in × m), drawing $W$ row by row with
/// `row` (length fan-in) as scratch space: $O(n^2 m)$ work, no $n \times n$ storage.
pub(super) fn add_dense<R: Rng>(
    y: &mut DMatrix<f64>,
    scale: f64,
    initialization: Initialization,
    features: &DMatrix<f64>,
    row: &mut [f64],
    rng: &mut R,
) {
    let fan_in = features.nrows();
    let weight = (initialization.weight_variance() / fan_in as f64).sqrt();
    let bias = initialization.bias_variance().sqrt();
    for i in 0..y.nrows() {
        for w in row.iter_mut() {
            *w = StandardNormal.sample(rng);
        }
        let b = if bias == 0.0 {
            0.0
        } else {
            let normal: f64 = StandardNormal.sample(rng);
            bias * normal
        };
        for j in 0..y.ncols() {
            let feature = &features.as_slice()[j * fan_in..(j + 1) * fan_in];
            y[(i, j)] += scale * (weight * dot(row, feature) + b);
        }
    }
}
