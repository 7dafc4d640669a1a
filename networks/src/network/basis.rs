//! Orthonormal bases of what a layer has seen.

use nalgebra::DMatrix;

use super::signal::{Signal, blocks};
use crate::numerics::{Buffers, dot, inner_products, semidefinite_cholesky};
use crate::vectorized::vectorized;

/// Features of which less than this share is left, beside those before them, are linear combinations of them.
const DEPENDENT: f64 = 1e-13;

/// Features of which more than the root of this share is left are orthogonal to those before them within
/// 1e-9 of themselves after one factorisation of their products.
const INDEPENDENT: f64 = 1e-6;

/// An orthonormal basis $Q$ of the columns of features $H \in \mathbb R^{n \times m}$.
#[derive(Debug)]
pub(super) enum Basis {
    /// $Q = H R^{-1}$ with $H^\top H = R^\top R$, by $R^{-1}$.
    OfColumns(DMatrix<f64>),
    /// $Q$ itself, column by column.
    OfDirections(Vec<f64>, usize),
}

impl Basis {
    /// With the coefficients of the columns of the features in it: column $j$ of a matrix is that of column
    /// $j$. Equal columns have equal coefficients.
    pub(super) fn of(features: &Signal) -> (Self, DMatrix<f64>) {
        let values = features.values();
        let mut root = products(values, values, features.width(), &Buffers::default());
        let squares = root.diagonal();
        semidefinite_cholesky(&mut root);
        let left = root.diagonal().map(|left| left * left);
        let mut shares = left.iter().zip(&squares);
        if shares.all(|(left, square)| *left > INDEPENDENT * square) {
            let size = root.nrows();
            if let Some(inverse) = root.solve_lower_triangular(&DMatrix::identity(size, size)) {
                return (Self::OfColumns(inverse.transpose()), root.transpose());
            }
        }
        orthonormal(features)
    }

    /// The number of directions.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::OfColumns(inverse) => inverse.ncols(),
            Self::OfDirections(basis, width) => basis.len() / width,
        }
    }

    /// $Q^\top Y$, for columns $Y$.
    pub(super) fn products(&self, features: &Signal, y: &[f64], buffers: &Buffers) -> DMatrix<f64> {
        let width = features.width();
        match self {
            Self::OfColumns(inverse) => {
                inverse.transpose() * products(features.values(), y, width, buffers)
            }
            Self::OfDirections(basis, _) => products(basis, y, width, buffers),
        }
    }

    /// $Y + QA$.
    pub(super) fn add_to(&self, y: &mut [f64], features: &Signal, factors: DMatrix<f64>) {
        match self {
            Self::OfColumns(inverse) => {
                add_columns(y, features.values(), features.width(), &(inverse * factors))
            }
            Self::OfDirections(basis, width) => add_columns(y, basis, *width, &factors),
        }
    }
}

/// $X^\top Y$, for columns of the given length.
pub(super) fn products(x: &[f64], y: &[f64], length: usize, buffers: &Buffers) -> DMatrix<f64> {
    let (rows, columns) = (x.len() / length, y.len() / length);
    if rows == 0 {
        return DMatrix::zeros(0, columns);
    }
    let same = std::ptr::eq(x, y);
    let products = inner_products(x, y, length, same, buffers);
    DMatrix::from_row_slice(rows, columns, &products)
}

/// $Y + XA$, for columns of the given length.
pub(super) fn add_columns(y: &mut [f64], x: &[f64], length: usize, factors: &DMatrix<f64>) {
    for rows in blocks(length) {
        let columns = y.chunks_exact_mut(length).zip(factors.column_iter());
        for (y, factors) in columns {
            add(
                &mut y[rows.clone()],
                &x[rows.start..],
                length,
                factors.as_slice(),
            );
        }
    }
}

