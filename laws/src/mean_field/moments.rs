//! Moments of an activation under Gaussian laws of any mean.

use std::cell::RefCell;
use std::sync::Arc;

use crate::Result;
use crate::activation::expectation::Quadrature;
use crate::activation::{Dual, Slopes};
use crate::error;
use crate::numerics::normal::{density, distribution};

/// Relative tolerance of inner and of outer integrals.
const TOLERANCE: f64 = 1e-13;
const OUTER: f64 = 1e-10;

/// A Gaussian pair: means, and variances with the covariance $(v_a, v_b, v_{ab})$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) means: [f64; 2],
    pub(super) covariance: [f64; 3],
}

/// $\mathbb E \varphi(m + \sqrt v z)^2$ and $\mathbb E[\varphi(u)\varphi(v)]$: in closed form for slopes,
///
/// $$\mathbb E (m + s z)_+ = m \Phi(m/s) + s \phi(m/s), \qquad
///   \mathbb E (m + s z)_+^2 = (m^2 + s^2) \Phi(m/s) + m s \phi(m/s),$$
///
/// otherwise by adaptive quadrature with the kinks among its nodes; a product is the integral of
/// $\varphi(u) \mathbb E[\varphi(v) \mid u]$.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    activation: Arc<dyn Dual>,
    slopes: Option<Slopes>,
    kinks: Vec<f64>,
}

impl Moments {
    pub(super) fn new(activation: Arc<dyn Dual>) -> Self {
        Self {
            slopes: activation.slopes(),
            kinks: activation.kinks(),
            activation,
        }
    }

    pub(super) fn activation(&self) -> &dyn Dual {
        &*self.activation
    }

    /// Where $\varphi$ is not analytic.
    pub(super) fn kinks(&self) -> &[f64] {
        &self.kinks
    }

    /// Where $\varphi(m + x)$ varies, in $x$.
    fn centers(&self, mean: f64) -> Vec<f64> {
        let kinks = self.kinks.iter().chain(&[0.0]);
        kinks.map(|kink| kink - mean).collect()
    }

    fn expectation(&self, f: impl Fn(f64) -> f64, mean: f64, variance: f64) -> Result<f64> {
        if variance == 0.0 {
            return Ok(f(mean));
        }
        let centers = self.centers(mean);
        let quadrature = Quadrature::new(TOLERANCE)?;
        let integral = quadrature.expectation(|x| f(mean + x), &centers, variance)?;
        Ok(integral.value)
    }

    /// $\mathbb E \varphi(m + \sqrt v z)$.
    fn mean(&self, mean: f64, variance: f64) -> Result<f64> {
        match self.slopes {
            Some(slopes) => {
                let (right, left) = (
                    positive_part(mean, variance),
                    positive_part(-mean, variance),
                );
                Ok(slopes.positive * right - slopes.negative * left)
            }
            None => self.expectation(|x| self.activation.value(x), mean, variance),
        }
    }

    /// $\mathbb E \varphi(m + \sqrt v z)^2$.
    pub(super) fn square(&self, mean: f64, variance: f64) -> Result<f64> {
        match self.slopes {
            Some(slopes) => {
                let (right, left) = (
                    positive_square(mean, variance),
                    positive_square(-mean, variance),
                );
                let square = |slope: f64| slope * slope;
                Ok(square(slopes.positive) * right + square(slopes.negative) * left)
            }
            None => {
                let square = |x: f64| self.activation.value(x).powi(2);
                self.expectation(square, mean, variance)
            }
        }
    }

    /// $\mathbb E[\varphi(u)\varphi(v)]$.
    pub(super) fn product(&self, pair: Pair) -> Result<f64> {
        let [first, second] = pair.means;
        let [a, b, ab] = pair.covariance;
        if a == 0.0 {
            return Ok(self.activation.value(first) * self.mean(second, b)?);
        }
        let slope = ab / a;
        let rest = (b - slope * ab).max(0.0);
        let mut centers = self.centers(first);
        if slope != 0.0 {
            // what the second sees, and how far around it the rest reaches
            let width = rest.sqrt() / slope.abs();
            for center in self.centers(second) {
                let center = center / slope;
                centers.extend([center - 4.0 * width, center, center + 4.0 * width]);
            }
        }
        let failure = RefCell::new(None);
        let integrand = |x: f64| match self.mean(second + slope * x, rest) {
            Ok(mean) => self.activation.value(first + x) * mean,
            Err(error) => {
                failure.replace(Some(error));
                f64::NAN
            }
        };
        let integral = Quadrature::new(OUTER)?.expectation(integrand, &centers, a);
        match failure.into_inner() {
            Some(error) => Err(error),
            None => Ok(integral?.value),
        }
    }
}

/// $\mathbb E (m + \sqrt v z)_+$.
fn positive_part(mean: f64, variance: f64) -> f64 {
    if variance == 0.0 {
        return mean.max(0.0);
    }
    let deviation = variance.sqrt();
    let score = mean / deviation;
    (mean * distribution(score) + deviation * density(score)).max(0.0)
}

/// $\mathbb E (m + \sqrt v z)_+^2$.
fn positive_square(mean: f64, variance: f64) -> f64 {
    if variance == 0.0 {
        return mean.max(0.0).powi(2);
    }
    let deviation = variance.sqrt();
    let score = mean / deviation;
    let square = mean * mean + variance;
    (square * distribution(score) + mean * deviation * density(score)).max(0.0)
}

/// A covariance $(v_a, v_b, v_{ab})$ that is one, up to rounding.
pub(super) fn checked_covariance(argument: &str, covariance: [f64; 3]) -> Result<[f64; 3]> {
    let [a, b, ab] = covariance;
    error::non_negative(&format!("{argument}[0][0]"), a)?;
    error::non_negative(&format!("{argument}[1][1]"), b)?;
    error::finite(&format!("{argument}[0][1]"), ab)?;
    let largest = a.sqrt() * b.sqrt();
    if ab.abs() <= largest * (1.0 + 8.0 * f64::EPSILON) {
        Ok([a, b, ab.clamp(-largest, largest)])
    } else {
        let value = format!("[[{a}, {ab}], [{ab}, {b}]]");
        let expected = "a positive semi-definite matrix";
        Err(crate::Error::invalid(argument, value, expected))
    }
}
