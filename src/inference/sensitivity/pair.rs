//! A pair of inputs and its derivative, layer by layer.

use super::steps::{Direction, Step};
use crate::{Initialization, PairCovariance, Result};

/// The covariance and the tangent kernel of a pair, and their derivatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    k: PairCovariance,
    /// $\dot q_a$, $\dot q_b$, $\dot c$.
    changes: [f64; 3],
    covariance_change: f64,
    tangent: f64,
    tangent_change: f64,
}

impl Pair {
    /// Of inputs, which no parameter moves.
    pub(super) fn of_inputs(k: PairCovariance) -> Self {
        Self {
            k,
            changes: [0.0; 3],
            covariance_change: 0.0,
            tangent: 0.0,
            tangent_change: 0.0,
        }
    }

    /// $\dot K$.
    pub(super) fn covariance_change(&self) -> f64 {
        self.covariance_change
    }

    /// $\dot c$.
    #[cfg(test)]
    pub(super) fn correlation_change(&self) -> f64 {
        self.changes[2]
    }

    /// $\dot\Theta$.
    pub(super) fn tangent_change(&self) -> f64 {
        self.tangent_change
    }

    /// Behind some layers; `None` for a variance of 0, or an activation without derivatives in closed form.
    pub(super) fn behind(self, steps: &[Step]) -> Result<Option<Self>> {
        let alive = |pair: &Self| pair.k.variance_a() > 0.0 && pair.k.variance_b() > 0.0;
        if !alive(&self) {
            return Ok(None);
        }
        let mut pair = self;
        for step in steps {
            let next = match step {
                Step::Dense(law, direction) => Some(pair.dense(law, *direction)),
                Step::Activation(phi) => match phi.sensitivity(pair.k) {
                    None => None,
                    Some(sensitivity) => {
                        let (k, slope) = phi.duals(pair.k)?;
                        let [a, b, _] = pair.changes;
                        let [of_a, of_b] = sensitivity.moments;
                        let change = along(sensitivity.correlation, pair.changes);
                        let of_slope = along(sensitivity.slope, pair.changes);
                        let changes = [of_a * a, of_b * b, change];
                        Some(Self {
                            k,
                            changes,
                            covariance_change: covariance_change(k, changes),
                            tangent: slope * pair.tangent,
                            tangent_change: slope * pair.tangent_change + pair.tangent * of_slope,
                        })
                    }
                },
                Step::Repeat(times, block) => {
                    let mut after = Some(pair);
                    for _ in 0..*times {
                        after = match after {
                            Some(pair) => pair.behind(block)?,
                            None => break,
                        };
                    }
                    after
                }
                Step::Residual {
                    skip,
                    scales,
                    branch,
                } => {
                    let mut after = Some(pair);
                    for scale in scales {
                        after = match after {
                            Some(pair) => {
                                let branch = pair.behind(branch)?;
                                branch.map(|branch| pair.plus_branch(*skip, branch, *scale))
                            }
                            None => break,
                        };
                    }
                    after
                }
            };
            let Some(next) = next.filter(alive) else {
                return Ok(None);
            };
            pair = next;
        }
        Ok(Some(pair))
    }

    /// $\dot K^\prime = \sigma_w^2 \dot K + \dot\sigma_w^2 K + \dot\sigma_b^2$. With
    /// $D = q_a q_b (1 - c^2)$ and $T = q_a + q_b - 2k$:
    /// $D^\prime = \sigma_w^4 D + \sigma_w^2 \sigma_b^2 T$.
    fn dense(self, law: &Initialization, (of_weights, of_biases): Direction) -> Self {
        let (before, [change_a, change_b, change]) = (self.k, self.changes);
        let (weight, bias) = (law.weight_variance(), law.bias_variance());
        let (qa, qb) = (before.variance_a(), before.variance_b());
        let moved = |q: f64, change: f64| weight * change + of_weights * q + of_biases;
        let after = law.dense(before);
        let changes = [moved(qa, change_a), moved(qb, change_b)];
        let covariance = covariance_change(before, self.changes);
        let covariance_change = moved(before.covariance(), covariance);
        let change_of_area = || {
            let mean = before.geometric_mean();
            let (area, area_change) = area(before, self.changes);
            let growth = change_a / qa + change_b / qb;
            let (root_a, root_b) = (qa.sqrt(), qb.sqrt());
            let one_minus = before.one_minus_correlation();
            let distance = (root_a - root_b).powi(2) + 2.0 * mean * one_minus;
            let distance_change = (root_a - root_b) * (change_a / root_a - change_b / root_b)
                + mean * growth * one_minus
                - 2.0 * mean * change;
            2.0 * weight * of_weights * area
                + weight * weight * area_change
                + (of_weights * bias + weight * of_biases) * distance
                + weight * bias * distance_change
        };
        let change = correlation_change(after, changes, covariance_change, change_of_area);
        let tangent_change =
            weight * self.tangent_change + of_weights * self.tangent + covariance_change;
        Self {
            k: after,
            changes: [changes[0], changes[1], change],
            covariance_change,
            tangent: weight * self.tangent + after.covariance(),
            tangent_change,
        }
    }

