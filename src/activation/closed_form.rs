//! From closed forms of $\mathbb E[\varphi\varphi]$ and $\mathbb E[\varphi^\prime\varphi^\prime]$ to duals
//! that keep $1 - c$.

use super::{Activation, DualRow, PairSlices, Parity};
use crate::numerics::inverse_root;
use crate::numerics::quadrature::integrate;
use crate::vectorized::vectorized;
use crate::{Error, PairCovariance, Result};

/// An activation whose Gaussian expectations have closed forms in $(q_a, q_b, \varepsilon = 1 - c)$,
/// unchecked.
pub(crate) trait ClosedForm: Activation {
    /// $\mathbb E[\varphi(u)\varphi(v)]$, with an error of a few units of rounding of $\sqrt{V_a V_b}$.
    fn moment(&self, qa: f64, qb: f64, epsilon: f64) -> f64;

    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$.
    fn derivative_moment(&self, qa: f64, qb: f64, epsilon: f64) -> f64;

    /// Both at once, for less where they have parts in common; with the bits of either alone.
    #[inline(always)]
    fn moments(&self, qa: f64, qb: f64, epsilon: f64) -> (f64, f64) {
        (
            self.moment(qa, qb, epsilon),
            self.derivative_moment(qa, qb, epsilon),
        )
    }

    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    #[inline(always)]
    fn variance(&self, q: f64) -> f64 {
        self.moment(q, q, 0.0)
    }
}

/// Where $1 - c^\prime$ comes out smaller than this, it is integrated from $c = 1$ instead of subtracted
/// from 1.
const SUBTRACTED: f64 = 1e-3;

/// Log-ratios of variances below which the deficit of parallel inputs is extrapolated from larger ones.
const CLOSE: f64 = 2e-3;

/// The log-ratios from which it is extrapolated.
const NODES: [f64; 3] = [0.03, 0.045, 0.06];

/// The dual with $1 - c^\prime$ in relative accuracy.
///
/// Where $1 - c^\prime$ is small it is the sum of two non-negative terms: what parallel inputs of different
/// norms lose, and (Price's theorem)
/// $\sqrt{q_a q_b/(V_a V_b)} \int_0^\varepsilon \mathbb E[\varphi^\prime\varphi^\prime]$.
pub(crate) fn dual<A: ClosedForm + ?Sized>(phi: &A, k: PairCovariance) -> Result<PairCovariance> {
    let k = k.folded(phi.parity());
    let (qa, qb, epsilon) = (k.variance_a(), k.variance_b(), k.one_minus_correlation());
    let va = phi.variance(qa);
    let vb = if qa == qb { va } else { phi.variance(qb) };
    let overflow = || Error::overflow(format!("the variance of {}", phi.name()));
    if !(va.is_finite() && vb.is_finite()) {
        return Err(overflow());
    }
    let scale = if va == vb { va } else { va.sqrt() * vb.sqrt() };
    let matrix = |epsilon: f64| PairCovariance::from_parts(va, vb, epsilon.clamp(0.0, 2.0));
    if scale == 0.0 {
        return Ok(matrix(epsilon));
    }
    let direct = 1.0 - phi.moment(qa, qb, epsilon) / scale;
    if direct.is_nan() {
        return Err(overflow());
    }
    if direct > SUBTRACTED || k.geometric_mean() == 0.0 {
        return Ok(matrix(direct));
    }
    let drop = if epsilon == 0.0 {
        0.0
    } else {
        // s = r²: smooth also where the slope jumps
        let end = epsilon.sqrt();
        let slope = |r: f64| 2.0 * (r / end) * phi.derivative_moment(qa, qb, r * r);
        k.geometric_mean() / scale * end * integrate(slope, &[0.0, end], 1e-14).value
    };
    let sum = parallel_deficit(phi, qa, qb) + drop;
    if sum.is_nan() {
        return Err(overflow());
    }
    Ok(matrix(sum))
}

