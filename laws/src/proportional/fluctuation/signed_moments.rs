//! Moments of signs, absolute values and point masses of Gaussian vectors.
//!
//! $\mathbb E \prod_i f_i(x_i)$ for a centred Gaussian vector $x$ and $f_i(x) \in \{1, x, |x|,
//! \operatorname{sgn} x, \delta(x)\}$, by Stein's identity $\mathbb E[x_i h] = \sum_j \Sigma_{ij} \mathbb
//! E[\partial_j h]$ and by conditioning on $x_i = 0$, down to products of signs (derived here).

use std::f64::consts::{FRAC_1_PI, FRAC_2_PI, PI};

use crate::numerics::gauss_legendre;

/// A factor of a product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Factor {
    /// 1.
    One,
    /// $x$.
    Value,
    /// $|x|$.
    Size,
    /// $\operatorname{sgn} x$.
    Sign,
    /// $\delta(x)$.
    Mass,
}

use Factor::{Mass, One, Sign, Size, Value};

/// The covariance of four variables; equal rows are one variable.
pub(super) type Covariance = [[f64; 4]; 4];

/// $\mathbb E \prod_i f_i(x_i)$. Covariances may be singular, with variables that are equal to the bit.
///
/// `signs` is $\mathbb E \operatorname{sgn}(x_1 x_2 x_3 x_4)$ ([`product_of_signs`]), which many products of
/// the same variables share.
pub(super) fn expectation(factors: [Factor; 4], sigma: &Covariance, signs: f64) -> f64 {
    let odd = |factor: &&Factor| matches!(factor, Value | Sign);
    if factors.iter().filter(odd).count() % 2 == 1 {
        return 0.0;
    }
    let find = |kind: Factor| factors.iter().position(|factor| *factor == kind);
    if let Some(i) = find(Mass) {
        let variance = sigma[i][i];
        let rest = replaced(factors, i, One);
        let density = 1.0 / (2.0 * PI * variance).sqrt();
        return density * expectation(rest, &given_zero(sigma, i), signs);
    }
    let (i, mut rest) = if let Some(i) = find(Value) {
        (i, replaced(factors, i, One))
    } else if let Some(i) = find(Size) {
        (i, replaced(factors, i, Sign))
    } else {
        return of_signs(factors, sigma, signs);
    };
    let mut sum = 0.0;
    for j in 0..4 {
        let (slope, derivative) = match rest[j] {
            Value => (1.0, One),
            Size => (1.0, Sign),
            Sign => (2.0, Mass),
            One | Mass => continue,
        };
        if sigma[i][j] != 0.0 {
            let before = std::mem::replace(&mut rest[j], derivative);
            sum += slope * sigma[i][j] * expectation(rest, sigma, signs);
            rest[j] = before;
        }
    }
    sum
}

fn replaced(mut factors: [Factor; 4], i: usize, by: Factor) -> [Factor; 4] {
    factors[i] = by;
    factors
}

/// The covariance given $x_i = 0$.
fn given_zero(sigma: &Covariance, i: usize) -> Covariance {
    let mut given = *sigma;
    for j in 0..4 {
        for k in 0..4 {
            // in this order copies of x_i are 0 to the bit
            given[j][k] -= sigma[i][k] * (sigma[i][j] / sigma[i][i]);
        }
    }
    given
}

fn of_signs(factors: [Factor; 4], sigma: &Covariance, signs: f64) -> f64 {
    let mut places = (0..4).filter(|i| factors[*i] == Sign);
    match (places.next(), places.next(), places.next()) {
        (None, ..) => 1.0,
        (Some(i), Some(j), None) => sign_covariance(sigma, i, j),
        _ => signs,
    }
}

/// $\mathbb E \operatorname{sgn}(x_i x_j) = \tfrac2\pi \arcsin \rho_{ij}$.
fn sign_covariance(sigma: &Covariance, i: usize, j: usize) -> f64 {
    let scale = (sigma[i][i] * sigma[j][j]).sqrt();
    if scale > 0.0 {
        FRAC_2_PI * (sigma[i][j] / scale).clamp(-1.0, 1.0).asin()
    } else {
        0.0
    }
}

/// $\mathbb E \operatorname{sgn}(x_1 x_2 x_3 x_4)$ for unit variances.
///
/// Along the path on which the covariances between $(x_1, x_2)$ and $(x_3, x_4)$ are multiplied by
/// $\tau \in [0, 1]$, Plackett's identity (1954) gives
///
/// $$\frac{d}{d\tau} \mathbb E \operatorname{sgn}(x_1 x_2 x_3 x_4) = \sum_{i \le 2 < j}
/// \frac{2 \rho_{ij}}{\pi \sqrt{1 - \tau^2 \rho_{ij}^2}} \mathbb E[\operatorname{sgn}(x_k x_l) | x_i = x_j =
/// 0],$$
///
/// integrated in $\arcsin(\tau \rho_{ij})$, so that only the conditional correlation is singular.
pub(super) fn product_of_signs(sigma: &Covariance) -> f64 {
    let start = sign_covariance(sigma, 0, 1) * sign_covariance(sigma, 2, 3);
    let mut sum = 0.0;
    for (i, k) in [(0, 1), (1, 0)] {
        for (j, l) in [(2, 3), (3, 2)] {
            let rho = sigma[i][j];
            if rho == 0.0 {
                continue;
            }
            let end = rho.clamp(-1.0, 1.0).asin();
            for (x, weight) in gauss_legendre::NODES.iter().zip(gauss_legendre::WEIGHTS) {
                // nodes crowd at the end, where the covariance may become singular
                let angle = end * x * (2.0 - x);
                let tau = angle.sin() / rho;
                sum += weight
                    * (2.0 - 2.0 * x)
                    * end
                    * conditional_correlation(sigma, tau, angle.cos(), [i, j, k, l]).asin();
            }
        }
    }
    start + 2.0 * FRAC_1_PI * FRAC_2_PI * sum
}

/// The correlation of $x_k$ (beside $x_i$) and $x_l$ (beside $x_j$) given $x_i = x_j = 0$, whose covariance
/// is $\tau \rho_{ij}$, with `root` $= \sqrt{1 - \tau^2 \rho_{ij}^2}$.
fn conditional_correlation(
    sigma: &Covariance,
    tau: f64,
    root: f64,
    [i, j, k, l]: [usize; 4],
) -> f64 {
    let (rho, determinant) = (tau * sigma[i][j], root * root);
    let (ki, kj) = (sigma[k][i], tau * sigma[k][j]);
    let (li, lj) = (tau * sigma[l][i], sigma[l][j]);
    let form = |a: f64, b: f64, c: f64, d: f64| a * c + b * d - rho * (a * d + b * c);
    let kk = determinant - form(ki, kj, ki, kj);
    let ll = determinant - form(li, lj, li, lj);
    let kl = determinant * (tau * sigma[k][l]) - form(ki, kj, li, lj);
    if kk > 0.0 && ll > 0.0 {
        (kl / (kk * ll).sqrt()).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}