/// Adds to a part of a column those of the others times their factors, four at a time.
fn add(y: &mut [f64], x: &[f64], stride: usize, factors: &[f64]) {
    let size = y.len();
    let column = |k: usize| &x[k * stride..][..size];
    let (fours, rest) = factors.as_chunks::<4>();
    vectorized(
        #[inline(always)]
        || {
            for (k, [a, b, c, d]) in (0..).step_by(4).zip(fours) {
                let (first, second) = (column(k).iter().zip(column(k + 1)), column(k + 2));
                let others = first.zip(second.iter().zip(column(k + 3)));
                for (y, ((p, q), (r, s))) in y.iter_mut().zip(others) {
                    *y += (a * p + b * q) + (c * r + d * s);
                }
            }
            for (k, factor) in (4 * fours.len()..).zip(rest) {
                for (y, x) in y.iter_mut().zip(column(k)) {
                    *y += factor * x;
                }
            }
        },
    );
}

/// Gram and Schmidt's method with two projections.
fn orthonormal(features: &Signal) -> (Basis, DMatrix<f64>) {
    let (width, points) = (features.width(), features.points());
    let mut basis: Vec<f64> = Vec::new();
    let mut all: Vec<Vec<f64>> = Vec::with_capacity(points);
    for j in 0..points {
        let column = features.column(j);
        if let Some(i) = (0..j).find(|&i| features.column(i) == column) {
            all.push(all[i].clone());
            continue;
        }
        let length = dot(column, column).sqrt();
        let mut rest = column.to_vec();
        let mut coefficients = vec![0.0; basis.len() / width];
        for _ in 0..2 {
            for (own, direction) in coefficients.iter_mut().zip(basis.chunks_exact(width)) {
                let product = dot(&rest, direction);
                *own += product;
                add(&mut rest, direction, width, &[-product]);
            }
        }
        let left = dot(&rest, &rest).sqrt();
        if left > DEPENDENT * length {
            coefficients.push(left);
            basis.extend(rest.iter().map(|y| y / left));
        }
        all.push(coefficients);
    }
    let size = basis.len() / width;
    let coefficients = DMatrix::from_fn(size, points, |i, j| all[j].get(i).copied().unwrap_or(0.0));
    (Basis::OfDirections(basis, width), coefficients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    /// Columns that differ by a share of their length, of which one is zero or a copy where `dependent`.
    fn features(share: f64, dependent: bool) -> Signal {
        let mut signal = Signal::zeros(300, 6).unwrap();
        let mut rng = Seed::new(5).stream(0);
        let mut common = vec![0.0; 300];
        rng.fill_normals(&mut common);
        for j in 0..6 {
            let column = signal.column_mut(j);
            rng.fill_normals(column);
            for (y, common) in column.iter_mut().zip(&common) {
                *y = common + share * *y;
            }
        }
        if dependent {
            signal.column_mut(2).fill(0.0);
            let copied = signal.column(0).to_vec();
            signal.column_mut(4).copy_from_slice(&copied);
        }
        signal
    }

    #[test]
    fn a_basis_is_orthonormal_and_has_the_columns() {
        for (share, dependent, directions, tolerance) in [
            (1.0, false, false, 1e-14),
            (1.5e-3, false, false, 1e-9),
            (1e-6, false, true, 1e-14),
            (1.0, true, true, 1e-14),
            (1e-9, true, true, 1e-14),
        ] {
            let h = features(share, dependent);
            let (basis, coefficients) = Basis::of(&h);
            assert_eq!(matches!(basis, Basis::OfDirections(..)), directions);
            let size = basis.size();
            assert_eq!(size, if dependent { 4 } else { 6 });
            let mut q = vec![0.0; 300 * size];
            basis.add_to(&mut q, &h, DMatrix::identity(size, size));
            let error = basis.products(&h, &q, &Buffers::default()) - DMatrix::identity(size, size);
            assert!(error.amax() < tolerance, "{share}: {}", error.amax());
            let mut again = vec![0.0; 300 * 6];
            add_columns(&mut again, &q, 300, &coefficients);
            for (y, again) in h.values().iter().zip(&again) {
                assert!((y - again).abs() < 4e-14, "{share}: {y} {again}");
            }
            if dependent {
                assert_eq!(coefficients.column(4), coefficients.column(0));
            }
        }
    }
}