/// $1 - \mathbb E[\varphi(\sqrt{q_a} z)\varphi(\sqrt{q_b} z)]/\sqrt{V_a V_b}$: 0 for $q_a = q_b$, and an even
/// analytic function of $\delta = \log(q_a/q_b)$, so that small $\delta$ are reached by extrapolation in
/// $\delta^2$.
fn parallel_deficit<A: ClosedForm + ?Sized>(phi: &A, qa: f64, qb: f64) -> f64 {
    if qa == qb {
        return 0.0;
    }
    let deficit = |qa: f64, qb: f64| {
        let scale = phi.variance(qa).sqrt() * phi.variance(qb).sqrt();
        (1.0 - phi.moment(qa, qb, 0.0) / scale).max(0.0)
    };
    let delta = ((qa - qb) / qb).ln_1p();
    if delta.abs() >= CLOSE {
        return deficit(qa, qb);
    }
    let center = qa.sqrt() * qb.sqrt();
    // deficit/δ² at three points, and their interpolant in δ² at the wanted one
    let values = NODES.map(|d| {
        let half = (0.5 * d).exp();
        deficit(center * half, center / half) / (d * d)
    });
    let x = delta * delta;
    let squares = NODES.map(|d| d * d);
    let mut sum = 0.0;
    for i in 0..3 {
        let mut weight = 1.0;
        for j in 0..3 {
            if i != j {
                weight *= (x - squares[j]) / (squares[i] - squares[j]);
            }
        }
        sum += weight * values[i];
    }
    (sum * x).max(0.0)
}

/// $\mathbb E[\varphi^\prime\varphi^\prime]$, checked.
pub(crate) fn derivative_dual<A: ClosedForm + ?Sized>(phi: &A, k: PairCovariance) -> Result<f64> {
    let (qa, qb, epsilon) = (k.variance_a(), k.variance_b(), k.one_minus_correlation());
    let value = phi.derivative_moment(qa, qb, epsilon);
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::overflow(format!(
            "the derivative's dual of {}",
            phi.name()
        )))
    }
}

