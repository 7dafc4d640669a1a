//! Price's theorem for two variables: integrals over their angle.

use std::f64::consts::{FRAC_PI_2, PI};

use super::super::hyperbolic::hyperbolic;
use super::super::normal_piece::DENSITY_AT_ZERO;
use super::super::{geometric_mean, total};
use super::{ExponentialLinear, width};
use crate::PairCorrelation;
use crate::activation::arc_cosine;
use crate::numerics::gauss_legendre::SIZE;
use crate::numerics::mills;
use crate::numerics::sine::sine;

/// Lengths of panels on which Gauss's rule is exact to rounding: of angles, and of directions in a sector.
const ANGLE_PANEL: f64 = 2.8;
const SECTOR_PANEL: f64 = 2.8;

/// $L_a L_b \theta^2$, times $(s/r)^2$ where $r$ is larger, from which on differences of integrals over one
/// variable keep the digits of the sum that they are part of.
const WIDE: f64 = 4.0;

/// Two variables whose angle is to be chosen.
pub(super) struct Pair {
    phi: ExponentialLinear,
    length_a: f64,
    length_b: f64,
    geometric_mean: f64,
}

/// What an angle costs.
pub(super) struct Fallen {
    pub(super) derivative_moment: f64,
    /// $\mathbb E[\varphi\varphi]_{c=1} - \mathbb E[\varphi\varphi]_c$.
    pub(super) drop: f64,
}

/// Functions of angles $t$.
struct Angles {
    sine: [f64; SIZE],
    /// $1 - \cos t$.
    versine: [f64; SIZE],
    /// $\tan((\pi - t)/4)$, of half of a sector's half.
    end: [f64; SIZE],
}

impl Angles {
    /// Of `t`, or of $\pi$ less these if they are obtuse.
    #[inline(always)]
    fn new(t: &[f64; SIZE], is_obtuse: bool) -> Self {
        let (mut sines, mut versine, mut end) = ([0.0; SIZE], [0.0; SIZE], [0.0; SIZE]);
        for k in 0..SIZE {
            let half_sine = sine(0.5 * t[k]);
            let square = half_sine * half_sine;
            let half_cosine = (1.0 - square).sqrt();
            sines[k] = 2.0 * half_sine * half_cosine;
            versine[k] = if is_obtuse {
                2.0 - 2.0 * square
            } else {
                2.0 * square
            };
            let (part, rest) = if is_obtuse {
                (half_sine, half_cosine)
            } else {
                (half_cosine, half_sine)
            };
            end[k] = part / (1.0 + rest);
        }
        Self {
            sine: sines,
            versine,
            end,
        }
    }
}

impl Pair {
    #[inline(always)]
    pub(super) fn new(phi: ExponentialLinear, qa: f64, qb: f64) -> Self {
        let (qa, qb) = if qa < qb { (qa, qb) } else { (qb, qa) };
        Self {
            phi,
            length_a: phi.length(qa.sqrt()),
            length_b: phi.length(qb.sqrt()),
            geometric_mean: geometric_mean(qa, qb),
        }
    }

    #[inline(always)]
    pub(super) fn at(&self, c: PairCorrelation) -> Fallen {
        let ExponentialLinear { right, left, .. } = self.phi;
        let (remainder, share) = arc_cosine::remainder_and_angle(c.distance());
        let acute = PI * share;
        let theta = if c.is_positive() { acute } else { PI - acute };
        let steeper = if left.abs() > right.abs() {
            left
        } else {
            right
        };
        let relative = theta * (right / steeper);
        if (self.length_a * relative) * (self.length_b * relative) >= WIDE {
            self.by_parts(c, remainder, acute)
        } else {
            self.parallel_less(c, acute)
        }
    }

    /// Calls `add` with all angles up to that of `c` and their weights.
    #[inline(always)]
    fn angles(&self, c: PairCorrelation, acute: f64, mut add: impl FnMut(&Angles, &[f64; SIZE])) {
        let (acute, obtuse) = if c.is_positive() {
            (acute, FRAC_PI_2)
        } else {
            (FRAC_PI_2, acute)
        };
        for (from, to, is_obtuse) in [(0.0, acute, false), (obtuse, FRAC_PI_2, true)] {
            hyperbolic(
                width(self.length_b),
                from,
                to,
                ANGLE_PANEL,
                #[inline(always)]
                |t, weight| add(&Angles::new(t, is_obtuse), weight),
            );
        }
    }

    /// What is taken away from $c = 1$, by $h$.
    #[inline(always)]
    fn parallel_less(&self, c: PairCorrelation, acute: f64) -> Fallen {
        let ExponentialLinear { right, left, .. } = self.phi;
        let (a, b) = (self.length_a, self.length_b);
        let mills = mills::ratio(a + b);
        let parallel = 0.5 * (right * right) + left * left * (mills * DENSITY_AT_ZERO);
        let (jump, exponentials) = (right - left, left * left * (a * b));
        let (mut area, mut weighted) = ([0.0; SIZE], [0.0; SIZE]);
        self.angles(
            c,
            acute,
            #[inline(always)]
            |angles, weight| {
                let mut h = angles.sine.map(
                    #[inline(always)]
                    |sine| {
                        let (l_a, l_b) = (a * sine, b * sine);
                        let edges = l_a * mills::ratio(l_a) + l_b * mills::ratio(l_b);
                        jump * (jump + left * edges)
                    },
                );
                if exponentials != 0.0 {
                    let sectors = self.sectors(angles);
                    for k in 0..SIZE {
                        h[k] += exponentials * (angles.sine[k] * sectors[k]);
                    }
                }
                for k in 0..SIZE {
                    let h = weight[k] * h[k];
                    area[k] += h;
                    weighted[k] += angles.versine[k] * h;
                }
            },
        );
        let derivative_moment = parallel - 0.5 / PI * total(&area);
        let weighted = c.one_minus() * derivative_moment + 0.5 / PI * total(&weighted);
        Fallen {
            derivative_moment,
            drop: self.geometric_mean * weighted,
        }
    }

