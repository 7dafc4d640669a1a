//! The sine.

use super::closed_form::dual_from_closed_form;
use super::exponential::difference_and_product;
use super::{Activation, Parity};
use crate::numerics::exponential;
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
    /// Of $\sin bx$ and $\cos bx$.
    weights: (f64, f64),
}

impl Sine {
    /// $a \sin(bx + c)$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless the numbers are finite.
    pub fn new(a: f64, b: f64, c: f64) -> Result<Self> {
        error::finite("c", c)?;
        Ok(Self {
            a: error::finite("a", a)?,
            b: error::finite("b", b)?,
            c,
            weights: (c.cos(), c.sin()),
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
            weights: (1.0, 0.0),
        }
    }
}

/// $-(A+B)/2 \pm b^2 k$, without a difference of large numbers, and $2 b^2 k$.
#[inline(always)]
fn exponents(b: f64, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64, f64) {
    let (difference, product) = difference_and_product(b, qa, qb);
    let apart = -0.5 * difference * difference;
    let plus = apart - product * c.one_minus();
    let minus = apart - product * c.one_plus();
    (plus, minus, 2.0 * product * c.value())
}

/// $\mathbb E[\sin bu \sin bv]$ and $\mathbb E[\cos bu \cos bv]$.
#[inline(always)]
fn sines_and_cosines(b: f64, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
    let (plus, minus, twice) = exponents(b, qa, qb, c);
    exponential::damped_hyperbolic(plus, minus, twice)
}

/// $\varphi = a(\text{odd} \sin bx + \text{even} \cos bx)$: the dual from the squares of the two weights.
#[inline(always)]
fn mixture((odd, even): (f64, f64), b: f64, (qa, qb, c): (f64, f64, PairCorrelation)) -> f64 {
    weighted((odd, even), sines_and_cosines(b, qa, qb, c))
}

#[inline(always)]
fn weighted((odd, even): (f64, f64), (sines, cosines): (f64, f64)) -> f64 {
    odd * odd * sines + even * even * cosines
}

/// The moments of $a(\text{odd} \sin bx + \text{even} \cos bx)$ for one point with many.
#[inline(always)]
pub(super) fn row_of_moments<const N: usize>(
    a: f64,
    (odd, even): (f64, f64),
    b: f64,
    (qa, qb, c): (f64, &[f64; N], &[PairCorrelation; N]),
) -> [f64; N] {
    // roots and quotients before exponentials: shorter loops overlap more
    let [mut plus, mut minus, mut twice] = [[0.0; N]; 3];
    for j in 0..N {
        (plus[j], minus[j], twice[j]) = exponents(b, qa, qb[j], c[j]);
    }
    let mut moments = [0.0; N];
    if odd == 0.0 {
        for j in 0..N {
            let cosines = exponential::damped_cosine(plus[j], minus[j]);
            moments[j] = a * a * (even * even * cosines);
        }
    } else {
        for j in 0..N {
            let parts = exponential::damped_hyperbolic(plus[j], minus[j], twice[j]);
            moments[j] = a * a * weighted((odd, even), parts);
        }
    }
    moments
}

/// The moments of $a(\text{odd} \sin bx + \text{even} \cos bx)$ and its derivative.
#[inline(always)]
pub(super) fn both_moments(
    a: f64,
    (odd, even): (f64, f64),
    b: f64,
    (qa, qb, c): (f64, f64, PairCorrelation),
) -> (f64, f64) {
    let parts = sines_and_cosines(b, qa, qb, c);
    let slope = a * b;
    let derivative = weighted((even, odd), parts);
    (
        a * a * weighted((odd, even), parts),
        slope * slope * derivative,
    )
}

/// $1 - c^\prime$ of `mixture`, from terms of one sign: with $\Delta = (\sqrt A - \sqrt B)^2$,
/// $\Sigma = (\sqrt A + \sqrt B)^2$, $p = \sqrt{AB}$ and $d = (\text{odd}^2 - \text{even}^2)$ for weights of
/// norm 1, what parallel inputs lose is $F/(4 s (s + m))$ with $s = \sqrt{V_a V_b}$, $m$ their covariance and
///
/// $$F = 4 (V_a V_b - m^2) = (1 - e^{-\Delta})(1 - d^2 e^{-\Sigma}) - d (e^{-A} - e^{-B})^2,$$
///
/// and the angle takes away $\tfrac12 (1 - e^{-p\varepsilon}) (e^{-\Delta/2} \pm e^{-\Delta/2 - p (1 + c)})$
/// from the sines and cosines.
pub(super) fn mixture_complement(
    (odd, even): (f64, f64),
    b: f64,
    (qa, qb, c): (f64, f64, PairCorrelation),
) -> f64 {
    let (root_a, root_b) = (b.abs() * qa.sqrt(), b.abs() * qb.sqrt());
    let (product, sum) = (root_a * root_b, root_a + root_b);
    let difference = b * b * (qa - qb) / sum;
    let square = difference * difference;
    let lost = |x: f64| -(-x).exp_m1();
    let turned = 0.5 * lost(product * c.one_minus()) * (-0.5 * square).exp();
    let drop_of_sines = turned * (1.0 + (-product * c.one_plus()).exp());
    let drop_of_cosines = turned * lost(product * c.one_plus());
    let drop = odd * odd * drop_of_sines + even * even * drop_of_cosines;
    let variance = |q: f64| mixture((odd, even), b, (q, q, PairCorrelation::PARALLEL));
    let scale = variance(qa).sqrt() * variance(qb).sqrt();
    let parallel = mixture((odd, even), b, (qa, qb, PairCorrelation::PARALLEL));
    let norm = odd * odd + even * even;
    let d = (odd * odd - even * even) / norm;
    let far = (-sum * sum).exp();
    let gap = if d > 0.0 {
        d * four_determinants(root_a, root_b, square) + (1.0 - d) * lost(square) * (1.0 + d * far)
    } else {
        let apart = lost(sum * difference.abs()) * (-root_a.min(root_b).powi(2)).exp();
        lost(square) * (1.0 - d * d * far) - d * apart * apart
    };
    0.25 * norm * norm * (gap / scale) / (scale + parallel) + drop / scale
}

/// $F$ for $d = 1$: $2 e^{-p} (\cosh p + 1 - \cosh h - \cosh g)$ with $p = A + B$, $h = A - B$,
/// $g = 2\sqrt{AB}$ and $p^2 = h^2 + g^2$, a series of positive terms where $p$ is small.
fn four_determinants(root_a: f64, root_b: f64, square: f64) -> f64 {
    let sum = root_a + root_b;
    let p = root_a * root_a + root_b * root_b;
    let h = sum * square.sqrt();
    if p > 2.0 {
        let apart = -(-h).exp_m1() * (-root_a.min(root_b).powi(2)).exp();
        return (-square).exp_m1() * (-sum * sum).exp_m1() - apart * apart;
    }
    let (x, y) = (h * h, 4.0 * (root_a * root_b).powi(2));
    // ((x + y)^k − x^k − y^k)/(xy (2k)!)
    let (mut term, mut powers, mut factorial, mut total) = (2.0, (x, y), 24.0, 0.0);
    for k in 2..16 {
        total += term / factorial;
        term = (x + y) * term + (powers.0 + powers.1);
        powers = (powers.0 * x, powers.1 * y);
        factorial *= f64::from((2 * k + 1) * (2 * k + 2));
    }
    2.0 * (-p).exp() * x * y * total
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

/// Implements `ClosedForm` for $a$ times a sum of $\sin bx$ and $\cos bx$ with `weights`.
macro_rules! closed_form_of_wave {
    ($type:ty) => {
        impl $crate::activation::closed_form::ClosedForm for $type {
            #[inline(always)]
            fn moment(&self, qa: f64, qb: f64, c: $crate::PairCorrelation) -> f64 {
                self.moments(qa, qb, c).0
            }

            #[inline(always)]
            fn derivative_moment(&self, qa: f64, qb: f64, c: $crate::PairCorrelation) -> f64 {
                self.moments(qa, qb, c).1
            }

            #[inline(always)]
            fn moments(&self, qa: f64, qb: f64, c: $crate::PairCorrelation) -> (f64, f64) {
                $crate::activation::sine::both_moments(self.a, self.weights, self.b, (qa, qb, c))
            }

            #[inline(always)]
            fn row<const N: usize>(
                &self,
                qa: f64,
                qb: &[f64; N],
                c: &[$crate::PairCorrelation; N],
            ) -> [f64; N] {
                $crate::activation::sine::row_of_moments(self.a, self.weights, self.b, (qa, qb, c))
            }

            fn complement(&self, qa: f64, qb: f64, c: $crate::PairCorrelation) -> f64 {
                $crate::activation::sine::mixture_complement(self.weights, self.b, (qa, qb, c))
            }
        }
    };
}
pub(crate) use closed_form_of_wave;

closed_form_of_wave!(Sine);
dual_from_closed_form!(Sine);
