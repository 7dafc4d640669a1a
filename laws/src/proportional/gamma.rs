//! Moments of the logarithm of $\chi^2$ variables.

/// From here on the asymptotic series have 16 digits.
const ASYMPTOTIC: f64 = 14.0;

/// $\psi(x) - \log x$ for $x > 0$, $\psi$ the digamma function: with $n = 2x$ degrees of freedom it is
/// $\mathbb E \log(\chi^2_n/n)$. Absolute error below 2e-16 times the number of steps from $x$ to 14.
pub(super) fn digamma_minus_log(x: f64) -> f64 {
    let (mut y, mut steps) = (x, 0.0);
    while y < ASYMPTOTIC {
        steps += 1.0 / y;
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    // Bernoulli numbers: Σ B_2k/(2k y^2k)
    let series = z
        * (1.0 / 12.0
            - z * (1.0 / 120.0
                - z * (1.0 / 252.0
                    - z * (1.0 / 240.0 - z * (1.0 / 132.0 - z * (691.0 / 32_760.0 - z / 12.0))))));
    let asymptotic = -0.5 / y - series;
    if steps == 0.0 {
        asymptotic
    } else {
        asymptotic + ((y / x).ln() - steps)
    }
}

/// $\psi_1(x)$ for $x > 0$: with $n = 2x$ degrees of freedom, $\operatorname{Var} \log \chi^2_n$.
pub(super) fn trigamma(x: f64) -> f64 {
    let (mut y, mut steps) = (x, 0.0);
    while y < ASYMPTOTIC {
        steps += 1.0 / (y * y);
        y += 1.0;
    }
    let z = 1.0 / (y * y);
    let series = z
        * (1.0 / 6.0
            - z * (1.0 / 30.0
                - z * (1.0 / 42.0
                    - z * (1.0 / 30.0 - z * (5.0 / 66.0 - z * (691.0 / 2730.0 - z * 7.0 / 6.0))))));
    (1.0 + 0.5 / y + series) / y + steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{LN_2, PI};

    #[test]
    fn at_integers_and_halves_they_have_closed_forms() {
        let euler = 0.577_215_664_901_532_9;
        let (mut harmonic, mut squares, mut odd, mut odd_squares) = (0.0, 0.0, 0.0, 0.0);
        for k in 1..40 {
            let x = f64::from(k);
            let digamma = digamma_minus_log(x) + x.ln();
            assert!((digamma - (harmonic - euler)).abs() < 4e-15, "{k}");
            assert!((trigamma(x) - (PI * PI / 6.0 - squares)).abs() < 1e-14);
            harmonic += 1.0 / x;
            squares += 1.0 / (x * x);
            let x = x - 0.5;
            let digamma = digamma_minus_log(x) + x.ln();
            assert!((digamma - (2.0 * odd - euler - 2.0 * LN_2)).abs() < 4e-15);
            assert!((trigamma(x) - (PI * PI / 2.0 - 4.0 * odd_squares)).abs() < 1e-14);
            let next = f64::from(2 * k - 1);
            odd += 1.0 / next;
            odd_squares += 1.0 / (next * next);
        }
    }
}
