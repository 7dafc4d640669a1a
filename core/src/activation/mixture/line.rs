//! One-dimensional expectations $\mathbb E f(z)$ by the trapezoidal rule: variances, and what parallel inputs
//! lose.
//!
//! Even integrands are summed over $z = b \sinh t$, $t = 0, h, 2h, \ldots$ with $b = 1/\max(\sqrt q, 1)$,
//! which sees the scale of $\varphi$ and that of $z$ whatever $q$ is: the integrand is analytic for
//! $|\operatorname{Im} t| < \pi/4$, and the error about $e^{-\pi^2/2h}$. Where $\varphi$ has a kink at 0,
//! $z = b e^{t - e^{-t}}$.

use std::f64::consts::FRAC_2_PI;
use std::sync::LazyLock;

use super::elementary::decay;
use super::profile::{Leading, Profile};

/// Numbers that are computed side by side.
pub(super) const LANES: usize = 8;

/// $h$: $e^{-\pi^2/2h}$ is 1e-18.
const STEP: f64 = 0.12;

/// $h$ where there is a kink.
const KINKED_STEP: f64 = 0.1;

/// $e^{-z^2/2}$ is 3e-18 here.
const END: f64 = 9.0;

/// $e^{t - e^{-t}}$ is 1e-19 here.
const START: f64 = -3.7;

/// Beyond this variance $\varphi$ is its homogeneous limit, to less than a rounding.
const LARGEST: f64 = 1e40;

const NODES: usize = 560;

/// $z/b$ and $h\,\mathrm d(z/b)/\mathrm dt$ at the nodes, times $2/\sqrt{2\pi}$.
struct Grid {
    position: [f64; NODES],
    weight: [f64; NODES],
}

impl Grid {
    fn new(step: f64, node: impl Fn(usize) -> (f64, f64)) -> Self {
        let density = FRAC_2_PI.sqrt() * step;
        Self {
            position: std::array::from_fn(|k| node(k).0),
            weight: std::array::from_fn(|k| density * node(k).1),
        }
    }
}

static SMOOTH: LazyLock<Grid> = LazyLock::new(|| {
    Grid::new(STEP, |k| {
        let t = STEP * k as f64;
        let half = if k == 0 { 0.5 } else { 1.0 };
        (libm::sinh(t), half * libm::cosh(t))
    })
});

static KINKED: LazyLock<Grid> = LazyLock::new(|| {
    Grid::new(KINKED_STEP, |k| {
        let t = START + KINKED_STEP * k as f64;
        let position = libm::exp(t - libm::exp(-t));
        (position, position * (1.0 + libm::exp(-t)))
    })
});

/// $\varphi(\sqrt q z)$ in units of $\sqrt q^p$: $h z^p$ and the rest, near 0 or `FAR` from it.
#[derive(Clone, Copy)]
struct Scaled<const FAR: bool> {
    leading: Leading,
    root: f64,
    inverse: f64,
    /// $\sqrt q^p$, for a $q$ beyond [`LARGEST`] as well.
    unit: f64,
}

/// The odd and the even part of something.
type Parts<T = f64> = [T; 2];

impl<const FAR: bool> Scaled<FAR> {
    #[inline(always)]
    fn new<P: Profile>(profile: &P, q: f64) -> Self {
        let leading = if FAR {
            profile.leading_far()
        } else {
            profile.leading_near()
        };
        let root = if q < LARGEST { q } else { LARGEST }.sqrt();
        let (unit, inverse) = if leading.linear && q > 0.0 {
            (q.sqrt(), 1.0 / root)
        } else if leading.linear {
            (0.0, 0.0)
        } else {
            (1.0, 1.0)
        };
        Self {
            leading,
            root,
            inverse,
            unit,
        }
    }

    /// $h z^p$.
    #[inline(always)]
    fn leading(self, z: f64) -> Parts {
        let base = if self.leading.linear { z } else { 1.0 };
        [self.leading.odd * base, self.leading.even * base]
    }

    /// What $\varphi$ has beyond [`leading`](Self::leading).
    #[inline(always)]
    fn rest<P: Profile>(self, profile: &P, z: f64) -> Parts {
        let x = self.root * z;
        let (odd, even) = if FAR { profile.far(x) } else { profile.near(x) };
        [odd * self.inverse, even * self.inverse]
    }

    /// $\varphi_\text{even}^\prime(\sqrt q z)$: its limit, and what it has beyond.
    #[inline(always)]
    fn even_slope<P: Profile>(self, profile: &P, z: f64) -> (f64, f64) {
        let x = self.root * z;
        if FAR {
            (self.slope_limit(), profile.far_slope(x))
        } else {
            (0.0, profile.near_slope(x))
        }
    }

    #[inline(always)]
    fn slope_limit(self) -> f64 {
        if FAR && self.leading.linear {
            self.leading.even
        } else {
            0.0
        }
    }

    /// Where $\varphi$ has nothing beyond its leading function.
    #[inline(always)]
    fn end<P: Profile>(self) -> f64 {
        let reach = if FAR { P::REACH / self.root } else { END };
        if reach < END { reach } else { END }
    }

