//! The dense sampler: weights drawn one by one.

use nalgebra::DMatrix;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::state::{self, State};
use crate::Initialization;
use crate::activation::Activation;
use crate::architecture::Branch;
use crate::summation::dot;

/// Replaces each row $y$ of the state by `skip` $y + $ `scale` $(W F + b)$ for the features $F$ of `fan_in`
/// units, whose columns lie one after the other in `features`: $W$ is drawn row by row, $O(n^2 m)$ work and
/// no $n \times n$ storage.
pub(super) fn add<R: Rng>(
    state: &mut State,
    skip: f64,
    scale: f64,
    initialization: Initialization,
    features: &[f64],
    fan_in: usize,
    rng: &mut R,
) {
    let weight = (initialization.weight_variance() / fan_in as f64).sqrt();
    let bias = initialization.bias_variance().sqrt();
    let mut row = vec![0.0; fan_in];
    for i in 0..state.width {
        for w in &mut row {
            *w = StandardNormal.sample(rng);
        }
        let b = if bias == 0.0 {
            0.0
        } else {
            let normal: f64 = StandardNormal.sample(rng);
            bias * normal
        };
        for (j, feature) in features.chunks_exact(fan_in).enumerate() {
            let y = &mut state.y[j * state.width + i];
            *y = skip * *y + scale * (weight * dot(&row, feature) + b);
        }
    }
}

/// [`add`] of the branch of the state itself, after which `covariance` holds $\hat B$ of the new state.
pub(super) fn advance<A: Activation, R: Rng>(
    state: &mut State,
    skip: f64,
    scale: f64,
    branch: &Branch<A>,
    covariance: &mut DMatrix<f64>,
    rng: &mut R,
) {
    let mut features = vec![0.0; state.y.len()];
    branch.activation().value_slice(&state.y, &mut features);
    let (width, initialization) = (state.width, branch.initialization());
    add(state, skip, scale, initialization, &features, width, rng);
    measure(state, branch, covariance);
}

/// $\hat B$ of the state.
pub(super) fn measure<A: Activation>(
    state: &mut State,
    branch: &Branch<A>,
    covariance: &mut DMatrix<f64>,
) {
    covariance.fill(0.0);
    for rows in state::blocks(state.width) {
        let features = &mut state.features[..rows.len() * state.points];
        branch.accumulate(&state.y, state.width, rows, features, covariance);
    }
    branch.finish(state.width, covariance);
}
