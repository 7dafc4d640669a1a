//! Functions that oscillate many times within a standard deviation, by rules whose steps are longer than
//! their waves.
//!
//! On nodes $hi$ a wave of frequency $\omega$ is one of frequency $\omega - 2\pi k/h$ for any integer $k$,
//! and the trapezoidal rule for the Gaussian density is exact to $e^{-r^2/2}$ with $r$ the distance of
//! $\omega$ from the next multiple of $2\pi/h$ that is not 0. So a rule with step $h$ is right about a sum
//! of waves unless one of them is nearly in phase with it, however short they are, and rules that are wrong
//! do not agree. Functions that have other features as short as their waves are refused: two rules must
//! find the same mean square, and values near 0 may not leave the range of those at the nodes.

use super::Function;
use super::conditional::Combination;
use crate::PairCorrelation;
use crate::numerics::normal::density;
use crate::numerics::quadrature::Integral;

/// Standard deviations to either side: the density outside is below 1e-16.
const REACH: f64 = 8.6;

/// Of two rules that must agree, and whose mean is taken.
const FINE: [f64; 2] = [0.0051, 0.0047];

/// Of the rules for pairs, as far as they find the same mean square: longer ones only where a variable has
/// part of the deviation. (In long arguments rounding shows, and few values do not average it.)
const STEPS: [f64; 18] = [
    0.47, 0.37, 0.29, 0.23, 0.19, 0.149, 0.127, 0.119, 0.109, 0.101, 0.089, 0.083, 0.071, 0.059,
    0.053, 0.047, 0.043, 0.037,
];

/// The longest at the whole deviation.
const LONGEST: f64 = 0.127;

/// The first node of a rule: where $f$ has a kink at 0, a node there would hide it. With another one waves in
/// phase with a rule have another phase.
const SHIFT: f64 = 0.37;
const OTHER_SHIFT: f64 = 0.13;

/// By how much those may differ, relative; and a deviation's part for the rounding of long arguments.
const CLOSE: f64 = 1e-12;
const ROUNDING: f64 = 1e-15;

/// Rules for a pair that are tried: those that are right agree soon.
const TRIALS: usize = 4;

/// Values of all rules for a pair together, at most: three milliseconds of sines.
const MOST: f64 = 1.8e5;

/// A function of waves at one variance.
#[derive(Debug, Clone)]
pub(super) struct Waves {
    deviation: f64,
    /// $\mathbb E[f(\sqrt q z)^2]$ and the estimate of its error.
    pub(super) square: f64,
    pub(super) error: f64,
}

/// Nodes and weights for the standard normal density.
fn rule(step: f64, shift: f64) -> (Vec<f64>, Vec<f64>) {
    let half = (REACH / step).floor() as i64;
    let nodes = (-half..=half).map(|i| step * (i as f64 + shift));
    nodes.map(|z| (z, step * density(z))).unzip()
}

/// The mean square of $f(\sigma z)$ by a rule, and the values at its nodes.
fn square(f: Function<'_>, deviation: f64, step: f64, shift: f64) -> (f64, Vec<f64>) {
    let (nodes, weights) = rule(step, shift);
    let arguments: Vec<f64> = nodes.iter().map(|z| deviation * z).collect();
    let mut values = vec![0.0; nodes.len()];
    f(&arguments, &mut values);
    let terms = values.iter().zip(&weights).map(|(f, w)| w * f * f);
    (terms.sum::<f64>(), values)
}

/// The rules that find the mean square `mean` of $f(\sigma z)$.
fn right_steps(f: Function<'_>, deviation: f64, mean: f64) -> impl Iterator<Item = f64> {
    let is_right = move |step: &f64| {
        [SHIFT, OTHER_SHIFT].into_iter().all(|shift| {
            let found = square(f, deviation, *step, shift).0;
            (found - mean).abs() <= (CLOSE + ROUNDING * deviation) * mean
        })
    };
    STEPS.into_iter().filter(is_right)
}

impl Waves {
    /// `None` if the function has other features.
    pub(super) fn new(f: Function<'_>, q: f64, tolerance: f64) -> Option<Self> {
        let deviation = q.sqrt();
        let [(first, all), (second, _)] = FINE.map(|step| square(f, deviation, step, 0.0));
        let (mean, error) = (0.5 * (first + second), (first - second).abs());
        let largest = all.iter().fold(0.0_f64, |largest, f| largest.max(f.abs()));
        let end = all[0].abs().max(all[all.len() - 1].abs());
        let ends = density(REACH) * end * end <= 1e-2 * tolerance * mean;
        // an infinite or vanishing mean square as well
        let agree = mean > 0.0 && error <= tolerance * mean;
        if !(agree && ends) || has_more_near_zero(f, largest) {
            return None;
        }
        let mut usable = right_steps(f, deviation, mean).filter(|step| *step <= LONGEST);
        usable.nth(1)?;
        Some(Self {
            deviation,
            square: mean,
            error,
        })
    }

