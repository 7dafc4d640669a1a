//! What the tests compute for themselves and would be slow without optimisation.
#![forbid(unsafe_code)]

use nalgebra::DMatrix;

/// The least eigenvalue of a symmetric matrix.
pub fn least_eigenvalue(matrix: &DMatrix<f64>) -> f64 {
    matrix.symmetric_eigenvalues().min()
}
