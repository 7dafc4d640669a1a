//! One step of a scalar differential equation by collocation at Gauss's nodes, solved by Newton's method.
//!
//! E. Hairer, S. Nørsett and G. Wanner, *Solving Ordinary Differential Equations I*, II.7. The polynomial
//! that satisfies $\dot y = f(t, y)$ at the $m$ nodes of a step has the order $2m$ at its end. The values at
//! all nodes are improved at once: with $f$ and $J = \partial f/\partial y$ at the last ones, the correction
//! $\delta = R + z$ of their residual $R$ solves
//!
//! $$\dot z = J (z + R), \qquad z(t) = e^{P(t)} \int_0^t e^{-P} J R, \qquad P = \int_0^t J,$$
//!
//! up to what polynomials through the nodes leave out of these integrals, times $\delta$. Every set of values
//! squares the error: from the rate at the start, three sets at [five nodes](SIZES) and two at the ones
//! wanted lead to rounding. Where $f$ is smooth that takes a third of the evaluations of an extrapolation.

use std::f64::consts::PI;
use std::sync::LazyLock;

use crate::numerics::exponential;
use crate::vectorized::vectorized;

/// The numbers of nodes; the first ones lead to those that follow.
pub(super) const SIZES: [usize; 7] = [5, 8, 10, 12, 14, 17, 20];

/// The largest of them.
const MOST: usize = SIZES[SIZES.len() - 1];

/// Sets of values at the first nodes.
pub(super) const COARSE_SETS: usize = 3;

/// Components that are taken beside each other.
const LANES: usize = 16;

/// All components at a node.
pub(super) trait Row: Clone + AsRef<[f64]> + AsMut<[f64]> {}

impl<R: Clone + AsRef<[f64]> + AsMut<[f64]>> Row for R {}

/// Nodes in $[0, 1]$ and what is linear in the values there, rows one after the other.
#[derive(Debug)]
pub(super) struct Rule {
    /// The nodes, and 1.
    pub(super) nodes: Vec<f64>,
    /// Integrals from 0 to each of these, of the polynomial through the values at the nodes.
    integrals: Vec<Vec<f64>>,
    /// Derivatives at the nodes, of the polynomials through the values there, and through these and the one
    /// at 0.
    slopes: [Vec<Vec<f64>>; 2],
    /// The last two Legendre coefficients.
    last: [Vec<f64>; 2],
    /// Values at the nodes and at 1, of the polynomial through those at 0, the nodes of another rule, and 1.
    from: Vec<Vec<Vec<f64>>>,
}

/// The rules of all [`SIZES`].
pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| SIZES.map(Rule::new).into());

/// $P_n(x)$, $P_{n-1}(x)$ and $P_n^\prime(x)$.
fn legendre(n: usize, x: f64) -> [f64; 3] {
    let (mut value, mut before) = (1.0, 0.0);
    for k in 0..n {
        let k = k as f64;
        (value, before) = (
            ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0),
            value,
        );
    }
    let slope = n as f64 * (x * value - before) / (x * x - 1.0);
    [value, before, slope]
}

/// The nodes in $[0, 1]$ and their weights.
fn gauss(m: usize) -> (Vec<f64>, Vec<f64>) {
    let pair = |i: usize| {
        let mut x = -((i as f64 + 0.75) / (m as f64 + 0.5) * PI).cos();
        for _ in 0..8 {
            let [value, _, slope] = legendre(m, x);
            x -= value / slope;
        }
        let [_, _, slope] = legendre(m, x);
        (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..m).map(pair).unzip()
}

/// Lagrange's polynomials of some points, by the barycentric formula.
struct Lagrange<'a> {
    points: &'a [f64],
    weights: Vec<f64>,
}

impl<'a> Lagrange<'a> {
    fn new(points: &'a [f64]) -> Self {
        let weight = |&x: &f64| {
            let others = points.iter().filter(|&&other| other != x);
            others.map(|other| 0.25 / (x - other)).product()
        };
        Self {
            points,
            weights: points.iter().map(weight).collect(),
        }
    }

    /// Their values at $x$.
    fn at(&self, x: f64) -> Vec<f64> {
        if self.points.contains(&x) {
            let is_own = |&point: &f64| if point == x { 1.0 } else { 0.0 };
            return self.points.iter().map(is_own).collect();
        }
        let terms = self.points.iter().zip(&self.weights);
        let terms: Vec<f64> = terms.map(|(point, weight)| weight / (x - point)).collect();
        let sum: f64 = terms.iter().sum();
        terms.into_iter().map(|term| term / sum).collect()
    }

    /// Their derivatives at one of the points.
    fn slopes(&self, at: usize) -> Vec<f64> {
        let (x, own) = (self.points[at], self.weights[at]);
        let others = self.points.iter().zip(&self.weights).enumerate();
        let slope = |(i, (point, weight)): (usize, (&f64, &f64))| match i {
            i if i == at => 0.0,
            _ => weight / own / (x - point),
        };
        let mut slopes: Vec<f64> = others.map(slope).collect();
        slopes[at] = -slopes.iter().sum::<f64>();
        slopes
    }
}

