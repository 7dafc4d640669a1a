//! The exponential linear unit.

use super::Activation;
use super::elementwise::vectorized_slices;
use super::price::{ExponentialLinear, dual_by_price};
use crate::numerics::exponential;
use crate::{Result, error};

/// ELU, $\varphi(x) = x$ for $x > 0$ and $\alpha (e^x - 1)$ otherwise (D.-A. Clevert et al. 2015,
/// arXiv 1511.07289; kernels: R. Tsuchida et al. 2020, arXiv 2002.08517); [`Elu::default`] has $\alpha = 1$.
///
/// The dual is an integral over the angle (Price's theorem) by Gauss's rule, with an error below 1e-14 of
/// $\sqrt{V_a V_b}$. (Closed forms through the bivariate normal distribution exist, but cancel for small and
/// overflow for large variances.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elu {
    alpha: f64,
}

impl Elu {
    /// Of $\alpha$.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) unless it is finite.
    pub fn new(alpha: f64) -> Result<Self> {
        error::finite("alpha", alpha).map(|alpha| Self { alpha })
    }
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

/// Inlined into loops over slices.
impl Elu {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        if x > 0.0 {
            x
        } else {
            self.alpha * exponential::exp_m1(x)
        }
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        if x > 0.0 {
            1.0
        } else {
            self.alpha * exponential::exp(x)
        }
    }
}

impl Activation for Elu {
    fn name(&self) -> String {
        format!("ELU({})", self.alpha)
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

dual_by_price!(Elu, pair_cost::EXPONENTIAL_LINEAR, |phi| {
    ExponentialLinear {
        right: 1.0,
        left: phi.alpha,
        scale: 1.0,
    }
});
