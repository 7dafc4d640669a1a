//! Sums over pairs of components as series in which both inputs are apart.
//!
//! With the coefficients of $\arcsin z = \sum_n g_n z^n$ ($n$ odd, all positive), $\rho_j = q/(q+s_j^2)$ and
//!
//! $$B_n(q) = \sum_j \frac{o_j}{\sqrt{q+s_j^2}} \rho_j^{(n-1)/2},$$
//!
//! the sums of [`pairs`](super::pairs) over all pairs of odd components are
//!
//! $$\tfrac\pi2 \left( \mathbb E[\varphi\varphi]_{c=1} - \mathbb E[\varphi\varphi]_c \right) = \sqrt{q_a q_b}
//! \sum_n g_n B_n(q_a) B_n(q_b) (1-c^n), \qquad \tfrac\pi2 \mathbb E[\varphi^\prime\varphi^\prime] = \sum_n n
//! g_n B_n(q_a) B_n(q_b) c^{n-1} .$$
//!
//! Of even components, with $e_j$ for $o_j$, the drop of $\mathbb E[\varphi^\prime\varphi^\prime]$ is as that
//! of odd ones, and that of $\mathbb E[\varphi\varphi]$ has $\sqrt{q_a q_b} (1-c^{n+1})/(n+1)$ in place of
//! $1-c^n$.
//!
//! [`DIRECT`] terms are summed; the others are taken as integrals over the octaves of $n$ from [`START`] on,
//! by Gauss's rule, with the derivatives of Euler and Maclaurin at the start as differences of terms around
//! it (`tools/odd_sum_weights.py`: relative error below 1e-18 for any $c$ and $\rho_j$). From octave to
//! octave $n$ doubles, and $1 - c^n$ and $1 - \rho_j^{n/2}$ are $e (2-e)$ of their values before: no term is
//! formed by a subtraction from 1.

use std::f64::consts::{FRAC_2_PI, PI};
use std::sync::LazyLock;

use super::elementary::{decay, log_one_plus};
use super::pairs::{Pieces, Sums};
use crate::covariance::PairCorrelation;
use crate::numerics::gauss_legendre::{NODES, SIZE, WEIGHTS};
use crate::numerics::polynomial;

/// Numbers that are computed side by side.
const LANES: usize = 8;

/// Terms that are summed, of $n = 1, 3, \ldots$, in vectors.
const VECTORS: usize = 4;
const DIRECT: usize = LANES * VECTORS;

/// Integrals begin at this $n$.
const START: usize = 48;

/// Octaves, at most.
const OCTAVES: usize = 72;

/// $q_a q_b$ of variances above 1, at most: what it takes for the octaves to suffice.
const LARGEST: f64 = 1e18;

/// $e^{-x}$ is nothing beside 1 from here on.
const END: f64 = 40.0;

/// Components whose octaves are computed side by side.
const TOGETHER: usize = 2;

/// Weights of the differences of terms around the start: of its next neighbours, of those after them, ...
const DIFFERENCES: [f64; 8] = [
    0.05984979299564494,
    -0.00855555593504448,
    0.00202784677685052,
    -0.00048559573118554924,
    9.934977992661571e-05,
    -1.546661444853505e-05,
    1.5892000897396522e-06,
    -7.981009139050703e-08,
];

/// $\sqrt w\,\Gamma(z)/\Gamma(z+\frac12)$ in powers of $w^{-2}$, $w = z - \frac14$.
const RATIO: [f64; 7] = [
    1.0,
    -0.015625,
    0.0025634765625,
    -0.0012798309326171875,
    0.0013435110449790955,
    -0.0024328966392204165,
    0.006754237533641572,
];

/// $g_n$ times the weights of the terms.
struct Rule {
    direct: [[f64; LANES]; VECTORS],
    /// $n$ in the first octave.
    nodes: [f64; SIZE],
    octaves: [[f64; SIZE]; OCTAVES],
    /// $1/(n+1)$ of the terms and in the octaves.
    inverse_direct: [[f64; LANES]; VECTORS],
    inverse_octaves: [[f64; SIZE]; OCTAVES],
}

