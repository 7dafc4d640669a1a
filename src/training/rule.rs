//! How weights are trained: learning rate, loss and rule, and what they make of one eigenvalue of the kernel.

use crate::{Error, Result, error};

/// The learning rate $\eta$: physical time is $\eta t$ of a flow, $\eta \times$ steps of descent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LearningRate(f64);

impl LearningRate {
    /// Of a number.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is finite and > 0.
    pub fn new(rate: f64) -> Result<Self> {
        if rate.is_finite() && rate > 0.0 {
            Ok(Self(rate))
        } else {
            Err(Error::invalid(
                "the learning rate",
                rate,
                "a finite number > 0",
            ))
        }
    }

    /// $\eta$.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// The squared loss of $n$ points with $k$ outputs, by how it is normalised: a learning rate means nothing
/// without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SquaredLoss {
    /// $\tfrac12 \sum_{i,c} (f_{ic} - y_{ic})^2$.
    #[default]
    HalfSum,
    /// $\tfrac1{2n} \sum_{i,c} (f_{ic} - y_{ic})^2$.
    HalfMeanPoints,
    /// $\tfrac1{2nk} \sum_{i,c} (f_{ic} - y_{ic})^2$: that of neural-tangents.
    HalfMeanEntries,
}

impl SquaredLoss {
    /// What the sum is divided by: 1, $n$ or $nk$.
    pub fn divisor(self, points: usize, outputs: usize) -> f64 {
        match self {
            Self::HalfSum => 1.0,
            Self::HalfMeanPoints => points as f64,
            Self::HalfMeanEntries => (points * outputs) as f64,
        }
    }
}

/// A rule of training and how long it is followed. All start at $\theta_0$ at rest.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Rule {
    /// $\dot\theta = -\eta \nabla$ for a time, which may be infinite.
    GradientFlow {
        /// $t$.
        time: f64,
    },
    /// $\theta \leftarrow \theta - \eta \nabla$.
    GradientDescent {
        /// The number of steps.
        steps: u64,
    },
    /// $v \leftarrow \mu v - \eta \nabla$, $\theta \leftarrow \theta + v$, from $v = 0$ (B. Polyak 1964).
    HeavyBall {
        /// The number of steps.
        steps: u64,
        /// $\mu \in [0, 1)$.
        momentum: f64,
    },
}

impl Rule {
    /// # Errors
    /// [`Error::Invalid`] for a time that is negative or NaN, or a momentum outside of $[0, 1)$.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::GradientFlow { time } if time >= 0.0 => Ok(()),
            Self::GradientFlow { time } => Err(Error::invalid("time", time, "a number >= 0")),
            Self::GradientDescent { .. } => Ok(()),
            Self::HeavyBall { momentum, .. } => checked_momentum(momentum).map(|_| ()),
        }
    }

    /// The weight $w = (1 - r)/\lambda$ of a mode of eigenvalue $\lambda > 0$, $r$ what the rule leaves of a
    /// residual of 1; `rate` is $\eta$ over the loss's divisor. Infinite where steps diverge beyond the
    /// range.
    ///
    /// | rule | $r$ |
    /// |---|---|
    /// | flow | $e^{-\eta\lambda t}$ |
    /// | descent | $(1 - \eta\lambda)^k$ |
    /// | heavy ball | $r_{k+1} = (1 + \mu - \eta\lambda) r_k - \mu r_{k-1}$, $r_1 = 1 - \eta\lambda$ |
    ///
    /// The last is taken by doubling the recursion $w_{k+1} = \eta + (1 + \mu - \eta\lambda) w_k - \mu
    /// w_{k-1}$, $w_0 = 0$, in which nothing cancels as $\lambda \to 0$, and no double root divides by 0.
    pub(crate) fn weight(self, rate: f64, lambda: f64) -> f64 {
        let x = rate * lambda;
        match self {
            Self::GradientFlow { time } => {
                // an infinite time passes however small the rate
                let exponent = if time.is_infinite() { time } else { x * time };
                -(-exponent).exp_m1() / lambda
            }
            Self::GradientDescent { steps } => -power_minus_one(x, steps) / lambda,
            Self::HeavyBall { steps, momentum } => heavy_ball(rate, x, momentum, steps),
        }
    }

    /// $2(1 + \mu)$, at which $\eta\lambda$ becomes unstable; a flow never does.
    pub(crate) fn stability_limit(self) -> f64 {
        match self {
            Self::GradientFlow { .. } => f64::INFINITY,
            Self::GradientDescent { .. } => 2.0,
            Self::HeavyBall { momentum, .. } => 2.0 * (1.0 + momentum),
        }
    }
}

