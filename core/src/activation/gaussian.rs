//! The Gaussian bump.

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::elementwise::vectorized_slices;
use super::{Activation, Parity};
use crate::numerics::exponential;
use crate::{PairCorrelation, Result, error};

/// $\varphi(x) = a e^{bx^2}$, a bump for $b < 0$.
///
/// With $\beta = -2b$ and $\Delta = \det(I + \beta K) = 1 + \beta(q_a + q_b) + \beta^2 (q_a q_b - k^2)$ (C.
/// Williams 1996),
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = a^2 \Delta^{-1/2}, \qquad \mathbb
/// E[\varphi^\prime(u)\varphi^\prime(v)] = a^2 \beta^2 k \Delta^{-3/2} .$$
///
/// For $b > 0$ the variance is finite only below $q = 1/(4b)$; beyond, it is an
/// [`Error::Overflow`](crate::Error::Overflow).
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Gaussian}};
/// let k = PairCovariance::new(1.0, 1.0, 0.0)?;
/// assert!((Gaussian::new(1.0, -1.0)?.dual(k)?.covariance() - 1.0 / 3.0).abs() < 1e-15);
/// assert!(Gaussian::new(1.0, 0.3)?.dual(k).is_err());
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian {
    a: f64,
    b: f64,
}

/// Against overflow.
#[inline(always)]
fn cut(x: f64) -> f64 {
    if x.abs() < 1e300 {
        x
    } else {
        x.signum() * 1e300
    }
}

impl Gaussian {
    /// $a e^{bx^2}$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the numbers are finite.
    pub fn new(a: f64, b: f64) -> Result<Self> {
        Ok(Self {
            a: error::finite("a", a)?,
            b: error::finite("b", b)?,
        })
    }

    /// $1/s$, $\beta k/s$ and $\Delta/s^2$ with $s = \max(|\beta| q_a, |\beta| q_b, 1)$; NaN where the
    /// expectation does not exist.
    #[inline(always)]
    fn parts(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64, f64) {
        let beta = -2.0 * self.b;
        let (a, b) = (cut(beta * qa), cut(beta * qb));
        let larger = if a.abs() > b.abs() { a.abs() } else { b.abs() };
        let unit = 1.0 / if larger > 1.0 { larger } else { 1.0 };
        let (x, y) = (a * unit, b * unit);
        let root = if a == b {
            x
        } else {
            (x.abs().sqrt() * y.abs().sqrt()).copysign(beta)
        };
        let delta = unit * unit + unit * (x + y) + root * root * c.sine_squared();
        let exists = (1.0 + a > 0.0) & (delta > 0.0);
        (
            unit,
            root * c.value(),
            if exists { delta } else { f64::NAN },
        )
    }
}

/// Inlined into loops over slices.
impl Gaussian {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        self.a * exponential::exp_of_any(self.b * x * x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        // beyond the range of exp the product is 0, not 0 · ∞
        let value = self.at(x);
        if value == 0.0 {
            0.0
        } else {
            2.0 * self.b * x * value
        }
    }
}

impl Activation for Gaussian {
    fn name(&self) -> String {
        format!("Gaussian({}, {})", self.a, self.b)
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();

    fn parity(&self) -> Parity {
        Parity::Even
    }
}

impl ClosedForm for Gaussian {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let (unit, _, delta) = self.parts(qa, qb, c);
        self.a * self.a * unit / delta.sqrt()
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let (unit, k, delta) = self.parts(qa, qb, c);
        let beta = -2.0 * self.b;
        self.a * self.a * beta * k * (unit / delta) * (unit / delta.sqrt())
    }

    /// $c^\prime = ((1 + 2\beta q_a)(1 + 2\beta q_b)/\Delta^2)^{1/4}$, and $\Delta^2$ exceeds the numerator
    /// by $\beta^2 (q_a - q_b)^2 + 2 (1 + \beta q_a + \beta q_b) \beta^2 D + \beta^4 D^2$,
    /// $D = q_a q_b - k^2$.
    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let (unit, _, delta) = self.parts(qa, qb, c);
        let beta = -2.0 * self.b;
        let (x, y) = (cut(beta * qa) * unit, cut(beta * qb) * unit);
        let determinant = x * y * c.sine_squared();
        let difference = unit * (x - y) / delta;
        let share = determinant / delta;
        let cross = 2.0 * (unit * (unit + (x + y)) / delta) * share;
        let excess = difference * difference + cross + share * share;
        -(0.25 * (-excess).ln_1p()).exp_m1()
    }
}

dual_from_closed_form!(Gaussian);