    /// $\mathbb E[(h z^p)^2]$.
    #[inline(always)]
    fn leading_squares(self) -> Parts {
        [self.leading.odd, self.leading.even].map(|h| h * h)
    }
}

/// A variance in units of the length on which $\varphi$ changes.
#[inline(always)]
fn in_units(profile: &impl Profile, q: f64) -> f64 {
    let unit = profile.unit();
    q / (unit * unit)
}

/// Calls `add` with $z$ and weights of the nodes up to `end`, [`LANES`] at a time; `largest` is the larger
/// variance.
#[inline(always)]
fn each_node<P: Profile>(
    largest: f64,
    end: f64,
    mut add: impl FnMut(&[f64; LANES], &[f64; LANES]),
) {
    let grid = if P::KINKED { &*KINKED } else { &*SMOOTH };
    let b = 1.0 / largest.clamp(1.0, LARGEST).sqrt();
    let used = grid.position.partition_point(|&z| b * z < end);
    let positions = grid.position.as_chunks::<LANES>().0;
    let weights = grid.weight.as_chunks::<LANES>().0;
    for (position, weight) in positions[..used.div_ceil(LANES)].iter().zip(weights) {
        let (mut z, mut w) = (*position, *weight);
        for lane in 0..LANES {
            z[lane] *= b;
            let (density, _) = decay(0.5 * z[lane] * z[lane]);
            w[lane] *= b * density;
        }
        add(&z, &w);
    }
}

#[inline(always)]
fn total(sums: Parts<[f64; LANES]>) -> Parts {
    sums.map(|lanes| lanes.iter().sum())
}

/// Two inputs of correlation 1.
pub(super) struct Parallel {
    /// $\mathbb E[\varphi(\sqrt{q_a}z) \varphi(\sqrt{q_b}z)]$ by parity.
    pub moments: Parts,
    /// $\mathbb E[\varphi_\text{even}^\prime(\sqrt{q_a}z) \varphi_\text{even}^\prime(\sqrt{q_b}z)]$.
    pub even_slope: f64,
    /// $1 - \mathbb E[\varphi(\sqrt{q_a}z) \varphi(\sqrt{q_b}z)]/\sqrt{V_a V_b}$.
    pub deficit: f64,
}

impl Parallel {
    /// $\mathbb E[\varphi(\sqrt{q_a}z) \varphi(\sqrt{q_b}z)]$.
    #[inline(always)]
    pub(super) fn variance(&self) -> f64 {
        self.moments[0] + self.moments[1]
    }
}

/// [`Parallel`] for $q_a = q_b = q$.
/// `SLOPES` says whether `even_slope` is wanted.
#[inline(always)]
pub(super) fn equal<P: Profile, const SLOPES: bool>(profile: &P, q: f64) -> Parallel {
    if in_units(profile, q) > 1.0 {
        equal_of::<P, SLOPES, true>(profile, q)
    } else {
        equal_of::<P, SLOPES, false>(profile, q)
    }
}

#[inline(always)]
fn equal_of<P: Profile, const SLOPES: bool, const FAR: bool>(profile: &P, q: f64) -> Parallel {
    let scaled = Scaled::<FAR>::new(profile, q);
    let (mut rests, mut slopes) = ([[0.0; LANES]; 2], [0.0; LANES]);
    each_node::<P>(
        in_units(profile, q),
        scaled.end::<P>(),
        #[inline(always)]
        |z, w| {
            for lane in 0..LANES {
                let (h, rest) = (scaled.leading(z[lane]), scaled.rest(profile, z[lane]));
                for part in 0..2 {
                    if P::RESTS[part] {
                        rests[part][lane] += w[lane] * (rest[part] * (2.0 * h[part] + rest[part]));
                    }
                }
                if SLOPES && P::RESTS[1] {
                    let (limit, rest) = scaled.even_slope(profile, z[lane]);
                    slopes[lane] += w[lane] * (rest * (2.0 * limit + rest));
                }
            }
        },
    );
    let (squares, rests) = (scaled.leading_squares(), total(rests));
    let limit = scaled.slope_limit();
    Parallel {
        moments: [0, 1].map(|part| scaled.unit * scaled.unit * (squares[part] + rests[part])),
        even_slope: limit * limit + slopes.iter().sum::<f64>(),
        deficit: 0.0,
    }
}

/// Log-ratios of variances below this are extrapolated to.
const CLOSE: f64 = 1e-2;

