//! The distribution of the Kolmogorov–Smirnov statistic.

use crate::error::{self, Result};

/// The probability that the Kolmogorov–Smirnov statistic of `samples` draws from a continuous law exceeds
/// `statistic`, under the law.
///
/// Kolmogorov's asymptotic series at $\lambda = (\sqrt m + 0.12 + 0.11/\sqrt m) D$ (M. A. Stephens 1970):
/// accurate to about 1e-3 for $m \ge 5$.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a statistic outside of $[0, 1]$ or no samples.
///
/// ```
/// use neural_limits::statistics::one_sample_p_value;
/// // the classical 5 % point is about 1.358 / sqrt(m)
/// assert!((one_sample_p_value(0.1358, 100)? - 0.05).abs() < 0.005);
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn one_sample_p_value(statistic: f64, samples: usize) -> Result<f64> {
    error::size("samples", samples)?;
    p_value(statistic, samples as f64)
}

/// The probability that the Kolmogorov–Smirnov distance of two independent samples from one continuous law
/// exceeds `statistic`: the one-sample series at $m = m_1 m_2/(m_1 + m_2)$.
///
/// # Errors
/// As [`one_sample_p_value`].
pub fn two_sample_p_value(statistic: f64, first: usize, second: usize) -> Result<f64> {
    error::size("first", first)?;
    error::size("second", second)?;
    let (first, second) = (first as f64, second as f64);
    p_value(statistic, first * second / (first + second))
}

fn p_value(statistic: f64, effective: f64) -> Result<f64> {
    error::unit_interval("statistic", statistic)?;
    let root = effective.sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * statistic;
    if lambda < 0.2 {
        return Ok(1.0); // 1 - 5e-13
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = (-2.0 * k * k * lambda * lambda).exp();
        sum += if k as i32 % 2 == 1 { term } else { -term };
        if term < 1e-18 {
            break;
        }
    }
    Ok((2.0 * sum).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_quantiles_are_met() {
        // Q(λ) of Smirnov's table
        for (lambda, survival) in [(0.5, 0.963_945), (1.0, 0.269_999_6), (2.0, 0.000_670_9)] {
            let m = 1e12_f64;
            let p = p_value(lambda / m.sqrt(), m).unwrap();
            assert!((p - survival).abs() < 1e-6, "{lambda}: {p}");
        }
    }
}
