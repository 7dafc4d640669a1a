//! The arc sine of a Gaussian pair's ratio, in the form that keeps its digits near 1.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use crate::numerics::polynomial;

/// Coefficients of $\arctan(t)/t$ in powers of $t^2$ on $[0, \tan^2(\pi/8)]$
/// (`tools/arc_tangent_coefficients.py`; relative error below 3e-18).
const ARC_TANGENT: [f64; 13] = [
    1.0,
    -0.33333333333333326,
    0.19999999999997015,
    -0.1428571428532971,
    0.11111111085322109,
    -0.09090908059031191,
    0.07692281099937744,
    -0.06666205259976526,
    0.05876834004614161,
    -0.05217312574061591,
    0.04499500728984032,
    -0.03338782450121195,
    0.015113765096600925,
];

/// $\tan(\pi/8)$.
const TAN_PI_8: f64 = 0.414_213_562_373_095_03;

/// The angle in $[-\pi/2, \pi/2]$ whose tangent is `numerator / denominator`, for `denominator` $> 0$:
/// $\arcsin x$ for the ratio of $x$ to $\sqrt{1-x^2}$, without a subtraction from 1 and without a branch. The
/// relative error is at most 3 ulp.
#[inline(always)]
pub(crate) fn angle(numerator: f64, denominator: f64) -> f64 {
    let n = numerator.abs();
    let (shift, t) = halved(n, denominator);
    let first = shift * FRAC_PI_4 + t * polynomial::evaluate(&ARC_TANGENT, t * t);
    let angle = if n < denominator {
        first
    } else {
        FRAC_PI_2 - first
    };
    angle.copysign(numerator)
}

/// The coefficients of $(\arctan(t)/t - 1)/t^2$.
const ARC_TANGENT_REST: [f64; 12] = {
    let mut rest = [0.0; 12];
    let mut i = 0;
    while i < 12 {
        rest[i] = ARC_TANGENT[i + 1];
        i += 1;
    }
    rest
};

/// The angle in $[0, \pi/2]$ whose tangent is `ratio` = `numerator / denominator`, for a `numerator` $\ge 0$
/// and a `denominator` $> 0$, and what the tangent exceeds it by; both have relative errors of at most 4 ulp.
#[inline(always)]
pub(crate) fn angle_and_excess(numerator: f64, denominator: f64, ratio: f64) -> (f64, f64) {
    let (n, d) = (numerator, denominator);
    let (shift, t) = halved(n, d);
    let rest = t * (t * t) * polynomial::evaluate(&ARC_TANGENT_REST, t * t);
    let first = shift * FRAC_PI_4 + (t + rest);
    let angle = if n < d { first } else { FRAC_PI_2 - first };
    let excess = ratio - angle;
    (angle, if n <= TAN_PI_8 * d { -rest } else { excess })
}

/// The tangent of the angle or, if it is more than $\pi/4$, of its complement; less $\pi/4$ if that is more
/// than $\pi/8$ (then the first number is 1).
#[inline(always)]
fn halved(n: f64, d: f64) -> (f64, f64) {
    let small = if n < d { n } else { d };
    let large = if n < d { d } else { n };
    let shift = if small > TAN_PI_8 * large { 1.0 } else { 0.0 };
    let (top, bottom) = (small - shift * large, large + shift * small);
    (shift, top / bottom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_two_argument_arc_tangent() {
        for i in -4000..=4000 {
            let x = 10f64.powf(f64::from(i) / 200.0);
            for (n, d) in [(x, 1.0), (1.0, x), (-x, 3.0)] {
                let exact = n.atan2(d);
                assert!((angle(n, d) - exact).abs() <= 3.0 * f64::EPSILON * exact.abs());
            }
        }
        assert_eq!((angle(0.0, 1.0), angle(1.0, 0.0)), (0.0, FRAC_PI_2));
    }

    #[test]
    fn the_excess_of_the_tangent_keeps_its_digits() {
        for i in -4000..=4000 {
            let t = 10f64.powf(f64::from(i) / 200.0);
            let (angle, excess) = angle_and_excess(t, 1.0, t);
            assert!((angle - t.atan()).abs() <= 4.0 * f64::EPSILON * t.atan());
            let exact = if t < 0.003 {
                t * t * t * (1.0 / 3.0 - t * t * (0.2 - t * t / 7.0))
            } else {
                t - t.atan()
            };
            let rounding = if t < 0.003 {
                1e-14
            } else {
                1e-15 / (t * t) + 1e-15
            };
            assert!((excess - exact).abs() <= rounding * exact, "{t}");
        }
    }
}
