//! Numerical methods that know nothing of networks.
//!
//! | file | what |
//! |---|---|
//! | `polynomial` | evaluation in powers |
//! | `exponential`, `sine` | elementary functions whose loops vectorise, with the same bits everywhere |
//! | `logistic`, `error_function` | the hyperbolic tangent, the normal law and their relatives, alike |
//! | `mills` | the half-line integrals of exponentials of Gaussian variables |
//! | `chebyshev` | interpolation of analytic functions, and whether it has reached their rounding |
//! | `normal` | the standard normal law |
//! | `gauss_legendre` | the rule with 16 nodes |
//! | `quadrature` | adaptive Gauss–Kronrod integration |
//! | `root` | sign changes on a grid, refined to rounding |
//! | `magnitude` | double-double numbers with a power of two of their own |
//! | `power_of_two` | powers of two beyond the range of `f64` |
//! | `cholesky` | square roots of positive semi-definite matrices |
//! | `buffers` | large buffers that are used again |
//! | `inner_products` | the products of points with points, of each pair the same bits in any company |
//! | `matrices` | products and exponentials of matrices, with the same bits on every machine |
//! | `beside` | the same products with points beside each other, whose entries come piece by piece |
//! | `lines` | numbers that begin with a line of the first-level cache |
//! | `summation` | sums of products in an order that no machine changes |

mod beside;
mod buffers;
pub mod chebyshev;
mod cholesky;
pub(crate) mod error_function;
pub mod exponential;
pub mod gauss_legendre;
mod inner_products;
mod lines;
pub(crate) mod logistic;
mod magnitude;
mod matrices;
pub(crate) mod mills;
pub mod normal;
pub mod polynomial;
mod power_of_two;
pub mod quadrature;
pub mod root;
pub mod sine;
mod summation;

pub use beside::{BESIDE, ProductsBeside};
pub use buffers::{Buffers, keep_freed_memory, threads};
pub use cholesky::{semidefinite_cholesky, semidefinite_cholesky_by_columns};
pub use inner_products::{PackedPoints, inner_products, mirror};
pub use lines::{Lines, SPARE, from_a_line};
pub use magnitude::Magnitude;
pub use matrices::{matrix_exponential, matrix_product};
pub use power_of_two::{power_of_two, scale_by_power_of_two};
pub use summation::dot;

use crate::{Error, Result};

/// $1/\sqrt q$, and 0 for $q = 0$.
#[inline(always)]
pub fn inverse_root(q: f64) -> f64 {
    if q > 0.0 { 1.0 / q.sqrt() } else { 0.0 }
}

/// As many zeros as a matrix has entries.
///
/// # Errors
/// [`Error::OutOfMemory`] naming `quantity` if they cannot be allocated.
pub fn zeros(quantity: &str, rows: usize, columns: usize) -> Result<Vec<f64>> {
    let mut values = reserved(quantity, rows, columns)?;
    values.resize(rows * columns, 0.0);
    Ok(values)
}

/// Room for as many values as a matrix has entries.
///
/// # Errors
/// As [`zeros`].
pub fn reserved<T>(quantity: &str, rows: usize, columns: usize) -> Result<Vec<T>> {
    reserved_beside(quantity, rows, columns, 0)
}

/// [`reserved`], with some entries more.
fn reserved_beside<T>(quantity: &str, rows: usize, columns: usize, spare: usize) -> Result<Vec<T>> {
    let entries = rows as u128 * columns as u128;
    let refused = || Error::out_of_memory(quantity, entries);
    let length = usize::try_from(entries + spare as u128).map_err(|_| refused())?;
    let mut values = Vec::new();
    values.try_reserve_exact(length).map_err(|_| refused())?;
    Ok(values)
}
