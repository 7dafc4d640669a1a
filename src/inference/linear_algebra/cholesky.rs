//! The Cholesky factor, in tiles.

use super::SIDE;
use crate::numerics::{Buffers, inner_products};
use crate::vectorized::vectorized;
use crate::{Result, parallel};

/// $A = L L^\top$ of a symmetric positive definite matrix, row by row of tiles.
///
/// An entry of $L$ is its entry of $A$ minus the products of two rows, tile by tile and then one by one: its
/// bits depend on the rows up to its own, not on how many follow, so that rows that are added later are those
/// of the whole matrix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cholesky {
    pub(super) size: usize,
    /// Of row of tiles $I$ the tiles $0, \ldots, I$, each row by row; what is beyond the size is 0.
    pub(super) rows: Vec<Vec<f64>>,
}

/// The first pivot that is not positive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pivot {
    pub(crate) index: usize,
    pub(crate) size: f64,
}

impl Cholesky {
    /// The number of rows.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn tile(&self, row: usize, column: usize) -> &[f64] {
        &self.rows[row][column * SIDE * SIDE..][..SIDE * SIDE]
    }

    /// Adds `count` rows, whose entries $A_{ij}$, $j \le i$, are `entry(i, j)`. After a pivot that is not
    /// positive the factor is as it was.
    pub(crate) fn append(
        &mut self,
        count: usize,
        entry: &(dyn Fn(usize, usize) -> f64 + Sync),
    ) -> Result<std::result::Result<(), Pivot>> {
        let (old, new) = (self.size, self.size + count);
        let (first, end) = (old / SIDE, new.div_ceil(SIDE));
        let buffers = Buffers::default();
        for row in self.rows.len()..end {
            self.rows.push(crate::numerics::zeros(
                "the Cholesky factor",
                SIDE,
                (row + 1) * SIDE,
            )?);
        }
        // the new rows of a row of tiles
        let lines = |row: usize| {
            let start = row * SIDE;
            (old.max(start) - start)..(new.min(start + SIDE) - start)
        };
        for column in 0..end {
            if column >= first {
                let lines = lines(column);
                let reduced = self.reduced(column, column, lines.clone(), entry, &buffers);
                let tile = &mut self.rows[column][column * SIDE * SIDE..];
                if let Err((line, size)) = factor_lines(tile, lines, &reduced) {
                    self.truncate(old);
                    let index = column * SIDE + line;
                    return Ok(Err(Pivot { index, size }));
                }
                buffers.give_back(reduced);
            }
            let below = first.max(column + 1);
            let solved = parallel::try_map(end.saturating_sub(below), |i| {
                let row = below + i;
                let mut reduced = self.reduced(row, column, lines(row), entry, &buffers);
                solve_lines(&mut reduced, self.tile(column, column), SIDE);
                Ok(reduced)
            })?;
            for (row, solved) in (below..).zip(solved) {
                let start = column * SIDE * SIDE + lines(row).start * SIDE;
                self.rows[row][start..start + solved.len()].copy_from_slice(&solved);
                buffers.give_back(solved);
            }
        }
        self.size = new;
        Ok(Ok(()))
    }

    /// Forgets rows beyond the first `size`.
    fn truncate(&mut self, size: usize) {
        self.size = size;
        self.rows.truncate(size.div_ceil(SIDE));
        if let Some(last) = self.rows.last_mut() {
            let kept = size - (size - 1) / SIDE * SIDE;
            for tile in last.chunks_exact_mut(SIDE * SIDE) {
                tile[kept * SIDE..].fill(0.0);
            }
        }
    }

    /// Some lines of a tile of $A$ minus the products of the tiles before it.
    fn reduced(
        &self,
        row: usize,
        column: usize,
        lines: std::ops::Range<usize>,
        entry: &(dyn Fn(usize, usize) -> f64 + Sync),
        buffers: &Buffers,
    ) -> Vec<f64> {
        let mut reduced = buffers.take(lines.len() * SIDE);
        for (line, out) in lines.clone().zip(reduced.chunks_exact_mut(SIDE)) {
            let i = row * SIDE + line;
            for (j, out) in (column * SIDE..).zip(out) {
                *out = if j <= i { entry(i, j) } else { 0.0 };
            }
        }
        for before in 0..column {
            let own = &self.tile(row, before)[lines.start * SIDE..lines.end * SIDE];
            subtract_products(&mut reduced, own, self.tile(column, before), buffers);
        }
        reduced
    }
}

