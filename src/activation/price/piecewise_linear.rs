//! Duals of continuous piecewise linear functions.

use std::f64::consts::{FRAC_PI_2, PI};

use super::normal_piece::NormalPiece;
use super::{Duals, acute_angle, complement, geometric_mean, total};
use crate::covariance::PairCorrelation;
use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};
use crate::numerics::{exponential, sine::sine};
use crate::vectorized::vectorized;

/// $x \mapsto \text{offset} + \text{slope} \cdot x$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    pub(crate) offset: f64,
    pub(crate) slope: f64,
}

/// A point $\kappa$ and the line that $\varphi$ follows beyond it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kink {
    pub(crate) at: f64,
    pub(crate) then: Line,
}

/// A continuous piecewise linear $\varphi$ with kinks $\kappa_1 < \ldots < \kappa_N$ and slopes $s_0, \ldots,
/// s_N$ between them, so that $\varphi^{\prime\prime} = \sum_i J_i \delta_{\kappa_i}$ with $J_i = s_i -
/// s_{i-1}$.
///
/// With $x_i = \kappa_i/\sqrt{q_a}$, $y_j = \kappa_j/\sqrt{q_b}$ the function $h$ of Price's theorem is
///
/// $$h(t) = \frac{1}{2\pi} \sum_{ij} J_i J_j e^{-(x_i^2 + w_{ij}^2)/2}, \qquad
/// w_{ij} = \frac{y_j - x_i \cos t}{\sin t},$$
///
/// the density of $(u, v)$ at pairs of kinks, times $\sqrt{q_a q_b} \sin t$. Integrals start from $c = 0$, where
/// expectations factorise:
///
/// $$\mathbb E[\varphi^\prime\varphi^\prime] = \mathbb E[\varphi^\prime(u)] \mathbb E[\varphi^\prime(v)] +
/// \int_\theta^{\pi/2} h, \qquad \mathbb E[\varphi\varphi] = \mathbb E[\varphi(u)] \mathbb E[\varphi(v)] +
/// \sqrt{q_a q_b} \left( c \ \mathbb E[\varphi^\prime(u)] \mathbb E[\varphi^\prime(v)] +
/// \int_\theta^{\pi/2} (\cos\theta - \cos t) h(t) dt \right).$$
///
/// Correlations below 0 are those of $\varphi(u)$ and $\varphi(-v^\prime)$ with $v^\prime = -v$. A variance of 0
/// is the limit from above: at a kink at 0, $\varphi^\prime$ has either slope according to the sign of $z$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PiecewiseLinear<const N: usize> {
    /// What $\varphi$ follows below its first kink.
    pub(crate) first: Line,
    /// The kinks, in ascending order.
    pub(crate) kinks: [Kink; N],
}

/// Kinks are kept within so many standard deviations: the density is 0 long before.
const FAR: f64 = 1e3;

/// Kinks beyond so many standard deviations have density 0.
const EMPTY: f64 = 38.0;

/// The density at kinks that differ by $\eta$ standard deviations is 0 for angles below $\eta$ over this, …
const FLAT: f64 = 9.6;

/// … and from there on Gauss's rule is exact to rounding on panels between angles of this ratio.
const RATIO: f64 = 2.7;

/// A last panel may be longer by this factor.
const LAST: f64 = 1.3;

impl<const N: usize> PiecewiseLinear<N> {
    /// $\gamma(\varphi(\alpha x + \beta) + \delta)$ of $(\alpha, \beta, \gamma, \delta)$, for $\alpha \ne 0$.
    pub(crate) fn affine(&self, [alpha, beta, gamma, delta]: [f64; 4]) -> Self {
        let line = |line: Line| Line {
            offset: gamma * (line.offset + line.slope * beta + delta),
            slope: gamma * (line.slope * alpha),
        };
        let mut image = Self {
            first: line(self.first),
            kinks: self.kinks.map(|kink| Kink {
                at: (kink.at - beta) / alpha,
                then: line(kink.then),
            }),
        };
        if alpha < 0.0 && N > 0 {
            // what stood beyond a kink now stands before it
            let before: [Line; N] = std::array::from_fn(|i| image.line(i));
            image.first = image.kinks[N - 1].then;
            for (kink, before) in image.kinks.iter_mut().zip(before) {
                kink.then = before;
            }
            image.kinks.reverse();
        }
        image
    }

