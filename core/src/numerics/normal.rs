//! The standard normal law.

use std::f64::consts::FRAC_1_SQRT_2;

use statrs::distribution::{ContinuousCDF, Normal};

/// $1/\sqrt{2\pi}$.
pub(crate) const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// $e^{-z^2/2}/\sqrt{2\pi}$.
pub fn density(z: f64) -> f64 {
    DENSITY_AT_ZERO * (-0.5 * z * z).exp()
}

/// The distribution function $\Phi(z)$.
pub fn distribution(z: f64) -> f64 {
    0.5 * libm::erfc(-FRAC_1_SQRT_2 * z)
}

/// $\Phi^{-1}(u)$.
pub fn quantile(u: f64) -> f64 {
    Normal::standard().inverse_cdf(u)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_at_zero_is_rounded_correctly() {
        let exact = (2.0 * std::f64::consts::PI).sqrt().recip();
        assert!((density(0.0) - exact).abs() < 1e-17);
    }
}
