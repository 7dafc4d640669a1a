//! Duals of the exponential linear units.

use std::f64::consts::{FRAC_PI_2, PI};

use super::hyperbolic::hyperbolic;
use super::mills;
use super::normal_piece::{DENSITY_AT_ZERO, REACH, density};
use super::{Duals, acute_angle, complement, geometric_mean, total};
use crate::covariance::PairCorrelation;
use crate::numerics::gauss_legendre::SIZE;
use crate::numerics::{exponential, sine::sine};
use crate::vectorized::vectorized;

/// $\varphi(x) = s x$ for $x > 0$ and $r \tau (e^{x/\tau} - 1)$ otherwise, with the slopes $s$ and $r$ beside 0
/// and the scale $\tau > 0$.
///
/// $\varphi^{\prime\prime} = (r/\tau) e^{x/\tau} 1_{x<0} + (s - r) \delta_0$, so that with $L_a = \sqrt{q_a}/\tau$,
/// $L_b = \sqrt{q_b}/\tau$ the function $h$ of Price's theorem is, in polar coordinates,
///
/// $$2\pi h(t) = r^2 L_a L_b \sin t \int_{t-\pi/2}^{\pi/2} R(L_a \cos\psi + L_b \cos(\psi - t)) d\psi + (s-r)^2 +
/// (s-r) r \sin t \left[ L_a M(L_a \sin t) + L_b M(L_b \sin t) \right]$$
///
/// with $M(L) = \int_0^\infty e^{-\rho L - \rho^2/2} d\rho$ and $R(L) = \int_0^\infty \rho e^{-\rho L - \rho^2/2}
/// d\rho$: nothing overflows and, for $0 \le r \le s$, nothing cancels. Integrals start from $c = 1$, where
/// $\mathbb E[\varphi^\prime\varphi^\prime] = s^2/2 + r^2 M(L_a + L_b)/\sqrt{2\pi}$. A variance of 0 is the limit
/// from above.
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

/// How many $\sqrt q$ a scale is long for which the exponential is linear.
const LINEAR: f64 = 1e30;

/// Lengths of panels on which Gauss's rule is exact to rounding, in the variables $y$ below.
const LINE_PANEL: f64 = 1.0;
const ANGLE_PANEL: f64 = 3.5;
const SECTOR_PANEL: f64 = 3.5;

impl ExponentialLinear {
    /// $\mathbb E[\varphi(u)\varphi(v)]$ and $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$, with an error of a
    /// few units of rounding of $\sqrt{V_a V_b}$ and $\sqrt{\mathbb E[\varphi^\prime(u)^2] \mathbb
    /// E[\varphi^\prime(v)^2]}$.
    pub(crate) fn moments(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
        let duals = self.duals(qa, qb, c);
        (duals.moment, duals.derivative_moment)
    }

