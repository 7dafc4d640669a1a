//! From closed forms of $\mathbb E[\varphi\varphi]$ and $\mathbb E[\varphi^\prime\varphi^\prime]$ to duals
//! that keep $1 - c$.

use super::{Activation, DualRow, DualSensitivity, PairSlices, Parity, parallel};
use crate::numerics::inverse_root;
use crate::numerics::quadrature::integrate;
use crate::vectorized::vectorized;
use crate::{Error, PairCorrelation, PairCovariance, Result};

/// An activation whose Gaussian expectations have closed forms in $(q_a, q_b, c)$, unchecked.
pub(crate) trait ClosedForm: Activation {
    /// $\mathbb E[\varphi(u)\varphi(v)]$, with an error of a few units of rounding of $\sqrt{V_a V_b}$.
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64;

    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$.
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64;

    /// Both at once, for less where they have parts in common; with the bits of either alone.
    #[inline(always)]
    fn moments(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
        (self.moment(qa, qb, c), self.derivative_moment(qa, qb, c))
    }

    /// [`moment`](Self::moment) of one point with many.
    #[inline(always)]
    fn row<const N: usize>(&self, qa: f64, qb: &[f64; N], c: &[PairCorrelation; N]) -> [f64; N]
    where
        Self: Sized,
    {
        let mut moments = [0.0; N];
        for j in 0..N {
            moments[j] = self.moment(qa, qb[j], c[j]);
        }
        moments
    }

    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    #[inline(always)]
    fn variance(&self, q: f64) -> f64 {
        self.moment(q, q, PairCorrelation::PARALLEL)
    }

    /// $\varphi(x)$ and $\varphi(-x)$ for $x \ge 0$.
    fn values(&self, x: f64) -> (f64, f64) {
        (self.value(x), self.value(-x))
    }

    /// Derivatives of both, where they are written down.
    fn derivatives(&self, _: PairCovariance) -> Option<DualSensitivity> {
        None
    }

    /// $1 - c^\prime$ in relative accuracy where it is small: the sum of two non-negative terms, what
    /// parallel inputs of different norms lose, and (Price's theorem)
    /// $\sqrt{q_a q_b/(V_a V_b)} \int_0^{1-c} \mathbb E[\varphi^\prime\varphi^\prime]$.
    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let epsilon = c.one_minus();
        let drop = if epsilon == 0.0 {
            0.0
        } else {
            // s = r²: smooth also where the slope jumps
            let end = epsilon.sqrt();
            let slope = |r: f64| {
                let c = PairCorrelation::of_one_minus(r * r);
                2.0 * (r / end) * self.derivative_moment(qa, qb, c)
            };
            let scale = self.variance(qa).sqrt() * self.variance(qb).sqrt();
            let ratio = qa.sqrt() * qb.sqrt() / scale;
            ratio * end * integrate(slope, &[0.0, end], 1e-14).value
        };
        parallel::deficit_of(self, qa, qb) + drop
    }
}

/// Where $1 - |c^\prime|$ comes out smaller than this, it is not a subtraction from 1.
const SUBTRACTED: f64 = 1e-3;

/// $c^\prime$ given $x = \mathbb E[\varphi(u)\varphi(v)]/\sqrt{V_a V_b}$: by subtraction from $\pm 1$, or
/// by [`ClosedForm::complement`] where that would lose digits. (Close to $-1$ are odd functions alone.)
fn image<A: ClosedForm + ?Sized>(
    phi: &A,
    (qa, qb, c): (f64, f64, PairCorrelation),
    x: f64,
) -> PairCorrelation {
    let parity = phi.parity();
    let rounded = PairCorrelation::rounded(x);
    let is_close = rounded.distance() < SUBTRACTED;
    let are_zero = qa == 0.0 && qb == 0.0;
    if !is_close || are_zero || (x < 0.0 && parity != Parity::Odd) {
        return rounded;
    }
    let c = match parity {
        Parity::Neither => c,
        _ => c.absolute(),
    };
    let complement = phi.complement(qa, qb, c).clamp(0.0, 1.0);
    rounded.at_distance(complement)
}

/// The dual with $1 \mp c^\prime$ in relative accuracy.
pub(crate) fn dual<A: ClosedForm + ?Sized>(phi: &A, k: PairCovariance) -> Result<PairCovariance> {
    let (qa, qb, c) = (k.variance_a(), k.variance_b(), k.pair_correlation());
    let va = phi.variance(qa);
    let vb = if qa == qb { va } else { phi.variance(qb) };
    let overflow = || Error::overflow(format!("the variance of {}", phi.name()));
    if !(va.is_finite() && vb.is_finite()) {
        return Err(overflow());
    }
    let scale = if va == vb { va } else { va.sqrt() * vb.sqrt() };
    if scale == 0.0 {
        return Ok(PairCovariance::of(va, vb, c));
    }
    let x = phi.moment(qa, qb, c) / scale;
    if x.is_nan() {
        return Err(overflow());
    }
    Ok(PairCovariance::of(va, vb, image(phi, (qa, qb, c), x)))
}

