//! Kernel matrices of networks, whole.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use nalgebra::{DMatrix, DVector};

use super::tiles::{
    EntryScope, Grid, KernelKind, SIDE, Tiles, check_range, narrow_into, write_nearest,
};
use super::transposed::write_transposed;
use crate::network::Network;
use crate::{Error, Inputs, PairCorrelation, Result, Scalar, parallel};

/// Both kernels of the same inputs.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Kernels<T: Scalar = f64> {
    /// The NNGP kernel $K$.
    pub nngp: DMatrix<T>,
    /// The neural tangent kernel $\Theta$.
    pub ntk: DMatrix<T>,
}

impl Network {
    /// The NNGP kernel $K(x_i, x_j)$: symmetric to the bit, its diagonal exactly
    /// [`variances`](Self::variances).
    ///
    /// Points that are nearly parallel keep the relative accuracy of $1 - c$. Eigenvalues are at least
    /// $-\epsilon N$ times the largest variance, with $\epsilon$ the error of an entry: a small multiple of
    /// the unit of rounding layer by layer (`tests/it/network_theorems.rs`), 1e-13 where the whole network is
    /// tabulated.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for layers that do not fit together; [`Error::Overflow`] for a variance or
    /// entry beyond the range of `T`; [`Error::OutOfMemory`]; whatever an activation's dual cannot reach.
    pub fn nngp<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        Ok(self.both(x, None, KernelKind::Nngp)?.nngp)
    }

    /// The neural tangent kernel $\Theta(x_i, x_j)$, symmetric to the bit.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp); [`Error::Unsupported`] in
    /// [standard parametrisation](super::super::network::Parametrization::Standard) without widths.
    pub fn ntk<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        Ok(self.both(x, None, KernelKind::Ntk)?.ntk)
    }

    /// Both kernels, for the price of the second.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk).
    pub fn kernels<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<Kernels<T>> {
        self.both(x, None, KernelKind::Both)
    }

    /// The NNGP kernel between two sets of inputs, $K(x_i, y_j)$.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp); [`Error::Shape`] for unequal dimensions.
    pub fn nngp_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<DMatrix<T>> {
        Ok(self.both(x, Some(y), KernelKind::Nngp)?.nngp)
    }

    /// The neural tangent kernel between two sets of inputs, $\Theta(x_i, y_j)$.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk); [`Error::Shape`] for unequal dimensions.
    pub fn ntk_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<DMatrix<T>> {
        Ok(self.both(x, Some(y), KernelKind::Ntk)?.ntk)
    }

    /// Both kernels between two sets of inputs.
    ///
    /// # Errors
    /// As [`ntk_between`](Self::ntk_between).
    pub fn kernels_between<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: &Inputs<'_, T>,
    ) -> Result<Kernels<T>> {
        self.both(x, Some(y), KernelKind::Both)
    }

    /// Kernels into matrices of the caller: those that are given, between `x` and `y` (or `x` itself).
    ///
    /// # Errors
    /// As [`kernels_between`](Self::kernels_between); [`Error::Shape`] for matrices of another shape. After
    /// an error their contents mean nothing.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// use nalgebra::DMatrix;
    /// let x = Inputs::from_rows(&[[1.0, 0.2], [0.3, 0.9]])?;
    /// let mlp = Mlp::new(Erf::default());
    /// let net = mlp.at_depth(3)?;
    /// let mut ntk = DMatrix::zeros(2, 2); // kept for the next call
    /// net.kernels_into(&x, None, None, Some(&mut ntk))?;
    /// assert_eq!(ntk, net.ntk(&x)?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn kernels_into<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: Option<&Inputs<'_, T>>,
        nngp: Option<&mut DMatrix<T>>,
        ntk: Option<&mut DMatrix<T>>,
    ) -> Result<()> {
        let which = match (&nngp, &ntk) {
            (Some(_), None) => KernelKind::Nngp,
            (None, Some(_)) => KernelKind::Ntk,
            (Some(_), Some(_)) => KernelKind::Both,
            (None, None) => return Ok(()),
        };
        let tiles = Tiles::new(self, x, y, which, SIDE)?;
        let shape = (x.len(), y.unwrap_or(x).len());
        for (name, matrix) in [("nngp", &nngp), ("ntk", &ntk)] {
            if let Some(matrix) = matrix.as_ref().filter(|matrix| matrix.shape() != shape) {
                return Err(Error::shape(
                    name,
                    format!("shape {:?}", matrix.shape()),
                    format!("{shape:?}"),
                ));
            }
        }
        fill(&tiles, [nngp, ntk])
    }

    fn both<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        y: Option<&Inputs<'_, T>>,
        which: KernelKind,
    ) -> Result<Kernels<T>> {
        Tiles::new(self, x, y, which, SIDE)?.kernels()
    }

    /// The variances $K(x_i, x_i)$: the diagonal of [`nngp`](Self::nngp) to the bit, in linear time.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp).
    pub fn variances<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DVector<T>> {
        Tiles::layer_by_layer(self, x, KernelKind::Nngp)?.variances()
    }

    /// The diagonal $\Theta(x_i, x_i)$ of [`ntk`](Self::ntk), in linear time.
    ///
    /// # Errors
    /// As [`ntk`](Self::ntk).
    pub fn tangent_diagonal<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DVector<T>> {
        Tiles::layer_by_layer(self, x, KernelKind::Ntk)?.tangent_diagonal()
    }

    /// The correlations $c(x_i, x_j)$; finite even where the covariances of a homogeneous network overflow.
    ///
    /// # Errors
    /// As [`nngp`](Self::nngp); [`Error::ZeroVector`] naming an input without a direction;
    /// [`Error::Undefined`] if a variance vanishes on the way.
    pub fn correlations<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        self.angles(x, PairCorrelation::value)
    }

    /// The complements $1 - c(x_i, x_j)$, to relative accuracy.
    ///
    /// # Errors
    /// As [`correlations`](Self::correlations).
    pub fn correlation_complements<T: Scalar>(&self, x: &Inputs<'_, T>) -> Result<DMatrix<T>> {
        self.angles(x, PairCorrelation::one_minus)
    }

    fn angles<T: Scalar>(
        &self,
        x: &Inputs<'_, T>,
        map: impl Fn(PairCorrelation) -> f64 + Sync + Send,
    ) -> Result<DMatrix<T>> {
        let tiles = Tiles::new(self, x, None, KernelKind::Nngp, SIDE)?;
        tiles
            .evaluator()
            .check_correlations(&tiles.pairs().variances(), tiles.pairs().dimension())?;
        let mut matrix = zeros(x.len(), x.len(), true)?;
        write_tiles(&tiles, [Some(&mut matrix), None], |rows, columns, write| {
            let pairs = tiles.pairs();
            let packed = pairs.packed(&columns);
            let products = pairs.products(&rows, &packed, rows == columns);
            let block = pairs.block(&rows, &columns, &products, false)?;
            let points = (&rows, &pairs.points_of(&columns));
            let correlations = tiles
                .evaluator()
                .correlations(block, points, pairs.room())?;
            // the room of the products is that of the values
            let mut values = products;
            for (value, c) in values.iter_mut().zip(correlations) {
                *value = map(c);
            }
            write(rows, columns.len(), [values, Vec::new()])
        })?;
        Ok(matrix)
    }

    /// A stream of the tiles of a kernel of one set of inputs, `side` points to a side, for matrices larger
    /// than memory.
    ///
    /// # Errors
    /// As [`kernels`](Self::kernels), and [`Error::Invalid`] for a side of 0.
    pub fn tiles<'a, T: Scalar>(
        &'a self,
        x: &'a Inputs<'a, T>,
        which: KernelKind,
        side: usize,
    ) -> Result<Tiles<'a, T>> {
        Tiles::new(self, x, None, which, side)
    }

    /// [`tiles`](Self::tiles) of the kernel between two sets of inputs.
    ///
    /// # Errors
    /// As [`tiles`](Self::tiles); [`Error::Shape`] for unequal dimensions.
    pub fn tiles_between<'a, T: Scalar>(
        &'a self,
        x: &'a Inputs<'a, T>,
        y: &'a Inputs<'a, T>,
        which: KernelKind,
        side: usize,
    ) -> Result<Tiles<'a, T>> {
        Tiles::new(self, x, Some(y), which, side)
    }

    /// [`tiles`](Self::tiles) between `x` and `y` (or `x` itself), of entries of a given scope; whole
    /// matrices by [`Tiles::kernels`].
    ///
    /// # Errors
    /// As [`tiles_between`](Self::tiles_between).
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// use neural_limits::kernel::{EntryScope, KernelKind};
    /// let mlp = Mlp::new(Tanh);
    /// let net = mlp.at_depth(3)?;
    /// let rows = [[1.0, 0.2], [0.3, 0.9], [-0.4, 0.1]];
    /// let ntk = |rows: &[[f64; 2]]| {
    ///     let x = Inputs::from_rows(rows)?;
    ///     net.tiles_of(&x, None, KernelKind::Ntk, 256, EntryScope::Pair)?.kernels()
    /// };
    /// assert_eq!(ntk(&rows)?.ntk[(2, 1)], ntk(&rows[1..])?.ntk[(1, 0)]); // to the bit
    /// # Ok::<(), Error>(())
    /// ```
    pub fn tiles_of<'a, T: Scalar>(
        &'a self,
        x: &'a Inputs<'a, T>,
        y: Option<&'a Inputs<'a, T>>,
        which: KernelKind,
        side: usize,
        scope: EntryScope,
    ) -> Result<Tiles<'a, T>> {
        Tiles::scoped(self, (x, y), which, side, scope)
    }
}

