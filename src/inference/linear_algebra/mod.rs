//! The linear algebra that inference and training stand on.
//!
//! | file | what |
//! |---|---|
//! | [`Cholesky`] | a factor in tiles, to which rows can be added |
//! | `solve` | what it solves, and the inverse |
//! | `spectrum` | its extreme eigenvalues and determinant; eigenvectors of symmetric matrices |
//! | `products` | products of matrices, with the same bits on every machine |

mod cholesky;
mod products;
mod solve;
mod spectrum;

pub(crate) use cholesky::{Cholesky, Pivot};
pub(crate) use products::{product, products, transposed_product};
pub(crate) use spectrum::symmetric_eigen;

/// Rows and columns of a tile.
const SIDE: usize = 128;
