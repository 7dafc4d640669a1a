//! Duals of all positively homogeneous activations $\varphi(x) = s_- \min(x, 0) + s_+ \max(x, 0)$.

use super::closed_form::map_slices;
use super::{DualRow, PairSlices, Parity, arc_cosine};
use crate::vectorized::vectorized;
use crate::{Error, PairCovariance, Result};

/// The slopes $(s_-, s_+)$ of $\varphi(x) = s_- \min(x,0) + s_+ \max(x,0)$: every positively homogeneous
/// function on the line.
///
/// Writing $\varphi(x) = (s_+ - s_-) \max(x,0) + s_- x$ gives, for a Gaussian pair of variances $q_a, q_b$
/// and correlation $c$,
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = \sqrt{q_a q_b} \left( \tfrac{(s_+ - s_-)^2}{2} \kappa_1(c) + s_- s_+ c
/// \right), \qquad
///   \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] = \tfrac{(s_+ - s_-)^2}{2} \kappa_0(c) + s_- s_+ .$$
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slopes {
    /// $s_-$, the slope left of 0.
    pub negative: f64,
    /// $s_+$, the slope right of 0.
    pub positive: f64,
}

impl Slopes {
    /// $\varphi(x)$.
    #[inline]
    pub fn value(&self, x: f64) -> f64 {
        x * self.derivative(x)
    }

    /// $\varphi^\prime(x)$, with $\varphi^\prime(0) = s_-$.
    #[inline]
    pub fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 {
            self.positive
        } else {
            self.negative
        }
    }

    /// $\mathbb E[\varphi(z)^2] = (s_-^2 + s_+^2)/2$ for a standard normal $z$.
    pub fn second_moment(&self) -> f64 {
        0.5 * (self.negative * self.negative + self.positive * self.positive)
    }

    /// $(s_+ - s_-)^2/2$, the weight of $\kappa_1$: with branch variance $\sigma_w^2$, the rate of the
    /// correlation flow in units of $\kappa_1(c) - c$.
    pub fn curvature_weight(&self) -> f64 {
        0.5 * (self.positive - self.negative).powi(2)
    }

    /// The dual in the variables of [`PairCovariance`]: with $m$ the [second moment](Self::second_moment) and
    /// $w$ the [weight](Self::curvature_weight) of $\kappa_1$,
    /// $m (1 - c^\prime) = w (1 - \kappa_1(c)) + s_- s_+ (1 - c)$.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a variance leaves the range of `f64`.
    pub fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        let moment = self.second_moment();
        let parity = if self.negative == -self.positive {
            Parity::Even
        } else {
            Parity::Neither
        };
        let epsilon = k.folded(parity).one_minus_correlation();
        let dual_epsilon = if moment > 0.0 {
            let weight = self.curvature_weight() / moment;
            let linear = self.negative * self.positive / moment;
            (weight * arc_cosine::kappa1_complement_unchecked(epsilon) + linear * epsilon)
                .clamp(0.0, 2.0)
        } else {
            0.0
        };
        let (a, b) = (k.variance_a() * moment, k.variance_b() * moment);
        if a.is_finite() && b.is_finite() {
            Ok(PairCovariance::from_parts(a, b, dual_epsilon))
        } else {
            Err(Error::overflow("the variance of a homogeneous activation"))
        }
    }

    /// $\mathbb E[\varphi^\prime(u) \varphi^\prime(v)]$.
    pub fn derivative_dual(&self, k: PairCovariance) -> f64 {
        self.curvature_weight()
            * arc_cosine::kappa0_of_complement_unchecked(k.one_minus_correlation())
            + self.negative * self.positive
    }

    /// $\mathbb E[\varphi(u)\varphi(v)]$ of many pairs.
    pub(crate) fn dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        let (weight, linear) = (self.curvature_weight(), self.negative * self.positive);
        map_slices(
            || "a homogeneous activation".to_owned(),
            k,
            out,
            #[inline(always)]
            move |qa, qb, epsilon| {
                let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
                scale
                    * (weight * arc_cosine::kappa1_of_complement_unchecked(epsilon)
                        + linear * (1.0 - epsilon))
            },
        )
    }

    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$ of many pairs.
    pub(crate) fn derivative_dual_slice(&self, k: &PairSlices<'_>, out: &mut [f64]) -> Result<()> {
        let (weight, linear) = (self.curvature_weight(), self.negative * self.positive);
        map_slices(
            || "a homogeneous activation".to_owned(),
            k,
            out,
            #[inline(always)]
            move |_, _, epsilon| {
                weight * arc_cosine::kappa0_of_complement_unchecked(epsilon) + linear
            },
        )
    }

    /// [`dual`](Self::dual) and [`derivative_dual`](Self::derivative_dual) of one point with many.
    pub(crate) fn dual_row(&self, row: DualRow<'_>) {
        let moment = self.second_moment();
        let (gain, shift) = (self.curvature_weight(), self.negative * self.positive);
        let scale = if moment > 0.0 { 1.0 / moment } else { 0.0 };
        let (weight, linear) = (scale * gain, scale * shift);
        let even = self.negative == -self.positive;
        let complement = row.complement;
        match row.slope {
            Some(slope) if !even => vectorized(
                #[inline(always)]
                || {
                    for (epsilon, slope) in complement.iter_mut().zip(slope.iter_mut()) {
                        let (kappa0, complement) =
                            arc_cosine::both_of_complement_unchecked(*epsilon);
                        *slope = gain * kappa0 + shift;
                        *epsilon = clamped(weight * complement + linear * *epsilon);
                    }
                },
            ),
            mut slope => vectorized(
                #[inline(always)]
                || {
                    if let Some(slope) = &mut slope {
                        for (slope, &epsilon) in slope.iter_mut().zip(&*complement) {
                            let kappa0 = arc_cosine::kappa0_of_complement_unchecked(epsilon);
                            *slope = gain * kappa0 + shift;
                        }
                    }
                    for epsilon in complement.iter_mut() {
                        let folded = 2.0 - *epsilon;
                        let x = if even && folded < *epsilon {
                            folded
                        } else {
                            *epsilon
                        };
                        let complement = arc_cosine::kappa1_complement_unchecked(x);
                        *epsilon = clamped(weight * complement + linear * x);
                    }
                },
            ),
        }
    }
}

/// The nearest number in $[0, 2]$.
#[inline(always)]
fn clamped(x: f64) -> f64 {
    let x = if x > 0.0 { x } else { 0.0 };
    if x < 2.0 { x } else { 2.0 }
}
