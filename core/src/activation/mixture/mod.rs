//! Gaussian duals of activations that are mixtures of $\operatorname{erf}$ and smoothed $|x|$ of all scales.
//!
//! $$\varphi(x) = \varphi(0) + ax + \sum_j o_j \operatorname{erf}\frac x{s_j\sqrt2} + \sum_j e_j
//! \left(\mathbb E|x + s_jz| - \mathbb E|s_jz|\right), \qquad z \sim \mathcal N(0,1).$$
//!
//! Each pair of components has its dual in closed form, so $\mathbb E[\varphi\varphi]$ and $\mathbb
//! E[\varphi^\prime\varphi^\prime]$ are double sums, the same at any variance and correlation. By parity only
//! $c \ge 0$ is needed; the pairs give by how much the moments drop from $c = 1$ to $c$, where they are
//! one-dimensional sums of $\varphi$ itself. So $1-c^\prime$ is a sum of what parallel inputs lose and of the
//! drop, and is never formed by a subtraction from 1.
//!
//! | file | what |
//! |---|---|
//! | `pairs` | the double sums |
//! | `series` | the same as series in $c$ |
//! | `line` | variances, and what parallel inputs of different norms lose |
//! | `profile` | $\varphi$ near 0 and far from it |
//! | `smooth` | components of tanh, sigmoid, softplus, SiLU and Mish |
//! | `laplace` | components of softsign |
//! | `fitted` | components of any $\varphi$, by least squares |
//! | `elementary` | exponential and logarithm |

mod elementary;
mod fitted;
mod laplace;
mod line;
mod pairs;
mod profile;
mod series;
mod smooth;
#[cfg(test)]
mod tests;

use std::f64::consts::FRAC_2_PI;

use super::pair_form::PairMoments;
use crate::covariance::PairCorrelation;
use crate::vectorized::vectorized;
pub(crate) use fitted::Fit;
pub use fitted::Fitted;
use line::Parallel;
use pairs::{Components, Pieces, Sums};
use profile::Profile;

/// An activation as a mixture.
pub(crate) trait Mixture: Profile {
    /// Whether there are $o_j$.
    const ODD: bool;
    /// Whether there are $e_j$.
    const EVEN: bool;

    /// $a$.
    fn slope(&self) -> f64 {
        0.0
    }

    /// $s_j^2$, $o_j$ and $e_j$ for a variance $q$ beside another one.
    fn components(&self, q: f64, other: f64) -> Pieces<'_>;
}

/// $V(q) = \mathbb E[\varphi(\sqrt q z)^2]$.
#[inline(never)]
pub(crate) fn variance<M: Mixture>(phi: &M, q: f64) -> f64 {
    vectorized(
        #[inline(always)]
        || line::equal::<M, false>(phi, q).variance(),
    )
}

/// What parallel inputs of equal variances have, compiled once for each activation.
#[inline(never)]
fn equal<M: Mixture>(phi: &M, q: f64) -> Parallel {
    vectorized(
        #[inline(always)]
        || line::equal::<M, true>(phi, q),
    )
}

/// The same of unequal variances.
#[inline(never)]
fn unequal<M: Mixture>(phi: &M, qa: f64, qb: f64) -> Parallel {
    vectorized(
        #[inline(always)]
        || line::unequal(phi, qa, qb),
    )
}

/// Two points before an activation, whose correlation is to be chosen.
pub(crate) struct Beside<'a, M> {
    phi: &'a M,
    qa: f64,
    qb: f64,
    variance_a: f64,
    variance_b: f64,
    /// What they would have if they were parallel.
    parallel: Parallel,
}

impl<'a, M: Mixture> Beside<'a, M> {
    pub(crate) fn new(phi: &'a M, qa: f64, qb: f64) -> Self {
        let (variance_a, variance_b, parallel) = if qa == qb {
            let alone = equal(phi, qa);
            (alone.variance(), alone.variance(), alone)
        } else {
            let (variance_a, variance_b) = (variance(phi, qa), variance(phi, qb));
            (variance_a, variance_b, unequal(phi, qa, qb))
        };
        Self {
            phi,
            qa,
            qb,
            variance_a,
            variance_b,
            parallel,
        }
    }

    /// All moments at a correlation.
    pub(crate) fn at(&self, c: PairCorrelation) -> PairMoments {
        let mut sums = [Sums::default()];
        let even_slope = self.parallel.even_slope;
        pair_sums(
            self.phi,
            (self.qa, self.qb),
            &[c],
            (even_slope, true),
            &mut sums,
        );
        self.moments(c, sums[0])
    }

    /// The same at some correlations; without `with_slope` no $\mathbb E[\varphi^\prime\varphi^\prime]$.
    pub(crate) fn at_all(&self, c: &[PairCorrelation], with_slope: bool) -> Vec<PairMoments> {
        let mut sums = vec![Sums::default(); c.len()];
        let even_slope = self.parallel.even_slope;
        pair_sums(
            self.phi,
            (self.qa, self.qb),
            c,
            (even_slope, with_slope),
            &mut sums,
        );
        let all = c.iter().zip(sums);
        all.map(|(&c, sums)| self.moments(c, sums)).collect()
    }