    /// The rules that are right about the waves at a part of the deviation.
    fn steps(&self, f: Function<'_>, part: f64) -> Vec<f64> {
        let deviation = part * self.deviation;
        let mean = square(f, deviation, FINE[0], 0.0).0;
        right_steps(f, deviation, mean).collect()
    }
}

/// Whether values within some units of 0 are larger than those at the nodes.
fn has_more_near_zero(f: Function<'_>, largest: f64) -> bool {
    const POINTS: usize = 200;
    let place = |i: usize| 1e-3 * libm::exp(0.0553 * i as f64);
    let near: Vec<f64> = (0..POINTS).flat_map(|i| [place(i), -place(i)]).collect();
    let mut values = vec![0.0; near.len()];
    f(&near, &mut values);
    values.iter().any(|f| f.abs() > 1.05 * largest)
}

/// The expectation of a combination of $f(u)$ and $f(v)$ with $u = \sqrt{q_a} (\alpha w + \beta y)$ and $v =
/// \sqrt{q_b} (\alpha w - \beta y)$, $\alpha^2 = (1+c)/2$ and $\beta^2 = (1-c)/2$, by two rules for $(w, y)$
/// that agree; `None` if there are none.
pub(super) fn expectation(
    f: Function<'_>,
    combination: Combination,
    (a, b): (&Waves, &Waves),
    c: PairCorrelation,
    tolerance: f64,
) -> Option<Integral> {
    let scale = match combination {
        Combination::Product => a.square.sqrt() * b.square.sqrt(),
        Combination::HalfSquare(..) => 1.0,
    };
    let same = a.deviation == b.deviation;
    // u and v are waves in w and in y, of a part of their deviations each; one rule has nothing to agree with
    let steps = |share: f64| {
        let part = (0.5 * share).sqrt();
        let mut steps = a.steps(f, part);
        if !same && steps.len() > 1 {
            let others = b.steps(f, part);
            steps.retain(|step| others.contains(step));
        }
        (steps.len() > 1).then_some(steps)
    };
    let (steps_w, steps_y) = (steps(c.one_plus())?, steps(c.one_minus())?);
    let arguments = if same { 1.0 } else { 2.0 };
    let mut values = 0.0;
    // from the cheapest on; rules with a step in common may have its resonance in common
    let trials = steps_w.into_iter().zip(steps_y).take(TRIALS);
    let affordable = trials.take_while(|(first, second)| {
        values += arguments * 4.0 * REACH * REACH / (first * second);
        values <= MOST
    });
    let affordable: Vec<(f64, f64)> = affordable.collect();
    if affordable.len() < 2 {
        return None;
    }
    let mut found = Vec::<f64>::new();
    for (first, second) in affordable {
        let value = by_rules(f, combination, (a, b), c, (first, second));
        let errors = found.iter().map(|other| (other - value).abs());
        let error = errors.fold(f64::INFINITY, f64::min);
        if error <= 0.5 * tolerance * scale {
            return Some(Integral {
                value,
                error,
                magnitude: scale,
            });
        }
        found.push(value);
    }
    None
}

fn by_rules(
    f: Function<'_>,
    combination: Combination,
    (a, b): (&Waves, &Waves),
    c: PairCorrelation,
    (step_w, step_y): (f64, f64),
) -> f64 {
    let alpha = (0.5 * c.one_plus()).sqrt();
    let beta = (0.5 * c.one_minus()).sqrt();
    let (w, weights_w) = rule(step_w, SHIFT);
    let (y, weights_y) = rule(step_y, 0.0);
    let same = a.deviation == b.deviation;
    let (mut arguments, mut at_u, mut at_v) = (y.clone(), y.clone(), y.clone());
    let mut sum = 0.0;
    for (w, weight) in w.iter().zip(&weights_w) {
        let mut row = |deviation: f64, beta: f64, out: &mut [f64]| {
            for (argument, y) in arguments.iter_mut().zip(&y) {
                *argument = deviation * (alpha * w + beta * y);
            }
            f(&arguments, out);
        };
        row(a.deviation, beta, &mut at_u);
        if same {
            at_v.copy_from_slice(&at_u);
            at_v.reverse();
        } else {
            row(b.deviation, -beta, &mut at_v);
        }
        let pairs = at_u.iter().zip(&at_v).zip(&weights_y);
        let inner: f64 = match combination {
            Combination::Product => pairs.map(|((u, v), y)| y * (u * v)).sum(),
            Combination::HalfSquare(root_a, root_b) => {
                let (inverse_a, inverse_b) = (1.0 / root_a, 1.0 / root_b);
                let half_square = |u: f64, v: f64| {
                    let difference = inverse_a * u - inverse_b * v;
                    0.5 * difference * difference
                };
                pairs.map(|((&u, &v), y)| y * half_square(u, v)).sum()
            }
        };
        sum += weight * inner;
    }
    sum
}
