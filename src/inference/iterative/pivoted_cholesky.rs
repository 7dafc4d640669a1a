//! The first pivots of a Cholesky factor, as a preconditioner.

use nalgebra::DMatrix;

use super::{KernelOperator, add_multiple};
use crate::inference::Noise;
use crate::inference::checks::check_shape;
use crate::inference::linear_algebra::{Cholesky, transposed_product};
use crate::numerics::dot;
use crate::{Error, Result, error, parallel};

/// The Cholesky factor of $K$ after $r$ pivots, each the largest of what is left of the diagonal, $K \approx
/// L L^\top$ with $L$ of shape $n \times r$ (H. Harbrecht, M. Peters and R. Schneider 2012), as the
/// preconditioner
///
/// $$(L L^\top + \delta)^{-1} = \delta^{-1} \bigl(1 - L (\delta + L^\top L)^{-1} L^\top\bigr)$$
///
/// of $K + \sigma^2$ with $\delta = \sigma^2 + \operatorname{tr}(K - L L^\top)/n$ (J. Gardner et al. 2018,
/// arXiv 1809.11165, with $\delta = \sigma^2$): what is left of $K$ is counted as noise.
/// It costs $r$ rows of the kernel, $O(n r^2)$ work and $8 n r$ bytes.
#[derive(Debug, Clone)]
pub struct PivotedCholesky {
    /// $n \times r$.
    factor: DMatrix<f64>,
    shift: f64,
    /// Of $\delta + L^\top L$.
    inner: Cholesky,
    left: f64,
}

impl PivotedCholesky {
    /// Of at most `rank` pivots: fewer where what is left of the diagonal is rounding,
    /// $\le 10^{-14}$ of its largest entry, everywhere.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rank above the number of points, or a noise that is negative or not finite;
    /// [`Error::Undefined`] for a kernel that is 0 without noise; what the kernel itself refuses.
    pub fn new(kernel: &dyn KernelOperator, rank: usize, noise: Noise) -> Result<Self> {
        let n = kernel.points();
        if rank > n {
            let expected = format!("an integer <= {n}, the number of points");
            return Err(Error::invalid("rank", rank, expected));
        }
        let noise = noise.variance(kernel.diagonal().mean())?;
        let mut left = kernel.diagonal().as_slice().to_vec();
        let negligible = 1e-14 * kernel.diagonal().amax();
        let mut columns: Vec<f64> = crate::numerics::zeros("the preconditioner", n, rank)?;
        let mut found = 0;
        while found < rank {
            let pivot = largest(&left);
            if left[pivot] <= negligible {
                break;
            }
            let root = left[pivot].sqrt();
            let row = kernel.row(pivot)?;
            check_shape("a row of the kernel", row.shape(), (n, 1))?;
            let (before, rest) = columns.split_at_mut(found * n);
            let column = &mut rest[..n];
            column.copy_from_slice(row.as_slice());
            for before in before.chunks_exact(n) {
                add_multiple(column, -before[pivot], before);
            }
            for (entry, left) in column.iter_mut().zip(&mut left) {
                *entry /= root;
                *left = (*left - *entry * *entry).max(0.0);
            }
            left[pivot] = 0.0;
            found += 1;
        }
        columns.truncate(found * n);
        if let Some(i) = error::first_outside(&columns, -f64::MAX, f64::MAX) {
            let entry = format!("entry {} of a row of the kernel", i % n);
            return Err(Error::invalid(entry, columns[i], "a finite number"));
        }
        let left = left.iter().sum::<f64>() / n as f64;
        let shift = noise + left.max(n as f64 * f64::EPSILON * kernel.diagonal().mean());
        if shift <= 0.0 {
            let reason = "the kernel is 0, and there is no noise";
            return Err(Error::undefined("the preconditioner", reason));
        }
        let factor = DMatrix::from_vec(n, found, columns);
        let products = transposed_product(&factor, &factor)?;
        let mut inner = Cholesky::default();
        let entry = |i: usize, j: usize| products[(i, j)] + if i == j { shift } else { 0.0 };
        if let Err(pivot) = inner.append(found, &entry)? {
            return Err(Error::invalid(
                "a pivot of the preconditioner",
                pivot.size,
                "a number > 0: fewer pivots, or more noise",
            ));
        }
        Ok(Self {
            factor,
            shift,
            inner,
            left,
        })
    }

    /// $n$.
    pub fn points(&self) -> usize {
        self.factor.nrows()
    }

    /// $r$.
    pub fn rank(&self) -> usize {
        self.factor.ncols()
    }

    /// $\operatorname{tr}(K - L L^\top)/n$.
    pub fn mean_left(&self) -> f64 {
        self.left
    }

    /// $(L L^\top + \delta)^{-1} V$.
    pub(super) fn solve(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let (n, k) = vectors.shape();
        let columns = parallel::try_map(k, |c| {
            let vector = vectors.column(c);
            let columns = self.factor.as_slice().chunks_exact(n);
            let mut inner: Vec<f64> = columns
                .clone()
                .map(|column| dot(column, vector.as_slice()))
                .collect();
            self.inner.solve(&mut inner);
            let mut out = vector.as_slice().to_vec();
            for (column, inner) in columns.zip(&inner) {
                add_multiple(&mut out, -inner, column);
            }
            out.iter_mut().for_each(|entry| *entry /= self.shift);
            Ok(out)
        })?;
        Ok(DMatrix::from_vec(n, k, columns.concat()))
    }
}

/// The index of the first of the largest numbers.
fn largest(values: &[f64]) -> usize {
    let mut found = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[found] {
            found = i;
        }
    }
    found
}
