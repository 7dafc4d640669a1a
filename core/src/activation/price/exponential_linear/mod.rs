//! Duals of the exponential linear units.
//!
//! | file | what |
//! |---|---|
//! | `pair` | the integrals over the angle |
//! | `deficit` | what parallel inputs of different norms lose |

mod deficit;
mod pair;

use pair::Pair;

use super::hyperbolic::hyperbolic;
use super::normal_piece::{REACH, density};
use super::{PairMoments, geometric_mean, image, total};
use crate::PairCorrelation;
use crate::numerics::exponential;
use crate::numerics::gauss_legendre::SIZE;
use crate::vectorized::vectorized;

/// $\varphi(x) = s x$ for $x > 0$ and $r \tau (e^{x/\tau} - 1)$ otherwise, with the slopes $s$ and $r$ beside
/// 0 and the scale $\tau > 0$.
///
/// $\varphi^{\prime\prime} = (r/\tau) e^{x/\tau} 1_{x<0} + (s - r) \delta_0$, so that with $L_a =
/// \sqrt{q_a}/\tau$, $L_b = \sqrt{q_b}/\tau$ the function $h$ of Price's theorem is, in polar coordinates,
///
/// $$2\pi h(t) = r^2 L_a L_b \sin t \int_{t-\pi/2}^{\pi/2} R(L_a \cos\psi + L_b \cos(\psi - t)) d\psi +
/// (s-r)^2 + (s-r) r \sin t \left[ L_a M(L_a \sin t) + L_b M(L_b \sin t) \right]$$
///
/// with $M(L) = \int_0^\infty e^{-\rho L - \rho^2/2} d\rho$ and $R(L) = \int_0^\infty \rho e^{-\rho L -
/// \rho^2/2} d\rho$: nothing overflows and, for $0 \le r \le s$, nothing cancels. Integrals start from $c =
/// 1$, where $\mathbb E[\varphi^\prime\varphi^\prime] = s^2/2 + r^2 M(L_a + L_b)/\sqrt{2\pi}$. A variance of
/// 0 is the limit from above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ExponentialLinear {
    /// $s$.
    pub(crate) right: f64,
    /// $r$.
    pub(crate) left: f64,
    /// $\tau$.
    pub(crate) scale: f64,
}

/// The largest $L$ that is told from infinity.
const LARGEST: f64 = 1e18;

/// The length of panels of $z$ on which Gauss's rule is exact to rounding.
const LINE_PANEL: f64 = 1.0;

/// How many $\sqrt q$ a scale is long for which the exponential is linear.
const LINEAR: f64 = 1e30;

impl ExponentialLinear {
    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    pub(crate) fn variance(&self, q: f64) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || phi.square(q),
        )
    }

    /// All that a pair gives, with $1 - c^\prime$ in relative accuracy.
    /// Errors are a few units of rounding of $\sqrt{V_a V_b}$ and $\sqrt{\mathbb E[\varphi^\prime(u)^2]
    /// \mathbb E[\varphi^\prime(v)^2]}$, times $(r/s)^2$ where that is large.
    pub(crate) fn pair(&self, qa: f64, qb: f64, c: PairCorrelation) -> PairMoments {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || Beside::new(phi, qa, qb).at(c),
        )
    }

    /// [`pair`](Self::pair) of one variance with others; neighbours that are equal share what they can.
    pub(crate) fn row(&self, qa: f64, qb: &[f64], c: &[PairCorrelation]) -> Vec<PairMoments> {
        let phi = *self;
        let mut all = Vec::with_capacity(c.len());
        for run in qb.chunk_by(|a, b| a == b) {
            let c = &c[all.len()..all.len() + run.len()];
            vectorized(
                #[inline(always)]
                || {
                    let beside = Beside::new(phi, qa, run[0]);
                    for &c in c {
                        all.push(beside.at(c));
                    }
                },
            );
        }
        all
    }

    /// $V(q) = s^2 q/2 + r^2 \tau^2 \int_0^\infty (e^{-Lz} - 1)^2 n(z) dz$.
    #[inline(always)]
    fn square(&self, q: f64) -> f64 {
        let root = q.sqrt();
        let scale = self.scale(root);
        let (length, height) = (root / scale, self.left * scale);
        let mut sum = [0.0; SIZE];
        hyperbolic(
            width(length),
            0.0,
            REACH,
            LINE_PANEL,
            #[inline(always)]
            |z, weight| {
                for k in 0..SIZE {
                    let value = height * exponential::exp_m1(-length * z[k]);
                    sum[k] += weight[k] * density(z[k]) * (value * value);
                }
            },
        );
        let slope = self.right * root;
        0.5 * (slope * slope) + total(&sum)
    }

    /// $\tau$, and a smaller scale where the exponential is linear to rounding for all of $\sqrt q z$.
    #[inline(always)]
    fn scale(&self, root: f64) -> f64 {
        let linear = LINEAR * root;
        if self.scale > linear && linear > 0.0 {
            linear
        } else {
            self.scale
        }
    }

    /// $\sqrt q/\tau$, in the range where it makes a difference.
    #[inline(always)]
    fn length(&self, root: f64) -> f64 {
        let length = root / self.scale;
        if length < LARGEST { length } else { LARGEST }
    }
}

/// Two variables whose angle is to be chosen, and what they have without one.
struct Beside {
    pair: Pair,
    variance_a: f64,
    variance_b: f64,
    scale: f64,
    lost: f64,
}

impl Beside {
    #[inline(always)]
    fn new(phi: ExponentialLinear, qa: f64, qb: f64) -> Self {
        let variance_a = phi.square(qa);
        let variance_b = if qa == qb { variance_a } else { phi.square(qb) };
        Self {
            pair: Pair::new(phi, qa, qb),
            variance_a,
            variance_b,
            scale: geometric_mean(variance_a, variance_b),
            lost: deficit::deficit(&phi, qa, qb),
        }
    }

    #[inline(always)]
    fn at(&self, c: PairCorrelation) -> PairMoments {
        let (scale, lost) = (self.scale, self.lost);
        let fallen = self.pair.at(c);
        let moment = (scale - scale * lost) - fallen.drop;
        PairMoments {
            variance_a: self.variance_a,
            variance_b: self.variance_b,
            moment,
            derivative_moment: fallen.derivative_moment,
            correlation: if scale == 0.0 {
                c
            } else {
                image(moment / scale, || lost + fallen.drop / scale)
            },
        }
    }
}

/// The width within which exponentials of rate $L$ fall, at most 1.
#[inline(always)]
fn width(length: f64) -> f64 {
    1.0 / length.clamp(1.0, LARGEST)
}
