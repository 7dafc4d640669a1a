//! A kernel matrix whose tiles are shared by ranks.

use std::ops::Range;

use super::Ranks;
use crate::inference::{CovarianceFunction, KernelOperator, TiledKernel};
use crate::{Inputs, Result, Scalar};
use nalgebra::{DMatrix, DVector};

/// Tiles of one rank whose products are held before they are sent.
const TOGETHER: usize = 256;

/// $K(X, X)$ in tiles, of which each rank holds and computes those of its number, as a [`KernelOperator`]
/// with the bits of a [`TiledKernel`] of one process, whatever the number of ranks.
///
/// Tile $(I, J)$ on or below the diagonal gives two summands of a product, $K_{IJ} V_J$ and, off the
/// diagonal, $K_{JI} V_I$. The rows of a band $I$ belong to the rank $I \bmod p$: summands go there, are
/// added in the order of the tiles' numbers, and the sums go to all. So a product of $n \times k$ numbers
/// with $b$ bands sends at most $n k b$ numbers in all for the summands and $n k (p - 1)$ for the sums,
/// beside $n^2 k$ multiplications and additions: a share $\approx b/n$, one in the side of a tile. Half as
/// much for the tiles as whole rows of tiles for each rank would cost, which need the sums alone to be sent.
///
/// All methods are collective: every rank calls them with the same numbers, in the same order.
#[derive(Debug)]
pub struct SharedKernel<'a, T: Scalar = f64> {
    tiles: TiledKernel<'a, T>,
    ranks: &'a Ranks,
}

impl<'a, T: Scalar> SharedKernel<'a, T> {
    /// Of a covariance function and points, with tiles of so many rows and columns, and on each rank `budget`
    /// bytes for those that it keeps.
    ///
    /// # Errors
    /// As [`TiledKernel::shared`].
    pub fn new(
        ranks: &'a Ranks,
        kernel: &'a dyn CovarianceFunction,
        x: &'a Inputs<'a>,
        budget: usize,
        side: usize,
    ) -> Result<Self> {
        let (rank, count) = (ranks.rank(), ranks.count());
        Ok(Self {
            tiles: TiledKernel::shared(kernel, x, budget, side, rank, count)?,
            ranks,
        })
    }

    /// The tiles of this rank.
    pub fn tiles(&self) -> &TiledKernel<'a, T> {
        &self.tiles
    }

    /// The rank to which the rows of a band belong.
    fn owner(&self, band: usize) -> usize {
        band % self.ranks.count()
    }

    /// Adds the summands of some tiles to the rows of this rank.
    fn add(
        &self,
        tiles: Range<usize>,
        vectors: &DMatrix<f64>,
        product: &mut DMatrix<f64>,
    ) -> Result<()> {
        let (ranks, k) = (self.ranks.count(), vectors.ncols());
        let own: Vec<usize> = self.tiles.own_tiles(tiles.clone()).collect();
        let mut sent = vec![Vec::new(); ranks];
        for summand in self.tiles.summands(&own, vectors)? {
            sent[self.owner(summand.band)].extend(summand.values);
        }
        // the summands for this rank: who sends them, and for which rows
        let expected: Vec<(usize, usize)> = tiles
            .flat_map(|tile| {
                let bands = self.tiles.bands_of(tile);
                bands.map(move |band| (tile % ranks, band))
            })
            .filter(|(_, band)| self.owner(*band) == self.ranks.rank())
            .collect();
        let size = |band: usize| self.tiles.band(band).len() * k;
        let mut counts = vec![0; ranks];
        for &(source, band) in &expected {
            counts[source] += size(band);
        }
        let received = self.ranks.exchange(&sent, &counts)?;
        let mut rest: Vec<&[f64]> = received.iter().map(Vec::as_slice).collect();
        for (source, band) in expected {
            let (values, others) = rest[source].split_at(size(band));
            rest[source] = others;
            self.tiles.add(product, band, values)?;
        }
        Ok(())
    }

    /// The numbers of all bands, `count` for each row, from those that this rank has of its own bands.
    fn gathered(&self, own: &[f64], count: usize) -> Result<Vec<Vec<f64>>> {
        let mut counts = vec![0; self.ranks.count()];
        let size = |band: usize| self.tiles.band(band).len() * count;
        for band in 0..self.tiles.bands() {
            counts[self.owner(band)] += size(band);
        }
        let all = self.ranks.gather(own, &counts)?;
        let mut rest: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
        Ok((0..self.tiles.bands())
            .map(|band| {
                let rest = &mut rest[self.owner(band)];
                let (values, others) = rest.split_at(size(band));
                *rest = others;
                values.to_vec()
            })
            .collect())
    }

    fn own_bands(&self) -> impl Iterator<Item = usize> {
        self.ranks.own(self.tiles.bands())
    }
}

impl<T: Scalar> KernelOperator for SharedKernel<'_, T> {
    fn diagonal(&self) -> &DVector<f64> {
        self.tiles.diagonal()
    }

    fn row(&self, i: usize) -> Result<DVector<f64>> {
        let mut own = Vec::new();
        for band in self.own_bands() {
            own.extend(self.tiles.row_in(band, i)?);
        }
        Ok(DVector::from_vec(self.gathered(&own, 1)?.concat()))
    }

    fn times(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let k = vectors.ncols();
        let mut product = DMatrix::zeros(self.tiles.points(), k);
        let (count, step) = (self.tiles.count(), TOGETHER * self.ranks.count());
        for first in (0..count).step_by(step) {
            self.add(first..count.min(first + step), vectors, &mut product)?;
        }
        let mut own = Vec::new();
        for band in self.own_bands() {
            let rows = self.tiles.band(band);
            own.extend(product.rows(rows.start, rows.len()).iter());
        }
        for (band, values) in self.gathered(&own, k)?.into_iter().enumerate() {
            let rows = self.tiles.band(band);
            let mut part = product.rows_mut(rows.start, rows.len());
            part.copy_from_slice(&values);
        }
        Ok(product)
    }
}