    /// $\mathbb E[\varphi(u)\varphi(v)]$ and $\mathbb E[\varphi^\prime(u)\varphi^\prime(v)]$, with an error of a
    /// few units of rounding of $\sqrt{V_a V_b}$ and $\sqrt{\mathbb E[\varphi^\prime(u)^2] \mathbb
    /// E[\varphi^\prime(v)^2]}$.
    pub(crate) fn moments(&self, qa: f64, qb: f64, c: PairCorrelation) -> (f64, f64) {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || {
                let pair = phi.pair(qa, qb, c);
                (pair.moment, pair.derivative_moment)
            },
        )
    }

    /// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
    pub(crate) fn variance(&self, q: f64) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || phi.seen(q).variance,
        )
    }

    /// $\mathbb E[\varphi\varphi]_{c=1} - \mathbb E[\varphi\varphi]_c$ in relative accuracy.
    pub(crate) fn drop(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let phi = *self;
        vectorized(
            #[inline(always)]
            move || phi.pair(qa, qb, c).drop(),
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
                let pair = phi.pair(qa, qb, c);
                let (va, vb) = pair.variances;
                let scale = geometric_mean(va, vb);
                let deficit = || phi.deficit(qa, qb);
                Duals {
                    variance_a: va,
                    variance_b: vb,
                    moment: pair.moment,
                    derivative_moment: pair.derivative_moment,
                    complement: complement(c, scale, pair.moment, deficit, || pair.drop()),
                }
            },
        )
    }

    /// The line below kink `i`; above the last one for `i` $= N$.
    #[inline(always)]
    fn line(&self, i: usize) -> Line {
        if i == 0 {
            self.first
        } else {
            self.kinks[i - 1].then
        }
    }

    /// $\kappa_i/\sqrt q$.
    #[inline(always)]
    fn scaled_kinks(&self, root: f64) -> [f64; N] {
        self.kinks.map(|kink| {
            if kink.at == 0.0 {
                0.0
            } else {
                (kink.at / root).clamp(-FAR, FAR)
            }
        })
    }

    /// Whether $\varphi$ minus a constant is odd.
    #[inline(always)]
    fn is_symmetric(&self) -> bool {
        (0..N).all(|i| {
            let other = N - 1 - i;
            self.kinks[i].at == -self.kinks[other].at
                && self.line(i).slope == self.kinks[other].then.slope
        })
    }

    #[inline(always)]
    fn seen(&self, q: f64) -> Seen<N> {
        let root = q.sqrt();
        let at = self.scaled_kinks(root);
        let mut seen = Seen {
            at,
            below: std::array::from_fn(|i| self.line(i).slope),
            above: self.kinks.map(|kink| kink.then.slope),
            mean: 0.0,
            slope: 0.0,
            variance: 0.0,
        };
        for i in 0..=N {
            let from = if i == 0 { f64::NEG_INFINITY } else { at[i - 1] };
            let to = if i == N { f64::INFINITY } else { at[i] };
            let Line { offset, slope } = self.line(i);
            let line = [offset, slope * root];
            NormalPiece::cover(
                from,
                to,
                slope == 0.0,
                #[inline(always)]
                |piece| {
                    seen.mean += piece.mean(line);
                    seen.slope += slope * piece.mass();
                    seen.variance += piece.product(line, line);
                },
            );
        }
        seen
    }

    #[inline(always)]
    fn pair(&self, qa: f64, qb: f64, c: PairCorrelation) -> Pair<N> {
        // differences are taken between the kinks of the larger variance, which lie closer
        let a = self.seen(if qa < qb { qa } else { qb });
        let b = if qa == qb {
            a
        } else {
            self.seen(if qa < qb { qb } else { qa })
        };
        let variances = if qa <= qb {
            (a.variance, b.variance)
        } else {
            (b.variance, a.variance)
        };
        let mirrored = !c.is_positive();
        let b = if mirrored { b.mirrored() } else { b };
        let mut pair = Pair {
            a,
            b,
            symmetric: self.is_symmetric(),
            mirrored,
            geometric_mean: geometric_mean(qa, qb),
            distance: c.distance(),
            angle: acute_angle(c),
            variances,
            moment: 0.0,
            derivative_moment: 0.0,
        };
        let apart = a.slope * pair.b.slope;
        let (area, weighted) = pair.integrals(pair.angle, FRAC_PI_2, pair.distance);
        let cosine = 1.0 - pair.distance;
        pair.moment = a.mean * b.mean + pair.geometric_mean * (cosine * apart + weighted);
        pair.derivative_moment = apart + area;
        if mirrored {
            pair.derivative_moment = -pair.derivative_moment;
        }
        pair
    }

    #[inline(always)]
    fn deficit(&self, qa: f64, qb: f64) -> f64 {
        if qa == qb {
            return 0.0;
        }
        let (qa, qb) = if qa < qb { (qa, qb) } else { (qb, qa) };
        let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
        let (at_a, at_b) = (self.scaled_kinks(root_a), self.scaled_kinks(root_b));
        // √q_b − √q_a, and that relative to √q_b
        let difference = (qb - qa) / (root_a + root_b);
        let relative = difference / root_b;
        let ratio = root_a / root_b;
        // D = φ(√q_a z) − λφ(√q_b z) for λ = 1 and √(q_a/q_b), exactly 0 where it should be
        let mut pieces = Vec::with_capacity(16);
        let (mut norm_a, mut candidates) = (0.0, [Candidate::default(); 2]);
        let (mut i, mut j, mut from) = (0, 0, f64::NEG_INFINITY);
        while i <= N && j <= N {
            let next_a = if i < N { at_a[i] } else { f64::INFINITY };
            let next_b = if j < N { at_b[j] } else { f64::INFINITY };
            let to = if next_a < next_b { next_a } else { next_b };
            let (a, b) = (self.line(i), self.line(j));
            let line = [a.offset, a.slope * root_a];
            let apart = if i == j {
                [[0.0, -a.slope * difference], [a.offset * relative, 0.0]]
            } else {
                [
                    [a.offset - b.offset, a.slope * root_a - b.slope * root_b],
                    [a.offset - ratio * b.offset, (a.slope - b.slope) * root_a],
                ]
            };
            NormalPiece::cover(
                from,
                to,
                a.slope == 0.0 && b.slope == 0.0,
                #[inline(always)]
                |piece| {
                    norm_a += piece.product(line, line);
                    for (candidate, apart) in candidates.iter_mut().zip(apart) {
                        let other = [line[0] - apart[0], line[1] - apart[1]];
                        let sum = [line[0] + other[0], line[1] + other[1]];
                        candidate.square += piece.product(apart, apart);
                        candidate.norm_b += piece.product(other, other);
                        candidate.longer += piece.product(apart, sum);
                    }
                    pieces.push((piece, line, apart));
                },
            );
            from = to;
            if next_a <= to {
                i += 1;
            }
            if next_b <= to {
                j += 1;
            }
        }
        let nearness = |x: &Candidate| x.square / x.norm_b;
        let best = usize::from(nearness(&candidates[1]) < nearness(&candidates[0]));
        let Candidate { norm_b, longer, .. } = candidates[best];
        if norm_a == 0.0 || norm_b == 0.0 {
            return 0.0;
        }
        // (‖a‖ − ‖b‖)/‖a‖ from the difference of the squares
        let shrink = longer / (norm_a + norm_a.sqrt() * norm_b.sqrt());
        let mut sum = 0.0;
        for (piece, line, apart) in pieces {
            let apart = apart[best];
            let across = [apart[0] - shrink * line[0], apart[1] - shrink * line[1]];
            sum += piece.product(across, across);
        }
        0.5 * sum / norm_b
    }
}

