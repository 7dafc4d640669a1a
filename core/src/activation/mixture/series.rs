//! Sums over pairs of components of long odd mixtures, in which both inputs are apart.
//!
//! With the coefficients of $\arcsin z = \sum_n g_n z^n$ ($n$ odd, all positive), $\rho_j = q/(q+s_j^2)$ and
//!
//! $$B_n(q) = \sum_j \frac{o_j}{\sqrt{q+s_j^2}} \rho_j^{(n-1)/2},$$
//!
//! the sums of [`pairs`](super::pairs) over all pairs are
//!
//! $$\tfrac\pi2 \mathbb E[\varphi\varphi]\big|_c^1 = \sqrt{q_a q_b} \sum_n g_n B_n(q_a) B_n(q_b) (1-c^n),
//! \qquad \tfrac\pi2 \mathbb E[\varphi^\prime\varphi^\prime] = \sum_n n g_n B_n(q_a) B_n(q_b) c^{n-1} .$$
//!
//! Where there are as many components as softsign has, they take far longer. Of these series there are
//! summed [`DIRECT`] terms; the others as integrals over the octaves of $n$ from [`START`] on, by Gauss's
//! rule, with the derivatives of Euler and Maclaurin at the start as differences of terms around it
//! (`tools/odd_sum_weights.py`: relative error below 1e-18 for any $c$ and $\rho_j$). From octave to octave
//! $n$ doubles, and $1 - c^n$ and $1 - \rho_j^{n/2}$ are $e (2-e)$ of their values before: no term is formed
//! by a subtraction from 1.

use std::f64::consts::{FRAC_2_PI, PI};
use std::sync::LazyLock;

use super::elementary::{decay, log_one_plus};
use super::pairs::{Pieces, Sums, count};
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

/// Components, at most.
const COMPONENTS: usize = 232;

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

/// $B_n(q)$.
struct Expansion {
    direct: [[f64; LANES]; VECTORS],
    octaves: Vec<[f64; SIZE]>,
}