/// $\mathbb E[\varphi^\prime\varphi^\prime]$, checked.
pub(crate) fn derivative_dual<A: ClosedForm + ?Sized>(phi: &A, k: PairCovariance) -> Result<f64> {
    let value = phi.derivative_moment(k.variance_a(), k.variance_b(), k.pair_correlation());
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::overflow(format!(
            "the derivative's dual of {}",
            phi.name()
        )))
    }
}

/// `map`$(q_a, q_b, c)$ of all pairs, compiled for the widest instruction set and chosen at run time. `map`
/// should own its parameters: what it reads through a reference might alias `out`, and keeps the loop from
/// being vectorised.
#[inline(always)]
pub(crate) fn map_slices(
    name: impl Fn() -> String,
    k: &PairSlices<'_>,
    out: &mut [f64],
    map: impl Fn(f64, f64, PairCorrelation) -> f64,
) -> Result<()> {
    k.check_output(out.len())?;
    let pairs = k.variance_a().iter().zip(k.variance_b());
    let pairs = pairs.zip(k.one_minus_correlation());
    let finite = vectorized(
        #[inline(always)]
        move || {
            let mut finite = true;
            for (out, ((&qa, &qb), &epsilon)) in out.iter_mut().zip(pairs.clone()) {
                *out = map(qa, qb, PairCorrelation::of_one_minus(epsilon));
                finite &= out.abs() <= f64::MAX;
            }
            finite
        },
    );
    if finite {
        Ok(())
    } else {
        Err(Error::overflow(format!("the dual of {}", name())))
    }
}

/// Gauss–Legendre with five nodes on $[0, 1]$: (node, weight).
pub(super) const GAUSS_FIVE: [(f64, f64); 5] = [
    (0.046_910_077_030_668_0, 0.118_463_442_528_094_54),
    (0.230_765_344_947_158_45, 0.239_314_335_249_683_23),
    (0.5, 0.284_444_444_444_444_44),
    (0.769_234_655_052_841_5, 0.239_314_335_249_683_23),
    (0.953_089_922_969_332, 0.118_463_442_528_094_54),
];

/// The share of [`APART`]'s node in $g(s)$, over its own $s$.
#[inline(always)]
fn share(s: f64, node: usize) -> f64 {
    let [(x, _), (y, _), (z, _)] = APART;
    let (own, first, second) = match node {
        0 => (x, y, z),
        1 => (y, x, z),
        _ => (z, x, y),
    };
    (s - first) * (s - second) / ((own - first) * (own - second) * own)
}

/// Pairs of a row that are treated together.
const CHUNK: usize = 32;

/// Relative errors of a complement that is not small.
const ACCURACY: f64 = 1e-11;

/// The rounding of a difference of two numbers near 1.
const ROUNDING: f64 = 2e-16;

/// What parallel inputs lose is $s g(s)$ with $s = \log^2(q_a/q_b)$ and an analytic $g$, which is
/// interpolated between larger $s$, up to this: exact to 3e-11 of it.
const CLOSE: f64 = 0.01;

/// Three of Chebyshev's nodes on $[0, \text{CLOSE}]$: $s$ and $e^{\sqrt s/2}$.
const APART: [(f64, f64); 3] = [
    (6.698_729_810_778_065e-4, 1.013_025_048_749_120_1),
    (5e-3, 1.035_987_770_322_213_8),
    (9.330_127_018_922_194e-3, 1.049_481_561_534_152_8),
];

/// What two routes to the same complement may differ by where both are right.
const AGREEMENT: f64 = 4e-15;

/// A chunk of some numbers, at most so many; the rest of it is `rest`.
#[inline(always)]
fn filled<T: Copy>(numbers: &[T], rest: T) -> [T; CHUNK] {
    numbers.try_into().unwrap_or_else(|_| {
        let mut chunk = [rest; CHUNK];
        chunk[..numbers.len()].copy_from_slice(numbers);
        chunk
    })
}

/// Writes as much of a chunk as there is room for.
#[inline(always)]
fn emptied<T: Copy>(chunk: &[T; CHUNK], out: &mut [T]) {
    match <&mut [T; CHUNK]>::try_from(&mut *out) {
        Ok(out) => *out = *chunk,
        Err(_) => out.copy_from_slice(&chunk[..out.len()]),
    }
}

