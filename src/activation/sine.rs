//! The sine.

use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::{Activation, Parity};
use crate::{PairCorrelation, Result, error};

/// $\varphi(x) = a \sin(bx + c)$; [`Sine::default`] is $\sin x$.
///
/// The even part $a \sin c \cos bx$ and the odd part $a \cos c \sin bx$ are uncorrelated, and with
/// $A = b^2 q_a$, $B = b^2 q_b$
///
/// $$\mathbb E[\sin bu \sin bv] = e^{-(A+B)/2} \sinh(b^2 k), \qquad \mathbb E[\cos bu \cos bv] = e^{-(A+B)/2}
/// \cosh(b^2 k)$$
///
/// (T. Pearce et al. 2019, arXiv 1905.06076). The error is a few units of rounding of $\sqrt{V_a V_b}$, small
/// variances included.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Sine}};
/// let k = PairCovariance::new(1.0, 1.0, 1.0)?;
/// assert!((Sine::default().dual(k)?.covariance() - 0.5 * (1.0 - (-2.0_f64).exp())).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sine {
    a: f64,
    b: f64,
    c: f64,
}

impl Sine {
    /// $a \sin(bx + c)$.
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
}

impl Default for Sine {
    /// $\sin x$.
    fn default() -> Self {
        Self {
            a: 1.0,
            b: 1.0,
            c: 0.0,
        }
    }
}

/// $\mathbb E[\sin bu \sin bv]$ and $\mathbb E[\cos bu \cos bv]$.
#[inline(always)]
pub(super) fn sines_and_cosines(b: f64, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
    let (root_a, root_b) = (b.abs() * qa.sqrt(), b.abs() * qb.sqrt());
    let product = root_a * root_b;
    let difference = root_a - root_b;
    // −(A+B)/2 ± b²k, without a difference of large numbers
    let plus = (-0.5 * difference * difference - product * c.one_minus()).exp();
    let minus = (-0.5 * difference * difference - product * c.one_plus()).exp();
    let twice = 2.0 * product * c.value();
    let sines = if twice.abs() > 1.0 {
        0.5 * (plus - minus)
    } else {
        0.5 * minus * twice.exp_m1()
    };
    (sines, 0.5 * (plus + minus))
}

/// $\varphi = a(\text{odd} \sin bx + \text{even} \cos bx)$: the dual from the squares of the two weights.
#[inline(always)]
pub(super) fn mixture(
    (odd, even): (f64, f64),
    b: f64,
    (qa, qb, c): (f64, f64, PairCorrelation),
) -> f64 {
    let (sines, cosines) = sines_and_cosines(b, qa, qb, c);
    odd * odd * sines + even * even * cosines
}

impl Activation for Sine {
    fn name(&self) -> String {
        format!("sin({}, {}, {})", self.a, self.b, self.c)
    }

    fn value(&self, x: f64) -> f64 {
        self.a * (self.b * x + self.c).sin()
    }

    fn derivative(&self, x: f64) -> f64 {
        self.a * self.b * (self.b * x + self.c).cos()
    }

    fn parity(&self) -> Parity {
        if self.c == 0.0 {
            Parity::Odd
        } else {
            Parity::Neither
        }
    }
}

impl ClosedForm for Sine {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let weights = (self.c.cos(), self.c.sin());
        self.a * self.a * mixture(weights, self.b, (qa, qb, c))
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        // cos(bx + c) = cos c cos bx − sin c sin bx
        let weights = (self.c.sin(), self.c.cos());
        let slope = self.a * self.b;
        slope * slope * mixture(weights, self.b, (qa, qb, c))
    }
}

dual_from_closed_form!(Sine);
