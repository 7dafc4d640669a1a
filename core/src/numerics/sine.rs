//! The sine by a polynomial that loops vectorise; the same bits on every machine.

use super::polynomial;

/// $\sin(x)/x$ in powers of $x^2$.
const TAYLOR: [f64; 9] = [
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5_040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 1_307_674_368_000.0,
    1.0 / 355_687_428_096_000.0,
];

/// $\sin x$ for $|x| \le \pi/4$, within 2 ulp.
#[inline(always)]
pub(crate) fn sine(x: f64) -> f64 {
    x * polynomial::evaluate(&TAYLOR, x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sine() {
        for i in 1..=785 {
            let x = f64::from(i) / 1000.0;
            let value = sine(x);
            assert!((value / libm::sin(x) - 1.0).abs() <= 2.0 * f64::EPSILON);
        }
        assert_eq!(sine(1e-300), 1e-300);
    }
}
