//! Eigenvalues: the extreme ones of what a Cholesky factor is of, and all of symmetric matrices.

use nalgebra::{DMatrix, DVector};

use super::SIDE;
use super::cholesky::{Cholesky, Pivot};
use crate::{Error, Result};

/// Steps of the iterations that estimate the extreme eigenvalues.
const STEPS: usize = 4;

impl Cholesky {
    /// The smallest and the largest eigenvalue of $A$, by four steps of inverse and of power iteration on the
    /// factor: $O(n^2)$. The first is estimated from above, the second from below, both within a factor
    /// $\sqrt n$ at worst and a few percent as a rule.
    pub(crate) fn extreme_eigenvalues(&self) -> (f64, f64) {
        // neither smooth nor symmetric, and the same on every machine
        let start = |share: f64| -> Vec<f64> {
            let golden = |i: usize| (0.618_033_988_749_894_9 * (i + 1) as f64).fract();
            (0..self.size).map(|i| golden(i) - share).collect()
        };
        let growth = |mut x: Vec<f64>, step: &dyn Fn(&mut Vec<f64>)| {
            let mut growth = 0.0;
            for _ in 0..STEPS {
                let before = norm(&x);
                x.iter_mut().for_each(|x| *x /= before);
                step(&mut x);
                growth = norm(&x);
            }
            growth
        };
        let largest = growth(start(-0.5), &|x| *x = self.multiply(x));
        let smallest = 1.0 / growth(start(0.5), &|x| self.solve(x));
        (smallest, largest)
    }

    /// The smallest pivot and its row.
    pub(crate) fn smallest_pivot(&self) -> Pivot {
        let pivot = |index: usize| {
            let (block, line) = (index / SIDE, index % SIDE);
            let size = self.tile(block, block)[line * SIDE + line].powi(2);
            Pivot { index, size }
        };
        let pivots = (0..self.size).map(pivot);
        let least = pivots.min_by(|a, b| a.size.total_cmp(&b.size));
        least.unwrap_or(Pivot {
            index: 0,
            size: 0.0,
        })
    }

    /// $\log \det A$.
    pub(crate) fn log_determinant(&self) -> f64 {
        let logs = (0..self.size).map(|i| {
            let (block, line) = (i / SIDE, i % SIDE);
            self.tile(block, block)[line * SIDE + line].ln()
        });
        2.0 * logs.sum::<f64>()
    }
}

/// Without overflow or underflow of the squares.
fn norm(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let squares = x.iter().map(|x| (x / largest).powi(2));
    largest * squares.sum::<f64>().sqrt()
}

/// Eigenvalues and eigenvectors (as columns) of a symmetric matrix.
///
/// # Errors
/// [`Error::NotConverged`]; [`Error::Overflow`].
pub(crate) fn symmetric_eigen(matrix: DMatrix<f64>) -> Result<(DVector<f64>, DMatrix<f64>)> {
    let rotations = 1000 * matrix.nrows().max(10);
    match nalgebra::SymmetricEigen::try_new(matrix, f64::EPSILON, rotations) {
        Some(eigen) if eigen.eigenvalues.iter().all(|value| value.is_finite()) => {
            Ok((eigen.eigenvalues, eigen.eigenvectors))
        }
        Some(_) => Err(Error::overflow("the eigenvalues of the kernel")),
        None => Err(Error::NotConverged {
            what: "the eigenvalues of the kernel".to_owned(),
            reached: f64::INFINITY,
            tolerance: f64::EPSILON,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cholesky::tests::{entry, factor};
    use super::*;

    #[test]
    fn extreme_eigenvalues_are_estimated_from_inside() {
        let factor = factor(200);
        let exact = DMatrix::from_fn(200, 200, entry).symmetric_eigenvalues();
        let (smallest, largest) = factor.extreme_eigenvalues();
        assert!(smallest >= exact.min() && smallest < 1.3 * exact.min());
        assert!(largest <= exact.max() && largest > exact.max() / 1.3);
    }
}
