//! The laws of the Kolmogorov–Smirnov statistics of one sample and of two.

mod one_sample;
mod two_samples;

pub use one_sample::one_sample_p_value;
pub use two_samples::{kolmogorov_smirnov_test, two_sample_p_value};

/// Kolmogorov's limit law: $P(K \ge z) = 2 \sum_{k \ge 1} (-1)^{k-1} e^{-2k^2z^2}$.
fn limit(z: f64) -> f64 {
    if z < 0.2 {
        return 1.0; // 1 - 5e-13
    }
    let mut sum = 0.0;
    for k in 1..=20 {
        let term = (-2.0 * f64::from(k * k) * z * z).exp();
        sum += if k % 2 == 1 { term } else { -term };
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_quantiles_are_met() {
        // Q(λ) of Smirnov's table
        for (lambda, survival) in [(0.5, 0.963_945), (1.0, 0.269_999_6), (2.0, 0.000_670_9)] {
            let p = limit(lambda);
            assert!((p - survival).abs() < 1e-6, "{lambda}: {p}");
        }
    }
}
