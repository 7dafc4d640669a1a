//! Price's theorem for two variables: integrals over their angle.

use std::f64::consts::{FRAC_PI_2, PI};

use super::super::normal_piece::EMPTY;
use super::super::{acute_angle, geometric_mean, total};
use super::{PiecewiseLinear, Seen};
use crate::PairCorrelation;
use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};
use crate::numerics::{exponential, sine::sine};

/// The density at kinks that differ by $\eta$ standard deviations is 0 for angles below $\eta$ over this.
const FLAT: f64 = 9.6;

/// The density at a pair of kinks $x$ standard deviations away falls within an angle of $2/x$: Gauss's rule
/// is exact to rounding up to this over $x$, …
const WIDE: f64 = 6.0;

/// … and from there on Gauss's rule is exact to rounding on panels between angles of this ratio.
const RATIO: f64 = 2.7;

/// A last panel may be longer by this factor.
const LAST: f64 = 1.3;

/// Two variables with an acute angle between them: $u$ and $v$, or $u$ and $-v$.
#[derive(Clone, Copy)]
pub(super) struct Pair<const N: usize> {
    /// What has the smaller variance.
    a: Seen<N>,
    /// What has the larger one: differences are taken between its kinks, which lie closer.
    b: Seen<N>,
    symmetric: bool,
    correlation: PairCorrelation,
    angle: f64,
    /// $\sqrt{q_a q_b}$.
    geometric_mean: f64,
}

impl<const N: usize> Pair<N> {
    /// Of two variances and what is seen at each.
    #[inline(always)]
    pub(super) fn new(
        phi: &PiecewiseLinear<N>,
        (qa, qb): (f64, f64),
        (a, b): (&Seen<N>, &Seen<N>),
        c: PairCorrelation,
    ) -> Self {
        let (a, b) = if qa <= qb { (*a, *b) } else { (*b, *a) };
        Self {
            a,
            b: if c.is_positive() { b } else { b.mirrored() },
            symmetric: phi.is_symmetric(),
            correlation: c,
            angle: acute_angle(c),
            geometric_mean: geometric_mean(qa, qb),
        }
    }

    /// $\sqrt{V_a V_b}$.
    #[inline(always)]
    pub(super) fn scale(&self) -> f64 {
        geometric_mean(self.a.variance, self.b.variance)
    }

    /// $\mathbb E[\varphi\varphi]$ and $\mathbb E[\varphi^\prime\varphi^\prime]$, from $c = 0$.
    #[inline(always)]
    pub(super) fn moments(&self) -> (f64, f64) {
        let distance = self.correlation.distance();
        let (area, weighted) = self.integrals(self.angle, FRAC_PI_2, distance);
        let slopes = self.a.slope * self.b.slope;
        let inner = (1.0 - distance) * slopes + weighted;
        let derivative_moment = slopes + area;
        (
            self.a.mean * self.b.mean + self.geometric_mean * inner,
            // the mirror image has the opposite slope
            if self.correlation.is_positive() {
                derivative_moment
            } else {
                -derivative_moment
            },
        )
    }

    /// $\sqrt{q_a q_b} [(1-c) d(\theta) + \int_0^\theta (1-\cos t) h(t) dt]$, given $d(\theta) = \mathbb
    /// E[\varphi^\prime\varphi^\prime]$.
    #[inline(always)]
    pub(super) fn drop(&self, derivative_moment: f64) -> f64 {
        let weighted = if self.correlation.is_positive() {
            self.integrals(0.0, self.angle, 0.0).1
        } else {
            // acute angles between u and v, and then those between u and −v
            let acute = Self {
                b: self.b.mirrored(),
                ..*self
            };
            let (_, first) = acute.integrals(0.0, FRAC_PI_2, 0.0);
            let (_, second) = self.integrals(self.angle, FRAC_PI_2, 2.0);
            first - second
        };
        self.geometric_mean * (self.correlation.one_minus() * derivative_moment + weighted)
    }

    /// $\int h(t) dt$ and $\int (1 - \cos t - \text{base}) h(t) dt$ between two angles.
    #[inline(always)]
    fn integrals(&self, from: f64, to: f64, base: f64) -> (f64, f64) {
        let (mut area, mut weighted) = ([0.0; SIZE], [0.0; SIZE]);
        let Some((mut limit, is_empty)) = self.first_panel() else {
            return (0.0, 0.0);
        };
        let mut start = from;
        while start < to {
            if limit <= start {
                limit = start * RATIO;
            }
            let end = if limit * LAST > to { to } else { limit };
            // up to the first limit the density of kinks that differ is 0
            if start > 0.0 || end > limit || !is_empty {
                self.panel(start, end, base, &mut area, &mut weighted);
            }
            start = end;
        }
        let scale = 0.5 / PI;
        (scale * total(&area), scale * total(&weighted))
    }

