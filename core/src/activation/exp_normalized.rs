//! The exponential kernel of the correlation.

use super::Activation;
use super::closed_form::{ClosedForm, dual_from_closed_form};
use crate::{PairCorrelation, Result, error};

/// The kernel map $K \mapsto \sqrt{q_a q_b}\, e^{\gamma (c + \text{shift})}$ (V. Shankar et al. 2020,
/// arXiv 2003.02237).
///
/// At unit variances it is the dual of $\varphi(x) = e^{\sqrt\gamma x + \gamma(\text{shift} - 1)/2}$, which
/// [`value`](Activation::value) returns; at other variances no pointwise function has this dual, so finite
/// networks refuse it. The map of tangent kernels is
/// $\Theta \mapsto \gamma e^{\gamma(c + \text{shift})} \Theta$.
///
/// ```
/// use neural_limits::{PairCovariance, activation::{Dual, ExpNormalized}};
/// let k = PairCovariance::new(4.0, 1.0, 2.0)?;
/// assert_eq!(ExpNormalized::new(1.0, -1.0)?.dual(k)?.covariance(), 2.0);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpNormalized {
    gamma: f64,
    shift: f64,
}

impl ExpNormalized {
    /// Of $\gamma \ge 0$ and the shift (neural-tangents' default is 1, $-1$).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless $\gamma$ is finite and $\ge 0$ and the shift is
    /// finite.
    pub fn new(gamma: f64, shift: f64) -> Result<Self> {
        Ok(Self {
            gamma: error::non_negative("gamma", gamma)?,
            shift: error::finite("shift", shift)?,
        })
    }
}

impl Activation for ExpNormalized {
    fn name(&self) -> String {
        format!("exp-normalised({}, {})", self.gamma, self.shift)
    }

    fn value(&self, x: f64) -> f64 {
        (self.gamma.sqrt() * x + 0.5 * self.gamma * (self.shift - 1.0)).exp()
    }

    fn derivative(&self, x: f64) -> f64 {
        self.gamma.sqrt() * self.value(x)
    }

    fn is_pointwise(&self) -> bool {
        false
    }
}

impl ClosedForm for ExpNormalized {
    #[inline(always)]
    fn moment(&self, qa: f64, qb: f64, c: PairCorrelation) -> f64 {
        let scale = if qa == qb { qa } else { qa.sqrt() * qb.sqrt() };
        scale * (self.gamma * ((1.0 + self.shift) - c.one_minus())).exp()
    }

    #[inline(always)]
    fn derivative_moment(&self, _: f64, _: f64, c: PairCorrelation) -> f64 {
        self.gamma * (self.gamma * ((1.0 + self.shift) - c.one_minus())).exp()
    }

    fn complement(&self, _: f64, _: f64, c: PairCorrelation) -> f64 {
        -(-self.gamma * c.one_minus()).exp_m1()
    }
}

dual_from_closed_form!(ExpNormalized);
