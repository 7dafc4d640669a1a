//! Price's theorem for two variables: integrals over their angle.

use std::f64::consts::{FRAC_PI_2, PI};

use super::super::hyperbolic::hyperbolic;
use super::super::normal_piece::DENSITY_AT_ZERO;
use super::super::{acute_angle, geometric_mean, mills, total};
use super::{ExponentialLinear, width};
use crate::PairCorrelation;
use crate::numerics::gauss_legendre::SIZE;
use crate::numerics::sine::sine;

/// Lengths of panels on which Gauss's rule is exact to rounding: of angles, and of directions in a sector.
const ANGLE_PANEL: f64 = 2.8;
const SECTOR_PANEL: f64 = 2.8;

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

    /// $\int R d\psi$ over the sectors of 16 angles: the halves from either edge, where $\psi$ makes the
    /// angle $x$ with it and $L = L_a \sin x + L_b \sin(x + t)$, as integrals over $\tan(x/2)$ up to `end`.
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
