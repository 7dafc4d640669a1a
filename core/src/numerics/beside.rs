//! The inner products of points beside each other, entry by entry, with points one after the other.

use super::inner_products::part_of;
use crate::vectorized::vectorized;

/// Points beside each other.
pub const BESIDE: usize = 16;

/// Entries that are added at a time, at most: so many of all points stay in the first-level cache.
const ENTRIES: usize = 128;

/// Sums $\sum_k x_{ik} y_{jk}$ of [`BESIDE`] points $x_i$ whose entries come piece by piece and are
/// forgotten.
///
/// They are summed as [`inner_products`](super::inner_products) sums them: the same bits.
#[derive(Debug, Clone)]
pub struct ProductsBeside<'a> {
    points: &'a [f64],
    dimension: usize,
    /// Of all parts before, and of this one, for each of the points.
    totals: Vec<[f64; BESIDE]>,
    part: Vec<[f64; BESIDE]>,
    entries: usize,
}

impl<'a> ProductsBeside<'a> {
    /// With points of the given dimension, without any entry of the others.
    pub fn new(points: &'a [f64], dimension: usize) -> Self {
        let none = vec![[0.0; BESIDE]; points.len() / dimension];
        Self {
            points,
            dimension,
            totals: none.clone(),
            part: none,
            entries: 0,
        }
    }

    /// How many entries come next; 0 where all have come.
    pub fn next_entries(dimension: usize, before: usize) -> usize {
        let part = part_of(dimension);
        let left = (part - before % part).min(dimension - before);
        left.min(ENTRIES)
    }

    /// Adds the next entries, those of all points after each other.
    pub fn add(&mut self, beside: &[[f64; BESIDE]]) {
        let first = self.entries;
        self.entries += beside.len();
        let points = self.points.chunks_exact(self.dimension);
        let mut rows = points.map(|point| &point[first..self.entries]);
        let (pairs, last) = self.part.as_chunks_mut::<2>();
        for sums in pairs {
            let Some(rows) = rows.next().zip(rows.next()) else {
                return;
            };
            add(sums, beside, rows.into());
        }
        for (sum, row) in last.iter_mut().zip(rows) {
            add(std::array::from_mut(sum), beside, [row]);
        }
        let part = part_of(self.dimension);
        if self.entries.is_multiple_of(part) || self.entries == self.dimension {
            let is_first = self.entries <= part;
            for (total, part) in self.totals.iter_mut().zip(&mut self.part) {
                for (total, part) in total.iter_mut().zip(part) {
                    *total = if is_first { *part } else { *total + *part };
                    *part = 0.0;
                }
            }
        }
    }

    /// $\sum_k x_{ik} y_{jk}$ for each point $y_j$.
    pub fn products(&self) -> &[[f64; BESIDE]] {
        &self.totals
    }
}

/// Adds the products with $N$ points.
fn add<const N: usize>(
    sums: &mut [[f64; BESIDE]; N],
    beside: &[[f64; BESIDE]],
    points: [&[f64]; N],
) {
    vectorized(
        #[inline(always)]
        move || {
            let points = points.map(|point| &point[..beside.len()]);
            let mut own = *sums;
            for (k, beside) in beside.iter().enumerate() {
                for (sums, point) in own.iter_mut().zip(&points) {
                    for (sum, x) in sums.iter_mut().zip(beside) {
                        *sum = x.mul_add(point[k], *sum);
                    }
                }
            }
            *sums = own;
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::{Buffers, inner_products};

    #[test]
    fn they_are_the_products_of_points_after_each_other() {
        for (dimension, count) in [(1, 1), (7, 2), (128, 3), (257, 4), (784, 5)] {
            let number = |i: usize| (i as f64 * 0.754_877).fract() - 0.5;
            let x: Vec<f64> = (0..BESIDE * dimension).map(number).collect();
            let y: Vec<f64> = (0..count * dimension).map(|i| number(i + 31)).collect();
            let mut beside = ProductsBeside::new(&y, dimension);
            let mut first = 0;
            loop {
                let next = ProductsBeside::next_entries(dimension, first);
                if next == 0 {
                    break;
                }
                let entries = (first..first + next)
                    .map(|k| std::array::from_fn(|i| x[i * dimension + k]))
                    .collect::<Vec<_>>();
                beside.add(&entries);
                first += next;
            }
            let expected = inner_products(&x, &y, dimension, false, &Buffers::default());
            for (i, row) in expected.chunks(count).enumerate() {
                for (product, expected) in beside.products().iter().zip(row) {
                    assert_eq!(product[i], *expected, "{dimension}");
                }
            }
        }
    }
}
