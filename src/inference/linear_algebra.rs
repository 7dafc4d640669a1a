//! The factorisations that inference and training stand on: a Cholesky factor in tiles, to which rows can be
//! added, and eigenvectors of symmetric matrices.

use nalgebra::{DMatrix, DVector};

use crate::numerics::{Buffers, inner_products};
use crate::vectorized::vectorized;
use crate::{Error, Result, parallel};

/// Rows and columns of a tile.
const SIDE: usize = 128;

/// Steps of the iterations that estimate the extreme eigenvalues.
const STEPS: usize = 4;

/// $A = L L^\top$ of a symmetric positive definite matrix, row by row of tiles.
///
/// An entry of $L$ is its entry of $A$ minus the products of two rows, tile by tile and then one by one: its
/// bits depend on the rows up to its own, not on how many follow, so that rows that are added later are those
/// of the whole matrix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cholesky {
    size: usize,
    /// Of row of tiles $I$ the tiles $0, \ldots, I$, each row by row; what is beyond the size is 0.
    rows: Vec<Vec<f64>>,
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

    fn tile(&self, row: usize, column: usize) -> &[f64] {
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

    /// $L^{-1} a$ of the rows $a$ of a matrix with entries `entry(i, j)`, row by row.
    pub(crate) fn solve_rows(
        &self,
        count: usize,
        entry: &(dyn Fn(usize, usize) -> f64 + Sync),
    ) -> Result<Vec<f64>> {
        let n = self.size;
        let buffers = Buffers::default();
        let parts = parallel::try_map(count.div_ceil(SIDE), |part| {
            let lines = part * SIDE..count.min((part + 1) * SIDE);
            let mut solved: Vec<Vec<f64>> = Vec::with_capacity(self.rows.len());
            for column in 0..self.rows.len() {
                let width = SIDE.min(n - column * SIDE);
                let mut reduced = buffers.take(lines.len() * SIDE);
                for (i, out) in lines.clone().zip(reduced.chunks_exact_mut(SIDE)) {
                    out.fill(0.0);
                    for (j, out) in (column * SIDE..n).zip(out) {
                        *out = entry(i, j);
                    }
                }
                for (before, own) in solved.iter().enumerate() {
                    subtract_products(&mut reduced, own, self.tile(column, before), &buffers);
                }
                solve_lines(&mut reduced, self.tile(column, column), width);
                solved.push(reduced);
            }
            let mut rows = crate::numerics::zeros("the solution", lines.len(), n)?;
            for (line, out) in rows.chunks_exact_mut(n).enumerate() {
                for (out, tile) in out.chunks_mut(SIDE).zip(&solved) {
                    out.copy_from_slice(&tile[line * SIDE..][..out.len()]);
                }
            }
            for tile in solved {
                buffers.give_back(tile);
            }
            Ok(rows)
        })?;
        Ok(parts.concat())
    }

    /// $x \leftarrow L^{-1} x$.
    pub(crate) fn forward(&self, x: &mut [f64]) {
        for i in 0..self.size {
            let (block, line) = (i / SIDE, i % SIDE);
            let (before, here) = x.split_at_mut(i);
            let mut rest = here[0];
            for (k, part) in before.chunks(SIDE).enumerate() {
                let row = &self.tile(block, k)[line * SIDE..][..part.len()];
                rest -= crate::numerics::dot(row, part);
            }
            here[0] = rest / self.tile(block, block)[line * SIDE + line];
        }
    }

    /// $x \leftarrow L^{-\top} x$.
    pub(crate) fn backward(&self, x: &mut [f64]) {
        for i in (0..self.size).rev() {
            let (block, line) = (i / SIDE, i % SIDE);
            let (before, here) = x.split_at_mut(i);
            here[0] /= self.tile(block, block)[line * SIDE + line];
            self.add_row(block, line, -here[0], before);
        }
    }

    /// Adds a multiple of the entries of a row before the diagonal.
    fn add_row(&self, block: usize, line: usize, factor: f64, x: &mut [f64]) {
        for (k, part) in x.chunks_mut(SIDE).enumerate() {
            let row = &self.tile(block, k)[line * SIDE..][..part.len()];
            vectorized(
                #[inline(always)]
                || {
                    for (x, l) in part.iter_mut().zip(row) {
                        *x += factor * l;
                    }
                },
            );
        }
    }

    /// $x \leftarrow A^{-1} x$.
    pub(crate) fn solve(&self, x: &mut [f64]) {
        self.forward(x);
        self.backward(x);
    }

    /// $A x$ from the factor.
    fn multiply(&self, x: &[f64]) -> Vec<f64> {
        let mut up = vec![0.0; self.size];
        for (i, &factor) in x.iter().enumerate() {
            let (block, line) = (i / SIDE, i % SIDE);
            self.add_row(block, line, factor, &mut up[..=i]);
        }
        let product = |i: usize| -> f64 {
            let (block, line) = (i / SIDE, i % SIDE);
            let parts = up[..=i].chunks(SIDE).enumerate();
            parts
                .map(|(k, part)| {
                    let row = &self.tile(block, k)[line * SIDE..][..part.len()];
                    crate::numerics::dot(row, part)
                })
                .sum()
        };
        (0..self.size).map(product).collect()
    }

    /// The smallest and the largest eigenvalue of $A$, by four steps of inverse and of power iteration on the
    /// factor: $O(n^2)$. The first is estimated from above, the second from below, both within a factor
    /// $\sqrt n$ at worst and a few percent as a rule.
    pub(crate) fn extreme_eigenvalues(&self) -> (f64, f64) {
        // neither smooth nor symmetric, and the same on every machine
        let start = |share: f64| -> Vec<f64> {
            let golden = |i: usize| (0.618_033_988_749_894_9 * (i + 1) as f64).fract();
            (0..self.size).map(|i| golden(i) - share).collect()
        };
        let growth = |mut x: Vec<f64>, step: &dyn Fn(&mut Vec<f64>)| {
            let mut growth = 0.0;
            for _ in 0..STEPS {
                let before = norm(&x);
                x.iter_mut().for_each(|x| *x /= before);
                step(&mut x);
                growth = norm(&x);
            }
            growth
        };
        let largest = growth(start(-0.5), &|x| *x = self.multiply(x));
        let smallest = 1.0 / growth(start(0.5), &|x| self.solve(x));
        (smallest, largest)
    }

    /// The smallest pivot and its row.
    pub(crate) fn smallest_pivot(&self) -> Pivot {
        let pivot = |index: usize| {
            let (block, line) = (index / SIDE, index % SIDE);
            let size = self.tile(block, block)[line * SIDE + line].powi(2);
            Pivot { index, size }
        };
        let pivots = (0..self.size).map(pivot);
        let least = pivots.min_by(|a, b| a.size.total_cmp(&b.size));
        least.unwrap_or(Pivot {
            index: 0,
            size: 0.0,
        })
    }

    /// $\log \det A$.
    pub(crate) fn log_determinant(&self) -> f64 {
        let logs = (0..self.size).map(|i| {
            let (block, line) = (i / SIDE, i % SIDE);
            self.tile(block, block)[line * SIDE + line].ln()
        });
        2.0 * logs.sum::<f64>()
    }

    /// $A^{-1}$, symmetric to the bit.
    pub(crate) fn inverse(&self) -> Result<DMatrix<f64>> {
        let n = self.size;
        let columns = self.solve_rows(n, &|i, j| if i == j { 1.0 } else { 0.0 })?;
        // row i of L^{-T}: the inverse is the matrix of their products
        let inverse = products(&columns, n, n)?;
        Ok(DMatrix::from_vec(n, n, inverse))
    }
}

