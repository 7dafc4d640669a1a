//! The hyperbolic tangent and its relatives, in operations that vectorise; the same bits on every machine.
//!
//! All of them are functions of $e^{-\lvert x \rvert}$, so that none overflows; NaN stays NaN.

use super::{exponential, polynomial};

/// $\operatorname{artanh}(s)/s$ in powers of $s^2$.
const ARTANH: [f64; 12] = [
    1.0,
    1.0 / 3.0,
    1.0 / 5.0,
    1.0 / 7.0,
    1.0 / 9.0,
    1.0 / 11.0,
    1.0 / 13.0,
    1.0 / 15.0,
    1.0 / 17.0,
    1.0 / 19.0,
    1.0 / 21.0,
    1.0 / 23.0,
];

/// $\log \tfrac32$.
const LOG_OF_THREE_HALVES: f64 = 0.405_465_108_108_164_4;

/// $\tanh x$ within 4 ulp.
#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    let lost = exponential::exp_m1(-2.0 * x.abs());
    (-lost / (2.0 + lost)).copysign(x)
}

/// $\cosh^{-2} x$ within 6 ulp; 0 from $\lvert x \rvert = 354$ on.
#[inline(always)]
pub(crate) fn sech_squared(x: f64) -> f64 {
    let e = exponential::exp(-2.0 * x.abs());
    4.0 * e / ((1.0 + e) * (1.0 + e))
}

/// $1/(1 + e^{-x})$ within 4 ulp; 0 from $x = -708$ down.
#[inline(always)]
pub(crate) fn logistic(x: f64) -> f64 {
    let e = exponential::exp(-x.abs());
    let share = if x < 0.0 { e } else { 1.0 };
    share / (1.0 + e)
}

/// $\log(1 + e^x)$ within 5 ulp; 0 from $x = -708$ down.
#[inline(always)]
pub(crate) fn log_one_plus_exp(x: f64) -> f64 {
    let e = exponential::exp(-x.abs());
    // log(1 + e) by its distance from 1, or from 3/2
    let (shift, logarithm) = if e < 0.4 {
        (0.0, 0.0)
    } else {
        (0.5, LOG_OF_THREE_HALVES)
    };
    let s = (e - shift) / (e + (2.0 + shift));
    let rest = 2.0 * s * polynomial::evaluate(&ARTANH, s * s);
    x.max(0.0) + (logarithm + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of either sign, from the smallest numbers to the largest.
    fn points() -> impl Iterator<Item = f64> {
        let fine = (0..=80_000).map(|i| f64::from(i) * 0.01 - 400.0);
        let finer = (0..=40_000).map(|i| f64::from(i) * 1e-4 - 2.0);
        let powers = (-1074..1024).flat_map(|e| [2f64.powi(e), -1.3 * 2f64.powi(e)]);
        fine.chain(finer).chain(powers)
    }

    #[test]
    fn they_are_what_libm_says() {
        for x in points() {
            let (e, square) = (libm::exp(-x.abs()), libm::exp(-2.0 * x.abs()));
            let logistic_of = if x < 0.0 {
                e / (1.0 + e)
            } else {
                1.0 / (1.0 + e)
            };
            let sech = 4.0 * square / ((1.0 + square) * (1.0 + square));
            for (name, found, expected, ulps) in [
                ("tanh", tanh(x), libm::tanh(x), 4.0),
                ("sech²", sech_squared(x), sech, 6.0),
                ("logistic", logistic(x), logistic_of, 4.0),
                (
                    "softplus",
                    log_one_plus_exp(x),
                    x.max(0.0) + libm::log1p(e),
                    5.0,
                ),
            ] {
                // what is cut
                let lost = if name == "tanh" { 0.0 } else { 2e-307 };
                let error = ulps * f64::EPSILON * expected.abs() + lost;
                assert!(
                    (found - expected).abs() <= error,
                    "{name}({x}): {found} for {expected}"
                );
            }
        }
    }

    #[test]
    fn ends_are_limits_and_nan_stays() {
        let inf = f64::INFINITY;
        assert_eq!([inf, -inf, 1e300, -0.0].map(tanh), [1.0, -1.0, 1.0, 0.0]);
        assert!(tanh(-0.0).is_sign_negative());
        assert_eq!([inf, -inf, 0.0].map(sech_squared), [0.0, 0.0, 1.0]);
        assert_eq!([inf, -inf, 0.0].map(logistic), [1.0, 0.0, 0.5]);
        assert_eq!([inf, -inf, 1e300].map(log_one_plus_exp), [inf, 0.0, 1e300]);
        for f in [tanh, sech_squared, logistic, log_one_plus_exp] {
            assert!(f(f64::NAN).is_nan());
        }
    }
}