static RULE: LazyLock<Rule> = LazyLock::new(|| {
    let mut direct = [1.0; DIRECT];
    for k in 1..DIRECT {
        direct[k] = direct[k - 1] * (2 * k - 1) as f64 / (2 * k) as f64;
    }
    for (k, weight) in direct.iter_mut().enumerate() {
        let n = 2 * k + 1;
        let difference = |at: usize| DIFFERENCES.get(at / 2).copied().unwrap_or(0.0);
        let own = if n < START {
            1.0 - difference(START - n)
        } else {
            difference(n - START)
        };
        *weight *= own / n as f64;
    }
    let start = START as f64;
    let nodes = NODES.map(|x| start * (1.0 + x));
    let octaves = std::array::from_fn(|octave| {
        let scale = 2.0_f64.powi(octave as i32);
        std::array::from_fn(|i| {
            let n = scale * nodes[i];
            // C(n-1, (n-1)/2) 2^(1-n)
            let w = 0.5 * n - 0.25;
            let binomial = polynomial::evaluate(&RATIO, 1.0 / (w * w)) / (PI * w).sqrt();
            0.5 * scale * start * WEIGHTS[i] * binomial / n
        })
    });
    Rule {
        direct: *direct
            .as_chunks()
            .0
            .first_chunk()
            .expect("as many as vectors"),
        nodes,
        octaves,
        inverse_direct: std::array::from_fn(|v| {
            std::array::from_fn(|lane| 0.5 / (LANES * v + lane + 1) as f64)
        }),
        inverse_octaves: std::array::from_fn(|octave| {
            let scale = 2.0_f64.powi(octave as i32);
            nodes.map(|n| 1.0 / (scale * n + 1.0))
        }),
    }
});

/// The terms $x r^k$, $k = 0, \ldots, 7$, of a geometric sequence and what they differ by from 1, given
/// $1-x$, $1-r$.
#[derive(Clone, Copy)]
struct Powers {
    power: [f64; LANES],
    less: [f64; LANES],
    /// $r^8$ and $1 - r^8$.
    step: f64,
    gap: f64,
}

impl Powers {
    #[inline(always)]
    fn new((x, less): (f64, f64), (r, gap): (f64, f64)) -> Self {
        let mut powers = Self {
            power: [x; LANES],
            less: [less; LANES],
            step: r,
            gap,
        };
        for bit in [1, 2, 4] {
            let (step, gap) = (powers.step, powers.gap);
            for lane in 0..LANES {
                let has = lane & bit != 0;
                powers.less[lane] += if has { powers.power[lane] * gap } else { 0.0 };
                powers.power[lane] *= if has { step } else { 1.0 };
            }
            (powers.step, powers.gap) = (step * step, gap * (1.0 + step));
        }
        powers
    }

    /// The next eight.
    #[inline(always)]
    fn advance(&mut self) {
        for lane in 0..LANES {
            self.less[lane] += self.power[lane] * self.gap;
            self.power[lane] *= self.step;
        }
    }
}

/// $B_n(q)$, or the products of two of them with the weights of the rule.
struct Expansion {
    direct: [[f64; LANES]; VECTORS],
    /// As far as they are not 0.
    octaves: Vec<[f64; SIZE]>,
}

impl Expansion {
    /// Of the odd or of the `EVEN` components.
    #[inline(always)]
    fn new<const EVEN: bool>(rule: &Rule, q: f64, pieces: Pieces<'_>, octaves: usize) -> Self {
        let mut all = Self {
            direct: [[0.0; LANES]; VECTORS],
            octaves: vec![[0.0; SIZE]; octaves],
        };
        let mut used = 0;
        for piece in pieces {
            let weight = if EVEN { piece.even } else { piece.odd };
            let parts = weight.chunks(LANES).zip(piece.variance.chunks(LANES));
            for (weight, variance) in parts {
                used = used.max(all.add(rule, q, (variance, weight)));
            }
        }
        all.octaves.truncate(used);
        all
    }

