//! The Gabor function.

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::{Activation, Parity};
use crate::PairCorrelation;
use crate::numerics::exponential::damped_hyperbolic;

/// $\varphi(x) = e^{-x^2} \sin x$.
///
/// The Gaussian factors tilt the covariance to $K(I + 2K)^{-1}$, in which the sines are taken. With
/// $\Delta = \det(I + 2K)$, $S = k/\Delta$ and $M = (q_a + q_b + 4(q_a q_b - k^2))/(2\Delta)$,
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = \frac{e^{-M} \sinh S}{\sqrt\Delta},$$
/// $$\mathbb E[\varphi^\prime(u)\varphi^\prime(v)] = \frac{e^{-M}}{\sqrt\Delta} \left( \cosh S \frac{\Delta +
/// 8k^2}{\Delta^2} + 4k \sinh S \left(\frac{1 + q_a + q_b}{\Delta^2} + \frac1\Delta\right) \right),$$
///
/// the second by Price's theorem, as the derivative of the first by $k$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Gabor}};
/// let k = PairCovariance::new(1.0, 1.0, 1.0)?;
/// let exact = (-0.2_f64).exp() * 0.2_f64.sinh() / 5.0_f64.sqrt();
/// assert!((Gabor.dual(k)?.covariance() - exact).abs() < 1e-16);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gabor;

/// In units of $s = \max(q_a, q_b, 1)$, so that no product leaves the range.
struct Parts {
    /// $1/s$.
    unit: f64,
    /// $k/s$.
    k: f64,
    /// $(q_a + q_b)/s$.
    sum: f64,
    /// $s^2/\Delta$.
    inverse: f64,
    /// $M$.
    exponent: f64,
}

#[inline(always)]
fn parts(qa: f64, qb: f64, c: PairCorrelation) -> Parts {
    let larger = if qa > qb { qa } else { qb };
    let unit = 1.0 / if larger > 1.0 { larger } else { 1.0 };
    let (a, b) = (qa * unit, qb * unit);
    let root = if qa == qb { a } else { a.sqrt() * b.sqrt() };
    let determinant = root * root * c.sine_squared();
    let sum = a + b;
    let inverse = 1.0 / (unit * unit + 2.0 * unit * sum + 4.0 * determinant);
    Parts {
        unit,
        k: root * c.value(),
        sum,
        inverse,
        exponent: (unit * sum + 4.0 * determinant) * (0.5 * inverse),
    }
}

impl Activation for Gabor {
    fn name(&self) -> String {
        "Gabor".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        (-x * x).exp() * x.sin()
    }

    fn derivative(&self, x: f64) -> f64 {
        let bump = (-x * x).exp();
        if bump == 0.0 {
            0.0
        } else {
            bump * (x.cos() - 2.0 * x * x.sin())
        }
    }

    fn parity(&self) -> Parity {
        Parity::Odd
    }
}

impl ClosedForm for Gabor {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let Parts {
            unit,
            k,
            inverse,
            exponent,
            ..
        } = parts(qa, qb, c);
        let s = unit * k * inverse;
        let (sine, _) = damped_hyperbolic(s - exponent, -s - exponent, 2.0 * s);
        sine * (unit * inverse.sqrt())
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let Parts {
            unit,
            k,
            sum,
            inverse,
            exponent,
        } = parts(qa, qb, c);
        let s = unit * k * inverse;
        let (sine, cosine) = damped_hyperbolic(s - exponent, -s - exponent, 2.0 * s);
        let share = unit * (unit * inverse);
        let even = cosine * (share + 8.0 * s * s);
        let odd = 4.0 * s * sine * (share + unit * sum * inverse + 1.0);
        (unit * inverse.sqrt()) * (even + odd)
    }
}

dual_from_closed_form!(Gabor);
