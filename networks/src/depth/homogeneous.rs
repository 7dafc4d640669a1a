//! The flow of a homogeneous branch in closed form: $K$ and the tangent kernel.
//!
//! With $\sigma_w^2$ and the slopes of the branch, $g = \sigma_w^2 (s_-^2 + s_+^2)/2$,
//! $k = \sigma_w^2 (s_+ - s_-)^2/2$ and $\mu = \sigma_w^2 s_- s_+/k$, variances grow like $e^{g\tau}$ and
//! correlations follow [`CorrelationFlow`] in the time $T = 2k\tau$. The tangent kernel
//! $\Theta = \sqrt{q_a q_b} \vartheta$ obeys, with $\theta = \arccos c$,
//!
//! $$\frac{d\vartheta}{dT} = -\frac{\theta}{2\pi} \vartheta + \frac{\kappa_1(c)}2 + \frac{\mu c}2.$$
//!
//! Its homogeneous part is the sensitivity $P = \partial c_T/\partial c_0 = \dot c_T/\dot c_0$ of the
//! correlation flow, since $\frac{d}{dc} \frac12(\kappa_1(c) - c) = -\theta/2\pi$. With
//! $\frac12\kappa_1 = \dot c + \frac12 c$ one integral is left,
//!
//! $$\vartheta_T = P c_0 + \dot c_T T + \frac{1 + \mu}2 \int_0^T \frac{\dot c_T}{\dot c_s} c_s ds,$$
//!
//! which Gauss's rule takes in variables in which it is analytic: $\sqrt{1 + c}$ while $c < 0$, and time, in
//! parts in which $1/\sqrt{1-c}$ grows by less than a half. On the diagonal, $\Theta = e^{g\tau}(\Theta_0 +
//! g \tau q_0)$.

use super::correlation_flow::{CorrelationFlow, early_density, sensitivity, velocity};
use crate::activation::Slopes;

use crate::PairCovariance;
use crate::covariance::PairCorrelation;
use crate::numerics::Magnitude;
use crate::numerics::gauss_legendre::{NODES, WEIGHTS};

/// How much $1/\sqrt{1-c}$ may grow within one application of Gauss's rule, less 1.
const GROWTH: f64 = 0.5;

/// The longest part in $\sqrt{1 + c}$.
const FAR_PART: f64 = 0.25;

/// The flow for a given duration.
#[derive(Debug, Clone, Copy)]
pub(super) struct HomogeneousFlow {
    /// $g \tau$.
    growth: f64,
    /// $T$.
    time: f64,
    /// $\sigma_w^2 s_- s_+ \tau$: what $T \mu/2$ is, also for $k = 0$.
    linear: f64,
}

/// What becomes of a pair: $\Theta = q\vartheta$ goes to $e^{g\tau} q (P \vartheta + S)$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image {
    pub(super) correlation: PairCorrelation,
    /// $P$.
    pub(super) kept: f64,
    /// $S$.
    pub(super) gain: f64,
}

impl HomogeneousFlow {
    /// Of $\sigma_w^2$, slopes and the duration in the scaling's clock.
    pub(super) fn new(weight: f64, slopes: Slopes, clock: f64) -> Self {
        Self {
            growth: weight * slopes.second_moment() * clock,
            time: 2.0 * weight * slopes.curvature_weight() * clock,
            linear: weight * slopes.negative * slopes.positive * clock,
        }
    }

    /// $g \tau$.
    pub(super) fn growth(&self) -> f64 {
        self.growth
    }

    /// $e^{g \tau}$.
    pub(super) fn factor(&self) -> Magnitude {
        Magnitude::exponential(self.growth)
    }

    /// A pair without its growth.
    pub(super) fn pair(&self, k: PairCovariance) -> PairCovariance {
        let c = self.correlation(k.pair_correlation());
        PairCovariance::of(k.variance_a(), k.variance_b(), c)
    }

    /// $c$ at the end.
    pub(super) fn correlation(&self, c: PairCorrelation) -> PairCorrelation {
        CorrelationFlow::shared().image(c, self.time)
    }

