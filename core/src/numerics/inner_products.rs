//! The inner products of points with points, in tiles of registers.
//!
//! A product is summed in parts of the dimension alone, each in order, by fused multiplications and
//! additions, which every machine rounds alike (without such an instruction, slowly): its bits are a function
//! of its two points, whatever stands beside them, and $x \cdot y = y \cdot x$ to the bit.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::Buffers;
use crate::Scalar;

/// Rows and vectors of columns of a tile: 12 sums, 2 columns and a row fit in the 16 registers of AVX2.
const ROWS: usize = 6;
const VECTORS: usize = 2;

/// Entries of a part of a point, at most: a part of as many columns as a tile has stays in the first-level
/// cache.
const PART: usize = 256;

/// Tiles below each other that are summed together: parts of their rows and all their sums stay in the
/// second-level cache.
const TILES: usize = 8;

/// Entries of a part of a point of the given dimension, in parts as equal as they can be.
pub(super) fn part_of(dimension: usize) -> usize {
    dimension.div_ceil(dimension.div_ceil(PART))
}

/// $x_i \cdot y_j$, row by row, of points of the given dimension that stand one after the other. `symmetric`
/// says that both are the same points: then half of them is computed.
pub fn inner_products<T: Scalar>(
    x: &[T],
    y: &[T],
    dimension: usize,
    symmetric: bool,
    buffers: &Buffers,
) -> Vec<f64> {
    let packed = PackedPoints::new(y, dimension, buffers);
    let columns = packed.len();
    let own = symmetric.then_some(0);
    let mut out = packed.products(x, columns, own, buffers);
    buffers.give_back(packed.into_buffer());
    if symmetric {
        mirror(&mut out, 0, columns);
    }
    out
}

/// Copies what stands below the diagonal of the square from column `first` on to above, in rows of `stride`
/// values, or in nothing.
pub fn mirror<T: Copy>(values: &mut [T], first: usize, stride: usize) {
    let rows = values.len().checked_div(stride).unwrap_or(0);
    for i in 0..rows {
        for j in i + 1..rows {
            values[i * stride + first + j] = values[j * stride + first + i];
        }
    }
}

/// Points in the order in which products read their columns, for many rows.
#[derive(Debug)]
pub struct PackedPoints {
    count: usize,
    dimension: usize,
    /// By part of the dimension, then by tile; points beside each other, entry by entry.
    parts: Vec<f64>,
}

impl PackedPoints {
    /// Points that stand one after the other.
    pub fn new<T: Scalar>(points: &[T], dimension: usize, buffers: &Buffers) -> Self {
        Arch::new().dispatch(Pack {
            points,
            dimension,
            buffers,
        })
    }

    /// Points that are the given columns of a matrix with these rows.
    pub fn of_columns(rows: &[&[f64]], columns: Range<usize>, buffers: &Buffers) -> Self {
        Arch::new().dispatch(PackColumns {
            rows,
            columns,
            buffers,
        })
    }

    /// The number of points.
    #[allow(clippy::len_without_is_empty)] // nobody asks
    pub fn len(&self) -> usize {
        self.count
    }

    /// What it was packed into.
    pub fn into_buffer(self) -> Vec<f64> {
        self.parts
    }

    /// The products of points $x$ with the first `columns` of these, row by row. Where `own` is given, row
    /// $i$ is the point of column $i + \text{own}$, and what stands right of that means nothing.
    pub fn products<T: Scalar>(
        &self,
        x: &[T],
        columns: usize,
        own: Option<usize>,
        buffers: &Buffers,
    ) -> Vec<f64> {
        let mut out = buffers.take(x.len() / self.dimension * columns);
        Arch::new().dispatch(Products {
            x,
            packed: self,
            columns,
            own,
            out: &mut out,
            buffers,
        });
        out
    }
}

struct Pack<'a, T> {
    points: &'a [T],
    dimension: usize,
    buffers: &'a Buffers,
}

impl<T: Scalar> WithSimd for Pack<'_, T> {
    type Output = PackedPoints;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> PackedPoints {
        let d = self.dimension;
        let count = self.points.len() / d;
        let (width, part) = (VECTORS * S::F64_LANES, part_of(d));
        let all = count.next_multiple_of(width);
        let mut parts = self.buffers.take(all * d);
        for start in (0..d).step_by(part) {
            let entries = start..(start + part).min(d);
            let out = &mut parts[all * start..all * entries.end];
            match width {
                // points that are read together
                2 => side_by_side::<T, 2>(self.points, d, entries, width, out),
                4 => side_by_side::<T, 4>(self.points, d, entries, width, out),
                _ => side_by_side::<T, 8>(self.points, d, entries, width, out),
            }
        }
        PackedPoints {
            count,
            dimension: d,
            parts,
        }
    }
}

