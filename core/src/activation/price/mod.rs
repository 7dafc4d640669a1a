//! Gaussian duals by Price's theorem in the angle.
//!
//! For $u = \sqrt{q_a} z$, $v = \sqrt{q_b} z^\prime$ with correlation $\cos t$ (R. Price 1958, IRE Trans.
//! Inform. Theory 4, 69–72; with the angle as the variable),
//!
//! $$\frac{d}{dt} \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] = -h(t), \qquad
//! h(t) = \sqrt{q_a q_b} \sin t \ \mathbb E[\varphi^{\prime\prime}(u)\varphi^{\prime\prime}(v)], \qquad
//! \frac{d}{dt} \mathbb E[\varphi(u)\varphi(v)] = -\sqrt{q_a q_b} \sin t \
//! \mathbb E[\varphi^\prime(u)\varphi^\prime(v)].$$
//!
//! Where $\varphi^{\prime\prime}$ is a sum of point masses and exponentials, $h$ is an elementary function or
//! a smooth integral, and the duals are integrals of it over the angle. With $\theta = \arccos c$,
//! $d(\theta) = \mathbb E[\varphi^\prime\varphi^\prime]$ and integration by parts,
//!
//! $$\mathbb E[\varphi\varphi]_{c=1} - \mathbb E[\varphi\varphi]_c = \sqrt{q_a q_b}
//! \left[ (1-c) d(\theta) + \int_0^\theta (1 - \cos t) h(t) dt \right],$$
//!
//! whose terms have one sign, so that it keeps its digits however near $c$ is to 1.
//!
//! | file | what |
//! |---|---|
//! | `piecewise_linear` | clamps: hard tanh, hard sigmoid, ReLU6, and affine maps of them |
//! | `exponential_linear` | ELU, CELU, SELU |
//! | `hyperbolic` | a rule for functions with a scale of their own near 0 |
//! | `normal_piece` | moments of the standard normal law on an interval |

mod exponential_linear;
mod hyperbolic;
mod normal_piece;
mod piecewise_linear;
#[cfg(test)]
mod tests;

pub(crate) use exponential_linear::ExponentialLinear;
#[cfg(test)]
use piecewise_linear::Kink;
pub(crate) use piecewise_linear::{Line, PiecewiseLinear};

use std::f64::consts::PI;

use super::arc_cosine;
use super::pair_form::PairMoments;
use crate::PairCorrelation;
use crate::numerics::gauss_legendre::SIZE;

/// Below this, $1 - c^\prime$ is the deficit of parallel inputs and the drop from them instead of a
/// difference.
const SUBTRACTED: f64 = 1e-2;

/// $c^\prime = m/\sqrt{V_a V_b}$, or by `complement` $= 1 - c^\prime$ where the subtraction would lose
/// digits.
#[inline(always)]
fn image(ratio: f64, complement: impl FnOnce() -> f64) -> PairCorrelation {
    if 1.0 - ratio < SUBTRACTED {
        PairCorrelation::of_one_minus(complement().clamp(0.0, 2.0))
    } else {
        PairCorrelation::rounded(ratio)
    }
}

/// $\sqrt{q_a q_b}$, which is $q_a$ for $q_a = q_b$.
#[inline(always)]
fn geometric_mean(qa: f64, qb: f64) -> f64 {
    if qa == qb { qa } else { qa.sqrt() * qb.sqrt() }
}

/// $\arccos |c|$, in relative accuracy.
#[inline(always)]
fn acute_angle(c: PairCorrelation) -> f64 {
    PI * arc_cosine::remainder_and_angle(c.distance()).1
}

/// The sum of the values at Gauss's nodes, in an order that no machine changes.
#[inline(always)]
fn total(x: &[f64; SIZE]) -> f64 {
    let mut sums = *x;
    let mut half = SIZE / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

/// Implements [`Dual`](super::Dual) for a type and the [`PiecewiseLinear`] or [`ExponentialLinear`] that it
/// is; a pair takes so many nanoseconds.
macro_rules! dual_by_price {
    ($type:ty, $cost:expr, |$phi:pat_param| $function:expr $(, $affine:ident)?) => {
        impl $crate::activation::pair_form::PairForm for $type {
            fn variance(&self, q: f64) -> f64 {
                let $phi = self;
                $function.variance(q)
            }

            fn pair(
                &self,
                qa: f64,
                qb: f64,
                c: $crate::PairCorrelation,
            ) -> $crate::activation::pair_form::PairMoments {
                let $phi = self;
                $function.pair(qa, qb, c)
            }

            fn row(
                &self,
                qa: f64,
                qb: &[f64],
                c: &[$crate::PairCorrelation],
                _with_slope: bool,
            ) -> Vec<$crate::activation::pair_form::PairMoments> {
                let $phi = self;
                $function.row(qa, qb, c)
            }

            $(fn affine_pair(
                &self,
                parameters: [f64; 4],
                (qa, qb, c): (f64, f64, $crate::PairCorrelation),
            ) -> Option<$crate::activation::pair_form::PairMoments> {
                let $phi = self;
                (parameters[0] != 0.0).then(|| $function.$affine(parameters).pair(qa, qb, c))
            })?
        }

        $crate::activation::pair_form::dual_from_pair_form!($type, $cost,);
    };
}
pub(crate) use dual_by_price;
