//! Rectified monomials: the arc-cosine kernels of any degree.

use std::f64::consts::PI;

use super::closed_form::{ClosedForm, GAUSS_FIVE, dual_from_closed_form};
use super::{Activation, arc_cosine};
use crate::{Error, PairCorrelation, Result};

/// $\varphi(x) = 1_{x>0} x^n$, $n \ge 1$ (degree 0 is the [`Step`](super::Step)).
///
/// With $c = \cos\theta$ (Y. Cho and L. K. Saul, NeurIPS 2009)
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = \frac{(q_a q_b)^{n/2}}{2\pi} J_n(\theta), \qquad J_n(\theta) = P_n(c)
/// \sin\theta + Q_n(c) (\pi - \theta),$$
///
/// with polynomials that follow from those of degree $n - 1$ by $\mathrm d J_n/\mathrm d c = n^2 J_{n-1}$:
/// $Q_n^\prime = n^2 Q_{n-1}$ and $(1-c^2) P_n^\prime - c P_n + Q_n = n^2 (1-c^2) P_{n-1}$.
///
/// The error is a few units of rounding of $\sqrt{V_a V_b}$, $V(q) = \tfrac12 (2n-1)!!\, q^n$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, RectifiedMonomial}};
/// let k = PairCovariance::new(2.0, 2.0, 2.0)?;
/// assert!((RectifiedMonomial::new(2)?.dual(k)?.covariance() - 6.0).abs() < 1e-14); // ½ · 3!! · 2²
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RectifiedMonomial {
    degree: usize,
    /// Coefficients of $(P_n, Q_n)$.
    value: (Vec<f64>, Vec<f64>),
    /// Coefficients of $(P_{n-1}, Q_{n-1})$.
    derivative: (Vec<f64>, Vec<f64>),
}

/// The largest degree: $(2n-1)!!$ must stay far inside the range of `f64`.
const LARGEST: usize = 100;

impl RectifiedMonomial {
    /// Of degree $n$ from 1 to 100.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another degree.
    pub fn new(degree: usize) -> Result<Self> {
        if !(1..=LARGEST).contains(&degree) {
            return Err(Error::invalid(
                "degree",
                degree,
                format!("an integer from 1 to {LARGEST}"),
            ));
        }
        // degree 0: J_0 = π − θ
        let mut derivative = (vec![0.0], vec![1.0]);
        let mut value = next(&derivative, 1);
        for n in 2..=degree {
            derivative = value;
            value = next(&derivative, n);
        }
        Ok(Self {
            degree,
            value,
            derivative,
        })
    }

    /// $n$.
    pub fn degree(&self) -> usize {
        self.degree
    }
}

/// $(n-1)!!$ for even $n$ or odd $n$.
fn double_factorial_below(n: usize) -> f64 {
    (1..n).rev().step_by(2).map(|i| i as f64).product()
}

/// $(P_n, Q_n)$ from $(P_{n-1}, Q_{n-1})$.
fn next((p, q): &(Vec<f64>, Vec<f64>), n: usize) -> (Vec<f64>, Vec<f64>) {
    let square = (n * n) as f64;
    let start = double_factorial_below(n).powi(2);
    // Q_n(0) = E[z^n]², P_n(0) what is left of J_n(0) = (π/2) E[|z|^n]²
    let mut next_q = vec![if n.is_multiple_of(2) { start } else { 0.0 }];
    next_q.extend(
        q.iter()
            .enumerate()
            .map(|(i, a)| square * a / (i + 1) as f64),
    );
    let at = |x: &[f64], i: usize| x.get(i).copied().unwrap_or(0.0);
    let mut next_p = vec![if n.is_multiple_of(2) { 0.0 } else { start }];
    for j in 0..n.saturating_sub(1) {
        let two_below = if j >= 2 { at(p, j - 2) } else { 0.0 };
        let one_below = if j >= 1 { at(&next_p, j - 1) } else { 0.0 };
        let right = square * (at(p, j) - two_below) - at(&next_q, j);
        next_p.push((right + j as f64 * one_below) / (j + 1) as f64);
    }
    (next_p, next_q)
}

/// $J/(2\pi)$.
#[inline(always)]
fn half_kernel((p, q): &(Vec<f64>, Vec<f64>), correlation: PairCorrelation) -> f64 {
    let c = correlation.value();
    let horner = |x: &[f64]| x.iter().rev().fold(0.0, |sum, a| sum * c + a);
    let sine = correlation.sine_squared().sqrt();
    horner(p) * sine / (2.0 * PI) + 0.5 * horner(q) * arc_cosine::kappa0_of(correlation)
}

impl Activation for RectifiedMonomial {
    fn name(&self) -> String {
        format!("rectified monomial({})", self.degree)
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 {
            x.powi(self.degree as i32)
        } else {
            0.0
        }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 {
            self.degree as f64 * x.powi(self.degree as i32 - 1)
        } else {
            0.0
        }
    }

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

impl ClosedForm for RectifiedMonomial {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
        scale.powi(self.degree as i32) * half_kernel(&self.value, c)
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
        let square = (self.degree * self.degree) as f64;
        square * scale.powi(self.degree as i32 - 1) * half_kernel(&self.derivative, c)
    }

    /// $\int_0^{1-c} n^2 J_{n-1}/J_n(1)$, by Gauss's rule in the square root of the variable, in which the
    /// integrand is analytic.
    fn complement(&self, _: f64, _: f64, c: PairCorrelation) -> f64 {
        let epsilon = c.one_minus();
        let square = (self.degree * self.degree) as f64;
        let all = half_kernel(&self.value, PairCorrelation::PARALLEL);
        let slope = |r: f64| {
            let c = PairCorrelation::of_one_minus(epsilon * r * r);
            2.0 * r * half_kernel(&self.derivative, c)
        };
        let sum: f64 = GAUSS_FIVE.iter().map(|&(r, w)| w * slope(r)).sum();
        epsilon * square * sum / all
    }
}

dual_from_closed_form!(RectifiedMonomial);

#[cfg(test)]
mod tests {
    use super::*;

    /// J_2 = 3 sin θ cos θ + (π − θ)(1 + 2 cos² θ), as printed by Cho and Saul.
    #[test]
    fn the_recursion_gives_the_published_kernels() {
        let two = RectifiedMonomial::new(2).unwrap();
        assert_eq!(two.value, (vec![0.0, 3.0], vec![1.0, 0.0, 2.0]));
        let one = RectifiedMonomial::new(1).unwrap();
        assert_eq!(one.value, (vec![1.0], vec![0.0, 1.0]));
    }

    #[test]
    fn the_variance_is_half_a_double_factorial() {
        for n in 1..=20 {
            let phi = RectifiedMonomial::new(n).unwrap();
            let exact = 0.5 * double_factorial_below(2 * n);
            assert!(
                (phi.variance(1.0) / exact - 1.0).abs() < 1e-14,
                "degree {n}"
            );
        }
    }
}