/// Without overflow or underflow of the squares.
fn norm(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let squares = x.iter().map(|x| (x / largest).powi(2));
    largest * squares.sum::<f64>().sqrt()
}

/// $X X^\top$ of `count` rows of the given dimension, symmetric to the bit.
pub(crate) fn products(rows: &[f64], count: usize, dimension: usize) -> Result<Vec<f64>> {
    let blocks = count.div_ceil(SIDE);
    let buffers = Buffers::default();
    let lines = |block: usize| block * SIDE..count.min((block + 1) * SIDE);
    let points = |block: usize| &rows[lines(block).start * dimension..lines(block).end * dimension];
    let tiles: Vec<(usize, usize)> = (0..blocks)
        .flat_map(|i| (0..=i).map(move |j| (i, j)))
        .collect();
    let values = parallel::try_map(tiles.len(), |tile| {
        let (i, j) = tiles[tile];
        Ok(inner_products(
            points(i),
            points(j),
            dimension,
            i == j,
            &buffers,
        ))
    })?;
    let mut out = crate::numerics::zeros("the matrix of products", count, count)?;
    for ((row, column), values) in tiles.into_iter().zip(values) {
        let width = lines(column).len();
        for (i, line) in lines(row).zip(values.chunks_exact(width)) {
            for (j, &value) in lines(column).zip(line) {
                out[i * count + j] = value;
                out[j * count + i] = value;
            }
        }
    }
    Ok(out)
}