    /// $s^2 K + \alpha^2 B$. The area $D = q_a q_b (1 - c^2)$ of a sum is that of its terms and (Lagrange)
    /// $(\sqrt{q_{1a} q_{2b}} - \sqrt{q_{1b} q_{2a}})^2 + 2 \sqrt{q_{1a} q_{1b} q_{2a} q_{2b}}\,
    /// (1 - c_1 c_2)$.
    fn plus_branch(self, skip: f64, branch: Self, scale: f64) -> Self {
        let second = branch.times(scale * scale);
        if skip == 0.0 {
            return second;
        }
        let first = self.times(skip * skip);
        let k = first.k.plus(second.k);
        let changes = [0, 1].map(|i| first.changes[i] + second.changes[i]);
        let covariance_change = first.covariance_change + second.covariance_change;
        let change_of_area = || {
            let growths = |pair: &Self| {
                let (qa, qb) = (pair.k.variance_a(), pair.k.variance_b());
                [pair.changes[0] / qa, pair.changes[1] / qb]
            };
            let ([a1, b1], [a2, b2]) = (growths(&first), growths(&second));
            let x = first.k.variance_a().sqrt() * second.k.variance_b().sqrt();
            let y = first.k.variance_b().sqrt() * second.k.variance_a().sqrt();
            let means = first.k.geometric_mean() * second.k.geometric_mean();
            let (c1, c2) = (first.k.correlation(), second.k.correlation());
            let (one, other) = (first.k.pair_correlation(), second.k.pair_correlation());
            let change_of_product = first.changes[2] * c2 + c1 * second.changes[2];
            area(first.k, first.changes).1
                + area(second.k, second.changes).1
                + (x - y) * (x * (a1 + b2) - y * (b1 + a2))
                + means * (a1 + b1 + a2 + b2) * one.times(other).one_minus()
                - 2.0 * means * change_of_product
        };
        let change = correlation_change(k, changes, covariance_change, change_of_area);
        Self {
            k,
            changes: [changes[0], changes[1], change],
            covariance_change,
            tangent: first.tangent + second.tangent,
            tangent_change: first.tangent_change + second.tangent_change,
        }
    }

    fn times(self, factor: f64) -> Self {
        let [a, b, c] = self.changes;
        Self {
            k: self.k.times(factor),
            changes: [factor * a, factor * b, c],
            covariance_change: factor * self.covariance_change,
            tangent: factor * self.tangent,
            tangent_change: factor * self.tangent_change,
        }
    }
}

/// A sum of slopes times changes: what does not change has no slope.
fn along(slopes: [f64; 3], changes: [f64; 3]) -> f64 {
    let terms = slopes.iter().zip(changes);
    terms
        .filter(|(_, change)| *change != 0.0)
        .map(|(slope, change)| slope * change)
        .sum()
}

/// Of $k = \sqrt{q_a q_b} c$.
fn covariance_change(k: PairCovariance, [a, b, c]: [f64; 3]) -> f64 {
    let growth = a / k.variance_a() + b / k.variance_b();
    k.geometric_mean() * (c + 0.5 * k.correlation() * growth)
}

/// $D = q_a q_b (1 - c^2)$ and its derivative.
fn area(k: PairCovariance, [a, b, c]: [f64; 3]) -> (f64, f64) {
    let (qa, qb) = (k.variance_a(), k.variance_b());
    let area = qa * qb * k.pair_correlation().sine_squared();
    let change = area * (a / qa + b / qb) - 2.0 * k.correlation() * c * qa * qb;
    (area, change)
}

/// $\dot c$ from the covariance's derivative, or for small angles from that of $D$, so that nearly parallel
/// points keep it.
fn correlation_change(
    k: PairCovariance,
    [a, b]: [f64; 2],
    covariance_change: f64,
    area_change: impl Fn() -> f64,
) -> f64 {
    let growth = a / k.variance_a() + b / k.variance_b();
    let (mean, c) = (k.geometric_mean(), k.correlation());
    let sine_squared = k.pair_correlation().sine_squared();
    if sine_squared > 0.5 {
        return covariance_change / mean - 0.5 * c * growth;
    }
    let sine_change = area_change() / (mean * mean) - sine_squared * growth;
    -0.5 * sine_change / c
}
