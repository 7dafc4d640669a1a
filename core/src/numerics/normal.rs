//! The standard normal law.

use std::f64::consts::FRAC_1_SQRT_2;

use statrs::distribution::{ContinuousCDF, Normal};

/// $1/\sqrt{2\pi}$.
pub(crate) const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;

/// $e^{-z^2/2}/\sqrt{2\pi}$.
pub fn density(z: f64) -> f64 {
    DENSITY_AT_ZERO * (-0.5 * z * z).exp()
}

/// $e^{-x}$ for $0 \le x \le 700$ within 2 units of rounding, in operations that vectorise: $2^{-k} e^r$
/// with $|r| \le \tfrac12 \log 2$.
#[inline(always)]
pub(crate) fn decay(x: f64) -> f64 {
    use std::f64::consts::LOG2_E;
    // adding it rounds to an integer, which is then in the last bits
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let shifted = ROUNDER - LOG2_E * x;
    let k = shifted - ROUNDER;
    let r = (-x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut sum = 1.0 / 6_227_020_800.0;
    for inverse in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * r + inverse;
    }
    // 2^k by its exponent
    sum * f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52))
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
    fn the_decay_is_the_exponential() {
        for i in 0..=14_000 {
            let x = 0.05 * f64::from(i);
            assert!((decay(x) / (-x).exp() - 1.0).abs() < 4.5e-16, "{x}");
        }
    }

    #[test]
    fn the_density_at_zero_is_rounded_correctly() {
        let exact = (2.0 * std::f64::consts::PI).sqrt().recip();
        assert!((density(0.0) - exact).abs() < 1e-17);
    }
}