/// For $D = \varphi_a - \lambda\varphi_b$.
#[derive(Clone, Copy, Default)]
struct Candidate {
    /// $\mathbb E D^2$.
    square: f64,
    /// $\lambda^2 \mathbb E \varphi_b^2$.
    norm_b: f64,
    /// $\mathbb E \varphi_a^2 - \lambda^2 \mathbb E \varphi_b^2 = \mathbb E D(\varphi_a + \lambda\varphi_b)$.
    longer: f64,
}

/// $\varphi(\sqrt q z)$ as $z$ sees it.
#[derive(Clone, Copy)]
struct Seen<const N: usize> {
    /// The kinks $\kappa_i/\sqrt q$.
    at: [f64; N],
    /// $s_{i-1}$ and $s_i$ of each kink.
    below: [f64; N],
    above: [f64; N],
    /// $\mathbb E[\varphi]$, $\mathbb E[\varphi^\prime]$, $\mathbb E[\varphi^2]$.
    mean: f64,
    slope: f64,
    variance: f64,
}

impl<const N: usize> Seen<N> {
    /// $z \mapsto \varphi(-\sqrt q z)$.
    #[inline(always)]
    fn mirrored(&self) -> Self {
        let backwards = |values: &[f64; N]| std::array::from_fn(|i| -values[N - 1 - i]);
        Self {
            at: backwards(&self.at),
            below: backwards(&self.above),
            above: backwards(&self.below),
            slope: -self.slope,
            ..*self
        }
    }
}

