//! Expectations of a pair of large correlation, by what its variables have in common.
//!
//! With independent standard normal $w$, $y_a$, $y_b$ the variables
//! $u = \sqrt{q_a} (\sqrt{|c|} w + \sqrt{1-|c|} y_a)$ and
//! $v = \sqrt{q_b} (\pm\sqrt{|c|} w + \sqrt{1-|c|} y_b)$ are the pair of correlation $c = \pm |c|$. Given $w$
//! they are independent, so that with the conditional means $A$, $B$ and variances of $f(u)$ and $f(v)$
//!
//! $$\mathbb E[f(u) f(v)] = \mathbb E[A B], \qquad
//!   \mathbb E\Big[\tfrac12 \Big(\frac{f(u)}{r_a} - \frac{f(v)}{r_b}\Big)^2\Big] =
//!   \tfrac12 \mathbb E\Big[\Big(\frac A{r_a} - \frac B{r_b}\Big)^2 + \frac{\mathrm{Var} f(u)}{r_a^2} +
//!   \frac{\mathrm{Var} f(v)}{r_b^2}\Big] .$$
//!
//! All terms of the second are positive: it loses no digits near $c = 1$. The outer integral is adaptive, or
//! by the trapezoidal rule where that takes fewer nodes (the integrand is smoothed over $\sqrt{1-|c|}$); the
//! inner ones are fixed sums of values of one function each: Gauss–Hermite where $f$ is smooth at the width
//! $\sqrt{1-|c|}$ (with variances from $f^\prime$ where differences of $f$ are all rounding), otherwise over
//! nodes that all $w$ share.

use super::Function;
use super::panels::{Panels, divide};
use crate::activation::Parity;
use crate::numerics::normal::density;
use crate::numerics::quadrature::{Integral, POINTS, composite_rule, resolve};
use crate::numerics::{dot, exponential};
use crate::vectorized::vectorized;

/// Standard deviations of the inner variable to either side.
const REACH: f64 = 9.5;

/// Panels of $f$ that are at least this long, in inner standard deviations, are smooth for [`HERMITE`].
const SMOOTH: f64 = 8.0;

/// The longest panels of the shared nodes in inner standard deviations.
const LONGEST: f64 = 3.0;

/// The shortest outer panels to begin with, in inner standard deviations: the mean has no narrower features.
const NARROWEST: f64 = 2.5;

/// Outer panels beyond which the integral is given up.
const MOST: usize = 200;

/// Values at the nodes of inner integrals beyond which the integral is not begun: ten milliseconds of them.
const MOST_VALUES: usize = 1_500_000;

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

/// A function and, where variances need it, its derivative.
#[derive(Clone, Copy)]
pub(super) struct Differentiable<'a> {
    pub(super) value: Function<'a>,
    pub(super) derivative: Option<Function<'a>>,
}

impl<'a> From<Function<'a>> for Differentiable<'a> {
    fn from(value: Function<'a>) -> Self {
        Self {
            value,
            derivative: None,
        }
    }
}

/// An interval that holds kinks or short panels, and around it nodes that all $m$ share.
struct Rough {
    low: f64,
    high: f64,
    /// From where its nodes are measured: 0 or a kink, so that they lose no digits there.
    origin: f64,
    /// $(z - \text{origin})/t$.
    nodes: Vec<f64>,
    /// Over $\sqrt{2\pi}$.
    weights: Vec<f64>,
    values: Vec<f64>,
}

/// The mean and the variance of $f(\sqrt q z)$ for $z \sim \mathcal N(m, t^2)$, for many $m$.
struct Smoothed<'a> {
    f: Differentiable<'a>,
    deviation: f64,
    /// $t$.
    spread: f64,
    rough: Vec<Rough>,
}

impl<'a> Smoothed<'a> {
    fn new(f: Differentiable<'a>, panels: &Panels, spread: f64) -> Self {
        let short = panels.breaks.windows(2).map(|pair| (pair[0], pair[1]));
        let short = short.filter(|(low, high)| high - low < SMOOTH * spread);
        let mut rough: Vec<_> = short.chain(panels.kinks.iter().map(|&z| (z, z))).collect();
        rough.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // nodes reach beyond every window that meets one of them
        rough.dedup_by(|next, last| {
            let meet = next.0 - last.1 <= 4.0 * REACH * spread;
            if meet {
                last.1 = last.1.max(next.1);
            }
            meet
        });
        if spread == 0.0 {
            rough.clear();
        }
        let one = |(low, high)| Rough::new(f.value, panels, (low, high), spread);
        Self {
            f,
            deviation: panels.deviation,
            spread,
            rough: rough.into_iter().map(one).collect(),
        }
    }

