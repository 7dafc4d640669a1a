//! Kernel matrices tile by tile, for matrices larger than memory.

use std::ops::Range;

use super::evaluator::{Entries, Evaluator, Part, Passage};
use super::product::InputPairs;
use crate::network::Network;
use crate::numerics::mirror;
use crate::vectorized::vectorized;
use crate::{Error, Inputs, Result, Scalar, error, parallel};

/// Which kernels are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelKind {
    /// The NNGP kernel $K$.
    Nngp,
    /// The neural tangent kernel $\Theta$.
    Ntk,
    /// Both, for little more than the price of the second.
    Both,
}

impl KernelKind {
    pub(crate) fn nngp(self) -> bool {
        self != Self::Ntk
    }

    pub(crate) fn ntk(self) -> bool {
        self != Self::Nngp
    }
}

/// What the bits of an entry are a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryScope {
    /// All points of the call. Entries of different calls differ by 1e-13, or by what the activations err by
    /// themselves: tables of Hermite coefficients and of whole networks are made for the norms and angles at
    /// hand.
    #[default]
    Call,
    /// The two points alone, and the network: $K(x, X)$ has the bits of the row of $K(X, X)$, whatever the
    /// other points, their order, tiles and threads. (Dropout knows a point from its copy.)
    ///
    /// Homogeneous networks without biases cost the same. Closed forms go layer by layer: both kernels of
    /// 1000 points of dimension 100 at depth 3 with biases take 2.2 times as long (erf, GELU), more at
    /// greater depth. Every other activation goes pair by pair, 0.6 microseconds a pair and layer for clamps,
    /// 3 to 5 for smooth ones and the ELU family, 7 for softsign (0.4, 2 to 4 and 5 s for these kernels on
    /// two cores instead of 0.02), and up to 2 ms for functions of users by quadrature.
    Pair,
}

/// Points to a side of a tile that one thread works on: its products fit in the second-level cache.
pub(crate) const SIDE: usize = 288;

/// How rows and columns are cut into bands: after `side` of them each, but for the first band, which is
/// `lead` shorter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) side: usize,
    pub(crate) lead: usize,
}

impl Grid {
    fn bands(self, size: usize) -> usize {
        (size + self.lead).div_ceil(self.side)
    }

    pub(crate) fn range(self, band: usize, size: usize) -> Range<usize> {
        let start = (band * self.side).saturating_sub(self.lead);
        start..((band + 1) * self.side - self.lead).min(size)
    }

    /// The band of a row or column.
    pub(crate) fn band(self, index: usize) -> usize {
        (index + self.lead) / self.side
    }
}

/// A kernel matrix that is computed as it is asked for, tile by tile: from [`Network::tiles`] and its kin.
///
/// Of a symmetric matrix there are only the tiles on and below the diagonal, row of tiles by row of tiles.
/// Any tile can be asked for at any time and from any thread, and has the same bits as in the whole matrix.
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::kernel::KernelKind;
/// let rows: Vec<[f64; 2]> = (0..5).map(|i| [1.0, i as f64]).collect();
/// let x = Inputs::from_rows(&rows)?;
/// let net = Mlp::new(Relu);
/// let kernel = net.infinite_width(3)?;
/// let whole = kernel.ntk(&x)?;
/// for tile in kernel.tiles(&x, KernelKind::Ntk, 2)?.iter() {
///     let tile = tile?;
///     for (i, row) in tile.rows.clone().zip(tile.ntk.chunks(tile.columns.len())) {
///         for (j, entry) in tile.columns.clone().zip(row) {
///             assert_eq!(*entry, whole[(i, j)]);
///         }
///     }
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Tiles<'a, T: Scalar> {
    pairs: InputPairs<'a, T>,
    evaluator: Evaluator,
    which: KernelKind,
    side: usize,
}

/// Some rows by some columns of a kernel matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile<T> {
    /// Its rows in the matrix.
    pub rows: Range<usize>,
    /// Its columns.
    pub columns: Range<usize>,
    /// $K$, row by row; empty if it was not asked for.
    pub nngp: Vec<T>,
    /// $\Theta$, row by row; empty if it was not asked for.
    pub ntk: Vec<T>,
}

