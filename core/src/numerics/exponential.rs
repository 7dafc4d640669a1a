//! Exponentials by a polynomial that loops vectorise; the same bits on every machine. NaN stays NaN.
//!
//! $e^x = 2^k (1 + r + \rho)$ with $|r| \le \tfrac12 \log 2$ and $\rho = e^r - 1 - r$ by Taylor's formula.

use std::f64::consts::LOG2_E;

use super::polynomial;

/// The leading bits of $\log 2$: times any exponent, they are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;

/// $\log 2$ without them.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// A number whose unit of rounding is 1: adding it rounds to an integer, which appears in its last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Below this $e^x$ is taken to be 0.
const LOWEST: f64 = -708.0;

/// $\rho/r^2$ in powers of $r$: $1/2!, 1/3!, \ldots$
const TAYLOR: [f64; 12] = [
    0.5,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

/// $(2^k, r, \rho)$.
#[inline(always)]
fn split(x: f64) -> (f64, f64, f64) {
    let x = if x <= LOWEST { LOWEST } else { x };
    let rounded = x * LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let power = f64::from_bits((rounded.to_bits() << 52).wrapping_add(1023 << 52));
    (power, r, r * r * polynomial::evaluate(&TAYLOR, r))
}

/// $e^x$ for $x \le 709$, within 3 ulp; 0 from −708 down.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let (power, r, rho) = split(x);
    let value = power + power * (r + rho);
    if x <= LOWEST { 0.0 } else { value }
}

/// $e^x$ of any number, within 3 ulp: 0 from −708 down, infinite beyond the range.
#[inline(always)]
pub fn exp_of_any(x: f64) -> f64 {
    let (power, r, rho) = split(if x > 710.0 { 710.0 } else { x });
    // 2^1024 by its half
    let half = f64::from_bits(power.to_bits().wrapping_sub(1 << 52));
    let value = 2.0 * (half + half * (r + rho));
    if x <= LOWEST { 0.0 } else { value }
}

/// $e^x - 1$ for $x \le 709$, within 3 ulp.
#[inline(always)]
pub(crate) fn exp_m1(x: f64) -> f64 {
    exp_remainders(x).0
}

/// $e^x - 1$ and $e^x - 1 - x$ for $x \le 709$, the second with an error of at most 1 ulp of $x$ where
/// $|x| > \tfrac12 \log 2$, and of 3 ulp of its own elsewhere.
#[inline(always)]
pub(crate) fn exp_remainders(x: f64) -> (f64, f64) {
    let (power, r, rho) = split(x);
    let first = power * (r + rho) + (power - 1.0);
    (first, if power == 1.0 { rho } else { first - x })
}

/// $\tanh s$ for $|s| \le \tfrac12$: a convergent of $\frac{s}{1+}\frac{s^2}{3+}\frac{s^2}{5+}\cdots$, exact
/// to rounding.
#[inline(always)]
fn tanh_of_small(s: f64) -> f64 {
    let z = s * s;
    let above = 2_027_025.0 + z * (270_270.0 + z * (6_930.0 + z * 36.0));
    let below = 2_027_025.0 + z * (945_945.0 + z * (51_975.0 + z * (630.0 + z)));
    s * (above / below)
}

/// $e^m \sinh s$ and $e^m \cosh s$ from $m + s$, $m - s$ and $2s$, within a few ulp of their own.
#[inline(always)]
pub(crate) fn damped_hyperbolic(plus: f64, minus: f64, twice: f64) -> (f64, f64) {
    let (above, below) = (exp(plus), exp(minus));
    let sum = above + below;
    let near = sum * tanh_of_small(if twice.abs() > 1.0 { 0.5 } else { 0.5 * twice });
    let twice_sine = if twice.abs() > 1.0 {
        above - below
    } else {
        near
    };
    (0.5 * twice_sine, 0.5 * sum)
}

/// $e^m \cosh s$ alone, with the bits of [`damped_hyperbolic`].
#[inline(always)]
pub(crate) fn damped_cosine(plus: f64, minus: f64) -> f64 {
    0.5 * (exp(plus) + exp(minus))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_exponential() {
        for i in -7000..=7000 {
            let x = f64::from(i) * 0.1;
            let e = exp(x);
            let m = exp_m1(x);
            assert!((e / libm::exp(x) - 1.0).abs() <= 3.0 * f64::EPSILON, "{x}");
            assert!(
                (m - libm::expm1(x)).abs() <= 3.0 * f64::EPSILON * m.abs(),
                "{x}"
            );
        }
        assert_eq!([0.0, -800.0, f64::NEG_INFINITY].map(exp), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn it_is_the_exponential_of_any_number() {
        for i in -7080..=7097 {
            let x = f64::from(i) * 0.1;
            let error = 3.0 * f64::EPSILON * libm::exp(x) + 4e-308;
            assert!((exp_of_any(x) - libm::exp(x)).abs() <= error, "{x}");
        }
        let inf = f64::INFINITY;
        let beyond = [709.79, 1e300, inf, -708.1, -inf].map(exp_of_any);
        assert_eq!(beyond, [inf, inf, inf, 0.0, 0.0]);
        assert!(exp_of_any(f64::NAN).is_nan());
    }

    #[test]
    fn hyperbolic_functions_keep_their_digits_at_zero() {
        for s in [0.0, 1e-300, -1e-9, 0.3, -0.5, 0.51, 7.0] {
            let (sine, cosine) = damped_hyperbolic(-7.0 + s, -7.0 - s, 2.0 * s);
            let damped = libm::exp(-7.0);
            assert_eq!(damped_cosine(-7.0 + s, -7.0 - s), cosine);
            assert!((sine - damped * libm::sinh(s)).abs() <= 3e-15 * sine.abs());
            assert!((cosine - damped * libm::cosh(s)).abs() <= 3e-15 * cosine);
        }
    }

    #[test]
    fn remainders_keep_their_digits_at_zero() {
        for x in [1e-300, -1e-9, 1e-3, -0.3] {
            let (first, second) = exp_remainders(x);
            let taylor = x * x * (0.5 + x * (1.0 / 6.0 + x / 24.0));
            assert!((first / libm::expm1(x) - 1.0).abs() < 1e-15);
            assert!((second - taylor).abs() <= x.powi(4).abs() / 100.0 + 1e-15 * taylor);
        }
    }
}
