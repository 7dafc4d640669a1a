//! Hermite coefficients: Gaussian expectations of smooth functions by Mehler's formula.
//!
//! With the orthonormal Hermite polynomials $h_k$ and $a_k(q) = \mathbb E[f(\sqrt q z) h_k(z)]$, a Gaussian
//! pair of correlation $c$ has (F. G. Mehler 1866)
//!
//! $$\mathbb E[f(u) f(v)] = \sum_k a_k(q_a) a_k(q_b) c^k.$$

use super::Function;
use super::panels::{FEATURE, HALF_RANGE, Panels, features};
use crate::covariance::{PairCorrelation, Parity};
use crate::numerics::dot;
use crate::numerics::normal::density;
use crate::numerics::quadrature::composite_rule;
use crate::vectorized::vectorized;

/// (step of the trapezoidal rule, number of coefficients): with step $s$ the first $K$ polynomials stay
/// orthonormal on the nodes as long as $2\pi/s > 2\sqrt K + 16$.
const LEVELS: [(f64, usize); 4] = [(0.2, 32), (0.15, 80), (0.125, 160), (0.0625, 480)];

/// The same and longer ones, for series that serve many pairs.
const LONG_LEVELS: [(f64, usize); 6] = [
    LEVELS[0],
    LEVELS[1],
    LEVELS[2],
    LEVELS[3],
    (0.03, 1200),
    (0.02, 2500),
];

/// The first coefficients of $f(\sqrt q z)$ and the rest of its norm.
#[derive(Debug, Clone)]
pub struct HermiteSeries {
    /// $a_0, a_1, \ldots$
    pub(crate) coefficients: Vec<f64>,
    /// $\mathbb E[f^2]$.
    pub(crate) norm_squared: f64,
    /// $\sum_{k \ge K} a_k^2$, with rounding.
    pub(crate) tail: f64,
}

/// A function at the nodes of a rule for the standard normal density.
struct Weighted {
    z: Vec<f64>,
    /// $w_i f(\sqrt q z_i)$.
    weighted: Vec<f64>,
    /// $f(\sqrt q z_i)$.
    values: Vec<f64>,
}

impl Weighted {
    fn new(f: Function<'_>, deviation: f64, rule: &[(f64, f64)]) -> Self {
        let arguments: Vec<f64> = rule.iter().map(|&(z, _)| deviation * z).collect();
        let mut values = vec![0.0; rule.len()];
        f(&arguments, &mut values);
        let weighted = rule.iter().zip(&values);
        let weighted = weighted.map(|(&(z, w), f)| w * density(z) * f);
        Self {
            weighted: weighted.collect(),
            z: rule.iter().map(|&(z, _)| z).collect(),
            values,
        }
    }
}

fn trapezoid(step: f64) -> Vec<(f64, f64)> {
    let half = (HALF_RANGE / step).ceil() as i64;
    (-half..=half).map(|i| (step * i as f64, step)).collect()
}

impl HermiteSeries {
    /// The largest number of terms.
    pub(crate) const LONGEST: usize = LEVELS[3].1;

    /// The series of a function without kinks at every one of the given variances, equally long, with tails
    /// below `tolerance` times their norms; `None` if that takes too many terms.
    pub(crate) fn smooth(
        f: Function<'_>,
        variances: &[f64],
        parity: Parity,
        tolerance: f64,
    ) -> Option<Vec<Self>> {
        Self::smooth_at(&LEVELS, f, variances, parity, tolerance)
    }

    /// [`smooth`](Self::smooth) with up to 2500 terms, or `most`.
    pub(crate) fn smooth_and_long(
        f: Function<'_>,
        variances: &[f64],
        parity: Parity,
        tolerance: f64,
        most: usize,
    ) -> Option<Vec<Self>> {
        let levels = LONG_LEVELS.partition_point(|&(_, terms)| terms <= most);
        Self::smooth_at(&LONG_LEVELS[..levels], f, variances, parity, tolerance)
    }

    fn smooth_at(
        levels: &[(f64, usize)],
        f: Function<'_>,
        variances: &[f64],
        parity: Parity,
        tolerance: f64,
    ) -> Option<Vec<Self>> {
        // larger variances are steeper: they decide on the level
        let largest = variances.iter().copied().fold(0.0, f64::max);
        let others = variances.iter().copied().filter(|&q| q != largest);
        let others: Vec<f64> = others.collect();
        levels.iter().find_map(|&level| {
            let first = Self::at_level(f, &[largest], parity, tolerance, level)?.pop()?;
            let mut rest = Self::at_level(f, &others, parity, tolerance, level)?.into_iter();
            let all = variances.iter().map(|&q| {
                if q == largest {
                    Some(first.clone())
                } else {
                    rest.next()
                }
            });
            all.collect()
        })
    }

