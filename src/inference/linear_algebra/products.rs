//! Products of matrices, each entry by [`inner_products`], so with the same bits on every machine.

use nalgebra::DMatrix;

use super::SIDE;
use crate::numerics::{Buffers, inner_products};
use crate::{Result, parallel};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_library() {
        for (m, n, k) in [(1, 1, 1), (3, 200, 2), (130, 7, 260)] {
            let a = DMatrix::from_fn(m, n, |i, j| (i as f64 - 0.7 * j as f64).sin());
            let b = DMatrix::from_fn(n, k, |i, j| (i as f64 + 1.3 * j as f64).cos());
            assert!((product(&a, &b).unwrap() - a * b).amax() < 1e-12);
        }
    }
}