    /// The same integrals with all but one of two variables integrated: with $S(t) = \int R d\psi$ over the
    /// sector and $e(t) = R(L_a \sin t) + R(L_b \sin t)$,
    ///
    /// $$2\pi \mathbb E[\varphi^\prime\varphi^\prime] = s^2 (\pi - \theta) + rs \int_0^\theta e(t) dt +
    /// r^2 S(\theta), \qquad L_a L_b \int_0^\theta S(t) \sin t \ dt = S(0) - S(\theta) + \theta -
    /// \int_0^\theta e(t) dt.$$
    #[inline(always)]
    fn by_parts(&self, c: PairCorrelation, remainder: f64, acute: f64) -> Fallen {
        let ExponentialLinear { right, left, .. } = self.phi;
        let (a, b) = (self.length_a, self.length_b);
        let epsilon = c.one_minus();
        let (mut area, mut weighted) = ([0.0; SIZE], [0.0; SIZE]);
        self.angles(
            c,
            acute,
            #[inline(always)]
            |angles, weight| {
                for k in 0..SIZE {
                    let (l_a, l_b) = (a * angles.sine[k], b * angles.sine[k]);
                    let edges = mills::first_moment(l_a, 1.0) + mills::first_moment(l_b, 1.0);
                    area[k] += weight[k] * edges;
                    weighted[k] += weight[k] * (edges * (epsilon - angles.versine[k]));
                }
            },
        );
        let (area, weighted) = (total(&area), total(&weighted));
        let at_end = Angles::new(&[acute; SIZE], !c.is_positive());
        let sector = self.sector(at_end.sine[0], at_end.versine[0], at_end.end[0]);
        let whole = 2.0 * PI * DENSITY_AT_ZERO * mills::ratio(a + b);
        // π − θ, θ, and 1 − κ₁ of ReLU
        let (open, theta, of_relu) = if c.is_positive() {
            (PI - acute, acute, epsilon - remainder)
        } else {
            (acute, PI - acute, 1.0 - remainder)
        };
        let [straight, mixed, exponential] = [right * right, right * left, left * left];
        let derivative = straight * open + mixed * area + exponential * sector;
        let of_sectors = ((whole - sector) + (theta - area)) / a / b;
        let drop = straight * (PI * of_relu) + mixed * weighted + exponential * of_sectors;
        Fallen {
            derivative_moment: 0.5 / PI * derivative,
            drop: self.geometric_mean * (0.5 / PI * drop),
        }
    }

    /// $\int R d\psi$ over the sectors of 16 angles: the halves from either edge, where $\psi$ makes the
    /// angle $x$ with it and $L = L_a \sin x + L_b \sin(x + t)$, as integrals over $\tan(x/2)$ up to `end`.
    #[inline(always)]
    fn sectors(&self, angles: &Angles) -> [f64; SIZE] {
        let (a, b) = (self.length_a, self.length_b);
        let end = &angles.end;
        let mut sum = [0.0; SIZE];
        let (edges, times) = if a == b { (1, 4.0) } else { (2, 2.0) };
        for &(a, b) in &[(a, b), (b, a)][..edges] {
            // R falls within this of the edge, relative to `end`; the finest of them serves all
            let mut finest = 1.0;
            let (mut along, mut across) = ([0.0; SIZE], [0.0; SIZE]);
            for k in 0..SIZE {
                across[k] = b * angles.sine[k];
                along[k] = 2.0 * (a + b * (1.0 - angles.versine[k]));
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
                            let moment = moment(end[k] * x, along[k], across[k]);
                            sum[k] += times * end[k] * weight * moment;
                        }
                    }
                },
            );
        }
        sum
    }

    /// [`sectors`](Self::sectors) of one angle.
    #[inline(always)]
    fn sector(&self, sine: f64, versine: f64, end: f64) -> f64 {
        let (a, b) = (self.length_a, self.length_b);
        let mut sum = [0.0; SIZE];
        let (edges, times) = if a == b { (1, 4.0) } else { (2, 2.0) };
        for &(a, b) in &[(a, b), (b, a)][..edges] {
            let (along, across) = (2.0 * (a + b * (1.0 - versine)), b * sine);
            let width = 0.5 * (1.0 + across) * width(a + b) / end;
            hyperbolic(
                if width < 1.0 { width } else { 1.0 },
                0.0,
                1.0,
                SECTOR_PANEL,
                #[inline(always)]
                |x, weight| {
                    for k in 0..SIZE {
                        sum[k] += weight[k] * moment(end * x[k], along, across);
                    }
                },
            );
        }
        times * end * total(&sum)
    }
}

/// $R(L)$ and the measure of $\tan(x/2)$.
#[inline(always)]
fn moment(tangent: f64, along: f64, across: f64) -> f64 {
    let square = tangent * tangent;
    let l = along * tangent + across * (1.0 - square);
    let l = if l > 0.0 { l } else { 0.0 };
    mills::first_moment(l, 1.0 + square)
}