    fn rough_at(&self, mean: f64) -> Option<&Rough> {
        let reach = REACH * self.spread;
        let meets = |rough: &&Rough| rough.low - reach < mean && mean < rough.high + reach;
        self.rough.iter().find(meets)
    }

    /// The means and variances at every $m$.
    fn moments(&self, centers: &[f64; POINTS]) -> [(f64, f64); POINTS] {
        const SIZE: usize = 2 * HERMITE.len();
        let mut arguments = Vec::with_capacity(SIZE * POINTS);
        for &m in centers {
            if self.rough_at(m).is_none() {
                for (y, _) in HERMITE {
                    arguments.push(self.deviation * (m - self.spread * y));
                    arguments.push(self.deviation * (m + self.spread * y));
                }
            }
        }
        let mut values = vec![0.0; arguments.len()];
        (self.f.value)(&arguments, &mut values);
        let mut slopes = Vec::new();
        if let Some(derivative) = self.f.derivative {
            slopes.resize(arguments.len(), 0.0);
            derivative(&arguments, &mut slopes);
        }
        let mut windows = values.chunks_exact(SIZE);
        let mut slopes = slopes.chunks_exact(SIZE);
        centers.map(|m| {
            if let Some(rough) = self.rough_at(m) {
                return rough.moments((m - rough.origin) / self.spread);
            }
            let pairs = windows.next().unwrap_or_default().chunks_exact(2);
            let pairs = || HERMITE.iter().zip(pairs.clone());
            let mean: f64 = pairs().map(|((_, w), f)| w * (f[0] + f[1])).sum();
            let square = |x: f64| x * x;
            let variance = match slopes.next() {
                Some(slopes) => square(self.deviation * self.spread) * variance_by_slopes(slopes),
                None => pairs()
                    .map(|((_, w), f)| w * (square(f[0] - mean) + square(f[1] - mean)))
                    .sum(),
            };
            (mean, variance)
        })
    }

    /// The most nodes that a place has.
    fn nodes(&self) -> usize {
        let counts = self.rough.iter().map(|rough| rough.nodes_in_reach());
        counts.max().unwrap_or(2 * HERMITE.len())
    }