    /// [`smooth`](Self::smooth) at two variances.
    pub(crate) fn smooth_pair(
        f: Function<'_>,
        (a, b): (f64, f64),
        parity: Parity,
        tolerance: f64,
    ) -> Option<(Self, Self)> {
        if a == b {
            let one = Self::smooth_one(f, a, parity, tolerance)?;
            return Some((one.clone(), one));
        }
        let mut both = Self::smooth(f, &[a, b], parity, tolerance)?.into_iter();
        both.next().zip(both.next())
    }

    /// [`smooth`](Self::smooth) at one variance.
    pub(crate) fn smooth_one(
        f: Function<'_>,
        q: f64,
        parity: Parity,
        tolerance: f64,
    ) -> Option<Self> {
        Self::smooth(f, &[q], parity, tolerance)?.pop()
    }

    /// All series of a level, which share its polynomials.
    fn at_level(
        f: Function<'_>,
        variances: &[f64],
        parity: Parity,
        tolerance: f64,
        (step, size): (f64, usize),
    ) -> Option<Vec<Self>> {
        let rule = trapezoid(step);
        let mut functions = Vec::with_capacity(variances.len());
        for &q in variances {
            let Weighted {
                weighted, values, ..
            } = Weighted::new(f, q.sqrt(), &rule);
            let squares: Vec<f64> = weighted.iter().zip(&values).map(|(w, f)| w * f).collect();
            let norm: f64 = squares.iter().sum();
            // two rules of twice the step: if they agree to half of the digits, the rule itself has them all
            let every_second: f64 = 2.0 * squares.iter().step_by(2).sum::<f64>();
            let resolved = 2.0 * (every_second - norm).abs() <= (0.1 * tolerance).sqrt() * norm;
            let ends = squares[0].max(squares[squares.len() - 1]) <= 1e-3 * tolerance * norm;
            // what vanishes on all nodes may be narrower than their distance
            if !(norm.is_finite() && norm > 0.0 && resolved && ends) {
                return None;
            }
            functions.push((weighted, norm));
        }
        let z: Vec<f64> = rule.iter().map(|&(z, _)| z).collect();
        let all = Self::project(&z, &functions, size, parity);
        let good = |(series, &q): (&Self, &f64)| {
            series.tail <= tolerance * series.norm_squared && series.is_between_nodes(f, q, step)
        };
        all.iter().zip(variances).all(good).then_some(all)
    }

    /// Whether the series is the function at points that are no nodes, as it is not where an oscillation of
    /// the function is a slower one on the nodes, or where it has a feature between them: an activation
    /// varies on the scale of 1 around 0, which may be far below the distance of nodes.
    fn is_between_nodes(&self, f: Function<'_>, q: f64, step: f64) -> bool {
        const POINTS: [f64; 3] = [-1.087, 0.333, 0.771];
        let deviation = q.sqrt();
        let mut points = POINTS.to_vec();
        if step * deviation > FEATURE {
            points.extend(features(deviation));
        }
        let arguments: Vec<f64> = points.iter().map(|z| deviation * z).collect();
        let mut values = vec![0.0; points.len()];
        f(&arguments, &mut values);
        let (mut last, mut this) = (vec![0.0; points.len()], vec![1.0; points.len()]);
        for (k, a) in self.coefficients.iter().enumerate() {
            for (value, h) in values.iter_mut().zip(&this) {
                *value -= a * h;
            }
            next_hermite(&points, &mut last, &mut this, k);
        }
        let (waves, features) = values.split_at(POINTS.len());
        let rest = |values: &[f64]| values.iter().fold(0.0_f64, |rest, x| rest.max(x.abs()));
        let scale = self.norm_squared.sqrt();
        rest(waves) <= 1e-4 * scale && rest(features) <= 1e-6 * scale
    }

    /// The first coefficients of a function that is resolved on panels, whatever the tail.
    pub(super) fn piecewise(
        f: Function<'_>,
        panels: &Panels,
        parity: Parity,
        terms: usize,
    ) -> Self {
        // h_k turns by √k a unit
        let longest = (12.0 / (terms as f64).sqrt()).min(1.0);
        let mut rule = composite_rule(&panels.shorter(longest, parity));
        if parity != Parity::Neither {
            rule.iter_mut().for_each(|(_, weight)| *weight *= 2.0);
        }
        let deviation = panels.deviation;
        let Weighted { z, weighted, .. } = Weighted::new(f, deviation, &rule);
        Self::project(&z, &[(weighted, panels.square)], terms, parity).swap_remove(0)
    }