    /// $c$ and the tangent kernel's map.
    pub(super) fn image(&self, c: PairCorrelation) -> Image {
        let end = self.correlation(c);
        let time = self.time;
        if time == 0.0 || c == PairCorrelation::PARALLEL {
            // κ₁(c) = c, or it does not count
            let gain = (0.5 * time + self.linear) * c.value();
            return Image {
                correlation: end,
                kept: 1.0,
                gain,
            };
        }
        let mean = 0.5 + self.linear / time;
        Image {
            correlation: end,
            kept: sensitivity(c, end),
            gain: velocity(end) * time + mean * weighted_correlation(c, end, time),
        }
    }
}

/// $\int_0^T \frac{\dot c_T}{\dot c_s} c_s ds$.
fn weighted_correlation(start: PairCorrelation, end: PairCorrelation, time: f64) -> f64 {
    let flow = CorrelationFlow::shared();
    let (mut sum, mut at, mut elapsed) = (0.0, start, 0.0);
    if !start.is_positive() {
        let last = if end.is_positive() {
            1.0
        } else {
            end.distance().sqrt()
        };
        let first = start.distance().sqrt();
        let parts = ((last - first) / FAR_PART).ceil().max(1.0);
        let length = (last - first) / parts;
        for part in 0..parts as usize {
            let from = first + part as f64 * length;
            for (node, weight) in NODES.iter().zip(&WEIGHTS) {
                let w = from + node * length;
                // ds = 4 w d dw and 1/ċ = 2 d
                let density = early_density(w);
                sum += weight * length * (w * w - 1.0) * 8.0 * w * density * density;
            }
        }
        sum *= velocity(end);
        if !end.is_positive() {
            return sum;
        }
        (at, elapsed) = (PairCorrelation::ORTHOGONAL, flow.time_to_orthogonal(start));
    }
    // one part after the other, each from where 1/√ε has grown by a half
    while elapsed < time {
        let longest = GROWTH * flow.late_slope() / at.distance().sqrt();
        let length = longest.min(time - elapsed);
        for (node, weight) in NODES.iter().zip(&WEIGHTS) {
            let c = flow.image(at, node * length);
            sum += weight * length * c.value() * sensitivity(c, end);
        }
        at = flow.image(at, length);
        elapsed += length;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::arc_cosine;

    const RELU: Slopes = Slopes {
        negative: 0.0,
        positive: 1.0,
    };

    /// $\frac{d\vartheta}{dT}$ by differences, and $\vartheta$ in two steps against one.
    #[test]
    fn the_tangent_kernel_obeys_its_equation_and_composes() {
        for slopes in [
            RELU,
            Slopes {
                negative: 0.3,
                positive: 1.0,
            },
            Slopes {
                negative: -1.0,
                positive: 1.0,
            },
        ] {
            for epsilon in [2.0, 1.9, 1.2, 0.7, 1e-2, 1e-9] {
                let c = PairCorrelation::of_one_minus(epsilon);
                for clock in [0.3, 4.0, 50.0] {
                    let whole = HomogeneousFlow::new(1.2, slopes, clock).image(c);
                    let first = HomogeneousFlow::new(1.2, slopes, 0.4 * clock).image(c);
                    let rest = HomogeneousFlow::new(1.2, slopes, 0.6 * clock);
                    let second = rest.image(first.correlation);
                    let kept = first.kept * second.kept;
                    let gain = first.gain * second.kept + second.gain;
                    assert!((kept / whole.kept - 1.0).abs() < 3e-14, "{epsilon} {clock}");
                    let error = (gain - whole.gain).abs() / whole.gain.abs().max(1.0);
                    assert!(error < 3e-14, "{epsilon} {clock}: {error:e}");
                }
                let step = 1e-4;
                let at = |clock: f64| HomogeneousFlow::new(1.0, slopes, clock).image(c);
                let rate = (at(1.0 + step).gain - at(1.0 - step).gain) / (2.0 * step);
                let middle = at(1.0);
                let k = slopes.curvature_weight();
                let theta = middle.correlation.value().acos();
                let expected = -k * theta / std::f64::consts::PI * middle.gain
                    + k * arc_cosine::kappa1_of(middle.correlation)
                    + slopes.negative * slopes.positive * middle.correlation.value();
                assert!(
                    (rate - expected).abs() < 1e-7,
                    "{epsilon}: {rate} {expected}"
                );
            }
        }
    }
}