/// `map`$(q_a, q_b, \varepsilon)$ of all pairs, compiled for the widest instruction set and chosen at run
/// time. `map` should own its parameters: what it reads through a reference might alias `out`, and keeps the
/// loop from being vectorised.
#[inline(always)]
pub(crate) fn map_slices(
    name: impl Fn() -> String,
    k: &PairSlices<'_>,
    out: &mut [f64],
    map: impl Fn(f64, f64, f64) -> f64,
) -> Result<()> {
    k.check_output(out.len())?;
    let pairs = k.variance_a().iter().zip(k.variance_b());
    let pairs = pairs.zip(k.one_minus_correlation());
    let finite = vectorized(
        #[inline(always)]
        move || {
            let mut finite = true;
            for (out, ((&qa, &qb), &epsilon)) in out.iter_mut().zip(pairs.clone()) {
                *out = map(qa, qb, epsilon);
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
const GAUSS_FIVE: [(f64, f64); 5] = [
    (0.046_910_077_030_668_0, 0.118_463_442_528_094_54),
    (0.230_765_344_947_158_45, 0.239_314_335_249_683_23),
    (0.5, 0.284_444_444_444_444_44),
    (0.769_234_655_052_841_5, 0.239_314_335_249_683_23),
    (0.953_089_922_969_332, 0.118_463_442_528_094_54),
];

/// Pairs of a row that are treated together.
const CHUNK: usize = 32;

/// Sums above this do not see the rounding of one of their terms: it is less than 1e-11 of them.
const ROUNDED: f64 = 2e-5;

/// What two routes to the same complement may differ by where both are right.
const AGREEMENT: f64 = 4e-15;

/// [`dual`] and [`derivative_dual`] of one point with many, vectorised: the same two terms where
/// $1 - c^\prime$ is small, the integral by Gauss's rule with five nodes as long as it agrees with the
/// difference. (Very steep activations, and nearly parallel inputs whose variances differ by less than 0.2 %
/// in a layer that drives them apart, go one by one.)
#[inline(always)]
pub(crate) fn dual_row<A: ClosedForm + Clone>(phi: &A, row: DualRow<'_>) -> Result<()> {
    let (qa, va, inverse_a) = (row.variance_a, row.moment_a, inverse_root(row.moment_a));
    let even = phi.parity() == Parity::Even;
    let kinked = !phi.kinks().is_empty();
    let overflow = || Error::overflow(format!("the dual of {}", phi.name()));
    let mut slopes = row.slope.map(|slope| slope.chunks_mut(CHUNK));
    let columns = row.variance_b.chunks(CHUNK).zip(row.moment_b.chunks(CHUNK));
    let columns = columns.zip(row.inverse_b.chunks(CHUNK));
    for (complement, ((qb, vb), inverse_b)) in row.complement.chunks_mut(CHUNK).zip(columns) {
        let size = complement.len();
        let slope = slopes.as_mut().and_then(Iterator::next);
        let with_slope = slope.is_some();
        let (mut q, mut inverse, mut folded) = ([1.0; CHUNK], [0.0; CHUNK], [0.0; CHUNK]);
        q[..size].copy_from_slice(qb);
        inverse[..size].copy_from_slice(inverse_b);
        folded[..size].copy_from_slice(complement);
        let shape = phi.clone();
        let (direct, slopes_here, near, finite, folded) = vectorized(
            #[inline(always)]
            move || {
                let (mut direct, mut slopes) = ([0.0; CHUNK], [0.0; CHUNK]);
                if even {
                    if with_slope {
                        for j in 0..CHUNK {
                            slopes[j] = shape.derivative_moment(qa, q[j], folded[j]);
                        }
                    }
                    for j in 0..CHUNK {
                        let other = 2.0 - folded[j];
                        folded[j] = if other < folded[j] { other } else { folded[j] };
                        direct[j] = shape.moment(qa, q[j], folded[j]);
                    }
                } else if with_slope {
                    for j in 0..CHUNK {
                        (direct[j], slopes[j]) = shape.moments(qa, q[j], folded[j]);
                    }
                } else {
                    for j in 0..CHUNK {
                        direct[j] = shape.moment(qa, q[j], folded[j]);
                    }
                }
                let (mut near, mut finite) = (false, true);
                for j in 0..CHUNK {
                    let scale = inverse_a * inverse[j];
                    direct[j] = 1.0 - direct[j] * scale;
                    near |= (direct[j] < SUBTRACTED) | (scale == 0.0);
                    finite &= (direct[j].abs() <= f64::MAX) & (slopes[j].abs() <= f64::MAX);
                }
                (direct, slopes, near, finite, folded)
            },
        );
        if let Some(slope) = slope {
            slope.copy_from_slice(&slopes_here[..size]);
        }
        complement.copy_from_slice(&folded[..size]);
        if !finite {
            return Err(overflow());
        }
        let clamped = |x: f64| x.clamp(0.0, 2.0);
        if !near {
            for (epsilon, direct) in complement.iter_mut().zip(&direct) {
                *epsilon = clamped(*direct);
            }
            continue;
        }
        // what parallel inputs lose, the integral of the slopes, and the slope at ε, all relative to √(V_a
        // V_b)
        let shape = phi.clone();
        let (parallel, drop, speed) = vectorized(
            #[inline(always)]
            move || {
                let mut root = [0.0; CHUNK];
                let (mut parallel, mut drop, mut speed) = ([0.0; CHUNK], [0.0; CHUNK], root);
                for j in 0..CHUNK {
                    let lost = 1.0 - shape.moment(qa, q[j], 0.0) * (inverse_a * inverse[j]);
                    parallel[j] = if qa == q[j] { 0.0 } else { lost };
                    root[j] = if qa == q[j] {
                        qa
                    } else {
                        qa.sqrt() * q[j].sqrt()
                    };
                }
                // node by node, so that the formula stands once in the code
                for (node, weight) in GAUSS_FIVE {
                    let (at, weight) = if kinked {
                        (node * node, 2.0 * node * weight)
                    } else {
                        (node, weight)
                    };
                    for j in 0..CHUNK {
                        drop[j] += weight * shape.derivative_moment(qa, q[j], folded[j] * at);
                    }
                }
                for j in 0..CHUNK {
                    let scale = root[j] * (inverse_a * inverse[j]);
                    drop[j] *= scale * folded[j];
                    speed[j] = scale * shape.derivative_moment(qa, q[j], folded[j]);
                }
                (parallel, drop, speed)
            },
        );
        for j in 0..size {
            let epsilon = complement[j];
            let (qb, vb) = (qb[j], vb[j]);
            complement[j] = if va == 0.0 || vb == 0.0 {
                epsilon
            } else if direct[j] >= SUBTRACTED || qa == 0.0 || qb == 0.0 {
                clamped(direct[j])
            } else {
                let sum = parallel[j].max(0.0) + drop[j];
                // the rounding of `parallel` counts where it is a share of the sum, and later layers enlarge
                // it
                let close = qa != qb && (qa / qb - 1.0).abs() < CLOSE && sum < ROUNDED;
                let agrees = (sum - direct[j]).abs() <= AGREEMENT;
                if agrees && !(close && speed[j] > 1.0) {
                    clamped(sum)
                } else if direct[j] >= ROUNDED {
                    direct[j]
                } else {
                    dual(phi, PairCovariance::from_parts(qa, qb, epsilon))?.one_minus_correlation()
                }
            };
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
                    move |qa, qb, epsilon| phi.moment(qa, qb, epsilon),
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
                    move |qa, qb, epsilon| phi.derivative_moment(qa, qb, epsilon),
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
