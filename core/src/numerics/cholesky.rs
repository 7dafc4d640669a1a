//! Square roots of positive semi-definite matrices.

use nalgebra::DMatrix;

/// Overwrites the lower triangle of `matrix` with $R$, $R R^\top$ = `matrix`, and the rest with zeros.
///
/// Covariances of features are singular whenever two inputs coincide or a column of ReLU features vanishes,
/// which a plain Cholesky factorisation refuses. A pivot below $4 m$ units of rounding of its diagonal entry
/// is taken to be zero with its column, and so is any entry of that size:
/// $\lVert R R^\top - A \rVert \le O(m \epsilon) \lVert A \rVert$, and equal inputs stay equal.
pub fn semidefinite_cholesky(matrix: &mut DMatrix<f64>) {
    let size = matrix.nrows();
    semidefinite_cholesky_by_columns(matrix.as_mut_slice(), size);
}

/// [`semidefinite_cholesky`] of the columns of a matrix, one after the other.
#[inline(always)]
pub fn semidefinite_cholesky_by_columns(entries: &mut [f64], size: usize) {
    let at = |i: usize, j: usize| j * size + i;
    let threshold = 4.0 * size as f64 * f64::EPSILON;
    for j in 0..size {
        let diagonal = entries[at(j, j)];
        let mut pivot = diagonal;
        for k in 0..j {
            pivot -= entries[at(j, k)] * entries[at(j, k)];
        }
        let root = if pivot > threshold * diagonal {
            pivot.sqrt()
        } else {
            0.0
        };
        for i in 0..j {
            entries[at(i, j)] = 0.0;
        }
        entries[at(j, j)] = root;
        for i in j + 1..size {
            if root == 0.0 {
                entries[at(i, j)] = 0.0;
                continue;
            }
            let mut entry = entries[at(i, j)];
            for k in 0..j {
                entry -= entries[at(i, k)] * entries[at(j, k)];
            }
            // Equal inputs must get equal rows to the bit: one equal to input j has entry = pivot, and one
            // equal to an input before j has an entry that is rounding alone.
            let rounding = threshold * diagonal.sqrt() * entries[at(i, i)].sqrt();
            entries[at(i, j)] = if entry == pivot {
                root
            } else if entry.abs() <= rounding {
                0.0
            } else {
                entry / root
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: DMatrix<f64>) -> DMatrix<f64> {
        let mut r = a.clone();
        semidefinite_cholesky(&mut r);
        assert!((&r * r.transpose() - &a).amax() <= 1e-15 * a.amax());
        r
    }

    #[test]
    fn definite_singular_and_zero_matrices_are_factored() {
        check(DMatrix::from_row_slice(2, 2, &[4.0, 1.0, 1.0, 3.0]));
        let r = check(DMatrix::from_row_slice(
            3,
            3,
            &[2.0, 2.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 5.0],
        ));
        assert_eq!(r.row(0), r.row(1), "equal inputs stay equal");
        check(DMatrix::from_row_slice(
            3,
            3,
            &[0.0, 0.0, 0.0, 0.0, 2.0, -1.0, 0.0, -1.0, 5.0],
        ));
        check(DMatrix::zeros(2, 2));
        check(DMatrix::from_element(1, 1, 1e-300));
    }
}
