//! The Gaussian error linear unit.

use std::f64::consts::{FRAC_PI_2, PI};

use super::arc_sine::{angle, angle_and_excess};
use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::elementwise::vectorized_slices;
use super::{Activation, parallel};
use crate::PairCorrelation;
use crate::numerics::error_function;
use crate::numerics::normal::DENSITY_AT_ZERO;

/// GELU, $\varphi(x) = x \Phi(x)$ with the normal distribution function $\Phi$, exact (D. Hendrycks and K.
/// Gimpel 2016, arXiv 1606.08415).
///
/// With $\Delta = (1+q_a)(1+q_b) - k^2$ and $\rho = k/\sqrt{(1+q_a)(1+q_b)}$ (R. Tsuchida et al. 2020,
/// arXiv 2002.08517; here by Stein's identity),
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = k \left(\tfrac14 + \tfrac{\arcsin\rho}{2\pi}\right) +
/// \frac{1}{2\pi\sqrt\Delta} \left( q_a q_b - k^2 + \frac{k^2}{1+q_a} + \frac{k^2}{1+q_b} \right),$$
/// $$\mathbb E[\varphi^\prime(u)\varphi^\prime(v)] = \tfrac14 + \frac{\arcsin\rho}{2\pi} +
/// \frac{k}{2\pi\sqrt\Delta} \left( \frac1{1+q_a} + \frac1{1+q_b} + \frac1\Delta \right).$$
///
/// The error is a few units of rounding of $\sqrt{V_a V_b}$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Gelu}};
/// let k = PairCovariance::new(1.0, 1.0, 1.0)?;
/// assert!((Gelu.dual(k)?.covariance() - 0.425_221_482_570_299_0).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gelu;

/// Inlined into loops over slices.
impl Gelu {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        x * error_function::distribution(x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        error_function::distribution(x) + x * (DENSITY_AT_ZERO * error_function::bell(x))
    }
}

impl Activation for Gelu {
    fn name(&self) -> String {
        "GELU".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();
}

impl ClosedForm for Gelu {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.moments(qa, qb, c).0
    }

    /// In units of $s = \max(q_a, q_b, 1)$, so that no product leaves the range.
    #[inline(always)]
    fn moments(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
        let larger = if qa > qb { qa } else { qb };
        let scale = if larger > 1.0 { larger } else { 1.0 };
        let unit = 1.0 / scale;
        let (a, b) = (qa * unit, qb * unit);
        let root = if qa == qb { a } else { a.sqrt() * b.sqrt() };
        let (k, determinant) = (root * c.value(), root * root * c.sine_squared());
        let delta = unit * unit + (a + b) * unit + determinant;
        let leg = delta.sqrt();
        let both = 0.25 + angle(k, leg) / (2.0 * PI);
        // 1/(1+q_a) + 1/(1+q_b)
        let sum = unit * (2.0 * unit + (a + b)) / ((unit + a) * (unit + b));
        let weight = 1.0 / (2.0 * PI * leg);
        (
            scale * (k * both + (determinant + k * k * sum) * weight),
            both + k * (sum + unit * unit / delta) * weight,
        )
    }

    fn values(&self, x: f64) -> (f64, f64) {
        let below = error_function::distribution(-x);
        (x * (1.0 - below), -x * below)
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.moments(qa, qb, c).1
    }

    /// What the angle loses, in units of $s$ as well, from terms of one sign: with $k_0 = \sqrt{q_a q_b}$,
    /// $\Delta_0 = 1 + q_a + q_b$, $A = (1+q_a)(1+q_b)$, $\delta = k_0^2 - k^2$ and $t$ the tangent of the
    /// angle between $(k_0, \sqrt{\Delta_0})$ and $(k, \sqrt\Delta)$, the loss times $2\pi$ is that of ReLU
    /// of $x + z$, $(k_0 - k)(\tfrac\pi2 + \arcsin \tfrac{k_0}{\sqrt A}) - k (t - \arctan t) - \ldots$, and
    /// that of the rest.
    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let scale = qa.max(qb).max(1.0);
        let unit = 1.0 / scale;
        let (a, b) = (qa * unit, qb * unit);
        let root = if qa == qb { a } else { a.sqrt() * b.sqrt() };
        let k = root * c.value();
        let delta = root * root * c.sine_squared();
        let before = unit * unit + (a + b) * unit;
        let all = before + root * root;
        let (leg, other) = (before.sqrt(), (before + delta).sqrt());
        let (moved, shorter) = (root * c.one_minus(), delta / (leg + other));
        let relu = if c.is_positive() {
            let sum = root * other + k * leg;
            let (top, bottom) = (all * delta / sum, root * k + leg * other);
            let rest = (delta / sum) * (leg / bottom) * all * moved / (leg + other);
            moved * (FRAC_PI_2 + angle(root, leg))
                - k * angle_and_excess(top, bottom, top / bottom).1
                - rest
        } else {
            moved * FRAC_PI_2 + root * angle(root, leg) - k * angle(k, other) - shorter
        };
        let normal = delta * other + k * k * shorter;
        let gelu = (before * shorter + unit * unit * (normal / (leg * other))) / all;
        let variances = (self.variance(qa) * unit).sqrt() * (self.variance(qb) * unit).sqrt();
        let drop = (relu + gelu) / (2.0 * PI * variances);
        parallel::deficit_of(self, qa, qb) + drop
    }
}

dual_from_closed_form!(Gelu);
