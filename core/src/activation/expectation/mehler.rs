//! Mehler's sums of one point with many: $\sum_k a_k b_k c^k$ by Horner's scheme, vectorised over the others.

use super::HermiteSeries;
use crate::covariance::{PairCorrelation, Parity};
use crate::vectorized::vectorized;

/// Columns that are evaluated together.
pub(super) const LANES: usize = 32;

/// Which powers of the correlation a series has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) terms: usize,
}

impl Layout {
    pub(super) fn new(parity: Parity, length: usize) -> Self {
        let (first, step) = match parity {
            Parity::Even => (0, 2),
            Parity::Odd => (1, 2),
            Parity::Neither => (0, 1),
        };
        Self {
            first,
            step,
            terms: length.saturating_sub(first).div_ceil(step).max(1),
        }
    }

    pub(super) fn parity(&self) -> Parity {
        match (self.first, self.step) {
            (_, 1) => Parity::Neither,
            (0, _) => Parity::Even,
            _ => Parity::Odd,
        }
    }

    pub(super) fn pick(&self, series: &HermiteSeries, scale: f64, out: &mut Vec<f64>) {
        for m in 0..self.terms {
            let a = series.coefficients.get(self.first + m * self.step);
            out.push(scale * a.copied().unwrap_or(0.0));
        }
    }
}

/// Points whose coefficients stand beside each other, term by term.
#[derive(Clone, Copy)]
pub(super) struct Others<'a> {
    pub(super) coefficients: &'a [f64],
    pub(super) points: usize,
    /// The first of those that are meant, or the only one.
    pub(super) first: usize,
}

impl Others<'_> {
    /// Coefficient $k$ of `size` points from `start` on; of the only one for `ONE`.
    #[inline(always)]
    fn row<const ONE: bool>(&self, k: usize, start: usize, size: usize) -> [f64; LANES] {
        let from = k * self.points + self.first;
        let mut row = [0.0; LANES];
        if ONE {
            row = [self.coefficients[from]; LANES];
        } else if size == LANES {
            row.copy_from_slice(&self.coefficients[from + start..][..LANES]);
        } else {
            row[..size].copy_from_slice(&self.coefficients[from + start..][..size]);
        }
        row
    }
}

/// $\sum_k a_k b_k c^k$ of one point with others; with `ONE` other at many correlations.
pub(super) fn mehler<const ONE: bool>(
    layout: Layout,
    own: &[f64],
    others: Others<'_>,
    correlation: &[PairCorrelation],
    out: &mut [f64],
) {
    let Layout { first, step, terms } = layout;
    vectorized(
        #[inline(always)]
        || {
            let parts = out.chunks_mut(LANES).zip(correlation.chunks(LANES));
            for ((out, correlation), start) in parts.zip((0..).step_by(LANES)) {
                let (mut c, mut x) = ([0.0; LANES], [0.0; LANES]);
                for (j, correlation) in correlation.iter().enumerate() {
                    c[j] = correlation.value();
                    x[j] = if step == 2 { c[j] * c[j] } else { c[j] };
                }
                let mut sums = [0.0; LANES];
                for k in (0..terms).rev() {
                    let a = own[k];
                    let row = others.row::<ONE>(k, start, out.len());
                    for j in 0..LANES {
                        sums[j] = sums[j] * x[j] + a * row[j];
                    }
                }
                for (j, out) in out.iter_mut().enumerate() {
                    *out = if first == 1 { sums[j] * c[j] } else { sums[j] };
                }
            }
        },
    );
}

/// $1 - \sum_k \hat a_k \hat b_k c^k$ without a subtraction from 1: with
/// $s_k = \sum_{j \ge k} \hat a_j \hat b_j$,
///
/// $$\tfrac12 \sum_k (\hat a_k - \hat b_k)^2 + (1 - c) \sum_{k \ge 1} s_k c^{k-1} .$$
pub(super) fn complements<const ONE: bool>(
    layout: Layout,
    own: &[f64],
    others: Others<'_>,
    start: usize,
    complement: &[f64],
) -> [f64; LANES] {
    let size = complement.len();
    let Layout { first, step, terms } = layout;
    let (mut c, mut x, mut gap) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for j in 0..size {
        let epsilon = complement[j];
        c[j] = 1.0 - epsilon;
        (x[j], gap[j]) = if step == 2 {
            (c[j] * c[j], epsilon * (2.0 - epsilon))
        } else {
            (c[j], epsilon)
        };
    }
    let (mut sums, mut quotient) = ([0.0; LANES], [0.0; LANES]);
    let (mut covariance, mut parallel) = ([0.0; LANES], [0.0; LANES]);
    vectorized(
        #[inline(always)]
        || {
            for k in (0..terms).rev() {
                let a = own[k];
                let row = others.row::<ONE>(k, start, size);
                for j in 0..LANES {
                    let b = row[j];
                    let (product, difference) = (a * b, a - b);
                    parallel[j] += difference * difference;
                    covariance[j] = covariance[j] * x[j] + product;
                    if k > 0 {
                        sums[j] += product;
                        quotient[j] = quotient[j] * x[j] + sums[j];
                    }
                }
            }
        },
    );
    let mut out = [0.0; LANES];
    for j in 0..size {
        let odd = if first == 1 {
            complement[j] * covariance[j]
        } else {
            0.0
        };
        let sum = 0.5 * parallel[j] + (gap[j] * quotient[j] + odd);
        out[j] = sum.clamp(0.0, 2.0);
    }
    out
}