    /// Adds up to [`LANES`] components; says how many octaves they have.
    #[inline(always)]
    fn add(&mut self, rule: &Rule, q: f64, (variance, weight): (&[f64], &[f64])) -> usize {
        let (mut s, mut first, count) = ([1.0; LANES], [0.0; LANES], weight.len());
        s[..count].copy_from_slice(variance);
        first[..count].copy_from_slice(weight);
        let inverse = 1.0 / q.sqrt();
        let [mut later, mut ratio, mut rate] = [[0.0; LANES]; 3];
        for i in 0..LANES {
            let (total, r) = (q + s[i], s[i] / q);
            ratio[i] = q / total;
            // larger s have next to nothing in the octaves
            let reaches = s[i] <= 8.0 * q;
            later[i] = if reaches { first[i] * inverse } else { 0.0 };
            // log √(1+r) by the fourth root
            let root = (1.0 + r).sqrt();
            let excess = r / ((1.0 + root) * (1.0 + root.sqrt()));
            rate[i] = if reaches {
                2.0 * log_one_plus(excess)
            } else {
                1.0
            };
            first[i] /= total.sqrt();
        }
        for (&weight, &ratio) in first[..count].iter().zip(&ratio) {
            let mut powers = Powers::new((1.0, 0.0), (ratio, 0.0));
            for (v, sum) in self.direct.iter_mut().enumerate() {
                if v > 0 {
                    powers.advance();
                }
                for (sum, power) in sum.iter_mut().zip(&powers.power) {
                    *sum += weight * power;
                }
            }
        }
        let mut used = 0;
        let groups = later.as_chunks::<TOGETHER>().0.iter();
        for (later, rate) in groups.zip(rate.as_chunks::<TOGETHER>().0) {
            if *later == [0.0; TOGETHER] {
                continue;
            }
            let mut less = [[0.0; SIZE]; TOGETHER];
            for i in 0..TOGETHER {
                for (less, n) in less[i].iter_mut().zip(&rule.nodes) {
                    *less = -decay(rate[i] * n).1;
                }
            }
            // the least exponent at the start of an octave
            let mut reach = START as f64 * rate.iter().fold(f64::INFINITY, |a: f64, &b| a.min(b));
            for (octave, sum) in self.octaves.iter_mut().enumerate() {
                if reach > END {
                    break;
                }
                reach *= 2.0;
                used = used.max(octave + 1);
                for i in 0..TOGETHER {
                    for node in 0..SIZE {
                        sum[node] += later[i] * (1.0 - less[i][node]);
                        less[i][node] *= 2.0 - less[i][node];
                    }
                }
            }
        }
        used
    }

    /// The products of two, or of one with itself.
    #[inline(always)]
    fn product(mut self, rule: &Rule, other: Option<&Self>) -> Self {
        let octaves = other.map_or(self.octaves.len(), |other| other.octaves.len());
        self.octaves.truncate(octaves);
        let others = other.map(|other| (other.direct.as_flattened(), other.octaves.as_flattened()));
        let (direct, octaves) = (
            self.direct.as_flattened_mut(),
            self.octaves.as_flattened_mut(),
        );
        multiply(
            direct,
            rule.direct.as_flattened(),
            others.map(|both| both.0),
        );
        multiply(
            octaves,
            rule.octaves.as_flattened(),
            others.map(|both| both.1),
        );
        self
    }
}

/// Multiplies numbers by others, or by themselves, and weights.
#[inline(always)]
fn multiply(numbers: &mut [f64], weights: &[f64], others: Option<&[f64]>) {
    match others {
        Some(others) => {
            for ((number, other), weight) in numbers.iter_mut().zip(others).zip(weights) {
                *number = weight * (*number * other);
            }
        }
        None => {
            for (number, weight) in numbers.iter_mut().zip(weights) {
                *number = weight * (*number * *number);
            }
        }
    }
}

/// How many octaves it takes for what is left of both series to be below 1e-17 of them: with $Q = q_a q_b$ of
/// variances above 1 terms fall as $Q n^{-7/2}$, from $n = 1/(1-c)$ on faster or to what $c = 1$ has.
fn octaves(log_q: f64, distance: f64) -> usize {
    let log_distance = distance.log2();
    let parallel = (56.5 + log_q) * (2.0 / 3.0);
    let apart = (0.4 * (59.8 + log_q - log_distance)).max(5.3 - log_distance);
    let needed = parallel.min(apart) - (START as f64).log2();
    (needed.ceil().max(0.0) as usize).min(OCTAVES)
}

/// $\log_2 Q$ of two variances, if there are octaves enough.
pub(super) fn magnitude(qa: f64, qb: f64) -> Option<f64> {
    let product = qa.max(1.0) * qb.max(1.0);
    (product <= LARGEST).then(|| product.log2())
}

