//! Products and exponentials of matrices, with the same bits on every machine: those of `nalgebra` use
//! fused multiplications and additions where the machine has them.

use nalgebra::DMatrix;

use super::{Buffers, inner_products};
use crate::{Error, Result};

/// Numerator of the Padé approximant of $e^x$ of degrees 13 and 13; the denominator has alternating signs.
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];

/// Norms up to which its error is that of rounding.
const LARGEST: f64 = 5.371_920_351_148_152;

/// $A B$.
pub fn matrix_product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    if a.ncols() == 0 {
        return DMatrix::zeros(a.nrows(), b.ncols());
    }
    // row by row of the transpose is column by column
    let (columns, rows) = (b.as_slice(), a.transpose());
    let values = inner_products(
        columns,
        rows.as_slice(),
        a.ncols(),
        false,
        &Buffers::default(),
    );
    DMatrix::from_vec(a.nrows(), b.ncols(), values)
}

/// $e^A$ by a Padé approximant at $2^{-s} A$ and $s$ squarings (N. Higham 2005, "The scaling and squaring
/// method for the matrix exponential revisited", algorithm 2.3 with degree 13 throughout).
///
/// # Errors
/// [`Error::Overflow`].
pub fn matrix_exponential(matrix: &DMatrix<f64>) -> Result<DMatrix<f64>> {
    let overflow = || Error::overflow("the exponential of a matrix");
    let sums = matrix.column_iter().map(|column| column.lp_norm(1));
    let norm = sums.fold(0.0, f64::max);
    if !norm.is_finite() || matrix.iter().any(|entry| entry.is_nan()) {
        return Err(overflow());
    }
    let squarings = (norm / LARGEST).log2().ceil().max(0.0) as i32;
    let scaled = matrix * 0.5_f64.powi(squarings);
    let identity = DMatrix::identity(matrix.nrows(), matrix.nrows());
    let second = matrix_product(&scaled, &scaled);
    let fourth = matrix_product(&second, &second);
    let sixth = matrix_product(&second, &fourth);
    // of the even powers, from that of index `low` on
    let sum = |low: usize| {
        let outer = &sixth * PADE[low + 12] + &fourth * PADE[low + 10] + &second * PADE[low + 8];
        let inner = &sixth * PADE[low + 6]
            + &fourth * PADE[low + 4]
            + &second * PADE[low + 2]
            + &identity * PADE[low];
        matrix_product(&sixth, &outer) + inner
    };
    let (even, odd) = (sum(0), matrix_product(&scaled, &sum(1)));
    let solved = (&even - &odd).lu().solve(&(even + odd));
    let mut out = solved.ok_or_else(overflow)?;
    for _ in 0..squarings {
        out = matrix_product(&out, &out);
    }
    if out.iter().all(|entry| entry.is_finite()) {
        Ok(out)
    } else {
        Err(overflow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_library() {
        for (m, n, k) in [(1, 1, 1), (3, 40, 2), (9, 0, 2), (30, 7, 60)] {
            let a = DMatrix::from_fn(m, n, |i, j| (i as f64 - 0.7 * j as f64).sin());
            let b = DMatrix::from_fn(n, k, |i, j| (i as f64 + 1.3 * j as f64).cos());
            assert!((matrix_product(&a, &b) - a * b).amax() < 1e-13);
        }
    }

    /// $e^{t(\lambda + N)} = e^{\lambda t}(1 + tN + t^2 N^2/2 + \dots)$ of a Jordan block, and a rotation.
    #[test]
    fn exponentials_are_those_in_closed_form() {
        for time in [0.0, 1e-3, 1.0, 7.0, 60.0] {
            let block = DMatrix::from_fn(6, 6, |i, j| match j.wrapping_sub(i) {
                0 => -0.5,
                1 => 1.0,
                _ => 0.0,
            });
            let found = matrix_exponential(&(block * time)).unwrap();
            for (i, j) in (0..6_usize).flat_map(|i| (0..6_usize).map(move |j| (i, j))) {
                let terms = (1..=j.saturating_sub(i)).map(|k| time / k as f64);
                let exact = terms.product::<f64>() * (-0.5 * time).exp();
                let exact = if j < i { 0.0 } else { exact };
                let scale = time.max(1.0).powi(5) * (-0.5 * time).exp();
                assert!(
                    (found[(i, j)] - exact).abs() < 1e-13 * scale,
                    "{time} {i} {j}"
                );
            }
            let turn = DMatrix::from_row_slice(2, 2, &[0.0, -time, time, 0.0]);
            let found = matrix_exponential(&turn).unwrap();
            assert!((found[(0, 0)] - time.cos()).abs() < 1e-13);
            assert!((found[(1, 0)] - time.sin()).abs() < 1e-13);
        }
        let large = DMatrix::from_element(1, 1, 710.0);
        assert!(matches!(
            matrix_exponential(&large),
            Err(Error::Overflow { .. })
        ));
        let nan = DMatrix::from_element(1, 1, f64::NAN);
        assert!(matches!(
            matrix_exponential(&nan),
            Err(Error::Overflow { .. })
        ));
    }
}
