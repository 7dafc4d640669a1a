//! What a Cholesky factor solves.

use nalgebra::DMatrix;

use super::cholesky::{Cholesky, solve_lines, subtract_products};
use super::{SIDE, products};
use crate::numerics::Buffers;
use crate::vectorized::vectorized;
use crate::{Result, parallel};

impl Cholesky {
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

    /// $x \leftarrow A^{-1} x$.
    pub(crate) fn solve(&self, x: &mut [f64]) {
        self.forward(x);
        self.backward(x);
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

    /// $A x$ from the factor.
    pub(super) fn multiply(&self, x: &[f64]) -> Vec<f64> {
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

    /// $A^{-1}$, symmetric to the bit.
    pub(crate) fn inverse(&self) -> Result<DMatrix<f64>> {
        let n = self.size;
        let columns = self.solve_rows(n, &|i, j| if i == j { 1.0 } else { 0.0 })?;
        // row i of L^{-T}: the inverse is the matrix of their products
        let inverse = products(&columns, n, n)?;
        Ok(DMatrix::from_vec(n, n, inverse))
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DVector;

    use super::super::cholesky::tests::{entry, factor};
    use super::*;

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
}