impl<T: Scalar> Tiles<'_, T> {
    /// All tiles as whole matrices, computed on all threads; what was not asked for is empty.
    ///
    /// # Errors
    /// As [`Network::kernels`].
    pub fn kernels(&self) -> Result<Kernels<T>> {
        let (rows, columns) = (self.pairs().rows(), self.pairs().columns());
        let which = self.which();
        let mut nngp = zeros(rows, columns, which.nngp())?;
        let mut ntk = zeros(rows, columns, which.ntk())?;
        let wanted = [
            which.nngp().then_some(&mut nngp),
            which.ntk().then_some(&mut ntk),
        ];
        fill(self, wanted)?;
        Ok(Kernels { nngp, ntk })
    }

    /// The variances $K(x_i, x_i)$ of the rows' points, in linear time.
    ///
    /// # Errors
    /// As [`Network::variances`].
    pub fn variances(&self) -> Result<DVector<T>> {
        let pairs = self.pairs();
        let mut variances = pairs.variances();
        variances.truncate(pairs.rows());
        let variances = self.evaluator().variances(&variances, pairs.dimension())?;
        narrow_vector("the NNGP kernel", &variances)
    }

    /// The diagonal $\Theta(x_i, x_i)$ of a symmetric tangent kernel, in linear time.
    ///
    /// # Errors
    /// As [`Network::tangent_diagonal`]; [`Error::Unsupported`] for kernels between two sets, or without the
    /// tangent kernel.
    pub fn tangent_diagonal(&self) -> Result<DVector<T>> {
        if !(self.which().ntk() && self.pairs().is_symmetric()) {
            return Err(Error::unsupported(
                "the diagonal of the tangent kernel",
                "the tangent kernel of one set of points with itself was not asked for",
            ));
        }
        let diagonal = parallel::try_map(self.pairs().rows(), |i| {
            let block = self.block(i..i + 1, i..i + 1)?;
            Ok(block.ntk[0])
        })?;
        narrow_vector("the neural tangent kernel", &diagonal)
    }
}

