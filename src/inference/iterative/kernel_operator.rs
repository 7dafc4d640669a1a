//! Kernel matrices as operators.

use std::fmt::Debug;

use nalgebra::{DMatrix, DVector};

use crate::Result;

/// A kernel matrix $K(X, X)$ of $n$ points as the operator $V \mapsto K V$, symmetric and positive
/// semi-definite: what [`ConjugateGradients`](super::ConjugateGradients) and
/// [`PivotedCholesky`](super::PivotedCholesky) ask of it. [`TiledKernel`](super::TiledKernel) is one, a
/// matrix whose structure makes products cheap is another, tiles that processes share a third (`mpi/` of the
/// repository).
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use neural_limits::inference::{ConjugateGradients, KernelOperator};
/// use neural_limits::prelude::*;
///
/// /// a aᵀ
/// #[derive(Debug)]
/// struct RankOne(DVector<f64>, DVector<f64>);
///
/// impl KernelOperator for RankOne {
///     fn diagonal(&self) -> &DVector<f64> { &self.1 }
///     fn row(&self, i: usize) -> Result<DVector<f64>, Error> { Ok(&self.0 * self.0[i]) }
///     fn times(&self, v: &DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
///         Ok(&self.0 * (self.0.transpose() * v))
///     }
/// }
///
/// let a = DVector::from_fn(1000, |i, _| (i as f64).sin());
/// let kernel = RankOne(a.clone(), a.component_mul(&a));
/// let y = DMatrix::from_columns(&[a.clone()]);
/// let weights = ConjugateGradients::new(&kernel, Noise::Variance(0.5))?.solve(&y)?;
/// assert!((weights - y / (0.5 + a.norm_squared())).amax() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
pub trait KernelOperator: Debug {
    /// $n$.
    fn points(&self) -> usize {
        self.diagonal().len()
    }

    /// $K(x_i, x_i)$.
    fn diagonal(&self) -> &DVector<f64>;

    /// $K(x_i, X)$, $n$ numbers.
    ///
    /// # Errors
    /// What the kernel itself refuses.
    fn row(&self, i: usize) -> Result<DVector<f64>>;

    /// $K V$ of $n \times k$ numbers. Iterates that are gone on with have the same bits if it always gives
    /// the same.
    ///
    /// # Errors
    /// What the kernel itself refuses.
    fn times(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>>;
}
