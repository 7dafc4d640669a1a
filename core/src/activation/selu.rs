//! The scaled exponential linear unit.

use super::Activation;
use super::elementwise::vectorized_slices;
use super::price::{ExponentialLinear, dual_by_price};
use crate::numerics::exponential;

/// SELU, $\lambda$ times the [`Elu`](super::Elu) of parameter $\alpha$, with $\lambda = 1.0507\ldots$,
/// $\alpha = 1.6732\ldots$ such that mean 0 and variance 1 are a stable fixed point (G. Klambauer et al.
/// 2017, arXiv 1706.02515, equation 14).
///
/// The dual is an integral over the angle (Price's theorem) by Gauss's rule, with an error below 1e-14 of
/// $\sqrt{V_a V_b}$. (Closed forms through the bivariate normal distribution exist, but cancel for small and
/// overflow for large variances.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selu;

const LAMBDA: f64 = 1.050_700_987_355_480_5;
const ALPHA: f64 = 1.673_263_242_354_377_2;

/// Inlined into loops over slices.
impl Selu {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        LAMBDA
            * if x > 0.0 {
                x
            } else {
                ALPHA * exponential::exp_m1(x)
            }
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        LAMBDA
            * if x > 0.0 {
                1.0
            } else {
                ALPHA * exponential::exp(x)
            }
    }
}

impl Activation for Selu {
    fn name(&self) -> String {
        "SELU".to_owned()
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

dual_by_price!(Selu, pair_cost::EXPONENTIAL_LINEAR, |_| ExponentialLinear {
    right: LAMBDA,
    left: LAMBDA * ALPHA,
    scale: 1.0,
});