impl Rule {
    fn new(m: usize) -> Self {
        let (nodes, weights) = gauss(m);
        let basis = Lagrange::new(&nodes);
        let integrals_to = |end: f64| -> Vec<f64> {
            let mut sums = vec![0.0; m];
            for (x, weight) in nodes.iter().zip(&weights) {
                for (sum, value) in sums.iter_mut().zip(basis.at(end * x)) {
                    *sum += end * weight * value;
                }
            }
            sums
        };
        let mut integrals: Vec<Vec<f64>> = nodes.iter().map(|&end| integrals_to(end)).collect();
        integrals.push(weights.clone());
        let with_start = [&[0.0], &nodes[..]].concat();
        let from_start = Lagrange::new(&with_start);
        let slopes = [
            (0..m).map(|k| basis.slopes(k)).collect(),
            (1..=m).map(|k| from_start.slopes(k)).collect(),
        ];
        let coefficient = |n: usize| {
            let values = nodes.iter().zip(&weights);
            let values = values.map(|(x, weight)| weight * legendre(n, 2.0 * x - 1.0)[0]);
            values.map(|value| (2 * n + 1) as f64 * value).collect()
        };
        let last = [coefficient(m - 2), coefficient(m - 1)];
        let ends = [&nodes[..], &[1.0]].concat();
        let from = SIZES.map(|size| {
            let points = [&[0.0], &gauss(size).0[..], &[1.0]].concat();
            let other = Lagrange::new(&points);
            ends.iter().map(|&x| other.at(x)).collect()
        });
        Self {
            nodes: ends,
            integrals,
            slopes,
            last,
            from: from.into(),
        }
    }

    /// $m$.
    pub(super) fn size(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Values at the nodes and at the end from those of rule number `other`, all components of a node in a
    /// row.
    pub(super) fn interpolated<R: Row>(&self, other: usize, start: &[f64], values: &[R]) -> Vec<R> {
        let row = |weights: &Vec<f64>| {
            let (first, weights) = (weights[0], &weights[1..]);
            let mut row = values[0].clone();
            let sums = row.as_mut();
            for (sum, y) in sums.iter_mut().zip(start) {
                *sum = first * y;
            }
            for (values, weight) in values.iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(values.as_ref()) {
                    *sum += weight * value;
                }
            }
            row
        };
        self.from[other].iter().map(row).collect()
    }

    /// $J$ of an autonomous equation along its solution, $\dot f/\dot y$.
    pub(super) fn slopes_along<R: Row>(&self, start: &[f64], values: &[R], rates: &[R]) -> Vec<R> {
        let slope = |k: usize, i: usize| {
            let [of_rates, of_values] = &self.slopes;
            let terms = of_rates[k].iter().zip(rates);
            let rate: f64 = terms.map(|(d, rates)| d * rates.as_ref()[i]).sum();
            let terms = of_values[k][1..].iter().zip(values);
            let value: f64 = terms.map(|(d, values)| d * values.as_ref()[i]).sum();
            let value = value + of_values[k][0] * start[i];
            if value == 0.0 { 0.0 } else { rate / value }
        };
        let row = |k: usize| {
            let mut row = rates[0].clone();
            for (i, out) in row.as_mut().iter_mut().enumerate() {
                *out = slope(k, i);
            }
            row
        };
        (0..self.size()).map(row).collect()
    }

    /// The largest of the last Legendre coefficients of a component.
    pub(super) fn tail<R: Row>(&self, values: &[R], i: usize) -> f64 {
        let coefficient = |weights: &Vec<f64>| {
            let terms = weights.iter().zip(values);
            terms
                .map(|(weight, values)| weight * values.as_ref()[i])
                .sum::<f64>()
        };
        coefficient(&self.last[0])
            .abs()
            .max(coefficient(&self.last[1]).abs())
    }

    /// Newton's correction of all values, those at the end among them, in a step of some length.
    pub(super) fn correct<R: Row>(
        &self,
        length: f64,
        start: &[f64],
        values: &mut [R],
        (rates, slopes): (&[R], &[R]),
    ) {
        if start.len() <= 2 {
            for first in 0..start.len() {
                self.correct_lanes::<R, 1>(first, length, start, values, (rates, slopes));
            }
            return;
        }
        for first in (0..start.len()).step_by(LANES) {
            vectorized(
                #[inline(always)]
                || self.correct_lanes::<R, LANES>(first, length, start, values, (rates, slopes)),
            );
        }
    }