fn narrow_vector<T: Scalar>(quantity: &str, values: &[f64]) -> Result<DVector<T>> {
    let mut out = DVector::zeros(values.len());
    narrow_into(quantity, values, out.as_mut_slice())?;
    Ok(out)
}

/// Room for a matrix, or none if it is not wanted.
fn zeros<T: Scalar>(rows: usize, columns: usize, wanted: bool) -> Result<DMatrix<T>> {
    if !wanted {
        return Ok(DMatrix::zeros(0, 0));
    }
    let bytes = rows as u128 * columns as u128 * size_of::<T>() as u128;
    let too_large = || Error::OutOfMemory {
        quantity: format!("a kernel of {rows} x {columns} entries"),
        bytes,
    };
    if bytes > isize::MAX as u128 {
        return Err(too_large());
    }
    // whether the address space has room
    Vec::<T>::new()
        .try_reserve_exact(rows * columns)
        .map_err(|_| too_large())?;
    // comes zeroed from the system, untouched until the threads write to it; `DMatrix::zeros` writes it all
    Ok(DMatrix::from_vec(
        rows,
        columns,
        vec![T::zero(); rows * columns],
    ))
}

const QUANTITIES: [&str; 2] = ["the NNGP kernel", "the neural tangent kernel"];

fn fill<T: Scalar>(tiles: &Tiles<'_, T>, matrices: [Option<&mut DMatrix<T>>; 2]) -> Result<()> {
    write_tiles(tiles, matrices, |rows, columns, write| {
        tiles.strips(rows, columns, |strip, width, entries| {
            write(strip, width, [entries.nngp, entries.ntk])
        })
    })
}

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Matrices of fewer rows stay in the cache, wherever they begin.
const LARGE: usize = 4 * SIDE;

