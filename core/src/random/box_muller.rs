//! Normals from random bits by Box and Muller's transform, in operations that vectorise.
//!
//! Polynomials are of least relative error (below 6e-17, by Remez's algorithm). Fused multiplications and
//! additions are rounded alike on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// $P$: $q + q^3 P(q^2)$ is $-2 \log m$ for $q = 4(1 - m)/(1 + m)$, $1/\sqrt2 \le m \le
/// \sqrt2$.
const LOGARITHM: [f64; 7] = [
    0.020833333333333544,
    0.0007812499999885679,
    3.4877232351547404e-05,
    1.6954192026657074e-06,
    8.670599139430658e-08,
    4.563942713154944e-09,
    2.7559604142720285e-10,
];

/// $\sqrt2 \sin(\pi v/2)/v$ in powers of $v^2$, $\lvert v \rvert \le \tfrac12$.
const SINE: [f64; 7] = [
    2.221441469079183,
    -0.913531187499427,
    0.11270239285827922,
    -0.006621000189570079,
    0.00022689805070521169,
    -5.089247975317959e-06,
    7.967284668138344e-08,
];

/// $\sqrt2 \cos(\pi v/2)$ in powers of $v^2$.
#[expect(
    clippy::approx_constant,
    reason = "a coefficient of least error is not the root of 2"
)]
const COSINE: [f64; 7] = [
    1.414213562373095,
    -1.7447160499096903,
    0.3587428584323398,
    -0.029505417411001166,
    0.00130002986824369,
    -3.56383007606436e-05,
    6.582623446020261e-07,
];

/// $2^{52}$ and $2^{84}$: their last bits count ones and $2^{32}$.
const ONES: f64 = 4_503_599_627_370_496.0;
const UPPER_ONES: f64 = 19_342_813_113_834_066_795_298_816.0;

/// The exponent's place in a number.
const EXPONENT: u64 = 0x7ff0_0000_0000_0000;

/// $\sum_i a_i x^i$ in two interleaved chains.
#[inline(always)]
fn polynomial(coefficients: &[f64; 7], x: f64) -> f64 {
    let [a, b, c, d, e, f, g] = *coefficients;
    let square = x * x;
    let even = g.mul_add(square, e).mul_add(square, c).mul_add(square, a);
    let odd = f.mul_add(square, d).mul_add(square, b);
    odd.mul_add(x, even)
}

/// $\log(2^k m)$ as $k$ and $4(1 - m)/(1 + m)$, $1/\sqrt2 \le m \le \sqrt2$.
pub(super) struct Logarithm {
    pub(super) power: f64,
    pub(super) quotient: f64,
}

impl Logarithm {
    /// Of the number $(2 \lfloor b/2 \rfloor + 1)/2^{64}$ for random bits $b$, rounded.
    #[inline(always)]
    pub(super) fn of_uniform(bits: u64) -> Self {
        let upper = f64::from_bits(bits >> 32 | UPPER_ONES.to_bits()) - (UPPER_ONES + ONES);
        let lower = f64::from_bits(bits & 0xffff_ffff | (ONES.to_bits() | 1));
        let number = (upper + lower).to_bits();
        let offset = 1f64.to_bits() - FRAC_1_SQRT_2.to_bits();
        let power = number.wrapping_add(offset) & EXPONENT;
        let m = f64::from_bits(number.wrapping_sub(power).wrapping_add(1f64.to_bits()));
        // 64 of the unit, and the bias of exponents
        let count = f64::from_bits(power >> 52 | ONES.to_bits());
        Self {
            power: count - (ONES + 1023.0 + 64.0),
            quotient: m.mul_add(-4.0, 4.0) / (m + 1.0),
        }
    }

    /// $-2 \log(2^k m)$.
    #[inline(always)]
    pub(super) fn times_minus_two(&self) -> f64 {
        let q = self.quotient;
        let square = q * q;
        let rest = (q * square).mul_add(polynomial(&LOGARITHM, square), q);
        self.power.mul_add(-2.0 * LN_2, rest)
    }
}

/// $r \sin \pi v$ and $\pm r \cos \pi v$: $r^2$ is given, the upper 52 bits are $v$, the next one is the
/// sign.
#[inline(always)]
pub(super) fn pair(square: f64, bits: u64) -> (f64, f64) {
    let r = square.sqrt();
    let v = f64::from_bits(bits >> 12 | 1f64.to_bits()) - (1.5 - 0.5 * f64::EPSILON);
    let v_square = v * v;
    // of half of the angle, times the root of 2
    let sine = v * polynomial(&SINE, v_square);
    let cosine = polynomial(&COSINE, v_square);
    let product = r * sine;
    let sign = bits << 52 & 1 << 63;
    let other = (-product).mul_add(sine, r);
    (product * cosine, f64::from_bits(other.to_bits() ^ sign))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// Of random bits, and of those at the ends.
    fn bits() -> impl Iterator<Item = u64> {
        let mut state = 0_u64;
        let random = std::iter::repeat_with(move || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            state ^ state >> 29
        });
        let ends = (0..64).flat_map(|i| [1 << i, u64::MAX << i, u64::MAX >> i]);
        ends.chain(random.take(100_000))
    }

    #[test]
    fn radii_are_roots_of_logarithms() {
        for bits in bits() {
            let square = Logarithm::of_uniform(bits).times_minus_two();
            // 1 - u is exact where u is close to 1
            let u = (bits | 1) as f64 / 2f64.powi(64);
            let rest = (bits | 1).wrapping_neg() as f64 / 2f64.powi(64);
            let expected = if u < 0.75 {
                -2.0 * libm::log(u)
            } else {
                -2.0 * libm::log1p(-rest)
            };
            // the number is rounded to 2^-53 at 1
            let error = 4.0 * f64::EPSILON * expected + 2.0 * f64::EPSILON;
            assert!((square - expected).abs() <= error, "{bits:x}: {square}");
        }
        let largest = Logarithm::of_uniform(0).times_minus_two().sqrt();
        assert!((largest - (128.0 * LN_2).sqrt()).abs() < 1e-14);
        assert_eq!(Logarithm::of_uniform(u64::MAX).times_minus_two(), 0.0);
    }

    #[test]
    fn pairs_are_points_of_a_circle() {
        for bits in bits() {
            let v = ((bits >> 12) as f64 + 0.5) / 2f64.powi(52) - 0.5;
            let sign = if bits >> 11 & 1 == 1 { -1.0 } else { 1.0 };
            let (x, y) = pair(9.0, bits);
            let (sine, cosine) = if v.abs() < 0.25 {
                libm::sincos(PI * v)
            } else {
                let (cosine, sine) = libm::sincos(PI * (0.5 - v.abs()));
                (sine.copysign(v), cosine)
            };
            let error = 5.0 * 3.0 * f64::EPSILON;
            assert!((x - 3.0 * sine).abs() <= error, "{bits:x}: {x}");
            assert!((y - sign * 3.0 * cosine).abs() <= error, "{bits:x}: {y}");
        }
    }
}