impl Expansion {
    #[inline(always)]
    fn new(rule: &Rule, q: f64, pieces: Pieces<'_>, octaves: usize) -> Self {
        let mut all = Self {
            direct: [[0.0; LANES]; VECTORS],
            octaves: vec![[0.0; SIZE]; octaves],
        };
        let [mut variance, mut weight, mut ratio, mut rate] = [[1.0; COMPONENTS]; 4];
        let (mut start, size) = (0, count(&pieces));
        for piece in pieces {
            let end = start + piece.odd.len();
            variance[start..end].copy_from_slice(piece.variance);
            weight[start..end].copy_from_slice(piece.odd);
            start = end;
        }
        let size_in_lanes = size.next_multiple_of(LANES);
        weight[size..size_in_lanes].fill(0.0);
        let inverse = 1.0 / q.sqrt();
        // of the octaves
        let mut later = [0.0; COMPONENTS];
        for i in 0..size_in_lanes {
            let s = variance[i];
            let (total, r) = (q + s, s / q);
            ratio[i] = q / total;
            // larger s have next to nothing there
            let reaches = s <= 8.0 * q;
            later[i] = if reaches { weight[i] * inverse } else { 0.0 };
            // log √(1+r) by the fourth root
            let root = (1.0 + r).sqrt();
            let excess = r / ((1.0 + root) * (1.0 + root.sqrt()));
            rate[i] = if reaches {
                2.0 * log_one_plus(excess)
            } else {
                1.0
            };
            weight[i] /= total.sqrt();
        }
        for (&w, &ratio) in weight[..size].iter().zip(&ratio) {
            let mut powers = Powers::new((1.0, 0.0), (ratio, 0.0));
            for (v, sum) in all.direct.iter_mut().enumerate() {
                if v > 0 {
                    powers.advance();
                }
                for (sum, power) in sum.iter_mut().zip(&powers.power) {
                    *sum += w * power;
                }
            }
        }
        let (later, rate) = (&later[..size_in_lanes], &rate[..size_in_lanes]);
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
            for sum in &mut all.octaves {
                if reach > END {
                    break;
                }
                reach *= 2.0;
                for i in 0..TOGETHER {
                    for node in 0..SIZE {
                        sum[node] += later[i] * (1.0 - less[i][node]);
                        less[i][node] *= 2.0 - less[i][node];
                    }
                }
            }
        }
        all
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

/// The sums over all pairs of odd components at some correlations, given the [`magnitude`]; `SLOPE` says
/// whether `odd_slope` is wanted.
#[inline(always)]
pub(super) fn sums<const SLOPE: bool>(
    [(qa, a), (qb, b)]: [(f64, Pieces<'_>); 2],
    log_q: f64,
    c: &[PairCorrelation],
    out: &mut [Sums],
) {
    let rule = &*RULE;
    let nearest = c.iter().fold(1.0, |d: f64, c| d.min(c.distance()));
    let most = octaves(log_q, nearest);
    let one = Expansion::new(rule, qa, a, most);
    let two = (qa != qb).then(|| Expansion::new(rule, qb, b, most));
    let two = two.as_ref().unwrap_or(&one);
    let units = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
    let (mut direct, mut later) = (rule.direct, rule.octaves);
    multiply(&mut direct, &one.direct, &two.direct);
    multiply(&mut later[..most], &one.octaves, &two.octaves);
    for (c, out) in c.iter().zip(out) {
        let distance = c.distance();
        let later = &later[..octaves(log_q, distance)];
        let [drop, slope] = at::<SLOPE>(rule, &direct, later, distance);
        *out = Sums {
            odd_drop: FRAC_2_PI * units * drop,
            odd_slope: FRAC_2_PI * slope,
            ..Sums::default()
        };
    }
}

/// Multiplies numbers by those of two inputs.
#[inline(always)]
fn multiply<const N: usize>(products: &mut [[f64; N]], one: &[[f64; N]], two: &[[f64; N]]) {
    for (products, (one, two)) in products.iter_mut().zip(one.iter().zip(two)) {
        for (product, (one, two)) in products.iter_mut().zip(one.iter().zip(two)) {
            *product *= one * two;
        }
    }
}

/// Both series at a correlation, given all that their terms have beside its powers.
#[inline(always)]
fn at<const SLOPE: bool>(
    rule: &Rule,
    direct: &[[f64; LANES]; VECTORS],
    later: &[[f64; SIZE]],
    distance: f64,
) -> [f64; 2] {
    let c = 1.0 - distance;
    let (mut drops, mut slopes) = ([0.0; LANES], [0.0; LANES]);
    // c^n, from c² on
    let mut powers = Powers::new((c, distance), (c * c, distance * (1.0 + c)));
    // c^(n-1)
    let mut even = Powers::new((1.0, 0.0), (c * c, 0.0));
    for (v, products) in direct.iter().enumerate() {
        if v > 0 {
            powers.advance();
            even.advance();
        }
        for lane in 0..LANES {
            drops[lane] += products[lane] * powers.less[lane];
            if SLOPE {
                let n = (2 * (LANES * v + lane) + 1) as f64;
                slopes[lane] += n * products[lane] * even.power[lane];
            }
        }
    }
    let [mut later_drops, mut later_slopes, mut less] = [[0.0; SIZE]; 3];
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
    for products in later {
        if reach > END {
            for (sum, product) in later_drops.iter_mut().zip(products) {
                *sum += product;
            }
            continue;
        }
        for node in 0..SIZE {
            later_drops[node] += products[node] * less[node];
            if SLOPE {
                later_slopes[node] += scale * products[node] * (1.0 - less[node]);
            }
            less[node] *= 2.0 - less[node];
        }
        (scale, reach) = (2.0 * scale, 2.0 * reach);
    }
    let drop = drops.iter().sum::<f64>() + later_drops.iter().sum::<f64>();
    let mut slope = slopes.iter().sum::<f64>();
    if SLOPE && is_near {
        let nodes = later_slopes.iter().zip(&rule.nodes);
        slope += nodes.map(|(sum, n)| n * sum).sum::<f64>() / c;
    }
    [drop, slope]
}
