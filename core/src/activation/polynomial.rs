//! Polynomials: monomials and Hermite polynomials among them.

use super::row::pair_cost;
use super::{Activation, Dual, Parity};
use crate::activation::expectation::HermiteSeries;
use crate::{Error, PairCorrelation, PairCovariance, Result, error};

/// $\varphi(x) = \sum_j c_j x^j$.
///
/// In orthonormal Hermite polynomials, $\varphi(\sqrt q z) = \sum_k a_k(q) h_k(z)$ is a finite sum, and so is
/// Mehler's formula:
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = \sum_k a_k(q_a) a_k(q_b) c^k ,$$
///
/// and likewise for $\varphi^\prime$. The error is a few units of rounding of $\sqrt{V_a V_b}$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, Polynomial}};
/// let k = PairCovariance::new(1.0, 1.0, 0.5)?;
/// assert!((Polynomial::monomial(2)?.dual(k)?.covariance() - 1.5).abs() < 1e-15); // q_a q_b + 2k²
/// assert!((Polynomial::hermite(3)?.dual(k)?.covariance() - 0.125).abs() < 1e-15); // c³
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Polynomial {
    coefficients: Vec<f64>,
    derivative: Vec<f64>,
}

/// The largest degree: moments of higher powers leave the range of `f64`.
const LARGEST: usize = 150;

impl Polynomial {
    /// Of the coefficients $c_0, c_1, \ldots$
    ///
    /// # Errors
    /// [`Error::Shape`] for none or more than 151; [`Error::Invalid`] naming one that is not finite.
    pub fn new(coefficients: &[f64]) -> Result<Self> {
        if coefficients.is_empty() || coefficients.len() > LARGEST + 1 {
            return Err(Error::shape(
                "coefficients",
                format!("length {}", coefficients.len()),
                format!("from 1 to {} coefficients", LARGEST + 1),
            ));
        }
        for (i, &c) in coefficients.iter().enumerate() {
            error::finite(&format!("coefficients[{i}]"), c)?;
        }
        Ok(Self {
            coefficients: coefficients.to_vec(),
            derivative: coefficients
                .iter()
                .enumerate()
                .skip(1)
                .map(|(j, c)| j as f64 * c)
                .collect(),
        })
    }

    /// $x^n$.
    ///
    /// # Errors
    /// [`Error::Shape`] for $n > 150$.
    pub fn monomial(degree: usize) -> Result<Self> {
        let mut coefficients = vec![0.0; degree.min(LARGEST + 1) + 1];
        if let Some(last) = coefficients.last_mut() {
            *last = 1.0;
        }
        Self::new(&coefficients)
    }

    /// The Hermite polynomial $\mathrm{He}_n(x)/\sqrt{n!}$, orthonormal for the standard normal law: at unit
    /// variances the dual is $c^n$.
    ///
    /// # Errors
    /// [`Error::Shape`] for $n > 150$.
    pub fn hermite(degree: usize) -> Result<Self> {
        if degree > LARGEST {
            return Self::monomial(degree);
        }
        let (mut last, mut this) = (vec![0.0; degree + 1], vec![0.0; degree + 1]);
        this[0] = 1.0;
        for k in 0..degree {
            let (root, scale) = ((k as f64).sqrt(), 1.0 / ((k + 1) as f64).sqrt());
            for j in (0..=degree).rev() {
                let shifted = if j == 0 { 0.0 } else { this[j - 1] };
                last[j] = scale * (shifted - root * last[j]);
            }
            std::mem::swap(&mut last, &mut this);
        }
        Self::new(&this)
    }

    /// $c_0, c_1, \ldots$
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }
}

fn horner(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// The Hermite coefficients of $\sum_j c_j q^{j/2} z^j$: Horner's scheme with
/// $z h_k = \sqrt{k+1} h_{k+1} + \sqrt k h_{k-1}$.
fn series(coefficients: &[f64], q: f64) -> HermiteSeries {
    let deviation = q.sqrt();
    let size = coefficients.len();
    let mut a = vec![0.0; size.max(1)];
    for &c in coefficients.iter().rev() {
        let mut next = vec![0.0; a.len()];
        for (k, &value) in a.iter().enumerate() {
            if k + 1 < next.len() {
                next[k + 1] += deviation * value * ((k + 1) as f64).sqrt();
            }
            if k > 0 {
                next[k - 1] += deviation * value * (k as f64).sqrt();
            }
        }
        next[0] += c;
        a = next;
    }
    HermiteSeries::from_coefficients(a)
}

impl Activation for Polynomial {
    fn name(&self) -> String {
        format!("polynomial{:?}", self.coefficients)
    }

    fn value(&self, x: f64) -> f64 {
        horner(&self.coefficients, x)
    }

    fn derivative(&self, x: f64) -> f64 {
        horner(&self.derivative, x)
    }

    fn parity(&self) -> Parity {
        let vanish = |first: usize| {
            let mut every_second = self.coefficients.iter().skip(first).step_by(2);
            every_second.all(|&c| c == 0.0)
        };
        if vanish(1) {
            Parity::Even
        } else if vanish(0) {
            Parity::Odd
        } else {
            Parity::Neither
        }
    }
}

impl Dual for Polynomial {
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance> {
        let a = series(&self.coefficients, k.variance_a());
        let b = series(&self.coefficients, k.variance_b());
        let scale = a.norm_squared.sqrt() * b.norm_squared.sqrt();
        if !scale.is_finite() {
            return Err(Error::overflow(format!("the variance of {}", self.name())));
        }
        let correlation = if scale == 0.0 {
            k.pair_correlation()
        } else if k.geometric_mean() > 0.0 {
            a.image(&b, k.pair_correlation(), self.parity())
        } else {
            PairCorrelation::rounded(a.covariance(&b, 0.0) / scale)
        };
        Ok(PairCovariance::of(
            a.norm_squared,
            b.norm_squared,
            correlation,
        ))
    }

    fn is_tabulated(&self) -> bool {
        false
    }

    fn pair_cost(&self) -> f64 {
        pair_cost::FINITE_SUM
    }

    fn derivative_dual(&self, k: PairCovariance) -> Result<f64> {
        let a = series(&self.derivative, k.variance_a());
        let b = series(&self.derivative, k.variance_b());
        let value = a.covariance(&b, k.correlation());
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::overflow(format!(
                "the derivative's dual of {}",
                self.name()
            )))
        }
    }
}
