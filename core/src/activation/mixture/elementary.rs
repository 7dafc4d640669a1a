//! Exponential and logarithm in a form that compilers vectorise: no branch, no table, the same bits
//! everywhere.

use crate::numerics::polynomial;

/// $1/k!$ from $k = 2$ on: $e^r = 1 + r + r^2 \sum_k r^{k-2}/k!$ to 4e-18 for $|r| \le \tfrac12 \log 2$.
const INVERSE_FACTORIALS: [f64; 12] = {
    let mut terms = [0.5; 12];
    let mut k = 1;
    while k < 12 {
        terms[k] = terms[k - 1] / (k as f64 + 2.0);
        k += 1;
    }
    terms
};

/// $1/(2k+1)$: $\operatorname{artanh} s = s \sum_k s^{2k}/(2k+1)$ to 2e-17 for $|s| \le 1/3$.
const INVERSE_ODD: [f64; 17] = {
    let mut terms = [1.0; 17];
    let mut k = 1;
    while k < 17 {
        terms[k] = 1.0 / (2.0 * k as f64 + 1.0);
        k += 1;
    }
    terms
};

/// Adding it rounds to an integer, left in the lowest bits: $1.5 \cdot 2^{52}$.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// $\log 2$ as a number of 32 bits, whose products with small integers are exact, and the rest.
const LN_2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);

/// Exponents are cut here, before $e^{-x}$ leaves the range of `f64`.
const LARGEST: f64 = 700.0;

/// $e^{-x}$ and $e^{-x} - 1$ for $x \ge 0$, both with a relative error of at most 2 ulp.
#[inline(always)]
pub(super) fn decay(x: f64) -> (f64, f64) {
    let y = if x < LARGEST { -x } else { -LARGEST };
    let shifted = y * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let r = (y - n * LN_2.0) - n * LN_2.1;
    let less_one = r + r * r * polynomial::evaluate(&INVERSE_FACTORIALS, r);
    (power + power * less_one, (power - 1.0) + power * less_one)
}

/// $\log(1 + v)$ for $-\tfrac12 \le v \le 1$, with a relative error of at most 3 ulp.
#[inline(always)]
pub(super) fn log_one_plus(v: f64) -> f64 {
    let s = v / (2.0 + v);
    2.0 * s * polynomial::evaluate(&INVERSE_ODD, s * s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_standard_library() {
        for i in 0..20_000 {
            let x = 1e-12 * 10f64.powf(f64::from(i) * 14.8 / 20_000.0);
            let (e, less_one) = decay(x);
            assert!((e / (-x).exp() - 1.0).abs() <= 4e-16, "{x}");
            assert!((less_one / (-x).exp_m1() - 1.0).abs() <= 4e-16, "{x}");
            for v in [x, -0.5 * x] {
                if x <= 1.0 {
                    assert!((log_one_plus(v) / v.ln_1p() - 1.0).abs() <= 6e-16, "{v}");
                }
            }
        }
        assert_eq!(decay(0.0), (1.0, 0.0));
        assert!(decay(1e300).0 < 1e-300);
    }
}
