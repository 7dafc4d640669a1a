//! Kernel matrices in tiles, of which as many are kept as a budget of memory holds.

use std::fmt;
use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use super::{KernelOperator, add_multiple};
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
/// A product is a sum of [`summands`](Self::summands) in the order of the tiles' numbers, so that processes
/// which [share](Self::shared) the tiles get the bits of one. `mpi/` of the repository does it over MPI.
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
    /// The tiles that are for this process to compute.
    own: Dealt,
    /// The first of them, each column by column.
    kept: Vec<Vec<T>>,
}

/// The numbers $i, i + p, i + 2p, \dots$
#[derive(Debug, Clone, Copy)]
struct Dealt {
    first: usize,
    step: usize,
}

/// What one tile adds to a product $K V$: $K_{IJ} V_J$, a summand of its rows $I$.
#[derive(Debug, Clone, PartialEq)]
pub struct Summand {
    /// The rows $I$, by the number of their [band](TiledKernel::band).
    pub band: usize,
    /// $|I| \times k$ numbers, column by column.
    pub values: Vec<f64>,
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
        Self::shared(kernel, x, budget, side, 0, 1)
    }

    /// [`with_side`](Self::with_side) for one of several processes that share the tiles: it keeps, within its
    /// own budget, those that are dealt to it, of the numbers $i, i + p, i + 2p, \dots$ where $i$ is the
    /// number of the process and $p$ that of processes.
    ///
    /// # Errors
    /// As [`with_side`](Self::with_side); [`Error::Invalid`] unless $i < p$.
    pub fn shared(
        kernel: &'a dyn CovarianceFunction,
        x: &'a Inputs<'a>,
        budget: usize,
        side: usize,
        process: usize,
        processes: usize,
    ) -> Result<Self> {
        if process >= error::size("processes", processes)? {
            let expected = format!("less than the number of processes, {processes}");
            return Err(Error::invalid("process", process, expected));
        }
        let diagonal = kernel.diagonal(x)?;
        check_shape("the diagonal", diagonal.shape(), (x.len(), 1))?;
        let mut tiles = Self {
            kernel,
            blocks: kernel.blocks(x, None)?,
            x,
            diagonal,
            side: error::size("side", side)?.min(x.len()),
            own: Dealt {
                first: process,
                step: processes,
            },
            kept: Vec::new(),
        };
        let mut left = budget / size_of::<T>();
        for tile in tiles.own_tiles(0..tiles.count()) {
            let (row, column) = tiles.place(tile);
            let size = tiles.band(row).len() * tiles.band(column).len();
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
        let mut out = DMatrix::zeros(self.points(), vectors.ncols());
        let all: Vec<usize> = (0..self.count()).collect();
        for together in all.chunks(TOGETHER) {
            for summand in self.summands(together, vectors)? {
                self.add(&mut out, summand.band, &summand.values)?;
            }
        }
        Ok(out)
    }

    /// The numbers among `tiles` that are dealt to this process.
    pub fn own_tiles(&self, tiles: Range<usize>) -> impl Iterator<Item = usize> + use<T> {
        let Dealt { first, step } = self.own;
        tiles.filter(move |tile| tile % step == first)
    }

    /// The number of bands: sets of consecutive rows, or columns, of which the tiles are made.
    pub fn bands(&self) -> usize {
        self.points().div_ceil(self.side)
    }

    /// The rows of a band.
    pub fn band(&self, number: usize) -> Range<usize> {
        let end = |band: usize| self.points().min(band * self.side);
        end(number)..end(number + 1)
    }

    /// The bands whose rows of a product a tile has summands of: that of its rows and, off the diagonal, that
    /// of its columns, since the tile is its own mirror image as well.
    pub fn bands_of(&self, tile: usize) -> impl Iterator<Item = usize> + use<T> {
        let (row, column) = self.place(tile);
        std::iter::once(row).chain((row != column).then_some(column))
    }

    /// What some tiles add to $K V$: tile by tile, the [bands](Self::bands_of) of each in order.
    ///
    /// The product is the sum of the summands of all tiles, [added](Self::add) to 0 in the order of the
    /// tiles' numbers: this order, and not who computes which, decides its bits.
    ///
    /// # Errors
    /// As [`times`](Self::times); [`Error::Invalid`] for a number that no tile has.
    pub fn summands(&self, tiles: &[usize], vectors: &DMatrix<f64>) -> Result<Vec<Summand>> {
        check_shape(
            "the vectors",
            vectors.shape(),
            (self.points(), vectors.ncols()),
        )?;
        check_finite("the vectors", vectors)?;
        let count = self.count();
        if let Some(tile) = tiles.iter().find(|tile| **tile >= count) {
            let expected = format!("less than the number of tiles, {count}");
            return Err(Error::invalid("tile", tile, expected));
        }
        let parts = parallel::try_map(tiles.len(), |i| self.products(tiles[i], vectors))?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Adds the values of a summand to the rows of a band.
    ///
    /// # Errors
    /// [`Error::Shape`] for a product or values that do not fit.
    pub fn add(&self, product: &mut DMatrix<f64>, band: usize, values: &[f64]) -> Result<()> {
        let (rows, k) = (self.band(band), product.ncols());
        check_shape("the product", product.shape(), (self.points(), k))?;
        check_shape("the summand", (values.len(), 1), (rows.len() * k, 1))?;
        if rows.is_empty() {
            return Ok(());
        }
        for (c, values) in values.chunks_exact(rows.len()).enumerate() {
            let mut column = product.column_mut(c);
            add_multiple(&mut column.as_mut_slice()[rows.clone()], 1.0, values);
        }
        Ok(())
    }

    /// $K(x_i, x_j)$ for $j$ in a band, in double precision.
    ///
    /// # Errors
    /// What the kernel itself refuses, and [`Error::Shape`] for points or bands that are not there.
    pub fn row_in(&self, band: usize, i: usize) -> Result<Vec<f64>> {
        let columns = self.band(band);
        let row = (self.blocks)(i..i + 1, columns.clone())?;
        check_shape("a row of the kernel", row.shape(), (1, columns.len()))?;
        Ok(row.as_slice().to_vec())
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
                let columns = self.band(block);
                let cross = blocks(start..start + count, columns.clone())?;
                check_shape("a tile", cross.shape(), (count, columns.len()))?;
                let own = weights.rows(columns.start, columns.len()).into_owned();
                let mut rows = out.rows_mut(start, count);
                rows += product(&cross, &own)?;
            }
        }
        Ok(out)
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
        let (rows, columns) = (self.band(row), self.band(column));
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

    /// The products of a tile with its columns' numbers, and of its transpose with its rows'.
    fn products(&self, tile: usize, vectors: &DMatrix<f64>) -> Result<Vec<Summand>> {
        let (row, column) = self.place(tile);
        let is_own = tile % self.own.step == self.own.first;
        let kept = self.kept.get(tile / self.own.step).filter(|_| is_own);
        let computed;
        let entries = match kept {
            Some(kept) => kept,
            None => {
                computed = self.computed(row, column)?;
                &computed
            }
        };
        let (rows, columns) = (self.band(row), self.band(column));
        let k = vectors.ncols();
        let mut lower = vec![0.0; rows.len() * k];
        let mut mirrored = vec![0.0; if row == column { 0 } else { columns.len() * k }];
        for (j, entries) in entries.chunks_exact(rows.len()).enumerate() {
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
        let values = [lower, mirrored].into_iter();
        let summands = self.bands_of(tile).zip(values);
        Ok(summands
            .map(|(band, values)| Summand { band, values })
            .collect())
    }
}

impl<T: Scalar> KernelOperator for TiledKernel<'_, T> {
    fn diagonal(&self) -> &DVector<f64> {
        &self.diagonal
    }

    /// By bands, as processes that share the rows compute it.
    fn row(&self, i: usize) -> Result<DVector<f64>> {
        let parts = parallel::try_map(self.bands(), |band| self.row_in(band, i))?;
        Ok(DVector::from_vec(parts.concat()))
    }

    fn times(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        self.times(vectors)
    }
}