/// A momentum in $[0, 1)$.
pub(crate) fn checked_momentum(momentum: f64) -> Result<f64> {
    error::non_negative("momentum", momentum)?;
    if momentum < 1.0 {
        Ok(momentum)
    } else {
        Err(Error::invalid("momentum", momentum, "a number in [0, 1)"))
    }
}

/// $(1 - x)^k - 1$ for $x > 0$.
fn power_minus_one(x: f64, steps: u64) -> f64 {
    let k = steps as f64;
    if steps == 0 {
        0.0
    } else if x < 1.0 {
        (k * (-x).ln_1p()).exp_m1()
    } else {
        // what is left has the sign of an odd number of steps
        let size = (k * (x - 1.0).ln()).exp();
        let sign = if steps.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * size - 1.0
    }
}

/// $w_k$ of the recursion, by the powers of two in $k$ of its map
/// $(w_k, w_{k-1}, 1) \mapsto (w_{k+1}, w_k, 1)$.
fn heavy_ball(rate: f64, x: f64, momentum: f64, steps: u64) -> f64 {
    let mut map = [[1.0 + momentum - x, -momentum, rate], [1.0, 0.0, 0.0]];
    let (mut now, mut before) = (0.0, 0.0);
    let mut steps = steps;
    while steps > 0 {
        if steps % 2 == 1 {
            let [a, b] = map.map(|[first, second, shift]| first * now + second * before + shift);
            (now, before) = (a, b);
        }
        let [top, bottom] = map;
        map = map.map(|[first, second, shift]| {
            [
                first * top[0] + second * bottom[0],
                first * top[1] + second * bottom[1],
                first * top[2] + second * bottom[2] + shift,
            ]
        });
        steps /= 2;
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $r_k$ by the recursion itself.
    fn residual(x: f64, momentum: f64, steps: u64) -> f64 {
        let (mut before, mut now) = (1.0, 1.0 - x);
        for _ in 1..steps {
            (before, now) = (now, (1.0 + momentum - x) * now - momentum * before);
        }
        if steps == 0 { 1.0 } else { now }
    }

    #[test]
    fn the_heavy_ball_by_doubling_is_the_recursion() {
        for momentum in [0.0, 0.25, 0.5, 0.9, 0.99] {
            for x in [1e-9, 1e-3, 0.25, 0.5, 1.0, 1.5, 1.99] {
                for steps in [0, 1, 2, 3, 10, 100, 1001] {
                    let rule = Rule::HeavyBall { steps, momentum };
                    let found = 1.0 - x * rule.weight(1.0, x);
                    let exact = residual(x, momentum, steps);
                    // a thousand steps round a residual near 1
                    assert!((found - exact).abs() < 1e-11, "{momentum} {x} {steps}");
                }
            }
        }
    }

    #[test]
    fn critical_damping_has_a_double_root() {
        let rule = Rule::HeavyBall {
            steps: 30,
            momentum: 0.25,
        };
        let residual = 1.0 - 0.25 * rule.weight(1.0, 0.25);
        assert!((residual - 16.0 * 2f64.powi(-30)).abs() < 1e-15);
    }

    #[test]
    fn weights_of_small_eigenvalues_are_the_time_that_passed() {
        for rule in [
            Rule::GradientFlow { time: 7.0 },
            Rule::GradientDescent { steps: 7 },
        ] {
            assert!((rule.weight(0.1, 1e-14) - 0.7).abs() < 1e-13);
        }
        let ball = Rule::HeavyBall {
            steps: 2,
            momentum: 0.5,
        };
        assert!((ball.weight(0.1, 1e-14) - 0.25).abs() < 1e-13);
    }

    #[test]
    fn descent_keeps_the_sign_of_an_unstable_mode() {
        let weight = |steps| Rule::GradientDescent { steps }.weight(1.0, 3.0);
        assert!((weight(3) - 3.0).abs() < 1e-14); // (1 - (-2)³)/3
        assert!((weight(2) + 1.0).abs() < 1e-14);
        assert_eq!(Rule::GradientDescent { steps: 5 }.weight(1.0, 1.0), 1.0);
    }
}
