//! The Gaussian error linear unit.

use std::f64::consts::PI;

use super::Activation;
use super::arc_sine::angle;
use super::closed_form::{ClosedForm, dual_from_closed_form};
use crate::PairCorrelation;
use crate::numerics::normal;

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

impl Activation for Gelu {
    fn name(&self) -> String {
        "GELU".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x * normal::distribution(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        normal::distribution(x) + x * normal::density(x)
    }
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

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.moments(qa, qb, c).1
    }
}

dual_from_closed_form!(Gelu);
