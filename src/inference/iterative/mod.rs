//! Posteriors of more points than a factorisation can hold, by conjugate gradients.
//!
//! | file | what |
//! |---|---|
//! | [`KernelOperator`] | what an iteration asks of a kernel matrix: products, rows, the diagonal |
//! | [`TiledKernel`] | $K(X, X)$ in tiles: kept where a budget of memory allows, computed again where not |
//! | [`PivotedCholesky`] | the preconditioner: some pivots of the Cholesky factor |
//! | [`ConjugateGradients`], [`Iterate`] | $(K + \sigma^2) A = Y$ for all outputs at once, resumable |

mod conjugate_gradients;
mod kernel_operator;
mod pivoted_cholesky;
mod tiled_kernel;

pub use conjugate_gradients::{ConjugateGradients, Iterate, Progress};
pub use kernel_operator::KernelOperator;
pub use pivoted_cholesky::PivotedCholesky;
pub use tiled_kernel::{Summand, TiledKernel};

use crate::vectorized::vectorized;

/// $y \leftarrow y + f x$.
fn add_multiple(y: &mut [f64], factor: f64, x: &[f64]) {
    vectorized(
        #[inline(always)]
        || {
            for (y, x) in y.iter_mut().zip(x) {
                *y += factor * x;
            }
        },
    );
}