    #[inline(always)]
    fn correct_lanes<R: Row, const W: usize>(
        &self,
        first: usize,
        length: f64,
        start: &[f64],
        values: &mut [R],
        (rates, slopes): (&[R], &[R]),
    ) {
        let m = self.size();
        let count = W.min(start.len() - first);
        let (mut f, mut j) = ([[0.0; W]; MOST], [[0.0; W]; MOST]);
        for k in 0..m {
            f[k][..count].copy_from_slice(&rates[k].as_ref()[first..first + count]);
            j[k][..count].copy_from_slice(&slopes[k].as_ref()[first..first + count]);
        }
        let (mut residual, mut growth) = ([[0.0; W]; MOST + 1], [[0.0; W]; MOST + 1]);
        for k in 0..=m {
            let (mut moved, mut grown) = ([0.0; W], [0.0; W]);
            for (i, weight) in self.integrals[k].iter().enumerate() {
                for lane in 0..W {
                    moved[lane] += weight * f[i][lane];
                    grown[lane] += weight * j[i][lane];
                }
            }
            let old = values[k].as_ref()[first..].iter().zip(&start[first..]);
            for ((out, moved), (old, start)) in residual[k].iter_mut().zip(moved).zip(old) {
                *out = start + length * moved - old;
            }
            for lane in 0..W {
                growth[k][lane] = length * grown[lane];
            }
        }
        for k in 0..m {
            for lane in 0..W {
                let shrink = exponential::exp_of_any(-growth[k][lane]);
                j[k][lane] *= residual[k][lane] * shrink;
            }
        }
        for k in 0..=m {
            let mut sum = [0.0; W];
            for (i, weight) in self.integrals[k].iter().enumerate() {
                for lane in 0..W {
                    sum[lane] += weight * j[i][lane];
                }
            }
            for lane in 0..W {
                let grow = exponential::exp_of_any(growth[k][lane]);
                residual[k][lane] += grow * length * sum[lane];
            }
            for (value, correction) in values[k].as_mut()[first..].iter_mut().zip(&residual[k]) {
                *value += correction;
            }
        }
    }

    /// $y$ at the end of a step of a linear equation $\dot y = f + J y$.
    pub(super) fn linear<R: Row>(
        &self,
        length: f64,
        start: &[f64],
        (rates, slopes): (&[R], &[R]),
    ) -> Vec<f64> {
        let m = self.size();
        let grown = |k: usize, i: usize| -> f64 {
            let terms = self.integrals[k].iter().zip(slopes);
            length
                * terms
                    .map(|(weight, slopes)| weight * slopes.as_ref()[i])
                    .sum::<f64>()
        };
        let end = |(i, y): (usize, &f64)| {
            let terms = self.integrals[m].iter().zip(rates).enumerate();
            let sum: f64 = terms
                .map(|(k, (weight, rates))| weight * rates.as_ref()[i] * (-grown(k, i)).exp())
                .sum();
            (y + length * sum) * grown(m, i).exp()
        };
        start.iter().enumerate().map(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $\dot y = y (1 - y)$: a few sets of values at some nodes after three at five.
    #[test]
    fn the_end_of_a_smooth_step_is_exact() {
        let rate = |y: &[f64; 1]| [y[0] * (1.0 - y[0])];
        let slope = |y: &[f64; 1]| [1.0 - 2.0 * y[0]];
        let start = [0.1];
        let exact = 1.0 / (1.0 + 9.0 * (-1.5_f64).exp());
        let solved = |rule: &Rule, mut values: Vec<[f64; 1]>| {
            for _ in 0..COARSE_SETS {
                let nodes = &values[..rule.size()];
                let rates: Vec<_> = nodes.iter().map(rate).collect();
                let slopes: Vec<_> = nodes.iter().map(slope).collect();
                rule.correct(1.5, &start, &mut values, (&rates, &slopes));
            }
            values
        };
        let guess = |x: &f64| [0.1 + 0.09 * 1.5 * x];
        let coarse = solved(&RULES[0], RULES[0].nodes.iter().map(guess).collect());
        assert!((coarse[5][0] / exact - 1.0).abs() < 1e-6);
        for (rule, size) in RULES.iter().zip(SIZES).skip(1) {
            let end = solved(rule, rule.interpolated(0, &start, &coarse))[size];
            assert!((end[0] / exact - 1.0).abs() < 1e-14, "{size}: {end:?}");
        }
    }

    #[test]
    fn the_slope_of_an_autonomous_equation_is_that_along_its_way() {
        let rule = &RULES[4];
        let y = |x: &f64| vec![x.exp()];
        let values: Vec<_> = rule.nodes.iter().map(y).collect();
        let rates: Vec<_> = values[..14].iter().map(|y| vec![y[0] * y[0]]).collect();
        let slopes = rule.slopes_along(&[1.0], &values[..14], &rates);
        for (slope, y) in slopes.iter().zip(&values) {
            assert!((slope[0] / (2.0 * y[0]) - 1.0).abs() < 1e-11);
        }
    }

    /// $\dot y = 1 + y$.
    #[test]
    fn a_linear_equation_takes_one_set() {
        let ones = vec![vec![1.0]; 8];
        let end = RULES[1].linear(0.7, &[2.0], (&ones, &ones));
        assert!((end[0] / (3.0 * 0.7_f64.exp() - 1.0) - 1.0).abs() < 1e-14);
    }
}
