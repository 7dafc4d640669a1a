//! The exponential.

use super::Activation;
use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::elementwise::vectorized_slices;
use crate::numerics::exponential;
use crate::{PairCorrelation, Result, error};

/// $\varphi(x) = a e^{bx}$.
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = a^2 e^{b^2 (q_a + q_b + 2k)/2}, \qquad \mathbb
/// E[\varphi^\prime(u)\varphi^\prime(v)] = b^2 \mathbb E[\varphi(u)\varphi(v)]$$
///
/// (A. Mairal et al. 2014, arXiv 1406.3332, for the unit sphere). Variances grow doubly exponentially with
/// depth: beyond the range of `f64` they are an [`Error::Overflow`](crate::Error::Overflow).
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Exponential}};
/// let k = PairCovariance::new(1.0, 1.0, 0.0)?;
/// assert!((Exponential::new(1.0, 1.0)?.dual(k)?.covariance() - std::f64::consts::E).abs() < 1e-14);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential {
    a: f64,
    b: f64,
}

impl Exponential {
    /// $a e^{bx}$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the numbers are finite.
    pub fn new(a: f64, b: f64) -> Result<Self> {
        Ok(Self {
            a: error::finite("a", a)?,
            b: error::finite("b", b)?,
        })
    }
}

/// $b (\sqrt{q_a} - \sqrt{q_b})$, without a difference of roots that have been rounded, and
/// $b^2 \sqrt{q_a q_b}$.
#[inline(always)]
pub(super) fn difference_and_product(b: f64, qa: f64, qb: f64) -> (f64, f64) {
    let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
    let sum = root_a + root_b;
    let difference = b * ((qa - qb) / if sum > 0.0 { sum } else { 1.0 });
    (difference, (b * root_a) * (b * root_b))
}

/// $-b^2 (q_a + q_b - 2k)/2$, without a difference of large numbers.
#[inline(always)]
pub(super) fn exponent_of_distance(b: f64, (qa, qb, c): (f64, f64, PairCorrelation)) -> f64 {
    let (difference, product) = difference_and_product(b, qa, qb);
    -0.5 * difference * difference - product * c.one_minus()
}

/// $1 - e^{-b^2 (q_a + q_b - 2k)/2}$: $1 - c^\prime$ of $e^{bx}$ and of random features of frequency $b$.
pub(super) fn exponential_complement(b: f64, pair: (f64, f64, PairCorrelation)) -> f64 {
    -exponent_of_distance(b, pair).exp_m1()
}

/// Inlined into loops over slices.
impl Exponential {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        self.a * exponential::exp_of_any(self.b * x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        self.b * self.at(x)
    }
}

impl Activation for Exponential {
    fn name(&self) -> String {
        format!("exp({}, {})", self.a, self.b)
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();
}

impl ClosedForm for Exponential {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let (root_a, root_b) = (self.b.abs() * qa.sqrt(), self.b.abs() * qb.sqrt());
        let sum = root_a + root_b;
        let exponent = 0.5 * sum * sum - root_a * root_b * c.one_minus();
        self.a * self.a * exponential::exp_of_any(exponent)
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        self.b * self.b * self.moment(qa, qb, c)
    }

    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        exponential_complement(self.b, (qa, qb, c))
    }
}

dual_from_closed_form!(Exponential);