/// [`dual`] and [`derivative_dual`] of one point with many, vectorised. Close to $c^\prime = \pm 1$ the loss
/// of parallel inputs is a difference, or interpolated between such for variances within 10 %, and that of
/// the angle an integral by Gauss's rule with five nodes, as long as their sum agrees with $1 - c^\prime$.
/// Very steep activations, and pairs whose sum the rounding of the difference would reach, go one by one.
#[inline(always)]
pub(crate) fn dual_row<A: ClosedForm + Clone>(phi: &A, row: DualRow<'_>) -> Result<()> {
    let (qa, inverse_a) = (row.variance_a, inverse_root(row.moment_a));
    let (folds, kinked) = (phi.parity() != Parity::Neither, !phi.kinks().is_empty());
    let overflow = || Error::overflow(format!("the dual of {}", phi.name()));
    let mut slopes = row.slope.map(|slope| slope.chunks_mut(CHUNK));
    let columns = row
        .variance_b
        .chunks(CHUNK)
        .zip(row.inverse_b.chunks(CHUNK));
    for (correlation, (qb, inverse_b)) in row.correlation.chunks_mut(CHUNK).zip(columns) {
        let mut slope = slopes.as_mut().and_then(Iterator::next);
        let q = filled(qb, 1.0);
        let inverse = filled(inverse_b, 0.0);
        let c = filled(correlation, PairCorrelation::ORTHOGONAL);
        let shape = phi.clone();
        let (close, finite) = vectorized(
            #[inline(always)]
            || {
                // its own, which nothing that is written may alias
                let (shape, q, inverse, c) = (shape.clone(), q, inverse, c);
                let (mut x, mut slopes) = ([0.0; CHUNK], [0.0; CHUNK]);
                if slope.is_some() {
                    for j in 0..CHUNK {
                        (x[j], slopes[j]) = shape.moments(qa, q[j], c[j]);
                    }
                } else {
                    x = shape.row(qa, &q, &c);
                }
                let (mut close, mut finite) = (false, true);
                let mut after = c;
                for j in 0..CHUNK {
                    let scale = inverse_a * inverse[j];
                    x[j] *= scale;
                    let rounded = PairCorrelation::rounded(x[j]);
                    // a point with itself stays so, and without a variance there is no correlation to change
                    let is_same = (c[j].one_minus() == 0.0) & (qa == q[j]);
                    let changes = (scale > 0.0) & !is_same;
                    after[j] = if changes { rounded } else { c[j] };
                    close |= (rounded.distance() < SUBTRACTED) & changes;
                    finite &= (x[j].abs() <= f64::MAX) & (slopes[j].abs() <= f64::MAX);
                }
                emptied(&after, correlation);
                if let Some(slope) = &mut slope {
                    emptied(&slopes, slope);
                }
                (close, finite)
            },
        );
        if !finite {
            return Err(overflow());
        }
        if !close {
            continue;
        }
        // what parallel inputs lose and the integral of the slopes, relative to √(V_a V_b), and s
        let shape = phi.clone();
        let (parallel, drop, apart) = vectorized(
            #[inline(always)]
            move || {
                let (mut root, mut distance) = ([0.0; CHUNK], [0.0; CHUNK]);
                let (mut parallel, mut drop, mut apart) = ([0.0; CHUNK], root, root);
                let mut differ = false;
                for j in 0..CHUNK {
                    differ |= qa != q[j];
                    root[j] = if qa == q[j] {
                        qa
                    } else {
                        qa.sqrt() * q[j].sqrt()
                    };
                    distance[j] = if folds {
                        c[j].distance()
                    } else {
                        c[j].one_minus()
                    };
                    // s = (2 artanh u)²
                    let u = (qa - q[j]) / (qa + q[j]);
                    let square = u * u;
                    let artanh = u * (1.0 + square * (1.0 / 3.0 + square * (0.2 + square / 7.0)));
                    apart[j] = 4.0 * artanh * artanh;
                }
                // nodes, and the variances themselves
                #[expect(
                    clippy::needless_range_loop,
                    reason = "the last is no entry of the table"
                )]
                for node in 0..if differ { 4 } else { 0 } {
                    for j in 0..CHUNK {
                        let itself = node == 3;
                        let factor = if itself { 1.0 } else { APART[node].1 };
                        let a = if itself { qa } else { root[j] * factor };
                        let b = if itself { q[j] } else { root[j] / factor };
                        let scale = shape.variance(a).sqrt() * shape.variance(b).sqrt();
                        let lost = 1.0 - shape.moment(a, b, PairCorrelation::PARALLEL) / scale;
                        let is_close = apart[j] <= CLOSE;
                        if itself {
                            parallel[j] = if is_close { parallel[j] } else { lost };
                        } else {
                            parallel[j] += apart[j] * share(apart[j], node) * lost;
                        }
                    }
                }
                for j in 0..CHUNK {
                    let lost = if parallel[j] > 0.0 { parallel[j] } else { 0.0 };
                    parallel[j] = if qa == q[j] { 0.0 } else { lost };
                }
                // node by node, so that the formula stands once in the code
                for (node, weight) in GAUSS_FIVE {
                    let (at, weight) = if kinked {
                        (node * node, 2.0 * node * weight)
                    } else {
                        (node, weight)
                    };
                    for j in 0..CHUNK {
                        let c = PairCorrelation::of_one_minus(distance[j] * at);
                        drop[j] += weight * shape.derivative_moment(qa, q[j], c);
                    }
                }
                for j in 0..CHUNK {
                    drop[j] *= root[j] * (inverse_a * inverse[j]) * distance[j];
                }
                (parallel, drop, apart)
            },
        );
        for (j, after) in correlation.iter_mut().enumerate() {
            let is_close = after.distance() < SUBTRACTED && inverse_a * inverse[j] > 0.0;
            let is_same = c[j].one_minus() == 0.0 && qa == q[j];
            if !is_close || is_same || (qa == 0.0 && q[j] == 0.0) {
                continue;
            }
            let sum = parallel[j] + drop[j];
            let rounding = if qa == q[j] {
                0.0
            } else if apart[j] <= CLOSE {
                ROUNDING * (apart[j] / APART[0].0)
            } else {
                ROUNDING
            };
            let agrees = (sum - after.distance()).abs() <= AGREEMENT;
            let is_end = after.is_positive() || phi.parity() == Parity::Odd;
            if agrees && rounding <= ACCURACY * sum && is_end {
                *after = after.at_distance(sum);
            } else if after.distance() < ROUNDING / ACCURACY {
                let x = phi.moment(qa, q[j], c[j]) * (inverse_a * inverse[j]);
                *after = image(phi, (qa, q[j], c[j]), x);
            }
        }
    }
    Ok(())
}