    /// A finite series.
    pub(crate) fn from_coefficients(coefficients: Vec<f64>) -> Self {
        let norm_squared: f64 = coefficients.iter().rev().map(|a| a * a).sum();
        Self {
            coefficients,
            norm_squared,
            tail: f64::EPSILON * norm_squared,
        }
    }

    /// $a_k = \sum_i w_i f_i h_k(z_i)$ for $k <$ `size`, of functions given by $w_i f_i$ and their norms
    /// squared.
    fn project(z: &[f64], functions: &[(Vec<f64>, f64)], size: usize, parity: Parity) -> Vec<Self> {
        // nodes that stay in the cache through all polynomials
        const BLOCK: usize = 512;
        let mut coefficients = vec![vec![0.0; size]; functions.len()];
        for (block, z) in z.chunks(BLOCK).enumerate() {
            let (mut last, mut this) = (vec![0.0; z.len()], vec![1.0; z.len()]);
            for k in 0..size {
                let vanishes = match parity {
                    Parity::Even => k % 2 == 1,
                    Parity::Odd => k % 2 == 0,
                    Parity::Neither => false,
                };
                if !vanishes {
                    for (coefficients, (values, _)) in coefficients.iter_mut().zip(functions) {
                        coefficients[k] += dot(&values[block * BLOCK..], &this);
                    }
                }
                next_hermite(z, &mut last, &mut this, k);
            }
        }
        let all = coefficients.into_iter().zip(functions);
        all.map(|(coefficients, &(_, norm))| {
            let sum: f64 = coefficients.iter().rev().map(|a| a * a).sum();
            Self {
                coefficients,
                norm_squared: norm,
                tail: if norm == 0.0 {
                    0.0
                } else {
                    (norm - sum).abs().max(f64::EPSILON * norm)
                },
            }
        })
        .collect()
    }

    /// A bound of the error of dropping the tails of two equally long series at correlation $c$:
    /// $|c|^K \sqrt{t_a t_b}$ (Cauchy–Schwarz).
    pub(crate) fn truncation(&self, other: &Self, correlation: f64) -> f64 {
        let terms = self.coefficients.len().min(other.coefficients.len());
        correlation.abs().powi(terms as i32) * (self.tail * other.tail).sqrt()
    }

