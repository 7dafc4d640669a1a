//! Gaussians of random scale.

use crate::numerics::normal;

/// Beyond this score lies a probability of 2e-19.
const RANGE: f64 = 9.0;

/// Weights $w_k$ and variances $v_k$ of a mixture $\sum_k w_k \mathcal N(0, v_k)$ that is the law of
/// $e^{g/2} Z$, $g \sim \mathcal N$(`log_mean`, `log_variance`): nodes of the trapezoidal rule, whose error
/// falls exponentially with their number.
pub(crate) fn components(log_mean: f64, log_variance: f64) -> impl Iterator<Item = (f64, f64)> {
    let deviation = log_variance.sqrt();
    let step = 0.125 / (0.25 * deviation).max(1.0);
    let nodes = (RANGE / step).ceil() as i32;
    (-nodes..=nodes).map(move |i| {
        let z = step * f64::from(i);
        (step * normal::density(z), (log_mean + deviation * z).exp())
    })
}

/// $\sum_k w_k f(v_k^{-1/2})$.
fn expectation(log_mean: f64, log_variance: f64, f: impl Fn(f64) -> f64) -> f64 {
    let terms = components(log_mean, log_variance);
    terms
        .map(|(weight, variance)| weight * f(variance.sqrt().recip()))
        .sum()
}

/// $P(e^{g/2} Z \le x)$.
pub(super) fn distribution(log_mean: f64, log_variance: f64, x: f64) -> f64 {
    // where a variance is below the range, 0/0
    if x == 0.0 {
        return 0.5;
    }
    expectation(log_mean, log_variance, |inverse| {
        normal::distribution(x * inverse)
    })
}

/// The quantile of order $\Phi(z)$: Newton's method for the tail of $\log |X|$, within a bracket.
pub(super) fn at_score(log_mean: f64, log_variance: f64, z: f64) -> f64 {
    if z == 0.0 {
        return 0.0;
    }
    let tail = normal::distribution(-z.abs());
    let deviation = 0.5 * log_variance.sqrt();
    // e^{g/2} |Z| of the same order has g and Z within the range
    let (mut low, mut high) = (
        0.5 * log_mean - RANGE * deviation - 50.0,
        0.5 * log_mean + RANGE * deviation + RANGE.ln(),
    );
    let mut log = (0.5 * log_mean + z.abs().ln()).clamp(low, high);
    for _ in 0..100 {
        let x = log.exp();
        let above = expectation(log_mean, log_variance, |inverse| {
            normal::distribution(-x * inverse)
        });
        if above > tail {
            low = log;
        } else {
            high = log;
        }
        // in log(tail) against log x both tails are nearly straight
        let density = expectation(log_mean, log_variance, |inverse| {
            inverse * normal::density(x * inverse)
        });
        let newton = log + (above - tail) / (density * x).max(f64::MIN_POSITIVE);
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        let moved = (next - log).abs();
        log = next;
        if moved < 1e-12 {
            break;
        }
    }
    z.signum() * log.exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40-digit values of the integral (mpmath).
    #[test]
    fn the_distribution_function_is_the_integral() {
        for (m, v, x, exact) in VALUES {
            let found = distribution(m, v, x);
            assert!(
                (found - exact).abs() < 1e-10,
                "{m} {v} {x}: {found} {exact}"
            );
            let score = normal::quantile(exact);
            let quantile = at_score(m, v, score);
            assert!((quantile / x - 1.0).abs() < 1e-8, "{m} {v} {x}: {quantile}");
        }
        // variances from 1e-335 on
        assert_eq!(distribution(-500.0, 900.0, 0.0), 0.5);
    }

    const VALUES: [(f64, f64, f64, f64); 4] = [
        (-2.5, 5.0, 0.1, 0.681_977_227_630_807_7),
        (0.3, 1.0, 2.0, 0.930_778_065_897_354_5),
        (-10.0, 20.0, -0.01, 0.172_066_072_707_176_06),
        (1.0, 0.25, -3.0, 0.043_265_712_917_545_85),
    ];
}
