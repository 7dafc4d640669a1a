//! Differentiable losses.

use std::fmt::Debug;

use nalgebra::DMatrix;

use super::rule::SquaredLoss;

/// A loss of $n \times k$ outputs and targets, given by its value and its gradient in the outputs.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::training::{CrossEntropy, TrainingLoss};
/// let (outputs, targets) = (DMatrix::zeros(1, 2), DMatrix::from_row_slice(1, 2, &[1.0, 0.0]));
/// assert!((CrossEntropy.value(&outputs, &targets) - 2f64.ln()).abs() < 1e-15);
/// assert_eq!(CrossEntropy.gradient(&outputs, &targets).as_slice(), [-0.5, 0.5]);
/// ```
pub trait TrainingLoss: Debug + Send + Sync {
    /// $\ell(f, y)$.
    fn value(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> f64;

    /// $\partial \ell/\partial f_{ic}$, $n \times k$.
    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64>;
}

impl TrainingLoss for SquaredLoss {
    fn value(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> f64 {
        let divisor = self.divisor(targets.nrows(), targets.ncols());
        0.5 * (outputs - targets).norm_squared() / divisor
    }

    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        (outputs - targets) / self.divisor(targets.nrows(), targets.ncols())
    }
}

/// $-\sum_{i,c} y_{ic} \log \operatorname{softmax}(f_i)_c$, summed over the points; targets are
/// probabilities, one-hot for labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrossEntropy;

impl TrainingLoss for CrossEntropy {
    fn value(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> f64 {
        let rows = outputs.row_iter().zip(targets.row_iter());
        rows.map(|(row, target)| {
            let largest = row.max();
            let total: f64 = row.iter().map(|f| (f - largest).exp()).sum();
            let log = largest + total.ln();
            let terms = row.iter().zip(target.iter()).map(|(f, y)| y * (log - f));
            terms.sum::<f64>()
        })
        .sum()
    }

    fn gradient(&self, outputs: &DMatrix<f64>, targets: &DMatrix<f64>) -> DMatrix<f64> {
        let mut gradient = outputs.clone();
        for (mut row, target) in gradient.row_iter_mut().zip(targets.row_iter()) {
            let largest = row.max();
            row.apply(|f| *f = (*f - largest).exp());
            let weight = target.sum() / row.sum();
            row.zip_apply(&target, |f, y| *f = *f * weight - y);
        }
        gradient
    }
}
