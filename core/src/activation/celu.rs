//! The continuously differentiable exponential linear unit.

use super::Activation;
use super::elementwise::vectorized_slices;
use super::price::{ExponentialLinear, dual_by_price};
use crate::numerics::exponential;
use crate::{Error, Result, error};

/// CELU, $\varphi(x) = x$ for $x > 0$ and $\alpha (e^{x/\alpha} - 1)$ otherwise (J. Barron 2017,
/// arXiv 1704.07483).
///
/// The dual is an integral over the angle (Price's theorem) by Gauss's rule, with an error below 1e-14 of
/// $\sqrt{V_a V_b}$. (Closed forms through the bivariate normal distribution exist, but cancel for small and
/// overflow for large variances.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Celu {
    alpha: f64,
}

impl Celu {
    /// Of $\alpha$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless it is finite and positive.
    pub fn new(alpha: f64) -> Result<Self> {
        if error::finite("alpha", alpha)? > 0.0 {
            Ok(Self { alpha })
        } else {
            Err(Error::invalid("alpha", alpha, "a finite number > 0"))
        }
    }
}

/// Inlined into loops over slices.
impl Celu {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        if x > 0.0 {
            x
        } else {
            self.alpha * exponential::exp_m1(x / self.alpha)
        }
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        if x > 0.0 {
            1.0
        } else {
            exponential::exp(x / self.alpha)
        }
    }
}

impl Activation for Celu {
    fn name(&self) -> String {
        format!("CELU({})", self.alpha)
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();

    fn kinks(&self) -> Vec<f64> {
        vec![0.0]
    }
}

dual_by_price!(Celu, pair_cost::EXPONENTIAL_LINEAR, |phi| {
    ExponentialLinear {
        right: 1.0,
        left: 1.0,
        scale: phi.alpha,
    }
});