    /// Where the mean has features.
    fn breaks(&self, panels: &Panels, scale: f64) -> Vec<f64> {
        let mut all = panels.breaks.clone();
        for Rough { low, high, .. } in &self.rough {
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

/// The variance of $g$ from the values of $g^\prime$ at the nodes of [`HERMITE`]:
/// $\sum_k b_k^2/(k+1)$ with the Hermite coefficients $b_k$ of $g^\prime$.
fn variance_by_slopes(slopes: &[f64]) -> f64 {
    const TERMS: usize = 8;
    let mut coefficients = [0.0; TERMS];
    for ((y, weight), slopes) in HERMITE.iter().zip(slopes.chunks_exact(2)) {
        let parts = [slopes[1] + slopes[0], slopes[1] - slopes[0]];
        let (mut last, mut this) = (0.0, *weight);
        for (k, coefficient) in coefficients.iter_mut().enumerate() {
            *coefficient += parts[k % 2] * this;
            let (root, next) = ((k as f64).sqrt(), ((k + 1) as f64).sqrt());
            (last, this) = (this, (y * this - root * last) / next);
        }
    }
    let terms = coefficients.iter().enumerate().rev();
    terms.map(|(k, b)| b * b / (k + 1) as f64).sum()
}

impl Rough {
    fn new(f: Function<'_>, panels: &Panels, (low, high): (f64, f64), spread: f64) -> Self {
        let inside = |z: &f64| (low..=high).contains(z);
        let zero_or_kinks = [0.0].into_iter().chain(panels.kinks.iter().copied());
        let origin = zero_or_kinks.into_iter().find(inside).unwrap_or(low);
        let place = |z: f64| (z - origin) / spread;
        let range = panels.half_range();
        let start = (place(low) - 2.0 * REACH).max(place(-range));
        let end = (place(high) + 2.0 * REACH).min(place(range));
        let inside = panels.breaks.iter().map(|&z| place(z));
        let inside = inside.filter(|&x| start < x && x < end);
        let ends: Vec<f64> = [start].into_iter().chain(inside).chain([end]).collect();
        let mut breaks = Vec::new();
        for pair in ends.windows(2) {
            divide(&mut breaks, pair[0], pair[1], LONGEST);
        }
        breaks.push(end);
        let rule = composite_rule(&breaks);
        let argument = |(x, _): &(f64, f64)| panels.deviation * (origin + spread * x);
        let arguments: Vec<f64> = rule.iter().map(argument).collect();
        let mut values = vec![0.0; arguments.len()];
        f(&arguments, &mut values);
        Self {
            low,
            high,
            origin,
            nodes: rule.iter().map(|(x, _)| *x).collect(),
            weights: rule.iter().map(|(_, w)| w * density(0.0)).collect(),
            values,
        }
    }

    /// Nodes for a place, on average.
    fn nodes_in_reach(&self) -> usize {
        let ends = self.nodes.first().zip(self.nodes.last());
        let length = ends.map_or(0.0, |(first, last)| last - first);
        let share = (2.0 * REACH / length).min(1.0);
        (share * self.nodes.len() as f64) as usize
    }

    /// The mean and the variance around a place.
    fn moments(&self, center: f64) -> (f64, f64) {
        let start = self.nodes.partition_point(|&x| x < center - REACH);
        let end = self.nodes.partition_point(|&x| x < center + REACH);
        let (nodes, weights) = (&self.nodes[start..end], &self.weights[start..end]);
        let values = &self.values[start..end];
        let mut law = vec![0.0; nodes.len()];
        let out = &mut law[..];
        let mut places = out.iter_mut().zip(nodes).zip(weights);
        vectorized(
            #[inline(always)]
            move || {
                for ((law, x), weight) in &mut places {
                    let y = x - center;
                    *law = weight * exponential::exp(-0.5 * y * y);
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
}

/// Two trapezoidal rules, each with nodes in the middle between those of the other.
///
/// What is smoothed over $t$ has no waves shorter than $t$: a product of two means has the part
/// $e^{-\omega^2t^2/4}$ of those of frequency $\omega$, and each rule an error of 1e-14.
struct Equidistant {
    step: f64,
    /// Of the first node, in steps.
    first: i64,
    last: i64,
}

impl Equidistant {
    /// In standard deviations of what is smoothed over.
    const STEP: f64 = 0.55;

    fn new(spread: f64, range: f64, half: bool) -> Self {
        let step = Self::STEP * spread;
        let last = (range / step).ceil() as i64;
        let first = if half { 0 } else { -last };
        Self { step, first, last }
    }

    /// Of [`POINTS`] nodes each.
    fn panels(&self) -> usize {
        2 * (self.last.saturating_sub(self.first)) as usize / POINTS + 2
    }

    /// The mean of both rules and half their difference; of the half line if the first node is at 0.
    fn integral(&self, f: &mut dyn FnMut(&[f64; POINTS], &mut [f64; POINTS])) -> Integral {
        let [one, other] = [0.0, 0.5].map(|shift| {
            let nodes: Vec<i64> = (self.first..=self.last).collect();
            let (mut sum, mut values) = (0.0, [0.0; POINTS]);
            for chunk in nodes.chunks(POINTS) {
                let mut places = [chunk[0]; POINTS];
                places[..chunk.len()].copy_from_slice(chunk);
                f(&places.map(|i| self.step * (i as f64 + shift)), &mut values);
                for (i, value) in chunk.iter().zip(&values) {
                    let is_end = self.first == 0 && *i == 0 && shift == 0.0;
                    sum += if is_end { 0.5 * value } else { *value };
                }
            }
            self.step * sum
        });
        let value = 0.5 * (one + other);
        Integral {
            value,
            error: 0.5 * (one - other).abs(),
            magnitude: value.abs(),
        }
    }
}

/// The expectation of a combination for the correlation $\pm |c|$ (negative if `opposite`), given
/// $1 - |c|$; of a function with a parity half of the line is integrated.
pub(super) fn expectation(
    f: Differentiable<'_>,
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
    let range = a.half_range().max(b.half_range());
    breaks.retain(|w| w.abs() < range && !(half && *w <= 0.0));
    breaks.extend([if half { 0.0 } else { -range }, range]);
    breaks.sort_unstable_by(f64::total_cmp);
    breaks.dedup_by(|next, last| *next - *last < NARROWEST * spread && *next < range);
    let affordable = MOST_VALUES / (POINTS * first.nodes().max(second.nodes()));
    let equidistant = Equidistant::new(spread, range, half);
    let panels = breaks.len().min(equidistant.panels());
    if panels > affordable {
        return Integral {
            value: 0.0,
            error: f64::INFINITY,
            magnitude: 0.0,
        };
    }
    let scale = match combination {
        Combination::Product => a.square.sqrt() * b.square.sqrt(),
        Combination::HalfSquare(..) => 0.0,
    };
    let mut integrand = |points: &[f64; POINTS], values: &mut [f64; POINTS]| {
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
    };
    let mut integral = if panels < breaks.len() {
        equidistant.integral(&mut integrand)
    } else {
        let most = MOST.min(affordable);
        resolve(&mut integrand, &breaks, (tolerance, scale), most).integral
    };
    if half {
        integral.value *= 2.0;
        integral.error *= 2.0;
        integral.magnitude *= 2.0;
    }
    integral
}
