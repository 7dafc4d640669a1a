//! Factors of kernel matrices, and what would make singular ones invertible.

use nalgebra::DMatrix;

use super::linear_algebra::{Cholesky, Pivot};
use crate::{Error, Result};

/// How often the ridge that would do is raised tenfold before the search for it ends.
const RIDGES: i32 = 16;

/// The factor of $K + r I$ and its condition, or the pivot that stands against it.
pub(super) fn factored(
    kernel: &DMatrix<f64>,
    ridge: f64,
) -> Result<std::result::Result<(Cholesky, f64), Pivot>> {
    let mut factor = Cholesky::default();
    let entry = |i: usize, j: usize| kernel[(i, j)] + if i == j { ridge } else { 0.0 };
    if let Err(pivot) = factor.append(kernel.nrows(), &entry)? {
        if pivot.size.is_finite() {
            return Ok(Err(pivot));
        }
        return Err(overflow_of_the_factor());
    }
    Ok(ill_conditioned(&factor).map(|condition| (factor, condition)))
}

pub(super) fn overflow_of_the_factor() -> Error {
    Error::overflow("the Cholesky factor of the kernel matrix")
}

/// The condition of what a factor is of, or its smallest pivot if double precision cannot tell it from
/// singular.
pub(super) fn ill_conditioned(factor: &Cholesky) -> std::result::Result<f64, Pivot> {
    let (smallest, largest) = factor.extreme_eigenvalues();
    if smallest > factor.size() as f64 * f64::EPSILON * largest {
        Ok(largest / smallest)
    } else {
        Err(factor.smallest_pivot())
    }
}

/// Some multiple of what rounding does to the smallest eigenvalue.
pub(super) fn first_ridge(points: usize, largest_eigenvalue: f64) -> f64 {
    let ridge = 4.0 * points as f64 * f64::EPSILON * largest_eigenvalue;
    if ridge > 0.0 { ridge } else { f64::EPSILON }
}

/// The first of tenfold ridges that makes the matrix invertible.
pub(super) fn ridge_that_would_do(
    kernel: &DMatrix<f64>,
    noise: f64,
) -> Result<(f64, Cholesky, f64)> {
    let n = kernel.nrows();
    // the largest eigenvalue is at most the largest sum of a row
    let sums = kernel
        .row_iter()
        .map(|row| row.iter().map(|x| x.abs()).sum());
    let largest = sums.fold(0.0, f64::max);
    let first = first_ridge(n, largest + noise);
    for power in 0..RIDGES {
        let ridge = first * 10f64.powi(power);
        if let Ok((factor, condition)) = factored(kernel, noise + ridge)? {
            return Ok((ridge, factor, condition));
        }
    }
    Err(Error::invalid(
        "the kernel matrix",
        "a matrix with large negative eigenvalues",
        "a positive semi-definite matrix",
    ))
}
