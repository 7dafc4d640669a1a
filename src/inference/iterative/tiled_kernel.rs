//! Kernel matrices in tiles, of which as many are kept as a budget of memory holds.

use std::fmt;
use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use super::add_multiple;
use crate::inference::checks::{check_finite, check_shape};
use crate::inference::linear_algebra::product;
use crate::inference::{Blocks, CovarianceFunction};
use crate::numerics::dot;
use crate::{Error, Inputs, Result, Scalar, error, parallel};

/// Rows and columns of a tile, unless said otherwise.
const SIDE: usize = 1024;

/// Tiles whose products are held before they are summed.
const TOGETHER: usize = 16;

/// The kernel matrix $K(X, X)$ of $n$ points, never as a whole: its tiles on and below the diagonal, of which
/// the first ones are kept in the format `T` as far as a budget of memory goes, and the others are computed
/// again for each product.
///
/// Entries are rounded once to `T`, whether they are kept or not, so that neither the budget nor the number
/// of threads changes a bit; everything else is in double precision. In single precision $K$ is perturbed by
/// up to $6 \cdot 10^{-8}\, \lVert K \rVert_{\max} \sqrt n$ in norm as a rule (rounding errors being
/// independent), which the noise should exceed.
///
/// Besides the tiles that are kept, a product needs one tile in double precision for each thread and some
/// vectors.
///
/// ```
/// use nalgebra::DMatrix;
/// use neural_limits::inference::TiledKernel;
/// use neural_limits::prelude::*;
/// let x = Inputs::from_matrix(&DMatrix::from_fn(50, 3, |i, j| ((i * 7 + j * 3) as f64).sin()))?;
/// let kernel = NetworkKernel::ntk(&Mlp::new(Relu).infinite_width(2)?)?;
/// let tiles = TiledKernel::<f64>::with_side(&kernel, &x, 1 << 20, 16)?; // within 1 MiB
/// let vectors = DMatrix::from_fn(50, 2, |i, j| (i + j) as f64);
/// let difference = tiles.times(&vectors)? - kernel.gram(&x)? * &vectors;
/// assert!(difference.amax() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
pub struct TiledKernel<'a, T: Scalar = f64> {
    kernel: &'a dyn CovarianceFunction,
    /// Of $K(X, X)$.
    blocks: Blocks<'a>,
    x: &'a Inputs<'a>,
    diagonal: DVector<f64>,
    side: usize,
    /// The first tiles, each column by column.
    kept: Vec<Vec<T>>,
}

impl<T: Scalar> fmt::Debug for TiledKernel<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TiledKernel")
            .field("kernel", &self.kernel)
            .field("points", &self.points())
            .field("side", &self.side)
            .field("kept", &self.kept.len())
            .finish_non_exhaustive()
    }
}

impl<'a, T: Scalar> TiledKernel<'a, T> {
    /// Of a covariance function and points, with `budget` bytes for tiles that are kept.
    ///
    /// # Errors
    /// What the kernel itself refuses; [`Error::Overflow`] for an entry beyond the range of `T`;
    /// [`Error::OutOfMemory`].
    pub fn new(
        kernel: &'a dyn CovarianceFunction,
        x: &'a Inputs<'a>,
        budget: usize,
    ) -> Result<Self> {
        Self::with_side(kernel, x, budget, SIDE)
    }

    /// [`new`](Self::new) with tiles of so many rows and columns instead of 1024.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Invalid`] for a side of 0.
    pub fn with_side(
        kernel: &'a dyn CovarianceFunction,
        x: &'a Inputs<'a>,
        budget: usize,
        side: usize,
    ) -> Result<Self> {
        let diagonal = kernel.diagonal(x)?;
        check_shape("the diagonal", diagonal.shape(), (x.len(), 1))?;
        let mut tiles = Self {
            kernel,
            blocks: kernel.blocks(x, None)?,
            x,
            diagonal,
            side: error::size("side", side)?.min(x.len()),
            kept: Vec::new(),
        };
        let mut left = budget / size_of::<T>();
        for index in 0..tiles.count() {
            let (row, column) = tiles.place(index);
            let size = tiles.range(row).len() * tiles.range(column).len();
            if size > left {
                break;
            }
            left -= size;
            let tile = tiles.computed(row, column)?;
            tiles.kept.push(tile);
        }
        Ok(tiles)
    }

    /// The number of points.
    pub fn points(&self) -> usize {
        self.x.len()
    }

    /// The number of tiles.
    pub fn count(&self) -> usize {
        let bands = self.bands();
        bands * (bands + 1) / 2
    }

    /// The number of tiles that are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The bytes of the tiles that are kept.
    pub fn bytes(&self) -> usize {
        let entries: usize = self.kept.iter().map(Vec::len).sum();
        entries * size_of::<T>()
    }

    /// $K(x_i, x_i)$, in double precision.
    pub fn diagonal(&self) -> &DVector<f64> {
        &self.diagonal
    }