/// $V(q)$ of many variances.
#[inline(always)]
pub(crate) fn moments<A: ClosedForm + Clone>(phi: &A, q: &[f64], out: &mut [f64]) {
    let phi = phi.clone();
    vectorized(
        #[inline(always)]
        || {
            for (out, &q) in out.iter_mut().zip(q) {
                *out = phi.variance(q);
            }
        },
    );
}

/// Implements [`Dual`](super::Dual) for a type that is [`ClosedForm`].
macro_rules! dual_from_closed_form {
    ($type:ty) => {
        impl $crate::activation::Dual for $type {
            fn dual(&self, k: $crate::PairCovariance) -> $crate::Result<$crate::PairCovariance> {
                $crate::activation::closed_form::dual(self, k)
            }

            fn derivative_dual(&self, k: $crate::PairCovariance) -> $crate::Result<f64> {
                $crate::activation::closed_form::derivative_dual(self, k)
            }

            fn sensitivity(
                &self,
                k: $crate::PairCovariance,
            ) -> Option<$crate::activation::DualSensitivity> {
                $crate::activation::closed_form::ClosedForm::derivatives(self, k)
            }

            fn dual_slice(
                &self,
                k: &$crate::activation::PairSlices<'_>,
                out: &mut [f64],
            ) -> $crate::Result<()> {
                use $crate::activation::{Activation, closed_form::ClosedForm};
                let phi = self.clone();
                $crate::activation::closed_form::map_slices(
                    || self.name(),
                    k,
                    out,
                    #[inline(always)]
                    move |qa, qb, c| phi.moment(qa, qb, c),
                )
            }

            fn derivative_dual_slice(
                &self,
                k: &$crate::activation::PairSlices<'_>,
                out: &mut [f64],
            ) -> $crate::Result<()> {
                use $crate::activation::{Activation, closed_form::ClosedForm};
                let phi = self.clone();
                $crate::activation::closed_form::map_slices(
                    || self.name(),
                    k,
                    out,
                    #[inline(always)]
                    move |qa, qb, c| phi.derivative_moment(qa, qb, c),
                )
            }

            fn moments(&self, q: &[f64], out: &mut [f64]) -> $crate::Result<()> {
                $crate::activation::closed_form::moments(self, q, out);
                Ok(())
            }

            fn dual_row(&self, row: $crate::activation::DualRow<'_>) -> $crate::Result<()> {
                $crate::activation::closed_form::dual_row(self, row)
            }

            fn pair_cost(&self) -> f64 {
                $crate::activation::pair_cost::CLOSED_FORM
            }

            fn is_tabulated(&self) -> bool {
                false
            }
        }
    };
}
pub(crate) use dual_from_closed_form;