struct PackColumns<'a> {
    rows: &'a [&'a [f64]],
    columns: Range<usize>,
    buffers: &'a Buffers,
}

impl WithSimd for PackColumns<'_> {
    type Output = PackedPoints;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> PackedPoints {
        let (count, d) = (self.columns.len(), self.rows.len());
        let (width, part) = (VECTORS * S::F64_LANES, part_of(d));
        let all = count.next_multiple_of(width);
        let mut parts = self.buffers.take(all * d);
        for (rows, out) in self.rows.chunks(part).zip(parts.chunks_mut(all * part)) {
            match width {
                4 => tiles_of_rows::<4>(rows, &self.columns, out),
                8 => tiles_of_rows::<8>(rows, &self.columns, out),
                _ => tiles_of_rows::<16>(rows, &self.columns, out),
            }
        }
        PackedPoints {
            count,
            dimension: d,
            parts,
        }
    }
}

struct Products<'a, T> {
    x: &'a [T],
    packed: &'a PackedPoints,
    columns: usize,
    own: Option<usize>,
    out: &'a mut [f64],
    buffers: &'a Buffers,
}

impl<T: Scalar> WithSimd for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (d, columns) = (self.packed.dimension, self.columns);
        let width = VECTORS * S::F64_LANES;
        let part = part_of(d);
        let height = TILES * ROWS;
        let all_packed = self.packed.count.next_multiple_of(width);
        let all_columns = columns.next_multiple_of(width);
        // tile by tile, which the cache likes better than rows far from each other
        let mut totals = self.buffers.take(height * all_columns);
        let blocks = self.x.chunks(height * d);
        let out_blocks = self.out.chunks_mut(height * columns);
        for ((x, out), first) in blocks.zip(out_blocks).zip((0..).step_by(height)) {
            let is_wanted = |row: usize, column: usize| match self.own {
                Some(own) => row + ROWS + own > column,
                None => true,
            };
            let first_tile = |column: usize| {
                let mut tiles = 0..TILES;
                tiles
                    .position(|tile| is_wanted(first + ROWS * tile, column))
                    .unwrap_or(TILES)
            };
            let x = T::widened(x);
            let last = x.len() / d - 1;
            for start in (0..d).step_by(part) {
                let entries = start..(start + part).min(d);
                let size = entries.len();
                let column_parts = &self.packed.parts[all_packed * start..all_packed * entries.end];
                let column_tiles = column_parts.chunks_exact(width * size);
                let totals = totals.chunks_exact_mut(height * width);
                for ((tile, totals), j) in column_tiles.zip(totals).zip((0..).step_by(width)) {
                    let (vectors, _) = S::as_simd_f64s(tile);
                    let (totals, _) = S::as_mut_simd_f64s(totals);
                    let totals = totals.chunks_exact_mut(ROWS * VECTORS);
                    let tiles = totals.zip((0..=last).step_by(ROWS));
                    for (totals, first) in tiles.skip(first_tile(j)) {
                        // beyond the last row it stands again
                        let rows = std::array::from_fn(|i| {
                            let row = &x[(first + i).min(last) * d..];
                            &row[entries.clone()]
                        });
                        let sums = sums(simd, rows, vectors);
                        for (total, &sum) in totals.iter_mut().zip(sums.iter().flatten()) {
                            *total = if start == 0 {
                                sum
                            } else {
                                simd.add_f64s(*total, sum)
                            };
                        }
                    }
                }
            }
            let all_totals = totals.chunks_exact(height * width);
            for (totals, j) in all_totals.zip((0..columns).step_by(width)) {
                let count = width.min(columns - j);
                let out = out
                    .chunks_exact_mut(columns)
                    .zip(totals.chunks_exact(width));
                for (out, totals) in out.skip(ROWS * first_tile(j)) {
                    let out = &mut out[j..j + count];
                    if count == width {
                        // known to the compiler, unlike the rest
                        let (out, _) = S::as_mut_simd_f64s(out);
                        let (totals, _) = S::as_simd_f64s(totals);
                        out[..VECTORS].copy_from_slice(&totals[..VECTORS]);
                    } else {
                        out.copy_from_slice(&totals[..count]);
                    }
                }
            }
        }
        self.buffers.give_back(totals);
    }
}

/// $\sum_k a_{ik} b_{kj}$ of a tile.
#[inline(always)]
fn sums<S: Simd>(simd: S, rows: [&[f64]; ROWS], columns: &[S::f64s]) -> [[S::f64s; VECTORS]; ROWS] {
    let mut sums = [[simd.splat_f64s(0.0); VECTORS]; ROWS];
    let (columns, _) = columns.as_chunks::<VECTORS>();
    let size = columns.len();
    let rows = rows.map(|row| &row[..size]);
    for (k, column) in columns.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let a = simd.splat_f64s(row[k]);
            for (sum, &b) in sums.iter_mut().zip(column) {
                *sum = simd.mul_add_f64s(a, b, *sum);
            }
        }
    }
    sums
}