    /// $\sum_k a_k b_k c^k$, as eight Horner schemes in $c^8$.
    pub fn covariance(&self, other: &Self, correlation: f64) -> f64 {
        const LANES: usize = 8;
        let eighth = correlation.powi(LANES as i32);
        let mut sums = [0.0; LANES];
        let pairs = self
            .coefficients
            .chunks(LANES)
            .zip(other.coefficients.chunks(LANES));
        for (a, b) in pairs.rev() {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum = *sum * eighth + a * b;
            }
        }
        sums.iter().rev().fold(0.0, |sum, a| sum * correlation + a)
    }

    /// [`covariance`](Self::covariance) at every $1-c$, vectorised over blocks of correlations.
    pub(crate) fn covariance_slice(&self, other: &Self, epsilon: &[f64], out: &mut [f64]) {
        const LANES: usize = 24;
        let products: Vec<f64> = self
            .coefficients
            .iter()
            .zip(&other.coefficients)
            .map(|(a, b)| a * b)
            .collect();
        let even = products.iter().skip(1).step_by(2).all(|&a| a == 0.0);
        let odd = products.iter().step_by(2).all(|&a| a == 0.0);
        // an even or odd function has a series in c²
        let (first, step) = match (even, odd) {
            (true, _) => (0, 2),
            (_, true) => (1, 2),
            _ => (0, 1),
        };
        let mut series: Vec<f64> = products.iter().copied().skip(first).step_by(step).collect();
        // terms that rounding swallows even at c = 1
        let sum: f64 = series.iter().map(|a| a.abs()).sum();
        let mut rest = 0.0;
        while series.len() > 1 {
            rest += series[series.len() - 1].abs();
            if rest > 0.1 * f64::EPSILON * sum {
                break;
            }
            series.pop();
        }
        vectorized(
            #[inline(always)]
            || {
                for (epsilon, out) in epsilon.chunks(LANES).zip(out.chunks_mut(LANES)) {
                    let mut c = [0.0; LANES];
                    for (c, epsilon) in c.iter_mut().zip(epsilon) {
                        *c = 1.0 - epsilon;
                    }
                    let mut x = c;
                    if step == 2 {
                        for x in &mut x {
                            *x *= *x;
                        }
                    }
                    let mut sums = [0.0; LANES];
                    for &a in series.iter().rev() {
                        for lane in 0..LANES {
                            sums[lane] = sums[lane] * x[lane] + a;
                        }
                    }
                    if first == 1 {
                        for lane in 0..LANES {
                            sums[lane] *= c[lane];
                        }
                    }
                    out.copy_from_slice(&sums[..out.len()]);
                }
            },
        );
    }

    /// $1 - \sum_k \hat a_k \hat b_k (1-\varepsilon)^k$ for the normalised series:
    /// $\tfrac12 \sum (\hat a_k - \hat b_k)^2 + \sum \hat a_k \hat b_k (1 - (1-\varepsilon)^k)$, where no
    /// term cancels another; the parts of the norms that the series leave out count as far as $c^K$ has
    /// decayed.
    pub(crate) fn complement(&self, other: &Self, epsilon: f64) -> f64 {
        let scale_a = 1.0 / self.norm_squared.sqrt();
        let scale_b = 1.0 / other.norm_squared.sqrt();
        let log = (-epsilon).ln_1p();
        let (mut parallel, mut drop, mut power) = (0.0, 0.0, 1.0);
        for (k, (a, b)) in self
            .coefficients
            .iter()
            .zip(&other.coefficients)
            .enumerate()
        {
            let (a, b) = (scale_a * a, scale_b * b);
            parallel += 0.5 * (a - b) * (a - b);
            let lost = if epsilon <= 0.5 {
                -(k as f64 * log).exp_m1()
            } else {
                1.0 - power
            };
            drop += a * b * lost;
            power *= 1.0 - epsilon;
        }
        // beyond what is rounding
        let tail =
            |series: &Self| (series.tail / series.norm_squared - 16.0 * f64::EPSILON).max(0.0);
        let (rest_a, rest_b) = (tail(self).sqrt(), tail(other).sqrt());
        let tails = 0.5 * (rest_a - rest_b) * (rest_a - rest_b);
        let decayed = rest_a * rest_b * (1.0 - power.abs());
        (parallel + drop + tails + decayed).clamp(0.0, 2.0)
    }

    /// The correlation of two series at correlation $c$; of functions of a parity, accurate at both ends.
    pub(crate) fn image(
        &self,
        other: &Self,
        c: PairCorrelation,
        parity: Parity,
    ) -> PairCorrelation {
        let folded = match parity {
            Parity::Neither => c,
            _ => c.absolute(),
        };
        let image = PairCorrelation::of_one_minus(self.complement(other, folded.one_minus()));
        match parity {
            Parity::Odd if !c.is_positive() => image.opposite(),
            _ => image,
        }
    }

    /// $\sum_k k a_k^2$: the derivative of $c \mapsto \sum_k a_k^2 c^k$ at 1.
    pub(crate) fn slope(&self) -> f64 {
        let terms = self.coefficients.iter().enumerate().rev();
        terms.map(|(k, a)| k as f64 * a * a).sum()
    }
}

/// From $(h_{k-1}, h_k)$ at all nodes to $(h_k, h_{k+1})$: $\sqrt{k+1} h_{k+1} = z h_k - \sqrt k h_{k-1}$.
fn next_hermite(z: &[f64], last: &mut Vec<f64>, this: &mut Vec<f64>, k: usize) {
    let (root, scale) = ((k as f64).sqrt(), 1.0 / ((k + 1) as f64).sqrt());
    vectorized(
        #[inline(always)]
        || {
            for ((last, this), z) in last.iter_mut().zip(this.iter()).zip(z) {
                *last = scale * (z * this - root * *last);
            }
        },
    );
    std::mem::swap(last, this);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Activation, Tanh};

    /// exp(bx) has the coefficients e^(b²q/2) (b √q)^k / √k!.
    #[test]
    fn the_coefficients_of_the_exponential_are_known() {
        let exponential = |x: &[f64], out: &mut [f64]| {
            for (out, x) in out.iter_mut().zip(x) {
                *out = (0.5 * x).exp();
            }
        };
        let series = HermiteSeries::smooth_one(&exponential, 2.0, Parity::Neither, 1e-14);
        let series = series.unwrap();
        let mut exact = 0.25_f64.exp();
        for (k, a) in series.coefficients.iter().enumerate() {
            assert!((a - exact).abs() < 2e-15, "a_{k} = {a}, not {exact}");
            exact *= 0.5_f64.sqrt() / ((k + 1) as f64).sqrt();
        }
        assert!(series.coefficients.len() > 10);
    }

    #[test]
    fn a_steep_function_has_no_short_series() {
        let tanh = |x: &[f64], out: &mut [f64]| Tanh.value_slice(x, out);
        assert!(HermiteSeries::smooth_one(&tanh, 1e4, Parity::Odd, 1e-12).is_none());
    }
}
