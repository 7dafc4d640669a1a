//! Gaussian vectors of a given covariance matrix.

use nalgebra::DMatrix;
use rand_distr::{Distribution, StandardNormal};

use super::linear_algebra::product;
use crate::numerics::semidefinite_cholesky;
use crate::random::Seed;
use crate::{Result, parallel};

/// `count` draws of independent columns with the given means and one covariance.
pub(crate) fn draws(
    mean: &DMatrix<f64>,
    mut covariance: DMatrix<f64>,
    count: usize,
    seed: Seed,
) -> Result<Vec<DMatrix<f64>>> {
    semidefinite_cholesky(&mut covariance);
    let (m, k) = mean.shape();
    parallel::try_map(count, |i| {
        let mut stream = seed.stream(i as u64);
        let normals = DMatrix::from_fn(m, k, |_, _| StandardNormal.sample(&mut stream));
        Ok(mean + product(&covariance, &normals)?)
    })
}

/// A difference of covariance matrices with the rounding taken out of it: variances are not negative, and
/// covariances not larger than they allow.
pub(crate) fn covariance_within_bounds(mut matrix: DMatrix<f64>) -> DMatrix<f64> {
    let m = matrix.nrows();
    for i in 0..m {
        matrix[(i, i)] = matrix[(i, i)].max(0.0);
    }
    for j in 0..m {
        for i in 0..m {
            if i != j {
                let bound = (matrix[(i, i)] * matrix[(j, j)]).sqrt();
                matrix[(i, j)] = matrix[(i, j)].clamp(-bound, bound);
            }
        }
    }
    matrix
}