/// The sums over all pairs of components at some correlations, given the [`magnitude`], as
/// [`pairs::sums`](super::pairs::sums).
#[inline(always)]
pub(super) fn sums<const ODD: bool, const EVEN: bool, const SLOPE: bool>(
    pair: [(f64, Pieces<'_>); 2],
    log_q: f64,
    c: &[PairCorrelation],
    even_slope: f64,
    out: &mut [Sums],
) {
    let rule = &*RULE;
    let nearest = c.iter().fold(1.0, |d: f64, c| d.min(c.distance()));
    let most = octaves(log_q, nearest);
    let (qa, qb) = (pair[0].0, pair[1].0);
    let units = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
    out.fill(Sums::default());
    if ODD {
        let terms = terms::<false>(rule, pair, most);
        for (c, out) in c.iter().zip(&mut *out) {
            let distance = c.distance();
            let [drop, slope] =
                at::<false, SLOPE>(rule, &terms, octaves(log_q, distance), distance);
            out.odd_drop = FRAC_2_PI * units * drop;
            out.odd_slope = FRAC_2_PI * slope;
        }
    }
    if EVEN {
        let terms = terms::<true>(rule, pair, most);
        for (c, out) in c.iter().zip(out) {
            let distance = c.distance();
            let [drop, loss] = at::<true, true>(rule, &terms, octaves(log_q, distance), distance);
            out.even_drop = units * (distance * even_slope - FRAC_2_PI * units * loss);
            out.even_slope = even_slope - FRAC_2_PI * units * drop;
        }
    }
}

/// $g_n B_n(q_a) B_n(q_b)$.
#[inline(always)]
fn terms<const EVEN: bool>(
    rule: &Rule,
    [(qa, a), (qb, b)]: [(f64, Pieces<'_>); 2],
    most: usize,
) -> Expansion {
    let one = Expansion::new::<EVEN>(rule, qa, a, most);
    let two = (qa != qb).then(|| Expansion::new::<EVEN>(rule, qb, b, most));
    one.product(rule, two.as_ref())
}

/// Sums over the terms at a correlation: with $1 - c^n$, and if wanted with $n c^{n-1}$ or, of `EVEN`
/// components, $1 - c - (1-c^{n+1})/(n+1)$.
#[inline(always)]
fn at<const EVEN: bool, const SECOND: bool>(
    rule: &Rule,
    terms: &Expansion,
    octaves: usize,
    distance: f64,
) -> [f64; 2] {
    let c = 1.0 - distance;
    let (mut drops, mut seconds) = ([0.0; LANES], [0.0; LANES]);
    // c^n, from c² on
    let mut powers = Powers::new((c, distance), (c * c, distance * (1.0 + c)));
    // c^(n-1)
    let mut even = Powers::new((1.0, 0.0), (c * c, 0.0));
    for (v, terms) in terms.direct.iter().enumerate() {
        if v > 0 {
            powers.advance();
            even.advance();
        }
        for lane in 0..LANES {
            let less = powers.less[lane];
            drops[lane] += terms[lane] * less;
            if EVEN {
                let next = (less + powers.power[lane] * distance) * rule.inverse_direct[v][lane];
                seconds[lane] += terms[lane] * (distance - next);
            } else if SECOND {
                let n = (2 * (LANES * v + lane) + 1) as f64;
                seconds[lane] += n * terms[lane] * even.power[lane];
            }
        }
    }
    let [mut later_drops, mut later_seconds, mut less] = [[0.0; SIZE]; 3];
    // beyond, c^n is next to nothing
    let is_near = distance <= 0.5;
    let rate = if is_near {
        -log_one_plus(-distance)
    } else {
        1.0
    };
    for (less, n) in less.iter_mut().zip(&rule.nodes) {
        *less = -decay(rate * n).1;
    }
    // of an octave: its length relative to the first, and the exponent of c^n at its start
    let (mut scale, mut reach) = (1.0, rate * START as f64);
    for (terms, inverse) in terms
        .octaves
        .iter()
        .zip(&rule.inverse_octaves)
        .take(octaves)
    {
        if reach > END {
            for (sum, term) in later_drops.iter_mut().zip(terms) {
                *sum += term;
            }
            if EVEN {
                for node in 0..SIZE {
                    later_seconds[node] += terms[node] * (distance - inverse[node]);
                }
            }
            continue;
        }
        for node in 0..SIZE {
            let power = 1.0 - less[node];
            later_drops[node] += terms[node] * less[node];
            if EVEN {
                let next = (less[node] + power * distance) * inverse[node];
                later_seconds[node] += terms[node] * (distance - next);
            } else if SECOND {
                later_seconds[node] += scale * terms[node] * power;
            }
            less[node] *= 2.0 - less[node];
        }
        (scale, reach) = (2.0 * scale, 2.0 * reach);
    }
    let drop = drops.iter().sum::<f64>() + later_drops.iter().sum::<f64>();
    let mut second = seconds.iter().sum::<f64>();
    if EVEN {
        second += later_seconds.iter().sum::<f64>();
    } else if SECOND && is_near {
        let nodes = later_seconds.iter().zip(&rule.nodes);
        second += nodes.map(|(sum, n)| n * sum).sum::<f64>() / c;
    }
    [drop, second]
}