impl<'a, T: Scalar> Tiles<'a, T> {
    pub(crate) fn new(
        network: &Network,
        x: &'a Inputs<'a, T>,
        y: Option<&'a Inputs<'a, T>>,
        which: KernelKind,
        side: usize,
    ) -> Result<Self> {
        Self::scoped(network, (x, y), which, side, EntryScope::Call)
    }

    pub(crate) fn scoped(
        network: &Network,
        inputs: (&'a Inputs<'a, T>, Option<&'a Inputs<'a, T>>),
        which: KernelKind,
        side: usize,
        scope: EntryScope,
    ) -> Result<Self> {
        error::size("side", side)?;
        let passage = match scope {
            EntryScope::Call => Passage::Tabulated,
            EntryScope::Pair => Passage::PairByPair,
        };
        Self::passing(network, inputs, which, side, passage)
    }

    /// Without tables of all layers together, which are of no use for the diagonal alone.
    pub(crate) fn layer_by_layer(
        network: &Network,
        x: &'a Inputs<'a, T>,
        which: KernelKind,
    ) -> Result<Self> {
        Self::passing(network, (x, None), which, SIDE, Passage::LayerByLayer)
    }

    fn passing(
        network: &Network,
        (x, y): (&'a Inputs<'a, T>, Option<&'a Inputs<'a, T>>),
        which: KernelKind,
        side: usize,
        passage: Passage,
    ) -> Result<Self> {
        let pairs = InputPairs::new(x, y)?;
        let evaluator = Evaluator::new(network, &pairs, passage, which.ntk())?;
        Ok(Self {
            pairs,
            evaluator,
            which,
            side,
        })
    }