    /// Up to which angle the density is smooth, or `None` if there is none: from the least distance between
    /// different kinks, and from the nearest pair of kinks; and whether it is 0 until there, for want of
    /// equal ones.
    #[inline(always)]
    fn first_panel(&self) -> Option<(f64, bool)> {
        let (mut eta, mut nearest) = (f64::INFINITY, f64::INFINITY);
        let mut differ = true;
        for x in self.a.at {
            for y in self.b.at {
                let (far, apart) = (x.abs().max(y.abs()), (x - y).abs());
                if far < EMPTY {
                    nearest = nearest.min(far);
                    eta = if apart > 0.0 { eta.min(apart) } else { eta };
                    differ &= apart > 0.0;
                }
            }
        }
        (nearest < EMPTY).then(|| ((eta / FLAT).min(WIDE / nearest), differ))
    }

    /// Adds the integrals between two angles by Gauss's rule.
    #[inline(always)]
    fn panel(
        &self,
        from: f64,
        to: f64,
        base: f64,
        area: &mut [f64; SIZE],
        weighted: &mut [f64; SIZE],
    ) {
        let width = to - from;
        let (mut versine, mut inverse_sine) = ([0.0; SIZE], [0.0; SIZE]);
        for k in 0..SIZE {
            let half_sine = sine(0.5 * (from + width * NODES[k]));
            let square = half_sine * half_sine;
            versine[k] = 2.0 * square;
            inverse_sine[k] = 0.5 / (half_sine * (1.0 - square).sqrt());
        }
        let h = self.density(&versine, &inverse_sine);
        for k in 0..SIZE {
            let h = width * WEIGHTS[k] * h[k];
            area[k] += h;
            weighted[k] += (versine[k] - base) * h;
        }
    }

    /// $2\pi h$ from $1 - \cos t$ and $1/\sin t$. The sum over $j$ is taken by parts,
    /// $\sum_j J_j e_j = s_N e_N - s_0 e_1 + \sum_j s_j (e_j - e_{j+1})$, so that clamps lose no digits where
    /// their kinks are close.
    #[inline(always)]
    fn density(&self, versine: &[f64; SIZE], inverse_sine: &[f64; SIZE]) -> [f64; SIZE] {
        let mut h = [0.0; SIZE];
        let (count, times) = if self.symmetric {
            (N / 2, 2.0)
        } else {
            (N, 1.0)
        };
        let b = &self.b;
        for i in 0..count {
            let x = self.a.at[i];
            let jump = times * (self.a.above[i] - self.a.below[i]);
            let ends = [(N - 1, jump * b.above[N - 1]), (0, -jump * b.below[0])];
            for (j, factor) in ends.into_iter().filter(|end| end.1 != 0.0) {
                for k in 0..SIZE {
                    let w = standardised(x, b.at[j], versine[k], inverse_sine[k]);
                    h[k] += factor * exponential::exp(-0.5 * (x * x + w * w));
                }
            }
            for j in 0..N - 1 {
                let (factor, gap) = (jump * b.above[j], b.at[j + 1] - b.at[j]);
                if factor != 0.0 {
                    for k in 0..SIZE {
                        let w = standardised(x, b.at[j], versine[k], inverse_sine[k]);
                        h[k] += factor * fall(x, w, gap * inverse_sine[k]);
                    }
                }
            }
        }
        h
    }
}

/// $w = (y - x \cos t)/\sin t$ from $1 - \cos t$ and $1/\sin t$.
#[inline(always)]
fn standardised(x: f64, y: f64, versine: f64, inverse_sine: f64) -> f64 {
    ((y - x) + versine * x) * inverse_sine
}

/// $e^{-(x^2 + w^2)/2} - e^{-(x^2 + (w + \delta)^2)/2}$ for $\delta > 0$, in relative accuracy: the exponents
/// differ by $\delta(w + \delta/2)$.
#[inline(always)]
fn fall(x: f64, w: f64, step: f64) -> f64 {
    let difference = step * (w + 0.5 * step);
    let falls = difference >= 0.0;
    let nearer = if falls { w } else { w + step };
    let larger = exponential::exp(-0.5 * (x * x + nearer * nearer));
    let share = -exponential::exp_m1(-difference.abs());
    larger * if falls { share } else { -share }
}
