//! The error function and the normal distribution function, in operations that vectorise; the same bits on
//! every machine.

use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

use super::normal::DENSITY_AT_ZERO;
use super::{exponential, mills, polynomial};

/// $\operatorname{erf}(x)/x$ in powers of $x^2$.
const SERIES: [f64; 13] = [
    FRAC_2_SQRT_PI,
    -0.376_126_389_031_837_54,
    0.112_837_916_709_551_26,
    -0.026_866_170_645_131_252,
    0.005_223_977_625_442_188,
    -0.000_854_832_702_345_085_3,
    0.000_120_553_329_817_896_64,
    -1.492_565_035_840_625e-5,
    1.646_211_436_588_924_8e-6,
    -1.636_584_469_123_492_4e-7,
    1.480_719_281_587_921_8e-8,
    -1.229_055_530_171_792_8e-9,
    9.422_759_064_650_411e-11,
];

/// From here on $e^{-z^2/2}$ is taken to be 0.
const FAR: f64 = 37.6;

/// $e^{-z^2/2}$ within 6 ulp, 0 from $\lvert z \rvert = 37.6$ on: $z^2$ itself would be off by $z^2/2$ of
/// them.
#[inline(always)]
pub(crate) fn bell(z: f64) -> f64 {
    let size = if z.abs() > FAR { FAR } else { z.abs() };
    let head = f64::from_bits(size.to_bits() & 0xffff_ffff_f800_0000);
    let rest = 0.5 * (size - head) * (size + head);
    // e^-rest
    let kept = 1.0 - rest * (1.0 - 0.5 * rest * (1.0 - rest / 3.0));
    let value = exponential::exp(-0.5 * head * head) * kept;
    if size >= FAR { 0.0 } else { value }
}

/// $\Phi(z)$ within 10 ulp; 0 from $z = -37.6$ down.
#[inline(always)]
pub(crate) fn distribution(z: f64) -> f64 {
    let size = if z.abs() > FAR { FAR } else { z.abs() };
    let tail = DENSITY_AT_ZERO * bell(z) * mills::ratio(size);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// $\operatorname{erf} x$ within 4 ulp.
#[inline(always)]
pub(crate) fn erf(x: f64) -> f64 {
    let near = if x.abs() < 0.5 { x.abs() } else { 0.5 };
    let series = near * polynomial::evaluate(&SERIES, near * near);
    let size = if x.abs() > FAR { FAR } else { x.abs() };
    let tail = 2.0 * DENSITY_AT_ZERO * exponential::exp(-size * size) * mills::ratio(SQRT_2 * size);
    let value = if x.abs() < 0.5 { series } else { 1.0 - tail };
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_1_SQRT_2;

    use super::*;

    #[test]
    fn they_are_what_libm_says() {
        let fine = (0..=80_000).map(|i| f64::from(i) * 1e-3 - 40.0);
        let powers = (-1074..1024).flat_map(|e| [2f64.powi(e), -1.3 * 2f64.powi(e)]);
        for x in fine.chain(powers) {
            let expected = libm::erf(x);
            let error = 4.0 * f64::EPSILON * expected.abs();
            assert!((erf(x) - expected).abs() <= error, "erf({x}): {}", erf(x));
            // whose argument is rounded
            let expected = 0.5 * libm::erfc(-FRAC_1_SQRT_2 * x);
            let error = (10.0 + (x * x).min(2e3)) * f64::EPSILON * expected + 1e-307;
            let found = distribution(x);
            assert!(
                (found - expected).abs() <= error,
                "Φ({x}): {found} for {expected}"
            );
        }
    }

    /// By a continued fraction of Mills' ratio, in 50 digits.
    #[test]
    fn tails_keep_their_digits() {
        for (z, exact) in [
            (-5.3, 5.790134039964594e-08),
            (-12.7, 2.95648536485205e-37),
            (-24.9, 3.7200792751087554e-137),
            (-33.3, 1.93050550592784e-243),
            (-37.1, 1.4047119663106221e-301),
        ] {
            let found = distribution(z);
            assert!(
                (found / exact - 1.0).abs() < 10.0 * f64::EPSILON,
                "{z}: {found}"
            );
        }
    }

    #[test]
    fn ends_are_limits_and_nan_stays() {
        let inf = f64::INFINITY;
        assert_eq!([inf, -inf, 1e300].map(erf), [1.0, -1.0, 1.0]);
        assert_eq!([inf, -inf, 1e300].map(distribution), [1.0, 0.0, 1.0]);
        assert_eq!([inf, -inf, 0.0].map(bell), [0.0, 0.0, 1.0]);
        for f in [erf, distribution, bell] {
            assert!(f(f64::NAN).is_nan());
        }
    }
}