    pub(crate) fn pairs(&self) -> &InputPairs<'a, T> {
        &self.pairs
    }

    pub(crate) fn evaluator(&self) -> &Evaluator {
        &self.evaluator
    }

    pub(crate) fn which(&self) -> KernelKind {
        self.which
    }

    fn grid(&self) -> Grid {
        Grid {
            side: self.side,
            lead: 0,
        }
    }

    fn bands(&self, grid: Grid) -> (usize, usize) {
        (
            grid.bands(self.pairs.rows()),
            grid.bands(self.pairs.columns()),
        )
    }

    /// The number of tiles.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.count(self.grid())
    }

    /// The number of tiles of another grid.
    pub(crate) fn count(&self, grid: Grid) -> usize {
        let (rows, columns) = self.bands(grid);
        if self.pairs.is_symmetric() {
            rows * (rows + 1) / 2
        } else {
            rows * columns
        }
    }

    /// The rows and columns of tile `index`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an index beyond the last tile.
    pub fn ranges(&self, index: usize) -> Result<(Range<usize>, Range<usize>)> {
        if index >= self.len() {
            return Err(Error::invalid(
                "index",
                index,
                format!("less than the number of tiles, {}", self.len()),
            ));
        }
        let grid = self.grid();
        let (row, column) = if self.pairs.is_symmetric() {
            below_diagonal(index)
        } else {
            let columns = self.bands(grid).1;
            (index / columns, index % columns)
        };
        Ok(self.ranges_at(grid, row, column))
    }

    /// [`ranges`](Self::ranges) of tiles of another grid, in the order of columns of tiles.
    pub(crate) fn ranges_by_columns(
        &self,
        grid: Grid,
        index: usize,
    ) -> (Range<usize>, Range<usize>) {
        let rows = self.bands(grid).0;
        let (row, column) = if self.pairs.is_symmetric() {
            // rows of tiles from the last corner on
            let (row, column) = below_diagonal(self.count(grid) - 1 - index);
            (rows - 1 - column, rows - 1 - row)
        } else {
            (index % rows, index / rows)
        };
        self.ranges_at(grid, row, column)
    }

    fn ranges_at(&self, grid: Grid, row: usize, column: usize) -> (Range<usize>, Range<usize>) {
        (
            grid.range(row, self.pairs.rows()),
            grid.range(column, self.pairs.columns()),
        )
    }

    /// Tile `index`, computed on all threads.
    ///
    /// # Errors
    /// As [`ranges`](Self::ranges), and as the kernel.
    pub fn get(&self, index: usize) -> Result<Tile<T>> {
        let (rows, columns) = self.ranges(index)?;
        self.part(rows, columns)
    }

    /// Any rows by any columns, computed on all threads. Where they are the same, the part is symmetric to
    /// the bit.
    ///
    /// # Errors
    /// [`Error::Shape`] for ranges that are empty or reach beyond the matrix; as the kernel.
    ///
    /// ```
    /// use neural_limits::prelude::*;
    /// use neural_limits::kernel::KernelKind;
    /// let x = Inputs::from_rows(&[[1.0, 0.2], [0.3, 0.9], [-0.4, 0.1]])?;
    /// let kernel = Mlp::new(Relu).infinite_width(3)?;
    /// let tiles = kernel.tiles(&x, KernelKind::Nngp, 256)?;
    /// assert_eq!(tiles.part(2..3, 0..2)?.nngp[1], kernel.nngp(&x)?[(2, 1)]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Tile<T>> {
        let sizes = [self.pairs.rows(), self.pairs.columns()];
        for (range, size) in [&rows, &columns].into_iter().zip(sizes) {
            if range.is_empty() || range.end > size {
                return Err(Error::shape(
                    "the part of the kernel",
                    format!("rows or columns {range:?}"),
                    format!("some of the matrix's 0..{size}"),
                ));
            }
        }
        // blocks of the tile, row by row of blocks
        let split = |range: &Range<usize>| -> Vec<Range<usize>> {
            let starts = range.clone().step_by(SIDE);
            starts
                .map(|start| start..(start + SIDE).min(range.end))
                .collect()
        };
        let (row_blocks, column_blocks) = (split(&rows), split(&columns));
        let on_diagonal = self.pairs.is_symmetric() && rows == columns;
        let blocks: Vec<(&Range<usize>, &Range<usize>)> = row_blocks
            .iter()
            .flat_map(|row| column_blocks.iter().map(move |column| (row, column)))
            // the others are mirrored
            .filter(|(row, column)| !on_diagonal || column.start <= row.start)
            .collect();
        let parts = parallel::try_map(blocks.len(), |part| {
            let (row, column) = blocks[part];
            self.block(row.clone(), column.clone())
        })?;
        let size = rows.len() * columns.len();
        let empty = |wanted: bool| vec![T::zero(); if wanted { size } else { 0 }];
        let (mut nngp, mut ntk) = (empty(self.which.nngp()), empty(self.which.ntk()));
        for (kernels, (row, column)) in parts.into_iter().zip(blocks) {
            for (out, values, quantity) in [
                (&mut nngp, &kernels.nngp, "the NNGP kernel"),
                (&mut ntk, &kernels.ntk, "the neural tangent kernel"),
            ] {
                for (i, values) in row.clone().zip(values.chunks(column.len())) {
                    let start = (i - rows.start) * columns.len() + (column.start - columns.start);
                    narrow_into(quantity, values, &mut out[start..start + column.len()])?;
                }
            }
            self.give_back(kernels.nngp);
            self.give_back(kernels.ntk);
        }
        if on_diagonal {
            for values in [&mut nngp, &mut ntk] {
                mirror(values, 0, columns.len());
            }
        }
        Ok(Tile {
            rows,
            columns,
            nngp,
            ntk,
        })
    }

    /// Takes back the room of a block.
    pub(crate) fn give_back(&self, values: Vec<f64>) {
        self.pairs.room().numbers.give_back(values);
    }

    /// All tiles in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<Tile<T>>> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// A block of the matrix on one thread; a block that is cut by the diagonal of a symmetric matrix is
    /// symmetric to the bit.
    pub(crate) fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Entries> {
        let (first, count, stride) = (rows.start, rows.len(), columns.len());
        let on_diagonal = self.pairs.is_symmetric() && rows == columns;
        let buffer = |wanted: bool| {
            if wanted {
                self.pairs.room().numbers.take(count * stride)
            } else {
                Vec::new()
            }
        };
        let mut all = None;
        self.strips(rows, columns, |strip, width, entries| {
            if strip.len() == count {
                all = Some(entries);
                return Ok(());
            }
            let all = all.get_or_insert_with(|| Entries {
                nngp: buffer(self.which.nngp()),
                ntk: buffer(self.which.ntk()),
            });
            for (out, values) in [(&mut all.nngp, entries.nngp), (&mut all.ntk, entries.ntk)] {
                let rows = out.chunks_mut(stride).skip(strip.start - first);
                for (out, values) in rows.zip(values.chunks(width)) {
                    out[..width].copy_from_slice(values);
                }
                self.give_back(values);
            }
            Ok(())
        })?;
        let mut all = all.unwrap_or_default();
        if on_diagonal {
            mirror(&mut all.nngp, 0, stride);
            mirror(&mut all.ntk, 0, stride);
        }
        Ok(all)
    }

    /// The block strip by strip of rows, as they are computed: the rows of a strip, how many of the columns
    /// it has, and its entries. A strip of a block on the diagonal of a symmetric matrix ends with a square
    /// on the diagonal, which is symmetric to the bit.
    pub(crate) fn strips(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        mut each: impl FnMut(Range<usize>, usize, Entries) -> Result<()>,
    ) -> Result<()> {
        let on_diagonal = self.pairs.is_symmetric() && rows == columns;
        let room = self.pairs.room();
        let packed = self.pairs.packed(&columns);
        let height = self.evaluator.strip(rows.len());
        for start in rows.clone().step_by(height) {
            let strip = start..(start + height).min(rows.end);
            let columns = if on_diagonal {
                columns.start..strip.end
            } else {
                columns.clone()
            };
            let products = self.pairs.products(&strip, &packed, on_diagonal);
            let part = Part {
                rows: &strip,
                columns: &columns,
                products: &products,
                on_diagonal,
            };
            let mut entries = self.evaluator.evaluate(&self.pairs, part, self.which)?;
            room.numbers.give_back(products);
            if on_diagonal {
                let own = strip.start - columns.start;
                mirror(&mut entries.nngp, own, columns.len());
                mirror(&mut entries.ntk, own, columns.len());
            }
            each(strip, columns.len(), entries)?;
        }
        Ok(())
    }
}