/// With $f_a, f_b$ the function at both scales in their units, $G_a = \mathbb E f_a^2$, $G_b = \mathbb E
/// f_b^2$,
///
/// $$1 - \frac{\mathbb E f_a f_b}{\sqrt{G_a G_b}} = \frac{\mathbb E(f_a-f_b)^2 - (\sqrt{G_a} -
///   \sqrt{G_b})^2}{2\sqrt{G_a G_b}} ,$$
///
/// where both differences are free of what $f_a$ and $f_b$ have in common near 0, or far from it. For nearly
/// equal variances it is an even analytic function of $\delta = \log(q_a/q_b)$, of order $\delta^2$, and
/// extrapolated in $\delta^2$ from larger ones.
#[inline(always)]
pub(super) fn unequal<P: Profile>(profile: &P, qa: f64, qb: f64) -> Parallel {
    let (low, high) = if qa < qb { (qa, qb) } else { (qb, qa) };
    let delta = ((high - low) / low).ln_1p();
    let center = low.sqrt() * high.sqrt();
    let around = |delta: f64| {
        let half = (0.5 * delta).exp();
        (center / half, center * half)
    };
    let [first, second, third] = [1.0, 2.0, 3.0].map(|times| around(times * CLOSE));
    let places = [(low, high), first, second, third];
    let used = if delta < CLOSE { 4 } else { 1 };
    let (mut moments, mut even_slope, mut deficits) = ([0.0; 2], 0.0, [0.0; 4]);
    for (i, &(low, high)) in places[..used].iter().enumerate() {
        let here = if in_units(profile, high) <= 4.0 {
            unequal_of::<P, false, false>(profile, low, high)
        } else if in_units(profile, low) >= 0.25 {
            unequal_of::<P, true, true>(profile, low, high)
        } else {
            unequal_of::<P, false, true>(profile, low, high)
        };
        if i == 0 {
            (moments, even_slope) = (here.moments, here.even_slope);
        }
        deficits[i] = here.deficit;
    }
    let mut deficit = deficits[0];
    if delta < CLOSE {
        // Newton's interpolant of deficit/δ² in δ²
        let square = (delta / CLOSE) * (delta / CLOSE);
        let [_, at_1, at_4, at_9] = deficits;
        let (at_4, at_9) = (at_4 / 4.0, at_9 / 9.0);
        let (slope, next_slope) = ((at_4 - at_1) / 3.0, (at_9 - at_4) / 5.0);
        let bend = (next_slope - slope) / 8.0;
        deficit = square * (at_1 + (square - 1.0) * (slope + (square - 4.0) * bend));
    }
    Parallel {
        moments,
        even_slope,
        deficit,
    }
}

#[inline(always)]
fn unequal_of<P: Profile, const LOW_FAR: bool, const HIGH_FAR: bool>(
    profile: &P,
    low: f64,
    high: f64,
) -> Parallel {
    let alike = LOW_FAR == HIGH_FAR;
    let a = Scaled::<LOW_FAR>::new(profile, low);
    let b = Scaled::<HIGH_FAR>::new(profile, high);
    // of f_a² - h², (f_b - f_a)², f_b² - f_a², f_a f_b - h²
    let [mut rest, mut gaps, mut excess, mut products] = [[[0.0; LANES]; 2]; 4];
    let mut slopes = [0.0; LANES];
    each_node::<P>(
        in_units(profile, high),
        a.end::<P>(),
        #[inline(always)]
        |z, w| {
            for lane in 0..LANES {
                let (ha, rest_a) = (a.leading(z[lane]), a.rest(profile, z[lane]));
                let (hb, rest_b) = (b.leading(z[lane]), b.rest(profile, z[lane]));
                for part in 0..2 {
                    if P::RESTS[part] {
                        let (fa, fb) = (ha[part] + rest_a[part], hb[part] + rest_b[part]);
                        let (gap, product) = if alike {
                            let product = rest_a[part] * fb + ha[part] * rest_b[part];
                            (rest_b[part] - rest_a[part], product)
                        } else {
                            (fb - fa, fa * fb)
                        };
                        products[part][lane] += w[lane] * product;
                        rest[part][lane] += w[lane] * (rest_a[part] * (ha[part] + fa));
                        gaps[part][lane] += w[lane] * (gap * gap);
                        excess[part][lane] += w[lane] * (gap * (fa + fb));
                    }
                }
                if P::RESTS[1] {
                    let (limit_a, slope_a) = a.even_slope(profile, z[lane]);
                    let (limit_b, slope_b) = b.even_slope(profile, z[lane]);
                    slopes[lane] += w[lane] * (slope_a * (limit_b + slope_b) + limit_a * slope_b);
                }
            }
        },
    );
    let (squares, rest, gaps, excess) =
        (a.leading_squares(), total(rest), total(gaps), total(excess));
    let both = |parts: Parts| parts[0] + parts[1];
    let ga = both(squares) + both(rest);
    let (root_a, root_b) = (ga.sqrt(), (ga + both(excess)).sqrt());
    let apart = both(excess) / (root_a + root_b);
    let deficit = (both(gaps) - apart * apart) / (2.0 * root_a * root_b);
    let products = total(products);
    let moments = [0, 1].map(|part| {
        let common = if alike || !P::RESTS[part] {
            squares[part]
        } else {
            0.0
        };
        a.unit * b.unit * (common + products[part])
    });
    Parallel {
        moments,
        even_slope: a.slope_limit() * b.slope_limit() + slopes.iter().sum::<f64>(),
        deficit: if deficit > 0.0 { deficit } else { 0.0 },
    }
}