/// Tiles that begin where lines of the cache do: whole lines are written in three quarters of the time.
fn grid<T>(matrices: &[Option<&mut DMatrix<T>>; 2]) -> Grid {
    let (line, side) = (LINE / size_of::<T>(), SIDE);
    let first = matrices.iter().flatten().next();
    let lead = first.map_or(0, |matrix| {
        let start = matrix.as_slice().as_ptr().align_offset(LINE);
        let is_whole = matrix.nrows() % line == 0 && start < line;
        if is_whole && matrix.nrows() >= LARGE {
            (line - start) % line
        } else {
            0
        }
    });
    Grid { side, lead }
}

/// Writes some rows of a tile, of as many of its columns, to their places.
type Write<'a> = &'a mut dyn FnMut(Range<usize>, usize, [Vec<f64>; 2]) -> Result<()>;

/// Computes all tiles in parallel and writes each to its place, and of a symmetric matrix to its mirror
/// image.
fn write_tiles<T: Scalar>(
    tiles: &Tiles<'_, T>,
    matrices: [Option<&mut DMatrix<T>>; 2],
    compute: impl Fn(Range<usize>, Range<usize>, Write<'_>) -> Result<()> + Sync + Send,
) -> Result<()> {
    let height = tiles.pairs().rows();
    let symmetric = tiles.pairs().is_symmetric();
    let grid = grid(&matrices);
    // columns of the matrix by bands, each behind a lock: a tile writes to one band or two
    let bands = matrices.map(|matrix| -> Vec<Mutex<&mut [T]>> {
        let mut rest = matrix.map_or(&mut [][..], |matrix| matrix.as_mut_slice());
        let mut bands = Vec::new();
        while !rest.is_empty() {
            let columns = grid.range(bands.len(), usize::MAX).len();
            let (band, others) = rest.split_at_mut((columns * height).min(rest.len()));
            bands.push(Mutex::new(band));
            rest = others;
        }
        bands
    });
    parallel::try_map(tiles.count(grid), |index| {
        let (row, column) = tiles.ranges_by_columns(grid, index);
        let (own, first) = (row.start, column.start);
        compute(row, column, &mut |strip, width, computed| {
            for ((bands, values), quantity) in bands.iter().zip(computed).zip(QUANTITIES) {
                if bands.is_empty() {
                    continue;
                }
                let mut band = lock(&bands[grid.band(first)]);
                let is_finite = write_transposed(&values, width, &mut band, height, &strip);
                drop(band);
                if !is_finite {
                    // says which of them
                    check_range::<T>(quantity, &values)?;
                }
                if symmetric {
                    let mut band = lock(&bands[grid.band(own)]);
                    let columns = band.chunks_mut(height).skip(strip.start - own);
                    for (out, values) in columns.zip(values.chunks_exact(width)) {
                        write_nearest(values, &mut out[first..first + width]);
                    }
                }
                tiles.give_back(values);
            }
            Ok(())
        })
    })?;
    Ok(())
}

fn lock<'a, T>(band: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
    // a panic elsewhere leaves the numbers as they are
    band.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Relu;
    use crate::architecture::{Architecture, Mlp};

    /// Of matrices that are large enough for tiles that begin with lines of the cache, and others.
    #[test]
    fn whole_matrices_are_their_tiles_to_the_bit() {
        let mlp = Mlp::new(Relu);
        let net = mlp.at_depth(2).unwrap();
        for (m, n) in [
            (LARGE + 24, None),
            (LARGE + 13, None),
            (LARGE, Some(40)),
            (3, Some(700)),
        ] {
            let points = |count: usize, shift: f64| -> Vec<f64> {
                (0..2 * count).map(|i| (i as f64 + shift).sin()).collect()
            };
            let (x, y) = (points(m, 0.0), n.map(|n| points(n, 0.5)));
            let x = Inputs::from_slice(&x, 2).unwrap();
            let y = y.as_ref().map(|y| Inputs::from_slice(y, 2).unwrap());
            let tiles = Tiles::new(&net, &x, y.as_ref(), KernelKind::Both, 300).unwrap();
            let whole = tiles.kernels().unwrap();
            for tile in tiles.iter() {
                let tile = tile.unwrap();
                let width = tile.columns.len();
                for (k, i) in tile.rows.clone().enumerate() {
                    for (l, j) in tile.columns.clone().enumerate() {
                        let at = k * width + l;
                        let entries = (tile.nngp[at], tile.ntk[at]);
                        assert_eq!(entries, (whole.nngp[(i, j)], whole.ntk[(i, j)]));
                    }
                }
            }
            if n.is_none() {
                assert_eq!(whole.ntk, whole.ntk.transpose());
                assert_eq!(whole.nngp, whole.nngp.transpose());
            }
        }
    }
}