/// Subtracts from lines of a tile the products of lines with the lines of another tile.
pub(super) fn subtract_products(lines: &mut [f64], own: &[f64], other: &[f64], buffers: &Buffers) {
    let products = inner_products(own, other, SIDE, false, buffers);
    {
        let products = &products[..];
        vectorized(
            #[inline(always)]
            || {
                for (out, product) in lines.iter_mut().zip(products) {
                    *out -= product;
                }
            },
        );
    }
    buffers.give_back(products);
}

/// $x \leftarrow L^{-1} x$ of lines $x$ of a tile, $L$ the first `width` rows and columns of a tile.
pub(super) fn solve_lines(lines: &mut [f64], factor: &[f64], width: usize) {
    let count = lines.len() / SIDE;
    if count == 0 {
        return;
    }
    let mut x = vec![0.0; width * count];
    for (i, line) in lines.chunks_exact(SIDE).enumerate() {
        for (column, &value) in x.chunks_exact_mut(count).zip(line) {
            column[i] = value;
        }
    }
    for j in 0..width {
        let (before, here) = x.split_at_mut(j * count);
        let here = &mut here[..count];
        let row = &factor[j * SIDE..][..=j];
        vectorized(
            #[inline(always)]
            || {
                for (column, &l) in before.chunks_exact(count).zip(row) {
                    for (x, y) in here.iter_mut().zip(column) {
                        *x -= l * y;
                    }
                }
                let pivot = row[j];
                for x in here.iter_mut() {
                    *x /= pivot;
                }
            },
        );
    }
    for (i, line) in lines.chunks_exact_mut(SIDE).enumerate() {
        for (value, column) in line.iter_mut().zip(x.chunks_exact(count)) {
            *value = column[i];
        }
    }
}

/// Cholesky's scheme for some lines of a tile on the diagonal, those before them being done. The line and
/// the size of the first pivot that is not positive.
fn factor_lines(
    tile: &mut [f64],
    lines: std::ops::Range<usize>,
    reduced: &[f64],
) -> std::result::Result<(), (usize, f64)> {
    for (line, reduced) in lines.zip(reduced.chunks_exact(SIDE)) {
        let (before, here) = tile.split_at_mut(line * SIDE);
        for j in 0..line {
            let row = &before[j * SIDE..][..=j];
            let mut rest = reduced[j];
            for (l, x) in row.iter().zip(&here[..j]) {
                rest -= l * x;
            }
            here[j] = rest / row[j];
        }
        let mut pivot = reduced[line];
        for x in &here[..line] {
            pivot -= x * x;
        }
        if pivot > 0.0 && pivot.is_finite() {
            here[line] = pivot.sqrt();
        } else {
            return Err((line, pivot));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// $A_{ij}$ of a well-conditioned matrix that fills several tiles.
    pub(in super::super) fn entry(i: usize, j: usize) -> f64 {
        let distance = i.abs_diff(j) as f64;
        (-0.3 * distance).exp() + if i == j { 0.1 } else { 0.0 }
    }

    pub(in super::super) fn factor(n: usize) -> Cholesky {
        let mut factor = Cholesky::default();
        factor.append(n, &entry).unwrap().unwrap();
        factor
    }

    #[test]
    fn rows_that_are_added_are_those_of_the_whole_to_the_bit() {
        let whole = factor(300);
        for parts in [&[1, 299][..], &[128, 172], &[100, 100, 100], &[299, 1]] {
            let mut grown = Cholesky::default();
            for &count in parts {
                grown.append(count, &entry).unwrap().unwrap();
            }
            assert_eq!(grown.rows, whole.rows);
        }
    }

    #[test]
    fn a_pivot_that_is_not_positive_leaves_the_factor_as_it_was() {
        for old in [3, 128, 200] {
            let mut grown = factor(old);
            let twice = |i: usize, j: usize| if i == old { entry(0, j) } else { entry(i, j) };
            let pivot = grown.append(1, &|i, j| if j == old { entry(0, 0) } else { twice(i, j) });
            assert_eq!(pivot.unwrap().unwrap_err().index, old);
            assert_eq!(grown.rows, factor(old).rows);
        }
    }
}