/// $A^\top B$, each entry by [`inner_products`], so with the same bits on every machine.
pub(crate) fn transposed_product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let (dimension, m, k) = (a.nrows(), a.ncols(), b.ncols());
    let buffers = Buffers::default();
    let (rows, columns) = (m.div_ceil(SIDE), k.div_ceil(SIDE));
    let block = |block: usize, count: usize| block * SIDE..count.min((block + 1) * SIDE);
    let tiles = parallel::try_map(rows * columns, |tile| {
        let (i, j) = (block(tile / columns, m), block(tile % columns, k));
        // row by row of the transpose is column by column
        let x = &b.as_slice()[j.start * dimension..j.end * dimension];
        let y = &a.as_slice()[i.start * dimension..i.end * dimension];
        Ok(inner_products(x, y, dimension, false, &buffers))
    })?;
    let mut out = crate::numerics::zeros("the product of matrices", m, k)?;
    for (tile, values) in tiles.into_iter().enumerate() {
        let (i, j) = (block(tile / columns, m), block(tile % columns, k));
        for (column, values) in j.zip(values.chunks_exact(i.len())) {
            out[column * m + i.start..][..i.len()].copy_from_slice(values);
        }
    }
    Ok(DMatrix::from_vec(m, k, out))
}

/// $A B$, as [`transposed_product`].
pub(crate) fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    transposed_product(&a.transpose(), b)
}

/// Subtracts from lines of a tile the products of lines with the lines of another tile.
fn subtract_products(lines: &mut [f64], own: &[f64], other: &[f64], buffers: &Buffers) {
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
fn solve_lines(lines: &mut [f64], factor: &[f64], width: usize) {
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

/// Eigenvalues and eigenvectors (as columns) of a symmetric matrix.
///
/// # Errors
/// [`Error::NotConverged`]; [`Error::Overflow`].
pub(crate) fn symmetric_eigen(matrix: DMatrix<f64>) -> Result<(DVector<f64>, DMatrix<f64>)> {
    let rotations = 1000 * matrix.nrows().max(10);
    match nalgebra::SymmetricEigen::try_new(matrix, f64::EPSILON, rotations) {
        Some(eigen) if eigen.eigenvalues.iter().all(|value| value.is_finite()) => {
            Ok((eigen.eigenvalues, eigen.eigenvectors))
        }
        Some(_) => Err(Error::overflow("the eigenvalues of the kernel")),
        None => Err(Error::NotConverged {
            what: "the eigenvalues of the kernel".to_owned(),
            reached: f64::INFINITY,
            tolerance: f64::EPSILON,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $A_{ij}$ of a well-conditioned matrix that fills several tiles.
    fn entry(i: usize, j: usize) -> f64 {
        let distance = i.abs_diff(j) as f64;
        (-0.3 * distance).exp() + if i == j { 0.1 } else { 0.0 }
    }

    fn factor(n: usize) -> Cholesky {
        let mut factor = Cholesky::default();
        factor.append(n, &entry).unwrap().unwrap();
        factor
    }

    #[test]
    fn the_factor_reconstructs_the_matrix_and_inverts_it() {
        for n in [1, 5, 127, 128, 129, 300] {
            let factor = factor(n);
            let matrix = DMatrix::from_fn(n, n, entry);
            let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let y = &matrix * DVector::from_vec(x.clone());
            let from_factor = factor.multiply(&x);
            let mut back = y.as_slice().to_vec();
            factor.solve(&mut back);
            for i in 0..n {
                assert!((from_factor[i] - y[i]).abs() < 1e-13);
                assert!((back[i] - x[i]).abs() < 1e-13);
            }
            let identity = factor.inverse().unwrap() * matrix;
            assert!((identity - DMatrix::identity(n, n)).amax() < 1e-13);
        }
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

    #[test]
    fn products_are_those_of_the_library() {
        for (m, n, k) in [(1, 1, 1), (3, 200, 2), (130, 7, 260)] {
            let a = DMatrix::from_fn(m, n, |i, j| (i as f64 - 0.7 * j as f64).sin());
            let b = DMatrix::from_fn(n, k, |i, j| (i as f64 + 1.3 * j as f64).cos());
            assert!((product(&a, &b).unwrap() - a * b).amax() < 1e-12);
        }
    }

    #[test]
    fn extreme_eigenvalues_are_estimated_from_inside() {
        let factor = factor(200);
        let exact = DMatrix::from_fn(200, 200, entry).symmetric_eigenvalues();
        let (smallest, largest) = factor.extreme_eigenvalues();
        assert!(smallest >= exact.min() && smallest < 1.3 * exact.min());
        assert!(largest <= exact.max() && largest > exact.max() / 1.3);
    }
}
