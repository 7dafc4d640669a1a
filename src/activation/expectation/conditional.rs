//! Expectations of a pair of large correlation, by what its variables have in common.
//!
//! With independent standard normal $w$, $y_a$, $y_b$ the variables $u = \sqrt{q_a} (\sqrt{|c|} w +
//! \sqrt{1-|c|} y_a)$ and $v = \sqrt{q_b} (\pm\sqrt{|c|} w + \sqrt{1-|c|} y_b)$ are the pair of correlation
//! $c = \pm |c|$. Given $w$ they are independent, so that with the conditional means $A$, $B$ and variances of
//! $f(u)$ and $f(v)$
//!
//! $$\mathbb E[f(u) f(v)] = \mathbb E[A B], \qquad
//!   \mathbb E\Big[\tfrac12 \Big(\frac{f(u)}{r_a} - \frac{f(v)}{r_b}\Big)^2\Big] =
//!   \tfrac12 \mathbb E\Big[\Big(\frac A{r_a} - \frac B{r_b}\Big)^2 + \frac{\mathrm{Var} f(u)}{r_a^2} +
//!   \frac{\mathrm{Var} f(v)}{r_b^2}\Big] .$$
//!
//! All terms of the second are positive: it loses no digits near $c = 1$. The outer integral is adaptive, the
//! inner ones are fixed sums of values of one function each: Gauss–Hermite where $f$ is smooth at the width
//! $\sqrt{1-|c|}$, otherwise over nodes that all $w$ share.

use super::Function;
use super::panels::{HALF_RANGE, Panels, divide};
use crate::activation::Parity;
use crate::numerics::dot;
use crate::numerics::normal::{decay, density};
use crate::numerics::quadrature::{Integral, POINTS, composite_rule, resolve};
use crate::vectorized::vectorized;

/// Standard deviations of the inner variable to either side.
const REACH: f64 = 9.5;

/// Panels of $f$ that are at least this long, in inner standard deviations, are smooth for [`HERMITE`].
const SMOOTH: f64 = 8.0;

/// The longest panels of the shared nodes in inner standard deviations.
const LONGEST: f64 = 3.0;

/// Outer panels beyond which the integral is given up.
const MOST: usize = 200;

/// The Gauss–Hermite rule with twelve nodes: (node, weight) of the positive ones.
const HERMITE: [(f64, f64); 6] = [
    (0.444_403_001_944_138_95, 0.321_664_361_512_83),
    (1.340_375_197_151_616_7, 0.146_967_048_045_329_99),
    (2.259_464_451_000_799, 0.029_116_687_912_364_15),
    (3.223_709_828_770_097_5, 0.002_203_380_687_533_199),
    (4.271_825_847_932_282, 4.837_184_922_590_628e-5),
    (5.500_901_704_467_748, 1.499_927_167_637_167_3e-7),
];

/// What is integrated of $f(u)$ and $f(v)$.
#[derive(Debug, Clone, Copy)]
pub(super) enum Combination {
    /// $f(u) f(v)$.
    Product,
    /// $\tfrac12 (f(u)/r_a - f(v)/r_b)^2$ for the two numbers.
    HalfSquare(f64, f64),
}

/// The mean and the variance of $f(\sqrt q z)$ for $z \sim \mathcal N(m, t^2)$, for many $m$.
struct Smoothed<'a> {
    f: Function<'a>,
    deviation: f64,
    /// $t$.
    spread: f64,
    /// Intervals that hold kinks or short panels.
    rough: Vec<(f64, f64)>,
    /// Nodes around them, weights over $t \sqrt{2\pi}$, and values there.
    nodes: Vec<f64>,
    weights: Vec<f64>,
    values: Vec<f64>,
}

impl<'a> Smoothed<'a> {
    fn new(f: Function<'a>, panels: &Panels, spread: f64) -> Self {
        let mut new = Self {
            f,
            deviation: panels.deviation,
            spread,
            rough: Vec::new(),
            nodes: Vec::new(),
            weights: Vec::new(),
            values: Vec::new(),
        };
        if spread == 0.0 {
            return new;
        }
        let short = panels.breaks.windows(2).map(|pair| (pair[0], pair[1]));
        let short = short.filter(|(low, high)| high - low < SMOOTH * spread);
        new.rough = short.chain(panels.kinks.iter().map(|&z| (z, z))).collect();
        new.rough.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // nodes reach beyond every window that meets one of them
        let reach = 2.0 * REACH * spread;
        new.rough.dedup_by(|next, last| {
            let meet = next.0 - last.1 <= 2.0 * reach;
            if meet {
                last.1 = last.1.max(next.1);
            }
            meet
        });
        for &(low, high) in &new.rough {
            let low = (low - reach).max(-HALF_RANGE);
            let high = (high + reach).min(HALF_RANGE);
            let inside = panels.breaks.iter().filter(|&&z| low < z && z < high);
            let ends = [low].into_iter().chain(inside.copied()).chain([high]);
            let ends: Vec<f64> = ends.collect();
            let mut breaks = Vec::new();
            for pair in ends.windows(2) {
                divide(&mut breaks, pair[0], pair[1], LONGEST * spread);
            }
            breaks.push(high);
            for (z, weight) in composite_rule(&breaks) {
                new.nodes.push(z);
                new.weights.push(weight * density(0.0) / spread);
            }
        }
        let arguments: Vec<f64> = new.nodes.iter().map(|z| new.deviation * z).collect();
        new.values = vec![0.0; arguments.len()];
        f(&arguments, &mut new.values);
        new
    }