    /// $K V$ of $n \times k$ numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for vectors that do not fit or are not finite; what the kernel
    /// itself refuses.
    pub fn times(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let k = vectors.ncols();
        check_shape("the vectors", vectors.shape(), (self.points(), k))?;
        check_finite("the vectors", vectors)?;
        let mut out = DMatrix::zeros(self.points(), k);
        let mut add = |rows: Range<usize>, values: Vec<f64>| {
            for (c, values) in values.chunks_exact(rows.len()).enumerate() {
                add_multiple(
                    &mut out.column_mut(c).as_mut_slice()[rows.clone()],
                    1.0,
                    values,
                );
            }
        };
        for first in (0..self.count()).step_by(TOGETHER) {
            let together = TOGETHER.min(self.count() - first);
            let parts = parallel::try_map(together, |i| self.part(first + i, vectors))?;
            for (i, (lower, mirrored)) in parts.into_iter().enumerate() {
                let (row, column) = self.place(first + i);
                add(self.range(row), lower);
                if row != column {
                    add(self.range(column), mirrored);
                }
            }
        }
        Ok(out)
    }

    /// $K(x, X) A$ at $m$ test points: with the weights $A = (K + \sigma^2)^{-1} Y$ the mean of the
    /// posterior, $m \times k$. It is computed by blocks of $X$, in double precision.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Invalid`] for points or weights that do not fit or are not finite; what
    /// the kernel itself refuses.
    pub fn mean(&self, x: &Inputs<'_>, weights: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let k = weights.ncols();
        check_shape("the weights", weights.shape(), (self.points(), k))?;
        check_finite("the weights", weights)?;
        let blocks = self.kernel.blocks(x, Some(self.x))?;
        let mut out = DMatrix::zeros(x.len(), k);
        for start in (0..x.len()).step_by(self.side) {
            let count = self.side.min(x.len() - start);
            for block in 0..self.bands() {
                let columns = self.range(block);
                let cross = blocks(start..start + count, columns.clone())?;
                check_shape("a tile", cross.shape(), (count, columns.len()))?;
                let own = weights.rows(columns.start, columns.len()).into_owned();
                let mut rows = out.rows_mut(start, count);
                rows += product(&cross, &own)?;
            }
        }
        Ok(out)
    }

    /// $K(x_i, X)$, in double precision.
    pub(super) fn row(&self, i: usize) -> Result<DMatrix<f64>> {
        let row = (self.blocks)(i..i + 1, 0..self.points())?;
        check_shape("a row of the kernel", row.shape(), (1, self.points()))?;
        Ok(row)
    }

    fn bands(&self) -> usize {
        self.points().div_ceil(self.side)
    }

    fn range(&self, block: usize) -> Range<usize> {
        block * self.side..self.points().min((block + 1) * self.side)
    }

    /// Row and column of a tile: row of tiles by row of tiles.
    fn place(&self, index: usize) -> (usize, usize) {
        let mut row = 0;
        let mut first = 0;
        while first + row < index {
            first += row + 1;
            row += 1;
        }
        (row, index - first)
    }

    fn computed(&self, row: usize, column: usize) -> Result<Vec<T>> {
        let (rows, columns) = (self.range(row), self.range(column));
        let tile = (self.blocks)(rows.clone(), columns.clone())?;
        check_shape("a tile", tile.shape(), (rows.len(), columns.len()))?;
        let mut values = Vec::new();
        values
            .try_reserve_exact(tile.len())
            .map_err(|_| Error::OutOfMemory {
                quantity: "the tiles of a kernel matrix".to_owned(),
                bytes: (tile.len() * size_of::<T>()) as u128,
            })?;
        values.extend(tile.iter().map(|&entry| T::nearest(entry)));
        if let Some(i) = values.iter().position(|entry| !entry.is_finite()) {
            T::narrow("the kernel", tile[i])?;
            return Err(Error::overflow("the kernel"));
        }
        Ok(values)
    }

    /// The products of a tile with its columns' numbers, and of its transpose with its rows': each output
    /// after the other.
    fn part(&self, index: usize, vectors: &DMatrix<f64>) -> Result<(Vec<f64>, Vec<f64>)> {
        let (row, column) = self.place(index);
        let computed;
        let tile = match self.kept.get(index) {
            Some(kept) => kept,
            None => {
                computed = self.computed(row, column)?;
                &computed
            }
        };
        let (rows, columns) = (self.range(row), self.range(column));
        let k = vectors.ncols();
        let mut lower = vec![0.0; rows.len() * k];
        let mut mirrored = vec![0.0; if row == column { 0 } else { columns.len() * k }];
        for (j, entries) in tile.chunks_exact(rows.len()).enumerate() {
            let entries = &T::widened(entries)[..];
            for c in 0..k {
                let vector = vectors.column(c);
                let vector = vector.as_slice();
                let out = &mut lower[c * rows.len()..(c + 1) * rows.len()];
                add_multiple(out, vector[columns.start + j], entries);
                if row != column {
                    mirrored[c * columns.len() + j] = dot(entries, &vector[rows.clone()]);
                }
            }
        }
        Ok((lower, mirrored))
    }
}
