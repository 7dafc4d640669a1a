//! The transpose of a strip of a kernel, written to its place in a matrix by squares.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use crate::Scalar;

/// The side of a square: a line of the cache.
const SQUARE: usize = 8;

/// The side of the squares that are transposed in registers.
const IN_REGISTERS: usize = 4;

/// Writes a strip of `stride` columns, row by row in `values`, to the rows `row` of columns of `height`
/// entries each; whether all are finite in the format of the result.
pub(super) fn write_transposed<T: Scalar>(
    values: &[f64],
    stride: usize,
    columns: &mut [T],
    height: usize,
    row: &Range<usize>,
) -> bool {
    let strip = Strip {
        values,
        stride,
        columns,
        height,
        row,
    };
    // vectors of four entries, where there are larger ones as well
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, strip);
    }
    Arch::new().dispatch(strip)
}

struct Strip<'a, T> {
    values: &'a [f64],
    stride: usize,
    columns: &'a mut [T],
    height: usize,
    row: &'a Range<usize>,
}

impl<T: Scalar> WithSimd for Strip<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let (first, last, stride) = (self.row.start, self.row.end, self.stride);
        let mut is_finite = true;
        let groups = self.columns.chunks_mut(SQUARE * self.height);
        for (columns, j) in groups.zip((0..stride).step_by(SQUARE)) {
            let rows = self.values.chunks(SQUARE * stride);
            for (values, i) in rows.zip((first..).step_by(SQUARE)) {
                let columns = columns.chunks_exact_mut(self.height);
                if i + SQUARE <= last && j + SQUARE <= stride {
                    let square = transposed(simd, values, stride, j);
                    for (line, column) in square.iter().zip(columns) {
                        let line = line.map(T::nearest);
                        for entry in &line {
                            is_finite &= entry.is_finite();
                        }
                        column[i..i + SQUARE].copy_from_slice(&line);
                    }
                } else {
                    for (k, column) in columns.enumerate() {
                        let values = values[j..].iter().skip(k).step_by(stride);
                        for (out, &value) in column[i..last].iter_mut().zip(values) {
                            *out = T::nearest(value);
                            is_finite &= out.is_finite();
                        }
                    }
                }
            }
        }
        is_finite
    }
}

/// The transpose of the square from column `j` on.
#[inline(always)]
fn transposed<S: Simd>(
    simd: S,
    values: &[f64],
    stride: usize,
    j: usize,
) -> [[f64; SQUARE]; SQUARE] {
    let mut out = [[0.0; SQUARE]; SQUARE];
    if S::F64_LANES == IN_REGISTERS {
        for right in [0, IN_REGISTERS] {
            for down in [0, IN_REGISTERS] {
                let rows: [S::f64s; IN_REGISTERS] = std::array::from_fn(|k| {
                    let row = &values[(down + k) * stride + j + right..][..IN_REGISTERS];
                    S::as_simd_f64s(row).0[0]
                });
                let lines = simd.deinterleave_shfl_f64s(rows);
                for (out, line) in out[right..right + IN_REGISTERS].iter_mut().zip(lines) {
                    S::as_mut_simd_f64s(&mut out[down..down + IN_REGISTERS]).0[0] = line;
                }
            }
        }
    } else {
        for (k, row) in values.chunks(stride).take(SQUARE).enumerate() {
            for (out, value) in out.iter_mut().zip(&row[j..]) {
                out[k] = *value;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of whole squares and others, in both formats; and values that no format holds are noticed.
    #[test]
    fn strips_are_written_transposed() {
        fn check<T: Scalar>(rows: usize, stride: usize) {
            let values: Vec<f64> = (0..rows * stride).map(|i| i as f64).collect();
            let height = rows + 5;
            let mut columns = vec![T::zero(); height * stride];
            let strip = 3..3 + rows;
            assert!(write_transposed(
                &values,
                stride,
                &mut columns,
                height,
                &strip
            ));
            for (j, column) in columns.chunks(height).enumerate() {
                for (i, entry) in column.iter().enumerate() {
                    let is_inside = strip.contains(&i);
                    let expected = if is_inside {
                        values[(i - 3) * stride + j]
                    } else {
                        0.0
                    };
                    assert_eq!(entry.widen(), expected);
                }
            }
            for at in [0, rows * stride - 1] {
                let mut values = values.clone();
                values[at] = f64::MAX * 2.0;
                assert!(!write_transposed(
                    &values,
                    stride,
                    &mut columns,
                    height,
                    &strip
                ));
            }
        }
        for (rows, stride) in [(1, 1), (8, 8), (16, 24), (13, 21), (48, 9)] {
            check::<f64>(rows, stride);
            check::<f32>(rows, stride);
        }
    }
}
