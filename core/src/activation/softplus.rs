//! Softplus.

use super::Activation;
use super::elementwise::vectorized_slices;
use super::pair_form::dual_from_pair_form;
use crate::numerics::logistic::{log_one_plus_exp, logistic};

/// $\varphi(x) = \log(1 + e^x)$.
///
/// The dual is a double sum over the components of a Gaussian mixture (`activation/mixture`), a few
/// microseconds at any variances and correlation, with an error below 1e-15 of $\sqrt{V_a V_b}$ and below
/// 1e-13 in $1 - c^\prime$ (`tests/it/dual_oracle.rs` prints what is found).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Softplus;

/// Inlined into loops over slices.
impl Softplus {
    #[inline(always)]
    pub(super) fn at(self, x: f64) -> f64 {
        log_one_plus_exp(x)
    }

    #[inline(always)]
    pub(super) fn slope(self, x: f64) -> f64 {
        logistic(x)
    }
}

impl Activation for Softplus {
    fn name(&self) -> String {
        "softplus".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        self.at(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope(x)
    }

    vectorized_slices!();
}

dual_from_pair_form!(Softplus, pair_cost::MIXTURE);