/// Some entries of `side` points beside each other, entry by entry, $G$ of them at a time. Places without a
/// point hold copies of the last one.
#[inline(always)]
fn side_by_side<T: Scalar, const G: usize>(
    points: &[T],
    dimension: usize,
    entries: Range<usize>,
    side: usize,
    out: &mut [f64],
) {
    let tiles = out.chunks_exact_mut(side * entries.len());
    for (out, points) in tiles.zip(points.chunks(side * dimension)) {
        let last = points.len() / dimension - 1;
        for group in (0..side).step_by(G) {
            let rows: [&[T]; G] = std::array::from_fn(|i| {
                let point = &points[(group + i).min(last) * dimension..];
                &point[entries.clone()]
            });
            for (k, out) in out.chunks_exact_mut(side).enumerate() {
                for (out, row) in out[group..group + G].iter_mut().zip(&rows) {
                    *out = row[k].widen();
                }
            }
        }
    }
}

/// Some columns of rows, $W$ beside each other, row by row. Places without a column hold copies of the last.
#[inline(always)]
fn tiles_of_rows<const W: usize>(rows: &[&[f64]], columns: &Range<usize>, out: &mut [f64]) {
    let (out, _) = out.as_chunks_mut::<W>();
    for (k, row) in rows.iter().enumerate() {
        let (whole, rest) = row[columns.clone()].as_chunks::<W>();
        let mut places = out[k..].iter_mut().step_by(rows.len());
        for (entries, place) in whole.iter().zip(places.by_ref()) {
            *place = *entries;
        }
        if let (Some(place), Some(last)) = (places.next(), rest.last()) {
            *place = [*last; W];
            place[..rest.len()].copy_from_slice(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(count: usize, dimension: usize) -> Vec<f64> {
        let mut state = 0.37_f64;
        let mut next = || {
            state = (state * 997.0 + 0.618).fract();
            2.0 * state - 1.0
        };
        (0..count * dimension).map(|_| next()).collect()
    }

    fn products<T: Scalar>(x: &[T], y: &[T], dimension: usize, symmetric: bool) -> Vec<f64> {
        inner_products(x, y, dimension, symmetric, &Buffers::default())
    }

    /// The definition of the sum: in parts, in order, fused.
    #[test]
    fn every_product_is_a_function_of_its_two_points() {
        for dimension in [1, 2, 7, 255, 256, 257, 784] {
            let count = 37;
            let x = points(count, dimension);
            let part = part_of(dimension);
            let product = |i: usize, j: usize| -> f64 {
                let point = |i: usize| x[i * dimension..][..dimension].chunks(part);
                let parts = point(i).zip(point(j)).map(|(a, b)| {
                    let pairs = a.iter().zip(b);
                    pairs.fold(0.0, |sum, (a, b): (&f64, &f64)| a.mul_add(*b, sum))
                });
                parts.sum()
            };
            let whole = products(&x, &x, dimension, true);
            assert_eq!(products(&x, &x, dimension, false), whole);
            for (i, row) in whole.chunks(count).enumerate() {
                for (j, entry) in row.iter().enumerate() {
                    assert_eq!(*entry, product(i, j), "{dimension}: {i}, {j}");
                }
            }
            for (rows, columns) in [(0..1, 36..37), (3..10, 5..30), (30..37, 0..17)] {
                let of = |range: &Range<usize>| &x[range.start * dimension..range.end * dimension];
                let part = products(of(&rows), of(&columns), dimension, false);
                for (i, row) in rows.zip(part.chunks(columns.len())) {
                    assert_eq!(row, &whole[i * count..][columns.clone()]);
                }
            }
            let transposed: Vec<Vec<f64>> = (0..dimension)
                .map(|k| x.chunks(dimension).map(|point| point[k]).collect())
                .collect();
            let rows: Vec<&[f64]> = transposed.iter().map(Vec::as_slice).collect();
            let packed = PackedPoints::of_columns(&rows, 5..30, &Buffers::default());
            let part = packed.products(&x, 25, None, &Buffers::default());
            for (row, part) in whole.chunks(count).zip(part.chunks(25)) {
                assert_eq!(part, &row[5..30]);
            }
        }
    }

    #[test]
    fn single_precision_is_widened() {
        let x = points(5, 30);
        let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let wide: Vec<f64> = single.iter().map(|&x| f64::from(x)).collect();
        assert_eq!(
            products(&single, &single, 30, true),
            products(&wide, &wide, 30, true)
        );
    }
}