    fn is_rough(&self, mean: f64) -> bool {
        let reach = REACH * self.spread;
        let meets = |&(low, high): &(f64, f64)| low - reach < mean && mean < high + reach;
        self.rough.iter().any(meets)
    }

    /// The means and variances at every $m$.
    fn moments(&self, centers: &[f64; POINTS]) -> [(f64, f64); POINTS] {
        const SIZE: usize = 2 * HERMITE.len();
        let mut arguments = Vec::with_capacity(SIZE * POINTS);
        for &m in centers {
            if !self.is_rough(m) {
                for (y, _) in HERMITE {
                    arguments.push(self.deviation * (m - self.spread * y));
                    arguments.push(self.deviation * (m + self.spread * y));
                }
            }
        }
        let mut values = vec![0.0; arguments.len()];
        (self.f)(&arguments, &mut values);
        let mut smooth = values.chunks_exact(SIZE);
        centers.map(|m| {
            if self.is_rough(m) {
                return self.shared(m);
            }
            let values = smooth.next().unwrap_or_default().chunks_exact(2);
            let pairs = || HERMITE.iter().zip(values.clone());
            let mean: f64 = pairs().map(|((_, w), f)| w * (f[0] + f[1])).sum();
            let square = |x: f64| x * x;
            let variance =
                pairs().map(|((_, w), f)| w * (square(f[0] - mean) + square(f[1] - mean)));
            (mean, variance.sum())
        })
    }

    /// By the shared nodes.
    fn shared(&self, center: f64) -> (f64, f64) {
        let reach = REACH * self.spread;
        let start = self.nodes.partition_point(|&z| z < center - reach);
        let end = self.nodes.partition_point(|&z| z < center + reach);
        let (nodes, weights) = (&self.nodes[start..end], &self.weights[start..end]);
        let values = &self.values[start..end];
        let mut law = vec![0.0; nodes.len()];
        let inverse = 1.0 / self.spread;
        vectorized(
            #[inline(always)]
            || {
                for ((law, z), weight) in law.iter_mut().zip(nodes).zip(weights) {
                    let y = (z - center) * inverse;
                    *law = weight * decay(0.5 * y * y);
                }
            },
        );
        let mean = dot(&law, values);
        let mut differences = vec![0.0; nodes.len()];
        for ((difference, law), value) in differences.iter_mut().zip(&mut law).zip(values) {
            *difference = value - mean;
            *law *= *difference;
        }
        (mean, dot(&law, &differences))
    }

    /// Where the mean has features, ascending.
    fn breaks(&self, panels: &Panels, scale: f64) -> Vec<f64> {
        let mut all = panels.breaks.clone();
        for &(low, high) in &self.rough {
            for distance in [3.0, REACH] {
                all.extend([low - distance * self.spread, high + distance * self.spread]);
            }
        }
        for z in &mut all {
            *z /= scale;
        }
        all
    }
}

/// The expectation of a combination for the correlation $\pm |c|$ (negative if `opposite`), given
/// $1 - |c|$; of a function with a parity half of the line is integrated.
pub(super) fn expectation(
    f: Function<'_>,
    combination: Combination,
    (a, b): (&Panels, &Panels),
    (complement, opposite): (f64, bool),
    parity: Parity,
    tolerance: f64,
) -> Integral {
    let (common, spread) = ((1.0 - complement).sqrt(), complement.sqrt());
    let same = a.deviation == b.deviation;
    let first = Smoothed::new(f, a, spread);
    let other = (!same).then(|| Smoothed::new(f, b, spread));
    let second = other.as_ref().unwrap_or(&first);
    let sign = if opposite { -1.0 } else { 1.0 };
    let mut breaks = first.breaks(a, common);
    if opposite || !same {
        breaks.extend(second.breaks(b, sign * common));
    }
    let half = parity != Parity::Neither;
    breaks.retain(|w| w.abs() < HALF_RANGE && !(half && *w <= 0.0));
    breaks.extend([if half { 0.0 } else { -HALF_RANGE }, HALF_RANGE]);
    breaks.sort_unstable_by(f64::total_cmp);
    // the conditional mean has no features that are narrower
    breaks.dedup_by(|next, last| *next - *last < spread && *next < HALF_RANGE);
    let mut integral = resolve(
        &mut |points, values| {
            let of_a = first.moments(&points.map(|w| common * w));
            let of_b = if same && !opposite {
                of_a
            } else {
                second.moments(&points.map(|w| sign * common * w))
            };
            for (i, value) in values.iter_mut().enumerate() {
                let ((mean_a, variance_a), (mean_b, variance_b)) = (of_a[i], of_b[i]);
                let combined = match combination {
                    Combination::Product => mean_a * mean_b,
                    Combination::HalfSquare(root_a, root_b) => {
                        let difference = mean_a / root_a - mean_b / root_b;
                        let own = variance_a / root_a / root_a + variance_b / root_b / root_b;
                        0.5 * (difference * difference + own)
                    }
                };
                *value = density(points[i]) * combined;
            }
        },
        &breaks,
        tolerance,
        MOST,
    )
    .integral;
    if half {
        integral.value *= 2.0;
        integral.error *= 2.0;
        integral.magnitude *= 2.0;
    }
    integral
}