    fn moments(&self, c: PairCorrelation, sums: Sums) -> PairMoments {
        let (variance_a, variance_b) = (self.variance_a, self.variance_b);
        let scale = if self.qa == self.qb {
            variance_a
        } else {
            variance_a.sqrt() * variance_b.sqrt()
        };
        let ([odd, even], deficit) = (self.parallel.moments, self.parallel.deficit);
        // at |c|; odd functions of orthogonal inputs are uncorrelated
        let odd_here = if c.distance() < 1.0 {
            odd - sums.odd_drop
        } else {
            0.0
        };
        let even_here = even - sums.even_drop;
        let (sign, one_minus, one_plus) = if c.is_positive() {
            let one_minus = deficit + (sums.odd_drop + sums.even_drop) / scale;
            (1.0, one_minus, 2.0 - one_minus)
        } else {
            // -c' is the correlation of φ and -φ(-x), whose even part has the other sign
            let drop = odd + odd_here + sums.even_drop;
            let opposite_drop = even + even_here + sums.odd_drop;
            let one_plus = deficit + opposite_drop / scale;
            (-1.0, deficit + drop / scale, one_plus)
        };
        PairMoments {
            variance_a,
            variance_b,
            moment: sign * odd_here + even_here,
            derivative_moment: sums.odd_slope + sign * sums.even_slope,
            correlation: if scale > 0.0 {
                PairCorrelation::from_ends(one_minus, one_plus)
            } else {
                c
            },
        }
    }
}

/// $\mathbb E[\varphi^\prime(u)]$ of the odd components: $\sum_j o_j \sqrt{2/\pi}/\sqrt{q+s_j^2}$.
#[inline(always)]
fn mean_slope(pieces: Pieces<'_>, q: f64) -> f64 {
    let terms = |piece: Components<'_>| {
        let terms = piece.variance.iter().zip(piece.odd);
        terms.map(|(s, o)| o / (q + s).sqrt()).sum::<f64>()
    };
    FRAC_2_PI.sqrt() * pieces.map(terms).iter().sum::<f64>()
}

fn pair_sums<M: Mixture>(
    phi: &M,
    (qa, qb): (f64, f64),
    c: &[PairCorrelation],
    (even_slope, with_slope): (f64, bool),
    sums: &mut [Sums],
) {
    let (a, b) = (phi.components(qa, qb), phi.components(qb, qa));
    let kind = (M::ODD, M::EVEN, with_slope);
    all_pairs(kind, [(qa, a), (qb, b)], c, even_slope, sums);
    let slope = phi.slope();
    if slope != 0.0 {
        let mean = slope * (mean_slope(a, qa) + mean_slope(b, qb));
        let slopes = slope * slope + mean;
        for (sums, c) in sums.iter_mut().zip(c) {
            sums.odd_slope += slopes;
            sums.odd_drop += slopes * (qa.sqrt() * qb.sqrt() * c.distance());
        }
    }
}

/// Numbers of components of both points in a ring: of mixtures that take the double sums, of those that do so
/// where series are long, with the $\log_2$ of both variances from which on they are, of two short mixtures,
/// and of any.
const FEW: usize = 32;
const MANY: usize = 64;
const LARGE: f64 = 20.0;
const SHORT: usize = 160;
const LONG: usize = 464;

/// The double sums or what they are as series, compiled once for all activations.
fn all_pairs(
    kind: (bool, bool, bool),
    [a, b]: [(f64, Pieces<'_>); 2],
    c: &[PairCorrelation],
    even_slope: f64,
    out: &mut [Sums],
) {
    use pairs::sums;
    // long arrays take their time to be filled
    let (odd, even, slope) = kind;
    let size = pairs::size(&a.1, &b.1);
    // odd and even components have a series each
    let large = if odd && even { 0.5 * LARGE } else { LARGE };
    let magnitude =
        series::magnitude(a.0, b.0).filter(|&log_q| size > MANY || size > FEW && log_q < large);
    if let Some(log_q) = magnitude {
        use series::sums;
        let pair = [a, b];
        vectorized(
            #[inline(always)]
            || match (odd, even, slope) {
                (true, true, _) => sums::<true, true, true>(pair, log_q, c, even_slope, out),
                (false, _, _) => sums::<false, true, true>(pair, log_q, c, even_slope, out),
                (_, _, true) => sums::<true, false, true>(pair, log_q, c, even_slope, out),
                (_, _, false) => sums::<true, false, false>(pair, log_q, c, even_slope, out),
            },
        );
        return;
    }
    let is_short = size <= SHORT;
    vectorized(
        #[inline(always)]
        || match (odd, even, is_short, slope) {
            (true, true, _, _) => sums::<true, true, true, SHORT>(a, b, c, even_slope, out),
            (false, _, _, _) => sums::<false, true, true, SHORT>(a, b, c, even_slope, out),
            (_, _, true, true) => sums::<true, false, true, SHORT>(a, b, c, even_slope, out),
            (_, _, true, false) => sums::<true, false, false, SHORT>(a, b, c, even_slope, out),
            (_, _, false, true) => sums::<true, false, true, LONG>(a, b, c, even_slope, out),
            (_, _, false, false) => sums::<true, false, false, LONG>(a, b, c, even_slope, out),
        },
    );
}