/// Two variables with an acute angle between them.
#[derive(Clone, Copy)]
struct Pair<const N: usize> {
    a: Seen<N>,
    b: Seen<N>,
    symmetric: bool,
    /// Whether `b` is $-v$.
    mirrored: bool,
    geometric_mean: f64,
    /// $1 - |c|$.
    distance: f64,
    angle: f64,
    variances: (f64, f64),
    moment: f64,
    derivative_moment: f64,
}

impl<const N: usize> Pair<N> {
    /// $\sqrt{q_a q_b} [(1-c) d(\theta) + \int_0^\theta (1-\cos t) h(t) dt]$.
    #[inline(always)]
    fn drop(&self) -> f64 {
        let (one_minus, weighted) = if self.mirrored {
            // t runs over acute angles between u and v, then from π/2 to those between u and −v
            let acute = Self {
                b: self.b.mirrored(),
                ..*self
            };
            let (_, first) = acute.integrals(0.0, FRAC_PI_2, 0.0);
            let (_, second) = self.integrals(self.angle, FRAC_PI_2, 2.0);
            (2.0 - self.distance, first - second)
        } else {
            (self.distance, self.integrals(0.0, self.angle, 0.0).1)
        };
        self.geometric_mean * (one_minus * self.derivative_moment + weighted)
    }

    /// $\int h(t) dt$ and $\int (1 - \cos t - \text{base}) h(t) dt$ between two angles.
    #[inline(always)]
    fn integrals(&self, from: f64, to: f64, base: f64) -> (f64, f64) {
        let (mut area, mut weighted) = ([0.0; SIZE], [0.0; SIZE]);
        let (mut start, mut limit) = match self.nearest() {
            Nearest::Empty => return (0.0, 0.0),
            Nearest::Equal => (from, to),
            Nearest::Apart(eta) => (from, eta / FLAT),
        };
        while start < to {
            if limit <= start {
                limit = start * RATIO;
            }
            let end = if limit * LAST > to { to } else { limit };
            self.panel(start, end, base, &mut area, &mut weighted);
            start = end;
        }
        let scale = 0.5 / PI;
        (scale * total(&area), scale * total(&weighted))
    }

    /// The least distance between different kinks that have a density.
    #[inline(always)]
    fn nearest(&self) -> Nearest {
        let mut nearest = Nearest::Empty;
        for x in self.a.at {
            for y in self.b.at {
                if x.abs() < EMPTY && y.abs() < EMPTY {
                    let eta = (x - y).abs();
                    nearest = match nearest {
                        Nearest::Apart(least) if eta == 0.0 || least <= eta => nearest,
                        _ if eta > 0.0 => Nearest::Apart(eta),
                        _ => Nearest::Equal,
                    };
                }
            }
        }
        nearest
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

/// How close different kinks come.
#[derive(Clone, Copy)]
enum Nearest {
    /// No pair of kinks has a density.
    Empty,
    /// Those that have one are equal.
    Equal,
    /// The least distance that is not 0.
    Apart(f64),
}
