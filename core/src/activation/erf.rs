//! The error function.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::arc_sine::angle;
use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::elementwise::vectorized_slices;
use super::{Activation, DualSensitivity, Parity, parallel};
use crate::numerics::{error_function, exponential};
use crate::{PairCorrelation, PairCovariance, Result, error};

/// $\varphi(x) = a \operatorname{erf}(bx) + c$; [`Erf::default`] is $\operatorname{erf}(x)$.
///
/// With $A = 2b^2 q_a$, $B = 2b^2 q_b$ (C. Williams, *Computing with infinite networks*, NeurIPS 1996),
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = c^2 + \frac{2a^2}\pi \arcsin\frac{2b^2 k}{\sqrt{(1+A)(1+B)}}, \qquad
///   \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] = \frac{4 a^2 b^2}{\pi \sqrt{1 + A + B + 4 b^4 (q_a q_b -
///   k^2)}} .$$
///
/// The arc sine is taken as an angle between its argument and $\sqrt{1 + A + B + \ldots}$, so that variances
/// of 1e12 lose no digits: the error is a few units of rounding of $\sqrt{V_a V_b}$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Erf}};
/// let k = PairCovariance::new(0.5, 0.5, 0.5)?;
/// assert!((Erf::default().dual(k)?.covariance() - 1.0 / 3.0).abs() < 1e-15); // 2/π · asin(1/2)
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Erf {
    a: f64,
    b: f64,
    c: f64,
}

/// $2b^2q$ is cut here, against overflow.
const LARGEST: f64 = 1e300;

impl Erf {
    /// $a \operatorname{erf}(bx) + c$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the numbers are finite.
    pub fn new(a: f64, b: f64, c: f64) -> Result<Self> {
        Ok(Self {
            a: error::finite("a", a)?,
            b: error::finite("b", b)?,
            c: error::finite("c", c)?,
        })
    }

    /// $\tfrac12 \operatorname{erf}(bx) + \tfrac12$.
    pub(super) fn half(b: f64) -> Self {
        Self { a: 0.5, b, c: 0.5 }
    }

    #[inline(always)]
    fn scaled(&self, q: f64) -> f64 {
        let x = 2.0 * self.b * self.b * q;
        if x < LARGEST { x } else { LARGEST }
    }

    /// $1/s$, $\sqrt{AB}/s$ and $(1 + A + B)/s^2$ with $s = \max(A, B, 1)$, so that no product leaves the
    /// range.
    #[inline(always)]
    fn parts(&self, qa: f64, qb: f64) -> (f64, f64, f64) {
        let (a, b) = (self.scaled(qa), self.scaled(qb));
        let larger = if a > b { a } else { b };
        let unit = 1.0 / if larger > 1.0 { larger } else { 1.0 };
        let (x, y) = (a * unit, b * unit);
        let root = if a == b { x } else { x.sqrt() * y.sqrt() };
        (unit, root, unit * unit + (x + y) * unit)
    }

    /// $1/s$, $\sqrt{AB}\, c/s$ and $\sqrt{1 + A + B + AB(1-c^2)}/s$.
    #[inline(always)]
    fn legs(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64, f64) {
        let (unit, root, rest) = self.parts(qa, qb);
        let rest = rest + root * root * c.sine_squared();
        (unit, root * c.value(), rest.sqrt())
    }
}

impl Default for Erf {
    /// $\operatorname{erf}(x)$.
    fn default() -> Self {
        Self {
            a: 1.0,
            b: 1.0,
            c: 0.0,
        }
    }
}

/// Inlined into loops over slices.
impl Erf {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        self.a * error_function::erf(self.b * x) + self.c
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        let y = self.b * x;
        self.a * self.b * FRAC_2_SQRT_PI * exponential::exp(-y * y)
    }
}

impl Activation for Erf {
    fn name(&self) -> String {
        format!("erf({}, {}, {})", self.a, self.b, self.c)
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();

    fn parity(&self) -> Parity {
        if self.c == 0.0 {
            Parity::Odd
        } else {
            Parity::Neither
        }
    }
}

impl ClosedForm for Erf {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.moments(qa, qb, c).0
    }

    #[inline(always)]
    fn moments(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
        let (unit, root, rest) = self.legs(qa, qb, c);
        let slope = self.a * self.b;
        (
            (2.0 / PI) * self.a * self.a * angle(root, rest) + self.c * self.c,
            (4.0 / PI) * slope * slope * unit / rest,
        )
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let (unit, _, rest) = self.legs(qa, qb, c);
        let slope = self.a * self.b;
        (4.0 / PI) * slope * slope * unit / rest
    }

    fn values(&self, x: f64) -> (f64, f64) {
        let odd = self.a * error_function::erf(self.b * x);
        (self.c + odd, self.c - odd)
    }

    /// With $R = 1 + A + B + AB(1-c^2)$ and $G = \mathbb E[\varphi^\prime\varphi^\prime]$, the moment has the
    /// slopes $G k/(2 q_a (1 + A))$ in $q_a$ and $G \sqrt{q_a q_b}$ in $c$, $G$ those of $R^{-1/2}$.
    fn derivatives(&self, k: PairCovariance) -> Option<DualSensitivity> {
        let (qa, qb, c) = (k.variance_a(), k.variance_b(), k.pair_correlation());
        let [a, b] = [qa, qb].map(|q| self.scaled(q));
        let (value, slope) = self.moments(qa, qb, c);
        let (va, vb) = (self.variance(qa), self.variance(qb));
        let rest = 1.0 + a + b + a * b * c.sine_squared();
        let scale = va.sqrt() * vb.sqrt();
        if !(rest.is_finite() && scale > 0.0) || qa == 0.0 || qb == 0.0 {
            return None;
        }
        let moment =
            |q: f64, a: f64| self.derivative_moment(q, q, PairCorrelation::PARALLEL) / (1.0 + a);
        let moments = [moment(qa, a), moment(qb, b)];
        let along = |q: f64, a: f64, moment: f64, v: f64| {
            slope * k.covariance() / (2.0 * q * (1.0 + a)) / scale
                - 0.5 * value / scale * moment / v
        };
        let of_rest = |other: f64| self.b * self.b * (1.0 + other * c.sine_squared());
        Some(DualSensitivity {
            moments,
            correlation: [
                along(qa, a, moments[0], va),
                along(qb, b, moments[1], vb),
                slope * k.geometric_mean() / scale,
            ],
            slope: [
                -slope * of_rest(b) / rest,
                -slope * of_rest(a) / rest,
                slope * c.value() * a * b / rest,
            ],
        })
    }

    /// What the angle loses is an angle as well: that between the legs at 1 and at $c$, of which one is taken
    /// from the other without a difference.
    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let (_, root, before) = self.parts(qa, qb);
        let turned = root * root * c.sine_squared();
        let (k, leg) = (root * c.value(), before.sqrt());
        let other = (before + turned).sqrt();
        let lost = if root == 0.0 {
            0.0
        } else if c.is_positive() {
            let opposite = (before + root * root) * turned / (root * other + k * leg);
            angle(opposite, root * k + leg * other)
        } else {
            angle(root, leg) - angle(k, other)
        };
        let scale = self.variance(qa).sqrt() * self.variance(qb).sqrt();
        let drop = (2.0 / PI) * self.a * self.a * lost / scale;
        parallel::deficit_of(self, qa, qb) + drop
    }
}

dual_from_closed_form!(Erf);
