//! The conditional sampler: exact in law without weights.
//!
//! Given the pre-activations $Y \in \mathbb R^{n \times m}$ of $m$ inputs, the rows of $W\varphi(Y) + b$ are
//! independent $\mathcal N(0, \hat B(Y))$ for Gaussian weights. So a layer is $Z \hat B(Y)^{1/2}$ with
//! $n \times m$ fresh normals $Z$: $O(n m^2)$ work and no weight matrix, where dense sampling needs
//! $O(n^2 m)$.

use nalgebra::DMatrix;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::factor::semidefinite_cholesky;
use super::state::{self, State};
use crate::activation::Activation;
use crate::architecture::Branch;
use crate::vectorized::vectorized;

/// Replaces each row $y$ of the state by `skip` $y + $ `scale` $\mathcal N(0, A)$ with `covariance` = $A$,
/// and `covariance` by $\hat B$ of the new state: one pass over the neurons, block by block, so that a layer
/// stays in cache.
pub(super) fn advance<A: Activation, R: Rng>(
    state: &mut State,
    skip: f64,
    scale: f64,
    branch: &Branch<A>,
    covariance: &mut DMatrix<f64>,
    rng: &mut R,
) {
    semidefinite_cholesky(covariance);
    let factor = covariance.clone() * scale;
    covariance.fill(0.0);
    let (width, points) = (state.width, state.points);
    for rows in state::blocks(width) {
        let size = rows.len();
        let normals = &mut state.normals[..size * points];
        for z in normals.iter_mut() {
            *z = StandardNormal.sample(rng);
        }
        for j in 0..points {
            let column = &mut state.y[j * width..][rows.clone()];
            update(column, skip, normals, &factor, j);
        }
        let features = &mut state.features[..size * points];
        branch.accumulate(&state.y, width, rows, features, covariance);
    }
    branch.finish(width, covariance);
}

/// $y_j \leftarrow$ `skip` $y_j + \sum_{k \le j} F_{jk} z_k$ for one column of a block.
fn update(y: &mut [f64], skip: f64, normals: &[f64], factor: &DMatrix<f64>, j: usize) {
    vectorized(
        #[inline(always)]
        || {
            let size = y.len();
            let first = factor[(j, 0)];
            for (y, z) in y.iter_mut().zip(&normals[..size]) {
                *y = skip * *y + first * z;
            }
            for k in 1..=j {
                let factor = factor[(j, k)];
                for (y, z) in y.iter_mut().zip(&normals[k * size..(k + 1) * size]) {
                    *y += factor * z;
                }
            }
        },
    );
}
