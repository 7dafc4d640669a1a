//! Random Fourier features of the Gaussian kernel.

use std::f64::consts::SQRT_2;

use super::Activation;
use super::closed_form::{ClosedForm, dual_from_closed_form};
use super::exponential::{exponent_of_distance, exponential_complement};
use crate::numerics::exponential;
use crate::{PairCorrelation, Result, error};

/// $\varphi(x) = \sqrt2 \sin(\sqrt{2\gamma} x + \pi/4)$, whose dual is the Gaussian (radial basis function)
/// kernel of the pre-activations' distance (A. Rahimi and B. Recht 2007):
///
/// $$\mathbb E[\varphi(u)\varphi(v)] = e^{-\gamma (q_a + q_b - 2k)} .$$
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, RandomFourier}};
/// let k = PairCovariance::new(1.0, 1.0, 0.0)?;
/// assert!((RandomFourier::new(0.5)?.dual(k)?.covariance() - (-1.0_f64).exp()).abs() < 1e-15);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomFourier {
    gamma: f64,
}

impl RandomFourier {
    /// Of the kernel's $\gamma \ge 0$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless it is finite and $\ge 0$.
    pub fn new(gamma: f64) -> Result<Self> {
        error::non_negative("gamma", gamma).map(|gamma| Self { gamma })
    }

    fn frequency(&self) -> f64 {
        SQRT_2 * self.gamma.sqrt()
    }
}

impl Activation for RandomFourier {
    fn name(&self) -> String {
        format!("random Fourier({})", self.gamma)
    }

    // √2 sin(y + π/4) = sin y + cos y
    fn value(&self, x: f64) -> f64 {
        let (sine, cosine) = (self.frequency() * x).sin_cos();
        sine + cosine
    }

    fn derivative(&self, x: f64) -> f64 {
        let (sine, cosine) = (self.frequency() * x).sin_cos();
        self.frequency() * (cosine - sine)
    }
}

impl ClosedForm for RandomFourier {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        exponential::exp(exponent_of_distance(self.frequency(), (qa, qb, c)))
    }

    #[inline(always)]
    fn derivative_moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        2.0 * self.gamma * self.moment(qa, qb, c)
    }

    fn complement(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let b = self.frequency();
        exponential_complement(b, (qa, qb, c))
    }
}

dual_from_closed_form!(RandomFourier);
