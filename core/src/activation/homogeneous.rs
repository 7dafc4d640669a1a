//! Duals of all positively homogeneous activations $\varphi(x) = s_- \min(x, 0) + s_+ \max(x, 0)$.

use super::closed_form::map_slices;
use super::{DualRow, PairSlices, arc_cosine};
use crate::vectorized::vectorized;
use crate::{Error, PairCorrelation, PairCovariance, Result};

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
    /// $w$ the [weight](Self::curvature_weight) of $\kappa_1$, $m (1 \mp c^\prime) = w (1 \mp \kappa_1(c)) +
    /// s_- s_+ (1 \mp c)$.
    ///
    /// # Errors
    /// [`Error::Overflow`] if a variance leaves the range of `f64`.
    pub fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        let moment = self.second_moment();
        let (a, b) = (k.variance_a() * moment, k.variance_b() * moment);
        if a.is_finite() && b.is_finite() {
            let correlation = AngleImage::new(*self).image(k.pair_correlation());
            Ok(PairCovariance::of(a, b, correlation))
        } else {
            Err(Error::overflow("the variance of a homogeneous activation"))
        }
    }

    /// $\mathbb E[\varphi^\prime(u) \varphi^\prime(v)]$.
    pub fn derivative_dual(&self, k: PairCovariance) -> f64 {
        self.curvature_weight() * arc_cosine::kappa0_of(k.pair_correlation())
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
            move |qa, qb, c| {
                let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
                scale * (weight * arc_cosine::kappa1_of(c) + linear * c.value())
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
            move |_, _, c| weight * arc_cosine::kappa0_of(c) + linear,
        )
    }

    /// [`dual`](Self::dual) and [`derivative_dual`](Self::derivative_dual) of one point with many.
    pub fn dual_row(&self, row: DualRow<'_>) {
        let (gain, shift) = (self.curvature_weight(), self.negative * self.positive);
        let (map, correlation) = (AngleImage::new(*self), row.correlation);
        match row.slope {
            Some(slope) => vectorized(
                #[inline(always)]
                move || {
                    for (c, slope) in correlation.iter_mut().zip(slope.iter_mut()) {
                        let (remainder, s) = arc_cosine::remainder_and_angle(c.distance());
                        let kappa0 = if c.is_positive() { 1.0 - s } else { s };
                        *slope = gain * kappa0 + shift;
                        *c = map.image_from(*c, remainder);
                    }
                },
            ),
            None => vectorized(
                #[inline(always)]
                move || {
                    for c in correlation.iter_mut() {
                        *c = map.image(*c);
                    }
                },
            ),
        }
    }
}

/// What a homogeneous activation does to the correlation.
#[derive(Debug, Clone, Copy)]
pub struct AngleImage {
    /// $w/m$.
    weight: f64,
    /// $s_- s_+/m = 1 - w/m$.
    linear: f64,
    /// $1 + s_- s_+/m = (s_- + s_+)^2/(2m)$, 0 for an even function.
    even: f64,
}

impl AngleImage {
    /// Of the activation with these slopes.
    pub fn new(slopes: Slopes) -> Self {
        let moment = slopes.second_moment();
        if moment == 0.0 {
            // 0 has no correlation with anything
            return Self {
                weight: 0.0,
                linear: 1.0,
                even: 2.0,
            };
        }
        Self {
            weight: slopes.curvature_weight() / moment,
            linear: slopes.negative * slopes.positive / moment,
            even: 0.5 * (slopes.negative + slopes.positive).powi(2) / moment,
        }
    }

    /// $w/m$.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// $c^\prime$.
    #[inline(always)]
    pub fn image(self, c: PairCorrelation) -> PairCorrelation {
        self.image_from(c, arc_cosine::remainder(c.distance()))
    }

    /// $c^\prime$ given $r = \kappa_1(c) - \max(c, 0)$. For $c \ge 0$, where $c^\prime \ge c$,
    /// $1 - c^\prime = (1 - c) - w r$; for $c < 0$, with $d = 1 + c$, $1 - c^\prime = (1 + l) - w r - l d$
    /// and $1 + c^\prime = w (1 + r) + l d$.
    #[inline(always)]
    pub fn image_from(self, c: PairCorrelation, remainder: f64) -> PairCorrelation {
        let (distance, lost) = (c.distance(), self.weight * remainder);
        let (near, far) = if c.is_positive() {
            (distance - lost, 2.0)
        } else {
            let linear = self.linear * distance;
            ((self.even - lost) - linear, (self.weight + lost) + linear)
        };
        PairCorrelation::from_ends(near, far)
    }
}