    /// $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$.
    pub(crate) fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || Pair::new(phi, qa, qb).at(c).derivative_moment,
        )
    }

    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    pub(crate) fn variance(&self, q: f64) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || phi.square(q),
        )
    }

    /// $\mathbb E[\varphi\varphi]_{c=1} - \mathbb E[\varphi\varphi]_c$ in relative accuracy.
    pub(crate) fn drop(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || Pair::new(phi, qa, qb).at(c).drop,
        )
    }

    /// $1 - \mathbb E[\varphi\varphi]_{c=1}/\sqrt{V_a V_b}$ in relative accuracy: half the square of the
    /// distance between $\varphi(\sqrt{q_a} z)$ and $\varphi(\sqrt{q_b} z)$ as vectors of norm 1. It is 0 where a
    /// variance is 0.
    pub(crate) fn parallel_deficit(&self, qa: f64, qb: f64) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || phi.deficit(qa, qb),
        )
    }

    /// Everything at once.
    pub(crate) fn duals(&self, qa: f64, qb: f64, c: PairCorrelation) -> Duals {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || {
                let va = phi.square(qa);
                let vb = if qa == qb { va } else { phi.square(qb) };
                let deficit = phi.deficit(qa, qb);
                let fallen = Pair::new(phi, qa, qb).at(c);
                let scale = geometric_mean(va, vb);
                let moment = (scale - scale * deficit) - fallen.drop;
                Duals {
                    variance_a: va,
                    variance_b: vb,
                    moment,
                    derivative_moment: fallen.derivative_moment,
                    complement: complement(c, scale, moment, || deficit, || fallen.drop),
                }
            },
        )
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

    /// [`parallel_deficit`](Self::parallel_deficit) from $D = \varphi_a - \lambda \varphi_b$ with $\lambda =
    /// \sqrt{q_a/q_b}$, which is 0 for $z > 0$.
    #[inline(always)]
    fn deficit(&self, qa: f64, qb: f64) -> f64 {
        if qa == qb {
            return 0.0;
        }
        let (qa, qb) = if qa < qb { (qa, qb) } else { (qb, qa) };
        let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
        let difference = (qb - qa) / (root_a + root_b);
        // λ and 1 − λ
        let (ratio, relative) = (root_a / root_b, difference / root_b);
        let scale = self.scale(root_b);
        let (length, step, height) = (root_a / scale, difference / scale, self.left * scale);
        let mut nodes = Vec::with_capacity(16);
        let (mut square_a, mut square_b, mut longer) = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
        hyperbolic(
            width(root_b / scale),
            0.0,
            REACH,
            LINE_PANEL,
            #[inline(always)]
            |z, weight| {
                let mut here = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
                for k in 0..SIZE {
                    let x = -length * z[k];
                    let (first, second) = exponential::exp_remainders(x);
                    let (step_first, step_second) = exponential::exp_remainders(-step * z[k]);
                    // near 0 the linear parts are most of both, and their difference is 0
                    let (own, other) = if x > -1.0 {
                        (second, step_second)
                    } else {
                        (first, step_first)
                    };
                    let apart = height * (relative * own - ratio * (other + first * step_first));
                    let (mass, value) = (weight[k] * density(z[k]), height * first);
                    let scaled = value - apart;
                    square_a[k] += mass * (value * value);
                    square_b[k] += mass * (scaled * scaled);
                    longer[k] += mass * (apart * (value + scaled));
                    (here.0[k], here.1[k], here.2[k]) = (mass, value, apart);
                }
                nodes.push(here);
            },
        );
        let slope = self.right * root_a;
        let positive = 0.5 * (slope * slope);
        let (norm_a, norm_b) = (positive + total(&square_a), positive + total(&square_b));
        if norm_a == 0.0 || norm_b == 0.0 {
            return 0.0;
        }
        // (‖φ_a‖ − λ‖φ_b‖)/‖φ_a‖ from the difference of the squares
        let shrink = total(&longer) / (norm_a + norm_a.sqrt() * norm_b.sqrt());
        let mut sum = [0.0; SIZE];
        for (mass, value, apart) in nodes {
            for k in 0..SIZE {
                let across = apart[k] - shrink * value[k];
                sum[k] += mass[k] * (across * across);
            }
        }
        0.5 * (shrink * shrink * positive + total(&sum)) / norm_b
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

/// Two variables whose angle is to be chosen.
struct Pair {
    phi: ExponentialLinear,
    length_a: f64,
    length_b: f64,
    geometric_mean: f64,
}

/// What an angle costs.
struct Fallen {
    derivative_moment: f64,
    /// $\mathbb E[\varphi\varphi]_{c=1} - \mathbb E[\varphi\varphi]_c$.
    drop: f64,
}

impl Pair {
    #[inline(always)]
    fn new(phi: ExponentialLinear, qa: f64, qb: f64) -> Self {
        let (qa, qb) = if qa < qb { (qa, qb) } else { (qb, qa) };
        Self {
            phi,
            length_a: phi.length(qa.sqrt()),
            length_b: phi.length(qb.sqrt()),
            geometric_mean: geometric_mean(qa, qb),
        }
    }

    #[inline(always)]
    fn at(&self, c: PairCorrelation) -> Fallen {
        let ExponentialLinear { right, left, .. } = self.phi;
        let mills = mills::ratio(self.length_a + self.length_b);
        let parallel = 0.5 * (right * right) + left * left * (mills * DENSITY_AT_ZERO);
        let theta = acute_angle(c);
        let mut sums = Sums::default();
        let (acute, obtuse) = if c.is_positive() {
            (theta, FRAC_PI_2)
        } else {
            (FRAC_PI_2, theta)
        };
        for (from, to, obtuse) in [(0.0, acute, false), (obtuse, FRAC_PI_2, true)] {
            self.add(from, to, obtuse, &mut sums);
        }
        let derivative_moment = parallel - 0.5 / PI * total(&sums.area);
        let weighted = c.one_minus() * derivative_moment + 0.5 / PI * total(&sums.weighted);
        Fallen {
            derivative_moment,
            drop: self.geometric_mean * weighted,
        }
    }

    /// Adds the integrals over angles $t$, or $\pi - t$ if `obtuse`.
    #[inline(always)]
    fn add(&self, from: f64, to: f64, obtuse: bool, sums: &mut Sums) {
        let ExponentialLinear { right, left, .. } = self.phi;
        let (a, b) = (self.length_a, self.length_b);
        let (jump, exponentials) = (right - left, left * left * (a * b));
        hyperbolic(
            width(b),
            from,
            to,
            ANGLE_PANEL,
            #[inline(always)]
            |t, weight| {
                let (mut sine_of, mut versine, mut end) = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
                let mut h = [0.0; SIZE];
                for k in 0..SIZE {
                    let half_sine = sine(0.5 * t[k]);
                    let square = half_sine * half_sine;
                    let half_cosine = (1.0 - square).sqrt();
                    sine_of[k] = 2.0 * half_sine * half_cosine;
                    versine[k] = if obtuse {
                        2.0 - 2.0 * square
                    } else {
                        2.0 * square
                    };
                    // the tangent of half of the sector's half: of (π − t)/4, or t/4
                    let (part, rest) = if obtuse {
                        (half_sine, half_cosine)
                    } else {
                        (half_cosine, half_sine)
                    };
                    end[k] = part / (1.0 + rest);
                }
                for k in 0..SIZE {
                    let (l_a, l_b) = (a * sine_of[k], b * sine_of[k]);
                    let edges = l_a * mills::ratio(l_a) + l_b * mills::ratio(l_b);
                    h[k] = jump * (jump + left * edges);
                }
                if exponentials != 0.0 {
                    let halves = self.halves(&sine_of, &versine, &end);
                    for k in 0..SIZE {
                        h[k] += exponentials * (sine_of[k] * halves[k]);
                    }
                }
                for k in 0..SIZE {
                    let h = weight[k] * h[k];
                    sums.area[k] += h;
                    sums.weighted[k] += versine[k] * h;
                }
            },
        );
    }

    /// $\int R d\psi$ over the sectors of 16 angles: the halves from either edge, where $\psi$ makes the angle
    /// $x$ with it and $L = L_a \sin x + L_b \sin(x + t)$, as integrals over $\tan(x/2)$ up to `end`.
    #[inline(always)]
    fn halves(&self, sine: &[f64; SIZE], versine: &[f64; SIZE], end: &[f64; SIZE]) -> [f64; SIZE] {
        let (a, b) = (self.length_a, self.length_b);
        let mut sum = [0.0; SIZE];
        let (edges, times) = if a == b { (1, 4.0) } else { (2, 2.0) };
        for &(a, b) in &[(a, b), (b, a)][..edges] {
            // R falls within this of the edge, relative to `end`; the finest of them serves all
            let mut finest = 1.0;
            let (mut along, mut across) = ([0.0; SIZE], [0.0; SIZE]);
            for k in 0..SIZE {
                across[k] = b * sine[k];
                along[k] = 2.0 * (a + b * (1.0 - versine[k]));
                let width = 0.5 * (1.0 + across[k]) * width(a + b) / end[k];
                finest = if width < finest { width } else { finest };
            }
            hyperbolic(
                finest,
                0.0,
                1.0,
                SECTOR_PANEL,
                #[inline(always)]
                |x, weight| {
                    for (x, weight) in x.iter().zip(weight) {
                        for k in 0..SIZE {
                            let tangent = end[k] * x;
                            let square = tangent * tangent;
                            let l = along[k] * tangent + across[k] * (1.0 - square);
                            let l = if l > 0.0 { l } else { 0.0 };
                            let moment = mills::first_moment(l, 1.0 + square);
                            sum[k] += times * end[k] * weight * moment;
                        }
                    }
                },
            );
        }
        sum
    }
}

/// $2\pi \int h(t) dt$ and $2\pi \int (1-\cos t) h(t) dt$, node by node.
#[derive(Default)]
struct Sums {
    area: [f64; SIZE],
    weighted: [f64; SIZE],
}

/// The width within which exponentials of rate $L$ fall, at most 1.
#[inline(always)]
fn width(length: f64) -> f64 {
    1.0 / length.clamp(1.0, LARGEST)
}
