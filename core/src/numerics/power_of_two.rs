//! Powers of two beyond the range of `f64`.

use crate::{Error, Result};

/// $2^{\text{exponent}}$, 0 or infinite where that is.
#[inline]
pub fn power_of_two(exponent: i64) -> f64 {
    (exponent.clamp(-2000, 2000) as f64).exp2()
}

/// `value * 2^exponent`, correctly rounded (0 where it is too small).
///
/// # Errors
/// [`Error::Overflow`] naming `quantity`.
#[inline]
pub fn scale_by_power_of_two(quantity: &str, value: f64, exponent: i64) -> Result<f64> {
    // Two factors, since 2^exponent alone may leave the range while the product does not.
    let half = (exponent / 2).clamp(-1100, 1100);
    let rest = (exponent - half).clamp(-1100, 1100);
    let scaled = value * (half as f64).exp2() * (rest as f64).exp2();
    if value == 0.0 {
        Ok(value)
    } else if scaled.is_finite() {
        Ok(scaled)
    } else {
        Err(Error::Overflow {
            quantity: quantity.to_owned(),
            log: if value.is_finite() && exponent < i64::MAX {
                value.abs().ln() + exponent as f64 * std::f64::consts::LN_2
            } else {
                f64::INFINITY
            },
            limit: f64::MAX.ln(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_beyond_the_range_overflow_by_name_or_round_to_zero() {
        assert_eq!(scale_by_power_of_two("k", 1.5, -5000).unwrap(), 0.0);
        assert_eq!(
            scale_by_power_of_two("k", 0.75, 1024).unwrap(),
            0.75 * 2.0 * 2f64.powi(1023)
        );
        assert_eq!(scale_by_power_of_two("k", 0.0, i64::MAX).unwrap(), 0.0);
        assert!(matches!(
            scale_by_power_of_two("k", 1.5, 5000),
            Err(Error::Overflow { log, .. }) if (log - 3466.14).abs() < 0.01
        ));
    }
}