/// Row and column of entry `index` on and below a diagonal, row by row.
fn below_diagonal(index: usize) -> (usize, usize) {
    // row r starts at entry r (r + 1)/2
    let mut row = (((8 * index + 1) as f64).sqrt() as usize).saturating_sub(1) / 2;
    while (row + 1) * (row + 2) / 2 <= index {
        row += 1;
    }
    while row * (row + 1) / 2 > index {
        row -= 1;
    }
    (row, index - row * (row + 1) / 2)
}

/// Values in the format of the result.
pub(crate) fn narrow_into<T: Scalar>(quantity: &str, values: &[f64], out: &mut [T]) -> Result<()> {
    check_range::<T>(quantity, values)?;
    write_nearest(values, out);
    Ok(())
}

/// Values in the format of the result, unchecked.
pub(crate) fn write_nearest<T: Scalar>(values: &[f64], out: &mut [T]) {
    vectorized(
        #[inline(always)]
        || {
            for (out, &value) in out.iter_mut().zip(values) {
                *out = T::nearest(value);
            }
        },
    );
}

/// Refuses values beyond the range of the format.
pub(crate) fn check_range<T: Scalar>(quantity: &str, values: &[f64]) -> Result<()> {
    let finite = vectorized(
        #[inline(always)]
        || {
            let all = values.iter();
            all.fold(true, |finite, &value| {
                finite & T::nearest(value).is_finite()
            })
        },
    );
    if finite {
        return Ok(());
    }
    // the first of them says what happened
    values
        .iter()
        .try_for_each(|&value| T::narrow(quantity, value).map(|_| ()))
}
