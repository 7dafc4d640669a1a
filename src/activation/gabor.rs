//! The Gabor function.

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::{Activation, Parity};

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

/// Variances are cut here: beyond, $\varphi$ is too narrow for its dual to differ from 0 in `f64`.
const LARGEST: f64 = 1e100;

struct Parts {
    k: f64,
    sum: f64,
    delta: f64,
    exponent: f64,
}

#[inline(always)]
fn parts(qa: f64, qb: f64, epsilon: f64) -> Parts {
    let (qa, qb) = (qa.min(LARGEST), qb.min(LARGEST));
    let product = qa * qb;
    let root = if qa == qb { qa } else { product.sqrt() };
    let determinant = product * (epsilon * (2.0 - epsilon));
    let sum = qa + qb;
    let delta = 1.0 + 2.0 * sum + 4.0 * determinant;
    Parts {
        k: root * (1.0 - epsilon),
        sum,
        delta,
        exponent: (sum + 4.0 * determinant) / (2.0 * delta),
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
    fn moment(&self, qa: f64, qb: f64, epsilon: f64) -> f64 {
        let Parts {
            k, delta, exponent, ..
        } = parts(qa, qb, epsilon);
        (-exponent).exp() * (k / delta).sinh() / delta.sqrt()
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, epsilon: f64) -> f64 {
        let Parts {
            k,
            sum,
            delta,
            exponent,
        } = parts(qa, qb, epsilon);
        let s = k / delta;
        let even = s.cosh() * (1.0 / delta + 8.0 * s * s);
        let odd = 4.0 * s * s.sinh() * ((1.0 + sum) / delta + 1.0);
        (-exponent).exp() / delta.sqrt() * (even + odd)
    }
}

dual_from_closed_form!(Gabor);
